"""Builds licet-verify.pyz: `python -m client.verify.build OUT`. Same sources, same bytes."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).parent
STAMP = (1980, 1, 1, 0, 0, 0)
MAIN = b'''"""licet-verify in one file."""

import sys

try:
    from licet_verify.cli import main
except ImportError as error:
    print(f"licet-verify: {error}; it needs: pip install cryptography pyarrow", file=sys.stderr)
    sys.exit(2)
sys.exit(main())
'''


def build(target: Path) -> Path:
    """Write the zip application to `target`; its parent folder is made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    files = {"__main__.py": MAIN}
    files |= {f"licet_verify/{path.name}": path.read_bytes() for path in HERE.glob("*.py") if path.name != "build.py"}
    with target.open("wb") as file:
        file.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in sorted(files.items()):
                archive.writestr(zipfile.ZipInfo(name, STAMP), data, zipfile.ZIP_DEFLATED)
    target.chmod(0o755)
    return target


if __name__ == "__main__":
    print(build(Path(sys.argv[1])))
