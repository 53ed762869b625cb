"""A granted order over many works, made by copying one row of each table: what `bench/split.py` divides."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange
from django.db.models import Model

from accounts.identity import fresh
from accounts.models import Organisation
from accounts.unit import system, unit
from licensing.catalogue.models import Catalogue, Party, Work
from licensing.clearing.models import Bundle, Clearance, Decision, UseProfile
from licensing.grants.models import Grant
from licensing.kernel.territories import WORLD
from licensing.ledger import services as ledger
from licensing.orders.models import Order, Quote, QuoteLine, QuoteShare
from licensing.payments.models import Payment
from licensing.rights.models import Claim, SplitPart, SplitVersion, Terms, TermsVersion
from licensing.rights.vocabulary import ALL_LEAVES

ACTOR = system()
AT = datetime(2026, 3, 14, 12, tzinfo=UTC)
ALWAYS = DateRange(date(2020, 1, 1), None)
CELLS = {"actions": ALL_LEAVES, "territories": WORLD}
USE = {
    "actions": ["train_generative"], "territories": ["US"], "model_territories": ["US"],
    "training_window": {"from": "2026-01-01", "until": "2027-01-01"},
}  # fmt: skip
PPM = (517_043, 300_001, 182_956)
GROSS_MINOR = 90_000_000_007


@dataclass(frozen=True)
class Seeded:
    """The order and its captured, undivided payments (public ids)."""

    order: Order
    payments: list[str]


def sale(works: int, holders: int, payments: int) -> Seeded:
    """An order over `works` works at different prices;
    each of `holders` claims has a split among 3 payees of its own.
    """
    with unit(ACTOR):
        name = uuid.uuid4().hex[:12]
        holder = Organisation.objects.create(**_named(), slug=f"h-{name}", name="Holder", is_rights_holder=True)
        buyer = Organisation.objects.create(**_named(), slug=f"b-{name}", name="Buyer", is_licensee=True)
        own = {"organisation": holder, "livemode": False}
        catalogue = Catalogue.objects.create(**_named(), slug=name, name="Bench", **own)
        _parties(holder, holders * len(PPM))
        first_claim = _claims(holder, holders)
        work = Work.objects.create(**_named(), catalogue=catalogue, own_id="0", title="Work", title_key="work", **own)
        _copy(work, works - 1, {"public_id": "licet_uuid7(%(at)s)", "own_id": "g::text"})
        quote = _quote(buyer, holder, work, works, first_claim, holders)
        order = Order.objects.create(
            **_named(), organisation=buyer, livemode=False, quote=quote, idem=name, currency="usd",
            total_minor=GROSS_MINOR, status="granted", secured_at=AT,
        )  # fmt: skip
        _grant(order, works)
        made = [_payment(order, number, payments) for number in range(payments)]
    with connection.cursor() as cursor, unit(ACTOR):
        cursor.execute("SELECT licet_allocation_analyze()")
    return Seeded(order, made)


def _named() -> dict[str, Any]:
    return {"public_id": fresh(AT), "created_at": AT}


def _parties(holder: Organisation, number: int) -> None:
    Party.objects.bulk_create(
        Party(**_named(), organisation=holder, livemode=False, kind="person", name=f"P{n}", own_key=f"{n}")
        for n in range(number)
    )


def _claims(holder: Organisation, number: int) -> int:
    parties = list(Party.objects.filter(organisation=holder).order_by("id"))
    claims = Claim.objects.bulk_create(
        Claim(
            **_named(), organisation=holder, livemode=False, holder=parties[0], kind="root", basis="author",
            control_ppm=1_000_000, level="list", author_consent="not_needed", period=ALWAYS, status="verified", **CELLS,
        )
        for _ in range(number)
    )  # fmt: skip
    versions = SplitVersion.objects.bulk_create(
        SplitVersion(
            **_named(), claim=claim, number=1, valid=ALWAYS, approved_by="bench", territory_set="{}", action_set="{}",
            **CELLS,
        )
        for claim in claims
    )  # fmt: skip
    SplitPart.objects.bulk_create(
        SplitPart(version=version, part_no=no + 1, party=parties[place * len(PPM) + no], role="author", ppm=ppm)
        for place, version in enumerate(versions)
        for no, ppm in enumerate(PPM)
    )
    SplitVersion.objects.filter(pk__in=[version.pk for version in versions]).update(frozen_at=AT)
    return claims[0].pk


def _quote(buyer: Organisation, holder: Organisation, work: Work, works: int, claim: int, holders: int) -> Quote:
    own = {"organisation": buyer, "livemode": False}
    use = UseProfile.objects.create(
        **_named(), body=USE, sha256="0" * 64, **own
    )
    clearance = Clearance.objects.create(
        **_named(), use=use, bundle=Bundle.objects.create(**_named(), **own), request={}, rule_version="1", at=AT,
        currency="usd", status="decided", **own,
    )  # fmt: skip
    quote = Quote.objects.create(
        **_named(), clearance=clearance, currency="usd", works_count=works, works_minor=GROSS_MINOR, fee_minor=0,
        tax_minor=0, total_minor=GROSS_MINOR, expires_at=AT, body={}, sha256="0" * 64, status="accepted", **own,
    )  # fmt: skip
    terms = Terms.objects.create(**_named(), organisation=holder, livemode=False, own_key=uuid.uuid4().hex)
    wording = TermsVersion.objects.create(
        terms=terms, number=1, title="T", model_kinds=1, outputs=1, offer=ALWAYS, survival="perpetual", currency="usd",
        body={}, sha256="0" * 64, created_at=AT, **CELLS,
    )  # fmt: skip
    version = SplitVersion.objects.get(claim_id=claim)
    decision = Decision.objects.create(clearance=clearance, work=work, fit=1, outcome="cleared", price_micro=10_000)
    _copy(decision, works - 1, {"work_id": f"{work.pk} + g"})
    line = QuoteLine.objects.create(quote=quote, work=work, decision=decision, price_micro=10_000, detail={})
    price = "(1 + g::bigint * 7919 %% 49999) * 10000"
    _copy(line, works - 1, {"work_id": f"{work.pk} + g", "decision_id": f"{decision.pk} + g", "price_micro": price})
    share = QuoteShare.objects.create(
        line=line,
        claim_id=claim,
        organisation=holder,
        share_ppm=1_000_000,
        terms_version=wording,
        split_version=version,
    )
    place = f"g %% {holders}"
    values = {"claim_id": f"{claim} + {place}", "split_version_id": f"{version.pk} + {place}"}
    _copy(share, works - 1, {"line_id": f"{line.pk} + g", **values})
    return quote


def _grant(order: Order, works: int) -> None:
    Grant.objects.create(
        **_named(), organisation=order.organisation, livemode=False, order=order, issued_at=AT, starts=AT.date(),
        works_count=works, works_root="", terms_root="", secret=b"", status_index=order.pk,
    )  # fmt: skip
    amount = order.total_minor * 1_000_000
    ledger.post(
        idem_key=f"grant:{order.name_id}", kind="grant", currency="usd", livemode=False, source=order.name_id,
        lines=[ledger.Line("stripe_pending", amount), ledger.Line(f"royalty_pool:{order.name_id}", -amount)],
        effective_date=AT.date(), occurred_at=AT, actor=ACTOR, at=AT, rule_version="bench",
    )  # fmt: skip


def _payment(order: Order, number: int, of: int) -> str:
    share, rest = divmod(order.total_minor, of)
    amount = share + (rest if number == 0 else 0)
    return Payment.objects.create(
        **_named(), organisation=order.organisation, livemode=False, order=order, idem=f"{order.pk}-{number}",
        method="payment_intent", stripe_id=f"pi_{order.pk}_{number}", amount_minor=amount, currency="usd",
        captured_minor=amount, fee_minor=0, status="captured", captured_at=AT,
    ).name_id  # fmt: skip


def _copy(row: Model, number: int, changed: Mapping[str, str]) -> None:
    """Insert `number` copies of a stored row; `changed` are SQL expressions over g = 1..number, as are their keys.

    Ids come from the sequence in the order of g, so copy g has the id of the row plus g.
    """
    columns = [field.column for field in row._meta.concrete_fields if not field.primary_key]
    values = [changed.get(column, f"t.{column}") for column in columns]
    table = row._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} "
            f"FROM {table} t, generate_series(1, %(number)s) g WHERE t.id = %(id)s ORDER BY g",
            {"number": number, "id": row.pk, "at": AT},
        )
