"""The real settings, in a folder of their own beside the demo's; nothing is switched off.

Only the database backend differs: a query outside `accounts.unit` raises (tests/support/guarded).
"""

from __future__ import annotations

import os

from tests.support import memory

if "LICET_TESTING" not in os.environ:
    # Set once per run: workers of pytest-xdist and the servers' processes inherit it.
    os.environ["LICET_TESTING"] = "1"
    os.environ["LICET_VAR"] = str(memory.var())
    # A developer's shell may be set up for an installation, or for another project.
    for name in (
        "DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "STORAGE_URL", "STRIPE_API_BASE", "STRIPE_API_KEY",
        "STRIPE_WEBHOOK_SECRET", "EMAIL_URL", "SECRET_KEY", "PUBLIC_URL", "ALLOWED_HOSTS", "ISSUER_KEYS",
        "JOB_LEASE_SECONDS", "LOG_LEVEL", "LOG_JSON", "FROM_EMAIL",
    ):
        os.environ.pop(name, None)
    # Tests ask faster than people do, all from one address; the limits have a test of their own.
    os.environ["RATE_LIMITS"] = "read=1000000,write=1000000,money=1000000,anonymous=1000000"

from marketplace.settings import *  # noqa: F403 -- the environment above must be set first
from marketplace.settings import DATABASES

DATABASES["default"]["ENGINE"] = "tests.support.guarded"
