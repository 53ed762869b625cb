"""Members and keys: a key never may more than who made it, and dies with the membership."""

from __future__ import annotations

import pytest

from accounts import services as accounts
from accounts.errors import Refused
from accounts.models import ApiKey, AuditRow, Membership, User
from accounts.unit import SYSTEM, now, unit
from tests import cast as casting
from tests.cast import AT, Cast, Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    return casting.hire("developer", "admin")  # the lists of keys have both


def asked(person: Person, **changes: object) -> dict[str, object]:
    assert person.organisation is not None
    assert person.user is not None
    return {"organisation": person.organisation.name_id, "email": person.user.email, "scopes": ["*"]} | changes


def keys() -> int:
    with unit(SYSTEM):
        return ApiKey.objects.count()


def test_a_developer_makes_own_keys_only(cast: Cast) -> None:
    before = keys()
    refused = cast.developer.post("keys", asked(cast.admin))
    assert (refused.status, refused.code) == (403, "forbidden")
    assert keys() == before
    made = cast.developer.post("keys", asked(cast.developer))
    assert made.status == 201
    assert cast.developer.user is not None
    assert made.json["user"] == cast.developer.user.name_id
    assert {row["user"] for row in cast.developer.get("keys").json["data"]} == {made.json["user"]}
    assert len({row["user"] for row in cast.admin.get("keys").json["data"]}) == 2


def test_a_developer_cannot_end_the_keys_of_a_colleague(cast: Cast) -> None:
    assert cast.admin.key is not None
    assert cast.developer.key is not None
    assert cast.developer.post(f"keys/{cast.admin.key.name_id}:revoke").status == 403
    assert cast.admin.get("keys").status == 200
    assert cast.admin.post(f"keys/{cast.developer.key.name_id}:revoke").status == 200
    assert cast.developer.get("keys").code == "key_revoked"


def test_a_key_makes_none_that_may_do_more(cast: Cast) -> None:
    assert cast.admin.user is not None
    assert cast.admin.organisation is not None
    narrow = casting.keyed(cast.admin.user, cast.admin.organisation, scopes=("keys.write",))
    refused = narrow.post("keys", asked(cast.developer))
    assert (refused.status, refused.code, refused.pointers) == (403, "scope_missing", {"/scopes": "scope_missing"})
    live = cast.admin.post("keys", asked(cast.developer, livemode=True))
    assert (live.status, live.code, live.pointers) == (403, "forbidden", {"/livemode": "forbidden"})
    assert narrow.post("keys", asked(cast.developer, scopes=["keys.write"])).status == 201


def test_a_key_hands_its_cap_and_addresses_on(cast: Cast) -> None:
    assert cast.developer.user is not None
    capped = {"amount": 1_000, "currency": "usd"}
    made = cast.admin.post("keys", asked(cast.developer, spend_cap=capped, addresses=["127.0.0.1"]))
    assert made.status == 201
    bound, before = Person(made.json["secret"]), keys()
    assert bound.get("keys").status == 200
    own = asked(cast.developer, addresses=["127.0.0.1"])
    assert cast.developer.key is not None
    assert cast.developer.post(f"keys/{cast.developer.key.name_id}:revoke").status == 200
    for changes, pointer in (
        ({"spend_cap": capped}, "/scopes"), ({"scopes": ["orders.place"]}, "/scopes"),
        ({"scopes": ["clear"], "addresses": []}, "/addresses"),
        ({"scopes": ["clear"], "addresses": ["127.0.0.1", "198.51.100.7"]}, "/addresses"),
    ):  # fmt: skip
        refused = bound.post("keys", own | changes)
        assert (refused.status, refused.code, refused.pointers) == (403, "forbidden", {pointer: "forbidden"}), changes
    assert keys() == before
    assert bound.post("keys", own | {"scopes": ["clear"]}).status == 201


def test_nobody_becomes_an_operator_in_a_house_of_their_own(cast: Cast) -> None:
    assert cast.admin.organisation is not None
    here = f"organisations/{cast.admin.organisation.name_id}/members"
    with unit(SYSTEM):
        before = Membership.objects.count()
    for role in ("operator", "auditor", "publisher_finance"):
        refused = cast.admin.post(here, {"email": "new@example.org", "role": role})
        assert (refused.status, refused.code) == (422, "role_unknown"), role
    with unit(SYSTEM):
        assert Membership.objects.count() == before
        # A row that came about otherwise gives nothing either.
        Membership.objects.create(
            user=cast.admin.user, organisation=cast.admin.organisation, role="operator", created_at=AT
        )
        actor = accounts.actor_of_key(secret=cast.admin.secret, address="127.0.0.1", at=AT)
    assert actor.roles == {"developer_admin"}
    assert actor.scope == "own"


