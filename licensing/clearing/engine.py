"""A million works at once, with the same answers as `rules.decide` (docs/algorithms/clearing.md 5).

Runs inside the caller's transaction. `prepare` fits each distinct set of rights; `summarise` counts in one statement;
`store` writes the decisions by one INSERT..SELECT.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any

from django.db import connection

from licensing.clearing import control, offering, price, rules
from licensing.clearing import engine_sql as sql
from licensing.clearing import facts as f
from licensing.clearing.boxes import BEGINNING, Box
from licensing.kernel import territories
from licensing.rights.models import TermsVersion


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
    """What one run knows: the fits by number, and the parameters of every statement."""

    fits: list[rules.Fit]
    params: dict[str, Any]
    use: f.Use
    reduced: dict[int, tuple[f.Offer, ...]]
    sure: set[int]
    sets: str = "clr_sets"


def prepare(bundle_id: int, works: int, use: f.Use, at: datetime) -> Prepared:
    """Fit every distinct set of rights among the bundle's works; temporary tables carry the result to the next step."""
    params = _params(bundle_id, use, at)
    run = Prepared([], params, use, {}, set())
    with connection.cursor() as cursor:
        cursor.execute(sql.DROP)
        cursor.execute(sql.MEMORY)
        cursor.execute(sql.PARALLEL)
        below = _below(cursor, bundle_id)
        if works > sql.BIG:
            cursor.execute(sql.NO_LOOPS)
        _sets(cursor, run, works, list(below))
        for statement in (sql.ITEMS, sql.ITEM_CLASSES, sql.OFFERS, sql.OFFER_CLASSES, sql.OFFER_OF):
            cursor.execute(_on(run, statement), params)
        cursor.execute("ANALYZE clr_item, clr_item_class, clr_offer")
        cursor.execute(_on(run, sql.SIGNATURES))
        cursor.execute("ANALYZE clr_sig")
        cursor.execute(sql.REDUCED)
        _fit(cursor, run, at)
        cursor.execute(sql.OF)
        cursor.execute("ANALYZE clr_of")
        cursor.execute(_on(run, sql.CANDIDATES), params)
        cursor.execute("ANALYZE clr_cand")
        cursor.execute(sql.PRUNE, params)
        cursor.execute(sql.PAIRS)
        cursor.execute("ANALYZE clr_pair")
        cursor.execute(sql.READY, params)
        cursor.execute("ANALYZE clr_ready")
        cursor.execute(sql.PRICED, params)
        _price_by_rules(cursor, run)
        cursor.execute(sql.BAD)
        _mark_bad(cursor, run, below)
        cursor.execute("SELECT EXISTS (SELECT FROM clr_priced) OR EXISTS (SELECT FROM clr_bad)")
        params["several"] = cursor.fetchone()[0]
        if works > sql.BIG:
            cursor.execute(sql.NO_SORTS)
    return run


def summarise(run: Prepared) -> list[Group]:
    """Counts and money by fit, gates and outcome: one statement over one snapshot."""
    with connection.cursor() as cursor:
        cursor.execute(sql.MEASURED)
        measures = [name for name, used in zip(f.MEASURES, cursor.fetchone(), strict=True) if used]
        cursor.execute(sql.COUNT_SHARED)
        shared = cursor.fetchone()[0] <= sql.SHARED_ROWS
        if shared:
            cursor.execute(sql.SHARE)
            cursor.execute(sql.MERGE)
        cursor.execute(sql.summary(run.params["several"], shared, measures), run.params)
        rows = cursor.fetchall()
    low = (1 << sql.OUTCOME_SHIFT) - 1
    return [
        Group(fit, state & low, sql.OUTCOMES[state >> sql.OUTCOME_SHIFT], works, int(micro))
        for fit, state, works, micro in rows
    ]


def reasons_of(run: Prepared, group: Group) -> list[str]:
    """The reason codes of a group of refused works, gates first."""
    flags = group.gates & ~(sql.UNDERLYING_BIT | sql.PRICE_BIT)
    extra = ((sql.PRICE_BIT, "price_above_maximum"), (sql.UNDERLYING_BIT, "underlying_not_cleared"))
    gates = rules.gate_codes(flags, run.use) + [code for bit, code in extra if group.gates & bit]
    return [*sorted(gates), *sorted(run.fits[group.fit].reasons)]


