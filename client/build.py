"""`make client`: builds what licensees run into dist/."""

from __future__ import annotations

from pathlib import Path

from client.verify.build import build

if __name__ == "__main__":
    print(build(Path("dist") / "licet-verify.pyz"))
