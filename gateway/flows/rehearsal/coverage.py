"""Which steps and ways out of a flow were come by, in tests or in random walks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from gateway.flows.engine.commands import Tell
from gateway.flows.model import Flow


@dataclass(slots=True)
class Coverage:
    """Counts for one flow. A way out is a pair of a step's path and the exit's name; a denied guard is ``guard``."""

    flow: Flow
    steps: Counter[str] = field(default_factory=Counter)
    exits: Counter[tuple[str, str]] = field(default_factory=Counter)
    handlers: Counter[str] = field(default_factory=Counter)

    def add(self, tells: Iterable[Tell]) -> None:
        """Count what an engine told of a call."""
        for tell in tells:
            match tell.name:
                case "step_entered":
                    self.steps[tell.step] += 1
                case "exit_taken":
                    self.exits[tell.step, str(tell.facts["exit"])] += 1
                case "guard_denied":
                    self.exits[tell.step, "guard"] += 1
                case "global_used":
                    self.handlers[str(tell.facts["handler"])] += 1

    @property
    def missing_steps(self) -> list[str]:
        """Steps that no call came by, in the order of the file."""
        return [path for path in self.flow.steps if not self.steps[path]]

    @property
    def missing_exits(self) -> list[tuple[str, str]]:
        """Ways out that no call took."""
        return [pair for pair in self._all_exits() if not self.exits[pair]]

    def _all_exits(self) -> list[tuple[str, str]]:
        """Return the ways out that tests can be asked for: a guard is a second wall, which no caller should come to."""
        return [(path, way.name) for path, step in self.flow.steps.items() for way in step.exits if way.kind != "guard"]

    @property
    def share_of_steps(self) -> float:
        """Percent of the steps; 100 for none."""
        return _percent(len(self.flow.steps), len(self.missing_steps))

    @property
    def share_of_exits(self) -> float:
        """Percent of the ways out; 100 for none."""
        return _percent(len(self._all_exits()), len(self.missing_exits))

    def counts(self) -> dict[str, int]:
        """Return counts by ``step`` and ``step>exit``: what ``gateway flow graph --coverage`` colours."""
        return dict(self.steps) | {f"{step}>{name}": count for (step, name), count in self.exits.items()}


def _percent(of: int, missing: int) -> float:
    return 100.0 if of == 0 else 100.0 * (of - missing) / of
