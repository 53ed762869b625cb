"""`python -m client.verify DIR`: the same as licet-verify.pyz."""

from __future__ import annotations

import sys

from .cli import main

sys.exit(main())
