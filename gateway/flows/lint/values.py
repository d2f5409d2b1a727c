"""F3xx: whether values exist, fit, and stay where they belong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.flows.compile.contracts import SLOT_KINDS
from gateway.flows.document import MapNode
from gateway.flows.expressions.infer import Names, infer
from gateway.flows.expressions.kinds import NUMBER, TEXT, Kind, KindName, comparable, fits
from gateway.flows.expressions.syntax import Expression, Filter, Function, Name, nearest, walk
from gateway.flows.issues import Origin
from gateway.flows.lint.paths import CONFIRMED, GUARDED, IDENTIFIED, local
from gateway.flows.lint.rules import Found, also, error, warning
from gateway.flows.lint.subject import Spot, Subject
from gateway.flows.model import Privacy, Slot, SlotKind, Tool
from gateway.flows.steps import AnyStep, Ask, Call, FactValue, Menu, Pay, Run, Talk, Value

_SECRET_NAMES: Final = frozenset(
    [
        "pin",
        "password",
        "passcode",
        "cvv",
        "cvc",
        "cvv2",
        "cvc2",
        "security_code",
        "clave",
        "contraseña",
        "card_number",
        "pan",
        "secret_word",
        "otp",
    ]
)
_CARD_KINDS: Final = (SlotKind.CARD_NUMBER, SlotKind.EXPIRY)


@also("F301")
def undefined(subject: Subject) -> Iterator[Found]:
    """A name that is not there."""
    yield from _problems(subject, "F301")
    for tool in subject.flow.tools.values():
        given = tuple(tool.sends)
        names = Names(lambda _: None, given.__iter__, local=frozenset({"secret", *given}))
        for template in (tool.url, tool.auth, tool.idempotency_key, *tool.headers.values()):
            for expression in template.expressions if template else ():
                for problem in infer(expression, names)[1]:
                    if problem.rule == "F301":
                        fix = problem.fix or "add it under 'send'"
                        yield Found(tool.origin, f"tool '{tool.name}': {problem.message}", fix)


@error("F302", "a value that some way leads to without")
def unset(subject: Subject) -> Iterator[Found]:
    """A value that is not there on every way."""
    if not subject.readable:
        return
    flow = subject.flow
    told: set[tuple[str, str]] = set()
    for expression, origin, step in _uses(subject):
        known = subject.names(step)
        for name in needed(expression):
            mark = local(flow, name, step.subflow)
            if known.kind_of(name) is None or (step.path, name) in told:
                continue
            if not subject.paths.always(step.path, mark) and not _just_set(step, name):
                told.add((step.path, name))
                fix = "set it before, guard the step, or write |or('…')"
                yield Found(origin, f"step '{step.name}': '{name}' may have no value here", fix)


@also("F303")
def mistyped(subject: Subject) -> Iterator[Found]:
    """Kinds that do not go together."""
    yield from _problems(subject, "F303")
    for slot in subject.flow.slots.values():
        kind = SLOT_KINDS.get(slot.type.kind, TEXT)
        for bound in (slot.low, slot.high):
            if bound is None:
                continue
            found, _ = infer(bound.expression, subject.names(None))
            if not comparable(kind, found):
                message = f"slot '{slot.name}' is a {kind}, and 'between' gives a {found}"
                yield Found(bound.origin, message, "give both ends the slot's kind")
    for step in subject.flow.steps.values():
        for name, value in step.sets.items():
            wanted = subject.flow.kind_of(name, step.subflow)
            origin = subject.place(step, "set", name, step.origin)
            yield from _misfit(subject, step, value, wanted=wanted, origin=origin, what=f"'{name}'")
        if isinstance(step, Run) and step.flow in subject.flow.subflows:
            takes = subject.flow.subflows[step.flow].takes
            for name, value in step.arguments.items():
                if name in takes:
                    origin = subject.place(step, "with", name, step.origin)
                    yield from _misfit(subject, step, value, wanted=takes[name], origin=origin, what=f"'{name}'")


@error("F304", "an argument that is missing, unknown or of the wrong kind")
def arguments(subject: Subject) -> Iterator[Found]:
    """Arguments that do not fit."""
    flow = subject.flow
    for step in flow.steps.values():
        node = subject.node(step)
        given = node.get("with")
        place = given.origin if isinstance(given, MapNode) else step.origin
        if isinstance(step, Run) and step.flow in flow.subflows:
            takes = flow.subflows[step.flow].takes
            for name in step.arguments.keys() - takes.keys():
                yield Found(
                    subject.place(step, "with", name, place),
                    f"subflow '{step.flow}' takes no '{name}'",
                    nearest(name, takes),
                )
            for name in takes.keys() - step.arguments.keys():
                yield Found(
                    place, f"step '{step.name}': subflow '{step.flow}' takes '{name}'", f"add '{name}:' under 'with'"
                )
        if isinstance(step, Call) and step.tool in flow.tools:
            yield from _tool_arguments(subject, step, flow.tools[step.tool], place)


@also("F305")
def unknown_fields(subject: Subject) -> Iterator[Found]:
    """A field that its contract does not have."""
    yield from _problems(subject, "F305")
    for tool in subject.flow.tools.values():
        fields = (tool.result.item or tool.result).fields or {}
        for name in tool.facts:
            if name not in fields:
                yield Found(
                    tool.origin,
                    f"tool '{tool.name}': 'facts' names '{name}', which it does not return",
                    nearest(name, fields),
                )


@also("F306")
def forbidden(subject: Subject) -> Iterator[Found]:
    """What expressions can't say is found on reading."""
    return iter(())