def test_who_leaves_takes_their_keys_along(cast: Cast) -> None:
    assert cast.admin.organisation is not None
    assert cast.developer.user is not None
    here = f"organisations/{cast.admin.organisation.name_id}/members"
    assert len(cast.admin.get(here).json["data"]) == 2
    gone = cast.admin.post(f"{here}/{cast.developer.user.name_id}:end")
    assert (gone.status, gone.json["roles"]) == (200, [])
    refused = cast.developer.get("works")
    assert (refused.status, refused.code) == (401, "key_revoked")
    assert len(cast.admin.get(here).json["data"]) == 1
    assert cast.admin.post(f"{here}/{cast.developer.user.name_id}:end").status == 200
    with unit(SYSTEM):
        assert AuditRow.objects.filter(act="member.removed").count() == 1
    back = cast.admin.post(here, {"email": cast.developer.user.email, "role": "developer"})
    assert back.status == 201
    assert cast.developer.get("works").status == 200
    foreign = cast.stranger.post(f"{here}/{cast.developer.user.name_id}:end")
    assert foreign.status == 404


def test_an_organisation_that_has_ended_has_no_keys(cast: Cast) -> None:
    assert cast.developer.organisation is not None
    with unit(SYSTEM):
        cast.developer.organisation.ended_at = AT
        cast.developer.organisation.save()
    assert cast.developer.get("works").code == "key_revoked"


def test_a_key_past_its_day_is_none_and_neither_is_one_of_a_person_who_was_shut_out(cast: Cast) -> None:
    assert cast.developer.key is not None
    assert cast.admin.user is not None
    assert (cast.developer.get("keys").status, cast.admin.get("keys").status) == (200, 200)
    with unit(SYSTEM):
        ApiKey.objects.filter(pk=cast.developer.key.pk).update(expires_at=now())
        User.objects.filter(pk=cast.admin.user.pk).update(is_active=False)
    expired, shut_out = cast.developer.get("keys"), cast.admin.get("keys")
    assert (expired.status, expired.code) == (401, "key_expired")
    assert (shut_out.status, shut_out.code) == (401, "key_unknown")


def test_addresses_and_days_of_a_key_are_kept(cast: Cast) -> None:
    made = cast.admin.post("keys", asked(cast.admin, addresses=["198.51.100.7"], expires_in_days=30))
    assert made.status == 201
    assert made.json["addresses"] == ["198.51.100.7"]
    elsewhere = Person(made.json["secret"])
    assert (elsewhere.get("keys").status, elsewhere.get("keys").code) == (401, "key_address")
    bad = cast.admin.post("keys", asked(cast.admin, addresses=["nowhere"], expires_in_days=0))
    assert set(bad.pointers) == {"/addresses/0", "/expires_in_days"}


def test_a_member_has_two_active_keys_at_most(cast: Cast) -> None:
    second = cast.developer.post("keys", asked(cast.developer))
    assert second.status == 201
    third = cast.developer.post("keys", asked(cast.developer))
    assert (third.status, third.code) == (409, "too_many_keys")
    assert cast.developer.post(f"keys/{second.json['id']}:revoke").status == 200
    assert cast.developer.post("keys", asked(cast.developer)).status == 201


def test_only_a_hash_of_the_secret_is_kept(cast: Cast) -> None:
    made = cast.developer.post("keys", asked(cast.developer))
    with unit(SYSTEM):
        row = ApiKey.objects.latest("id")
        kept = {name: str(value) for name, value in vars(row).items()}
    assert made.json["secret"].startswith("lk_test_")
    assert not any(made.json["secret"] in value for value in kept.values())
    assert made.json["secret"] not in cast.developer.get("keys").content.decode()


def test_a_cap_counts_every_order_of_the_key(cast: Cast) -> None:
    assert cast.developer.user is not None
    assert cast.developer.organisation is not None
    key, _ = accounts.issue_key(
        user=cast.developer.user, organisation=cast.developer.organisation, livemode=False, scopes=["*"], actor=SYSTEM,
        at=AT, limits=accounts.Limits(spend_cap_minor=1_000, spend_currency="usd"),
    )  # fmt: skip

    def fits(amount: int, currency: str = "usd") -> bool:
        with unit(SYSTEM):
            return accounts.room_for(key_id=key.pk, amount_minor=amount, currency=currency)

    assert fits(1_000)
    assert not fits(1_001)
    assert not fits(1, "eur")
    with unit(SYSTEM):
        accounts.count_spending(key_id=key.pk, amount_minor=600)
    assert fits(400)
    assert not fits(401)


def test_a_person_needs_a_role_that_fits_the_house(cast: Cast) -> None:
    assert cast.rival.organisation is not None
    assert cast.developer.user is not None
    with pytest.raises(Refused) as refused:
        accounts.invite(
            organisation=cast.rival.organisation, user=cast.developer.user, role="developer", actor=SYSTEM, at=AT
        )
    assert refused.value.code == "role_unknown"
    assert refused.value.reasons[0].expected == "publisher_editor, publisher_finance"
