"""What answers have in common: id, object, created_at, livemode; money, times, lists."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from accounts.base import Named


class Object(serializers.Serializer[Any]):
    """Every object of the API."""

    id = serializers.CharField()
    object = serializers.CharField()
    created_at = serializers.DateTimeField()
    livemode = serializers.BooleanField()


class Money(serializers.Serializer[Any]):
    """An amount in minor units of a currency."""

    amount = serializers.IntegerField()
    currency = serializers.CharField()


class Whole(serializers.IntegerField):
    """A whole number as JSON writes it: 5, never "5", 5.0 or true; DRF's own field would round them quietly."""

    def to_internal_value(self, data: Any) -> int:
        """Refuse everything but an int of at most 63 bits."""
        if type(data) is not int or abs(data) >= 1 << 63:
            self.fail("invalid")
        value: int = data
        return value


class Territories(serializers.ListField):
    """ISO 3166-1 codes, sets such as EU, WORLD, and exceptions such as -CN."""

    child = serializers.CharField(max_length=12)


def thing(row: Named, kind: str) -> dict[str, Any]:
    """The first members of an object."""
    return {
        "id": row.name_id,
        "object": kind,
        "created_at": moment(row.created_at),
        "livemode": bool(getattr(row, "livemode", False)),
    }


def moment(at: datetime | None) -> str | None:
    """RFC 3339 in UTC with Z."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def money(amount_minor: int, currency: str) -> Mapping[str, Any]:
    """Money as the API shows it."""
    return {"amount": amount_minor, "currency": currency}


def listing(item: type[serializers.Serializer[Any]]) -> serializers.Serializer[Any]:
    """The schema of a list of `item`."""
    return inline_serializer(
        name=f"{item.__name__}List",
        fields={
            "object": serializers.CharField(),
            "data": item(many=True),
            "next_cursor": serializers.CharField(allow_null=True),
            "has_more": serializers.BooleanField(),
            "count": serializers.IntegerField(required=False),
        },
    )
