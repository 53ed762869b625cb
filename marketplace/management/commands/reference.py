"""`manage.py reference [--check]`: write docs/reference, or say where it is not what the code says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from marketplace.reference import documents

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "reference"


class Command(BaseCommand):
    """Works without a database."""

    help = "Write docs/reference from the code; --check compares and names the first difference."

    def add_arguments(self, parser: CommandParser) -> None:
        """Options."""
        parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when one is not up to date")
        parser.add_argument("--only", choices=documents.ALL, help="only this document")
        parser.add_argument("--folder", type=Path, default=FOLDER, metavar="DIR", help="instead of docs/reference")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write or compare each document."""
        folder = Path(options["folder"])
        names = [options["only"]] if options["only"] else list(documents.ALL)
        wrong = [said for name in names if (said := self._one(folder / name, documents.ALL[name](), options["check"]))]
        if wrong:
            raise CommandError("\n".join([*wrong, "Run `make reference` and commit what it wrote."]))

    def _one(self, path: Path, made: str, check: bool) -> str:
        """What is wrong with one document, or "" once it is as it should be."""
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made, encoding="utf-8")
            return ""
        if not path.exists():
            return f"{path.name} is missing."
        difference = documents.first_difference(made, path.read_text(encoding="utf-8"))
        if difference is None:
            return ""
        line, new, old = difference
        return f"{path.name}:{line} differs: the code says {new!r}, the document {old!r}."
