"""F1xx: whether the graph holds together."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from gateway.flows.document import Entry, MapNode, TextNode
from gateway.flows.expressions.syntax import Constant, nearest
from gateway.flows.issues import Edit, Origin
from gateway.flows.lint.rules import Found, also, error
from gateway.flows.lint.subject import Subject
from gateway.flows.model import Flow
from gateway.flows.steps import (
    AnyStep,
    Ask,
    Call,
    Clear,
    Confirm,
    Decide,
    FactValue,
    Hours,
    Language,
    Menu,
    Pay,
    Run,
    Say,
    Set,
    Talk,
    Transfer,
    Voicemail,
)

_MAY_FAIL = (Menu, Ask, Confirm, Talk, Call, Transfer, Voicemail, Pay, Run)


def required_outcomes(step: AnyStep, flow: Flow) -> tuple[str, ...]:
    """Return the outcomes that a step has to say something about."""
    match step:
        case Menu():
            return ("picked",) if step.source else ()
        case Ask():
            return ("filled",)
        case Confirm():
            return ("if_yes", "if_no")
        case Call():
            tool = flow.tools.get(step.tool)
            return tuple(tool.outcomes) if tool else ()
        case Hours():
            return ("open", "closed", "holiday")
        case Transfer():
            return ("answered", "timeout") if step.scheme == "queue" else ("answered", "no_answer", "busy")
        case Voicemail():
            return ("recorded",)
        case Pay():
            return ("paid", "declined", "cancelled")
        case Run():
            sub = flow.subflows.get(step.flow)
            return sub.outcomes if sub else ()
    return ()


def _possible(step: AnyStep, flow: Flow) -> set[str]:
    more: dict[type, tuple[str, ...]] = {
        Ask: ("refused",),
        Transfer: ("answered", "busy", "no_answer", "closed", "timeout"),
        Voicemail: ("empty",),
        Talk: ("gave_up",),
    }
    fails = ("failed",) if isinstance(step, _MAY_FAIL) else ()
    return {*required_outcomes(step, flow), *more.get(type(step), ()), *fails}


@also("F101")
def unknown_outcome(subject: Subject) -> Iterator[Found]:
    """An outcome that a step can't have."""
    for step in subject.flow.steps.values():
        possible = _possible(step, subject.flow)
        for way in step.exits:
            if way.kind == "outcome" and way.name not in possible:
                then = subject.node(step).get("then")
                origin = then.key_origin(way.name) if isinstance(then, MapNode) else way.origin
                hint = nearest(way.name, possible) or f"known: {', '.join(sorted(possible))}"
                yield Found(origin, f"step '{step.name}' ({step.verb}) never ends in '{way.name}'", hint)


@also("F103")
def unknown_names(subject: Subject) -> Iterator[Found]:
    """A slot, tool, calendar or subflow that is not there."""
    flow = subject.flow
    for step in flow.steps.values():
        wanted: list[tuple[str, str, Iterable[str]]] = []
        match step:
            case Ask():
                wanted += [("slot", name, flow.slots) for name in step.slots]
            case Call():
                wanted.append(("tool", step.tool, flow.tools))
            case Hours():
                wanted.append(("calendar", step.calendar, flow.calendars))
            case Run():
                wanted.append(("subflow", step.flow, flow.subflows))
                sub = flow.subflows.get(step.flow)
                wanted += [("returned value", name, sub.returns) for name in step.gives] if sub else []
            case Talk():
                wanted += [("tool", name, flow.tools) for name in step.tools]
                wanted += [("slot", name, flow.slots) for way in step.ways_out for name in (*way.needs, *way.fills)]
                known = {**flow.kinds[""], **flow.kinds.get(step.subflow or "", {})}
                wanted += [("slot or variable", fact.name, known) for fact in step.facts if isinstance(fact, FactValue)]
            case Menu():
                wanted += [("slot", name, flow.slots) for choice in step.choices for name in choice.fills]
            case Clear():
                known = {**flow.kinds[""], **flow.kinds.get(step.subflow or "", {})}
                wanted += [("slot or variable", name, known) for name in step.names]
            case Transfer():
                wanted += [("slot", name, flow.slots) for name in step.summary_leaves_out]
                queue = step.to.source.removeprefix("queue:")
                if step.scheme == "queue" and step.to.is_constant and subject.options.queues is not None:
                    wanted.append(("queue", queue, subject.options.queues))
            case Pay():
                if subject.options.processors is not None:
                    wanted.append(("payment", step.processor, subject.options.processors))
            case Voicemail(save=str(name)):
                wanted.append(("slot", name, flow.slots))
            case _:
                pass
        wanted += [
            ("variable", name, {**flow.kinds.get(step.subflow or "", {}), **flow.kinds[""]}) for name in step.sets
        ]
        for what, name, known_names in wanted:
            if name not in known_names:
                yield Found(
                    _mention(subject.node(step), name, step.origin),
                    f"there is no {what} '{name}'",
                    nearest(name, known_names),
                )
    for slot in flow.slots.values():
        for tool in (slot.check_tool, slot.type.of_tool):
            if tool is not None and tool not in flow.tools:
                yield Found(slot.origin, f"slot '{slot.name}': there is no tool '{tool}'", nearest(tool, flow.tools))
    for handler in flow.handlers.values():
        for action in handler.actions:
            if action.tool is not None and action.tool not in flow.tools:
                yield Found(
                    handler.origin,
                    f"always.{handler.name}: there is no tool '{action.tool}'",
                    nearest(action.tool, flow.tools),
                )
        if handler.run is not None and handler.run not in flow.subflows:
            yield Found(
                handler.origin,
                f"always.{handler.name}: there is no subflow '{handler.run}'",
                nearest(handler.run, flow.subflows),
            )


