"""How far it is in a flow from one step to another, for calls that are steered to a goal."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

from gateway.flows.model import Flow
from gateway.flows.steps import AnyStep, EndCall, GiveBack, GoTo, Hangup, Return, Run

UNPLEASANT: Final = 10


def length(exit_name: str) -> int:
    """Return how long a way out is."""
    return UNPLEASANT if exit_name in ("failed", "gave_up") else 1


class Routes:
    """How far it is from each step to each other, in ways out; subflows are entered and left.

    A way that callers would rather not go is ``UNPLEASANT`` ways long, so that calls take it only if they have to.
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._next = {
            path: [(self.after(step, way.name), length(way.name)) for way in step.exits]
            for path, step in flow.steps.items()
        }
        for path, step in flow.steps.items():
            if isinstance(step, Run) and step.flow in flow.subflows:
                self._next[path] = [(flow.subflows[step.flow].start, 1)]
            elif isinstance(step, Return):
                self._next[path] = [(back, 1) for back in self._returns(step.subflow, step.outcome)]
        self._distances: dict[str, dict[str, int]] = {}

    def after(self, step: AnyStep, exit_name: str) -> str:
        """Return the step that a way out leads to; empty: the end, or many."""
        way = step.exit(exit_name)
        match way.target if way else EndCall():
            case GoTo(step=path):
                return path
            case GiveBack(outcome=outcome):
                return next(self._returns(step.subflow, outcome), "")
            case _:
                return ""

    def _returns(self, subflow: str | None, outcome: str) -> Iterator[str]:
        for step in self._flow.steps.values():
            if isinstance(step, Run) and step.flow == subflow:
                way = step.exit(outcome) or step.exit("failed")
                if way is not None and isinstance(way.target, GoTo):
                    yield way.target.step

    def can_reach(self, start: str, goal: str) -> bool:
        """Whether any way leads there."""
        return start in self._to(goal)

    def distance(self, start: str, goal: str) -> int:
        """Return how many ways out lie between two steps; many if there is no way. An empty goal is the call's end."""
        return self._to(goal).get(start, 10_000)

    def _to(self, goal: str) -> dict[str, int]:
        known = self._distances.get(goal)
        if known is not None:
            return known
        before: dict[str, list[tuple[str, int]]] = {}
        for path, following in self._next.items():
            for other, far in following:
                before.setdefault(other, []).append((path, far))
        ends = [path for path, step in self._flow.steps.items() if isinstance(step, Hangup)]
        found: dict[str, int] = {}
        waiting = [(0, path) for path in ([goal] if goal else ["", *ends])]
        while waiting:
            far, path = heapq.heappop(waiting)
            if path not in found:
                found[path] = far
                for other, further in before.get(path, ()):
                    heapq.heappush(waiting, (far + further, other))
        self._distances[goal] = found
        return found
