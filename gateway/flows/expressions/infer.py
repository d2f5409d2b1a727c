"""What kind an expression has, and what is wrong with it before any call: unknown names, kinds that do not fit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, assert_never

from gateway.flows.expressions.kinds import (
    AMOUNT,
    ANY,
    BOOLEAN,
    DATE,
    DATETIME,
    DURATION,
    NUMBER,
    TEXT,
    Kind,
    KindName,
    comparable,
)
from gateway.flows.expressions.syntax import (
    Binary,
    Constant,
    Expression,
    Field,
    Filter,
    Function,
    Items,
    Name,
    Node,
    Span,
    Unary,
    nearest,
)

CALL: Final = Kind(KindName.OBJECT, {"id": TEXT, "from": TEXT, "to": TEXT, "language": TEXT, "started": DATETIME})
"""``call``: what is known of every call."""
BUILT_INS: Final = {"call": CALL, "calendar": ANY, "today": DATE, "now": DATETIME}
"""Names that every expression knows."""
_CALENDAR: Final = Kind(
    KindName.OBJECT, {"next_open": DATETIME, "next_open_spoken": TEXT, "is_open": BOOLEAN, "is_holiday": BOOLEAN}
)
_NUMERIC: Final = (KindName.NUMBER, KindName.AMOUNT)
_DATED: Final = (KindName.DATE, KindName.DATETIME)
_FILTER_TAKES: Final = {
    "money": _NUMERIC,
    "number": _NUMERIC,
    "date": _DATED,
    "datetime": _DATED,
    "time": (KindName.TIME, KindName.DATETIME),
    "spell": (KindName.TEXT, KindName.DIGITS, KindName.NUMBER),
    "digits": (KindName.TEXT, KindName.DIGITS, KindName.NUMBER),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with an expression: the rule, the character, words, a cure."""

    rule: str
    at: int
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Names:
    """What names an expression may use."""

    kind_of: Callable[[str], Kind | None]
    known: Callable[[], Iterable[str]]
    """For "nearest"."""
    calendars: frozenset[str] = frozenset()
    local: frozenset[str] = frozenset()
    """``item`` and ``position`` inside ``each``; ``secret`` and arguments inside tools."""


def infer(expression: Expression, names: Names) -> tuple[Kind, list[Problem]]:
    """Return the kind of an expression's value, and everything that is wrong with it."""
    inference = _Inference(names)
    return inference.of(expression.root), inference.problems