@also("F002")
def unspoken(subject: Subject) -> Iterator[Found]:
    """A menu that can't be read out, a payment that can't be asked for."""
    for step in subject.flow.steps.values():
        if isinstance(step, Menu) and step.source is not None and step.each is None:
            yield Found(
                step.origin, f"menu '{step.name}' does not say how an entry is read", "add 'each: ${item.name}'"
            )
        elif isinstance(step, Menu) and step.source is None and step.prompt is None:
            yield Found(step.origin, f"menu '{step.name}' asks nothing", "add 'prompt:'")
        elif isinstance(step, Pay):
            unasked = [name for name in step.collect if name not in step.prompts]
            if unasked:
                message = f"pay '{step.name}' has no words to ask for {', '.join(unasked)}"
                yield Found(step.origin, message, "add them under 'prompts', or use shared/pay_prompts.yaml")


@error("F105", "a step or handler that leads nowhere, or a message that nobody gets")
def dead_end(subject: Subject) -> Iterator[Found]:
    """A step that leads nowhere."""
    for step in subject.flow.steps.values():
        if isinstance(step, (Say, Set, Clear, Language)) and step.exit("next") is None:
            yield Found(step.origin, f"step '{step.name}' ({step.verb}) leads nowhere", "add 'next:' and a step")
        elif isinstance(step, Menu) and not step.choices and not step.source:
            yield Found(step.origin, f"menu '{step.name}' has no choices", "add 'choices:'")
        elif isinstance(step, Voicemail) and step.send_to is None and step.save is None:
            yield Found(step.origin, f"voicemail '{step.name}' sends its message nowhere", "add 'send_to:' or 'as:'")
    for handler in subject.flow.handlers.values():
        does = handler.target or handler.run or handler.repeats or handler.actions
        if not does and (handler.key or handler.means or handler.name == "too_long"):
            yield Found(handler.origin, f"always.{handler.name} leads nowhere", "add 'go:' and a step")


@error("F106", "an outcome that nothing is said about")
def outcome_unhandled(subject: Subject) -> Iterator[Found]:
    """An outcome that nothing is said about."""
    for step in subject.flow.steps.values():
        for outcome in required_outcomes(step, subject.flow):
            if step.exit(outcome) is None:
                what = f"{step.verb} '{getattr(step, 'tool', '') or getattr(step, 'flow', '') or step.name}'"
                message = f"step '{step.name}': {what} can end in '{outcome}', and nothing is said about it"
                yield Found(_then(subject, step), message, f"add '{outcome}:' under 'then'")


@error("F107", "'failed' (for talk: 'gave_up') is missing")
def failed_missing(subject: Subject) -> Iterator[Found]:
    """A step that may fail without a way for that."""
    for step in subject.flow.steps.values():
        wanted = "gave_up" if isinstance(step, Talk) else "failed"
        if isinstance(step, _MAY_FAIL) and step.exit(wanted) is None:
            message = f"step '{step.name}' ({step.verb}) may not work out, and '{wanted}' is missing"
            yield Found(
                _then(subject, step), message, f"add '{wanted}: agent_exit'", _add_failed(subject, step, wanted)
            )


@error("F108", "a decide without an else at its end, or with a line that is never reached")
def decide_open(subject: Subject) -> Iterator[Found]:
    """A decide that can come to nothing."""
    for step in subject.flow.steps.values():
        if not isinstance(step, Decide):
            continue
        if not step.branches or step.branches[-1].condition is not None:
            yield Found(
                step.origin, f"decide '{step.name}' has no 'else' at its end", "add '- {else: step}' as the last line"
            )
        seen: set[str] = set()
        for at, branch in enumerate(step.branches):
            if branch.condition is None:
                if at < len(step.branches) - 1:
                    yield Found(
                        branch.origin,
                        f"decide '{step.name}': what stands after 'else' is never reached",
                        "put 'else' last",
                    )
                continue
            source = " ".join(branch.condition.source.split())
            if source in seen:
                yield Found(branch.origin, f"decide '{step.name}': '{source}' was asked already", "take the line away")
            if isinstance(branch.condition.root, Constant):
                yield Found(branch.origin, f"decide '{step.name}': '{source}' never changes", "ask something that can")
            seen.add(source)


