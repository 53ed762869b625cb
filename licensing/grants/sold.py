"""The set-based part of a grant: which works were sold, by whom, under which terms."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from licensing.grants.certificate import ConditionSet, Constraint, Duty, TermsLine, TermsPart
from licensing.grants.models import Grant
from licensing.grants.tree import LicensedWork
from licensing.kernel import canonical, digests, ids, territories
from licensing.rights import vocabulary
from licensing.rights.models import TermsVersion

PUBLIC_DOMAIN = "LicenseRef-Licet-Public-Domain"

# Each distinct basis of a line: its terms versions, or the open licence, or the public domain.
BASES = """
SELECT key, versions, kind, licence, count(*) FROM (
  SELECT l.id, d.kind, coalesce(l.detail ->> 'licence', '') AS licence,
         array_agg(DISTINCT s.terms_version_id ORDER BY s.terms_version_id)
           FILTER (WHERE s.id IS NOT NULL) AS versions,
         coalesce(string_agg(DISTINCT s.terms_version_id::text, ',' ORDER BY s.terms_version_id::text), '')
           || '|' || d.kind || '|' || coalesce(l.detail ->> 'licence', '') AS key
  FROM licensing_quoteline l JOIN licensing_decision d ON d.id = l.decision_id
  LEFT JOIN licensing_quoteshare s ON s.line_id = l.id
  WHERE l.quote_id = %(quote)s GROUP BY l.id, d.kind, l.detail ->> 'licence') AS line
GROUP BY key, versions, kind, licence ORDER BY key
"""

WORKS = """
INSERT INTO licensing_grantwork (grant_id, work_id, line_id, organisation_id, terms_id, terms_sha256, licence)
SELECT %(grant)s, line.work_id, line.id, w.organisation_id, b.terms_id, b.terms_sha256, b.licence
FROM (
  SELECT l.id, l.work_id,
         coalesce(string_agg(DISTINCT s.terms_version_id::text, ',' ORDER BY s.terms_version_id::text), '')
           || '|' || d.kind || '|' || coalesce(l.detail ->> 'licence', '') AS key
  FROM licensing_quoteline l JOIN licensing_decision d ON d.id = l.decision_id
  LEFT JOIN licensing_quoteshare s ON s.line_id = l.id
  WHERE l.quote_id = %(quote)s GROUP BY l.id, l.work_id, d.kind, l.detail ->> 'licence') AS line
JOIN licensing_work w ON w.id = line.work_id
JOIN unnest(%(keys)s::text[], %(terms)s::text[], %(hashes)s::text[], %(licences)s::text[])
  AS b(key, terms_id, terms_sha256, licence) ON b.key = line.key
"""

SENTINELS = """
INSERT INTO licensing_grantsentinel (grant_id, organisation_id)
SELECT %(grant)s, o.id FROM accounts_organisation o
WHERE o.is_rights_holder OR o.id IN (SELECT organisation_id FROM licensing_grantwork WHERE grant_id = %(grant)s)
"""

LEAVES = """
SELECT w.public_id, o.public_id, g.terms_id, g.terms_sha256, g.licence
FROM licensing_grantwork g
JOIN licensing_work w ON w.id = g.work_id JOIN accounts_organisation o ON o.id = g.organisation_id
WHERE g.grant_id = %(grant)s
"""


@dataclass(frozen=True, slots=True)
class Basis:
    """Why lines of a quote are licensed: terms versions (internal ids), or an open licence, or the public domain."""

    key: str
    versions: tuple[int, ...]
    kind: str
    licence: str
    works: int
    terms_id: str = ""
    terms_sha256: str = ""


def bases(quote_id: int) -> list[Basis]:
    """The distinct bases of a quote's lines with their names and hashes, as the works tree states them."""
    with connection.cursor() as cursor:
        cursor.execute(BASES, {"quote": quote_id})
        rows = cursor.fetchall()
    wanted = {version for _, versions, *_ in rows for version in versions or ()}
    known = TermsVersion.objects.select_related("terms").in_bulk(wanted)
    return [_named(Basis(key, tuple(versions or ()), kind, licence, works), known)
            for key, versions, kind, licence, works in rows]  # fmt: skip


def _named(basis: Basis, known: dict[int, TermsVersion]) -> Basis:
    chosen = _in_order(basis, known)
    if chosen:
        names = [version.terms.name_id for version in chosen]
        hashes = [version.sha256 for version in chosen]
        digest = hashes[0] if len(hashes) == 1 else digests.of_json(hashes)
        licence = " AND ".join(dict.fromkeys(f"LicenseRef-{name.replace('_', '-')}" for name in names))
        return Basis(basis.key, basis.versions, basis.kind, licence, basis.works, "+".join(names), digest)
    licence = basis.licence or PUBLIC_DOMAIN
    digest = hashlib.sha256(licence.encode()).hexdigest()
    name = f"open_licence:{licence}" if basis.licence else "public_domain"
    return Basis(basis.key, (), basis.kind, licence, basis.works, name, digest)


