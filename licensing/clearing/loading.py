"""The facts of single works, read from the rights tables themselves and never from the projection.

This is the other side of the engine's check: it must not share code with licet_refresh_work_clear.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from licensing.catalogue.models import Asset, Contributor, Duplicate, Work, WorkRelation
from licensing.clearing import facts as f
from licensing.clearing import offering
from licensing.clearing.boxes import BEGINNING, END, Box, day
from licensing.kernel.territories import WORLD
from licensing.rights.models import (
    LIVE,
    Claim,
    ClaimWork,
    Conflict,
    CopyrightStatus,
    Encumbrance,
    OpenLicence,
    Reservation,
    TermsAssignment,
    TermsVersion,
)  # fmt: skip

EVERY_ACTION = 2**31 - 1
DERIVED_FROM = ("translation_of", "adaptation_of", "edition_of")
LEVELS = {"catalogue": 1, "imprint": 2, "work": 3}


@dataclass(frozen=True, slots=True)
class Loaded:
    """Facts of a work, and the public ids of the rows they come from in the same order: claim, withhold, licence,
    offer.
    """

    facts: f.WorkFacts
    rows: Mapping[str, tuple[str, ...]]


def load(work_ids: Collection[int]) -> dict[int, Loaded]:
    """Facts per work id, underlying works included. A handful of queries, whatever the number of works."""
    found: dict[int, Work] = {}
    relations: dict[int, list[int]] = defaultdict(list)
    waiting = set(work_ids)
    while waiting:
        found |= Work.objects.select_related("catalogue").in_bulk(waiting)
        pairs = WorkRelation.objects.filter(work__in=waiting, kind__in=DERIVED_FROM).values_list("work_id", "of_id")
        for work, of in pairs:
            relations[work].append(of)
        waiting = {of for _, of in pairs} - set(found)
    reader = _Reader(found)
    built: dict[int, Loaded] = {}
    return {work: _build(work, reader, relations, built, ()) for work in work_ids if work in found}


def _build(
    work: int, reader: _Reader, relations: Mapping[int, list[int]], built: dict[int, Loaded], above: tuple[int, ...]
) -> Loaded:
    rights, rows = reader.rights(work)
    flags = reader.flags(work) | (f.UNDERLYING if relations.get(work) else 0)
    path = (*above, work)
    below = tuple(
        None if of in path else _build(of, reader, relations, built, path).facts
        for of in sorted(relations.get(work, []))
    )
    row = reader.works[work]
    measures = {name: value for name in f.MEASURES if (value := getattr(row, name)) is not None}
    return Loaded(f.WorkFacts(row.name_id, flags, rights, measures, below), rows)


class _Reader:
    """All rows that concern some works, grouped per work."""

    def __init__(self, works: Mapping[int, Work]) -> None:
        self.works = works
        ids = list(works)
        scope = _Scope(works.values())
        listed: dict[int, set[int]] = defaultdict(set)
        for claim, work in ClaimWork.objects.filter(work__in=ids).values_list("claim_id", "work_id"):
            listed[claim].add(work)
        live = Claim.objects.filter(status__in=LIVE).select_related("holder").order_by("pk")
        rows = live.filter(scope.q() | Q(level="list", pk__in=list(listed)))
        self.claims = _per_work(rows, works.values(), listed)
        self.licences = _per_work(OpenLicence.objects.filter(scope.q(), ended_at=None), works.values())
        self.assignments = _per_work(
            TermsAssignment.objects.filter(scope.q(), ended_at=None, terms__status="published")
            .select_related("terms")
            .prefetch_related("terms__versions"),
            works.values(),
        )
        self.all_assigned = _per_work(TermsAssignment.objects.filter(scope.q(), ended_at=None), works.values())
        self.contributors = _grouped(Contributor.objects.filter(work__in=ids, party__isnull=False))
        self.reservations = self._reservations(scope)
        self.encumbrances = _grouped(Encumbrance.objects.filter(work__in=ids, ended_at=None))
        conflicts = Conflict.objects.filter(work__in=ids, status__in=["open", "evidence_requested"])
        self.conflicts = _grouped(conflicts.prefetch_related("parties"))
        self.statuses = {row.work_id: row for row in CopyrightStatus.objects.filter(work__in=ids)}
        self.assets = _grouped(Asset.objects.filter(work__in=ids, replaced_at=None))
        self.duplicates = set(Duplicate.objects.filter(work__in=ids).values_list("work_id", flat=True))

    def _reservations(self, scope: _Scope) -> dict[int, list[Reservation]]:
        parties: dict[int, set[int]] = {
            work: {row.party_id for row in self.contributors.get(work, ())}
            | {claim.holder_id for claim in self.claims.get(work, ())}
            for work in self.works
        }
        everybody = {party for members in parties.values() for party in members}
        stated = scope.q() | Q(level="party", party__in=everybody)
        rows = Reservation.objects.filter(stated, status="active").select_related("party")
        found = _per_work([row for row in rows if row.level != "party"], self.works.values())
        for row in rows:
            for work, members in parties.items() if row.level == "party" else ():
                if row.party_id in members and row.livemode == self.works[work].livemode:
                    found.setdefault(work, []).append(row)
        return found

    def flags(self, work: int) -> int:
        """The flags but UNDERLYING."""
        row = self.works[work]
        declared = {
            name: getattr(row, name) or getattr(row.catalogue, name)
            for name in ("origin", "personal_data", "third_party")
        }
        said = (
            (f.NOT_REGISTERED, row.status == "draft"),
            (f.WITHDRAWN, row.status == "withdrawn"),
            (f.COURT_ORDER, row.court_order),
            (f.PERSONAL_UNCONSENTED, declared["personal_data"] == "present_without_basis"),
            (f.PERSONAL_UNKNOWN, declared["personal_data"] == "unknown"),
            (f.PERSONAL_PRESENT, declared["personal_data"] == "present_with_basis"),
            (f.THIRD_PARTY, declared["third_party"] == "present_not_cleared"),
            (f.THIRD_PARTY_UNKNOWN, declared["third_party"] == "unknown"),
            (f.SYNTHETIC, declared["origin"] == "synthetic"),
            (f.ORIGIN_UNKNOWN, declared["origin"] == "unknown"),
            (f.GENERATOR, bool(row.generator_terms_restrict)),
            (f.RETRACTED, row.retracted),
            (f.NO_CONTENT, not self.assets.get(work)),
            (f.DUPLICATE, work in self.duplicates),
        )
        return sum(bit for bit, holds in said if holds) | 1 << f.FORM_SHIFT + f.FORMS.index(row.form)

    def rights(self, work: int) -> tuple[f.Rights, dict[str, tuple[str, ...]]]:
        """The rights of a work and the ids of their rows."""
        claims = self.claims.get(work, [])
        places = {claim.pk: place for place, claim in enumerate(claims)}
        active = [row for row in self.reservations.get(work, ()) if _binding(row)]
        row = self.works[work]
        given = [e for e in self.encumbrances.get(work, ()) if e.livemode == row.livemode]
        asserted = [one for one in self.licences.get(work, ()) if one.grade != "none"]
        versions = self._offers(work)
        known = sum(1 << place for place, name in enumerate(f.MEASURES) if getattr(row, name) is not None)
        rights = f.Rights(
            claims=tuple(_claim(claim, places, row.organisation_id) for claim in claims),
            withholds=tuple(f.Withhold(_box(r), r.by_author) for r in active if r.kind == "withhold"),
            reserves=tuple(_box(r) for r in active if r.kind == "reserve"),
            encumbrances=tuple(f.Encumbrance(_box(e), e.exclusive, e.licensee, e.until) for e in given),
            conflicts=tuple(_conflict(c, places) for c in self.conflicts.get(work, ())),
            licences=tuple(self._licence(one, work) for one in asserted),
            status=self._status(work),
            offers=tuple(offering.of_version(version) for version in versions),
            known=known,
        )
        rows = {
            "claim": tuple(claim.name_id for claim in claims),
            "withhold": tuple(r.name_id for r in active if r.kind == "withhold"),
            "licence": tuple(one.name_id for one in asserted),
            "offer": tuple(f"{version.terms.name_id}/{version.number}" for version in versions),
        }
        return rights, rows

    def _licence(self, row: OpenLicence, work: int) -> f.Licence:
        grade = {"non_commercial": f.NON_COMMERCIAL, "academic": f.ACADEMIC, "use_all": 0}.get(row.grade, f.UNPARSED)
        layers = {asset.layer for asset in self.assets.get(work, ())}
        flags = grade | sum(
            bit
            for bit, holds in (
                (f.ATTRIBUTION, row.attribution),
                (f.SHARE_ALIKE, row.share_alike),
                (f.NO_DERIVATIVES, row.no_derivatives),
                (f.FIRST_HAND, row.first_hand),
                (f.COVERS, row.layer == "whole" or layers == {row.layer}),
            )
            if holds
        )
        return f.Licence(
            Box(EVERY_ACTION, WORLD, day(row.starts, otherwise=BEGINNING), END), row.organisation_id, flags
        )

    def _status(self, work: int) -> f.Status | None:
        row, stored = self.works[work], self.statuses.get(work)
        declared = (row.source_kind or row.catalogue.source_kind) == "public_domain"
        if stored is None:
            return f.Status(0, WORLD, BEGINNING, declared=True) if declared else None
        return f.Status(stored.public_domain, stored.unknown, stored.on_date.toordinal(), declared)

    def _offers(self, work: int) -> list[TermsVersion]:
        floor: dict[int, int] = {}
        for row in self.all_assigned.get(work, ()):
            if not row.extends:
                floor[row.organisation_id] = max(floor.get(row.organisation_id, 0), LEVELS[row.level])
        versions: dict[int, TermsVersion] = {}
        for row in self.assignments.get(work, ()):
            if LEVELS[row.level] >= floor.get(row.organisation_id, 0):
                latest = max(row.terms.versions.all(), key=lambda version: version.number, default=None)
                if latest is not None:
                    versions[latest.pk] = latest
        return [versions[key] for key in sorted(versions)]


class _Scope:
    """Rows stated for the catalogue, imprint or work of some works."""

    def __init__(self, works: Iterable[Work]) -> None:
        rows = list(works)
        self.catalogues = {row.catalogue_id for row in rows}
        self.imprints = {row.imprint_id for row in rows if row.imprint_id}
        self.works = {row.pk for row in rows}

    def q(self) -> Q:
        return (
            Q(level="catalogue", catalogue__in=self.catalogues)
            | Q(level="imprint", imprint__in=self.imprints)
            | Q(level="work", work__in=self.works)
        )


def _per_work(
    rows: Iterable[Any] | QuerySet[Any], works: Iterable[Work], listed: Mapping[int, set[int]] | None = None
) -> dict[int, list[Any]]:
    named = defaultdict(list)
    for row in rows:
        place = {"catalogue": row.catalogue_id, "imprint": row.imprint_id}.get(row.level, row.work_id)
        named[row.level, place].append(row)
    lists = list(named.pop(("list", None), ()))
    found = {}
    for work in works:
        mine = [
            *named.get(("catalogue", work.catalogue_id), ()),
            *(named.get(("imprint", work.imprint_id), ()) if work.imprint_id else ()),
            *named.get(("work", work.pk), ()),
            *(row for row in lists if work.pk in (listed or {}).get(row.pk, ())),
        ]
        found[work.pk] = sorted((row for row in mine if row.livemode == work.livemode), key=lambda row: row.pk)
    return found


def _grouped(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.work_id].append(row)
    return found


def _box(row: Any) -> Box:
    return Box(
        row.actions,
        row.territories,
        day(row.period.lower, otherwise=BEGINNING),
        BEGINNING if row.period.isempty else day(row.period.upper, otherwise=END),
    )


def _binding(row: Reservation) -> bool:
    return not (row.by_author and row.party is not None and row.party.verified_at is None)


def _claim(row: Claim, places: Mapping[int, int], entered_by: int) -> f.Claim:
    said = (
        (f.ROOT, row.kind == "root"),
        (f.ONE_STOP, row.one_stop and bool(row.document or row.consent_evidence)),
        (f.CONSENTED, row.author_consent != "unknown"),
        (f.VERIFIED, row.status == "verified"),
        (f.CONTESTED, row.status == "contested" and row.level == "work"),
        (f.EXCLUSIVE, row.derivation == "exclusive_licence"),
        (f.HOLDER_UNKNOWN, row.holder.kind == "unknown"),
        (f.INCLUDES, row.includes_underlying),
        (f.FOREIGN, row.organisation_id != entered_by),
    )
    parent = None if row.from_claim_id is None else places.get(row.from_claim_id, -1)
    licensor = row.holder.represented_by_id or row.organisation_id
    return f.Claim(licensor, row.control_ppm, _box(row), sum(bit for bit, holds in said if holds), parent, row.part)


def _conflict(row: Conflict, places: Mapping[int, int]) -> f.Conflict:
    parties: Sequence[Any] = list(row.parties.all())
    return f.Conflict(
        Box(row.actions, row.territories, BEGINNING, END),
        tuple(places.get(party.claim_id, -1) for party in parties),
        tuple(places[party.claim_id] for party in parties if party.consents and party.claim_id in places),
    )
