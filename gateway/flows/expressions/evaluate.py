"""Computes expressions and fills templates, from values that a scope gives.

A value that is not there is :data:`UNSET`. Inside a condition it makes a comparison false; in a text it is an error
that lint has ruled out (F302), and ``|or(…)`` stands in for it. Secrets can be compared with nothing and said nowhere.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, DivisionByZero, InvalidOperation
from enum import Enum
from typing import Final, Protocol, assert_never

from gateway.errors import GatewayError
from gateway.flows.expressions.spoken import say_value
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
    Template,
    Unary,
)
from gateway.flows.expressions.values import CardToken, Money, Secret

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Unset(Enum):
    """The type of :data:`UNSET`."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
"""What a name stands for that has no value yet."""


class CannotCompute(GatewayError):
    """A value is missing or of the wrong kind; names the expression, never the value."""


class Scope(Protocol):
    """Where an expression's values come from: the call."""

    def value(self, name: str) -> object:
        """Return the value of a name (``call``, ``calendar``, ``today``, ``now``, slots, variables) or ``UNSET``."""
        ...

    def ask(self, function: str, argument: str) -> object:
        """Return ``attempts``, ``visits``, ``last_choice`` or ``options_left``, of a step's path if one is meant."""
        ...


@dataclass(frozen=True, slots=True)
class Values:
    """A scope made of plain mappings; for tests and for ``item`` in lists."""

    names: Mapping[str, object]
    answers: Mapping[tuple[str, str], object] | None = None

    def value(self, name: str) -> object:
        """Return the value of a name or ``UNSET``."""
        return self.names.get(name, UNSET)

    def ask(self, function: str, argument: str) -> object:
        """Return what was prepared, else 0, or for ``last_choice`` nothing."""
        default: object = "" if function == "last_choice" else Decimal(0)
        return (self.answers or {}).get((function, argument), default)


def evaluate(expression: Expression, scope: Scope, language: str = "en") -> object:
    """Return an expression's value; ``UNSET`` if a value it needs is not there.

    Values are texts, ``Decimal``, ``bool``, dates, times, ``Money``, lists, mappings, and opaque secrets.

    Raises:
        CannotCompute: kinds do not go together; lint finds what it can of that beforehand.
    """
    try:
        return _Evaluation(expression, scope, language).of(expression.root)
    except _Missing:
        return UNSET


def holds(expression: Expression, scope: Scope) -> bool:
    """Whether a condition is true; one whose values are not there is false."""
    value = evaluate(expression, scope)
    return value is not UNSET and truth(value)


def render(template: Template, scope: Scope, language: str) -> str:
    """Return a text with its values as they are read aloud in a language.

    Raises:
        CannotCompute: a value is missing, or may not be said.
    """
    pieces: list[str] = []
    for part in template.parts:
        if isinstance(part, str):
            pieces.append(part)
            continue
        value = evaluate(part, scope, language)
        if value is UNSET:
            raise CannotCompute(f"'${{{part.source}}}' has no value here; give it one before, or write |or('…')")
        if isinstance(value, (Secret, CardToken)):
            raise CannotCompute(f"'${{{part.source}}}' is secret and is never said")
        pieces.append(value if isinstance(value, str) else say_value(value, language))
    return "".join(pieces)


def truth(value: object) -> bool:
    """Whether a value counts as true: not unset, not false, not 0, not empty; a secret is true."""
    return value is not UNSET and value is not None and bool(value)


class _Missing(Exception):
    """A value is not there."""


