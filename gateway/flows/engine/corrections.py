"""A caller corrects something said before: "no, I meant Friday". Back to the first step that it changes.

What was worked out from the old value is forgotten, also what the steps after it set: whoever was identified by it is
not identified any more. Nothing that can't be undone is ever gone back behind (``CallState.no_return``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from gateway.flows.engine.discretion import names_in
from gateway.flows.engine.readings import spoken
from gateway.flows.engine.stage import Core
from gateway.flows.engine.state import CallState
from gateway.flows.expressions.evaluate import UNSET
from gateway.flows.expressions.syntax import Expression
from gateway.flows.model import Flow, Privacy
from gateway.flows.steps import AnyStep, Ask, Call, Decide, GoTo, Menu, Run, Value

_KEPT_FROM_MODEL = frozenset({Privacy.SECRET, Privacy.CARD})


def fixable_slots(flow: Flow, state: CallState, but: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the filled slots that a caller may correct by voice: not secret ones, nor what was acted upon for good."""
    left_out = {*but, *(name for path in state.history[: state.no_return] for name in _read_by(flow.steps[path]))}
    return tuple(
        name
        for name, slot in flow.slots.items()
        if name not in left_out and state.value(name) is not UNSET and slot.privacy not in _KEPT_FROM_MODEL
    )


def correct(core: Core, name: str, said: str) -> None:
    """Take a correction, and go back to where it matters.

    One that is understood beyond doubt goes to the first step that used the value; any other to the step that asked
    for it, where it is offered for a yes. A step that needs a secret, which is forgotten after use, is come to by the
    step that asks for that secret.
    """
    state, slot = core.state, core.flow.slots[name]
    found = spoken(state, slot, said, said)
    core.tell("corrected", slot=name)
    since = state.history[state.no_return :]
    if found.usable and found.sure and slot.confirm != "always" and slot.check_tool is None:
        state.fill(name, found.value, core.path)
        wanted = [path for path in since if name in _read_by(core.flow.steps[path])][:1]
        if wanted:
            wanted += _asks_of_secrets(core.flow, since, _read_by(core.flow.steps[wanted[0]]))
    else:
        state.forget((name,))
        state.proposals[name] = said
        wanted = [path for path in since if _asks_for(core.flow.steps[path], {name})][-1:]
    starts = [_in_reach(core.flow, state, since, since.index(path)) for path in wanted]
    start = min(starts, default=None)
    if start is None:
        core.go(GoTo(core.path))
        return
    _forget_since(core.flow, state, since[start:])
    core.go(GoTo(since[start]))


def _in_reach(flow: Flow, state: CallState, history: Sequence[str], place: int) -> int:
    """Return the place of a step that can be gone to: for one in a finished subflow, that of the step that ran it."""
    running = {None, *(frame.subflow.name for frame in state.frames)}
    while flow.steps[history[place]].subflow not in running and place > 0:
        subflow = flow.steps[history[place]].subflow
        place -= 1
        while place > 0 and not _runs(flow.steps[history[place]], subflow):
            place -= 1
    return place


def _runs(step: AnyStep, subflow: str | None) -> bool:
    return isinstance(step, Run) and step.flow == subflow


def _asks_for(step: AnyStep, names: set[str]) -> bool:
    return isinstance(step, Ask) and bool(names & set(step.slots))


def _asks_of_secrets(flow: Flow, history: Sequence[str], used: set[str]) -> list[str]:
    secrets = {name for name in used if name in flow.slots and flow.slots[name].privacy in _KEPT_FROM_MODEL}
    return [path for path in history if _asks_for(flow.steps[path], secrets)][:1]


def _forget_since(flow: Flow, state: CallState, history: Sequence[str]) -> None:
    """Take back what steps have set, saved or been given."""
    for path in history:
        step = flow.steps[path]
        for name in step.sets:
            state.reset(name)
        state.forget(tuple(_written_by(step)))


def _written_by(step: AnyStep) -> Iterator[str]:
    match step:
        case Call(save=str(save)) | Menu(save=str(save)):
            yield save
        case Run(gives=gives):
            yield from gives.values()


def _read_by(step: AnyStep) -> set[str]:
    """Return the names that a step works with; what it merely says is heard by the caller, who knows better."""
    values: Iterable[Value] = step.sets.values()
    expressions: list[Expression] = []
    match step:
        case Call(arguments=arguments) | Run(arguments=arguments):
            values = [*values, *arguments.values()]
        case Decide(branches=branches):
            expressions = [branch.condition for branch in branches if branch.condition is not None]
        case Menu(source=Expression() as source):
            expressions = [source]
    return names_in([*expressions, *(one for value in values for one in value.template.expressions)])