def store(run: Prepared, clearance_id: int) -> list[tuple[str, list[str], int, int]]:
    """Write all decisions; returns (outcome, reasons, works, micro) as they are stored."""
    with connection.cursor() as cursor:
        cursor.execute(sql.STORE, {**run.params, "clearance": clearance_id})
        cursor.execute(sql.COUNTS, {"clearance": clearance_id})
        found = cursor.fetchall()
        cursor.execute(sql.LOOPS)
    return [(outcome, reasons, works, int(micro)) for outcome, reasons, works, micro in found]


def digest(clearance_id: int) -> str:
    """SHA-256 over all stored decisions in canonical order."""
    with connection.cursor() as cursor:
        cursor.execute(sql.HASH, {"clearance": clearance_id})
        value: str | None = cursor.fetchone()[0]
    return value or ""


def _params(bundle_id: int, use: f.Use, at: datetime) -> dict[str, Any]:
    return {
        "bundle": bundle_id,
        "at": at,
        "today": at.date(),
        "actions": use.box.actions,
        "territories": territories.to_bits(use.box.territories),
        "start": date.fromordinal(use.box.start),
        "end": date.fromordinal(use.box.end),
        "licensee": use.licensee,
        "licensee_id": use.licensee_id,
        "model_kind": use.model_kind,
        "outputs": use.outputs,
        "window_days": use.window_days,
        "retention_days": use.retention_days,
        "gates": use.gates,
        "max_price": use.max_price_micro,
    }


def _sets(cursor: Any, run: Prepared, works: int, below: list[int]) -> None:
    limit = 2 * works + 1
    cursor.execute(sql.COUNT_SETS, {"limit": limit})
    if works > sql.BIG and cursor.fetchone()[0] < limit:
        run.sets = sql.ALL_SETS
        return
    cursor.execute(sql.SETS, {**run.params, "below": below})
    cursor.execute("ANALYZE clr_sets")


def _on(run: Prepared, statement: str) -> str:
    """The statement over the table that holds this run's sets."""
    return statement.replace("clr_sets", run.sets)


def _fit(cursor: Any, run: Prepared, at: datetime) -> None:
    """Run the rules on each distinct reduced set and hand the answers back to SQL."""
    items = {row[0]: _item(row) for row in _rows(cursor, sql.READ_ITEMS, run.params)}
    offers = _offer_classes(cursor, run)
    reduced: list[tuple[list[int], list[int], int]] = _rows(cursor, sql.READ_REDUCED, {})
    over = cache(control.over)
    fits: list[tuple[Any, ...]] = []
    needs: list[tuple[Any, ...]] = []
    for number, (item_classes, offer_classes, known) in enumerate(reduced):
        here = tuple(offers[place] for place in offer_classes)
        found = rules.fit(_rights([items[place] for place in item_classes], here, known), run.use, at, over)
        run.fits.append(found)
        if rules.surely(found, here):
            run.sure.add(number)
        mode = _mode(found)
        fits.append((number, *_columns(found), mode))
        run.reduced[number] = here if mode == 2 else ()
        needs.extend(
            (number, order, need.root, need.share, offer_classes[place])
            for order, need in enumerate(found.needs)
            for place in need.candidates
        )
    cursor.execute(sql.FIT)
    cursor.execute(sql.NEED)
    _copy(cursor, "clr_fit", fits)
    _copy(cursor, "clr_need", needs)
    cursor.execute("ANALYZE clr_reduced, clr_fit, clr_need")
    cursor.execute(sql.FACTOR)
    multipliers = [text for (text,) in _rows(cursor, sql.MULTIPLIERS, run.params)]
    _copy(cursor, "clr_factor", [(text, *price.factor(json.loads(text), run.use)) for text in multipliers])


def _mode(found: rules.Fit) -> int:
    """0 nothing to price; 1 every need holds in the same regions, SQL chooses; 2 the rules price work by work."""
    if found.refused or not found.needs:
        return 0
    same = len({need.regions for need in found.needs}) == 1
    return 1 if same and not any(need.contested for need in found.needs) else 2


def _columns(found: rules.Fit) -> tuple[Any, ...]:
    assurance = "" if found.verified is None else "verified" if found.verified else "asserted"
    lists = (sorted(found.reasons), sorted(found.considered), list(found.notes))
    return (found.refused, found.kind, *lists, assurance, found.past)


