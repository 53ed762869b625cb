"""The two hashes of a run, computed while its stored rows stream past in the order of their lines.

Memory: one chunk of works, and one text per distinct split version of the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from psycopg import sql

from licensing.kernel import ids
from licensing.royalties.models import AllocationRun

CHUNK = 50_000

# A line starts with the work's public id, which sorts like its uuid, and work rows are stored in that order: so the
# lines are sorted work by work. Both are read by ranges of the key, in the order they lie in.
WORKS = sql.SQL("""
COPY (SELECT k.public_id, a.weight FROM licensing_workallocation a JOIN licensing_work k ON k.id = a.work_id
      WHERE a.run_date = {date} AND a.run_id = {run} AND a.id >= {first} AND a.id < {last} ORDER BY a.id) TO STDOUT
""")
PARTS = sql.SQL("""
COPY (SELECT split_part_id, part_no, part_no || ',' || weight,
             ',"' || floor || '","' || remainder || '",' || rank || CASE WHEN bumped THEN ',true,"' ELSE ',false,"' END
               || amount || '"]'
      FROM licensing_allocation
      WHERE run_date = {date} AND run_id = {run} AND id >= {first}::bigint << 16 AND id < {last}::bigint << 16
      ORDER BY id) TO STDOUT
""")

VERSIONS = """
SELECT p.id, c.public_id, v.public_id
FROM licensing_splitversion v JOIN licensing_claim c ON c.id = v.claim_id
JOIN licensing_splitpart p ON p.version_id = v.id
WHERE v.id IN (SELECT s.split_version_id FROM licensing_quoteline l JOIN licensing_quoteshare s ON s.line_id = l.id
               WHERE l.quote_id = %(quote)s)
ORDER BY v.id
"""

NOBODY = b"null,null"

Row = list[bytes]


class Hashes(NamedTuple):
    """Hex SHA-256 over the inputs, and over inputs and results."""

    input_hash: str
    output_hash: str


def of_run(run: AllocationRun) -> Hashes:
    """The hashes of a run's stored rows (docs/algorithms/splits.md, section 4).

    Raises ValueError when its works are not stored in the order of their public ids.
    """
    names = _names(run)
    given, result = hashlib.sha256(), hashlib.sha256()
    between, before = b"", b""
    for work, weight, rows in _works(run):
        if work <= before:
            raise ValueError(f"the works of {run.name_id} are not in order")
        prefix = b'["%s","%s",' % (ids.encode("wrk", UUID(work.decode())).encode(), weight)
        inputs: list[bytes] = []
        outputs: list[bytes] = []
        for part, _, share, numbers in rows:
            line = b"%s%s,%s" % (prefix, names.get(part, NOBODY), share)
            inputs.append(line + b"]")
            outputs.append(line + numbers)
        given.update(between + b"\n".join(sorted(inputs)))
        result.update(between + b"\n".join(sorted(outputs)))
        between, before = b"\n", work
    return Hashes(given.hexdigest(), result.hexdigest())


def _names(run: AllocationRun) -> dict[bytes, bytes]:
    """Split part (internal id as text) -> claim and split version as the lines write them; one text per version."""
    names: dict[bytes, bytes] = {}
    last, text = None, b""
    with connection.cursor() as cursor:
        cursor.execute(VERSIONS, {"quote": run.order.quote_id})
        for part, claim, version in cursor.fetchall():
            if version != last:
                last, text = version, f'"{ids.encode("clm", claim)}","{ids.encode("spl", version)}"'.encode()
            names[str(part).encode()] = text
    return names


def _works(run: AllocationRun) -> Iterator[tuple[bytes, bytes, list[Row]]]:
    """(work uuid, weight, its rows by part number) of every work in order, a chunk of the key at a time."""
    for first in range(run.first_row, run.last_row + 1, CHUNK):
        bounds = {"first": sql.Literal(first), "last": sql.Literal(min(first + CHUNK, run.last_row + 1))}
        rows: list[list[Row]] = []
        for row in _copy(PARTS, run, bounds):
            if row[1] == b"1":
                rows.append([])
            rows[-1].append(row)
        for (work, weight), own in zip(_copy(WORKS, run, bounds), rows, strict=True):
            yield work, weight, own


def _copy(statement: sql.SQL, run: AllocationRun, bounds: dict[str, sql.Literal]) -> Iterator[Row]:
    filled = statement.format(run=sql.Literal(run.pk), date=sql.Literal(run.run_date), **bounds)
    with connection.cursor() as cursor, cursor.copy(filled) as copy:
        rest = b""
        for block in copy:
            *lines, rest = (rest + bytes(block)).split(b"\n")
            for line in lines:
                yield line.split(b"\t")
