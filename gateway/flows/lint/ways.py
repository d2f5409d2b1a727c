"""F104, F110 to F113, F116: where ways lead, whether they end, and what none of them uses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gateway.flows.document import MapNode
from gateway.flows.expressions.syntax import Function, Name, walk
from gateway.flows.lint.rules import Found, error, warning
from gateway.flows.lint.subject import Subject, asks_caller, ends, handler_targets, targets
from gateway.flows.model import Flow
from gateway.flows.steps import AnyStep, Ask, Broken, Call, Decide, FactValue, Hours, Menu, Run, Talk, Voicemail

_BOUNDS = frozenset({"visits", "attempts", "options_left"})


@error("F104", "a step that no way leads to")
def unreachable(subject: Subject) -> Iterator[Found]:
    """A step that no way leads to."""
    if not subject.readable:
        return
    reached = _reached(subject.flow)
    for step in subject.flow.steps.values():
        used = step.subflow is None or step.subflow in _run_subflows(subject.flow)
        if step.path not in reached and used:
            yield Found(step.origin, f"no way leads to step '{step.path}'", "lead a step to it, or take it away")


@error("F110", "a step from which no way leads to an end of the call")
def no_end(subject: Subject) -> Iterator[Found]:
    """A step from which no way leads to an end of the call."""
    if not subject.readable:
        return
    flow = subject.flow
    good = {step.path for step in flow.steps.values() if ends(step) or isinstance(step, Broken)}
    growing = True
    while growing:
        more = {step.path for step in flow.steps.values() if any(target in good for target in targets(step))}
        growing = not more <= good
        good |= more
    for step in flow.steps.values():
        if step.path not in good and step.exits:
            yield Found(
                step.origin,
                f"from step '{step.path}' no way leads to an end of the call",
                "lead one to a hangup or end_call",
            )


@error("F111", "a loop in which the caller is never asked and nothing counts")
def silent_loop(subject: Subject) -> Iterator[Found]:
    """A loop without a caller."""
    yield from _loops(subject, bounded=False)


@warning("F112", "a loop that only 'limits' end")
def limited_loop(subject: Subject) -> Iterator[Found]:
    """A loop that only 'limits' end."""
    yield from _loops(subject, bounded=True)


@error("F113", "a subflow that runs itself")
def recursion(subject: Subject) -> Iterator[Found]:
    """A subflow that runs itself."""
    flow = subject.flow
    runs = {
        sub: {step.flow for step in flow.steps_of(sub) if isinstance(step, Run) and step.flow in flow.subflows}
        for sub in flow.subflows
    }
    for sub in flow.subflows:
        seen: set[str] = set()
        open_ = set(runs[sub])
        while open_:
            inner = open_.pop()
            if inner not in seen:
                seen.add(inner)
                open_ |= runs[inner]
        if sub in seen:
            yield Found(
                flow.subflows[sub].origin, f"subflow '{sub}' runs itself", "go round with 'decide' and visits() instead"
            )


@warning("F116", "a slot, variable, tool, calendar, handler or subflow that nothing uses")
def unused(subject: Subject) -> Iterator[Found]:
    """Something that nothing uses."""
    flow = subject.flow
    used = _used_names(subject)
    for name, slot in flow.slots.items():
        if name not in used and slot.origin.file == flow.origin.file:
            yield Found(slot.origin, f"slot '{name}' is never used", "take it away")
    for name, variable in flow.variables.items():
        if name not in used and variable.origin.file == flow.origin.file:
            yield Found(variable.origin, f"variable '{name}' is never used", "take it away")
    everywhere = set[str]()
    for other in subject.folder.compiled.values():
        everywhere |= _used_names(Subject(subject.folder, other))
    first = min(subject.folder.compiled) == flow.id
    for kind, found in (("tool", flow.tools), ("calendar", flow.calendars)):
        for name, thing in found.items():
            own = thing.origin.file == flow.origin.file
            users = used if own else everywhere
            if name not in users and (own or first or thing.origin.file in flow.files):
                yield Found(thing.origin, f"{kind} '{name}' is never used", "take it away")
    for name, handler in flow.handlers.items():
        waits = name in ("silence", "no_match", "too_long", "error", "hangup")
        if not waits and not handler.key and not handler.means and not any(handler.words.values()):
            message = f"always.{name} has neither a key nor 'means', so it never happens"
            yield Found(handler.origin, message, "add 'means:' or 'press:'")
    runs = _run_subflows(flow)
    for name, sub in flow.subflows.items():
        if name not in runs and sub.origin.file == flow.origin.file:
            yield Found(sub.origin, f"subflow '{name}' is never run", "take it away")


# --- pieces -------------------------------------------------------------------------------------------------------


def _reached(flow: Flow) -> set[str]:
    """Steps that some way leads to; a subflow's steps count once it is run."""
    reached: set[str] = set()
    open_ = [flow.start, *(sub.start for name, sub in flow.subflows.items() if name in _run_subflows(flow))]
    open_ += [target for handler in flow.handlers.values() for target in handler_targets(handler)]
    while open_:
        path = open_.pop()
        if path in reached or path not in flow.steps:
            continue
        reached.add(path)
        open_ += targets(flow.steps[path])
    return reached


