"""A million works at once, with the same answers as `rules.decide` (docs/algorithms/clearing.md 5).

Runs inside the caller's transaction. `prepare` fits each distinct set of rights; `summarise` counts in one statement;
`store` writes the decisions by one INSERT..SELECT.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.db import connection

from licensing.clearing import facts as f
from licensing.clearing import fitting, offering, price, rules, sets_sql, works_sql
from licensing.kernel import territories
from licensing.rights.models import TermsVersion

EPOCH = date(1970, 1, 1).toordinal()
UNLIMITED = 2**31 - 1
"""How the days of a set say that there is no limit (licet_termset_columns)."""


@dataclass(frozen=True, slots=True)
class Group:
    """Works that share fit, gates and outcome: how many, and the sum of their prices in micro."""

    fit: int
    gates: int
    outcome: str | None
    works: int
    price_micro: int


@dataclass(slots=True)
class Prepared:
    """What one run knows: the fits and reduced sets by number, and what its statements need.

    `sets`: the table of the sets; `few` of them: each worker may have all. `lists`: classes and versions of three
    offers and more, by number. `measures`: those that some offer has a price for. `several`: some works are priced one
    by one, or stand on one that fails.
    """

    params: dict[str, Any]
    use: f.Use
    big: bool
    sets: str = "clr_sets"
    few: bool = True
    lists: dict[int, tuple[list[int], list[int]]] = field(default_factory=dict)
    reduced: list[fitting.Reduced] = field(default_factory=list)
    fits: list[rules.Fit] = field(default_factory=list)
    sure: set[int] = field(default_factory=set)
    measures: tuple[str, ...] = ()
    several: bool = False

    def form(self, *, shared: bool = False) -> sets_sql.Form:
        """What the statements of this run are made of."""
        return sets_sql.Form(bool(self.lists), self.several, shared, self.measures)

    def on(self, statement: str) -> str:
        """The statement over the table that holds this run's sets."""
        return statement.replace("clr_sets", self.sets)


def prepare(bundle_id: int, works: int, use: f.Use, at: datetime) -> Prepared:
    """Fit every distinct set of rights among the bundle's works; temporary tables carry the result to the next step."""
    run = Prepared(_params(bundle_id, use, at), use, works > sets_sql.BIG)
    with connection.cursor() as cursor:
        cursor.execute(sets_sql.DROP)
        if run.big:  # starting a worker takes longer than clearing a small bundle, and the settings outlive the run
            cursor.execute(sets_sql.MEMORY)
            cursor.execute(sets_sql.PARALLEL)
        below = _below(cursor, bundle_id)
        if run.big:
            cursor.execute(sets_sql.NO_LOOPS)
        _sets(cursor, run, works, list(below))
        _tell_apart(cursor, run)
        _fit(cursor, run, at)
        _hand_back(cursor, run)
        run.several = run.several or bool(below)
        if run.several:
            _price_singly(cursor, run)
            _mark_bad(cursor, run, below)
        if run.big:
            cursor.execute(sets_sql.NO_SORTS)
    return run


def summarise(run: Prepared) -> list[Group]:
    """Counts and money by fit, gates and outcome: one statement over one snapshot."""
    with connection.cursor() as cursor:
        shared = _share(cursor, run, "clr_ready", *(("clr_priced", "clr_bad") if run.several else ()))
        if shared:
            cursor.execute(works_sql.FEW if run.few else works_sql.MANY)
        cursor.execute(run.on(works_sql.summary(run.form(shared=shared))), run.params)
        rows = cursor.fetchall()
    low = (1 << works_sql.OUTCOME_SHIFT) - 1
    return [
        Group(fit, state & low, works_sql.OUTCOMES[state >> works_sql.OUTCOME_SHIFT], works, int(micro))
        for fit, state, works, micro in rows
    ]


def reasons_of(run: Prepared, group: Group) -> list[str]:
    """The reason codes of a group of refused works, gates first."""
    underlying, dear = works_sql.UNDERLYING_BIT, works_sql.PRICE_BIT
    extra = ((dear, "price_above_maximum"), (underlying, "underlying_not_cleared"))
    gates = rules.gate_codes(group.gates & ~(underlying | dear), run.use)
    gates += [code for bit, code in extra if group.gates & bit]
    return [*sorted(gates), *sorted(run.fits[group.fit].reasons)]


def store(run: Prepared, clearance_id: int) -> list[tuple[str, list[str], int, int]]:
    """Write all decisions; returns (outcome, reasons, works, micro) as they are stored."""
    with connection.cursor() as cursor:
        cursor.execute(works_sql.FIT)
        _copy(cursor, "clr_fit", ((number, *_columns(found)) for number, found in enumerate(run.fits)))
        cursor.execute("ANALYZE clr_fit")
        cursor.execute(run.on(works_sql.store(run.form())), {**run.params, "clearance": clearance_id})
        cursor.execute(works_sql.COUNTS, {"clearance": clearance_id})
        found = cursor.fetchall()
        cursor.execute(sets_sql.LOOPS)
    return [(outcome, reasons, works, int(micro)) for outcome, reasons, works, micro in found]


