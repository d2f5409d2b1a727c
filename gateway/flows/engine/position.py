"""Where a call stands, and how it gets from one step to the next: guards, subflows, digressions. Nothing else moves it.

Moves are wanted while an event is dealt with and made afterwards, one after the other, until a step waits for
something.
"""

from __future__ import annotations

from typing import Final, Protocol

from gateway.flows.engine.stage import AnyRun
from gateway.flows.engine.state import CallState, Frame
from gateway.flows.expressions.evaluate import UNSET, CannotCompute, holds
from gateway.flows.model import Flow, Subflow
from gateway.flows.steps import AnyStep, EndCall, Exit, GiveBack, GoTo, Run, Target, Value

MOVES_AT_MOST: Final = 200
"""Steps in a row without anything being said, asked or called: a circle that lint should have found."""


class Traveller(Protocol):
    """What a position needs of the engine."""

    def next_epoch(self) -> int:
        """Begin a new epoch."""
        ...

    def new_run(self, step: AnyStep) -> AnyRun:
        """Return a new stay on a step."""
        ...

    def step_left(self) -> None:
        """The call is between two steps."""
        ...

    def arrived(self, run: AnyRun) -> None:
        """The call stands on a step whose guard holds; its run is about to begin."""
        ...

    def tell(self, name: str, **facts: str | int) -> None:
        """Tell the reports something."""
        ...

    def fault(self, what: str) -> None:
        """Something in the flow can't be done."""
        ...

    def give_up(self, what: str) -> None:
        """The flow is broken: end the call."""
        ...

    def flow_ended(self) -> None:
        """The flow came to its end."""
        ...


class Position:
    """The step of one call, and the stack of subflows around it.

    Args:
        flow: what the call runs.
        state: takes visits and the subflows' variables.
        traveller: the engine.

    """

    def __init__(self, flow: Flow, state: CallState, traveller: Traveller) -> None:
        self._flow = flow
        self._state = state
        self._traveller = traveller
        self.path = flow.start
        self.run: AnyRun | None = None
        """The stay on the step; None between steps and after the end."""
        self.step_epoch = 0
        """The epoch in which the step was entered."""
        self._next: Target | None = None

    @property
    def step(self) -> AnyStep:
        """The step that the call stands on."""
        return self._flow.steps[self.path]

    @property
    def is_moving(self) -> bool:
        """Whether the step will be left once this event is dealt with."""
        return self._next is not None

    # --- wanting to move ------------------------------------------------------------------------------------------

    def go(self, target: Target) -> None:
        """Leave for a target; the first wish of an event counts."""
        if self._next is None:
            self._next = target

    def stay(self) -> None:
        """Forget where the call wanted to go."""
        self._next = None

    def way_out(self, name: str) -> Exit | None:
        """Return a way out of the step: the one of that name, else ``failed`` or ``gave_up``."""
        step = self.step
        return step.exit(name) or step.exit("failed") or step.exit("gave_up")

    def enter_subflow(self, step: Run) -> None:
        """Begin the subflow of a ``run`` step."""
        subflow = self._flow.subflows[step.flow]
        self._push(subflow, dict(step.arguments), caller=step)

    def digress(self, subflow: str, arguments: dict[str, Value], *, restarts: bool) -> None:
        """Run a subflow in the middle of a step, and come back to it."""
        self._push(self._flow.subflows[subflow], arguments, caller=None, restarts=restarts)

    def _push(
        self, subflow: Subflow, arguments: dict[str, Value], *, caller: Run | None, restarts: bool = False
    ) -> None:
        if self._next is not None:
            return
        state = self._state
        given = {name: state.worth(value) for name, value in arguments.items()}
        starts = {name: each.start for name, each in subflow.variables.items() if each.start is not None}
        values = {name: state.worth(value) for name, value in starts.items()} | given
        kept = {name: value for name, value in values.items() if value is not UNSET}
        resumes = self.path if caller is None else None
        self.leave()
        state.frames.append(Frame(subflow, kept, caller, resumes=resumes, restarts=restarts))
        self._next = GoTo(subflow.start)

    # --- moving ---------------------------------------------------------------------------------------------------

    def settle(self, now_ms: float) -> None:
        """Make the moves that are wanted, until a step waits or the call is over."""
        moves = 0
        while self._next is not None:
            target, self._next = self._next, None
            moves += 1
            if moves > MOVES_AT_MOST:
                self._traveller.give_up("the flow goes round in a circle")
                return
            try:
                self._move(target, now_ms)
            except CannotCompute as error:
                self._traveller.fault(str(error))

    def _move(self, target: Target, now_ms: float) -> None:
        self.leave()
        match target:
            case EndCall():
                self._traveller.flow_ended()
            case GiveBack(outcome):
                self._give_back(outcome, now_ms)
            case GoTo(path):
                self._unwind(path)
                self._enter(path, now_ms)

    def leave(self) -> None:
        """Leave the step, if the call is on one."""
        run, self.run = self.run, None
        if run is not None:
            run.leave()
            self._traveller.step_left()

    def _unwind(self, path: str) -> None:
        """Leave the subflows that a step does not belong to."""
        wanted = self._flow.steps[path].subflow
        while self._state.frames and self._state.subflow != wanted:
            self._state.frames.pop()

    def _enter(self, path: str, now_ms: float) -> None:
        """Come to a step: limits and the guard first, then what it sets and tells, then the verb."""
        state, traveller = self._state, self._traveller
        self.path, step = path, self._flow.steps[path]
        state.visits[path] = visits = state.visits.get(path, 0) + 1
        state.attempts = 0
        self.step_epoch = traveller.next_epoch()
        if visits > self._flow.limits.visits_per_step:
            traveller.fault(f"step '{path}' was entered {visits} times")
            return
        if step.guard is not None and not holds(step.guard.need, state):
            traveller.tell("guard_denied")
            self.go(step.guard.otherwise)
            return
        state.history.append(path)
        traveller.tell("step_entered", verb=step.verb)
        if step.event is not None:
            traveller.tell(step.event)
        for name, value in step.sets.items():
            state.put(name, state.worth(value))
        self.run = traveller.new_run(step)
        traveller.arrived(self.run)
        self.run.enter(now_ms)

    def _give_back(self, outcome: str, now_ms: float) -> None:
        """Return from a subflow: its values to who ran it, and on from there."""
        frame = self._state.frames.pop()
        if frame.caller is None:
            self._resume(frame, now_ms)
            return
        self.path = frame.caller.path
        for name, here in frame.caller.gives.items():
            self._state.put(here, frame.values.get(name, UNSET))
        way = self.way_out(outcome)
        if way is None:
            self._traveller.fault(f"step '{self.path}' has no way out for '{outcome}'")
            return
        self._traveller.tell("exit_taken", exit=way.name)
        self.go(way.target)

    def _resume(self, frame: Frame, now_ms: float) -> None:
        """Go back to the step that a digression interrupted."""
        assert frame.resumes is not None
        self._traveller.tell("resumed")
        if not frame.restarts:
            self._state.visits[frame.resumes] = self._state.visits.get(frame.resumes, 1) - 1
        self._enter(frame.resumes, now_ms)
