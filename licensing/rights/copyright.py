"""Facts about works and people, and the copyright status that follows from them, written in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from django.db import connection
from django.db.models import Q

from accounts import audit
from accounts.unit import Actor, unit
from licensing.catalogue import services as catalogue
from licensing.catalogue.models import Contributor, Fact, Party, Work, WorkRelation
from licensing.rights import rules
from licensing.rights.models import CopyrightStatus

BATCH = 2000
COLLECTIVE = ("organisation", "society")
"""Kinds of party without a life."""


def state_fact(
    *, kind: str, source: str, not_before: date | None, not_after: date | None, place: str, actor: Actor,
    at: datetime, work: Work | None = None, party: Party | None = None,
) -> Fact:  # fmt: skip
    """Record an interval fact and recompute the works it concerns. Raises Refused("fact_incomplete")."""
    with unit(actor):
        fact = catalogue.record_fact(
            kind=kind, source=source, not_before=not_before, not_after=not_after, place=place, work=work, party=party,
            actor=actor, at=at,
        )  # fmt: skip
        concerned = Q(pk=work.pk) if work else Q(contributors__party=party)
        refresh(works=list(Work.objects.filter(concerned).distinct()), at=at)
    return fact


def credit(*, work: Work, sequence: int, party: Party, actor: Actor, at: datetime) -> None:
    """Say which party a contributor of a work is; its recorded life counts from then on."""
    with unit(actor):
        Contributor.objects.filter(work=work, sequence=sequence).update(party=party)
        after = {"sequence": sequence, "party": party.name_id}
        audit.record(actor=actor, act="contributor.credited", subject=work.name_id, at=at, after=after)
        refresh(works=[work], at=at)


def complete(*, work: Work, evidence: str, actor: Actor, at: datetime) -> None:
    """Say, with evidence, that no contributor of a work is missing."""
    with unit(actor):
        Work.objects.filter(pk=work.pk).update(contributors_complete=True, contributors_evidence=evidence)
        work.refresh_from_db()
        after = {"evidence": evidence}
        audit.record(
            actor=actor, act="contributors.complete", subject=work.name_id, at=at, after=after,
            organisation_id=work.organisation_id,
        )  # fmt: skip
        refresh(works=[work], at=at)


def refresh(*, works: Sequence[Work], at: datetime) -> None:
    """Recompute the status of works on the day of `at`, a constant number of queries per batch."""
    for start in range(0, len(works), BATCH):
        _refresh(works[start : start + BATCH], at)


# A record that names an original language, or an original title without saying that the language is the same.
FOREIGN = """
SELECT DISTINCT e.work_id FROM licensing_edition e JOIN licensing_work w ON w.id = e.work_id
WHERE w.id = ANY(%s) AND e.ended_at IS NULL AND CASE WHEN e.record ? 'original_language'
  THEN split_part(e.record->>'original_language', '-', 1) <> split_part(w.language, '-', 1)
  ELSE e.record ? 'original_title' END
"""
# Terms end with a year: what was computed in an earlier one, or by an earlier table, is computed again.
OVERDUE = """
SELECT s.work_id FROM licensing_copyrightstatus s
WHERE s.rule_version <> %(version)s OR s.computed_at < %(year)s ORDER BY s.work_id LIMIT %(batch)s
"""


def catch_up(*, actor: Actor, at: datetime) -> int:
    """Recompute what a year's end has freed, and what an earlier table of rules has said; returns how many works."""
    done = 0
    while True:
        with unit(actor), connection.cursor() as cursor:
            year = at.replace(month=1, day=1, hour=0, minute=0, second=0, microsecond=0)
            cursor.execute(OVERDUE, {"version": rules.VERSION, "year": year, "batch": BATCH})
            keys = [key for (key,) in cursor.fetchall()]
            _refresh(list(Work.objects.filter(pk__in=keys)), at, keep=True)
        done += len(keys)
        if len(keys) < BATCH:
            return done