def digest(clearance_id: int) -> str:
    """SHA-256 over all stored decisions in canonical order."""
    with connection.cursor() as cursor:
        cursor.execute(works_sql.HASH, {"clearance": clearance_id})
        value: str | None = cursor.fetchone()[0]
    return value or ""


def _params(bundle_id: int, use: f.Use, at: datetime) -> dict[str, Any]:
    return {
        "bundle": bundle_id,
        "at": at,
        "today_no": _number(at.date().toordinal()),
        "actions": use.box.actions,
        "territories": territories.to_bits(use.box.territories),
        "start": date.fromordinal(use.box.start),
        "end": date.fromordinal(use.box.end),
        "start_no": _number(use.box.start),
        "end_no": _number(use.box.end),
        "licensee": use.licensee,
        "licensee_id": use.licensee_id,
        "model_kind": use.model_kind,
        "outputs": use.outputs,
        "window_days": use.window_days,
        "retention_no": UNLIMITED if use.retention_days is None else use.retention_days,
        "gates": use.gates,
        "max_price": use.max_price_micro,
    }


def _number(ordinal: int) -> int:
    """A day as the days of a set are written: counted from 1970."""
    return ordinal - EPOCH


def _sets(cursor: Any, run: Prepared, works: int, below: list[int]) -> None:
    limit = 2 * works + 1
    number = _rows(cursor, sets_sql.COUNT_SETS, {"limit": limit})[0][0] if run.big else limit
    if number < limit:
        run.sets = sets_sql.ALL_SETS
    else:
        cursor.execute(sets_sql.SETS, {**run.params, "below": below})
        number = cursor.rowcount
        cursor.execute("ANALYZE clr_sets")
    run.few = number <= sets_sql.SHARED_ROWS


def _tell_apart(cursor: Any, run: Prepared) -> None:
    """Number the lists of rights and the shapes of offers that the sets are made of."""
    cursor.execute(run.on(sets_sql.ITEMSETS))
    cursor.execute(run.on(sets_sql.SPOKEN))
    cursor.execute("ANALYZE clr_itemset, clr_spoken")
    cursor.execute(sets_sql.LOOPS)  # a few out of many, mostly
    for statement in (sets_sql.ITEMS, sets_sql.RIGHTS, sets_sql.SHAPES):
        cursor.execute(statement, run.params)
    if run.big:
        cursor.execute(sets_sql.NO_LOOPS)
    cursor.execute(run.on(sets_sql.LONG), run.params)
    cursor.execute("ANALYZE clr_item, clr_rights, clr_shape, clr_long")
    run.lists = {no: (names, keys) for no, names, keys in _rows(cursor, run.on(sets_sql.READ_LONG), run.params)}


def _share(cursor: Any, run: Prepared, *more: str) -> bool:
    """Hand the prepared rows to the workers of parallel plans, where these are worth it and the rows are not many."""
    tables = ("clr_rights", "clr_shape", *(("clr_long",) if run.lists else ()), *more)
    if not run.big or _rows(cursor, sets_sql.count(tables), {})[0][0] > sets_sql.SHARED_ROWS:
        return False
    cursor.execute(sets_sql.share(tables))
    return True


def _fit(cursor: Any, run: Prepared, at: datetime) -> None:
    """Run the rules on what is left of the sets for this use."""
    items = {row[0]: fitting.item(row) for row in _rows(cursor, sets_sql.READ_ITEMS, run.params)}
    rights = _rows(cursor, sets_sql.READ_RIGHTS, {})
    rows = _rows(cursor, run.on(sets_sql.reduced(run.form(shared=_share(cursor, run)))), run.params)
    listed = {row[2]: run.lists.get(row[2]) or (fitting.classes(row[2]), row[4:]) for row in rows}
    samples = {name: key for told in listed.values() for name, key in zip(*told, strict=False)}
    versions = _offers(samples.values())
    fitter = fitting.Fitter(run.use, at, run.fits, run.sure)
    offers = {name: fitter.of_class(name, versions[key]) for name, key in samples.items()}
    lists = {number: fitter.listed([items[item] for item in here]) for number, here in rights}
    nothing = fitter.listed([])
    for number, (of, known, offered, dearest, *_) in enumerate(rows):
        own = [offers[name] for name in listed[offered][0]]
        fit, seen = fitter.fit(lists.get(of, nothing), known, own)
        run.reduced.append(fitting.Reduced(number, (of, known, offered), own, seen, dearest, fit, run.fits[fit]))


def _hand_back(cursor: Any, run: Prepared) -> None:
    """Tell SQL what the rules said."""
    cursor.execute(sets_sql.READY)
    cursor.execute(sets_sql.NEED)
    _copy(cursor, "clr_ready", (one.ready() for one in run.reduced))
    _copy(cursor, "clr_need", (row for one in run.reduced if one.mode == sets_sql.SEVERAL for row in one.needs()))
    cursor.execute("ANALYZE clr_ready, clr_need")
    run.several = any(one.mode in (sets_sql.SEVERAL, sets_sql.BY_RULES) for one in run.reduced)
    needed = {one.offer.price.needs for row in run.reduced if row.mode == sets_sql.PAIR for one in row.offers}
    run.measures = tuple(
        name for place, name in enumerate(f.MEASURES) if any(need > 0 and need >> place & 1 for need in needed)
    )


