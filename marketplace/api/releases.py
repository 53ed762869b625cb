"""Releases: their files, and links to fetch them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import permissions
from accounts.unit import unit
from licensing.delivery import links
from licensing.delivery.models import Release, ReleaseFile
from licensing.grants import queries as grants
from marketplace.api import shapes
from marketplace.api.doors import Door
from marketplace.api.find import by_id

MANIFEST = "manifest.json"
MOST_LINKS = 1000


class ReleaseOut(shapes.Object):
    """One immutable version of the data of a grant."""

    grant = serializers.CharField()
    number = serializers.IntegerField()
    kind = serializers.CharField()
    previous = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(Release.STATES.all)
    rows = serializers.IntegerField()
    bytes = serializers.IntegerField()
    works_root = serializers.CharField(allow_blank=True)
    rows_root = serializers.CharField(allow_blank=True)
    manifest_sha256 = serializers.CharField(allow_blank=True)
    blocked_reason = serializers.CharField(allow_blank=True)
    ready_at = serializers.DateTimeField(allow_null=True)


def present_release(row: Release) -> Mapping[str, Any]:
    """The public form of a release; grant and previous release are fetched with it."""
    return shapes.thing(row, "release") | {
        "grant": row.grant.name_id, "number": row.number, "kind": row.kind,
        "previous": row.previous.name_id if row.previous else None, "status": row.status, "rows": row.rows,
        "bytes": row.bytes, "works_root": row.works_root, "rows_root": row.rows_root,
        "manifest_sha256": row.manifest_sha256, "blocked_reason": row.blocked_reason,
        "ready_at": shapes.moment(row.ready_at),
    }  # fmt: skip


class Releases(Door):
    """GET: releases of the caller's organisation."""

    paged = True
    query = frozenset({"grant"})

    @extend_schema(
        responses=shapes.listing(ReleaseOut), operation_id="releases_list", parameters=[OpenApiParameter("grant", str)]
    )
    def get(self, request: Request) -> Response:
        """Newest first; `grant=` chooses."""
        with unit(self.actor):
            permissions.check(self.actor, "releases.manifest", permissions.listing(self.actor, "grant", "release"))
            rows = links.visible(self.actor)
            if "grant" in request.query_params:
                grant = by_id(grants.visible(self.actor), request.query_params["grant"])
                rows = rows.filter(grant=grant)
            return self.listed(rows, present_release)


class ReleaseDoor(Door):
    """GET: one release."""

    @extend_schema(responses=ReleaseOut, operation_id="releases_read")
    def get(self, request: Request, release: str) -> Response:
        """Its state, size and roots."""
        with unit(self.actor):
            found = by_id(links.visible(self.actor), release)
            permissions.check(self.actor, "releases.manifest", links.scope_of(found))
            return Response(present_release(found))


class FileOut(serializers.Serializer[Any]):
    """A file as the manifest lists it."""

    path = serializers.CharField()
    bytes = serializers.IntegerField()
    sha256 = serializers.CharField()
    media_type = serializers.CharField()


def present_file(row: ReleaseFile) -> Mapping[str, Any]:
    """The public form of a file."""
    return {"path": row.path, "bytes": row.bytes, "sha256": row.sha256, "media_type": row.media_type}


class ReleaseFiles(Door):
    """GET: every file of a release."""

    paged = True

    @extend_schema(responses=shapes.listing(FileOut), operation_id="releases_files")
    def get(self, request: Request, release: str) -> Response:
        """Names, sizes and hashes; not the bytes."""
        with unit(self.actor):
            found = by_id(links.visible(self.actor), release)
            permissions.check(self.actor, "releases.manifest", links.scope_of(found))
            return self.listed(ReleaseFile.objects.filter(release=found), present_file, by="pk")


class LinkOut(FileOut):
    """Where to fetch a file until `expires_at`; ask again when the link is over."""

    url = serializers.CharField()
    expires_at = serializers.DateTimeField()


class ReleaseLinks(Door):
    """GET: links to fetch the files of a release, 1,000 at a time."""

    paged = True
    query = frozenset({"path"})
    page_size = (MOST_LINKS, MOST_LINKS)

    @extend_schema(
        responses=shapes.listing(LinkOut), operation_id="releases_links", parameters=[OpenApiParameter("path", str)]
    )
    def get(self, request: Request, release: str) -> Response:
        """`path=` for one file. Auditors and operators get the manifest only."""
        at = self.now()
        with unit(self.actor):
            found = by_id(links.visible(self.actor), release)
            whole = permissions.may(self.actor, "releases.download", links.scope_of(found))
            if not whole:
                permissions.check(self.actor, "releases.manifest", links.scope_of(found))
            rows = ReleaseFile.objects.filter(release=found)
            wanted = request.query_params.get("path")
            if wanted or not whole:
                rows = rows.filter(path=wanted or MANIFEST) if whole else rows.filter(path=MANIFEST)
            return self.listed(rows, lambda row: self._link(row, found, at), by="pk")

    def _link(self, row: ReleaseFile, release: Release, at: Any) -> Mapping[str, Any]:
        token = links.token(release=release, path=row.path, actor=self.actor, at=at)
        url = self.request.build_absolute_uri(f"/v1/downloads/{token}")
        return {**present_file(row), "url": url, "expires_at": shapes.moment(at + links.LIFETIME)}
