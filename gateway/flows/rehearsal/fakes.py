"""Answers of tools, made from their contracts: no fake can drift from what a contract promises.

A script names outcomes, and results where they matter; where it does not, a value of the declared kind stands in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from gateway.flows.document import ListNode, MapNode, Node, TextNode
from gateway.flows.expressions.kinds import Kind, KindName
from gateway.flows.model import Tool
from gateway.flows.rehearsal.script import Fake
from gateway.flows.shapes import YES

_DAYS_AHEAD: Final = 7
LIST_LENGTH: Final = 4
"""Entries of a made list: more than a menu reads at a time, so that "others" has something to go to."""


def result_of(tool: Tool, fake: Fake, today: dt.date) -> Any:
    """Return the JSON answer of a tool for an outcome; None where the contract promises nothing."""
    if fake.result is not None:
        return _written(fake.result, tool.result)
    if fake.outcome == tool.empty_outcome:
        return []
    if fake.outcome != "ok" or not (tool.result.item or tool.result.fields):
        return None
    return made(tool.result, tool.name, today)


def made(kind: Kind, name: str, today: dt.date, number: int = 1) -> Any:
    """Return a JSON value of a kind; ``number`` tells the entries of a list apart."""
    day = today + dt.timedelta(days=_DAYS_AHEAD + number)
    match kind.name:
        case KindName.LIST:
            item = kind.item or Kind(KindName.TEXT)
            return [made(item, name, today, place) for place in range(1, LIST_LENGTH + 1)]
        case KindName.OBJECT:
            return {field: made(each, field, today, number) for field, each in (kind.fields or {}).items()}
        case KindName.NUMBER:
            return number
        case KindName.AMOUNT:
            return str(Decimal(100 * number))
        case KindName.BOOLEAN:
            return True
        case KindName.DATE:
            return day.isoformat()
        case KindName.TIME:
            return f"{9 + number:02}:00"
        case KindName.DATETIME:
            return dt.datetime.combine(day, dt.time(9 + number), dt.UTC).isoformat()
        case KindName.DURATION:
            return 60 * number
        case KindName.DIGITS:
            return f"{1233 + number}"
        case _:
            return f"{name} {number}"


def _written(node: Node, kind: Kind) -> Any:
    """Return what a script says a tool gives, in the JSON types of the contract."""
    match node:
        case MapNode():
            fields = kind.fields or {}
            return {key: _written(entry.value, fields.get(key, _ANY)) for key, entry in node}
        case ListNode():
            return [_written(item, kind.item or _ANY) for item in node.items]
        case TextNode():
            return _scalar(node, kind)


def _scalar(node: TextNode, kind: Kind) -> Any:
    if node.is_empty or node.is_none:
        return None
    match kind.name:
        case KindName.BOOLEAN:
            return node.value.lower() in YES
        case KindName.NUMBER:
            return float(node.value)
        case _:
            return node.value


_ANY: Final = Kind(KindName.ANY)


class Answers:
    """The answers of one call: each list in order, its last entry for all that follow.

    Args:
        fakes: tool or step → answers.
        otherwise: the outcome where nothing is said.

    """

    def __init__(self, fakes: Mapping[str, tuple[Fake, ...]], otherwise: str) -> None:
        self._left = {name: list(each) for name, each in fakes.items()}
        self._otherwise = Fake(otherwise)

    def next(self, name: str) -> Fake:
        """Return the next answer of a tool or a step."""
        left = self._left.get(name)
        if not left:
            return self._otherwise
        return left.pop(0) if len(left) > 1 else left[0]
