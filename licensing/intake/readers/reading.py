"""The one way in: a path to an uploaded file -> a Reading of its records."""

from __future__ import annotations

from pathlib import Path

from licensing.intake import sniff
from licensing.intake.readers import delimited, jsonl, onix
from licensing.intake.readers.outcomes import Reading


def read(path: str | Path, *, format_name: str = "auto") -> Reading:
    """Open an uploaded file for reading, whatever its format (`auto`, or one of sniff.FORMATS).

    The Reading yields one Outcome per input record, in order, in constant memory; it can be iterated once. Raises
    accounts.errors.Refused("file_refused") here or while iterating when the file must be refused whole: empty,
    truncated or malformed XML, entities, no records, unknown format. Needs no Django and no clock, so it can run in
    a child process.
    """
    place = Path(path)
    found = sniff.sniff(place, format_name=format_name)
    readers = {"onix": onix.read, "csv": delimited.read, "jsonl": jsonl.read}
    return readers[found.format](place, found.encoding, list(found.issues))
