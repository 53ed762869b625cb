"""Declare a use, select a bundle, clear it, explain a decision. Approvals have a file of their own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection
from psycopg import IsolationLevel

from accounts import audit, states
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.models import Organisation
from accounts.unit import Actor, system, unfenced, unit
from licensing.catalogue import refs
from licensing.catalogue.models import Work
from licensing.clearing import approvals, engine, loading, premises, profiles, queries, rules
from licensing.clearing import facts as f
from licensing.clearing.models import Bundle, BundleWork, Clearance, ClearanceFit, Decision, UseProfile
from licensing.events import services as events
from licensing.jobs import held
from licensing.jobs import services as jobs
from licensing.jobs.models import Job
from licensing.kernel import digests, money

SAMPLE = 100
INLINE = 1_000
"""Bundles with fewer works are decided while the caller waits, others by a job."""
DECIDE = "clearing.decide"
"""The kind of that job."""
COUNTED = ("cleared", "needs_approval", "refused")


class EngineDisagrees(RuntimeError):
    """The engine and the reference gave two answers for one work: nothing is stored, somebody must look."""


def create_use(
    *, organisation: Organisation, body: Mapping[str, Any], title: str, actor: Actor, at: datetime
) -> UseProfile:
    """Store a use profile; `body` as in docs/algorithms/clearing.md 6. Raises Refused("use_invalid")."""
    complete = profiles.complete(body, at)
    with unit(actor):
        made = UseProfile.objects.create(
            public_id=fresh(at), created_at=at, organisation=organisation, livemode=actor.livemode, title=title,
            body=complete, sha256=digests.of_json(complete),
        )  # fmt: skip
        audit.record(
            actor=actor, act="use.created", subject=made.name_id, at=at, after={"sha256": made.sha256},
            organisation_id=organisation.pk,
        )  # fmt: skip
    return made


def create_bundle(
    *, organisation: Organisation, title: str, actor: Actor, at: datetime, query: Mapping[str, Any] | None = None,
    ids: Sequence[str] | None = None,
) -> Bundle:  # fmt: skip
    """Select works by `query` (organisation, catalogue, language, form, q) or by `ids` of any kind, resolved now.

    Unknown and repeated ids are counted, not refused. Raises Refused("bundle_invalid").
    """
    if (query is None) == (ids is None):
        reason = Reason("bundle_invalid", "Send a query or ids, one of them.", "/query")
        raise Refused("bundle_invalid", "A bundle is a query or a list.", [reason])
    problems = [found for name, value in (query or {}).items() if (found := _misread(name, value)) is not None]
    if problems:
        raise Refused("bundle_invalid", "The query cannot be read.", problems)
    with unit(actor):
        bundle = Bundle.objects.create(
            public_id=fresh(at), created_at=at, organisation=organisation, livemode=actor.livemode, title=title,
            query=None if query is None else dict(query),
        )  # fmt: skip
        if ids is not None:
            _list_works(bundle, ids, actor)
        else:
            bundle.works_count = queries.select(bundle.pk, query or {}, actor=actor)
        bundle.save(update_fields=["works_count", "unknown_ids", "duplicate_ids"])
        audit.record(
            actor=actor, act="bundle.created", subject=bundle.name_id, at=at, after={"works": bundle.works_count},
            organisation_id=organisation.pk,
        )  # fmt: skip
    return bundle


def _misread(name: str, value: object) -> Reason | None:
    """What is wrong with one filter of a query."""
    if name not in queries.FILTERS:
        known = ", ".join(queries.FILTERS)
        return Reason("bundle_invalid", "Unknown filter.", f"/query/{name}", name, known)
    several = name == "catalogues"
    texts = value if several and isinstance(value, list) else [value]
    if several != isinstance(value, list) or not all(isinstance(text, str) and "\x00" not in text for text in texts):
        expected = "a list of texts" if several else "a text"
        return Reason("bundle_invalid", "Wrong kind of value.", f"/query/{name}", str(value)[:60], expected)
    return None


def _list_works(bundle: Bundle, ids: Sequence[str], actor: Actor) -> None:
    found = refs.works(ids, actor=actor)
    own: dict[int, str] = {}
    for ref in ids:
        if ref in found:
            own.setdefault(found[ref].pk, ref)
    bundle.unknown_ids = sorted({ref[:200] for ref in ids if ref not in found})
    bundle.works_count = len(own)
    bundle.duplicate_ids = sum(1 for ref in ids if ref in found) - len(own)
    BundleWork.objects.bulk_create(
        [BundleWork(bundle=bundle, work_id=work, own_ref=ref[:200]) for work, ref in sorted(own.items())],
        batch_size=5000
    )


def clear(*, use: UseProfile, bundle: Bundle, currency: str, actor: Actor, at: datetime) -> Clearance:
    """Decide every work of the bundle for the use and store it all: outcome, reasons, price, hash.

    Raises Refused("currency_unknown"), Refused("not_found") for somebody else's use or bundle, EngineDisagrees.
    """
    with _snapshot(), unit(actor):
        clearance = _open(use, bundle, currency, at)
        _decide(clearance, actor, at)
    return clearance


def start(*, use: UseProfile, bundle: Bundle, currency: str, actor: Actor, at: datetime) -> tuple[Clearance, Job]:
    """Write the clearance down and leave deciding it to a job. Raises as `clear` does."""
    with unit(actor):
        clearance = _open(use, bundle, currency, at)
        job = jobs.enqueue(
            kind=DECIDE, subject=clearance.name_id, actor=actor, at=at, dedupe_key=f"{DECIDE}:{clearance.name_id}"
        )  # fmt: skip
        if job is None:
            raise LookupError(f"{clearance.name_id} has a job already")
    return clearance, job


def decide(*, clearance_id: str, actor: Actor, at: datetime) -> None:
    """Decide a clearance that `start` wrote down; one that is decided or has failed stays as it is.

    Whoever comes second finds the row taken and is rolled back: that is the fence, under one snapshot the job's lease
    cannot be written.
    """
    with _snapshot(), unfenced(), unit(actor):
        rows = Clearance.objects.select_related("use__organisation", "bundle").select_for_update(of=("self",))
        clearance = rows.get(public_id=Clearance.decode(clearance_id))
        if clearance.status != "deciding":
            return
        held.progress(0, clearance.bundle.works_count, "works")
        clearance.at = at
        clearance.save(update_fields=["at"])
        _decide(clearance, actor, at)
        held.progress(clearance.bundle.works_count, clearance.bundle.works_count, "works")


def give_up(*, actor: Actor, at: datetime) -> int:
    """Fail the clearances that nobody will decide, because their job was cancelled or is dead; returns how many.

    Here and not where a job ends: it may end in a process that knows no handlers, or with its worker.
    """
    with unit(actor):
        rows = Clearance.objects.select_for_update(skip_locked=True).filter(status="deciding")
        waiting = {row.name_id: row for row in rows}
        about = Job.objects.filter(kind=DECIDE, subject__in=list(waiting), status__in=("ready", "running"))
        left = set(waiting) - set(about.values_list("subject", flat=True))
        for name in sorted(left):
            row = waiting[name]
            states.advance(row, "failed", actor=system(livemode=row.livemode), at=at)
    return len(left)


def _open(use: UseProfile, bundle: Bundle, currency: str, at: datetime) -> Clearance:
    if currency not in money.EXPONENTS:
        reason = Reason("currency_unknown", "A lower-case ISO 4217 code.", "/currency", currency)
        raise Refused("currency_unknown", "The currency is unknown.", [reason])
    if use.organisation_id != bundle.organisation_id or use.livemode != bundle.livemode:
        raise Refused("not_found", "The use and the bundle belong to different licensees.")
    return Clearance.objects.create(
        public_id=fresh(at), created_at=at, organisation_id=use.organisation_id, livemode=use.livemode, use=use,
        bundle=bundle, request={"use": use.sha256, "bundle": bundle.name_id, "currency": currency},
        rule_version=rules.RULE_VERSION, at=at, currency=currency,
    )  # fmt: skip


def _decide(clearance: Clearance, actor: Actor, at: datetime) -> None:
    """Fit, choose, store, check, sum up; inside one unit over one snapshot."""
    use, bundle = clearance.use, clearance.bundle
    asked = profiles.read(
        use.body, currency=clearance.currency, licensee=use.organisation.name_id, licensee_id=use.organisation_id
    )
    run = engine.prepare(bundle.pk, bundle.works_count, asked, at)
    stored = engine.store(run, clearance.pk)
    held.progress(0, bundle.works_count, "works")  # a person who said stop is heard between the long steps
    _keep_fits(run, clearance)
    _check(clearance, asked, at)
    counts, reasons, total = _sums(stored)
    approvals.ask(clearance=clearance, actor=actor, at=at)
    states.advance(
        clearance, "decided", actor=actor, at=at, counts=counts, reasons=reasons, total_micro=total,
        decisions_hash=engine.digest(clearance.pk),
    )  # fmt: skip
    events.emit(
        "clearance.decided", clearance.name_id, actor=actor, at=at, organisation_id=clearance.organisation_id,
        livemode=clearance.livemode, data={"counts": counts},
    )  # fmt: skip


def explain(*, clearance: Clearance, work: Work, actor: Actor, at: datetime) -> dict[str, Any]:
    """One decision as it was stored, the cells of each reason, what the rules say of the work now, and why: the
    premises one by one, with the row that says so.
    """
    with unit(actor):
        row = Decision.objects.filter(clearance=clearance, work=work).first()
        if row is None:
            raise Refused("not_found", "This work is not in the clearance.")
        found = ClearanceFit.objects.get(clearance=clearance, number=row.fit)
        asked = profiles.read(
            clearance.use.body, currency=clearance.currency, licensee=clearance.organisation.name_id,
            licensee_id=clearance.organisation_id,
        )  # fmt: skip
        loaded = loading.load([work.pk])[work.pk]
        now = rules.decide(loaded.facts, asked, at)
        terms = queries.version_names(set(row.versions))
    cells = found.detail["reasons"]
    return {
        "work": work.name_id,
        "outcome": row.outcome,
        "kind": row.kind,
        "reasons": [{"code": code, "detail": cells.get(code, [])} for code in row.reasons],
        "considered": [{"code": code, "detail": found.detail["considered"].get(code, [])} for code in row.considered],
        "notes": row.notes,
        "price": None if row.price_micro is None else {"micro": str(row.price_micro), "currency": clearance.currency},
        "terms": sorted({terms[version] for version in row.versions}),
        "now": {"outcome": now.outcome, "kind": now.kind, "reasons": list(now.reasons)},
        "premises": queries.premises(premises.of(loaded.facts, asked, at, loaded.rows)),
    }


def _sums(stored: Sequence[tuple[str, list[str], int, int]]) -> tuple[dict[str, int], dict[str, int], int]:
    counts = dict.fromkeys(COUNTED, 0)
    reasons: Counter[str] = Counter()
    total = 0
    for outcome, codes, works, micro in stored:
        counts[outcome] += works
        for code in codes:
            reasons[code] += works
        total += micro if outcome == "cleared" else 0
    return counts, dict(sorted(reasons.items())), total


def _keep_fits(run: engine.Prepared, clearance: Clearance) -> None:
    used = set(Decision.objects.filter(clearance=clearance).values_list("fit", flat=True).distinct())
    ClearanceFit.objects.bulk_create(
        (_fit_row(run.fits[number], number, clearance) for number in sorted(used)), batch_size=2000
    )


def _fit_row(found: rules.Fit, number: int, clearance: Clearance) -> ClearanceFit:
    detail = {
        name: {code: queries.cells(boxes) for code, boxes in said.items()}
        for name, said in (("reasons", found.reasons), ("considered", found.considered))
    }
    return ClearanceFit(
        clearance=clearance, number=number, outcome="refused" if found.refused else "cleared", kind=found.kind,
        reasons=sorted(found.reasons), considered=sorted(found.considered), notes=list(found.notes),
        assurance="" if found.verified is None else "verified" if found.verified else "asserted", detail=detail,
    )  # fmt: skip


def _check(clearance: Clearance, asked: f.Use, at: datetime) -> None:
    """Decide a sample again from the rights tables themselves; one difference and nothing is stored."""
    rows = list(engine.sample(clearance.pk, SAMPLE))
    loaded = loading.load([row[0] for row in rows])
    for work, *answer in rows:
        wanted = comparable(rules.decide(loaded[work].facts, asked, at))
        got = (*answer[:2], *(tuple(part) for part in answer[2:5]), *answer[5:7], tuple(sorted(set(answer[8]))))
        if got != wanted:
            raise EngineDisagrees(f"work {loaded[work].facts.work}: engine {got}, rules {wanted}")


def comparable(decision: rules.Decision) -> tuple[Any, ...]:
    """What engine and reference must agree on, in the order of the stored columns."""
    versions = tuple(sorted({one.offer for one in decision.licensed}))
    lists = (decision.reasons, decision.considered, decision.notes)
    return (decision.outcome, decision.kind, *lists, decision.price_micro, decision.assurance, versions)


@contextmanager
def _snapshot() -> Iterator[None]:
    """One snapshot for everything a run reads; a run inside somebody's transaction takes that one's level."""
    if connection.in_atomic_block:
        yield
        return
    connection.ensure_connection()
    session: Any = connection.connection
    session.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        yield
    finally:
        session.isolation_level = None


answer_approval = approvals.answer
