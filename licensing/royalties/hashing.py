"""The two hashes of a run, computed while its stored rows stream past in the order of their lines.

Memory: the lines of one work, and one text per distinct split version of the run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from psycopg import sql

from licensing.kernel import ids
from licensing.royalties.models import AllocationRun

# A line starts with the work's public id, which sorts like its uuid: so lines are sorted work by work.
STREAM = sql.SQL("""
COPY (
  SELECT w.public_id, w.weight, p.version_id, a.part_no || ',' || a.weight,
         '"' || a.floor || '","' || a.remainder || '",' || a.rank
           || CASE WHEN a.bumped THEN ',true,"' ELSE ',false,"' END || a.amount || '"]'
  FROM licensing_allocation a
  JOIN (SELECT g.work_id, g.weight, k.public_id
        FROM licensing_workallocation g JOIN licensing_work k ON k.id = g.work_id
        WHERE g.run_date = {date} AND g.run_id = {run}) w ON w.work_id = a.work_id
  LEFT JOIN licensing_splitpart p ON p.id = a.split_part_id
  WHERE a.run_date = {date} AND a.run_id = {run} ORDER BY w.public_id
) TO STDOUT
""")

VERSIONS = """
SELECT v.id, c.public_id, v.public_id FROM licensing_splitversion v JOIN licensing_claim c ON c.id = v.claim_id
WHERE v.id IN (SELECT s.split_version_id FROM licensing_quoteline l JOIN licensing_quoteshare s ON s.line_id = l.id
               WHERE l.quote_id = %(quote)s)
"""

NOBODY = b"null,null"


class Hashes(NamedTuple):
    """Hex SHA-256 over the inputs, and over inputs and results."""

    input_hash: str
    output_hash: str


def of_run(run: AllocationRun) -> Hashes:
    """The hashes of a run's stored rows (docs/algorithms/splits.md, section 4)."""
    names = _names(run)
    given, result = hashlib.sha256(), hashlib.sha256()
    between = b""
    for work, rows in groupby(_stream(run), key=_work):
        prefix = b'["%s","%s",' % (ids.encode("wrk", UUID(work.decode())).encode(), _weight(first := next(rows)))
        inputs: list[bytes] = []
        outputs: list[bytes] = []
        for _, _, version, part, numbers in (first, *rows):
            line = b"%s%s,%s" % (prefix, names.get(version, NOBODY), part)
            inputs.append(line + b"]")
            outputs.append(b"%s,%s" % (line, numbers))
        given.update(between + b"\n".join(sorted(inputs)))
        result.update(between + b"\n".join(sorted(outputs)))
        between = b"\n"
    return Hashes(given.hexdigest(), result.hexdigest())


Row = list[bytes]


def _work(row: Row) -> bytes:
    return row[0]


def _weight(row: Row) -> bytes:
    """The work's weight, the same in every row of the work."""
    return row[1]


def _names(run: AllocationRun) -> dict[bytes, bytes]:
    """Split version (internal id as text) -> claim and version as the lines write them."""
    with connection.cursor() as cursor:
        cursor.execute(VERSIONS, {"quote": run.order.quote_id})
        return {
            str(key).encode(): f'"{ids.encode("clm", claim)}","{ids.encode("spl", version)}"'.encode()
            for key, claim, version in cursor.fetchall()
        }


def _stream(run: AllocationRun) -> Iterator[Row]:
    statement = STREAM.format(run=sql.Literal(run.pk), date=sql.Literal(run.run_date))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        rest = b""
        for block in copy:
            *lines, rest = (rest + bytes(block)).split(b"\n")
            for line in lines:
                yield line.split(b"\t")
