"""What a key may spend: every order placed with it counts, once; over the cap nothing is ordered."""

from __future__ import annotations

from accounts.unit import SYSTEM, unit
from licensing.orders.models import Order, Quote
from tests import cast as casting
from tests import scenario
from tests.cast import Cast, Person


def quoted() -> tuple[Quote, Person]:
    made = scenario.quote(scenario.publisher(works=1))
    with unit(SYSTEM):
        quote = Quote.objects.select_related("organisation").get(pk=made.pk)
    return quote, casting.person("developer_admin", quote.organisation)


def capped(admin: Person, quote: Quote, amount: int, currency: str = "usd") -> Person:
    """A new member with a key of this cap, made by the administrator."""
    member = casting.person("developer", quote.organisation)
    assert member.user is not None
    body = {
        "organisation": quote.organisation.name_id, "email": member.user.email,
        "scopes": ["orders.place", "keys.write"], "spend_cap": {"amount": amount, "currency": currency},
    }  # fmt: skip
    made = admin.post("keys", body)
    assert made.status == 201
    assert made.json["spent"] == {"amount": 0, "currency": currency}
    return Person(made.json["secret"])


def test_an_order_over_the_cap_or_in_another_currency_is_refused(cast: Cast) -> None:
    quote, admin = quoted()
    for person in (capped(admin, quote, quote.total_minor - 1), capped(admin, quote, quote.total_minor * 9, "eur")):
        refused = person.post("orders", {"quote": quote.name_id}, idem="one")
        assert (refused.status, refused.code, refused.json["errors"][0]["seen"]) == (403, "forbidden", "over_cap")
    with unit(SYSTEM):
        assert not Order.objects.exists()
        assert Quote.objects.get(pk=quote.pk).status == "issued"


def test_an_order_counts_once_however_often_it_is_asked(cast: Cast) -> None:
    quote, admin = quoted()
    person = capped(admin, quote, quote.total_minor)
    first = person.post("orders", {"quote": quote.name_id}, idem="one")
    again = person.post("orders", {"quote": quote.name_id}, idem="one")
    assert (first.status, again.content) == (201, first.content)
    spent = {row["spent"] and row["spent"]["amount"] for row in person.get("keys").json["data"]}
    assert spent == {None, quote.total_minor}
