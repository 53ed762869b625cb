"""The certificate of a grant: facts in, unsigned W3C Verifiable Credential 2.0 out. Pure.

The use, the works root, the terms root and the price commitment are what can be proved later; the ODRL
Agreement says the same for machines, one permission per distinct set of conditions. At most 64 KiB for any
grant: what does not fit inline is carried by root and count (rights/terms.jsonl has every line).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple

from licensing.grants.tree import WorksRoot
from licensing.kernel import canonical, digests

CREDENTIALS: Final = "https://www.w3.org/ns/credentials/v2"
CONTEXT: Final = "https://licet.example/ns/licence/v1"
TERM: Final = CONTEXT + "#"
ODRL: Final = "http://www.w3.org/ns/odrl/2/"
LIVE_TYPE: Final = "LicetCertificate"
TEST_TYPE: Final = "LicetTestCertificate"
INLINE: Final = 100
"""Most terms, licensors, contests and condition sets listed inline."""
LIMIT: Final = 64 * 1024
_PROOF_ROOM: Final = 1_024


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation as printed on the certificate: public id and name."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Constraint:
    """`left` and `operator` as ODRL terms (`spatial`, `lteq`) or full IRIs; `right` a value or a list."""

    left: str
    operator: str
    right: str | tuple[str, ...]


class Duty(NamedTuple):
    """A condition of terms: its kind (a name of our profile) and its parameters as canonical JSON of an object."""

    kind: str
    parameters: str = "{}"


@dataclass(frozen=True, slots=True)
class ConditionSet:
    """Conditions shared by `works` works: the leaf actions, constraints and duties."""

    actions: tuple[str, ...]
    constraints: tuple[Constraint, ...]
    duties: tuple[Duty, ...]
    works: int

    def key(self) -> str:
        """Hex SHA-256 of the conditions without the count: names the set in terms.jsonl and the agreement."""
        constraints = sorted([item.left, item.operator, _right(item.right)] for item in self.constraints)
        duties = [[duty.kind, json.loads(duty.parameters)] for duty in sorted(self.duties)]
        return digests.of_json([sorted(self.actions), constraints, duties])


class TermsPart(NamedTuple):
    """One of several terms versions that hold together for a work with several licensors."""

    id: str
    version: int
    hash: str
    text_hash: str | None
    licensor_id: str

    def value(self) -> dict[str, Any]:
        """The JSON object in `parts`."""
        return {"hash": self.hash, "id": self.id, "licensor": self.licensor_id, "text_hash": self.text_hash,
                "version": self.version}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TermsLine:
    """One line of rights/terms.jsonl: a terms version some works were sold under. Hashes are hex SHA-256.

    Terms of several licensors that hold together are one line: ids joined by `+`, the hash that of the list of their
    hashes, version 0 and no text of its own; `parts` says which they are.
    """

    id: str
    version: int
    hash: str
    text_hash: str | None
    licensor_id: str
    conditions: str
    works: int
    parts: tuple[TermsPart, ...] = ()

    def value(self) -> dict[str, Any]:
        """The JSON object of the line."""
        return {
            "conditions": self.conditions,
            "hash": self.hash,
            "id": self.id,
            "licensor": self.licensor_id,
            "parts": [part.value() for part in self.parts],
            "text_hash": self.text_hash,
            "version": self.version,
            "works": self.works,
        }


@dataclass(frozen=True, slots=True)
class Periods:
    """Half-open dates. `copies_until` None = without end; `model_survival` as the terms name it."""

    training_from: date | None
    training_until: date | None
    copies_until: date | None
    model_survival: str


@dataclass(frozen=True, slots=True)
class StatusEntry:
    """Place in a Bitstring Status List. `purpose`: revocation or suspension."""

    purpose: str
    list_url: str
    index: int


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """Everything a certificate says. `use` is JSON-safe; `url` is the public certificate page (its id)."""

    url: str
    grant_id: str
    grant_version: int
    order_id: str
    livemode: bool
    issuer: Party
    issued_at: datetime
    valid_from: datetime
    valid_until: datetime | None
    licensee: Party
    licensors: Sequence[Party]
    use: Mapping[str, Any]
    actions: Sequence[str]
    territories: Sequence[str]
    model_territories: Sequence[str]
    periods: Periods
    works: WorksRoot
    terms: Sequence[TermsLine]
    condition_sets: Sequence[ConditionSet]
    assurance: Mapping[str, int]
    contests: Sequence[str]
    warranties: Sequence[str]
    price_commitment: str
    status: Sequence[StatusEntry]


def terms_order(lines: Iterable[TermsLine]) -> list[TermsLine]:
    """Order of terms.jsonl: by id, version, licensor and hash."""
    return sorted(lines, key=lambda line: (line.id, line.version, line.licensor_id, line.hash))


def terms_root(lines: Iterable[TermsLine]) -> str:
    """Hex RFC 9162 root over the JCS bytes of the lines in `terms_order`."""
    return digests.merkle_root(canonical.jcs(line.value()) for line in terms_order(lines)).hex()


def price_commitment(salt: bytes, price: Mapping[str, Any]) -> str:
    """Hex SHA-256(salt || JCS(price)); the 16-byte salt stays with licensee and operator. ValueError if shorter."""
    if len(salt) < 16:
        raise ValueError("the salt of a price commitment has 128 bits")
    return hashlib.sha256(salt + canonical.jcs(dict(price))).hexdigest()


def build(facts: CertificateFacts) -> dict[str, Any]:
    """The unsigned credential, at most 64 KiB once signed; lists that do not fit become root and count.

    ValueError when it cannot fit (the use itself is too large), or holds a float or a too large integer.
    """
    for inline in (INLINE, 25, 0):
        document = _document(facts, inline)
        if len(canonical.jcs(document)) <= LIMIT - _PROOF_ROOM:
            return document
    raise ValueError("the certificate is larger than 64 KiB even without lists")


def _document(facts: CertificateFacts, inline: int) -> dict[str, Any]:
    document: dict[str, Any] = {
        "@context": [CREDENTIALS, CONTEXT],
        "id": facts.url,
        "type": ["VerifiableCredential", LIVE_TYPE if facts.livemode else TEST_TYPE],
        "issuer": {"id": facts.issuer.id, "name": facts.issuer.name},
        "validFrom": _time(facts.valid_from),
        "credentialSubject": _subject(facts, inline),
        "credentialStatus": [
            {
                "id": f"{entry.list_url}#{entry.index}",
                "type": "BitstringStatusListEntry",
                "statusPurpose": entry.purpose,
                "statusListIndex": str(entry.index),
                "statusListCredential": entry.list_url,
            }
            for entry in facts.status
        ],
    }
    if facts.valid_until is not None:
        document["validUntil"] = _time(facts.valid_until)
    return document


def _subject(facts: CertificateFacts, inline: int) -> dict[str, Any]:
    licensors = sorted({(party.id, party.name) for party in facts.licensors})
    terms = terms_order(facts.terms)
    return {
        "id": _urn(facts.grant_id),
        "type": "Licence",
        "grant": facts.grant_id,
        "grantVersion": facts.grant_version,
        "order": facts.order_id,
        "issuedAt": _time(facts.issued_at),
        "licensee": _organisation(facts.licensee.id, facts.licensee.name),
        "licensor": [_organisation(*party) for party in licensors] if len(licensors) <= inline else [],
        "licensorCount": len(licensors),
        "use": dict(facts.use),
        "territories": list(facts.territories),
        "modelTerritories": list(facts.model_territories),
        "periods": {
            "training_from": _date(facts.periods.training_from),
            "training_until": _date(facts.periods.training_until),
            "copies_until": _date(facts.periods.copies_until),
            "model_survival": facts.periods.model_survival,
        },
        "works": {"root": facts.works.root, "count": facts.works.works, "leaves": facts.works.leaves},
        "terms": {
            "root": terms_root(terms),
            "count": len(terms),
            "inline": [line.value() for line in terms] if len(terms) <= inline else [],
        },
        "assurance": dict(facts.assurance),
        "contests": {"count": len(facts.contests), "inline": sorted(facts.contests)[:inline]},
        "warranties": list(facts.warranties) or ["none given"],
        "priceCommitment": facts.price_commitment,
        "agreement": _agreement(facts, inline),
    }


def _agreement(facts: CertificateFacts, inline: int) -> dict[str, Any]:
    sets = sorted(facts.condition_sets, key=ConditionSet.key)
    if len(sets) <= inline:
        permissions = [_permission(facts, item) for item in sets]
    else:  # every work is cleared for the use asked for; its conditions are found through the terms root
        pointer = Constraint(TERM + "termsRoot", "eq", terms_root(facts.terms))
        everything = ConditionSet(tuple(facts.actions), (pointer,), (), facts.works.works)
        permissions = [_permission(facts, everything)]
    licensors = sorted({party.id for party in facts.licensors})
    return {
        "id": _urn(f"{facts.grant_id}:{facts.grant_version}"),
        "type": "Agreement",
        "profile": TERM + "odrl",
        "assigner": [_urn(item) for item in licensors] if len(licensors) <= inline else [facts.issuer.id],
        "assignee": _urn(facts.licensee.id),
        "permission": permissions,
    }


def _permission(facts: CertificateFacts, conditions: ConditionSet) -> dict[str, Any]:
    permission: dict[str, Any] = {
        "target": {
            "id": "urn:licet:works:" + facts.works.root,
            "type": "AssetCollection",
            "worksRoot": facts.works.root,
            "worksCount": conditions.works,
        },
        "action": [_iri(action, TERM) for action in sorted(conditions.actions)],
        "conditionSet": conditions.key(),
    }
    if conditions.constraints:
        permission["constraint"] = [
            {
                "leftOperand": _iri(item.left, ODRL),
                "operator": _iri(item.operator, ODRL),
                "rightOperand": _right(item.right),
            }
            for item in sorted(conditions.constraints, key=lambda item: (item.left, item.operator, str(item.right)))
        ]
    if conditions.duties:
        permission["duty"] = [_duty(duty) for duty in sorted(conditions.duties)]
    return permission


def _duty(duty: Duty) -> dict[str, Any]:
    parameters = json.loads(duty.parameters)
    return {"action": _iri(duty.kind, TERM), **({"parameters": parameters} if parameters else {})}


def _organisation(identifier: str, name: str) -> dict[str, Any]:
    return {"id": _urn(identifier), "type": "Organisation", "name": name}


def _urn(identifier: str) -> str:
    return "urn:licet:" + identifier


def _iri(name: str, base: str) -> str:
    return name if ":" in name else base + name


def _right(value: str | tuple[str, ...]) -> str | list[str]:
    return value if isinstance(value, str) else sorted(value)


def _date(value: date | None) -> str | None:
    return None if value is None else value.isoformat()


def _time(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError("a time needs a zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
