"""What must have happened before a call reaches a step, whichever way it came.

A forward analysis over the whole graph: subflows are entered and left, ``always`` handlers may fire wherever a call
waits. For each step it keeps the names that have a value on *every* way there. Ways are told apart by the facts that
conditions test: what a yes-or-no variable was set to, and what was last chosen in a menu; so ``if: verified`` lets
only those ways pass on which something set it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.flows.expressions.syntax import Binary, Constant, Function, Name, Node, Unary, walk
from gateway.flows.model import Flow
from gateway.flows.steps import (
    AnyStep,
    Ask,
    Call,
    Clear,
    Confirm,
    Decide,
    Exit,
    GiveBack,
    GoTo,
    Hangup,
    Menu,
    Pay,
    Return,
    Run,
    Say,
    Talk,
    Transfer,
    Voicemail,
)

IDENTIFIED: Final = "@identified"
"""Stands among the names once an identifying tool said ``ok``."""
CONFIRMED: Final = "@confirmed"
"""… once the caller said yes to something."""
GUARDED: Final = "@guarded"
"""… once a guard was passed."""

Known = frozenset[str]
Way = tuple[object, ...]
"""One value for each fact that is told apart; None: not known."""
State = Mapping[Way, Known]

WAITS: Final = (Say, Menu, Ask, Confirm, Talk, Call, Voicemail, Transfer, Hangup)
"""Steps during which a handler may fire."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The result: for each step that can be reached, what is known on every way to it (after its guard)."""

    states: Mapping[str, State]

    def reachable(self, path: str) -> bool:
        """Whether any way leads to a step."""
        return path in self.states

    def always(self, path: str, name: str) -> bool:
        """Whether a name has a value on every way to a step."""
        state = self.states.get(path)
        return state is None or all(name in known for known in state.values())


def analyse(flow: Flow, *, tell_apart: bool = True) -> Paths:
    """Return what must have happened before each step; without ``tell_apart`` conditions are not looked into."""
    return _Analysis(flow, tell_apart).run()


def local(flow: Flow, name: str, subflow: str | None) -> str:
    """Return a name as the analysis knows it: a subflow's own is marked with it."""
    sub = flow.subflows.get(subflow or "")
    return f"{subflow}:{name}" if sub and name in sub.local_names else name


