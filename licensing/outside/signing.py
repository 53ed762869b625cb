"""Ed25519 keys, Data Integrity proofs (eddsa-jcs-2022) and the trust file.

Sources: W3C Data Integrity EdDSA Cryptosuites 1.0 section 3.3, RFC 8032, did:key and Multikey (0xed01 prefix).
An issuer key signs certificates and manifests; an offline root key signs the records of issuer keys; the
trust file holds the root's public key and those records.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from licensing.kernel import canonical

TRUST_FORMAT: Final = "licet-trust-1"
KEY_FORMAT: Final = "licet-key-1"
REASONS: Final = ("superseded", "compromised", "ceased")
"""Why a key ends. Signatures made before the end stay good, except after `compromised`."""

_LONGEST: Final = 100
"""Most characters of a key or signature in base58: it takes quadratic time, and documents come from anybody."""
_ALPHABET: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_PUBLIC: Final = b"\xed\x01"
_PRIVATE: Final = b"\x80\x26"


class Signer(Protocol):
    """Whatever can sign: a key read from a file, or a key management service."""

    @property
    def public_key(self) -> bytes:
        """Raw 32-byte Ed25519 public key."""

    def sign(self, data: bytes) -> bytes:
        """64-byte Ed25519 signature of `data`."""


class KeySigner:
    """Signs with a private key held in memory."""

    def __init__(self, seed: bytes) -> None:
        """`seed`: the 32-byte private key of RFC 8032; ValueError for another length."""
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public_key = self._key.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        """64-byte Ed25519 signature of `data`."""
        return self._key.sign(data)


def read_key(path: Path) -> KeySigner:
    """Signer from a file with a private Multikey (`z3u2...`); ValueError when it is not one."""
    return KeySigner(_tagged(path.read_text("ascii").strip(), _PRIVATE))


def private_multikey(seed: bytes) -> str:
    """The text `read_key` reads. A secret: written only to files of mode 0600 by who makes keys."""
    return "z" + base58(_PRIVATE + seed)


def public_multikey(public_key: bytes) -> str:
    """`z6Mk...` of a raw public key."""
    return "z" + base58(_PUBLIC + public_key)


def did(public_key: bytes) -> str:
    """did:key of a raw public key: the issuer's id in certificates."""
    return "did:key:" + public_multikey(public_key)


def method(public_key: bytes) -> str:
    """Verification method of a key = id of its key record."""
    name = public_multikey(public_key)
    return f"did:key:{name}#{name}"


def fingerprint(public_key: bytes) -> str:
    """Hex SHA-256 of the raw public key: what order, PDF and public page print for pinning."""
    return hashlib.sha256(public_key).hexdigest()


def public_key_of(verification_method: str) -> bytes:
    """Raw public key named by a did:key verification method; ValueError for anything else."""
    name, _, fragment = verification_method.removeprefix("did:key:").partition("#")
    if not verification_method.startswith("did:key:") or fragment != name:
        raise ValueError("the verification method is not a did:key")
    return _tagged(name, _PUBLIC)


def secure(document: Mapping[str, Any], signer: Signer, created: datetime) -> dict[str, Any]:
    """Return `document` with an eddsa-jcs-2022 proof made at `created` (UTC, whole seconds).

    ValueError when the document has a proof already, or holds a float or a number beyond 2^53-1.
    """
    if "proof" in document:
        raise ValueError("the document has a proof already")
    options = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": timestamp(created),
        "verificationMethod": method(signer.public_key),
        "proofPurpose": "assertionMethod",
    }
    if "@context" in document:
        options["@context"] = document["@context"]
    signature = signer.sign(hash_data(document, options))
    return {**document, "proof": {**options, "proofValue": "z" + base58(signature)}}


