"""What of a flow may be told: to the record, and to a colleague who takes the call over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.flows.engine.commands import HandOver
from gateway.flows.engine.state import CallState
from gateway.flows.expressions.spoken import say_value
from gateway.flows.expressions.values import CardToken, Money, Secret
from gateway.flows.model import Flow, Privacy


def summary(command: HandOver, state: CallState, flow: Flow) -> str:
    """Return what a colleague is told of the call: what is known and may be told, by name."""
    if command.mode != "warm" or not command.summary_words:
        return ""
    pieces = []
    for name, slot in flow.slots.items():
        value = state.slots.get(name)
        if value is None or name in command.summary_leaves_out or slot.privacy is not Privacy.PUBLIC:
            continue
        pieces.append(f"{name.replace('_', ' ')}: {say_value(value, command.language)}")
    return " ".join(". ".join(pieces).split()[: command.summary_words])


def fact(value: object) -> str | int:
    """Return a fact of an event as records take it."""
    return value if isinstance(value, int) else str(value)


def told(value: object) -> Any:
    """Return an argument as records may show it: what is secret shows that it is there."""
    match value:
        case Secret() | CardToken():
            return "[secret]"
        case Money():
            return str(value.amount)
        case Mapping():
            return {str(name): told(each) for name, each in value.items()}
        case list() | tuple():
            return [told(each) for each in value]
        case bool() | int() | None:
            return value
        case _:
            return str(value)
