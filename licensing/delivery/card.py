"""README.md of a release: a Hugging Face dataset card, at most 256 KiB for any grant. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from licensing.delivery import facts as facts_of
from licensing.delivery.facts import Attribution, ReleaseFacts

LIMIT: Final = 256 * 1024
_LONGEST: Final = 400
_CELL: Final = 100
_ROWS: Final = 50
_MARKUP: Final = re.compile(r"[\\|\[\]`]")


def build(facts: ReleaseFacts, attributions: Sequence[Attribution]) -> bytes:
    """The card in UTF-8; `attributions` are the first (at most 100) lines of attribution.csv."""
    counts = facts_of.counts(facts)
    lines = [*_front(facts, counts), "", f"# {_line(facts.name)}", "", _line(facts.description), ""]
    if not facts.livemode:
        lines += ["**Test data. This licence was made in test mode and permits nothing.**", ""]
    lines += [
        f"- Release {facts.number} of grant `{facts.grant_id}`, version {facts.grant_version} ({facts.kind})",
        f"- Licensee: {_line(facts.licensee.name)}",
        f"- Rows: {sum(shard.rows for shard in facts.shards)}, shards: {len(facts.shards)}",
        f"- Licensed for: {', '.join(sorted(facts.actions))}",
        "- The order of the rows is not shuffled: it follows organisation, catalogue and a hash of the work.",
        "- Check it offline: `python licet-verify.pyz . --trust TRUST.json`",
        "- Delivered copies cannot be recalled; withdrawn works are listed in `rights/tombstones.jsonl`.",
    ]
    for name, values in counts.items():
        lines += ["", f"## Documents by {name}", "", f"| {name} | documents |", "|---|---:|", *_table(values)]
    lines += ["", "## Attribution", "", "Every line: `rights/attribution.csv`."]
    lines += ["", *(f"- {_line(item.text)}" for item in attributions), ""]
    return "\n".join(lines).encode()


def _front(facts: ReleaseFacts, counts: dict[str, dict[str, int]]) -> list[str]:
    """YAML with JSON strings, which YAML reads: no text of a catalogue can leave its place."""
    languages = [tag for tag in counts["language"] if tag != "und"][:_ROWS]
    front = ["---", "license: other", "license_name: licet-grant", f"license_link: {json.dumps(facts.url)}"]
    if languages:
        front += ["language:", *(f"- {json.dumps(_line(tag, _CELL))}" for tag in languages)]
    if facts.shards:
        front += ["configs:", "- config_name: default", "  data_files: data/*.parquet"]
    return [*front, f"pretty_name: {json.dumps(_line(facts.name))}", "---"]


def _table(values: dict[str, int]) -> list[str]:
    largest = sorted(values.items(), key=lambda item: (-item[1], item[0]))
    lines = [f"| {_line(value, _CELL)} | {number} |" for value, number in largest[:_ROWS]]
    rest = sum(number for _, number in largest[_ROWS:])
    return [*lines, f"| {len(largest) - _ROWS} others | {rest} |"] if rest else lines


def _line(text: str, longest: int = _LONGEST) -> str:
    """One line of Markdown, at most `longest` characters of text: no line breaks, tables, tags, links or pictures."""
    flat = " ".join(text.split())
    cut = flat if len(flat) <= longest else flat[: longest - 1] + "…"
    return _MARKUP.sub(r"\\\g<0>", cut).replace("<", "&lt;")
