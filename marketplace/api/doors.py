"""What every door does: find the actor and the time, replay or keep answers, keep lists the same everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import idempotency, permissions
from accounts import unit as units
from accounts.errors import Reason, Refused
from accounts.permissions import Scope
from accounts.unit import Actor
from marketplace.api import auth, faults, matrix, paging, throttle

KEPT = frozenset({409, 410, 412, 422})
PAGE = frozenset({"limit", "cursor", "include"})


class Strict(serializers.Serializer[Any]):
    """A request body: a field nobody knows is an error that names itself, not something silently dropped."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse unknown fields before reading the known ones."""
        if isinstance(data, Mapping):
            known = faults.writable(self)
            unknown = {
                name: serializers.ErrorDetail("This field is not known here.", code="field_unknown")
                for name in data
                if name not in known
            }
            if unknown:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


def read(serializer: type[serializers.Serializer[Any]], data: Any) -> dict[str, Any]:
    """What a serializer makes of a body. Raises Refused("field_invalid") or ("field_unknown")."""
    reader = serializer(data=data)
    if not reader.is_valid():
        raise faults.unreadable(reader)
    found: dict[str, Any] = reader.validated_data
    return found


class Replayed(Exception):  # not an error: the earlier answer, on its way out of DRF's dispatch
    """An earlier answer to the same request."""

    def __init__(self, answer: idempotency.Answer) -> None:
        super().__init__("replayed")
        self.answer = answer


class Verbatim(Response):
    """Bytes that go out as they are."""

    @property
    def rendered_content(self) -> Any:
        """The bytes given as data; DRF would render them again."""
        return self.data


