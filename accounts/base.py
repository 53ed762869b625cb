"""Abstract tables: what everything with a public name, and everything a tenant owns, has in common."""

from __future__ import annotations

from typing import ClassVar
from uuid import UUID

from django.db import models

from licensing.kernel import ids


class Named(models.Model):
    """A row the API names: bigint key inside, UUIDv7 outside. `PREFIX` is the three letters of its id."""

    PREFIX: ClassVar[str]

    public_id = models.UUIDField(unique=True, editable=False)
    created_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name_id

    @property
    def name_id(self) -> str:
        """The id the API and the audit log print, e.g. ``wrk_01J...``."""
        return ids.encode(self.PREFIX, self.public_id)

    @classmethod
    def decode(cls, name: str) -> UUID:
        """The key behind a public id of this table. Raises ValueError for anything else."""
        return ids.decode(cls.PREFIX, name)


class Tenant(models.Model):
    """A row of one organisation in one mode (test or live)."""

    organisation = models.ForeignKey("accounts.Organisation", models.PROTECT, related_name="+")
    livemode = models.BooleanField()

    class Meta:
        abstract = True
