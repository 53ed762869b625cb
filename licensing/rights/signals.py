"""What imported records say about rights, kept as evidence in bulk: reservations and open-licence assertions.

One statement each, whatever the number of works. Said again, nothing is written; left out later, nothing is lifted: a
missing value never resets a reservation, and a licence once given stays given (domain.md 2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from accounts import audit
from accounts.identity import fresh
from accounts.models import Organisation
from accounts.unit import Actor, unit
from licensing.catalogue.models import Catalogue
from licensing.kernel import territories
from licensing.kernel.periods import Period
from licensing.rights import licences, vocabulary
from licensing.rights.models import OpenLicence, Reservation
from licensing.rights.services import as_range


@dataclass(frozen=True, slots=True)
class Said:
    """What record `ref` says about a work (internal id): one signal or one licence, as the reader made it."""

    work_id: int
    ref: str
    value: Mapping[str, Any]


def reserve(
    said: Sequence[Said], *, organisation: Organisation, source: str, actor: Actor, at: datetime
) -> int:
    """Make a reservation of kind `reserve` out of every opt-out signal that is not one yet; returns how many.

    `value` is {signal "onix:145:11", value, evidence}; `source` the import's public id.
    """
    if not said:
        return 0
    with unit(actor):
        works = {one.work_id for one in said}
        known = set(
            Reservation.objects.filter(work_id__in=works, organisation=organisation, kind="reserve", status="active")
            .values_list("work_id", "signal")
        )  # fmt: skip
        fresh_ones = {(one.work_id, one.value["signal"][:30]): one for one in reversed(said)}
        rows = [
            Reservation(
                public_id=fresh(at), created_at=at, organisation=organisation, livemode=actor.livemode, kind="reserve",
                level="work", work_id=work_id, actions=restricted(signal), territories=territories.WORLD,
                period=as_range(Period(None, None)), signal=signal,
                evidence={"record": one.ref, "import": source, "said": dict(one.value)},
            )
            for (work_id, signal), one in sorted(fresh_ones.items(), key=lambda item: item[0])
            if (work_id, signal) not in known
        ]  # fmt: skip
        Reservation.objects.bulk_create(rows, batch_size=5000)
        _audit("reservation.imported", len(rows), organisation, source, actor, at)
    return len(rows)


def restricted(signal: str) -> int:
    """The actions a signal such as `onix:145:11` restricts, by the crosswalk; mining and all training when it is
    unknown there, since a reservation we do not understand is not a smaller one.
    """
    standard, _, term = signal.rpartition(":")
    found = vocabulary.cross(standard.replace(":", "_"), term, "restricts")
    return found or vocabulary.mask(["mine", "train"], restricts=True)


def assert_licences(said: Sequence[Said], *, catalogue: Catalogue, source: str, actor: Actor, at: datetime) -> int:
    """Record every open licence the records name and that is not recorded yet; returns how many.

    `value` is {expression, url, layer, start: {from}, source}. First-hand when the sender is owner or agent.
    """
    if not said:
        return 0
    organisation = catalogue.organisation
    with unit(actor):
        works = {one.work_id for one in said}
        known = set(
            OpenLicence.objects.filter(work_id__in=works, organisation=organisation, ended_at__isnull=True)
            .values_list("work_id", "sent", "layer")
        )  # fmt: skip
        wanted = {(one.work_id, _sent(one.value), str(one.value.get("layer", "whole"))): one for one in reversed(said)}
        read = {sent: licences.normalise(sent) for _, sent, _ in wanted}
        rows = [
            OpenLicence(
                public_id=fresh(at), created_at=at, organisation=organisation, livemode=actor.livemode, level="work",
                work_id=work_id, sent=sent, layer=layer, starts=_start(one.value), source=f"record {one.ref}",
                first_hand=catalogue.role_of_sender in ("owner", "agent"),
                evidence={"record": one.ref, "import": source, "said": dict(one.value)}, **read[sent].columns(),
            )
            for (work_id, sent, layer), one in sorted(wanted.items(), key=lambda item: item[0])
            if (work_id, sent, layer) not in known
        ]  # fmt: skip
        OpenLicence.objects.bulk_create(rows, batch_size=5000)
        _audit("licence.imported", len(rows), organisation, source, actor, at)
    return len(rows)


def _sent(value: Mapping[str, Any]) -> str:
    return str(value.get("expression") or value.get("url") or "")


def _start(value: Mapping[str, Any]) -> date | None:
    day = (value.get("start") or {}).get("from")
    return date.fromisoformat(day) if day else None


def _audit(act: str, count: int, organisation: Organisation, source: str, actor: Actor, at: datetime) -> None:
    if count:
        audit.record(
            actor=actor, act=act, subject=source, at=at, after={"works": count}, organisation_id=organisation.pk
        )