def _columns(found: rules.Fit) -> tuple[Any, ...]:
    assurance = "" if found.verified is None else "verified" if found.verified else "asserted"
    lists = (sorted(found.reasons), sorted(found.considered), list(found.notes))
    return (found.kind, *lists, assurance)


def _offers(keys: Iterable[int]) -> dict[int, f.Offer]:
    """Terms versions as the rules see them, by id."""
    found = TermsVersion.objects.select_related("terms").in_bulk(set(keys))
    return {key: offering.of_version(version) for key, version in found.items()}


def _price_singly(cursor: Any, run: Prepared) -> None:
    """Works with several shares or many offers, in SQL; contested works, and those that need different offers for
    different cells, by the rules.
    """
    cursor.execute(run.on(works_sql.candidates(run.form())), run.params)
    cursor.execute("ANALYZE clr_cand")
    cursor.execute(works_sql.PRICED, run.params)
    rows = _rows(cursor, run.on(works_sql.by_rules(run.form())), run.params)
    offers = _offers(version for row in rows for version in row[2])
    priced = []
    for work, number, keys, *measured in rows:
        one = run.reduced[number]
        here = [offers[key] for key in keys]
        needs = [replace(need, candidates=tuple(sorted(one.places(need)))) for need in one.found.needs]
        measures = {name: value for name, value in zip(f.MEASURES, measured, strict=True) if value is not None}
        choice = price.choose(needs, here, measures, run.use)
        chosen = sorted({(need.root, need.share, pick) for need, pick in zip(needs, choice.picks, strict=True)})
        roots, shares, picks = (list(column) for column in zip(*chosen, strict=True))
        manual = fitting.manual(here[pick] for pick in choice.picks)
        priced.append((work, choice.price, manual, roots, shares, [keys[pick] for pick in picks]))
    _copy(cursor, "clr_priced", priced)
    cursor.execute("ANALYZE clr_priced")


def _below(cursor: Any, bundle_id: int) -> dict[int, set[int]]:
    """Works whose underlying works must clear -> these, for the bundle and everything below it."""
    cursor.execute(
        f"""
        WITH RECURSIVE down(work_id, of_id) AS (
          SELECT r.work_id, r.of_id FROM licensing_bundlework b
          JOIN licensing_workclear w ON w.work_id = b.work_id AND w.flags & {f.UNDERLYING} <> 0
          JOIN licensing_workrelation r ON r.work_id = w.work_id
            AND r.kind IN ('translation_of', 'adaptation_of', 'edition_of')
          WHERE b.bundle_id = %s
          UNION
          SELECT r.work_id, r.of_id FROM down d
          JOIN licensing_workclear w ON w.work_id = d.of_id AND w.flags & {f.UNDERLYING} <> 0
          JOIN licensing_workrelation r ON r.work_id = w.work_id
            AND r.kind IN ('translation_of', 'adaptation_of', 'edition_of')
        ) SELECT work_id, of_id FROM down
        """,
        [bundle_id],
    )
    found: dict[int, set[int]] = {}
    for work, of in cursor.fetchall():
        found.setdefault(work, set()).add(of)
        found.setdefault(of, set())
    return found


def _mark_bad(cursor: Any, run: Prepared, below: dict[int, set[int]]) -> None:
    """Write down the works that stand on one that does not clear. Circles never clear: they are never proven good."""
    cursor.execute(sets_sql.BAD)
    if not below:
        return
    cursor.execute(run.on(sets_sql.fits_of(run.form())), {**run.params, "works": list(below)})
    alone, needs_more = set(), set()
    for work, flags, fit in cursor.fetchall():
        if fit in run.sure and not rules.gate_codes(flags, run.use):
            alone.add(work)
        if flags & f.UNDERLYING and not run.fits[fit].includes:
            needs_more.add(work)
    good = {work for work in alone if work not in needs_more}
    grown = True
    while grown:
        more = {work for work in alone - good if below[work] and below[work] <= good}
        good |= more
        grown = bool(more)
    _copy(cursor, "clr_bad", [(work,) for work in needs_more if not (below[work] and below[work] <= good)])


def _rows(cursor: Any, statement: str, params: dict[str, Any]) -> list[tuple[Any, ...]]:
    cursor.execute(statement, params)
    found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def _copy(cursor: Any, table: str, rows: Iterable[Sequence[Any]]) -> None:
    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def sample(clearance_id: int, size: int) -> Iterator[tuple[Any, ...]]:
    """A random sample of stored decisions, for the check."""
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT work_id, outcome, kind, reasons, considered, notes, price_micro, assurance, claims, versions
               FROM licensing_decision WHERE clearance_id = %s
               ORDER BY hashint8extended(work_id, %s) LIMIT %s""",
            [clearance_id, clearance_id, size],
        )
        yield from cursor.fetchall()


