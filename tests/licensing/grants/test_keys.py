"""Issuer keys: made once, published under the root, and what is left when the root is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from accounts.errors import Refused
from accounts.unit import SYSTEM, unit
from client.verify.signatures import read_trust
from licensing.grants import keys
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
