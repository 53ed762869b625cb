"""Data Integrity proofs against the official vectors, key records and the trust file."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from licensing.kernel import canonical
from licensing.outside import signing

VECTORS = Path(__file__).parents[4] / "shared/data/standards/vc/eddsa"
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROOT = signing.KeySigner(b"\x01" * 32)
ISSUER = signing.KeySigner(b"\x02" * 32)


@pytest.fixture
def vectors() -> Path:
    if not VECTORS.is_dir():
        pytest.skip("the official eddsa-jcs-2022 vectors are not on this machine")
    return VECTORS


def test_official_vectors_byte_for_byte(vectors: Path, tmp_path: Path) -> None:
    suite = vectors / "eddsa-jcs-2022"
    document = json.loads((vectors / "unsigned.json").read_text())
    options = json.loads((suite / "proofConfigJCS.json").read_text())
    (tmp_path / "key").write_text(json.loads((vectors / "keyPair.json").read_text())["privateKeyMultibase"])
    signer = signing.read_key(tmp_path / "key")

    assert canonical.jcs(document).decode() == (suite / "canonDocJCS.txt").read_text().strip()
    assert signing.hash_data(document, options).hex() == (suite / "combinedHashJCS.txt").read_text().strip()
    signed = signing.secure(document, signer, datetime(2023, 2, 24, 23, 36, 38, tzinfo=UTC))
    assert signed == json.loads((suite / "signedJCS.json").read_text())
    assert signed["proof"]["proofValue"] == (suite / "sigBTC58JCS.txt").read_text().strip()
    assert signing.verify(signed) == signer.public_key


def test_private_key_text_is_the_one_that_is_read(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(signing.private_multikey(b"\x07" * 32) + "\n")
    assert signing.read_key(tmp_path / "key").public_key == signing.KeySigner(b"\x07" * 32).public_key


@pytest.mark.parametrize("text", ["", "z", "z6Mk", "hello", "z" + signing.base58(b"\x80\x26" + b"a" * 31), "z0O"])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "key").write_text(text)
    with pytest.raises(ValueError):
        signing.read_key(tmp_path / "key")


def test_any_change_breaks_the_signature() -> None:
    signed = signing.secure({"@context": ["a"], "amount": "1", "list": [1, 2]}, ISSUER, AT)
    for change in ({"amount": "2"}, {"list": [2, 1]}, {"more": None}, {"@context": ["a", "b"]}):
        with pytest.raises(ValueError):
            signing.verify({**signed, **change})
    for change in ({"created": "2026-01-02T03:04:06Z"}, {"proofPurpose": "authentication"}, {"x": 1}):
        with pytest.raises(ValueError):
            signing.verify({**signed, "proof": {**signed["proof"], **change}})
    with pytest.raises(ValueError, match="no proof"):
        signing.verify({"a": 1})


@pytest.mark.parametrize("value", [1.0, 2**53, float("nan")])
def test_floats_and_large_integers_are_refused_at_signing(value: object) -> None:
    with pytest.raises(ValueError):
        signing.secure({"amount": value}, ISSUER, AT)


def test_a_document_is_signed_once() -> None:
    signed = signing.secure({"a": 1}, ISSUER, AT)
    with pytest.raises(ValueError, match="already"):
        signing.secure(signed, ISSUER, AT)


def test_a_key_names_itself() -> None:
    assert signing.public_key_of(signing.method(ISSUER.public_key)) == ISSUER.public_key
    assert signing.fingerprint(ISSUER.public_key) != signing.fingerprint(ROOT.public_key)
    for text in ("https://issuer.example/key#1", "did:key:zAbc#zAbd", "did:key:"):
        with pytest.raises(ValueError):
            signing.public_key_of(text)


def test_trust_file_holds_only_records_signed_by_the_root() -> None:
    record = signing.KeyRecord(ISSUER.public_key, livemode=False, not_before=AT, not_after=AT.replace(year=2028))
    good = signing.key_record(record, ROOT, AT)
    data = signing.trust_file(ROOT.public_key, [good])
    assert canonical.parse(data)["keys"] == [good]
    foreign = signing.key_record(record, ISSUER, AT)
    with pytest.raises(ValueError, match="not signed by the root"):
        signing.trust_file(ROOT.public_key, [foreign])


@pytest.mark.parametrize(("revoked", "reason"), [(AT, None), (None, "ceased"), (AT, "bored")])
def test_a_revocation_says_when_and_why(revoked: datetime | None, reason: str | None) -> None:
    record = signing.KeyRecord(ISSUER.public_key, True, AT, AT.replace(year=2028), revoked, reason)
    with pytest.raises(ValueError):
        signing.key_record(record, ROOT, AT)


def test_times_are_utc_with_zone() -> None:
    assert signing.timestamp(AT) == "2026-01-02T03:04:05Z"
    with pytest.raises(ValueError):
        signing.timestamp(AT.replace(tzinfo=None))


def test_base58_keeps_leading_zeros() -> None:
    for data in (b"", b"\x00", b"\x00\x00\x01", b"\xff" * 40):
        assert signing.unbase58(signing.base58(data)) == data
