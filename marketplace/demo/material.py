"""What the demo works on: the catalogues of this project, or the user's own files with default rights."""

from __future__ import annotations

import copy
import datetime as dt
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[2]
OWN = CHECKOUT / "demo"
FORMATS = {".xml": "onix", ".csv": "csv", ".jsonl": "jsonl"}


class MaterialError(Exception):
    """Why there is nothing to work on: one sentence."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """One rights holder: what it states (rights.json), its catalogue files and its content folder."""

    rights: Mapping[str, Any]
    files: tuple[Path, ...]
    content: Path

    @property
    def slug(self) -> str:
        """The organisation's short name."""
        return str(self.rights["organisation"]["slug"])

    def archive(self) -> bytes:
        """The content files as one zip; the same files make the same bytes."""
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(self.content.glob("*.txt")):
                archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)
        return out.getvalue()


@dataclass(frozen=True, slots=True)
class Material:
    """Publishers, the developer, the operator and the use asked for."""

    publishers: tuple[Publisher, ...]
    developer: Mapping[str, Any]
    operator: Mapping[str, Any]
    use: Mapping[str, Any]


def load(folder: Path | None) -> Material:
    """The project's own demo, or the files of `folder`. Raises MaterialError."""
    developer, operator = _json(OWN / "developer.json"), _json(OWN / "operator.json")
    if folder is None:
        publishers = tuple(_publisher(place) for place in sorted(OWN.iterdir()) if (place / "rights.json").is_file())
        return Material(publishers, developer, operator, dated(_json(OWN / "use.json")))
    if not folder.is_dir():
        raise MaterialError(f"{folder} is not a folder: FROM takes a folder with catalogue and content files.")
    files = tuple(path for path in sorted(folder.iterdir()) if path.suffix.lower() in FORMATS and path.is_file())
    if not files:
        raise MaterialError(f"{folder} holds no catalogue: put *.xml (ONIX), *.csv or *.jsonl files into it.")
    defaults = dict(_json(OWN / "defaults.json"))
    use = dated(defaults.pop("use"))
    return Material((Publisher(defaults, files, folder),), developer, operator, use)


def dated(use: Mapping[str, Any]) -> dict[str, Any]:
    """A use whose training window begins today: `@today` and `@today+365d` become dates."""
    made = copy.deepcopy(dict(use))
    today = dt.datetime.now(dt.UTC).date()
    window = made["training_window"]
    for end, text in window.items():
        if isinstance(text, str) and text.startswith("@today"):
            days = int(text.removeprefix("@today").strip("+d") or 0)
            window[end] = (today + dt.timedelta(days=days)).isoformat()
    return made


def _publisher(place: Path) -> Publisher:
    rights = _json(place / "rights.json")
    catalogue = rights["catalogue"]
    return Publisher(rights, (place / catalogue["file"],), place / catalogue["content"])


def _json(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found
