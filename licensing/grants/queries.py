"""What there is to read about grants: who may know of one, its certificate, and what anybody may check."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet

from accounts import permissions
from accounts.errors import Refused
from accounts.permissions import Scope
from accounts.unit import Actor, system, unit
from licensing.grants import services
from licensing.grants.models import Certificate, Grant, GrantWork, IssuerKey
from licensing.kernel import canonical
from licensing.outside import signing

FINAL = {"revoked": "revoked", "suspended": "suspended", "ended": "expired"}


def visible(actor: Actor) -> QuerySet[Grant]:
    """Grants of the actor's organisation, those that license its works, or all of its mode. Needs an open unit."""
    rows = Grant.objects.select_related("order", "organisation").filter(livemode=actor.livemode)
    if actor.scope == "all":
        return rows
    sold = GrantWork.objects.filter(organisation_id=actor.organisation_id or 0).values("grant_id")
    single = Q(pk__in=permissions.guest_ids(actor, "orders.read", "grant"))
    return rows.filter(Q(organisation_id=actor.organisation_id or 0) | Q(pk__in=sold) | single)


def scope_of(grant: Grant) -> Scope:
    """Whose it is and whose works it licenses, for `permissions.check`. Needs an open unit."""
    sellers = GrantWork.objects.filter(grant=grant).values_list("organisation_id", flat=True).distinct()
    return Scope(grant.organisation_id, frozenset(sellers), guarded=frozenset({("grant", grant.pk)}))


def works(grant: Grant, actor: Actor) -> QuerySet[GrantWork]:
    """The licensed works the actor may see: all for licensee and house, its own for a holder. Needs an open unit."""
    rows = GrantWork.objects.filter(grant=grant).select_related("work", "organisation")
    guest = grant.pk in permissions.guest_ids(actor, "orders.read", "grant")
    whole = guest or actor.scope == "all" or grant.organisation_id == actor.organisation_id
    return rows if whole else rows.filter(organisation_id=actor.organisation_id or 0)


def certificate(grant: Grant) -> bytes:
    """The signed bytes of the newest version, as issued. Needs an open unit. Raises Refused("not_found")."""
    found = Certificate.objects.filter(grant=grant).order_by("-version").first()
    if found is None:
        raise Refused("not_found", f"{grant.name_id} has no certificate.")
    return bytes(found.document)


def price_opening(grant: Grant, actor: Actor) -> dict[str, Any] | None:
    """Salt and price behind the certificate's price commitment: for the licensee and the operator, else None."""
    if grant.organisation_id != actor.organisation_id and "operator" not in actor.roles:
        return None
    return {"salt": services.price_salt(grant).hex(), "price": services.price(grant.order.quote)}


@dataclass(frozen=True, slots=True)
class Public:
    """What anybody may know of a certificate: no licensee, no licensor, no work. `status` is valid, expired, not_yet,
    suspended or revoked; a certificate under dispute stays valid until that is decided.
    """

    grant: str
    version: int
    livemode: bool
    status: str
    issuer: Mapping[str, str]
    issued_at: datetime
    valid_from: str
    valid_until: str | None
    kind: str
    sha256: str


def public_facts(grant_id: str, *, at: datetime) -> Public:
    """The public page of a grant in either mode. Call it outside any unit. Raises Refused("not_found")."""
    try:
        key = Grant.decode(grant_id)
    except ValueError:
        raise _nothing(grant_id) from None
    for livemode in (True, False):
        with unit(system(livemode=livemode)):
            rows = Certificate.objects.select_related("grant").filter(grant__public_id=key, grant__livemode=livemode)
            found = rows.order_by("-version").first()
            if found is not None:
                return _facts(found, at)
    raise _nothing(grant_id)


def presented(document: Mapping[str, Any], *, at: datetime) -> dict[str, Any]:
    """The verdict over a certificate somebody shows: {ok, status, problem, authentic, certificate, document}.

    `authentic`: signed by one of our keys and stored here byte for byte. `status` is that of `Public`, or superseded,
    or unknown; `problem` says in one word what is wrong with the document. Call it outside any unit.
    """
    try:
        public_key = signing.verify(document)
        sha256 = hashlib.sha256(canonical.jcs(dict(document))).hexdigest()
        name = signing.method(public_key)
    except (ValueError, TypeError, AttributeError):
        return _verdict("signature_wrong", document)
    for livemode in (True, False):
        with unit(system(livemode=livemode)):
            issuer = IssuerKey.objects.filter(key_id=name, livemode=livemode).first()
            stored = Certificate.objects.select_related("grant").filter(sha256=sha256, key=issuer).first()
        if issuer is not None:
            break
    if issuer is None:
        return _verdict("issuer_unknown", document)
    if stored is None:
        return _verdict("not_issued_here", document)
    found = _facts(stored, at)
    ended = issuer.revoked_at
    if ended is not None and (issuer.record["reason"] == "compromised" or stored.issued_at >= ended):
        return _verdict("issuer_key_revoked", document, found)
    status = "superseded" if stored.version < stored.grant.version else found.status
    return _verdict("", document, found, status)


def _verdict(
    problem: str, document: Mapping[str, Any], found: Public | None = None, status: str = "unknown"
) -> dict[str, Any]:
    return {
        "ok": not problem and status == "valid",
        "status": status,
        "problem": problem or None,
        "authentic": not problem,
        "certificate": found,
        "document": dict(document) if not problem else None,
    }


def _facts(stored: Certificate, at: datetime) -> Public:
    grant = stored.grant
    document = json.loads(bytes(stored.document))
    starts, ends = document["validFrom"], document.get("validUntil")
    status = FINAL.get(grant.status, "valid")
    now = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if status == "valid" and now < starts:
        status = "not_yet"
    if status == "valid" and ends is not None and now >= ends:
        status = "expired"
    return Public(
        grant.name_id, stored.version, grant.livemode, status, document["issuer"], stored.issued_at, starts, ends,
        next(kind for kind in document["type"] if kind != "VerifiableCredential"), stored.sha256,
    )  # fmt: skip


def _nothing(name: str) -> Refused:
    return Refused("not_found", f"There is no certificate {name[:60]}.")
