"""Where randomness enters an id: the kernel stays pure, everybody else asks here."""

from __future__ import annotations

import os
from datetime import datetime
from uuid import UUID

from licensing.kernel import ids


def fresh(at: datetime) -> UUID:
    """A new UUIDv7 (RFC 9562, 5.7) whose time part is `at`."""
    return ids.uuid7(at, os.urandom(10))