def _in_order(basis: Basis, known: dict[int, TermsVersion]) -> list[TermsVersion]:
    """The terms versions of a basis as ids, hashes and texts are joined."""
    return sorted((known[pk] for pk in basis.versions), key=lambda version: (version.terms.name_id, version.number))


def copy_works(grant: Grant, found: Sequence[Basis], quote_id: int) -> None:
    """Write the grant's works and its sentinels, two statements whatever their number."""
    values: dict[str, Any] = {
        "grant": grant.pk, "quote": quote_id, "keys": [basis.key for basis in found],
        "terms": [basis.terms_id for basis in found], "hashes": [basis.terms_sha256 for basis in found],
        "licences": [basis.licence for basis in found],
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(WORKS, values)
        cursor.execute(SENTINELS, values)


def licensed_works(grant: Grant) -> Iterator[LicensedWork]:
    """The grant's works as their leaves state them; ids as public text. Streams."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(LEAVES, {"grant": grant.pk})
        for work, organisation, terms_id, terms_hash, licence in cursor:
            yield LicensedWork(
                ids.encode("wrk", work), ids.encode("org", organisation), terms_id, terms_hash, licence
            )


def terms_lines(found: Sequence[Basis], use: Mapping[str, Any]) -> tuple[list[TermsLine], list[ConditionSet]]:
    """What works were sold under, a line each with the number of works, and the distinct condition sets.

    A co-held work's line joins its licensors' terms. `use` is the body of the use that was sold: a permission reaches
    as far as it, whatever more the terms offer, and an open licence and the public domain add no condition of ours.
    """
    known = TermsVersion.objects.select_related("terms__organisation").in_bulk(
        {version for basis in found for version in basis.versions}
    )
    lines: dict[tuple[str, str], TermsLine] = {}
    sets: dict[str, ConditionSet] = {}
    for basis in found:
        versions = _in_order(basis, known)
        conditions = _conditions(versions, basis, use)
        earlier = sets.get(conditions.key())
        sets[conditions.key()] = replace(conditions, works=basis.works + (earlier.works if earlier else 0))
        line = _line(basis, versions, conditions.key())
        before = lines.get((line.id, line.hash))
        lines[line.id, line.hash] = replace(line, works=line.works + (before.works if before else 0))
    return list(lines.values()), list(sets.values())


def _line(basis: Basis, versions: Sequence[TermsVersion], conditions: str) -> TermsLine:
    parts = tuple(map(_part, versions))
    joint = len(parts) > 1
    return TermsLine(
        basis.terms_id, parts[0].version if len(parts) == 1 else 0, basis.terms_sha256,
        parts[0].text_hash if len(parts) == 1 else None, "+".join(sorted({part.licensor_id for part in parts})),
        conditions, basis.works, parts if joint else (),
    )  # fmt: skip


def _part(version: TermsVersion) -> TermsPart:
    text = legal_text(version)
    return TermsPart(
        version.terms.name_id, version.number, version.sha256,
        hashlib.sha256(text.encode()).hexdigest() if text else None, version.terms.organisation.name_id,
    )  # fmt: skip


def legal_text(version: TermsVersion) -> str:
    """The full legal text of a version, English and Chinese, as its file in a release holds it; may be empty."""
    said = (version.body.get("legal_text_en"), version.body.get("legal_text_zh"))
    return "\n\n".join(part for part in said if part)


def _conditions(versions: Sequence[TermsVersion], basis: Basis, use: Mapping[str, Any]) -> ConditionSet:
    """The use as sold, with the conditions of all licensors together (domain.md 2, Terms)."""
    actions = tuple(vocabulary.names(vocabulary.mask(use["actions"])))
    if not versions:
        return ConditionSet(actions, (), (), basis.works)
    window = use["training_window"]
    constraints = [Constraint("spatial", "isAnyOf", tuple(territories.codes(territories.mask(use["territories"]))))]
    constraints.append(Constraint("dateTime", "gteq", window["from"]))
    if window.get("until"):
        constraints.append(Constraint("dateTime", "lt", window["until"]))
    duties = {_duty(item) for version in versions for item in version.conditions}
    return ConditionSet(actions, tuple(constraints), tuple(sorted(duties)), basis.works)


def _duty(condition: Mapping[str, Any]) -> Duty:
    parameters = {name: value for name, value in condition.items() if name != "kind"}
    return Duty(str(condition.get("kind", "other")), canonical.jcs(parameters).decode())