@also("F307")
def secret_shown(subject: Subject) -> Iterator[Found]:
    """A secret where it can be seen or heard."""
    yield from _problems(subject, "F307")
    flow = subject.flow
    for spot in subject.spots():
        for expression in spot.template.expressions:
            kind, _ = infer(expression, subject.names(spot.step, spot.local))
            if kind.name not in (KindName.SECRET, KindName.CARD):
                continue
            if (
                spot.use == "argument"
                and isinstance(spot.step, Call)
                and _takes_secret(flow.tools.get(spot.step.tool), spot.argument)
            ):
                continue
            message = f"'${{{expression.source}}}' is secret and may only go to a tool's 'secret' argument"
            yield Found(spot.origin, message, "take it out")
        private = [slot for slot in _slots_in(subject, spot) if slot.privacy is Privacy.SENSITIVE]
        if private and spot.use in ("whisper", "header"):
            yield Found(spot.origin, f"'{private[0].name}' is sensitive and is not whispered", "take it out")
    for step in flow.steps.values():
        if isinstance(step, Talk):
            for fact in step.facts:
                if (
                    isinstance(fact, FactValue)
                    and (slot := flow.slots.get(fact.name))
                    and slot.privacy in (Privacy.SECRET, Privacy.CARD)
                ):
                    origin = subject.place(step, "talk", "facts", step.origin)
                    yield Found(
                        origin, f"'{fact.name}' is secret and is never told to the model", "take it out of 'facts'"
                    )


@error("F308", "something like a card number or a PIN without 'privacy'")
def private_unmarked(subject: Subject) -> Iterator[Found]:
    """A secret that is not marked as one."""
    for slot in subject.flow.slots.values():
        if slot.privacy in (Privacy.SECRET, Privacy.CARD):
            continue
        parts = {*slot.name.split("_"), slot.name} | {
            f"{a}_{b}" for a, b in zip(slot.name.split("_"), slot.name.split("_")[1:], strict=False)
        }
        if slot.type.kind in _CARD_KINDS:
            yield Found(slot.origin, f"slot '{slot.name}' holds a card's data", "add 'privacy: card'")
        elif parts & _SECRET_NAMES and slot.type.kind in (
            SlotKind.DIGITS,
            SlotKind.TEXT,
            SlotKind.NUMBER,
            SlotKind.ACCOUNT,
        ):
            yield Found(
                slot.origin,
                f"slot '{slot.name}' looks like a secret",
                "add 'privacy: secret', or call it something else",
            )


@also("F309")
def secret_outside(subject: Subject) -> Iterator[Found]:
    """Secrets of the operator in a flow."""
    yield from _problems(subject, "F309")


@error("F310", "a secret or a card's data taken by voice")
def secret_by_voice(subject: Subject) -> Iterator[Found]:
    """A secret taken by voice."""
    for slot in subject.flow.slots.values():
        if slot.privacy in (Privacy.SECRET, Privacy.CARD) and slot.input != "keys_only":
            yield Found(
                slot.origin, f"slot '{slot.name}' is {slot.privacy} and could be spoken", "add 'input: keys_only'"
            )
    for step in subject.flow.steps.values():
        filled: list[tuple[str, Origin]] = []
        if isinstance(step, Menu):
            filled = [(name, choice.origin) for choice in step.choices for name in choice.fills]
        elif isinstance(step, Talk):
            filled = [(name, way.origin) for way in step.ways_out for name in way.fills]
        for name, origin in filled:
            known = subject.flow.slots.get(name)
            if known and known.privacy in (Privacy.SECRET, Privacy.CARD):
                yield Found(
                    origin,
                    f"'{name}' is {known.privacy} and would be taken by voice",
                    "ask for it in a step of its own",
                )


