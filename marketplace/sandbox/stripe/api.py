"""One request of the API: authentication, version, parameters, idempotency, execution, scripted trouble."""

from __future__ import annotations

import json
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from marketplace.sandbox.stripe import idempotency, params, reading, routes
from marketplace.sandbox.stripe.errors import ApiError, Json, invalid
from marketplace.sandbox.stripe.faults import Faults, RequestFault
from marketplace.sandbox.stripe.objects import API_VERSION
from marketplace.sandbox.stripe.store import Store, Unit, identifier
from marketplace.sandbox.stripe.webhooks import Courier

UNEXPECTED = {"error": {"type": "api_error", "message": "An unexpected error occurred."}}
TOO_MANY = {
    "error": {
        "type": "invalid_request_error",
        "code": "rate_limit",
        "message": "Request rate limit exceeded.",
        "doc_url": "https://docs.stripe.com/error-codes/rate-limit",
    }
}


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived; header names in lower case. `query` holds the parameters of GET, `body` those of POST."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: str
    body: str
    base_url: str


@dataclass(slots=True)
class Answer:
    """What goes back; `dropped` closes the connection instead."""

    status: int
    body: Json
    headers: dict[str, str] = field(default_factory=dict)
    dropped: bool = False

    def payload(self) -> bytes:
        """The body as Stripe prints it."""
        return json.dumps(self.body, indent=2, ensure_ascii=False).encode()


class Api:
    """The stand-in's API over one store."""

    def __init__(self, store: Store, faults: Faults, courier: Courier) -> None:
        self.store, self.faults, self.courier = store, faults, courier
        self.keys = idempotency.Keys()

    def answer(self, request: Request) -> Answer:
        """The answer to one request; it never raises."""
        request_id = identifier("req", 14)
        try:
            reply = self._checked(request, request_id)
        except ApiError as error:
            reply = Answer(error.status, {"error": error.error})
        reply.headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION, **reply.headers}
        if reply.status == HTTPStatus.CONFLICT:
            reply.headers["Stripe-Should-Retry"] = "true"
        return reply

    def _checked(self, request: Request, request_id: str) -> Answer:
        _authenticate(request.headers)
        route, ids = routes.find(request.method, request.path)
        raw = params.parse(request.body if request.method == "POST" else request.query)
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        call = _Call(request, request_id, route, ids, raw, key)
        if key is None:
            return self._execute(call, self.faults.take(request.method, request.path))
        with self.keys.hold(key):
            print_ = idempotency.fingerprint(request.method, request.path, raw)
            earlier = idempotency.saved(self.store, key, print_)
            if earlier is not None:
                headers = {"Idempotent-Replayed": "true", "Original-Request": earlier["request"]}
                return Answer(earlier["status"], earlier["body"], {"Idempotency-Key": key, **headers})
            reply = self._execute(call, self.faults.take(request.method, request.path), print_)
            reply.headers["Idempotency-Key"] = key
            return reply

    def _execute(self, call: _Call, fault: RequestFault | None, print_: str | None = None) -> Answer:
        kind = fault.kind if fault else None
        if kind == "429":
            self.store.note({"op": "request", **call.line(429, kind)})
            return Answer(429, TOO_MANY)
        if kind == "delay" and fault is not None:
            time.sleep(fault.milliseconds / 1000)
        with self.store.lock:
            unit = Unit(self.store, call.request_id, call.key, call.request.base_url)
            unit.late_balance = kind == "late_balance"
            reply, saved = _run(unit, call)
            if kind in {"500", "500_after_effect"}:
                reply, saved = Answer(500, UNEXPECTED), True
            if kind == "500":
                unit.discard()
            if print_ is not None and saved:
                unit.answer = {
                    "at": unit.at,
                    "fingerprint": print_,
                    "request": call.request_id,
                    "status": reply.status,
                    "body": reply.body,
                }
            events = unit.commit(call.line(reply.status, kind))
        self.courier.send(events)
        reply.dropped = kind == "drop"
        return reply


@dataclass(frozen=True, slots=True)
class _Call:
    request: Request
    request_id: str
    route: routes.Route
    ids: tuple[str, ...]
    raw: Json
    key: str | None

    def line(self, status: int, fault: str | None) -> Json:
        """What the truth log says about the request itself."""
        return {
            "method": self.request.method,
            "path": self.request.path,
            "route": self.route.path,
            "params": self.raw,
            "status": status,
            "fault": fault,
        }


def _run(unit: Unit, call: _Call) -> tuple[Answer, bool]:
    """The answer, and whether it is one that is saved for its key (execution had begun)."""
    try:
        values = params.read(call.route.spec, call.raw)
        expand = values.get("expand", [])
        made = call.route.handler(unit, values, *call.ids)
        body = made if made["object"] == "list" else reading.show(unit, made, expand)
    except ApiError as error:
        if not error.saved:
            unit.discard()
        return Answer(error.status, {"error": error.error}), error.saved
    except Exception:  # noqa: BLE001 - a fault of the stand-in must not look like one of the network
        traceback.print_exc()
        unit.discard()
        return Answer(500, UNEXPECTED), False
    return Answer(200, body), True


def _authenticate(headers: Mapping[str, str]) -> None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise invalid("You did not provide an API key.", status=401)
    if not token.startswith(("sk_test_", "rk_test_")):
        raise invalid(f"Invalid API Key provided: {token[:8]}****", status=401)
    version = headers.get("stripe-version", API_VERSION)
    if version != API_VERSION:
        raise invalid(f"Invalid Stripe API version: {version}; this stand-in speaks {API_VERSION}")
