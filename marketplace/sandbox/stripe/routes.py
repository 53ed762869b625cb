"""Every address of the API that the stand-in answers: method, path, what it takes, what it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from marketplace.sandbox.stripe import checkout, payments, reading, refunds
from marketplace.sandbox.stripe.errors import Json, invalid
from marketplace.sandbox.stripe.params import text
from marketplace.sandbox.stripe.store import Unit

Handler = Callable[..., Json]


@dataclass(frozen=True, slots=True)
class Route:
    """One address; `{id}` in the path is handed to the handler."""

    method: str
    path: str
    spec: Mapping[str, Any]
    handler: Handler

    def match(self, method: str, path: str) -> tuple[str, ...] | None:
        """The ids in the path, or None when this is another address."""
        pattern = re.escape(self.path).replace(re.escape("{id}"), "([A-Za-z0-9_]+)")
        found = re.fullmatch(pattern, path) if method == self.method else None
        return None if found is None else found.groups()


def _get(kind: str, param: str) -> Handler:
    def handler(unit: Unit, _values: Json, ident: str) -> Json:
        return unit.get(kind, ident, param)

    return handler


def _list(kind: str, url: str) -> Handler:
    def handler(unit: Unit, values: Json) -> Json:
        wanted = {values["type"]} if "type" in values else set(values.get("types", []))
        found = (
            row
            for row in unit.all(kind)
            if reading.created(row, values.get("created"))
            and (not wanted or row["type"] in wanted)
            and values.get("source") in {None, row.get("source")}
            and values.get("payment_intent") in {None, row.get("payment_intent")}
        )
        return reading.rows(unit, url, found, values)

    return handler


LISTED = {**reading.CURSOR, "created": reading.CREATED}

ROUTES = (
    Route("POST", "/v1/customers", payments.CREATE_CUSTOMER, payments.create_customer),
    Route("GET", "/v1/customers", LISTED, _list("customer", "/v1/customers")),
    Route("GET", "/v1/customers/{id}", reading.EXPAND, _get("customer", "id")),
    Route("POST", "/v1/payment_intents", payments.CREATE_INTENT, payments.create),
    Route("GET", "/v1/payment_intents", payments.LIST_INTENTS, payments.list_intents),
    Route("GET", "/v1/payment_intents/{id}", reading.EXPAND, _get("payment_intent", "intent")),
    Route("POST", "/v1/payment_intents/{id}/confirm", payments.CONFIRM_INTENT, payments.confirm_request),
    Route("POST", "/v1/payment_intents/{id}/cancel", payments.CANCEL_INTENT, payments.cancel),
    Route("GET", "/v1/charges", {**LISTED, "payment_intent": text}, _list("charge", "/v1/charges")),
    Route("GET", "/v1/charges/{id}", reading.EXPAND, _get("charge", "charge")),
    Route(
        "GET",
        "/v1/balance_transactions",
        {**LISTED, "source": text, "type": text},
        _list("balance_transaction", "/v1/balance_transactions"),
    ),
    Route("GET", "/v1/balance_transactions/{id}", reading.EXPAND, _get("balance_transaction", "id")),
    Route("POST", "/v1/refunds", refunds.CREATE, refunds.create),
    Route("GET", "/v1/refunds", refunds.LIST, refunds.list_refunds),
    Route("GET", "/v1/refunds/{id}", reading.EXPAND, _get("refund", "refund")),
    Route("POST", "/v1/checkout/sessions", checkout.CREATE, checkout.create),
    Route("GET", "/v1/checkout/sessions", checkout.LIST, checkout.list_sessions),
    Route("GET", "/v1/checkout/sessions/{id}", reading.EXPAND, checkout.retrieve),
    Route("POST", "/v1/checkout/sessions/{id}/expire", reading.EXPAND, checkout.expire),
    Route("GET", "/v1/checkout/sessions/{id}/line_items", reading.CURSOR, checkout.list_line_items),
    Route("GET", "/v1/events", {**LISTED, "type": text, "types": [text]}, _list("event", "/v1/events")),
    Route("GET", "/v1/events/{id}", reading.EXPAND, _get("event", "id")),
)


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]]:
    """The route of a request and the ids in its path; ApiError 404 for any other address."""
    for route in ROUTES:
        ids = route.match(method, path)
        if ids is not None:
            return route, ids
    raise invalid(f"Unrecognized request URL ({method}: {path}).", status=404)