@error("F114", "a number that two flows answer")
def number_twice(subject: Subject) -> Iterator[Found]:
    """A number that two flows answer."""
    own: dict[str, Origin] = {}
    for number in subject.flow.numbers:
        if number.text in own:
            yield Found(number.origin, f"number {number.text[:6]}… is given twice in this flow", "keep one")
        own[number.text] = number.origin
    for other in subject.folder.flows.values():
        if other.id == subject.flow.id:
            continue
        for number in other.numbers:
            if number.text in own and own[number.text] > number.origin:
                message = f"number {number.text[:6]}… is answered by flow '{other.id}' already, at {number.origin}"
                yield Found(own[number.text], message, "give each number one flow")


@error("F115", "two steps whose names differ by case or accents only")
def twins(subject: Subject) -> Iterator[Found]:
    """Two steps whose names differ by case or accents only."""
    root = subject.compiled.root
    subflows = root.get("subflows")
    parts = [root.get("steps")]
    parts += (
        [entry.value.get("steps") for _, entry in subflows if isinstance(entry.value, MapNode)]
        if isinstance(subflows, MapNode)
        else []
    )
    for part in parts:
        seen: dict[str, str] = {}
        for name, entry in part if isinstance(part, MapNode) else ():
            folded = "".join(mark for mark in unicodedata.normalize("NFKD", name.lower()) if mark.isalnum())
            if folded in seen:
                yield Found(
                    entry.key.origin,
                    f"steps '{seen[folded]}' and '{name}' are easily taken for one another",
                    "rename one",
                )
            seen.setdefault(folded, name)


@also("F118")
def no_agent_exit(subject: Subject) -> Iterator[Found]:
    """Places where ``agent_exit`` is used say so on reading."""
    return iter(())


# --- pieces -------------------------------------------------------------------------------------------------------


def _then(subject: Subject, step: AnyStep) -> Origin:
    node = subject.node(step)
    return node.key_origin("then") if "then" in node else step.origin


def _mention(node: MapNode, name: str, otherwise: Origin) -> Origin:
    """Where a name is written inside a step."""
    for _, entry in node:
        value = entry.value
        if isinstance(value, TextNode) and value.value == name:
            return value.origin
        if isinstance(value, MapNode):
            if name in value:
                return value.key_origin(name)
            inner = _mention(value, name, otherwise)
            if inner != otherwise:
                return inner
        elif not isinstance(value, TextNode):
            for item in value.items:
                if isinstance(item, TextNode) and item.value == name:
                    return item.origin
    return otherwise


def _add_failed(subject: Subject, step: AnyStep, outcome: str) -> tuple[Edit, ...]:
    """Text that adds ``failed: agent_exit`` where ``then`` is, or as a new ``then``."""
    if subject.flow.agent_exit is None:
        return ()
    node = subject.node(step)
    then = node.entries.get("then")
    file = step.origin.file
    if then is None:
        last = list(node.entries.values())[-1]
        if node.inline:
            return (Edit(file, node.end - 1, node.end - 1, f", then: {{{outcome}: agent_exit}}"),)
        indent = " " * (next(iter(node.entries.values())).key.origin.column - 1)
        text = subject.folder.parts[file].source.text
        at = _line_end(text, _last_mark(last))
        return (Edit(file, at, at, f"\n{indent}then: {{{outcome}: agent_exit}}"),)
    value = then.value
    if not isinstance(value, MapNode) or not value.entries:
        return ()
    if value.inline:
        return (Edit(file, value.end - 1, value.end - 1, f", {outcome}: agent_exit"),)
    indent = " " * (next(iter(value.entries.values())).key.origin.column - 1)
    text = subject.folder.parts[file].source.text
    at = _line_end(text, _last_mark(list(value.entries.values())[-1]))
    return (Edit(file, at, at, f"\n{indent}{outcome}: agent_exit"),)


def _last_mark(entry: Entry) -> int:
    """The last character that a value takes up; a block's end mark lies on a later line."""
    value = entry.value
    if isinstance(value, MapNode) and not value.inline and value.entries:
        return _last_mark(list(value.entries.values())[-1])
    if not isinstance(value, (MapNode, TextNode)) and not value.inline and value.items:
        return value.items[-1].end - 1
    return max(value.end - 1, value.start)


def _line_end(text: str, at: int) -> int:
    while at > 0 and text[at : at + 1] in ("\n", ""):
        at -= 1
    found = text.find("\n", at)
    return len(text) if found < 0 else found
