"""What the world has to be like for a condition to hold: values for slots, results for tools.

Read off the condition itself, where it compares with constants; enough for the conditions that designers write.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from gateway.flows.expressions.syntax import Binary, Constant, Field, Function, Items, Name, Node, Unary
from gateway.flows.model import Flow
from gateway.flows.steps import Call, Decide


@dataclass
class Wishes:
    """Values that would make a condition true."""

    slots: dict[str, str] = field(default_factory=dict)
    results: dict[str, dict[str, str]] = field(default_factory=dict)
    """Tool → result field → value."""


def wishes_for(flow: Flow, decide: Decide, number: int) -> Wishes:
    """Return what has to be so for a branch to be taken, as far as that can be told.

    Args:
        flow: where slots and tools are looked up.
        decide: the step.
        number: the branch, from 0; an ``else`` wants those before it not to hold.

    """
    wishes = Wishes()
    wanted = decide.branches[number].condition
    for branch in decide.branches[:number] if wanted is None else ():
        if branch.condition is not None:
            _wish(flow, branch.condition.root, False, wishes)
    if wanted is not None:
        _wish(flow, wanted.root, True, wishes)
    return wishes


def _wish(flow: Flow, node: Node, holds: bool, wishes: Wishes) -> None:
    match node:
        case Unary(operator="not", value=inner):
            _wish(flow, inner, not holds, wishes)
        case Binary(operator="and", left=left, right=right) if holds:
            _wish(flow, left, True, wishes)
            _wish(flow, right, True, wishes)
        case Binary(operator="or", left=left) if holds:
            _wish(flow, left, True, wishes)
        case Binary(operator="in", left=left, right=Items(items=(Constant(value=value), *_))) if holds:
            _grant(flow, left, _text(value), wishes)
        case Binary(operator="in", left=Constant(value=value), right=right) if holds:
            _grant(flow, right, _text(value), wishes)
        case Binary(operator=operator, left=left, right=Constant(value=value)):
            wanted = _fitting(operator, value, holds)
            if wanted is not None:
                _grant(flow, left, wanted, wishes)
        case Name() | Field():
            _grant(flow, node, "yes" if holds else "no", wishes)
        case Function():
            pass


def _fitting(operator: str, value: object, holds: bool) -> str | None:
    """Return a value that compares as wanted with a constant; None if any other would do."""
    if (operator == "==") == holds and operator in ("==", "!="):
        return _text(value)
    if isinstance(value, bool) and operator in ("==", "!="):
        return _text(not value)
    if isinstance(value, Decimal) and operator in ("<", "<=", ">", ">="):
        step = -1 if operator.startswith("<") else 1
        return _text(value + (step if holds else -step))
    return None


def _text(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _grant(flow: Flow, node: Node, value: str, wishes: Wishes) -> None:
    match node:
        case Name(name=name) if name in flow.slots:
            wishes.slots[name] = value
        case Name(name=name):
            for step in flow.steps.values():
                source = step.sets[name].template.only if name in step.sets else None
                if source is not None and isinstance(source.root, Field):
                    _grant(flow, source.root, value, wishes)
        case Field(of=Name(name=saved), name=field_name):
            for step in flow.steps.values():
                if isinstance(step, Call) and step.save == saved:
                    wishes.results.setdefault(step.tool, {})[field_name] = value
