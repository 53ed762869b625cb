"""The table of moves: what it allows, what it draws, what it refuses to be."""

from __future__ import annotations

import pytest

from licensing.kernel.states import States

ORDER = States("order", "placed", {"placed": ["secured", "cancelled"], "secured": ["granted"]})


def test_allows_only_the_moves_of_the_table() -> None:
    """No way back, no way to itself, no unknown names."""
    assert ORDER.allows("placed", "secured")
    assert not ORDER.allows("secured", "placed")
    assert not ORDER.allows("placed", "placed")
    assert not ORDER.allows("placed", "granted")
    assert not ORDER.allows("placed", "nonsense")
    assert not ORDER.allows("nonsense", "placed")


def test_lists_statuses_in_the_order_told() -> None:
    """Database constraints are made from this list, so it must not jump about."""
    assert ORDER.all == ("placed", "secured", "cancelled", "granted")
    assert ORDER.final == ("cancelled", "granted")


def test_draws_itself() -> None:
    """The diagram in the documentation is compared with this text."""
    assert ORDER.diagram() == (
        "stateDiagram-v2\n"
        "    [*] --> placed\n"
        "    placed --> secured\n"
        "    placed --> cancelled\n"
        "    secured --> granted\n"
        "    cancelled --> [*]\n"
        "    granted --> [*]\n"
    )


def test_cannot_be_changed() -> None:
    """Neither by another table nor through the list it was made from."""
    targets = ["closed"]
    states = States("case", "open", {"open": targets})
    targets.append("open")
    assert states.all == ("open", "closed")
    with pytest.raises(AttributeError):
        states.moves = {}  # type: ignore[misc] # that this fails is the test


@pytest.mark.parametrize(
    ("initial", "moves", "sentence"),
    [
        ("open", {"open": ["closed"], "lost": ["closed"]}, "case: not reachable from open: lost"),
        ("gone", {"open": ["closed"]}, "case: not reachable from gone: closed, open"),
        ("open", {}, "case: not reachable from open"),
        ("open", {"open": ["closed", "open"]}, "case: open leads to itself"),
    ],
)
def test_refuses_a_broken_table(initial: str, moves: dict[str, list[str]], sentence: str) -> None:
    """A status nobody can reach is a mistake in the table."""
    with pytest.raises(ValueError, match=sentence):
        States("case", initial, moves)