class _Evaluation:
    def __init__(self, expression: Expression, scope: Scope, language: str) -> None:
        self._expression = expression
        self._scope = scope
        self._language = language

    def of(self, node: Node) -> object:
        match node:
            case Constant(value=value):
                return value
            case Span():
                return node
            case Name(name=name):
                return self._there(self._scope.value(name))
            case Field():
                return self._there(_field(self.of(node.of), node.name))
            case Function():
                return self._function(node)
            case Filter():
                return self._filter(node)
            case Items(items=items):
                return [self.of(item) for item in items]
            case Unary(operator="not", value=inner):
                return not self._truth(inner)
            case Unary(value=inner):
                return -self._number(self.of(inner))
            case Binary():
                return self._binary(node)
            case _:
                assert_never(node)

    @staticmethod
    def _there(value: object) -> object:
        if value is UNSET or value is None:
            raise _Missing
        return value

    def _truth(self, node: Node) -> bool:
        try:
            return truth(self.of(node))
        except _Missing:
            return False

    def _wrong(self, why: str) -> CannotCompute:
        return CannotCompute(f"'{self._expression.source}' can't be computed: {why}")

    def _number(self, value: object) -> Decimal:
        if isinstance(value, Money):
            return value.amount
        if isinstance(value, bool) or not isinstance(value, (Decimal, int)):
            raise self._wrong("a number is wanted")
        return Decimal(value)

    def _function(self, node: Function) -> object:
        match node.name:
            case "attempts" | "options_left" | "visits" | "last_choice":
                argument = node.arguments[0] if node.arguments else None
                answer = self._scope.ask(node.name, str(argument.value) if isinstance(argument, Constant) else "")
                return Decimal(answer) if isinstance(answer, int) and not isinstance(answer, bool) else answer
            case "known":
                try:
                    self.of(node.arguments[0])
                except _Missing:
                    return False
                return True
            case "count":
                value = self.of(node.arguments[0])
                if not isinstance(value, Sequence):
                    raise self._wrong("count wants a list or a text")
                return Decimal(len(value))
            case "min" | "max":
                one, other = (self.of(argument) for argument in node.arguments)
                return one if self._before(one, other) == (node.name == "min") else other
            case "days_until":
                return Decimal((_day(self._date(node.arguments[0])) - _day(self._date(Name("today", node.at)))).days)
            case "weekday":
                return _DAYS[_day(self._date(node.arguments[0])).weekday()]
        raise self._wrong(f"there is no '{node.name}'")

    def _date(self, node: Node) -> dt.date:
        value = self.of(node)
        if not isinstance(value, dt.date):
            raise self._wrong("a date is wanted")
        return value

    def _filter(self, node: Filter) -> object:
        if node.name == "or":
            try:
                value = self.of(node.value)
            except _Missing:
                value = ""
            return value if value != "" else self.of(node.arguments[0])
        value = self.of(node.value)
        if isinstance(value, (Secret, CardToken)):
            raise self._wrong("a secret is never said")
        argument = str(self.of(node.arguments[0])) if node.arguments else ""
        try:
            return say_value(value, self._language, node.name, argument)
        except ValueError as error:
            raise self._wrong(str(error)) from None

    def _binary(self, node: Binary) -> object:
        match node.operator:
            case "and":
                return self._truth(node.left) and self._truth(node.right)
            case "or":
                return self._truth(node.left) or self._truth(node.right)
        left, right = self.of(node.left), self.of(node.right)
        if isinstance(left, Secret) or isinstance(right, Secret):
            raise self._wrong("a secret is compared with nothing")
        match node.operator:
            case "==":
                return _same(left, right)
            case "!=":
                return not _same(left, right)
            case "<":
                return self._before(left, right)
            case ">":
                return self._before(right, left)
            case "<=":
                return not self._before(right, left)
            case ">=":
                return not self._before(left, right)
            case "in" | "not in":
                if not isinstance(right, Sequence):
                    raise self._wrong("'in' wants a list or a text on its right")
                inside = str(left) in right if isinstance(right, str) else any(_same(left, item) for item in right)
                return inside == (node.operator == "in")
        return self._arithmetic(node.operator, left, right)

    def _before(self, left: object, right: object) -> bool:
        if isinstance(left, (Decimal, int, Money)) and isinstance(right, (Decimal, int, Money)):
            return self._number(left) < self._number(right)
        if isinstance(left, dt.datetime) != isinstance(right, dt.datetime):
            left, right = _day(left), _day(right)
        if isinstance(left, str) and isinstance(right, str):
            return left < right
        try:
            return bool(left < right)  # type: ignore[operator]
        except TypeError:
            raise self._wrong("the two sides can't be compared") from None

    def _arithmetic(self, operator: str, left: object, right: object) -> object:
        if isinstance(left, dt.date) and isinstance(right, Span):
            return shift(left, right, -1 if operator == "-" else 1)
        if isinstance(left, dt.date) and isinstance(right, dt.date) and operator == "-":
            return Decimal((_day(left) - _day(right)).days)
        one, other = self._number(left), self._number(right)
        try:
            match operator:
                case "+":
                    result = one + other
                case "-":
                    result = one - other
                case "*":
                    result = one * other
                case _:
                    result = one / other
        except (DivisionByZero, InvalidOperation):
            raise self._wrong("a division by zero, or a number too large") from None
        currency = next((side.currency for side in (left, right) if isinstance(side, Money)), None)
        return result if currency is None else Money(result, currency)


def shift(day: dt.date, span: Span, sign: int) -> dt.date:
    """Return a date moved by a span; a month's end stays within the month.

    Raises:
        CannotCompute: there is no such date.
    """
    count = span.count * sign
    try:
        match span.unit:
            case "minute":
                return day + dt.timedelta(minutes=count)
            case "hour":
                return day + dt.timedelta(hours=count)
            case "day":
                return day + dt.timedelta(days=count)
            case "week":
                return day + dt.timedelta(weeks=count)
            case _:
                months = day.year * 12 + day.month - 1 + count * (12 if span.unit == "year" else 1)
                year, month = divmod(months, 12)
                last = calendar.monthrange(year, month + 1)[1]
                return day.replace(year=year, month=month + 1, day=min(day.day, last))
    except (OverflowError, ValueError, calendar.IllegalMonthError):
        raise CannotCompute(f"there is no date {span.count} {span.unit}s away") from None


def _field(value: object, name: str) -> object:
    match value:
        case Mapping():
            return value.get(name, UNSET)
        case Money():
            return {"amount": value.amount, "currency": value.currency}.get(name, UNSET)
        case CardToken():
            return {"last4": value.last4, "brand": value.brand}.get(name, UNSET)
    return UNSET


def _day(value: object) -> dt.date:
    return value.date() if isinstance(value, dt.datetime) else value  # type: ignore[return-value]


def _same(left: object, right: object) -> bool:
    if isinstance(left, Money) != isinstance(right, Money):
        left, right = (side.amount if isinstance(side, Money) else side for side in (left, right))
    dates = isinstance(left, dt.date) and isinstance(right, dt.date)
    if dates and isinstance(left, dt.datetime) != isinstance(right, dt.datetime):
        left, right = _day(left), _day(right)
    return isinstance(left, bool) == isinstance(right, bool) and left == right