def _run_subflows(flow: Flow) -> set[str]:
    runs = {step.flow for step in flow.steps.values() if isinstance(step, Run)}
    return runs | {handler.run for handler in flow.handlers.values() if handler.run}


def _loops(subject: Subject, *, bounded: bool) -> Iterator[Found]:
    if not subject.readable:
        return
    flow = subject.flow
    limits = subject.compiled.root.get("limits")
    limited = isinstance(limits, MapNode) and ("visits_per_step" in limits or "max_turns" in limits)
    if limited != bounded:
        return
    silent = {
        step.path: targets(step) for step in flow.steps.values() if not asks_caller(step, flow) and not _counts(step)
    }
    for group in _circles(silent):
        first = min(group, key=lambda path: flow.steps[path].origin)
        way = " → ".join(sorted(group, key=lambda path: flow.steps[path].origin))
        yield Found(
            flow.steps[first].origin,
            f"steps {way} can go round for ever without the caller",
            "count with 'decide' and visits(…), or ask the caller",
        )


def _counts(step: AnyStep) -> bool:
    """Whether a decide's condition counts, so that it ends a loop."""
    if not isinstance(step, Decide):
        return False
    return any(
        isinstance(node, Function) and node.name in _BOUNDS
        for branch in step.branches
        if branch.condition
        for node in walk(branch.condition.root)
    )


def _circles(edges: dict[str, list[str]]) -> list[set[str]]:
    """Return the sets of steps that can come back to themselves."""
    reach: dict[str, set[str]] = {}
    for start, first in edges.items():
        seen: set[str] = set()
        open_ = list(first)
        while open_:
            path = open_.pop()
            if path in edges and path not in seen:
                seen.add(path)
                open_ += edges[path]
        reach[start] = seen
    found: list[set[str]] = []
    for path, there in reach.items():
        if path in there and not any(path in group for group in found):
            found.append({other for other in there if path in reach[other]})
    return found


def _used_names(subject: Subject) -> set[str]:
    """Every name of a slot, variable, tool or calendar that a flow uses somewhere."""
    flow = subject.flow
    used: set[str] = set()
    expressions = [expression for expression, _, _ in subject.conditions()]
    for spot in subject.spots():
        expressions += spot.template.expressions
    for slot in flow.slots.values():
        expressions += [bound.expression for bound in (slot.low, slot.high) if bound]
        used |= {tool for tool in (slot.check_tool, slot.type.of_tool) if tool}
    for step in flow.steps.values():
        match step:
            case Ask():
                used |= set(step.slots)
            case Menu():
                expressions += [step.source] if step.source else []
                used |= {name for choice in step.choices for name in choice.fills}
                used |= {step.save} if step.save else set()
            case Talk():
                used |= set(step.tools) | {fact.name for fact in step.facts if isinstance(fact, FactValue)}
                used |= {name for way in step.ways_out for name in (*way.needs, *way.fills)}
            case Call():
                used |= {step.tool}
            case Hours():
                used |= {step.calendar}
            case Run():
                sub = flow.subflows.get(step.flow)
                used |= set(sub.returns) if sub else set()
            case Voicemail(save=str(name)):
                used |= {name}
            case _:
                pass
    for expression in expressions:
        for node in walk(expression.root):
            if isinstance(node, Name):
                used.add(node.name)
        used |= set(re.findall(r"calendar\.(\w+)", expression.source))
    for handler in flow.handlers.values():
        used |= {action.tool for action in handler.actions if action.tool}
    return used
