"""licet-verify --status: valid only when lists and withdrawals are signed, fresh and silent."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from client.verify.status import BITS
from licensing.grants import status
from licensing.kernel import canonical
from licensing.outside import signing
from tests.client.checking import LATER, code, verify
from tests.licensing.delivery import sample

FRESH = LATER - timedelta(hours=1)
UNTIL = LATER + timedelta(hours=23)


def _write(folder: Path, name: str, document: dict[str, Any], key: signing.Signer = sample.TEST_KEY) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(canonical.jcs(signing.secure(document, key, FRESH)))


def _list(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "url": sample.STATUS_URL,
        "issuer_id": signing.did(sample.TEST_KEY.public_key),
        "purpose": "revocation",
        "indexes": [3, 90_000],
        "valid_from": FRESH,
        "valid_until": UNTIL,
    }
    return status.status_list(**facts | changes)


def _withdrawals(**changes: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "grant_id": sample.GRANT,
        "sequence": 4,
        "as_of": FRESH,
        "valid_until": UNTIL,
        "current_release": 1,
        "works": {},
    }
    return status.withdrawals(**facts | changes)


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = tmp_path / "status"
    _write(folder, "revocation.json", _list())
    _write(folder, "withdrawals.json", _withdrawals())
    return folder


def test_valid(pristine: Path, published: Path) -> None:
    for target in (pristine, pristine / "certificate.json"):
        report = verify(target, status=published)
        assert (report.exit, report.status, report.status_as_of) == (0, "valid", signing.timestamp(FRESH))


def test_revoked_and_suspended(pristine: Path, published: Path, tmp_path: Path) -> None:
    _write(published, "revocation.json", _list(indexes=[4711]))
    report = verify(pristine, status=published)
    assert (report.exit, report.status, code(report)[1]) == (1, "revoked", "revoked")
    entry = sample.certificate.StatusEntry("suspension", "https://licet.example/status/suspension-1", 5)
    (tmp_path / "certificate.json").write_bytes(sample.signed_certificate(status=[entry]))
    _write(published, "suspension.json", _list(url=entry.list_url, purpose="suspension", indexes=[5]))
    assert verify(tmp_path / "certificate.json", status=published).status == "suspended"


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("revocation.json", _list(valid_until=LATER)),
        ("revocation.json", _list(url="https://licet.example/status/other")),
        ("revocation.json", _list(valid_from=LATER + timedelta(seconds=1))),
        ("revocation.json", {**_list(), "credentialSubject": {"statusPurpose": "revocation", "encodedList": "uAAAA"}}),
        ("withdrawals.json", _withdrawals(valid_until=LATER)),
        ("withdrawals.json", _withdrawals(grant_id="grt_other")),
        ("other.json", {"type": "something"}),
    ],
)
def test_stale_missing_or_broken_is_unknown(
    pristine: Path, published: Path, name: str, document: dict[str, Any]
) -> None:
    _write(published, name, document)
    report = verify(pristine, status=published)
    assert report.exit == 4
    assert report.status.startswith("unknown")
    assert code(report)[1] == "status_unknown"


def test_status_signed_by_a_stranger_or_nobody_is_unknown(pristine: Path, published: Path) -> None:
    _write(published, "revocation.json", _list(), signing.KeySigner(b"\x09" * 32))
    assert verify(pristine, status=published).exit == 4
    (published / "revocation.json").write_bytes(b"{}")
    assert verify(pristine, status=published).exit == 4


def test_an_empty_folder_is_unknown_and_a_missing_one_unusable(pristine: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert verify(pristine, status=tmp_path / "empty").exit == 4
    assert verify(pristine, status=tmp_path / "nowhere").exit == 2


def test_rows_withdrawn_since_are_counted(pristine: Path, published: Path) -> None:
    works = {sample.work_id(3): FRESH, sample.work_id(4): FRESH, sample.work_id(5): LATER + timedelta(days=1)}
    _write(published, "z.json", _withdrawals(sequence=5, current_release=2, works=works))
    report = verify(pristine, status=published)
    assert (report.exit, report.status, report.withdrawn_rows) == (1, "superseded", 2)


def test_a_newer_release_that_withdrew_nothing_here_only_supersedes(pristine: Path, published: Path) -> None:
    _write(published, "z.json", _withdrawals(sequence=5, current_release=2))
    report = verify(pristine, status=published)
    assert (report.exit, report.status) == (0, "superseded")
    assert "release 2" in report.text()


def test_a_list_has_enough_entries_and_bit_zero_on_the_left() -> None:
    assert status.SIZE == BITS
    assert status.encode([0]) != status.encode([7])
    for indexes, size in (([status.SIZE], status.SIZE), ([-1], status.SIZE), ([], 8)):
        with pytest.raises(ValueError):
            status.encode(indexes, size)
    with pytest.raises(ValueError):
        _list(purpose="message")