def _rights(items: Sequence[tuple[str, Any]], offers: tuple[f.Offer, ...], known: int) -> f.Rights:
    of: dict[str, list[Any]] = {}
    for kind, value in items:
        of.setdefault(kind, []).append(value)
    return f.Rights(
        claims=tuple(of.get("claim", ())),
        withholds=tuple(of.get("withhold", ())),
        reserves=tuple(of.get("reserve", ())),
        encumbrances=tuple(of.get("encumbrance", ())),
        conflicts=tuple(of.get("conflict", ())),
        licences=tuple(of.get("licence", ())),
        status=next(iter(of.get("status", ())), None),
        offers=offers,
        known=known,
    )


def _item(row: Sequence[Any]) -> tuple[str, Any]:
    (_, kind, licensor, parent, ppm, actions, mask, unknown, empty, start, end, flags, word, until, members, yes) = row
    box = Box(actions, territories.from_bits(mask), start.toordinal(), BEGINNING if empty else end.toordinal())
    value: Any = box
    if kind == "claim":
        value = f.Claim(licensor, ppm, box, flags, parent, word)
    elif kind == "withhold":
        value = f.Withhold(box, bool(flags & 1))
    elif kind == "encumbrance":
        value = f.Encumbrance(box, bool(flags & 1), word, until)
    elif kind == "conflict":
        value = f.Conflict(box, tuple(members), tuple(place for place in yes if place >= 0))
    elif kind == "licence":
        value = f.Licence(box, licensor, flags)
    elif kind == "status":
        value = f.Status(box.territories, territories.from_bits(unknown), box.start, bool(flags & 1))
    return kind, value


def _offer_classes(cursor: Any, run: Prepared) -> dict[int, f.Offer]:
    """One offer per class, clipped as SQL clipped it; which version it was no longer matters."""
    cursor.execute("SELECT no, sample FROM clr_offer_class")
    samples: dict[int, int] = {sample: number for number, sample in cursor.fetchall()}
    use = run.use
    found = {}
    for version in TermsVersion.objects.select_related("terms").filter(pk__in=list(samples)).iterator(2000):
        offer = offering.of_version(version)
        found[samples[version.pk]] = replace(
            offer,
            key=samples[version.pk],
            actions=offer.actions & use.box.actions,
            territories=offer.territories & use.box.territories,
        )
    return found


def _price_by_rules(cursor: Any, run: Prepared) -> None:
    """Contested works, and works that need different offers for different cells: one by one, by the rules."""
    rows = _rows(cursor, _on(run, sql.BY_RULES), run.params)
    wanted = {version for row in rows for version in row[2]}
    versions = {v.pk: v for v in TermsVersion.objects.select_related("terms").filter(pk__in=wanted)} if wanted else {}
    classes = (
        dict(_rows(cursor, "SELECT id, no FROM clr_offer", {}))
        if rows
        else {}
    )
    offers = {key: offering.of_version(version) for key, version in versions.items()}
    priced = []
    for work, fit, keys, *measured in rows:
        here = [offers[key] for key in keys]
        names = [classes[key] for key in keys]
        needs = [_unclass(need, run.reduced[fit], names) for need in run.fits[fit].needs]
        measures = {name: value for name, value in zip(f.MEASURES, measured, strict=True) if value is not None}
        choice = price.choose(needs, here, measures, run.use)
        chosen = sorted({(need.root, need.share, pick) for need, pick in zip(needs, choice.picks, strict=True)})
        manual = _manual(here[pick] for pick in choice.picks)
        columns = (
            [root for root, _, _ in chosen],
            [share for _, share, _ in chosen],
            [keys[pick] for *_, pick in chosen],
        )
        priced.append((work, choice.price, manual, *columns))
    _copy(cursor, "clr_priced", priced)
    cursor.execute("ANALYZE clr_priced")


def _manual(offers: Iterable[f.Offer]) -> int:
    """Bit 0: somebody must approve; bit 1: an offer not made to the licensee by name; bit 2: no release of the past."""
    bits = 0
    for offer in offers:
        bits |= int(offer.manual) | (offer.audience != "named") << 1 | (offer.released is None) << 2
    return bits


def _unclass(need: price.Need, reduced: Sequence[f.Offer], names: Sequence[int]) -> price.Need:
    """Turn classes of offers back into the places of the versions a set really has."""
    wanted = {reduced[place].key for place in need.candidates}
    return replace(need, candidates=tuple(place for place, name in enumerate(names) if name in wanted))


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
    if not below:
        return
    cursor.execute(
        """SELECT w.work_id, w.flags, r.fit
           FROM licensing_workclear w JOIN clr_ready r ON r.termset = w.termset_id WHERE w.work_id = ANY(%s)""",
        [list(below)],
    )
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


