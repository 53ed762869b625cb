"""A sale as it stands when its payment is captured: works, splits, a granted order, and the entries before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import count

from django.db import connection
from django.db.backends.postgresql.psycopg_any import DateRange

from accounts.identity import fresh
from accounts.models import Organisation
from accounts.unit import Actor, system
from licensing.catalogue.models import Catalogue, Party, Work
from licensing.clearing.models import Bundle, Clearance, Decision, UseProfile
from licensing.grants.models import Grant
from licensing.kernel import money
from licensing.kernel.territories import WORLD
from licensing.ledger import services as ledger
from licensing.orders.models import Order, Quote, QuoteLine, QuoteShare
from licensing.payments.models import Payment
from licensing.rights.models import Claim, Conflict, ConflictParty, SplitPart, SplitVersion, Terms, TermsVersion
from licensing.rights.vocabulary import ALL_LEAVES

AT = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
ALWAYS = DateRange(date(2020, 1, 1), None)
ACTOR: Actor = system()
WHOLE = 1_000_000
_numbers = count(1)

USE = {
    "actions": ["train_generative"], "territories": ["US"], "model_territories": ["US"],
    "training_window": {"from": "2026-01-01", "until": "2027-01-01"},
}  # fmt: skip


@dataclass(frozen=True)
class Owned:
    """A claim of a work: its share of the work, and (payee number or None for unallocated, ppm) per part."""

    share_ppm: int
    parts: Sequence[tuple[int | None, int]]


@dataclass(frozen=True)
class Sold:
    """A work at its price; without claims nobody licenses it."""

    price_micro: int
    claims: Sequence[Owned] = (Owned(WHOLE, ((0, WHOLE),)),)


@dataclass
class Sale:
    """What was built; lists in the order of the works sold."""

    order: Order
    works: list[Work]
    claims: list[list[Claim]]
    payees: list[Party]
    payments: list[Payment] = field(default_factory=list)


def organisation(kind: str) -> Organisation:
    name = f"{kind}-{next(_numbers)}"
    return Organisation.objects.create(public_id=fresh(AT), created_at=AT, slug=name, name=name, **{f"is_{kind}": True})


def sell(
    sold: Sequence[Sold], *, works_minor: int | None = None, fee_minor: int = 0, tax_minor: int = 0, payees: int = 3,
    livemode: bool = False, payments: Sequence[int] | None = None, currency: str = "usd",
    granted: bool = True, parties: list[Party] | None = None,
) -> Sale:  # fmt: skip
    """Build a granted order; `payments` are captured minor amounts (default: one of the total), not yet divided.

    `parties` are payees of an earlier sale, instead of `payees` new ones.
    """
    holder, licensee = organisation("rights_holder"), organisation("licensee")
    own = {"organisation": holder, "livemode": livemode, "created_at": AT}
    parties = parties or [
        Party.objects.create(public_id=fresh(AT), kind="person", name=f"Payee {n}", own_key=f"p{n}", **own)
        for n in range(payees)
    ]
    works = _works(sold, own)
    claims, versions = _claims(sold, works, parties, own)
    quote = _quote(licensee, works, sold, works_minor, fee_minor, tax_minor, currency)
    _lines(quote, sold, works, claims, versions, holder)
    order = Order.objects.create(
        public_id=fresh(AT), created_at=AT, organisation=licensee, livemode=livemode, quote=quote, idem="once",
        currency=currency, total_minor=quote.total_minor, status="granted", secured_at=AT,
    )  # fmt: skip
    if granted:
        _grant(order)
    sale = Sale(order, works, claims, parties)
    for amount in payments if payments is not None else [quote.total_minor]:
        sale.payments.append(pay(order, amount))
    return sale


def pay(order: Order, amount: int) -> Payment:
    number = next(_numbers)
    return Payment.objects.create(
        public_id=fresh(AT), created_at=AT, organisation=order.organisation, livemode=order.livemode, order=order,
        idem=f"pay-{number}", method="payment_intent", stripe_id=f"pi_{number}", amount_minor=amount,
        currency=order.currency, captured_minor=amount, fee_minor=0, status="captured", captured_at=AT,
    )  # fmt: skip


def contest(work: Work, shares: Sequence[tuple[Claim, int]], *, actions: int = ALL_LEAVES) -> Conflict:
    """Open a conflict; `shares` are (claim, guaranteed ppm)."""
    conflict = Conflict.objects.create(
        public_id=fresh(AT), created_at=AT, livemode=work.livemode, work=work, actions=actions, territories=WORLD,
        control_ppm=1_200_000, due_at=AT,
    )  # fmt: skip
    for claim, guaranteed in shares:
        ConflictParty.objects.create(conflict=conflict, claim=claim, guaranteed_ppm=guaranteed)
    return conflict


def settle_constraints() -> None:
    """Ask the deferred checks now: a rolled-back test never commits."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _works(sold: Sequence[Sold], own: dict[str, object]) -> list[Work]:
    name = f"c{next(_numbers)}"
    catalogue = Catalogue.objects.create(public_id=fresh(AT), slug=name, name=name, **own)
    return Work.objects.bulk_create(
        Work(
            public_id=fresh(AT), catalogue=catalogue, own_id=f"w{n}", title=f"=Work {n}", title_key=f"work {n}",
            form="book", status="registered", **own,
        )
        for n in range(len(sold))
    )  # fmt: skip


