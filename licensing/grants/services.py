"""Turn a secured order into a grant: its works, its certificate, its entry in the books, once."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta

from django.conf import settings
from django.db.models import QuerySet

from accounts import audit
from accounts.errors import Reason, Refused
from accounts.identity import fresh
from accounts.models import Organisation
from accounts.unit import Actor, unit
from licensing.events import services as events
from licensing.grants import certificate, keys, sold, status, tree
from licensing.grants.certificate import CertificateFacts, Party, Periods, StatusEntry
from licensing.grants.models import Certificate, Grant, GrantSentinel, IssuerKey
from licensing.kernel import canonical, digests, ids, money
from licensing.kernel import territories as places
from licensing.ledger import services as ledger
from licensing.orders import recheck
from licensing.orders import services as orders
from licensing.orders.models import Order, Quote, QuoteShare
from licensing.outside import signing
from licensing.rights import vocabulary
from licensing.rights.models import Conflict

RULE_VERSION = "grant-1"
WARRANTY = 300
"""Most characters of one warranty on a certificate, which has a limit of its own."""


def issue(*, order_id: str, actor: Actor, at: datetime) -> Grant:
    """Issue the grant of a secured order with its signed certificate and post the order's money to tax, fee and pool.

    `order_id` is a public id. A second call returns the grant there is. Raises Refused("order_not_secured"),
    Refused("works_dropped_out") when works fell away after the quote, and Refused("issuer_key_missing").
    """
    with unit(actor):
        order = Order.objects.select_for_update().get(public_id=Order.decode(order_id))
        earlier = Grant.objects.filter(order=order).first()
        if earlier is not None:
            return earlier
        if order.status != "secured":
            raise Refused("order_not_secured", f"{order.name_id} is {order.status}, not secured.")
        quote = Quote.objects.select_related("clearance__use").get(pk=order.quote_id)
        _check_works(quote)
        grant = _create(order, quote, at)
        found = sold.bases(quote.pk)
        sold.copy_works(grant, found, quote.pk)
        signed = _certify(grant, order, quote, found, at)
        _post(order, quote, grant, actor, at)
        orders.granted(order=order, actor=actor, at=at)
        after = {"works_count": grant.works_count, "works_root": grant.works_root, "certificate_sha256": signed.sha256}
        audit.record(actor=actor, act="grant.issued", subject=grant.name_id, at=at, after=after)
        events.emit(
            "grant.issued", grant.name_id, actor=actor, at=at, organisation_id=grant.organisation_id,
            livemode=grant.livemode,
        )  # fmt: skip
    return grant


def _check_works(quote: Quote) -> None:
    lost = recheck.fallen(quote, orders.cells_of(quote))
    if lost:
        reasons = [Reason(code, "fell away after the quote", "", str(work)) for work, code in lost[:100]]
        said = f"{len(lost)} works fell away before the grant; refund and quote again."
        raise Refused("works_dropped_out", said, reasons)


def _create(order: Order, quote: Quote, at: datetime) -> Grant:
    window = quote.clearance.use.body["training_window"]
    until = window.get("until")
    return Grant.objects.create(
        public_id=fresh(at), created_at=at, organisation_id=order.organisation_id, livemode=order.livemode,
        order=order, issued_at=at, starts=date.fromisoformat(window["from"]),
        ends=date.fromisoformat(until) if until else None, works_count=quote.works_count, works_root="",
        terms_root="", secret=secrets.token_bytes(32), status_index=_status_index(order.livemode),
    )  # fmt: skip


def _status_index(livemode: bool) -> int:
    """A random place in the newest status list, so that an index tells nothing; lists are filled to one half."""
    taken = Grant.objects.filter(livemode=livemode)
    first = taken.count() // (status.SIZE // 2) * status.SIZE
    while True:
        index = first + secrets.randbelow(status.SIZE)
        if not taken.filter(status_index=index).exists():
            return index


def _certify(grant: Grant, order: Order, quote: Quote, found: Sequence[sold.Basis], at: datetime) -> Certificate:
    key, signer = keys.current(livemode=grant.livemode, at=at)
    holders = Organisation.objects.filter(
        pk__in=GrantSentinel.objects.filter(grant=grant).values("organisation_id")
    ).values_list("public_id", flat=True)
    leaves = tree.ordered(sold.licensed_works(grant), (ids.encode("org", holder) for holder in holders))
    works = tree.works_root(leaves, bytes(grant.secret))
    facts = _facts(grant, order, quote, found, works, signer, at)
    document = canonical.jcs(signing.secure(certificate.build(facts), signer, at))
    grant.works_root, grant.terms_root = works.root, certificate.terms_root(facts.terms)
    grant.save(update_fields=["works_root", "terms_root"])
    return _store(grant, key, document, at)


def _store(grant: Grant, key: IssuerKey, document: bytes, at: datetime) -> Certificate:
    return Certificate.objects.create(
        grant=grant, version=grant.version, key=key, document=document, issued_at=at,
        sha256=hashlib.sha256(document).hexdigest(),
    )  # fmt: skip


def _facts(
    grant: Grant, order: Order, quote: Quote, found: Sequence[sold.Basis], works: tree.WorksRoot,
    signer: signing.KeySigner, at: datetime,
) -> CertificateFacts:  # fmt: skip
    use = quote.clearance.use.body
    lines, sets = sold.terms_lines(found, use)
    shares = QuoteShare.objects.filter(line__quote=quote)
    licensors = Organisation.objects.filter(pk__in=shares.values("organisation_id")).order_by("id")
    licensee = Organisation.objects.get(pk=grant.organisation_id)
    copies_until = _copies_until(grant.starts, use.get("copy_retention_days"))
    issued = at.replace(microsecond=0)
    ends = [day for day in (grant.ends, copies_until) if day is not None]
    until = datetime.combine(max(ends), time(), UTC) if len(ends) == 2 else None
    return CertificateFacts(
        url=f"{settings.PUBLIC_URL}/certificates/{grant.name_id}", grant_id=grant.name_id,
        grant_version=grant.version, order_id=order.name_id, livemode=grant.livemode,
        issuer=Party(signing.did(signer.public_key), operator_name()), issued_at=issued, valid_from=issued,
        valid_until=until, licensee=Party(licensee.name_id, licensee.name),
        licensors=[Party(holder.name_id, holder.name) for holder in licensors], use=use,
        actions=vocabulary.names(vocabulary.mask(use["actions"])),
        territories=places.codes(places.mask(use["territories"])),
        model_territories=places.codes(places.mask(use.get("model_territories") or use["territories"])),
        periods=Periods(grant.starts, grant.ends, copies_until, str(use.get("model_survival") or "perpetual")),
        works=works, terms=lines, condition_sets=sets, assurance=_assurance(quote), contests=_contests(shares),
        warranties=_warranties(shares), price_commitment=certificate.price_commitment(price_salt(grant), price(quote)),
        status=_status_entries(grant),
    )  # fmt: skip


def _copies_until(starts: date, days: int | None) -> date | None:
    """The day copies must be gone; None is without end, which no number of days is."""
    return None if days is None else starts + timedelta(days=min(days, (date.max - starts).days))


def price_salt(grant: Grant) -> bytes:
    """The 128-bit salt of the price commitment, made from the grant's secret; for licensee and operator only."""
    return hmac.digest(bytes(grant.secret), b"licet-price-salt", "sha256")[:16]