def verify(document: Mapping[str, Any]) -> bytes:
    """Raw public key that made the proof of `document`. Whether to trust it is another question.

    ValueError, naming what is wrong, when the proof is missing, of another suite or does not fit.
    """
    proof = document.get("proof")
    if not isinstance(proof, dict):
        raise ValueError("there is no proof")  # noqa: TRY004 -- one kind of error for every bad document
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    expected = {"type": "DataIntegrityProof", "cryptosuite": "eddsa-jcs-2022", "proofPurpose": "assertionMethod"}
    if any(options.get(name) != value for name, value in expected.items()):
        raise ValueError("the proof is not an eddsa-jcs-2022 assertion")
    if options.get("@context") != document.get("@context"):
        raise ValueError("the contexts of proof and document differ")
    public_key = public_key_of(str(options.get("verificationMethod")))
    unsecured = {name: value for name, value in document.items() if name != "proof"}
    try:
        signature = unbase58(str(proof.get("proofValue")).removeprefix("z"))
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, hash_data(unsecured, options))
    except InvalidSignature:
        raise ValueError("the signature does not fit the document") from None
    return public_key


def hash_data(document: Mapping[str, Any], options: Mapping[str, Any]) -> bytes:
    """SHA-256(JCS(proof options)) || SHA-256(JCS(document)): the 64 bytes that are signed."""
    return (
        hashlib.sha256(canonical.jcs(dict(options))).digest() + hashlib.sha256(canonical.jcs(dict(document))).digest()
    )


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What the root says of an issuer key. `livemode` False: it may sign test documents only."""

    public_key: bytes
    livemode: bool
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None = None
    reason: str | None = None


def key_record(record: KeyRecord, root: Signer, created: datetime) -> dict[str, Any]:
    """A record signed by the root key. ValueError when `revoked_at` and a known `reason` do not go together."""
    if (record.revoked_at is None) != (record.reason is None) or record.reason not in (None, *REASONS):
        raise ValueError("a revoked key needs revoked_at and one of the reasons " + ", ".join(REASONS))
    document = {
        "format": KEY_FORMAT,
        "id": method(record.public_key),
        "livemode": record.livemode,
        "not_before": timestamp(record.not_before),
        "not_after": timestamp(record.not_after),
        "revoked_at": None if record.revoked_at is None else timestamp(record.revoked_at),
        "reason": record.reason,
    }
    return secure(document, root, created)


def trust_file(root_public_key: bytes, records: Sequence[Mapping[str, Any]]) -> bytes:
    """Canonical bytes of a trust file. ValueError when a record is not signed by the root."""
    for record in records:
        if verify(record) != root_public_key:
            raise ValueError(f"key record {record.get('id')} is not signed by the root")
    ordered = sorted((dict(record) for record in records), key=lambda record: str(record["id"]))
    return canonical.jcs({"format": TRUST_FORMAT, "root": did(root_public_key), "keys": ordered})


def timestamp(at: datetime) -> str:
    """RFC 3339 in UTC with Z, whole seconds; ValueError for a time without zone."""
    if at.tzinfo is None:
        raise ValueError("a time needs a zone")
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def base58(data: bytes) -> str:
    """Base58 (Bitcoin alphabet), leading zero bytes kept as `1`."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = _ALPHABET[rest] + text
    return "1" * (len(data) - len(data.lstrip(b"\x00"))) + text


def unbase58(text: str) -> bytes:
    """Bytes of a Base58 text; ValueError for a foreign character or one longer than any key or signature."""
    if len(text) > _LONGEST:
        raise ValueError("too long for a key or a signature")
    number = 0
    for character in text:
        number = number * 58 + _ALPHABET.index(character)
    zeros = len(text) - len(text.lstrip("1"))
    return b"\x00" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def _tagged(text: str, tag: bytes) -> bytes:
    data = unbase58(text.removeprefix("z")) if text.startswith("z") else b""
    if data[:2] != tag or len(data) != 34:
        raise ValueError("not an Ed25519 Multikey")
    return data[2:]
