"""What a run tells people at its end: which works were not cleared and why, and what was proven."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from marketplace.demo.client import Client

SHOWN = 20
TITLE_WIDTH = 32


def refusals(developer: Client, clearance: str) -> Iterator[str]:
    """One line for every work that was not cleared, at most `SHOWN`, with the reason in words."""
    page = developer.get(f"/v1/clearances/{clearance}/decisions", outcome="needs_approval,refused", limit="100")
    rows = page["data"]
    if not rows:
        return
    texts = {row["code"]: row["en"] for row in developer.get("/v1/reasons")["data"]}
    asked = [row["work"] for row in rows[:SHOWN]]
    works = {work["id"]: work for work in developer.post("/v1/works:batch_get", {"ids": asked})["data"]}
    for row in rows[:SHOWN]:
        yield _line(works[row["work"]], row, texts)
    if len(rows) > SHOWN or page["next_cursor"]:
        yield f"... and more: GET /v1/clearances/{clearance}/decisions?outcome=refused"


def _line(work: Mapping[str, Any], decision: Mapping[str, Any], texts: Mapping[str, str]) -> str:
    title = work["title"] if len(work["title"]) <= TITLE_WIDTH else f"{work['title'][: TITLE_WIDTH - 1]}…"
    why = "; ".join(f"{code}: {texts[code]}" for code in decision["reasons"])
    outcome = decision["outcome"].replace("_", " ")
    return f"{work['own_id'] or work['id']:<14} {outcome:<14} {title}  ({why})"


def summary(found: Mapping[str, Any]) -> Sequence[str]:
    """The summary in words, one line a subject."""
    decided = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in found["decisions"].items())
    reasons = ", ".join(f"{code} {number}" for code, number in sorted(found["reasons"].items()))
    whole, cents = divmod(found["quote_total_minor"], 100)
    yes = {True: "verified", False: "NOT VERIFIED"}
    return [
        f"works         {found['works']}: {decided}",
        f"reasons       {reasons or 'none'}",
        f"quote         {whole}.{cents:02d} USD, payment {found['payment_status']}",
        f"licence       certificate {yes[found['grant_verified']]}",
        f"data          {found['release_rows']} rows, {yes[found['release_verified']]} offline",
        f"allocation    off by {found['allocation_difference_micro']} micro",
        f"ledger        off by {found['ledger_imbalance']}",
        f"statements    off by {found['statement_difference']}",
        f"time          {found['seconds']} s",
    ]
