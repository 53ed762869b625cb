"""Readers: one file per format, all yielding the common record. `reading.read(path)` chooses."""
