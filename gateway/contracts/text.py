"""Text that may leave a call.

What a caller says, what a model says, what a tool answers: all of it is raw text, and raw text stays in memory.
:class:`RedactedText` is the only kind of text that a sink, a log or a metric takes, and only
``gateway/privacy/redactor.py`` can make one (the mint in ``contracts/mint.py`` is closed to every other module by a
``forbidden`` contract that CI checks). Words of our own making, such as event names, are a :class:`Label`.
"""

from __future__ import annotations

import re
from typing import Any, Final, NoReturn

_DIGIT_RUN: Final = re.compile(r"\d(?:[ .\-_/]?\d){4}")


class RedactedText:
    """Text after redaction; immutable, and made by the redactor alone.

    ``str(text)`` and ``text.text`` give it for writing out. Two are equal when their text is.
    """

    __slots__ = ("_text",)
    _text: str

    def __init__(self, *_: Any) -> None:
        raise TypeError("RedactedText is made by gateway.privacy.redactor only; pass raw text through a redactor first")

    @property
    def text(self) -> str:
        """The text, free of card data."""
        return self._text

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"RedactedText({self._text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RedactedText) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __len__(self) -> int:
        return len(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("RedactedText is immutable")


class Label(str):
    """A fixed word of ours: an event name, a step's id, the name of an endpoint.

    It is no way around the redactor: five or more digits in a row (spaces, dots and dashes between them do not help)
    are refused, and so is anything over 128 characters.

    Raises:
        ValueError: the word holds a run of five digits or is too long.

    """

    __slots__ = ()

    def __new__(cls, word: str) -> Label:
        """Return the word as a label, or refuse it."""
        if len(word) > 128:
            raise ValueError(f"a label has at most 128 characters; this one has {len(word)}")
        if _DIGIT_RUN.search(word):
            raise ValueError("a label holds no run of five digits; pass such text through the redactor")
        return super().__new__(cls, word)
