"""A text as it can be read aloud: cleaned of what nobody can say, and cut into passages at the ends of sentences.

A model keeps to short texts better than to long ones, and a passage that went wrong is soon said again.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

PASSAGE_CHARACTERS: Final = 400
"""About 25 seconds of speech."""

_SENTENCE_END: Final = re.compile(
    r"(?<=[.!?\u2026\u3002\uff01\uff1f])[\"'\u201d\u2019)\]]*\s+|(?<=[\u3002\uff01\uff1f])"
)
"""Behind a full stop of any script and what closes a quotation; scripts without spaces need none."""
_PART_END: Final = re.compile(r"(?<=[,;:])\s+|(?<=[\u3001\uff0c\uff1b\uff1a])")


def readable(text: str) -> str:
    """Return a text in one line, without control characters; empty if nothing of it can be said."""
    clean = "".join(
        " " if char.isspace() else char
        for char in unicodedata.normalize("NFC", text)
        if char.isspace() or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )
    clean = " ".join(clean.split())
    return clean if any(char.isalnum() for char in clean) else ""


def passages(text: str, at_most: int = PASSAGE_CHARACTERS) -> list[str]:
    """Return a readable text in passages of whole sentences, as long as can be; together they are the text.

    A sentence that is too long is cut behind a comma, else between words, else where it is.
    """
    return _joined(_pieces(text, at_most), at_most)


def _pieces(text: str, at_most: int) -> list[str]:
    pieces = []
    for sentence in _cut(text, _SENTENCE_END):
        if len(sentence) <= at_most:
            pieces.append(sentence)
            continue
        for part in _joined(_cut(sentence, _PART_END), at_most):
            pieces += [part] if len(part) <= at_most else _by_words(part, at_most)
    return pieces


def _cut(text: str, where: re.Pattern[str]) -> list[str]:
    """Return the text cut behind each match, spaces between the parts taken off."""
    ends = [match.end() for match in where.finditer(text)]
    parts = [text[start:end].strip() for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
    return [part for part in parts if part]


def _by_words(text: str, at_most: int) -> list[str]:
    words = [word[at : at + at_most] for word in text.split() for at in range(0, len(word), at_most)]
    return _joined(words, at_most)


def _joined(parts: list[str], at_most: int) -> list[str]:
    """Return neighbours put together again as far as they fit; what has no words goes with its neighbour."""
    joined: list[str] = []
    for part in parts:
        sayable = any(char.isalnum() for char in part)
        if joined and (len(joined[-1]) + 1 + len(part) <= at_most or not sayable):
            joined[-1] = f"{joined[-1]} {part}"
        else:
            joined.append(part)
    if len(joined) > 1 and not any(char.isalnum() for char in joined[0]):
        joined[:2] = [f"{joined[0]} {joined[1]}"]
    return joined
