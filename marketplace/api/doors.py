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

from accounts import idempotency
from accounts import unit as units
from accounts.errors import Reason, Refused
from accounts.unit import Actor
from marketplace.api import auth, paging

KEPT = frozenset({409, 410, 412, 422})


class Strict(serializers.Serializer[Any]):
    """A request body: a field nobody knows is an error that names itself, not something silently dropped."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse unknown fields before reading the known ones."""
        if isinstance(data, Mapping):
            unknown = {
                name: serializers.ErrorDetail("This field is not known here.", code="field_unknown")
                for name in data
                if name not in self.fields
            }
            if unknown:
                raise serializers.ValidationError(unknown)
        return super().to_internal_value(data)


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
    query: ClassVar[frozenset[str]] = frozenset()
    page_size: ClassVar[tuple[int, int]] = (paging.DEFAULT, paging.MOST)

    @property
    def actor(self) -> Actor:
        """Who asks."""
        return auth.actor_of(self.request)

    def now(self) -> datetime:
        """The database's time, in a unit of the actor."""
        with units.unit(self.actor):
            return units.now()

    def body(self, serializer: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The validated request body. Raises ValidationError (400) with a pointer per field."""
        reader = serializer(data=self.request.data)
        reader.is_valid(raise_exception=True)
        data: dict[str, Any] = reader.validated_data
        return data

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
        body = paging.envelope(found, present(found.rows))
        return Response(body, headers=paging.link(self.request, found))

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

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """After authentication: anonymous callers out, unknown parameters out, earlier answers replayed."""
        super().initial(request, *args, **kwargs)
        if not self.public and self.actor is auth.ANONYMOUS:
            raise Refused("key_missing", "Send your key as: Authorization: Bearer lk_...")
        _known_parameters(request, self.query)
        self.replayable = self._begin(request)

    def _begin(self, request: Request) -> idempotency.Request | None:
        key = request.headers.get("Idempotency-Key")
        if request.method != "POST" or self.streams or self.actor.organisation_id is None:
            return None
        if key is None:
            if self.moves_money:
                raise Refused("idempotency_key_missing", "This request moves money: send an Idempotency-Key header.")
            return None
        fingerprint = hashlib.sha256(request.body).hexdigest()
        asked = idempotency.Request("POST", request.path, key, fingerprint)
        earlier = idempotency.begin(request=asked, actor=self.actor, at=self.now())
        if earlier is not None:
            raise Replayed(earlier)
        return asked

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
        asked = getattr(self, "replayable", None)
        if asked is not None:
            done.add_post_render_callback(lambda rendered: self._keep(asked, rendered))
        return done

    def _keep(self, asked: idempotency.Request, response: Response) -> None:
        code = response.status_code
        if 200 <= code < 300 or code in KEPT:
            kept = {name: value for name, value in response.items() if name in ("Content-Type", "Location")}
            answer = idempotency.Answer(code, kept, self.without_secrets(response))
            idempotency.finish(request=asked, answer=answer, actor=self.actor)
        else:
            idempotency.forget(request=asked, actor=self.actor)

    def without_secrets(self, response: Response) -> bytes:
        """The body to keep; doors that answer with a secret override it."""
        return bytes(response.content)


def _known_parameters(request: Request, known: frozenset[str]) -> None:
    always = {"limit", "cursor", "include"}
    for name, value in request.query_params.items():
        if "\x00" in f"{name}{value}":
            raise Refused("parameter_invalid", "Parameters are text without NUL.")
        if name not in known and name not in always:
            near = ", ".join(sorted(known | always))
            reason = Reason("parameter_unknown", "Unknown parameter.", f"/{name}", name, near)
            raise Refused("parameter_unknown", f"There is no parameter {name} here.", [reason])
