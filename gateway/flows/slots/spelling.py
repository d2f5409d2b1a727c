"""Letters and marks out of words: "b as in bravo, double four", "john dot smith at example dot com"."""

from __future__ import annotations

import re
from typing import Final

from gateway.flows.slots.cardinals import parse_number, tongue
from gateway.flows.slots.reading import bare, plain_words
from gateway.flows.words import words
from gateway.lexicon.numbers import digit_words, repeat_words

_AS_IN: Final = re.compile(r"\b(\w) (?:as in|for|like|de) (\w{3,})\b")


def spelled(text: str, language: str) -> str | None:
    """Return letters and digits that were spelled or written; None if a word is no letter."""
    if re.fullmatch(r"[A-Z0-9 \-]+", text.strip()) and re.search(r"\d", text):
        return re.sub(r"[ \-]", "", text)
    known = words(language)
    said = _AS_IN.sub(
        lambda found: found[1] if bare(found[2]).startswith(bare(found[1])) else found[0], plain_words(text)
    )
    said = said.replace("-", " ")
    for name, letter in sorted(known.letters.items(), key=lambda pair: -len(pair[0])):
        if " " in name:
            said = said.replace(name, letter)
    singles, repeats = digit_words(tongue(language)), repeat_words(tongue(language))
    found = ""
    times = 1
    for word in said.split():
        if word in repeats:
            times = repeats[word]
            continue
        if word in ("capital", "mayúscula", "letter", "letra", "number", "número", "and", "y") and len(word) > 1:
            continue
        mark = word if len(word) == 1 and word.isalnum() else known.letters.get(word) or singles.get(word)
        if mark is None and (number := parse_number(word, language)) is not None and 10 <= number <= 999:
            mark = str(number)
        if mark is None and re.fullmatch(r"(?=\w*\d)\w{2,}", word):
            mark = word
        if mark is None:
            return None
        found += mark * times
        times = 1
    return found.upper() or None


def with_marks(text: str, language: str) -> str:
    """Return a text whose spoken marks are marks: "john dot smith at example dot com"."""
    known = words(language)
    said = text.lower().strip().rstrip(".")
    if "@" not in said or " " in said:
        for spoken in sorted(known.spoken_marks, key=len, reverse=True):
            said = re.sub(rf"(?<!\S){re.escape(spoken)}(?!\S)", known.spoken_marks[spoken], said)
    singles, repeats = digit_words(tongue(language)), repeat_words(tongue(language))
    pieces: list[str] = []
    times = 1
    for word in said.replace(",", " ").split():
        if word in repeats:
            times = repeats[word]
            continue
        pieces.append((singles.get(word) if len(word) > 1 else None) or word)
        if times > 1:
            pieces[-1] *= times
            times = 1
    return bare("".join(pieces))
