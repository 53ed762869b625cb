"""Quote a clearance, accept the quote once, and know when its order is paid for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from django.db import connection

from accounts import audit, states
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.models import Organisation
from accounts.unit import Actor, unit
from licensing.clearing.models import Clearance
from licensing.events import services as events
from licensing.jobs import services as jobs
from licensing.kernel import digests, ids, money
from licensing.kernel import territories as places
from licensing.orders import freeze, recheck, rules
from licensing.orders.models import FeeSchedule, Order, Quote, TaxRate
from licensing.rights import services as rights
from licensing.rights import vocabulary

ENCUMBER = """
INSERT INTO licensing_encumbrance
  (work_id, livemode, actions, territories, period, exclusive, source, licensee, until, ended_at, created_at)
SELECT l.work_id, %(livemode)s, %(actions)s, %(territories)s::bit(256), daterange(%(start)s::date, %(end)s::date),
       %(exclusive)s, %(source)s, %(licensee)s, NULL, NULL, %(at)s
FROM licensing_quoteline l WHERE l.quote_id = %(quote)s
"""


def set_fee(
    *, livemode: bool, currency: str, fee: rules.Fee, actor: Actor, at: datetime
) -> FeeSchedule:
    """Publish the operator's fee from `at`'s date on; the same day again replaces nothing and returns what there is."""
    with unit(actor):
        row, _ = FeeSchedule.objects.get_or_create(
            livemode=livemode, currency=currency, starts=at.date(),
            defaults={"ppm": fee.ppm, "fixed_minor": fee.fixed_minor, "min_minor": fee.min_minor,
                      "max_minor": fee.max_minor},
        )  # fmt: skip
        return row


def quote(
    *, clearance: Clearance, actor: Actor, at: datetime, exclude: Sequence[int] = (), idem: str | None = None
) -> Quote:
    """Freeze the cleared works of a clearance with prices, terms and splits; expires after rules.VALID_FOR.

    `exclude` are internal ids of works the licensee leaves out. Creating with the same `idem` returns the first quote.
    Raises Refused("nothing_cleared"), Refused("quote_too_large"), Refused("clearance_not_decided"), or
    Refused("split_missing") or Refused("shares_unclear") naming works.
    """
    with unit(actor):
        earlier = Quote.objects.filter(organisation_id=clearance.organisation_id, livemode=actor.livemode, idem=idem)
        if idem is not None and (found := earlier.first()) is not None:
            return found
        if clearance.status != "decided":
            raise Refused("clearance_not_decided", f"{clearance.name_id} is {clearance.status}.")
        made = _open(clearance, idem, at)
        copied = freeze.copy_lines(made, excluded=list(exclude))
        if copied.works == 0:
            raise Refused("nothing_cleared", f"No work of {clearance.name_id} is cleared; there is nothing to quote.")
        _check_sum(copied)
        cells = cells_of(made)
        missing = freeze.copy_shares(made, on=at.date(), actions=cells.actions, territories=cells.territories)
        if missing:
            raise Refused("split_missing", "Somebody must first say who is paid for these works.", _unsplit(missing))
        _check_shares(made)
        _price(made, copied, at)
        audit.record(
            actor=actor, act="quote.issued", subject=made.name_id, at=at,
            after={"total_minor": made.total_minor, "currency": made.currency, "sha256": made.sha256},
        )  # fmt: skip
        _emit("quote.issued", made, actor, at)
        jobs.enqueue(
            kind="quotes.expire", subject=made.name_id, actor=actor, at=at, due_at=made.expires_at,
            dedupe_key=f"quotes.expire:{made.name_id}",
        )  # fmt: skip
    return made


def place(*, quote: Quote, idem: str, actor: Actor, at: datetime) -> Order:
    """Accept a quote, once. The same `idem` again returns the order there is.

    Raises Refused("quote_expired"), Refused("quote_used") or Refused("works_dropped_out") naming the works and why: the
    licensee then confirms the lower price by quoting again without them.
    """
    with unit(actor):
        held = Quote.objects.select_for_update().get(pk=quote.pk)
        earlier = Order.objects.filter(quote=held).first()
        if earlier is not None and earlier.idem == idem:
            return earlier
        _check_open(held, at)
        cells = cells_of(held)
        _check_works(recheck.fallen(held, cells))
        order = Order.objects.create(
            public_id=fresh(at), created_at=at, organisation_id=held.organisation_id, livemode=held.livemode,
            quote=held, idem=idem, currency=held.currency, total_minor=held.total_minor,
        )  # fmt: skip
        states.advance(held, "accepted", actor=actor, at=at)
        _encumber(order, cells, at)
        audit.record(
            actor=actor, act="order.placed", subject=order.name_id, at=at, after={"quote": held.name_id}
        )
        _emit("order.placed", order, actor, at)
        if order.total_minor == 0:
            secure(order=order, actor=actor, at=at)
    return order


def secure(*, order: Order, actor: Actor, at: datetime) -> None:
    """Say that the order's total is captured (or nothing was to pay); once, later calls change nothing."""
    with unit(actor):
        held = Order.objects.select_for_update().get(pk=order.pk)
        if held.status != "placed":
            return
        states.advance(held, "secured", actor=actor, at=at, secured_at=at)
        _emit("order.secured", held, actor, at)