@warning("F311", "a personal value said before the caller is identified")
def personal_early(subject: Subject) -> Iterator[Found]:
    """A personal value said too early."""
    if not subject.readable:
        return
    flow = subject.flow
    identify = any(tool.identifies for tool in flow.tools.values())
    guards = any(step.guard for step in flow.steps.values())
    personal = _personal_variables(subject)
    for spot in subject.spots():
        if spot.step is None or spot.use != "said" or not (identify or guards):
            continue
        for expression in spot.template.expressions:
            names = {node.name for node in walk(expression.root) if isinstance(node, Name)}
            private = names & personal
            safe = subject.paths.always(spot.step.path, IDENTIFIED) or subject.paths.always(spot.step.path, GUARDED)
            if private and not safe:
                message = f"step '{spot.step.name}' says '{min(private)}' before it is known who calls"
                yield Found(spot.origin, message, "guard the step")


@error("F312", "a step with protected data that some way reaches without a guard")
def unguarded(subject: Subject) -> Iterator[Found]:
    """Protected data without protection."""
    if not subject.readable:
        return
    flow = subject.flow
    guards = any(step.guard for step in flow.steps.values())
    identify = any(tool.identifies for tool in flow.tools.values())
    for step in flow.steps.values():
        what = _touches(subject, step, guards=guards, identify=identify)
        if what is None:
            continue
        if guards:
            safe = subject.plain_paths.always(step.path, GUARDED)
            fix = "add a 'guard' to it"
        else:
            safe = subject.paths.always(step.path, IDENTIFIED)
            fix = "identify the caller first, or add a 'guard'"
        if not safe:
            yield Found(step.origin, f"step '{step.name}' {what}, and some way leads to it past every guard", fix)


@error("F313", "data changed without a yes before, or perhaps twice")
def changes_unconfirmed(subject: Subject) -> Iterator[Found]:
    """Data changed too easily."""
    if not subject.readable:
        return
    flow = subject.flow
    for step in flow.steps.values():
        tool = flow.tools.get(step.tool) if isinstance(step, Call) else None
        if not isinstance(step, Call) or tool is None or not tool.changes_data:
            continue
        if not subject.plain_paths.always(step.path, CONFIRMED):
            yield Found(
                step.origin,
                f"step '{step.name}': '{tool.name}' changes data, and nobody said yes",
                "put a 'confirm' before it",
            )
        if (not step.once or step.retry) and tool.idempotency_key is None:
            message = f"step '{step.name}': '{tool.name}' changes data and may run twice"
            fix = "add an 'idempotency_key' to the tool" if step.once else "add 'once: true', or an 'idempotency_key'"
            yield Found(step.origin, message, fix)
    for handler in flow.handlers.values():
        for action in handler.actions:
            tool = flow.tools.get(action.tool or "")
            if tool and tool.changes_data:
                yield Found(
                    handler.origin,
                    f"always.{handler.name}: '{tool.name}' changes data, and nobody said yes",
                    "call it in a step",
                )


# --- pieces -------------------------------------------------------------------------------------------------------


def needed(expression: Expression) -> set[str]:
    """Return the names that an expression can't do without: not those behind ``|or(…)`` or in ``known(…)``."""
    optional: set[int] = set()
    for node in walk(expression.root):
        if isinstance(node, Filter) and node.name == "or":
            optional |= {id(inner) for inner in walk(node.value)}
        elif isinstance(node, Function) and node.name == "known":
            optional |= {id(inner) for argument in node.arguments for inner in walk(argument)}
    return {node.name for node in walk(expression.root) if isinstance(node, Name) and id(node) not in optional}


def _uses(subject: Subject) -> Iterator[tuple[Expression, Origin, AnyStep]]:
    """Every expression that a step computes, but conditions: there a missing value is false."""
    flow = subject.flow
    for spot in subject.spots():
        if spot.step is not None:
            for expression in spot.template.expressions:
                yield expression, spot.origin, spot.step
    for step in flow.steps.values():
        if isinstance(step, Menu) and step.source:
            yield step.source, step.origin, step
        if isinstance(step, Ask):
            for name in step.slots:
                slot = flow.slots.get(name)
                for bound in (slot.low, slot.high) if slot else ():
                    if bound:
                        yield bound.expression, bound.origin, step


