"""Import n records of CSV and of ONIX 3: every record validated in its child, outcomes stored, committed.

Gate: every record comes in once as a work, exactly the planted wrong ISBNs are told, and the same file again changes
nothing. Limit: lxml's iterparse alone over the same ONIX file. Peer: django-oscar's CSV importer, not installed here.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lxml import etree

from accounts import services as accounts
from accounts.unit import system
from bench import feeds, harness
from licensing.catalogue import services as catalogues
from licensing.catalogue.models import Catalogue
from licensing.intake import services
from licensing.intake.models import Import

TARGET = 3_000
MEMORY = 300
"""MB of the child that reads."""
ACTOR = system()
AT = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
KINDS: Mapping[str, Callable[[Path, int], None]] = {"csv": feeds.table, "onix": feeds.onix}


def run(n: int = 100_000) -> list[dict[str, Any]]:
    """Rows of the table: measure, ours, against, value, ratio, target, holds, machine, at."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, make in KINDS.items():
            small, large = Path(folder) / f"small.{kind}", Path(folder) / f"large.{kind}"
            make(small, max(n // 10, 1))
            make(large, n)
            _imported(kind, small, max(n // 10, 1), again=True)
            before = _peak()
            found = _imported(kind, large, n)
            rows += _rows(kind, n, found, before, _peak(), large)
    return [*rows, harness.absent("intake, csv", "django-oscar 4.2", "not installed by this bench")]


def _imported(kind: str, path: Path, n: int, *, again: bool = False) -> dict[str, float]:
    """Seconds of each step for a file into a catalogue of its own; Broken when a record is not where it belongs.

    `again` also sends the same file once more.
    """
    catalogue = _catalogue(f"{kind}-{n}")
    made, receiving = _timed(lambda: _received(catalogue, path))
    found, validating = _timed(lambda: services.validate(import_id=made.name_id, actor=ACTOR, at=AT))
    done, committing = _timed(lambda: services.commit(record_import=found, actor=ACTOR, at=AT))
    wrong = -(-n // feeds.WRONG_EVERY)
    harness.gate(done.outcomes["new"] == n == done.records, f"{kind}: {done.outcomes} of {n} records")
    harness.gate(done.issues_by_code == {"identifier_invalid": wrong}, f"{kind}: {done.issues_by_code}")
    harness.gate(services.totals(catalogue, actor=ACTOR) == (n, n), f"{kind}: not one work for each record")
    if again:
        repeated = services.validate(import_id=_received(catalogue, path).name_id, actor=ACTOR, at=AT)
        harness.gate(repeated.outcomes["unchanged"] == n, f"{kind}: the same file again says {repeated.outcomes}")
    harness.progress(f"{kind}: {n:,} records, read {validating:.1f} s, committed {committing:.1f} s")
    return {"receive": receiving, "validate": validating, "commit": committing}


def _rows(
    kind: str, n: int, found: Mapping[str, float], small: float, large: float, path: Path
) -> list[dict[str, Any]]:
    total = sum(found.values())
    rate = n / total
    steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in found.items())
    against, ratio = "", None
    if kind == "onix":
        limit = n / _timed(lambda: _iterparse(path))[1]
        against, ratio = f"lxml iterparse alone: {limit:,.0f} records/s", rate / limit
    return [
        harness.row(
            f"intake, {kind}, {n:,} records", f"{rate:,.0f} works/s ({steps})", against, round(rate), ratio,
            f">= {TARGET:,} works/s", rate >= TARGET,
        ),
        harness.row(
            f"memory of the reader, {kind}", f"{large:,.0f} MB (a tenth of it: {small:,.0f} MB)", "", round(large),
            None, f"<= {MEMORY} MB", large <= MEMORY,
        ),
    ]  # fmt: skip


def _catalogue(slug: str) -> Catalogue:
    organisation = accounts.register_organisation(
        name=slug, slug=slug, roles=["rights_holder"], actor=ACTOR, at=AT
    )
    return catalogues.create_catalogue(
        organisation=organisation, slug="list", name="List", role_of_sender="owner", declarations={}, actor=ACTOR, at=AT
    )


def _received(catalogue: Catalogue, path: Path) -> Import:
    with path.open("rb") as stream:
        return services.receive(
            catalogue=catalogue, filename=path.name, stream=stream, actor=ACTOR, at=AT, queued=False, afresh=True
        )


def _iterparse(path: Path) -> None:
    for _, element in etree.iterparse(path, tag="{*}Product"):
        element.clear()


def _peak() -> float:
    """MB of the largest child so far."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    value = call()
    return value, time.perf_counter() - started