def cancel(*, order: Order, actor: Actor, at: datetime) -> None:
    """Give up an order nobody has paid and free its works for others; one that is secured or has ended stays."""
    with unit(actor):
        held = Order.objects.select_for_update().get(pk=order.pk)
        if held.status != "placed":
            return
        states.advance(held, "cancelled", actor=actor, at=at)
        rights.end_encumbrances(source=held.name_id, actor=actor, at=at)
        _emit("order.cancelled", held, actor, at)


def granted(*, order: Order, actor: Actor, at: datetime) -> None:
    """Say that the order has become a grant."""
    with unit(actor):
        states.advance(order, "granted", actor=actor, at=at)


def expire(*, quote: Quote, actor: Actor, at: datetime) -> None:
    """End a quote nobody accepted in time; an accepted one stays."""
    with unit(actor):
        held = Quote.objects.select_for_update().get(pk=quote.pk)
        if held.status == "issued" and held.expires_at <= at:
            states.advance(held, "expired", actor=actor, at=at)
            rights.end_encumbrances(source=held.name_id, actor=actor, at=at)
            _emit("quote.expired", held, actor, at)


def cells_of(quote: Quote) -> recheck.Cells:
    """What the quote's use asks for, as the set-based re-checks need it."""
    use = quote.clearance.use.body
    licensee = Organisation.objects.get(pk=quote.organisation_id)
    where = places.mask(use["territories"]) | places.mask(use["model_territories"])
    start, end = (date.fromisoformat(use["training_window"][name]) for name in ("from", "until"))
    return recheck.Cells(
        vocabulary.mask(use["actions"]), places.to_bits(where), start, end, bool(use.get("accepts_contested")),
        licensee.name_id,
    )  # fmt: skip


def _open(clearance: Clearance, idem: str | None, at: datetime) -> Quote:
    return Quote.objects.create(
        public_id=fresh(at), created_at=at, organisation_id=clearance.organisation_id, livemode=clearance.livemode,
        clearance=clearance, idem=idem, currency=clearance.currency, works_count=0, works_minor=0, fee_minor=0,
        tax_minor=0, total_minor=0, expires_at=at + rules.VALID_FOR, body={}, sha256="",
    )  # fmt: skip


