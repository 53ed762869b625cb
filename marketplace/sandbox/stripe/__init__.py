"""A local stand-in for Stripe's HTTP API: a separate process with its own state and its own truth log.

It knows nothing of Licet and imports nothing of it; what keeps it honest are the contract tests beside it.
"""
