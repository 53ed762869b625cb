"""licet-verify: checks a release folder or a certificate offline, with nothing of the server's code.

Built into one file, `licet-verify.pyz`, by `client/verify/build.py`. Formats: docs/reference/release.md.
"""
