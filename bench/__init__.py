"""Benchmarks: each module with a function `run` is one; `python -m bench NAME [N]` runs it."""
