#!/usr/bin/env python3
"""Django's entry. Without DATABASE_URL it runs PostgreSQL and Redis itself, as long as the command lasts."""

from __future__ import annotations

import os
import sys

try:
    from marketplace import bootstrap
except ModuleNotFoundError as error:  # a bare checkout: nothing is installed yet
    sys.exit(f"{error.name} is not installed in {sys.executable}: run `make setup`, then .venv/bin/python manage.py.")


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "marketplace.settings")
    bootstrap.run(sys.argv)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
