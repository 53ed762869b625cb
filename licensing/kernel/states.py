"""A state machine as one table: the only place that says which status may follow which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, eq=False)
class States:
    """The statuses of one aggregate and its moves: status -> statuses that may follow, in order of telling.

    A status that only appears as a target is final. Raises ValueError when a status cannot be reached from
    `initial`, or when a move leads from a status to itself.
    """

    name: str
    initial: str
    moves: Mapping[str, Iterable[str]]

    def __post_init__(self) -> None:
        """Freeze the table and refuse a broken one."""
        table = {state: tuple(targets) for state, targets in self.moves.items()}
        for targets in list(table.values()):
            for target in targets:
                table.setdefault(target, ())
        object.__setattr__(self, "moves", MappingProxyType(table))
        lost = set(table) - self._reachable(table)
        if self.initial not in table or lost:
            raise ValueError(f"{self.name}: not reachable from {self.initial}: {', '.join(sorted(lost))}")
        for state, targets in table.items():
            if state in targets:
                raise ValueError(f"{self.name}: {state} leads to itself")

    def _reachable(self, table: Mapping[str, tuple[str, ...]]) -> set[str]:
        seen: set[str] = set()
        waiting = [self.initial]
        while waiting:
            state = waiting.pop()
            if state not in seen:
                seen.add(state)
                waiting.extend(table.get(state, ()))
        return seen

    def allows(self, before: str, after: str) -> bool:
        """Say whether `after` may directly follow `before`; False for names that are not in the table."""
        return after in self.moves.get(before, ())

    @property
    def all(self) -> tuple[str, ...]:
        """Every status, in the order of the table, final ones that have no row of their own last."""
        return tuple(self.moves)

    @property
    def final(self) -> tuple[str, ...]:
        """The statuses nothing follows."""
        return tuple(state for state, targets in self.moves.items() if not targets)

    def diagram(self) -> str:
        """Return a Mermaid stateDiagram-v2 with a line feed at its end; same table, same text."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for state, targets in self.moves.items():
            lines.extend(f"    {state} --> {target}" for target in targets)
        lines.extend(f"    {state} --> [*]" for state in self.final)
        return "\n".join(lines) + "\n"
