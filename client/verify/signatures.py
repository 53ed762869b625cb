"""Proofs (eddsa-jcs-2022, did:key) and whom to trust: the only user of `cryptography`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from .jcs import jcs, parse
from .report import Unusable, Wrong

LONGEST = 100
"""Most characters of a key or signature in base58: a hostile one would take minutes."""
ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
FIXED = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "proofPurpose": "assertionMethod"}


@dataclass(frozen=True)
class Signed:
    """Who signed a document and when he says he did."""

    key: str
    fingerprint: str
    created: datetime


@dataclass
class Trust:
    """Key records by verification method, and fingerprints pinned by hand."""

    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    pins: frozenset[str] = frozenset()

    def authenticates(self, signed: Signed, path: str, *, test: bool) -> bool:
        """True for a trusted key, False for an unknown one; Wrong when the key may not have signed this."""
        record = self.records.get(signed.key)
        if record is None:  # a pin vouches for a key nothing else is known of; it does not outweigh a revocation
            return signed.fingerprint in self.pins
        if record["livemode"] is test:
            raise Wrong("key_of_other_mode", path, "a test key may sign test documents only, a live key live ones")
        if not moment(record["not_before"]) <= signed.created < moment(record["not_after"]):
            raise Wrong("key_not_valid_then", path, f"the key was not valid at {signed.created.isoformat()}")
        revoked = record["revoked_at"]
        if revoked and (record["reason"] == "compromised" or signed.created >= moment(revoked)):
            raise Wrong("key_revoked", path, f"the key was revoked at {revoked} ({record['reason']})")
        return True


def read_trust(data: bytes, pins: frozenset[str]) -> Trust:
    """Trust file; Unusable when it is malformed or a record is not signed by its root."""
    try:
        return Trust(_records(parse(data)), pins)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, Wrong) as error:
        raise Unusable(f"the trust file cannot be used: {error}") from None


def _records(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    if document["format"] != "licet-trust-1":
        raise ValueError("unknown format")
    for record in document["keys"]:
        signed = verify(record, "trust file")
        if record["format"] != "licet-key-1" or signed.key.split("#")[0] != document["root"]:
            raise ValueError(f"key record {record['id']} is not signed by the root")
    records = {record["id"]: record for record in document["keys"]}
    if len(records) != len(document["keys"]):
        raise ValueError("a key is listed twice: a revoked one could hide behind an older record")
    return records


def verify(document: dict[str, Any], path: str) -> Signed:
    """Check the proof of a document; Wrong when there is none or it does not fit."""
    try:
        proof = document["proof"]
        options = {name: value for name, value in proof.items() if name != "proofValue"}
        public = _proof_key(options, document.get("@context"))
        unsigned = {name: value for name, value in document.items() if name != "proof"}
        data = hashlib.sha256(jcs(options)).digest() + hashlib.sha256(jcs(unsigned)).digest()
        Ed25519PublicKey.from_public_bytes(public).verify(_unbase58(proof["proofValue"]), data)
        return Signed(options["verificationMethod"], hashlib.sha256(public).hexdigest(), moment(options["created"]))
    except InvalidSignature:
        raise Wrong("signature", path, "the signature does not fit the document") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Wrong("signature", path, f"the proof cannot be used: {error}") from None


def _proof_key(options: dict[str, Any], context: object) -> bytes:
    if any(options.get(name) != value for name, value in FIXED.items()):
        raise ValueError("the proof is not an eddsa-jcs-2022 assertion")
    if options.get("@context") != context:
        raise ValueError("the contexts of proof and document differ")
    return public_key(options["verificationMethod"])


def public_key(method: str) -> bytes:
    """Raw key of a did:key verification method; ValueError for any other."""
    name, _, fragment = method.removeprefix("did:key:").partition("#")
    data = _unbase58(name)
    if not method.startswith("did:key:") or name != fragment or data[:2] != b"\xed\x01" or len(data) != 34:
        raise ValueError("the verification method is not an Ed25519 did:key")
    return data[2:]


def moment(text: str) -> datetime:
    """Time of an RFC 3339 text in UTC; ValueError for another zone."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _unbase58(text: str) -> bytes:
    if not text.startswith("z") or len(text) > LONGEST:
        raise ValueError("not a key or signature in base58btc")
    number = 0
    for character in text[1:]:
        number = number * 58 + ALPHABET.index(character)
    zeros = len(text[1:]) - len(text[1:].lstrip("1"))
    return b"\x00" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")
