"""Whatever is posted: books sum to zero, repeats change nothing, and what is wrong leaves no trace."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import Refused
from accounts.unit import system, unit
from licensing.kernel import digests
from licensing.ledger import queries, rules, services, verify
from licensing.ledger.models import LedgerEntry, LedgerLine
from licensing.ledger.rules import Draft, Line

ACTOR = system()
AT = datetime(2026, 3, 10, tzinfo=UTC)
CODES = ("escrow:cfl_1", "payee_accrued:pty_1", "payee_accrued:pty_2", "payee_payable:pty_1", "royalty_pool:ord_1")
amounts = st.integers(-(10**15), 10**15).filter(bool)


@st.composite
def balanced(draw: st.DrawFn) -> list[Line]:
    """Lines in one to three currencies, each summing to zero."""
    lines: list[Line] = []
    for currency in draw(st.lists(st.sampled_from(["usd", "jpy", "kwd"]), min_size=1, max_size=3, unique=True)):
        some = draw(st.lists(st.tuples(st.sampled_from(CODES), amounts), min_size=1, max_size=5))
        rest = -sum(amount for _, amount in some)
        legs = [*some, (draw(st.sampled_from(CODES)), rest)] if rest else [*some, (CODES[0], 1), (CODES[1], -1)]
        lines += [Line(code, amount, currency) for code, amount in legs]
    return draw(st.permutations(lines))


@st.composite
def drafts(draw: st.DrawFn) -> list[Draft]:
    """A batch with distinct keys over a few months, both modes."""
    keys = draw(st.lists(st.text("abcdef:", min_size=1, max_size=12), min_size=1, max_size=6, unique=True))
    return [
        Draft(
            idem_key=key,
            kind=draw(st.sampled_from(["capture", "allocation", "adjustment"])),
            lines=draw(balanced()),
            currency="usd",
            livemode=draw(st.booleans()),
            effective_date=date(2026, 1, 1) + timedelta(days=draw(st.integers(0, 400))),
            occurred_at=AT + timedelta(microseconds=draw(st.integers(0, 10**9))),
            source="s",
            rule_version="1",
            memo=draw(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=20)),
        )
        for key in keys
    ]


@given(
    text=st.lists(st.text(st.characters(codec="utf-8"), max_size=30), min_size=6, max_size=6), livemode=st.booleans(),
    amount=amounts,
)  # fmt: skip
def test_the_hash_of_an_entry_is_that_of_its_canonical_json(text: list[str], livemode: bool, amount: int) -> None:
    kind, source, rule_version, memo, reverses, code = text
    legs = [(code, "usd", amount), ("escrow:b", "usd", -amount)]
    found = rules.payload_hash(
        kind=kind, livemode=livemode, effective_date=AT.date(), occurred_at=AT, source=source,
        rule_version=rule_version, memo=memo, reverses=reverses, legs=legs,
    )  # fmt: skip
    assert found == digests.of_json(
        {
            "kind": kind, "livemode": livemode, "effective_date": "2026-03-10",
            "occurred_at": "2026-03-10T00:00:00.000000+00:00", "source": source, "rule_version": rule_version,
            "memo": memo, "reverses": reverses, "lines": [[c, u, str(a)] for c, u, a in sorted(legs)],
        }
    )  # fmt: skip


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=drafts(), crooked=amounts)
def test_books_sum_to_zero_and_repeats_change_nothing(batch: list[Draft], crooked: int) -> None:
    with unit(ACTOR), transaction.atomic(savepoint=True):
        assert services.post_many(batch, actor=ACTOR, at=AT) == len(batch)
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        proof = verify.verify()
        assert proof.first_bad is None
        assert set(proof.imbalance.values()) == {0}
        assert (proof.entries, proof.lines) == (len(batch), sum(len(draft.lines) for draft in batch))
        assert services.post_many(batch, actor=ACTOR, at=AT) == 0
        assert _rows() == (proof.entries, proof.lines)
        for draft in batch:
            found = LedgerEntry.objects.get(idem_key=draft.idem_key)
            assert (found.payload_hash, found.livemode) == (draft.payload_hash(), draft.livemode)
        for livemode in (False, True):
            by_account = queries.trial_balance(livemode=livemode)
            assert sum(row.balance_micro for row in by_account) == 0
            for row in by_account:
                assert row.balance_micro == _expected(batch, row.code, row.currency, livemode=livemode)
        bent = [Line(CODES[0], crooked), *batch[0].lines]
        with pytest.raises(Refused, match="sum to"):
            services.post_many([_with(batch[0], "bent", bent)], actor=ACTOR, at=AT)
        assert _rows() == (proof.entries, proof.lines)
        transaction.set_rollback(True)


@given(lines=balanced(), seed=st.randoms(use_true_random=False))
def test_the_order_of_lines_does_not_change_the_hash(lines: list[Line], seed: object) -> None:
    draft = Draft("k", "x", lines, "usd", False, date(2026, 1, 1), AT, "s", "1")
    shuffled = list(lines)
    seed.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rules.faults(draft) == []
    assert _with(draft, "k", shuffled).payload_hash() == draft.payload_hash()


def _with(draft: Draft, key: str, lines: list[Line]) -> Draft:
    values = {name: getattr(draft, name) for name in ("kind", "currency", "livemode", "effective_date", "occurred_at")}
    return Draft(idem_key=key, lines=lines, source="s", rule_version="1", memo=draft.memo, **values)


def _expected(batch: list[Draft], code: str, currency: str, *, livemode: bool) -> int:
    legs = [leg for draft in batch if draft.livemode is livemode for leg in draft.legs()]
    return sum(amount for account, money, amount in legs if (account, money) == (code, currency))


def _rows() -> tuple[int, int]:
    return LedgerEntry.objects.count(), LedgerLine.objects.count()
