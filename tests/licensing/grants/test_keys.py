"""Issuer keys: made once, published under the root, and what is left when the root is lost."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from accounts.errors import Refused
from accounts.models import AuditRow
from accounts.unit import SYSTEM, unit
from client.verify.signatures import read_trust
from licensing.grants import keys
from licensing.grants.models import IssuerKey
from licensing.outside import signing
from tests import scenario

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def place(tmp_path: Path, settings: Any) -> Path:
    settings.ISSUER_KEYS = tmp_path / "keys"
    return tmp_path / "keys"


def published() -> set[str]:
    with unit(SYSTEM):
        return set(read_trust(keys.trust(), frozenset()).records)


def test_keys_are_made_once_and_only_their_owner_reads_them(place: Path) -> None:
    first = keys.create(actor=SYSTEM, at=scenario.now())
    assert [key.livemode for key in first] == [False, True]
    assert keys.create(actor=SYSTEM, at=scenario.now()) == first
    assert {path.stat().st_mode & 0o777 for path in place.iterdir()} == {0o600}
    assert published() == {key.key_id for key in first}


def test_without_the_root_nothing_new_is_published(place: Path) -> None:
    first = keys.create(actor=SYSTEM, at=scenario.now())
    (place / keys.ROOT).unlink()
    (place / keys.LIVE).unlink()
    assert keys.create(actor=SYSTEM, at=scenario.now()) == first
    with unit(SYSTEM), pytest.raises(Refused) as refused:
        keys.current(livemode=True, at=scenario.now())
    assert refused.value.code == "issuer_key_missing"


def test_a_lost_folder_gives_a_new_root_and_a_trust_file_that_can_be_used(place: Path) -> None:
    lost = {key.key_id for key in keys.create(actor=SYSTEM, at=scenario.now())}
    for path in place.iterdir():
        path.unlink()
    keys.create(actor=SYSTEM, at=scenario.now())
    with unit(SYSTEM):
        _, signer = keys.current(livemode=False, at=scenario.now())
    assert signing.method(signer.public_key) in published()
    assert published().isdisjoint(lost)


def commanded(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command("issuer_keys", *arguments, "--json", stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_a_revoked_key_signs_no_more_and_what_it_signed_is_told(place: Path) -> None:
    test, live = commanded()["keys"]
    answer = commanded("--revoke", test["id"], "--reason", "compromised")
    assert [bool(key["revoked_at"]) for key in answer["keys"]] == [True, False]
    with unit(SYSTEM):
        records = read_trust(keys.trust(), frozenset()).records
        assert [records[key["id"]]["reason"] for key in (test, live)] == ["compromised", None]
        with pytest.raises(Refused):
            keys.current(livemode=False, at=scenario.now())
        row = AuditRow.objects.get(act="issuer_key.revoked")
    assert row.after == {"reason": "compromised"}
    assert commanded("--revoke", test["id"], "--reason", "ceased") == answer


@pytest.mark.parametrize(("known", "message"), [(True, "needs the root key"), (False, "no issuer key")])
def test_a_key_is_not_revoked_without_the_root(place: Path, known: bool, message: str) -> None:
    key = commanded()["keys"][0]["id"]
    (place / keys.ROOT).unlink()
    with pytest.raises(CommandError, match=message):
        commanded("--revoke", key if known else "did:key:z6Mk#z6Mk")
    with unit(SYSTEM):
        assert not IssuerKey.objects.filter(revoked_at__isnull=False).exists()
        assert not AuditRow.objects.filter(act="issuer_key.revoked").exists()
