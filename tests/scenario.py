"""One small sale at the level of services: a publisher with works, a developer, an order, up to the release.

Every step is a real service call on the real database; only Stripe is stood in for, by facts as its gateway returns
them.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from accounts import identity
from accounts import services as accounts
from accounts.models import Organisation
from accounts.unit import SYSTEM, Actor, unit
from licensing.catalogue import assets
from licensing.catalogue import services as catalogues
from licensing.catalogue.models import Catalogue, Contributor, Party, Work
from licensing.clearing import services as clearing
from licensing.clearing.models import Clearance
from licensing.grants import keys
from licensing.grants import services as grants
from licensing.grants.models import Grant
from licensing.kernel import territories
from licensing.kernel.periods import Period
from licensing.orders import services as orders
from licensing.orders.models import Order, Quote
from licensing.payments import settlement
from licensing.payments.facts import PaymentFacts
from licensing.payments.models import Payment
from licensing.rights import services as rights
from licensing.rights import splits, terms, vocabulary
from licensing.rights.models import Claim, Terms
from licensing.rights.scopes import Target

TEXT = "A lighthouse keeper counts the ships, and the ships count the lighthouse keepers. 灯塔在数船。\n\n"
TERMS: dict[str, Any] = {
    "title": "Training", "actions": ["train", "evaluate"], "territories": ["WORLD"], "model_kinds": ["any"],
    "outputs": ["any"], "offer": {"from": "2020-01-01", "until": None}, "model_survival": "perpetual",
    "currency": "usd", "price": {"rules": [{"kind": "flat", "amount_micro": 12_345_678_901}]},
    "legal_text_en": "You may train.", "legal_text_zh": "可以训练。",
}  # fmt: skip


@dataclass
class Publisher:
    """A rights holder with one catalogue, one claim over it, its split and its terms."""

    organisation: Organisation
    actor: Actor
    catalogue: Catalogue
    works: list[Work]
    parties: list[Party] = field(default_factory=list)
    claim: Claim | None = None
    terms: Terms | None = None


_NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)


def now() -> datetime:
    """One moment for the whole run: dates in rules and rows agree, also around midnight."""
    return _NOW


def organisation(slug: str, *roles: str, at: datetime) -> Organisation:
    return accounts.register_organisation(name=slug.title(), slug=slug, roles=roles, actor=SYSTEM, at=at)


def member(of: Organisation, *roles: str) -> Actor:
    return Actor(f"usr_{of.slug}", of.pk, False, frozenset(roles), user_id=None)


def publisher(slug: str = "harbour", *, works: int = 3, parts: tuple[int, ...] = (600_000, 400_000),
              at: datetime | None = None, control_ppm: int = 1_000_000) -> Publisher:  # fmt: skip
    """Works with content, a claim by the house itself, a split, published terms on the catalogue."""
    at = at or now()
    house = organisation(slug, "rights_holder", at=at)
    actor = member(house, "publisher_editor", "publisher_finance")
    declared = {"origin": "human", "source_kind": "owned", "personal_data": "none", "third_party": "none"}
    shelf = catalogues.create_catalogue(
        organisation=house, slug="shelf", name="Shelf", role_of_sender="owner", declarations=declared, actor=actor,
        at=at,
    )  # fmt: skip
    made = Publisher(house, actor, shelf, [])
    with unit(actor):
        made.works = [work(made, number, at) for number in range(1, works + 1)]
    for number, item in enumerate(made.works, 1):
        content = assets.receive(io.BytesIO((TEXT * number).encode()), filename=f"W-{number}.txt")
        assets.attach(work=item, filename=f"W-{number}.txt", content=content, actor=actor, at=at)
    catalogues.register(catalogue=shelf, actor=actor, at=at)
    state_rights(made, parts, at, control_ppm=control_ppm)
    return made


def co_holder(of: Publisher, slug: str, control_ppm: int) -> Publisher:
    """Another house that holds a share of all works of `of`, with its own terms."""
    house = organisation(slug, "rights_holder", at=now())
    made = Publisher(house, member(house, "publisher_editor", "publisher_finance"), of.catalogue, of.works)
    for work_ in of.works:
        state_rights(made, (1_000_000,), now(), control_ppm=control_ppm, target=Target("work", work=work_))
    return made


def work(of: Publisher, number: int, at: datetime) -> Work:
    made = Work.objects.create(
        public_id=identity.fresh(at), created_at=at, organisation=of.organisation, livemode=False,
        catalogue=of.catalogue, own_id=f"W-{number}", title=f"Work {number}", title_key=f"work {number}", form="book",
        language="en",
    )  # fmt: skip
    Contributor.objects.create(work=made, sequence=1, role="author", name=f"Author {number}")
    return made


def state_rights(of: Publisher, parts: tuple[int, ...], at: datetime, *, control_ppm: int = 1_000_000,
                 target: Target | None = None) -> None:  # fmt: skip
    target = target or Target("catalogue", catalogue=of.catalogue)
    of.parties = [
        catalogues.create_party(
            organisation=of.organisation, own_key=f"p{number}", kind="person", name=f"Payee {number}", known_as=[],
            actor=of.actor, at=at,
        )
        for number in range(len(parts))
    ]  # fmt: skip
    of.claim = rights.declare_claim(
        organisation=of.organisation, holder=of.parties[0], target=target,
        basis="assignment", control_ppm=control_ppm, actions=vocabulary.ALL_LEAVES, territories=territories.WORLD,
        period=Period(date(2020, 1, 1), None), author_consent="contract_clause", warranty={"text": "ours"},
        signer="The director", document="Assignment of 2020", actor=of.actor, at=at,
    )  # fmt: skip
    splits.set_split(
        claim=of.claim, valid=Period(date(2020, 1, 1), None), document="contract 1", actor=of.actor, at=at,
        parts=[splits.Part(party, ppm, "author") for party, ppm in zip(of.parties, parts, strict=True)],
    )  # fmt: skip
    version = terms.draft_terms(organisation=of.organisation, own_key="t", body=TERMS, actor=of.actor, at=at)
    of.terms = version.terms
    terms.publish_terms(terms=of.terms, actor=of.actor, at=at)
    terms.assign_terms(terms=of.terms, target=target, actor=of.actor, at=at)


def use_body(at: datetime, **changes: Any) -> dict[str, Any]:
    window = {"from": at.date().isoformat(), "until": (at.date() + timedelta(days=365)).isoformat()}
    return {"actions": ["train_generative"], "territories": ["DE", "CN"], "training_window": window,
            "outputs": ["product"], "commercial": True} | changes  # fmt: skip


def clearance(of: Publisher, *, buyer: Actor | None = None, at: datetime | None = None, **use: Any) -> Clearance:
    at = at or now()
    if buyer is None:
        house = organisation("brindle", "licensee", at=at)
        buyer = member(house, "developer", "developer_admin")
    with unit(buyer):
        house = Organisation.objects.get(pk=buyer.organisation_id)
    profile = clearing.create_use(organisation=house, body=use_body(at, **use), title="Model", actor=buyer, at=at)
    bundle = clearing.create_bundle(
        organisation=house, title="", ids=[item.name_id for item in of.works], actor=buyer, at=at
    )
    return clearing.clear(use=profile, bundle=bundle, currency=TERMS["currency"], actor=buyer, at=at)


def buyer_of(decided: Clearance) -> Actor:
    with unit(SYSTEM):
        return member(Organisation.objects.get(pk=decided.organisation_id), "developer", "developer_admin")


def quote(of: Publisher, *, at: datetime | None = None, **use: Any) -> Quote:
    at = at or now()
    decided = clearance(of, at=at, **use)
    return orders.quote(clearance=decided, actor=buyer_of(decided), at=at)


def order(of: Publisher, *, at: datetime | None = None, idem: str = "one", **use: Any) -> Order:
    at = at or now()
    made = quote(of, at=at, **use)
    return orders.place(quote=made, idem=idem, actor=buyer_of(made.clearance), at=at)


def issuer_keys() -> None:
    keys.create(actor=SYSTEM, at=now())


def paid(amount_minor: int, *, stripe_id: str = "pi_1", **changes: Any) -> PaymentFacts:
    """Facts of a succeeded PaymentIntent."""
    known: dict[str, Any] = {
        "id": stripe_id, "status": "succeeded", "amount_minor": amount_minor, "currency": "usd",
        "captured_minor": amount_minor, "refunded_minor": 0, "charge_id": "ch_1", "balance_transaction_id": "txn_1",
        "fee_minor": amount_minor * 29 // 1000 + 30, "settled_minor": amount_minor, "settled_currency": "usd",
        "available_on": None, "client_secret": "secret", "failure_code": None, "order_id": None, "call_key": None,
        "livemode": False, "raw": {"id": stripe_id},
    }  # fmt: skip
    return PaymentFacts(**(known | changes))


def captured(of: Publisher, *, at: datetime | None = None, **use: Any) -> Payment:
    """A sale up to the captured payment: Stripe's answers come from `paid`."""
    at = at or now()
    issuer_keys()
    placed = order(of, at=at, **use)
    with unit(SYSTEM):
        payment = Payment.objects.create(
            public_id=identity.fresh(at), created_at=at, organisation_id=placed.organisation_id, livemode=False,
            order=placed, idem="pay", method="payment_intent", stripe_id=f"pi_{placed.pk}", status="pending",
            amount_minor=placed.total_minor, currency=placed.currency,
        )  # fmt: skip
        money = {"currency": placed.currency, "settled_currency": placed.currency}
        facts = paid(placed.total_minor, stripe_id=f"pi_{placed.pk}", **money)
        settlement.apply(payment, facts, actor=SYSTEM, at=at)
    return payment


def granted(of: Publisher, *, at: datetime | None = None, **use: Any) -> Grant:
    """A sale up to the grant with its certificate."""
    at = at or now()
    payment = captured(of, at=at, **use)
    return grants.issue(order_id=payment.order.name_id, actor=SYSTEM, at=at)
