"""Time and second persons, held by the database: soft and closed periods, their order, approvals, full reversals."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors

from tests.licensing.ledger.test_guards import LINES, PERIOD, Connection, _entry, _lines, _one, _posted
from tests.support.databases import Committed

REFUSED = errors.IntegrityConstraintViolation
PERSON = (
    "INSERT INTO accounts_user (public_id, created_at, password, is_superuser, email, full_name, language, is_active,"
    " is_staff) VALUES (gen_random_uuid(), now(), '', false, %s, '', 'en', true, false) RETURNING id"
)
SIGN = (
    'INSERT INTO accounts_countersign (public_id, created_at, livemode, "right", subject, payload, payload_hash,'
    " proposer_id, approver_id, reason, expires_at, status) VALUES (gen_random_uuid(), now(), %s, 'ledger.manual',"
    " 's', '{}', %s, %s, %s, '', now(), %s)"
)


@pytest.fixture
def app(committed: Committed) -> Iterator[Connection]:
    with psycopg.connect(committed.database_url) as connection:
        connection.execute(PERIOD, [False, "2026-03-01", "2026-04-01"])
        connection.commit()
        yield connection
        connection.rollback()


@pytest.fixture
def people(app: Connection) -> list[int]:
    return [int(_one(app, PERSON, [name])) for name in ("maker@example.org", "checker@example.org")]


def close(connection: Connection, starts: str) -> None:
    connection.execute("UPDATE licensing_ledgerperiod SET status = 'closed' WHERE starts = %s", [starts])


@pytest.mark.parametrize("kind", ["manual", "adjustment"])
def test_a_second_person_approves_exactly_this_content_once(app: Connection, people: list[int], kind: str) -> None:
    maker, checker = people
    if kind == "adjustment":
        app.execute("UPDATE licensing_ledgerperiod SET status = 'soft'")
    app.execute(SIGN, [False, "proposed", maker, None, "proposed"])
    app.execute(SIGN, [True, "live", maker, checker, "approved"])
    app.execute(SIGN, [False, "approved", maker, checker, "approved"])
    for payload_hash in ("proposed", "live", "other"):
        with pytest.raises(REFUSED, match="second person"), app.transaction():
            _entry(app, kind, payload_hash)
    assert _entry(app, kind, "approved")
    with pytest.raises(errors.UniqueViolation, match="ledger_entry_approved_once"):
        _entry(app, kind, "approved")


def test_a_soft_period_takes_two_kinds_and_a_closed_one_nothing(app: Connection, people: list[int]) -> None:
    app.execute(SIGN, [False, "h", *people, "approved"])
    for status, kind, why in (
        ("soft", "x", "is soft"), ("soft", "manual", "is soft"), ("closed", "x", "is closed"),
        ("closed", "adjustment", "is closed"),
    ):  # fmt: skip
        app.execute("UPDATE licensing_ledgerperiod SET status = %s WHERE status <> %s", [status, status])
        with pytest.raises(REFUSED, match=why), app.transaction():
            _entry(app, kind)


def test_periods_close_in_their_order(app: Connection) -> None:
    app.execute(PERIOD, [False, "2026-04-01", "2026-05-01"])
    app.execute(PERIOD, [True, "2026-02-01", "2026-03-01"])
    with pytest.raises(REFUSED, match="before an earlier one"), app.transaction():
        close(app, "2026-04-01")
    close(app, "2026-03-01")
    close(app, "2026-04-01")


def test_nothing_begins_before_a_closed_period_and_nothing_begins_closed(app: Connection) -> None:
    close(app, "2026-03-01")
    with pytest.raises(REFUSED, match="a later one is closed"), app.transaction():
        app.execute(PERIOD, [False, "2026-01-01", "2026-02-01"])
    with pytest.raises(REFUSED, match="not open"), app.transaction():
        app.execute(PERIOD.replace("'open'", "'closed'"), [False, "2026-04-01", "2026-05-01"])
    app.execute(PERIOD, [False, "2026-04-01", "2026-05-01"])
    app.execute(PERIOD, [True, "2026-01-01", "2026-02-01"])


def test_a_reversal_takes_all_back(app: Connection) -> None:
    entry, first, second = _posted(app)
    for amount in (4_000_000, 5_000_000):
        with app.transaction():
            back = _entry(app)
            _lines(app, back, (first, -amount, "usd"), (second, amount, "usd"))
    app.execute("SET CONSTRAINTS ALL DEFERRED")
    reversal = ENTRY_OF.format(entry)
    part = int(_one(app, reversal))
    _lines(app, part, (first, -4_000_000, "usd"), (second, 4_000_000, "usd"))
    with pytest.raises(REFUSED, match="in full"):
        app.commit()
    whole = int(_one(app, reversal))
    _lines(app, whole, (first, -5_000_000, "usd"), (second, 5_000_000, "usd"))
    app.commit()
    with pytest.raises(errors.UniqueViolation):
        app.execute(reversal)


ENTRY_OF = """
INSERT INTO licensing_ledgerentry (public_id, created_at, livemode, idem_key, kind, effective_date, occurred_at,
  posted_at, source, actor, memo, rule_version, payload_hash, xid, cluster, reverses_id)