class Door(APIView):
    """Base of every API view. `right` is checked against the matrix by the queries and services it calls;
    `moves_money` makes Idempotency-Key obligatory for POST.
    """

    moves_money: ClassVar[bool] = False
    streams: ClassVar[bool] = False  # the body is a file: the door stores it by content, so a replay needs no record
    public: ClassVar[bool] = False
    limited: ClassVar[bool] = True  # False: counted elsewhere, as links are by their signature
    counted: throttle.Count | None = None
    query: ClassVar[frozenset[str]] = frozenset()  # parameters of GET
    versioned: ClassVar[bool] = False  # POST reads If-Match
    waits: ClassVar[bool] = False  # reads Prefer: wait
    paged: ClassVar[bool] = False  # GET is a list: limit, cursor and include=count as well
    page_size: ClassVar[tuple[int, int]] = (paging.DEFAULT, paging.MOST)
    rights: Sequence[tuple[str, Scope]] = ()  # what the answer took, for its replays

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return auth.actor_of(self.request)

    def now(self) -> datetime:
        """The database's time, in a unit of the actor."""
        with units.unit(self.actor):
            return units.now()

    def body(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The validated request body. Raises Refused("field_invalid") or ("field_unknown") with a pointer per field."""
        return read(serializer, self.request.data)

    def object_body(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The request body as sent, once its reader takes it. Raises as `body` does."""
        self.body(serializer)
        assert isinstance(self.request.data, dict)  # a serializer takes nothing else
        return self.request.data

    def check_version(self, current: str) -> None:
        """If-Match (RFC 9110, 13.1.1): who changes a thing may say which version it has read.

        Raises Refused("version_changed") (412) when that is not `current`, an entity tag.
        """
        sent = self.request.headers.get("If-Match")
        if sent is None or sent.strip() == "*" or current in [tag.strip() for tag in sent.split(",")]:
            return
        reason = Reason("version_changed", "Read it again and decide anew.", "", sent[:80], current)
        raise Refused("version_changed", "It was changed since you read it.", [reason])

    def listed(
        self, rows: QuerySet[Any], present: Callable[[Any], Mapping[str, Any]], *, by: str = "-pk"
    ) -> Response:
        """One page of `rows`; runs inside the caller's unit."""
        return self.together(rows, lambda found: [present(row) for row in found], by=by)

    def together(
        self, rows: QuerySet[Any], present: Callable[[Sequence[Any]], Sequence[Mapping[str, Any]]], *, by: str = "-pk"
    ) -> Response:
        """As `listed`, where what is shown of a row needs a look-up for the whole page."""
        found = paging.page(self.request, rows, by=by, size=self.page_size)
        body = paging.envelope(found.next_cursor, found.count, present(found.rows))
        return Response(body, headers=paging.link(self.request, found.next_cursor))

    def chosen(self, name: str, values: Iterable[str]) -> list[str]:
        """The values of a filter `name=a,b`. Raises Refused("parameter_invalid") for one that is not among `values`."""
        sent = [value for value in self.request.query_params.get(name, "").split(",") if value]
        known = sorted(values)
        for value in sent:
            if value not in known:
                reason = Reason("parameter_invalid", "Choose from the list.", f"/{name}", value[:60], ", ".join(known))
                raise Refused("parameter_invalid", f"There is no {name} {value[:60]}.", [reason])
        return sent

    def asked(self, name: str) -> str:
        """A parameter that must be there. Raises Refused("parameter_invalid")."""
        value: str = self.request.query_params.get(name, "")
        if not value:
            reason = Reason("parameter_invalid", "This parameter is needed.", f"/{name}")
            raise Refused("parameter_invalid", f"Send the parameter {name}.", [reason])
        return value

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """Answer, and remember the rights it took."""
        with permissions.noted() as self.rights:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After authentication: anonymous callers out, too many requests out, unknown parameters out, earlier answers
        replayed.
        """
        try:
            super().initial(request, *args, **kwargs)
        except Refused:
            self._count(request, "anonymous", "anonymous")  # guessing keys is counted by address
            raise
        if self.limited:
            self._count(request, self._policy(request), self.actor.name)
        if not self.public and self.actor is auth.ANONYMOUS:
            raise Refused("key_missing", "Send your key as: Authorization: Bearer lk_...")
        self._check_address(request)
        self.replayable = self._begin(request)

    def _policy(self, request: Request) -> str:
        if self.actor is auth.ANONYMOUS:
            return "anonymous"
        if request.method in ("GET", "HEAD"):
            return "read"
        return "money" if self.moves_money and request.method == "POST" else "write"

    def _count(self, request: Request, policy: str, name: str) -> None:
        self.counted = throttle.count(policy, throttle.caller(request, name))
        throttle.check(self.counted)

    def _check_address(self, request: Request) -> None:
        """What stands in path and query is text without NUL, and every parameter is known. Raises Refused."""
        if any("\x00" in str(value) for value in self.kwargs.values()):
            raise Refused("not_found", "There is nothing at this address.")
        reads = request.method in ("GET", "HEAD")
        _known_parameters(request, (self.query | (PAGE if self.paged else frozenset())) if reads else frozenset())

    def _begin(self, request: Request) -> idempotency.Lease | None:
        key = request.headers.get("Idempotency-Key")
        if request.method != "POST" or self.streams or self.actor.organisation_id is None:
            return None
        if key is None:
            if self.moves_money:
                raise Refused("idempotency_key_missing", "This request moves money: send an Idempotency-Key header.")
            return None
        fingerprint = hashlib.sha256(request.body).hexdigest()
        asked = idempotency.Request("POST", request.path, key, fingerprint, matrix.right_of(_route(request), "POST"))
        begun = idempotency.begin(request=asked, actor=self.actor, at=self.now())
        if isinstance(begun, idempotency.Answer):
            raise Replayed(begun)
        return begun

    def handle_exception(self, exc: Exception) -> Response:
        """Problems for refusals; a replay goes out byte for byte."""
        if isinstance(exc, Replayed):
            answer = exc.answer
            headers = {**answer.headers, "Idempotent-Replayed": "true"}
            return Verbatim(answer.body, status=answer.status_code, headers=headers)
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Keep the rendered answer under its key, or give the key back."""
        done = super().finalize_response(request, response, *args, **kwargs)
        if self.counted is not None:
            for name, value in self.counted.headers.items():
                done[name] = value
        lease = getattr(self, "replayable", None)
        if lease is not None:
            done.add_post_render_callback(lambda rendered: self._keep(lease, rendered))
        return done

    def _keep(self, lease: idempotency.Lease, response: Response) -> None:
        code = response.status_code
        passing = isinstance(response.data, Mapping) and response.data.get("retryable") is True
        if not passing and (200 <= code < 300 or code in KEPT):
            kept = {name: value for name, value in response.items() if name in ("Content-Type", "Location", "ETag")}
            answer = idempotency.Answer(code, kept, self.without_secrets(response))
            idempotency.finish(lease=lease, answer=answer, rights=self.rights, actor=self.actor)
        else:
            idempotency.forget(lease=lease, actor=self.actor)

    def without_secrets(self, response: Response) -> bytes:
        """The body to keep; doors that answer with a secret override it."""
        return bytes(response.content)


def _route(request: Request) -> str:
    found = request.resolver_match
    assert found is not None  # the door was found by its address
    return found.route.removeprefix("v1/")


def _known_parameters(request: Request, known: frozenset[str]) -> None:
    for name, value in request.query_params.items():
        if "\x00" in f"{name}{value}":
            raise Refused("parameter_invalid", "Parameters are text without NUL.")
        if name not in known:
            pointer = f"/{faults.escaped(name[:60])}"
            near = faults.nearest(name, known) if known else "no parameters"
            reason = Reason("parameter_unknown", "Unknown parameter.", pointer, name[:60], near)
            raise Refused("parameter_unknown", f"There is no parameter {name[:60]} here.", [reason])
