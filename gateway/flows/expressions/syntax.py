"""The tree that expressions and templates are made of, and the words that they may use."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

MAX_CHARS: Final = 300
"""The longest expression."""

FUNCTIONS: Final = {
    "attempts": "unusable answers so far in this step",
    "visits": "how often the call has entered a step",
    "last_choice": "the choice last taken in a menu",
    "options_left": "entries of the last list that were not read yet",
    "known": "whether a slot or variable has a value",
    "count": "how many entries a list has, or characters a text",
    "min": "the smaller of two values",
    "max": "the larger of two values",
    "days_until": "days from today to a date",
    "weekday": "the day of a date: mon, tue …",
}
FILTERS: Final = {
    "money": "an amount in words",
    "date": "a date in words",
    "time": "a time of day in words",
    "datetime": "date and time in words",
    "spell": "letter by letter",
    "digits": "digit by digit",
    "number": "a number in words",
    "yesno": "yes or no",
    "or": "the value, or something else if there is none",
    "upper": "in capitals",
    "lower": "in small letters",
}
ARGUMENTS: Final = {
    "attempts": (0, 0),
    "visits": (1, 1),
    "last_choice": (1, 1),
    "options_left": (0, 0),
    "known": (1, 1),
    "count": (1, 1),
    "min": (2, 2),
    "max": (2, 2),
    "days_until": (1, 1),
    "weekday": (1, 1),
}
STEP_FUNCTIONS: Final = frozenset({"visits", "last_choice"})
"""Functions whose argument is a step's name."""

UNITS: Final = ("minute", "hour", "day", "week", "month", "year")


class ExpressionError(ValueError):
    """An expression can't be read: what is wrong, how to mend it, and at which character (from 0)."""

    def __init__(self, message: str, at: int, fix: str = "", *, forbidden: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.at = at
        self.fix = fix
        self.forbidden = forbidden
        """It is no slip, but something that is not in the language."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, text, date or truth value."""

    value: Decimal | str | bool | dt.date
    at: int


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time: ``60 days``."""

    count: int
    unit: str
    """One of ``UNITS``."""
    at: int


@dataclass(frozen=True, slots=True)
class Name:
    """A slot, a variable, or a built-in: ``call``, ``calendar``, ``today``, ``now``, ``item``, ``secret``."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Field:
    """A field of something: ``card.last4``."""

    of: Node
    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Function:
    """A function and its arguments."""

    name: str
    arguments: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Filter:
    """A value through a filter: ``balance|money``."""

    value: Node
    name: str
    arguments: tuple[Node, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Unary:
    """``not x`` or ``-x``."""

    operator: Literal["not", "-"]
    value: Node
    at: int


@dataclass(frozen=True, slots=True)
class Binary:
    """Two values and what stands between them."""

    operator: str
    left: Node
    right: Node
    at: int


@dataclass(frozen=True, slots=True)
class Items:
    """A list written out."""

    items: tuple[Node, ...]
    at: int


Node = Constant | Span | Name | Field | Function | Filter | Unary | Binary | Items


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression and its text."""

    source: str
    root: Node

    def __str__(self) -> str:
        return self.source


@dataclass(frozen=True, slots=True)
class Template:
    """A text with values in it; ``parts`` are plain pieces and expressions, in order."""

    source: str
    parts: tuple[str | Expression, ...]
    offsets: tuple[int, ...] = ()
    """Where each part begins in ``source`` (an expression: after its ``${``)."""

    @property
    def is_constant(self) -> bool:
        """Whether there is no ``${…}`` in it."""
        return all(isinstance(part, str) for part in self.parts)

    @property
    def only(self) -> Expression | None:
        """The expression, if the template is nothing but one."""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], Expression) else None

    @property
    def expressions(self) -> tuple[Expression, ...]:
        """The expressions in it."""
        return tuple(part for part in self.parts if isinstance(part, Expression))

    def __str__(self) -> str:
        return self.source


def walk(node: Node) -> Iterator[Node]:
    """Return a node and everything below it."""
    yield node
    match node:
        case Field(of=inner):
            yield from walk(inner)
        case Function(arguments=many) | Items(items=many):
            for one in many:
                yield from walk(one)
        case Filter(value=inner, arguments=many):
            yield from walk(inner)
            for one in many:
                yield from walk(one)
        case Unary(value=inner):
            yield from walk(inner)
        case Binary(left=left, right=right):
            yield from walk(left)
            yield from walk(right)
        case Constant() | Span() | Name():
            pass


def plain(text: str) -> Template:
    """Return a template that says exactly this text, with nothing read into it."""
    return Template(text, (text,) if text else (), (0,) if text else ())


def nearest(word: str, words: object) -> str:
    """Return ``, nearest: 'x'`` or nothing."""
    near = difflib.get_close_matches(word, list(words), n=1, cutoff=0.6)  # type: ignore[call-overload]
    return f"nearest: '{near[0]}'" if near else ""