def _claims(
    sold: Sequence[Sold], works: Sequence[Work], parties: Sequence[Party], own: dict[str, object]
) -> tuple[list[list[Claim]], list[list[SplitVersion]]]:
    claims: list[list[Claim]] = []
    versions: list[list[SplitVersion]] = []
    parts: list[SplitPart] = []
    cells = {"actions": ALL_LEAVES, "territories": WORLD}
    for item, work in zip(sold, works, strict=True):
        claims.append([
            Claim(
                public_id=fresh(AT), holder=parties[0], kind="root", basis="author", control_ppm=owned.share_ppm,
                level="work", work=work, author_consent="not_needed", period=ALWAYS, status="verified", **cells, **own,
            )
            for owned in item.claims
        ])  # fmt: skip
        versions.append([
            SplitVersion(
                public_id=fresh(AT), created_at=AT, claim=claim, number=1, valid=ALWAYS, document="deal memo",
                approved_by="tests", territory_set="{}", action_set="{}", **cells,
            )
            for claim in claims[-1]
        ])  # fmt: skip
        for version, owned in zip(versions[-1], item.claims, strict=True):
            parts += [
                SplitPart(version=version, part_no=number, ppm=ppm, **_payee(payee, parties))
                for number, (payee, ppm) in enumerate(owned.parts, 1)
            ]
    Claim.objects.bulk_create([claim for group in claims for claim in group])
    SplitVersion.objects.bulk_create([version for group in versions for version in group])
    SplitPart.objects.bulk_create(parts)
    SplitVersion.objects.filter(pk__in=[v.pk for group in versions for v in group]).update(frozen_at=AT)
    return claims, versions


def _payee(number: int | None, parties: Sequence[Party]) -> dict[str, object]:
    return {"role": "unallocated"} if number is None else {"role": "author", "party": parties[number]}


def _quote(
    licensee: Organisation, works: Sequence[Work], sold: Sequence[Sold], works_minor: int | None, fee_minor: int,
    tax_minor: int, currency: str,
) -> Quote:  # fmt: skip
    livemode = works[0].livemode if works else False
    own = {"organisation": licensee, "livemode": livemode, "created_at": AT}
    use = UseProfile.objects.create(
        public_id=fresh(AT), body=USE, sha256="0" * 64, **own
    )
    bundle = Bundle.objects.create(public_id=fresh(AT), works_count=len(works), **own)
    clearance = Clearance.objects.create(
        public_id=fresh(AT), use=use, bundle=bundle, request={}, rule_version="1", at=AT, currency=currency,
        status="decided", **own,
    )  # fmt: skip
    minor = money.half_up(sum(item.price_micro for item in sold), money.MICRO) if works_minor is None else works_minor
    return Quote.objects.create(
        public_id=fresh(AT), clearance=clearance, currency=currency, works_count=len(works), works_minor=minor,
        fee_minor=fee_minor, tax_minor=tax_minor, total_minor=minor + tax_minor, expires_at=AT, body={},
        sha256="0" * 64, status="accepted", **own,
    )  # fmt: skip


def _lines(
    quote: Quote, sold: Sequence[Sold], works: Sequence[Work], claims: Sequence[Sequence[Claim]],
    versions: Sequence[Sequence[SplitVersion]], holder: Organisation,
) -> None:  # fmt: skip
    terms = Terms.objects.create(
        public_id=fresh(AT), created_at=AT, organisation=holder, livemode=quote.livemode, own_key=f"t{next(_numbers)}"
    )
    wording = TermsVersion.objects.create(
        terms=terms, number=1, title="Terms", actions=ALL_LEAVES, territories=WORLD, model_kinds=1, outputs=1,
        offer=ALWAYS, survival="perpetual", currency=quote.currency, body={}, sha256="0" * 64, created_at=AT,
    )  # fmt: skip
    decisions = Decision.objects.bulk_create(
        Decision(clearance=quote.clearance, work=work, fit=1, outcome="cleared", price_micro=item.price_micro)
        for work, item in zip(works, sold, strict=True)
    )
    lines = QuoteLine.objects.bulk_create(
        QuoteLine(quote=quote, work=work, decision=decision, price_micro=item.price_micro, detail={})
        for work, decision, item in zip(works, decisions, sold, strict=True)
    )
    QuoteShare.objects.bulk_create(
        QuoteShare(
            line=line, claim=claim, organisation=holder, share_ppm=owned.share_ppm, terms_version=wording,
            split_version=version,
        )
        for line, item, own_claims, own_versions in zip(lines, sold, claims, versions, strict=True)
        for owned, claim, version in zip(item.claims, own_claims, own_versions, strict=True)
    )  # fmt: skip


def _grant(order: Order) -> None:
    quote = order.quote
    Grant.objects.create(
        public_id=fresh(AT), created_at=AT, organisation=order.organisation, livemode=order.livemode, order=order,
        issued_at=AT, starts=AT.date(), works_count=quote.works_count, works_root="", terms_root="", secret=b"x",
        status_index=next(_numbers),
    )  # fmt: skip
    amounts = {
        "stripe_pending": quote.total_minor,
        "tax_payable:US": -quote.tax_minor,
        "platform_fee_income": -quote.fee_minor,
        f"royalty_pool:{order.name_id}": quote.fee_minor - quote.works_minor,
    }
    lines = [ledger.Line(code, amount * money.MICRO) for code, amount in amounts.items() if amount]
    if lines:
        ledger.post(
            idem_key=f"grant:{order.name_id}", kind="grant", lines=lines, currency=order.currency,
            livemode=order.livemode, effective_date=AT.date(), occurred_at=AT, source=order.name_id, actor=ACTOR, at=AT,
            rule_version="test",
        )  # fmt: skip