class _Inference:
    def __init__(self, names: Names) -> None:
        self._names = names
        self.problems: list[Problem] = []

    def _wrong(self, rule: str, at: int, message: str, fix: str = "") -> None:
        self.problems.append(Problem(rule, at, message, fix))

    def of(self, node: Node) -> Kind:
        match node:
            case Constant(value=value):
                return _constant(value)
            case Span():
                return DURATION
            case Name():
                return self._name(node)
            case Field():
                return self._field(node)
            case Function():
                return self._function(node)
            case Filter():
                return self._filter(node)
            case Items(items=items):
                kinds = [self.of(item) for item in items]
                return Kind(KindName.LIST, item=kinds[0] if kinds else ANY)
            case Unary(operator="not", value=value):
                self.of(value)
                return BOOLEAN
            case Unary(value=value):
                self._numeric(value)
                return NUMBER
            case Binary():
                return self._binary(node)
            case _:
                assert_never(node)

    def _name(self, node: Name) -> Kind:
        if node.name in self._names.local:
            return ANY
        if node.name == "secret":
            self._wrong("F309", node.at, "'secret' is for tools' files alone", "give the tool what it needs there")
            return ANY
        kind = self._names.kind_of(node.name) or BUILT_INS.get(node.name)
        if kind is None:
            hint = nearest(node.name, [*self._names.known(), *BUILT_INS])
            self._wrong("F301", node.at, f"'{node.name}' is not a slot, a variable or a built-in name", hint)
            return ANY
        return kind

    def _field(self, node: Field) -> Kind:
        if isinstance(node.of, Name) and node.of.name == "calendar" and "calendar" not in self._names.local:
            if node.name not in self._names.calendars:
                hint = nearest(node.name, self._names.calendars)
                self._wrong("F301", node.at, f"there is no calendar '{node.name}'", hint)
            return _CALENDAR
        kind = self.of(node.of)
        match kind.name:
            case KindName.ANY:
                return ANY
            case KindName.OBJECT:
                if kind.fields is None:
                    return ANY
                if node.name not in kind.fields:
                    hint = nearest(node.name, kind.fields) or f"known: {', '.join(kind.fields) or 'none'}"
                    self._wrong("F305", node.at, f"there is no field '{node.name}' in its contract", hint)
                    return ANY
                return kind.fields[node.name]
            case KindName.AMOUNT if node.name in ("amount", "currency"):
                return NUMBER if node.name == "amount" else TEXT
            case KindName.CARD if node.name in ("last4", "brand"):
                return TEXT
            case KindName.SECRET | KindName.CARD:
                self._wrong("F307", node.at, f"'.{node.name}' of a secret can't be read")
            case _:
                self._wrong("F303", node.at, f"a {kind} has no field '{node.name}'")
        return ANY

    def _function(self, node: Function) -> Kind:
        kinds = [self.of(argument) for argument in node.arguments]
        match node.name:
            case "visits" | "attempts" | "options_left":
                return NUMBER
            case "last_choice" | "weekday":
                if node.name == "weekday":
                    self._dated(kinds[0], node.at)
                return TEXT
            case "known":
                return BOOLEAN
            case "count":
                if kinds[0].name not in (KindName.LIST, KindName.TEXT, KindName.DIGITS, KindName.ANY):
                    self._wrong("F303", node.at, f"count wants a list, not a {kinds[0]}")
                return NUMBER
            case "days_until":
                self._dated(kinds[0], node.at)
                return NUMBER
        if not comparable(*kinds):
            self._wrong("F303", node.at, f"{node.name} of a {kinds[0]} and a {kinds[1]}")
        return kinds[0]

    def _filter(self, node: Filter) -> Kind:
        kind = self.of(node.value)
        for argument in node.arguments:
            other = self.of(argument)
            if node.name == "or" and kind.name is not KindName.ANY and kind.name is not other.name:
                return ANY
        if node.name == "or":
            return kind
        if kind.name in (KindName.SECRET, KindName.CARD):
            self._wrong("F307", node.at, "a secret is never said")
            return TEXT
        wanted = _FILTER_TAKES.get(node.name)
        if wanted and kind.name not in (*wanted, KindName.ANY):
            self._wrong("F303", node.at, f"'{node.name}' is for a {wanted[0]}, and this is a {kind}")
        return TEXT

    def _dated(self, kind: Kind, at: int) -> None:
        if kind.name not in (*_DATED, KindName.ANY):
            self._wrong("F303", at, f"a date is wanted here, not a {kind}")

    def _numeric(self, node: Node) -> Kind:
        kind = self.of(node)
        if kind.name not in (*_NUMERIC, KindName.ANY):
            self._wrong("F303", node.at, f"a number is wanted here, not a {kind}")
        return kind

    def _binary(self, node: Binary) -> Kind:
        if node.operator in ("and", "or"):
            self.of(node.left)
            self.of(node.right)
            return BOOLEAN
        if node.operator in ("in", "not in"):
            left, right = self.of(node.left), self.of(node.right)
            if right.name not in (KindName.LIST, KindName.TEXT, KindName.ANY):
                self._wrong("F303", node.at, f"'{node.operator}' wants a list on its right, not a {right}")
            elif right.name is KindName.LIST and right.item and not comparable(left, right.item):
                self._wrong("F303", node.at, f"a {left} is never in a list of {right.item}")
            return BOOLEAN
        if node.operator in ("==", "!=", "<", "<=", ">", ">="):
            left, right = self.of(node.left), self.of(node.right)
            if KindName.SECRET in (left.name, right.name):
                self._wrong("F307", node.at, "a secret is compared with nothing")
            elif not comparable(left, right):
                self._wrong("F303", node.at, f"a {left} is compared with a {right}")
            return BOOLEAN
        return self._arithmetic(node)

    def _arithmetic(self, node: Binary) -> Kind:
        left = self.of(node.left)
        if left.name in _DATED and node.operator in ("+", "-"):
            right = self.of(node.right)
            if right.name in _DATED and node.operator == "-":
                return NUMBER
            if right.name is not KindName.DURATION:
                self._wrong("F303", node.at, f"a date and a {right}", "write a unit: today + 60 days")
            return left
        right = self.of(node.right)
        for side, kind in ((node.left, left), (node.right, right)):
            if kind.name not in (*_NUMERIC, KindName.ANY):
                self._wrong("F303", side.at, f"'{node.operator}' is for numbers, and this is a {kind}")
        return AMOUNT if KindName.AMOUNT in (left.name, right.name) else NUMBER


def _constant(value: Decimal | str | bool | dt.date) -> Kind:
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, Decimal):
        return NUMBER
    return DATE if isinstance(value, dt.date) else TEXT
