"""What the reasons of decisions mean, for programs and people; without a key."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from licensing import clearing
from marketplace.api.doors import Door


@functools.cache
def reasons() -> list[dict[str, Any]]:
    """licensing/clearing/data/reasons.json: code, effect, meaning, what lifts it."""
    path = Path(clearing.__path__[0]) / "data" / "reasons.json"
    found: list[dict[str, Any]] = json.loads(path.read_bytes())
    return found


class ReasonTextOut(serializers.Serializer[Any]):
    """A reason code told to people."""

    code = serializers.CharField()
    effect = serializers.CharField()
    route = serializers.CharField(allow_null=True)
    en = serializers.CharField()
    zh = serializers.CharField()
    lifted_by = serializers.CharField()
    would_change = serializers.CharField()
    example = serializers.CharField()
    lifted_by_zh = serializers.CharField()
    would_change_zh = serializers.CharField()
    example_zh = serializers.CharField()


class ReasonsOut(serializers.Serializer[Any]):
    """Every reason."""

    object = serializers.CharField()

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """`data` is an attribute of DRF's serializers, so it cannot be declared as one of ours."""
        return {**super().get_fields(), "data": ReasonTextOut(many=True)}


class Reasons(Door):
    """GET: every reason code."""

    public = True

    @extend_schema(responses=ReasonsOut, operation_id="reasons_list")
    def get(self, request: Request) -> Response:
        """What each does, what it means in English and Chinese, what would change it."""
        return Response({"object": "list", "data": reasons()})