def _refresh(works: Sequence[Work], at: datetime, *, keep: bool = False) -> None:
    """`keep`: no fact is new, so an answer that is still the same has held since its day."""
    keys = [work.pk for work in works]
    earlier = CopyrightStatus.objects.filter(work__in=keys, rule_version=rules.VERSION) if keep else ()
    since = {(row.work_id, row.public_domain, row.unknown): row.on_date for row in earlier}
    people = _people(keys)
    translated = _translated(keys)
    published = _published(keys)
    rows = []
    for work in works:
        said = rules.Interval(work.published_not_before, work.published_not_after), work.published_country
        interval, country = published.get(work.pk, said)
        evidence = rules.Evidence(
            people[work.pk], bool(work.contributors_complete), interval, work.pk in translated, work.form, country
        )
        found = rules.status(evidence, at.date())
        rows.append(
            CopyrightStatus(
                work=work, public_domain=found.public_domain, protected=found.protected, unknown=found.unknown,
                free_from={place: day.isoformat() for place, day in found.free_from.items()},
                facts={"complete": evidence.complete, "people": len(evidence.people), "published": str(interval),
                       "country": country, "form": work.form},
                rule_version=rules.VERSION, computed_at=at,
                on_date=since.get((work.pk, found.public_domain, found.unknown), at.date()),
            )
        )  # fmt: skip
    CopyrightStatus.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["work"],
        update_fields=["public_domain", "protected", "unknown", "free_from", "facts", "rule_version", "on_date",
                       "computed_at"],
    )  # fmt: skip


def _translated(works: Sequence[int]) -> set[int]:
    """Works that are translations: of a work here, or as a record says that names their original."""
    related = WorkRelation.objects.filter(work__in=works, kind="translation_of").values_list("work_id", flat=True)
    with connection.cursor() as cursor:
        cursor.execute(FOREIGN, [list(works)])
        return {*related, *(key for (key,) in cursor.fetchall())}


def _people(works: Sequence[int]) -> Mapping[int, list[rules.Person]]:
    rows = Contributor.objects.filter(work__in=works).select_related("party").order_by("work_id", "sequence")
    credited = {row.party_id for row in rows if row.party_id}
    facts: dict[tuple[int, str], list[Fact]] = defaultdict(list)
    for fact in Fact.objects.filter(party__in=credited, kind__in=["birth", "death"]):
        facts[fact.party_id or 0, fact.kind].append(fact)
    found: dict[int, list[rules.Person]] = defaultdict(list)
    for row in rows:
        known = row.party_id or -1
        found[row.work_id].append(
            rules.Person(
                row.role, _narrowest(facts[known, "birth"]), _narrowest(facts[known, "death"]),
                anonymous=row.unnamed == "anonymous", corporate=row.party is not None and row.party.kind in COLLECTIVE,
            )
        )  # fmt: skip
    return found


def _published(works: Sequence[int]) -> Mapping[int, tuple[rules.Interval, str]]:
    """Per work when and where it was first published; where only if all who say so agree."""
    facts: dict[int, list[Fact]] = defaultdict(list)
    for fact in Fact.objects.filter(work__in=works, kind="publication"):
        facts[fact.work_id or 0].append(fact)
    places = {work: {row.place for row in rows} for work, rows in facts.items()}
    return {
        work: (_narrowest(rows), places[work].pop() if len(places[work]) == 1 else "") for work, rows in facts.items()
    }


def _narrowest(facts: Iterable[Fact]) -> rules.Interval:
    """Several facts about one date: the limits all of them allow; contradicting ones allow nothing."""
    rows = list(facts)
    first = max((fact.not_before for fact in rows if fact.not_before), default=None)
    last = min((fact.not_after for fact in rows if fact.not_after), default=None)
    if first is not None and last is not None and first > last:
        return rules.UNKNOWN
    return rules.Interval(first, last)
