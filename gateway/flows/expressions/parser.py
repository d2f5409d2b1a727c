"""The grammar of expressions and templates: text in, a frozen tree with offsets out.

expression = and-part { "or" and-part }
and-part   = not-part { "and" not-part }
not-part   = "not" not-part | sum [ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in") sum ]
sum        = product { ("+" | "-") product }
product    = sign { ("*" | "/") sign }
sign       = "-" sign | value { "." name } { "|" filter [ "(" arguments ")" ] }
value      = number [ unit ] | text | date | "true" | "false" | name | function "(" arguments ")"
           | "(" expression ")" | "[" arguments "]"
unit       = "minutes" | "hours" | "days" | "weeks" | "months" | "years"      (one of each may lose its s)
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final

from gateway.flows.expressions.syntax import (
    ARGUMENTS,
    FILTERS,
    FUNCTIONS,
    MAX_CHARS,
    STEP_FUNCTIONS,
    UNITS,
    Binary,
    Constant,
    Expression,
    ExpressionError,
    Field,
    Filter,
    Function,
    Items,
    Name,
    Node,
    Span,
    Template,
    Unary,
    nearest,
)


@lru_cache(maxsize=4096)
def parse_expression(source: str) -> Expression:
    """Return an expression read from text.

    Raises:
        ExpressionError: it is none; names the character and a cure.
    """
    if len(source) > MAX_CHARS:
        raise ExpressionError(f"an expression has at most {MAX_CHARS} characters; this one has {len(source)}", 0)
    return Expression(source, _Parser(source).whole())


@lru_cache(maxsize=4096)
def parse_template(source: str) -> Template:
    """Return a template read from text: whatever stands between ``${`` and ``}`` is an expression.

    Raises:
        ExpressionError: an expression in it can't be read, or ``}`` is missing.
    """
    parts: list[str | Expression] = []
    offsets: list[int] = []
    at = 0
    while at < len(source):
        opening = source.find("${", at)
        if opening < 0:
            opening = len(source)
        if opening > at:
            parts.append(source[at:opening])
            offsets.append(at)
        if opening == len(source):
            break
        inner, end = _inside(source, opening)
        try:
            parts.append(parse_expression(inner))
        except ExpressionError as error:
            raise ExpressionError(error.message, opening + 2 + error.at, error.fix, forbidden=error.forbidden) from None
        offsets.append(opening + 2)
        at = end
    return Template(source, tuple(parts), tuple(offsets))


def _inside(source: str, opening: int) -> tuple[str, int]:
    """Return the text between ``${`` and its ``}``, which may not stand in a quoted text, and the place after it."""
    quote = ""
    for position in range(opening + 2, len(source)):
        mark = source[position]
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "'\"":
            quote = mark
        elif mark == "}":
            return source[opening + 2 : position], position + 1
    raise ExpressionError("'${' is never closed", opening, "add '}' behind the value")


_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<date>\d{4}-\d{2}-\d{2}(?!\d))
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<text>'[^']*'|"[^"]*")
    | (?P<name>[^\W\d]\w*)
    | (?P<mark>==|!=|<=|>=|[-+*/<>().,|\[\]])
    )""",
    re.VERBOSE,
)
_WORDS: Final = frozenset({"and", "or", "not", "in"})
_COMPARE: Final = frozenset({"==", "!=", "<", "<=", ">", ">=", "in", "not in"})
_LEVELS: Final = 40
"""Brackets and signs inside one another."""

