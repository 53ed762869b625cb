"""The set-based part of a grant: which works were sold, by whom, under which terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

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
SELECT key, versions, licence, count(*) FROM (
  SELECT l.id, coalesce(l.detail ->> 'licence', '') AS licence,
         array_agg(DISTINCT s.terms_version_id ORDER BY s.terms_version_id)
           FILTER (WHERE s.id IS NOT NULL) AS versions,
         coalesce(string_agg(DISTINCT s.terms_version_id::text, ',' ORDER BY s.terms_version_id::text), '')
           || '|' || d.kind || '|' || coalesce(l.detail ->> 'licence', '') AS key
  FROM licensing_quoteline l JOIN licensing_decision d ON d.id = l.decision_id
  LEFT JOIN licensing_quoteshare s ON s.line_id = l.id
  WHERE l.quote_id = %(quote)s GROUP BY l.id, d.kind, l.detail ->> 'licence') AS line
GROUP BY key, versions, licence ORDER BY key
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
    """Why lines of a quote are licensed: terms versions that hold together, an open licence, or the public domain.

    `versions` are internal ids; `parts` and `duties` what lines and conditions say of them, without their bodies.
    """

    key: str
    works: int
    versions: tuple[int, ...]
    parts: tuple[TermsPart, ...]
    duties: tuple[Duty, ...]
    terms_id: str
    terms_sha256: str
    licence: str


class _Version(NamedTuple):
    part: TermsPart
    duties: frozenset[Duty]


def bases(quote_id: int) -> list[Basis]:
    """The distinct bases of a quote's lines with their names and hashes, as the works tree states them."""
    with connection.cursor() as cursor:
        cursor.execute(BASES, {"quote": quote_id})
        rows = cursor.fetchall()
    known = _known({version for _, versions, *_ in rows for version in versions or ()})
    return [_basis(key, tuple(versions or ()), known, licence, works) for key, versions, licence, works in rows]


def _known(wanted: set[int]) -> dict[int, _Version]:
    """What is needed of terms versions; their bodies, legal texts and all, pass by and are not kept."""
    rows = TermsVersion.objects.filter(pk__in=wanted).select_related("terms__organisation")
    return {row.pk: _Version(_part(row), frozenset(map(_duty, row.conditions))) for row in rows.iterator(100)}


def _basis(key: str, versions: tuple[int, ...], known: Mapping[int, _Version], licence: str, works: int) -> Basis:
    parts = tuple(sorted(known[pk].part for pk in versions))
    duties = tuple(sorted({duty for pk in versions for duty in known[pk].duties}))
    if parts:
        digest = parts[0].hash if len(parts) == 1 else digests.of_json([part.hash for part in parts])
        expression = " AND ".join(dict.fromkeys(f"LicenseRef-{part.id.replace('_', '-')}" for part in parts))
        return Basis(key, works, versions, parts, duties, "+".join(part.id for part in parts), digest, expression)
    name = f"open_licence:{licence}" if licence else "public_domain"
    expression = licence or PUBLIC_DOMAIN
    return Basis(key, works, (), (), (), name, digests.sha256_hex(expression.encode()), expression)


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
    lines: dict[tuple[str, str], TermsLine] = {}
    sets: dict[str, ConditionSet] = {}
    for basis in found:
        conditions = _conditions(basis, use)
        earlier = sets.get(conditions.key())
        sets[conditions.key()] = replace(conditions, works=basis.works + (earlier.works if earlier else 0))
        line = _line(basis, conditions.key())
        before = lines.get((line.id, line.hash))
        lines[line.id, line.hash] = replace(line, works=line.works + (before.works if before else 0))
    return list(lines.values()), list(sets.values())


def _line(basis: Basis, conditions: str) -> TermsLine:
    only = basis.parts[0] if len(basis.parts) == 1 else None
    return TermsLine(
        basis.terms_id, only.version if only else 0, basis.terms_sha256, only.text_hash if only else None,
        "+".join(sorted({part.licensor_id for part in basis.parts})), conditions, basis.works,
        () if only else basis.parts,
    )  # fmt: skip


def _part(version: TermsVersion) -> TermsPart:
    text = legal_text(version)
    return TermsPart(
        version.terms.name_id, version.number, version.sha256,
        digests.sha256_hex(text.encode()) if text else None, version.terms.organisation.name_id,
    )  # fmt: skip


def legal_text(version: TermsVersion) -> str:
    """The full legal text of a version, English and Chinese, as its file in a release holds it; may be empty."""
    said = (version.body.get("legal_text_en"), version.body.get("legal_text_zh"))
    return "\n\n".join(part for part in said if part)


def _conditions(basis: Basis, use: Mapping[str, Any]) -> ConditionSet:
    """The use as sold, with the conditions of all licensors together (domain.md 2, Terms)."""
    actions = tuple(vocabulary.names(vocabulary.mask(use["actions"])))
    if not basis.parts:
        return ConditionSet(actions, (), (), basis.works)
    window = use["training_window"]
    constraints = [Constraint("spatial", "isAnyOf", tuple(territories.codes(territories.mask(use["territories"]))))]
    constraints.append(Constraint("dateTime", "gteq", window["from"]))
    if window.get("until"):
        constraints.append(Constraint("dateTime", "lt", window["until"]))
    return ConditionSet(actions, tuple(constraints), basis.duties, basis.works)


def _duty(condition: Mapping[str, Any]) -> Duty:
    parameters = {name: value for name, value in condition.items() if name != "kind"}
    return Duty(str(condition.get("kind", "other")), canonical.jcs(parameters).decode())