def _just_set(step: AnyStep, name: str) -> bool:
    return name in step.sets


def _problems(subject: Subject, rule: str) -> Iterator[Found]:
    """What type inference finds, for one rule."""
    for expression, origin, step in subject.conditions():
        for problem in infer(expression, subject.names(step))[1]:
            if problem.rule == rule:
                yield Found(origin, f"step '{step.name}': {problem.message}", problem.fix)
    for spot in subject.spots():
        for expression in spot.template.expressions:
            for problem in infer(expression, subject.names(spot.step, spot.local))[1]:
                if problem.rule == rule:
                    yield Found(spot.origin, problem.message, problem.fix)
    for slot in subject.flow.slots.values():
        for bound in (slot.low, slot.high):
            for problem in infer(bound.expression, subject.names(None))[1] if bound else ():
                if problem.rule == rule:
                    yield Found(bound.origin if bound else slot.origin, problem.message, problem.fix)
    for step in subject.flow.steps.values():
        if isinstance(step, Menu) and step.source:
            kind, problems = infer(step.source, subject.names(step))
            yield from (
                Found(step.origin, problem.message, problem.fix) for problem in problems if problem.rule == rule
            )
            if rule == "F303" and kind.name not in (KindName.LIST, KindName.ANY):
                yield Found(subject.place(step, "menu", "from", step.origin), f"'from' wants a list, not a {kind}")


def _misfit(
    subject: Subject, step: AnyStep, value: Value, *, wanted: Kind | None, origin: Origin, what: str
) -> Iterator[Found]:
    if wanted is None:
        return
    given = _kind_of(subject, step, value)
    if not fits(given, wanted):
        yield Found(origin, f"{what} is a {wanted}, and gets a {given}", f"give it a {wanted}")


def _kind_of(subject: Subject, step: AnyStep, value: Value) -> Kind:
    if value.template.only is not None:
        return infer(value.template.only, subject.names(step))[0]
    if isinstance(value.literal, bool):
        return Kind(KindName.BOOLEAN)
    return NUMBER if value.literal is not None else TEXT


def _tool_arguments(subject: Subject, step: Call, tool: Tool, place: Origin) -> Iterator[Found]:
    for name, value in step.arguments.items():
        origin = subject.place(step, "with", name, place)
        field = tool.sends.get(name)
        if field is None:
            hint = nearest(name, tool.sends) or f"known: {', '.join(tool.sends) or 'none'}"
            yield Found(origin, f"tool '{tool.name}' takes no '{name}'", hint)
            continue
        given = _kind_of(subject, step, value)
        if not fits(given, field.kind) and not (given.name is KindName.CARD and field.secret):
            yield Found(
                origin,
                f"tool '{tool.name}' wants a {field.kind} for '{name}', and gets a {given}",
                f"give it a {field.kind}",
            )
    for name, field in tool.sends.items():
        if field.required and name not in step.arguments:
            yield Found(place, f"step '{step.name}': tool '{tool.name}' needs '{name}'", f"add '{name}:' under 'with'")


def _takes_secret(tool: Tool | None, argument: str) -> bool:
    return tool is not None and argument in tool.sends and tool.sends[argument].secret


def _slots_in(subject: Subject, spot: Spot) -> list[Slot]:
    names = {node.name for part in spot.template.expressions for node in walk(part.root) if isinstance(node, Name)}
    return [subject.flow.slots[name] for name in names if name in subject.flow.slots]


def _personal_variables(subject: Subject) -> set[str]:
    """Variables that hold what a ``personal`` tool returned, and no slot."""
    flow = subject.flow
    found: set[str] = set()
    for step in flow.steps.values():
        tool = flow.tools.get(step.tool) if isinstance(step, Call) else None
        if isinstance(step, Call) and tool and tool.personal and step.save:
            found.add(step.save)
    return found


def _touches(subject: Subject, step: AnyStep, *, guards: bool, identify: bool) -> str | None:
    """What protected thing a step does, in words; None if it does none.

    Where a flow neither guards nor identifies, changing data is no protected thing: a table is booked for anybody.
    """
    tools = subject.flow.tools
    match step:
        case Call() if (
            (tool := tools.get(step.tool))
            and not tool.identifies
            and (tool.personal or (tool.changes_data and (guards or identify)))
        ):
            return f"calls '{tool.name}', which {'changes' if tool.changes_data else 'tells'} a person's data"
        case Talk() if any(name in tools and tools[name].personal for name in step.tools):
            return "lets the model read a person's data"
        case Pay() if guards:
            return "takes a payment"
    return None
