"""Where a right is stated: one catalogue, imprint, work or list, always of the organisation that states it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accounts.errors import Reason, Refused
from accounts.models import Organisation
from licensing.catalogue.models import Catalogue, Imprint, Party, Work

LEVELS = ("catalogue", "imprint", "work", "list", "party")


@dataclass(frozen=True, slots=True)
class Target:
    """A level and the one thing it names; `works` only for level list, `party` only for reservations."""

    level: str
    catalogue: Catalogue | None = None
    imprint: Imprint | None = None
    work: Work | None = None
    works: Sequence[Work] = ()
    party: Party | None = None

    def columns(self) -> dict[str, object]:
        """The columns of an abstract `Scope`."""
        return {"level": self.level, "catalogue": self.catalogue, "imprint": self.imprint, "work": self.work}

    def check(self, organisation: Organisation, livemode: bool, *, lists: bool = False) -> None:
        """Refuse a target that is not complete, not of this mode, or of another organisation.

        Only claims take lists. A claim or reservation may name somebody else's work (that is how conflicts arise and
        authors reserve), so ownership of a single work or list is not checked here.
        Raises Refused("scope_unknown") or Refused("not_found").
        """
        named = {
            "catalogue": self.catalogue, "imprint": self.imprint, "work": self.work, "party": self.party,
        }  # fmt: skip
        if self.level == "list" and lists and self.works:
            return
        thing = named.get(self.level)
        if thing is None:
            reason = Reason("scope_unknown", "Name the thing of this level.", "/level", self.level, ", ".join(LEVELS))
            raise Refused("scope_unknown", f"Level {self.level} needs its target.", [reason])
        foreign = self.level != "work" and thing.organisation_id != organisation.pk
        if foreign or thing.livemode != livemode:
            raise Refused("not_found", f"There is no such {self.level} here.")