def price(quote: Quote) -> dict[str, str]:
    """What the price commitment commits to."""
    return {
        "quote": quote.name_id, "currency": quote.currency, "works_minor": str(quote.works_minor),
        "tax_minor": str(quote.tax_minor), "total_minor": str(quote.total_minor),
    }  # fmt: skip


def operator_name() -> str:
    """The name certificates are issued under."""
    found = Organisation.objects.filter(is_operator=True, ended_at__isnull=True).order_by("id").first()
    return found.name if found else "Licet"


def _status_entries(grant: Grant) -> list[StatusEntry]:
    number, index = divmod(grant.status_index, status.SIZE)
    mode = "live" if grant.livemode else "test"
    return [
        StatusEntry(purpose, f"{settings.PUBLIC_URL}/status/{mode}/{purpose}/{number}", index)
        for purpose in ("revocation", "suspension")
    ]


def _assurance(quote: Quote) -> dict[str, int]:
    found: dict[str, int] = {}
    for assurance in quote.lines.values_list("decision__assurance", flat=True).iterator():
        found[assurance or "not_needed"] = found.get(assurance or "not_needed", 0) + 1
    return found


def _contests(shares: QuerySet[QuoteShare]) -> list[str]:
    open_ = Conflict.objects.filter(
        parties__claim__in=shares.values("claim_id"), status__in=["open", "evidence_requested"]
    ).distinct()
    return [conflict.name_id for conflict in open_]


def _warranties(shares: QuerySet[QuoteShare]) -> list[str]:
    """What each licensor warrants, by whom: at most 20, each said once, a long one cut and named by its hash."""
    rows = shares.values_list("organisation__name", "claim__warranty", "claim__signer").distinct()
    said = {f"{name}: {warranty.get('text', '')} ({signer})" for name, warranty, signer in rows if warranty}
    return [_cut(text) for text in sorted(said)[:20]]


def _cut(text: str) -> str:
    if len(text) <= WARRANTY:
        return text
    return f"{text[:WARRANTY]}… (SHA-256 of the whole: {digests.sha256_hex(text.encode())})"


def _post(order: Order, quote: Quote, grant: Grant, actor: Actor, at: datetime) -> None:
    """order_clearing -> tax_payable, platform_fee_income, royalty_pool (money.md 2); nothing for a free order."""
    if quote.total_minor == 0:
        return
    tax = quote.body.get("tax")  # where it was quoted for: the licensee may have moved since
    country = tax["jurisdiction"] if isinstance(tax, dict) else ""
    amounts = {
        f"order_clearing:{order.name_id}": quote.total_minor,
        f"tax_payable:{country or 'none'}": -quote.tax_minor,
        "platform_fee_income": -quote.fee_minor,
        f"royalty_pool:{order.name_id}": -(quote.works_minor - quote.fee_minor),
    }
    ledger.post(
        idem_key=f"grant:{order.name_id}", kind="grant", currency=quote.currency, livemode=order.livemode,
        lines=[ledger.Line(code, amount * money.MICRO) for code, amount in amounts.items() if amount],
        effective_date=at.date(), occurred_at=at, source=grant.name_id, actor=actor, at=at, rule_version=RULE_VERSION,
    )  # fmt: skip