VALUES (gen_random_uuid(), now(), false, gen_random_uuid(), 'reversal', '2026-03-10', now(), now(), 's', 'a', '', '1',
  'h', 1, 1, {}) RETURNING id
"""


def test_lines_of_a_savepoint_that_is_taken_back_do_not_count(app: Connection) -> None:
    _, first, second = _posted(app)
    entry = _entry(app)
    with pytest.raises(ZeroDivisionError), app.transaction():
        _lines(app, entry, (first, 1_000_000, "usd"), (second, -1_000_000, "usd"))
        raise ZeroDivisionError
    with pytest.raises(REFUSED, match="has 0 lines"):
        app.commit()
    entry = _entry(app)
    with app.transaction():
        _lines(app, entry, (first, 1_000_000, "usd"), (second, -1_000_000, "usd"))
    app.commit()


UNPINNED = """
SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prorettype = 'trigger'::regtype
  AND p.proname LIKE 'licet%'
  AND NOT coalesce(p.proconfig::text LIKE '%search_path=pg_catalog, public, pg_temp%', false)
ORDER BY 1
"""


def test_no_guard_looks_names_up_where_its_caller_says(app: Connection) -> None:
    # The two without a pinned path name nothing, or in full.
    assert app.execute(UNPINNED).fetchall() == [("licet_append_only",), ("licet_stamp_xid",)]


OWNERS = """
SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
  AND EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a WHERE a.grantee = 0)
"""


def test_nobody_else_calls_what_runs_as_its_owner(app: Connection) -> None:
    assert app.execute(OWNERS).fetchall() == []


def test_a_type_of_the_callers_own_does_not_stand_in_for_text(app: Connection) -> None:
    entry, first, second = _posted(app)
    mine = _one(app, "SELECT xid FROM licensing_ledgerentry WHERE id = %s", [entry])
    app.execute("CREATE TYPE pg_temp.text AS (said bigint)")
    app.execute(
        f"CREATE FUNCTION pg_temp.lie(xid8) RETURNS pg_temp.text LANGUAGE sql AS 'SELECT ROW({mine})::pg_temp.text'"
    )
    app.execute("CREATE FUNCTION pg_temp.told(pg_temp.text) RETURNS bigint LANGUAGE sql AS 'SELECT ($1).said'")
    app.execute("CREATE CAST (xid8 AS pg_temp.text) WITH FUNCTION pg_temp.lie(xid8)")
    app.execute("CREATE CAST (pg_temp.text AS bigint) WITH FUNCTION pg_temp.told(pg_temp.text)")
    app.execute("SET search_path = pg_temp, pg_catalog, public")
    with pytest.raises(REFUSED, match="earlier transaction"):
        app.execute(LINES.replace("::text[]", "::pg_catalog.text[]").format(table="public.licensing_ledgerline"),
                    [entry, [first, second], [1_000_000, -1_000_000], ["usd", "usd"]])  # fmt: skip
