"""Conditions of Rasa flows, rewritten.

They are predicates over ``slots.…`` with words for operators (``slots.amount > 5 and slots.kind is not null``). What
can't be said in our language raises :class:`CannotSay`.

Source: Rasa's reference, "Conditions in Flows", read 2026-11-21.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<text>'[^']*'|"[^"]*")
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<mark><=|>=|!=|==|[=<>(){},])
    | (?P<word>[A-Za-z_][\w.]*)
    )""",
    re.VERBOSE,
)
_COMPARISONS: Final = {"=": "==", "==": "==", "is": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


class CannotSay(ValueError):
    """A condition that our language can't say; the message tells which part."""


def rewritten(condition: str, name_of: Callable[[str], str] = str) -> str:
    """Return a condition in our language.

    Args:
        condition: as it stands in the source.
        name_of: gives the name here of a slot there.

    Raises:
        CannotSay: an operator or a value has no counterpart.
    """
    return _Rewriting(condition, name_of).whole()


def slots_in(condition: str) -> list[str]:
    """Return the slots that a condition reads, as they are called in the source."""
    return re.findall(r"\bslots\.(\w+)", condition)


class _Rewriting:
    def __init__(self, source: str, name_of: Callable[[str], str]) -> None:
        self._source = source
        self._name_of = name_of
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        end = 0
        stripped = source.rstrip()
        while end < len(stripped):
            found = _TOKEN.match(stripped, end)
            if found is None or found.lastgroup is None:
                raise CannotSay(f"'{stripped[end : end + 20].strip()}' is not understood")
            self._tokens.append((found.lastgroup, found[found.lastgroup]))
            end = found.end()

    def whole(self) -> str:
        said = self._either()
        if self._at < len(self._tokens):
            raise CannotSay(f"'{self._tokens[self._at][1]}' is not understood")
        return said

    def _peek(self) -> str:
        return self._tokens[self._at][1].lower() if self._at < len(self._tokens) else ""

    def _take(self, *words: str) -> bool:
        if self._peek() in words:
            self._at += 1
            return True
        return False

    def _either(self) -> str:
        said = self._both()
        while self._take("or"):
            said = f"{said} or {self._both()}"
        return said

    def _both(self) -> str:
        said = self._denied()
        while self._take("and"):
            said = f"{said} and {self._denied()}"
        return said

    def _denied(self) -> str:
        if self._take("not"):
            return f"not {self._denied()}"
        if self._take("("):
            inner = self._either()
            if not self._take(")"):
                raise CannotSay("a bracket is never closed")
            return f"({inner})"
        return self._compared()

    def _compared(self) -> str:
        left = self._value()
        operator = self._peek()
        if operator == "contains":
            self._at += 1
            return f"{self._value()} in {left}"
        if operator == "matches":
            raise CannotSay("'matches' has no counterpart; give the slot a 'pattern'")
        if operator not in _COMPARISONS:
            return left
        self._at += 1
        sign = _COMPARISONS[operator]
        if operator == "is" and self._take("not"):
            sign = "!="
        if self._take("null", "undefined", "empty", "none"):
            if not re.fullmatch(r"\w+", left):
                raise CannotSay(f"whether '{left}' has a value can't be asked")
            return f"known({left})" if sign == "!=" else f"not known({left})"
        return f"{left} {sign} {self._value()}"

    def _value(self) -> str:
        if self._at >= len(self._tokens):
            raise CannotSay("a value is missing at its end")
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind in ("text", "number"):
            return text
        if text == "{":
            items = []
            while not self._take("}"):
                items.append(self._value())
                self._take(",")
            return f"[{', '.join(items)}]"
        lower = text.lower()
        if lower in ("true", "false"):
            return lower
        if lower.startswith("slots."):
            return self._name_of(text[len("slots.") :])
        raise CannotSay(f"'{text}' is known to Rasa alone" if "." in text else f"'{text}' is not understood")
