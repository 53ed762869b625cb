"""State tables: random walks stay inside, and the diagram tells the whole table."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from licensing.kernel.states import States

NAMES = ["draft", "open", "held", "closed", "gone"]


@st.composite
def tables(draw: st.DrawFn) -> States:
    """Any table whose statuses can all be reached: each is led to by one before it, plus more moves."""
    count = draw(st.integers(1, len(NAMES)))
    moves: dict[str, set[str]] = {name: set() for name in NAMES[:count]}
    for place in range(1, count):
        moves[NAMES[draw(st.integers(0, place - 1))]].add(NAMES[place])
    for before, after in draw(st.lists(st.tuples(*[st.sampled_from(NAMES[:count])] * 2))):
        if before != after:
            moves[before].add(after)
    return States("case", NAMES[0], {state: sorted(targets) for state, targets in moves.items()})


@given(tables())
def test_allows_exactly_what_the_diagram_shows(states: States) -> None:
    """Every pair of statuses, drawn or not."""
    drawn = states.diagram().splitlines()
    for before in NAMES:
        for after in NAMES:
            assert (f"    {before} --> {after}" in drawn) is states.allows(before, after)
    assert drawn.count(f"    [*] --> {states.initial}") == 1


@given(tables(), st.lists(st.integers(0, 9), max_size=20))
def test_a_walk_ends_only_in_a_final_state(states: States, choices: list[int]) -> None:
    """From any status reached there is a move on, or it is final."""
    state = states.initial
    for choice in choices:
        following = [after for after in states.all if states.allows(state, after)]
        assert (not following) is (state in states.final)
        if following:
            state = following[choice % len(following)]
    assert state in states.all