class _Analysis:
    def __init__(self, flow: Flow, tell_apart: bool) -> None:
        self._flow = flow
        self._facts = _facts(flow) if tell_apart else ()
        self._states: dict[str, dict[Way, Known]] = {}
        self._returned: dict[tuple[str, str], dict[Way, Known]] = {}
        self._callers: dict[str, set[str]] = {}
        self._changes_facts = {sub: any(self._touches(step) for step in flow.steps_of(sub)) for sub in flow.subflows}

    def run(self) -> Paths:
        flow = self._flow
        if flow.start not in flow.steps:
            return Paths({})
        known = frozenset(name for name, variable in flow.variables.items() if variable.start is not None)
        way = tuple(self._start_of(fact) for fact in self._facts)
        queue = [flow.start] if self._enter(flow.start, {way: known}) else []
        while queue:
            path = queue.pop()
            for target, state in self._leave(flow.steps[path]):
                if target in flow.steps and self._enter(target, state):
                    queue.append(target)
        return Paths(self._states)

    # --- facts -----------------------------------------------------------------------------------------------------

    def _start_of(self, fact: tuple[str, str]) -> object:
        what, name = fact
        if what == "choice":
            return ""
        start = self._flow.variables[name].start
        return start.literal if start else None

    def _touches(self, step: AnyStep) -> bool:
        return any(
            (what == "choice" and name == step.path) or (what == "flag" and name in step.sets)
            for what, name in self._facts
        )

    def _with(self, state: State, what: str, name: str, value: object) -> dict[Way, Known]:
        if (what, name) not in self._facts:
            return dict(state)
        at = self._facts.index((what, name))
        found: dict[Way, Known] = {}
        for way, known in state.items():
            _join(found, (*way[:at], value, *way[at + 1 :]), known)
        return found

    def _assume(self, state: State, node: Node, holds: bool) -> dict[Way, Known]:
        """Return the ways on which a condition can be true (or false)."""
        match node:
            case Unary(operator="not", value=inner):
                return self._assume(state, inner, not holds)
            case Binary(operator="and", left=left, right=right) if holds:
                return self._assume(self._assume(state, left, True), right, True)
            case Binary(operator="or", left=left, right=right) if not holds:
                return self._assume(self._assume(state, left, False), right, False)
            case Name(name=name) if ("flag", name) in self._facts:
                return self._only(state, ("flag", name), (holds,), True)
            case Function(name="known", arguments=(Name(name=name),)) if holds:
                return {way: known | {name} for way, known in state.items()}
            case Binary(operator="==" | "!=" as operator, left=left, right=right):
                same = (operator == "==") == holds
                for one, other in ((left, right), (right, left)):
                    fact = _fact_of(one)
                    if fact in self._facts and isinstance(other, Constant):
                        return self._only(state, fact, (other.value,), same)
        return dict(state)

    def _only(self, state: State, fact: tuple[str, str], values: tuple[object, ...], same: bool) -> dict[Way, Known]:
        at = self._facts.index(fact)
        return {way: known for way, known in state.items() if way[at] is None or (way[at] in values) == same}

    # --- steps -----------------------------------------------------------------------------------------------------

    def _enter(self, path: str, state: State) -> bool:
        """Join what comes in; whether anything new is known."""
        step = self._flow.steps[path]
        if step.guard:
            state = self._assume(state, step.guard.need.root, True)
            state = {way: known | {GUARDED} for way, known in state.items()}
        held = self._states.get(path)
        if held is None:
            if not state:
                return False
            self._states[path] = dict(state)
            return True
        before = dict(held)
        for way, known in state.items():
            _join(held, way, known)
        return held != before

    def _leave(self, step: AnyStep) -> Iterator[tuple[str, State]]:
        state: dict[Way, Known] = dict(self._states[step.path])
        yield from self._handlers(step, state)
        for name, value in step.sets.items():
            own = local(self._flow, name, step.subflow)
            state = {way: known | {own} for way, known in state.items()}
            state = self._with(state, "flag", name, value.literal if isinstance(value.literal, bool) else None)
        if isinstance(step, Run) and step.flow in self._flow.subflows:
            yield from self._run(step, state)
            return
        if isinstance(step, Return):
            yield from self._give_back(step.subflow, step.outcome, state)
            return
        false = state
        for way_out in step.exits:
            if way_out.kind == "guard":
                continue
            after = dict(state)
            if isinstance(step, Decide):
                after, false = self._branch(step, way_out, false)
            yield from self._follow(step, way_out, self._gained(step, way_out, after))

    def _guard_exit(self, step: AnyStep, state: State) -> Iterator[tuple[str, State]]:
        if step.guard:
            yield from self._to(step.subflow, step.guard.otherwise, self._assume(state, step.guard.need.root, False))

    def _branch(
        self, step: Decide, way_out: Exit, false: dict[Way, Known]
    ) -> tuple[dict[Way, Known], dict[Way, Known]]:
        if way_out.name == "else":
            return false, false
        number = int(way_out.name.removeprefix("if ")) - 1
        condition = step.branches[number].condition if number < len(step.branches) else None
        if condition is None:
            return false, false
        return self._assume(false, condition.root, True), self._assume(false, condition.root, False)

    def _gained(self, step: AnyStep, way_out: Exit, state: dict[Way, Known]) -> dict[Way, Known]:
        """What is known besides once a step is left by one of its exits."""
        flow, name = self._flow, way_out.name
        gained: set[str] = set()
        lost: set[str] = set()
        match step:
            case Ask() if name == "filled":
                for slot in step.slots:
                    known = flow.slots.get(slot)
                    if known and not known.optional:
                        gained.add(slot)
            case Menu():
                if step.save and name == "picked":
                    gained.add(local(flow, step.save, step.subflow))
                if way_out.kind == "choice":
                    state = self._with(state, "choice", step.path, name)
            case Confirm() if name == "if_yes":
                gained.add(CONFIRMED)
            case Talk():
                gained |= {need for exit_ in step.ways_out if exit_.id == name for need in exit_.needs}
            case Call() if name == "ok":
                if step.save:
                    gained.add(local(flow, step.save, step.subflow))
                tool = flow.tools.get(step.tool)
                if tool and tool.identifies:
                    gained.add(IDENTIFIED)
            case Pay() if name == "paid":
                gained.add(local(flow, "payment", step.subflow))
            case Voicemail(save=str(slot)) if name == "recorded":
                gained.add(slot)
            case Clear():
                lost |= {local(flow, name, step.subflow) for name in step.names}
        return {way: (known | gained) - lost for way, known in state.items()}

    def _follow(self, step: AnyStep, way_out: Exit, state: State) -> Iterator[tuple[str, State]]:
        yield from self._to(step.subflow, way_out.target, state)

    def _to(self, subflow: str | None, target: object, state: State) -> Iterator[tuple[str, State]]:
        match target:
            case GoTo(step=path):
                there = self._flow.steps.get(path)
                if there is not None and there.subflow != subflow:
                    state = self._outside(state, subflow)
                if there is not None and there.guard:
                    yield from self._guard_exit(there, state)
                yield path, state
            case GiveBack(outcome=outcome):
                yield from self._give_back(subflow, outcome, state)

    def _outside(self, state: State, subflow: str | None) -> dict[Way, Known]:
        """Forget a subflow's own variables."""
        return {
            way: frozenset(name for name in known if not name.startswith(f"{subflow}:")) for way, known in state.items()
        }

    def _handlers(self, step: AnyStep, state: State) -> Iterator[tuple[str, State]]:
        if not isinstance(step, WAITS):
            return
        for handler in self._flow.handlers.values():
            if not handler.works_in(step.path):
                continue
            if handler.target is not None:
                yield from self._to(step.subflow, handler.target, state)
            elif (sub := self._flow.subflows.get(handler.run or "")) is not None:
                own = frozenset(f"{sub.name}:{name}" for name in (*handler.arguments, *_started(sub)))
                outside = self._outside(state, step.subflow)
                yield sub.start, {way: known | own for way, known in outside.items()}

    # --- subflows --------------------------------------------------------------------------------------------------

    def _run(self, step: Run, state: dict[Way, Known]) -> Iterator[tuple[str, State]]:
        sub = self._flow.subflows[step.flow]
        self._callers.setdefault(sub.name, set()).add(step.path)
        own = frozenset(f"{sub.name}:{name}" for name in (*step.arguments, *_started(sub)))
        inside = self._outside(state, step.subflow) if step.subflow else state
        yield sub.start, {way: known | own for way, known in inside.items()}
        for way_out in step.exits:
            if way_out.kind == "guard":
                continue
            if way_out.name == "failed" and "failed" not in sub.outcomes:
                yield from self._follow(step, way_out, state)
                continue
            back = self._returned.get((sub.name, way_out.name))
            if back:
                yield from self._follow(step, way_out, self._merged(step, state, back))

    def _merged(self, step: Run, before: State, back: State) -> dict[Way, Known]:
        """What is known at the caller once a subflow came back: what was, and what the subflow brought."""
        sub = self._flow.subflows[step.flow]
        found: dict[Way, Known] = {}
        spare = frozenset.intersection(*before.values()) if before else frozenset()
        for way, known in back.items():
            if way not in before and not self._changes_facts[sub.name]:
                continue
            brought = frozenset(name for name in known if ":" not in name)
            given = frozenset(
                local(self._flow, variable, step.subflow)
                for name, variable in step.gives.items()
                if f"{sub.name}:{name}" in known
            )
            _join(found, way, before.get(way, spare) | brought | given)
        return found

    def _give_back(self, subflow: str | None, outcome: str, state: State) -> Iterator[tuple[str, State]]:
        if subflow is None:
            return
        held = self._returned.setdefault((subflow, outcome), {})
        before = dict(held)
        for way, known in state.items():
            _join(held, way, known)
        if held != before:
            for caller in self._callers.get(subflow, ()):
                step = self._flow.steps[caller]
                if isinstance(step, Run) and caller in self._states:
                    came = dict(self._states[caller])
                    for way_out in step.exits:
                        if way_out.name == outcome:
                            yield from self._follow(step, way_out, self._merged(step, came, held))


def _started(sub: object) -> Iterator[str]:
    variables = getattr(sub, "variables", {})
    return (name for name, variable in variables.items() if variable.start is not None)


def _join(held: dict[Way, Known], way: Way, known: Known) -> None:
    held[way] = held[way] & known if way in held else known


def _fact_of(node: Node) -> tuple[str, str]:
    match node:
        case Function(name="last_choice", arguments=(Constant(value=str(path)),)):
            return ("choice", path)
        case Name(name=name):
            return ("flag", name)
    return ("", "")


def _facts(flow: Flow) -> tuple[tuple[str, str], ...]:
    """The facts that conditions test: at most six, so that ways stay few."""
    tested: dict[tuple[str, str], None] = {}
    conditions = [step.guard.need for step in flow.steps.values() if step.guard]
    conditions += [
        branch.condition
        for step in flow.steps.values()
        if isinstance(step, Decide)
        for branch in step.branches
        if branch.condition
    ]
    flags = {
        name for name, variable in flow.variables.items() if variable.kind.name == "boolean" and not variable.writers
    }
    for condition in conditions:
        for node in walk(condition.root):
            fact = _fact_of(node)
            if fact[0] == "choice" or fact[1] in flags:
                tested[fact] = None
    return tuple(tested)[:6]