def _price(made: Quote, copied: freeze.Copied, at: datetime) -> None:
    """Fill in totals, body and hash: the last change a quote ever sees (the database refuses more)."""
    schedule = (
        FeeSchedule.objects.filter(livemode=made.livemode, currency=made.currency, starts__lte=at.date())
        .order_by("-starts").first()
    )  # fmt: skip
    fee = None
    if schedule is not None:
        fee = rules.Fee(schedule.ppm, schedule.fixed_minor, schedule.min_minor, schedule.max_minor)
    country = Organisation.objects.values_list("country", flat=True).get(pk=made.organisation_id)
    tax = (
        TaxRate.objects.filter(livemode=made.livemode, jurisdiction=country, starts__lte=at.date())
        .order_by("-starts").first()
    )  # fmt: skip
    sums = rules.totals(works_micro=copied.micro, fee=fee, tax_ppm=tax.ppm if tax else 0)
    made.works_count, made.works_minor, made.fee_minor = copied.works, sums.works_minor, sums.fee_minor
    made.tax_minor, made.total_minor = sums.tax_minor, sums.total_minor
    made.body = {
        "quote": made.name_id, "clearance": made.clearance.name_id, "use": made.clearance.use.sha256,
        "currency": made.currency, "rule_version": rules.RULE_VERSION, "works_count": str(copied.works),
        "works_micro": str(copied.micro), "minimum_micro": str(copied.minimum_micro),
        "works_minor": str(sums.works_minor), "fee_minor": str(sums.fee_minor),
        "fee_ppm": str(schedule.ppm) if schedule else None, "tax_minor": str(sums.tax_minor),
        "tax": {"jurisdiction": country, "ppm": str(tax.ppm), "source": tax.source} if tax else "no rate known",
        "total_minor": str(sums.total_minor), "expires_at": made.expires_at.isoformat(),
        "lines_sha256": freeze.lines_hash(made),
    }  # fmt: skip
    made.sha256 = digests.of_json(made.body)
    made.save()


def _check_open(held: Quote, at: datetime) -> None:
    if held.status == "accepted":
        raise Refused("quote_used", f"{held.name_id} has been accepted already.", [Reason("quote_used", "", "/quote")])
    if held.status == "expired" or held.expires_at <= at:
        seen = f"{held.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        reason = Reason("quote_expired", "Ask for a new quote.", "/quote", f"expired {seen}", "a live quote")
        raise Refused("quote_expired", f"{held.name_id} expired at {seen}.", [reason])


def _check_works(lost: list[tuple[str, str]]) -> None:
    if lost:
        named = [(ids.encode("wrk", UUID(work)), code) for work, code in lost[:100]]
        reasons = [Reason(code, f"{work} fell away.", "/quote", work, "quote again") for work, code in named]
        raise Refused(
            "works_dropped_out", f"{len(lost)} works fell away since the quote; quote again without them.", reasons
        )


def _check_sum(copied: freeze.Copied) -> None:
    minor = money.half_up(copied.micro, money.MICRO)
    if minor > money.POOL_MAX_MINOR:
        expected = f"at most {money.POOL_MAX_MINOR}"
        reason = Reason("quote_too_large", "Quote fewer works.", "/clearance", f"{minor} minor units", expected)
        raise Refused("quote_too_large", "One quote cannot be divided exactly beyond this sum.", [reason])


def _check_shares(made: Quote) -> None:
    """Refuse here what could not be divided later: money must not be taken that nobody knows how to pay out."""
    crooked = [ids.encode("wrk", UUID(work)) for work in freeze.unclear(made)]
    if crooked:
        reasons = [
            Reason("shares_unclear", "Leave it out, or ask for fewer territories.", "/exclude", work, "one whole share")
            for work in crooked
        ]
        said = "Different parties license these works in different places; one price cannot be divided among them yet."
        raise Refused("shares_unclear", said, reasons)


def _unsplit(missing: list[tuple[str, str]]) -> list[Reason]:
    return [
        Reason("split_missing", "The claim has no split valid for this use today.", "", f"{work} by {claim}", "a split")
        for work, claim in ((ids.encode("wrk", UUID(w)), ids.encode("clm", UUID(c))) for w, c in missing)
    ]


def _encumber(order: Order, cells: recheck.Cells, at: datetime) -> None:
    use = order.quote.clearance.use.body
    with connection.cursor() as cursor:
        cursor.execute(
            ENCUMBER,
            {
                "livemode": order.livemode, "actions": cells.actions, "territories": cells.territories,
                "start": cells.start, "end": cells.end, "exclusive": bool(use.get("exclusive")),
                "source": order.name_id, "licensee": cells.licensee, "at": at, "quote": order.quote_id,
            },
        )  # fmt: skip


def _emit(name: str, thing: Quote | Order, actor: Actor, at: datetime) -> None:
    events.emit(
        name, thing.name_id, actor=actor, at=at, organisation_id=thing.organisation_id, livemode=thing.livemode
    )