_ADVICE: Final = {
    "=": "two equal signs compare: '=='",
    "&": "write 'and'",
    "!": "write 'not'",
    "%": "there are no blocks and no remainders here",
    "{": "a value is written '${name}', without further brackets",
    "?": "write a decide step, or '|or(…)' for a value that may be missing",
    ":": "there is no ':' in expressions",
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = list(self._scan(source))
        self._next = 0
        self._depth = 0

    def whole(self) -> Node:
        root = self._or()
        if self._peek().kind != "end":
            raise self._unexpected("after the expression")
        return root

    def _scan(self, source: str) -> Iterator[_Token]:
        at = 0
        end = len(source.rstrip())
        while at < end:
            found = _TOKEN.match(source, at)
            if found is None:
                at += len(source[at:]) - len(source[at:].lstrip())
                bad = source[at]
                if bad in "'\"":
                    raise ExpressionError(f"the text that begins with {bad} is never closed", at)
                raise ExpressionError(f"'{bad}' has no meaning here", at, _ADVICE.get(bad, ""), forbidden=True)
            kind = str(found.lastgroup)
            yield _Token(kind, found[kind], found.start(kind))
            at = found.end()
        yield _Token("end", "", end)

    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._tokens[self._next]
        self._next += token.kind != "end"
        return token

    def _accept(self, *texts: str) -> _Token | None:
        token = self._peek()
        return self._take() if token.kind in ("name", "mark") and token.text in texts else None

    def _expect(self, text: str) -> None:
        if not self._accept(text):
            raise self._unexpected(f"where '{text}' is wanted")

    def _unexpected(self, where: str) -> ExpressionError:
        token = self._peek()
        if token.kind == "end":
            return ExpressionError(f"the expression ends {where}", token.at)
        return ExpressionError(f"'{token.text}' stands {where}", token.at)

    def _or(self) -> Node:
        self._depth += 1
        if self._depth > _LEVELS:
            raise ExpressionError("too many brackets inside one another", self._peek().at)
        left = self._and()
        while token := self._accept("or"):
            left = Binary("or", left, self._and(), token.at)
        self._depth -= 1
        return left

    def _and(self) -> Node:
        left = self._not()
        while token := self._accept("and"):
            left = Binary("and", left, self._not(), token.at)
        return left

    def _not(self) -> Node:
        nots: list[_Token] = []
        while token := self._accept("not"):
            nots.append(token)
        value = self._comparison()
        for token in reversed(nots):
            value = Unary("not", value, token.at)
        return value

    def _comparison(self) -> Node:
        left = self._sum()
        token = self._peek()
        operator = token.text
        if operator == "not" and token.kind == "name":
            following = self._tokens[self._next + 1]
            if following.kind == "name" and following.text == "in":
                self._take()
                operator = "not in"
        if operator not in _COMPARE or token.kind not in ("name", "mark"):
            return left
        self._take()
        node = Binary(operator, left, self._sum(), token.at)
        chained = self._peek()
        if chained.text in _COMPARE and chained.kind in ("name", "mark"):
            raise ExpressionError("two comparisons in a row", chained.at, "join them with 'and'", forbidden=True)
        return node

    def _sum(self) -> Node:
        left = self._product()
        while token := self._accept("+", "-"):
            left = Binary(token.text, left, self._product(), token.at)
        return left

    def _product(self) -> Node:
        left = self._sign()
        while token := self._accept("*", "/"):
            left = Binary(token.text, left, self._sign(), token.at)
        return left

    def _sign(self) -> Node:
        signs: list[_Token] = []
        while token := self._accept("-"):
            signs.append(token)
        node = self._piped()
        for token in reversed(signs):
            node = Unary("-", node, token.at)
        return node

    def _piped(self) -> Node:
        node = self._value()
        while True:
            if dot := self._accept("."):
                name = self._take()
                if name.kind != "name":
                    raise ExpressionError("a field's name is wanted after '.'", dot.at + 1)
                if name.text.startswith("_"):
                    raise ExpressionError(f"'{name.text}' is no field", name.at, forbidden=True)
                node = Field(node, name.text, name.at)
            elif self._accept("|"):
                name = self._take()
                if name.kind != "name" or name.text not in FILTERS:
                    hint = nearest(name.text, FILTERS) or f"known: {', '.join(FILTERS)}"
                    raise ExpressionError(f"'{name.text}' is not a filter", name.at, hint, forbidden=True)
                arguments = self._arguments(")") if self._accept("(") else ()
                self._check_filter(name, arguments)
                node = Filter(node, name.text, arguments, name.at)
            else:
                return node

    @staticmethod
    def _check_filter(name: _Token, arguments: tuple[Node, ...]) -> None:
        if name.text == "or" and len(arguments) != 1:
            raise ExpressionError("'or' takes one value", name.at, "write |or('something else')")
        most = 1 if name.text in ("or", "money") else 0
        if len(arguments) > most:
            raise ExpressionError(f"'{name.text}' takes no value in brackets", name.at)

    def _value(self) -> Node:
        token = self._take()
        match token.kind:
            case "date":
                return Constant(self._date(token), token.at)
            case "number":
                return self._number(token)
            case "text":
                return Constant(token.text[1:-1], token.at)
            case "name" if token.text not in _WORDS:
                return self._named(token)
            case "mark" if token.text == "(":
                inner = self._or()
                self._expect(")")
                return inner
            case "mark" if token.text == "[":
                return Items(self._arguments("]"), token.at)
        self._next -= token.kind != "end"
        raise self._unexpected("where a value is wanted")

    def _named(self, token: _Token) -> Node:
        if token.text.lower() in ("true", "false", "yes", "no"):
            return Constant(token.text.lower() in ("true", "yes"), token.at)
        if token.text.startswith("_"):
            raise ExpressionError(f"'{token.text}' is no name", token.at, forbidden=True)
        if not self._accept("("):
            return Name(token.text, token.at)
        if token.text not in FUNCTIONS:
            hint = nearest(token.text, FUNCTIONS) or f"known: {', '.join(FUNCTIONS)}"
            raise ExpressionError(f"'{token.text}' is not a function", token.at, hint, forbidden=True)
        arguments = self._arguments(")")
        fewest, most = ARGUMENTS[token.text]
        if not fewest <= len(arguments) <= most:
            wanted = "nothing" if most == 0 else "one value" if most == 1 else f"{most} values"
            raise ExpressionError(f"'{token.text}' takes {wanted} in its brackets", token.at)
        if token.text in STEP_FUNCTIONS and not (
            isinstance(arguments[0], Constant) and isinstance(arguments[0].value, str)
        ):
            raise ExpressionError(f"'{token.text}' wants a step's name in quotes", arguments[0].at)
        return Function(token.text, arguments, token.at)

    def _arguments(self, closing: str) -> tuple[Node, ...]:
        found: list[Node] = []
        if self._accept(closing):
            return ()
        while True:
            found.append(self._or())
            if self._accept(closing):
                return tuple(found)
            self._expect(",")

    def _number(self, token: _Token) -> Node:
        unit = self._peek()
        singular = unit.text.removesuffix("s")
        if unit.kind == "name" and singular in UNITS and "." not in token.text:
            self._take()
            if len(token.text) > 6:
                raise ExpressionError(f"'{token.text} {unit.text}' is too long", token.at)
            return Span(int(token.text), singular, token.at)
        return Constant(Decimal(token.text), token.at)

    @staticmethod
    def _date(token: _Token) -> dt.date:
        try:
            return dt.date.fromisoformat(token.text)
        except ValueError:
            raise ExpressionError(f"'{token.text}' is no date", token.at, "write year-month-day") from None
