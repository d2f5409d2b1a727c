"""An operator's own patterns: what else is masked, by digits or by a regular expression. Off unless they are set.

A pattern of digits (``digits: 8``) is found however the digits are said or written, on the same hold-back as card
numbers. A regular expression (``regex``) is matched by RE2, which is linear in the text whatever the expression, and
holds back as many characters as its longest match may have. Both may ask for a check digit and for a word nearby.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from gateway.errors import ConfigurationError
from gateway.lexicon.spoken import fold
from gateway.privacy.elements import Atom, ascii_digits, compose, likeliest, settled
from gateway.privacy.judge import Hit
from gateway.privacy.pan import passes_luhn

if TYPE_CHECKING:
    from gateway.settings.privacy import Check, PatternSettings

CONTEXT_CHARS: Final = 120
"""So far back a regular expression's context words are looked for."""
_WORDS: Final = re.compile(r"[^\W\d_]+")


class _Match(Protocol):
    def start(self) -> int: ...
    def end(self) -> int: ...


class _Regex(Protocol):
    """What is used of a compiled RE2 expression."""

    def search(self, text: str, pos: int = ..., endpos: int = ...) -> _Match | None: ...
    def match(self, text: str, pos: int = ..., endpos: int = ...) -> _Match | None: ...


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern, ready for use; exactly one of ``regex`` and ``digits`` is set."""

    name: str
    mask: str
    check: Check
    words: frozenset[str]
    """One of these, folded, must stand before it; empty: none needs to."""
    regex: _Regex | None
    longest: int
    """Characters of the longest match."""
    digits: range


def load_patterns(settings: Sequence[PatternSettings]) -> tuple[Pattern, ...]:
    """Return the patterns of the settings, compiled.

    Raises:
        ConfigurationError: an expression is none of RE2's (it knows no look-around and no back-references), matches
            nothing at all, or RE2 is not installed.

    """
    return tuple(_load(place, one) for place, one in enumerate(settings))


def _load(place: int, one: PatternSettings) -> Pattern:
    digits = range(0)
    if one.digits is not None:
        low, high = (one.digits, one.digits) if isinstance(one.digits, int) else one.digits
        digits = range(low, high + 1)
    regex = None if one.regex is None else _compile(f"privacy.patterns[{place}] {one.name}", one.regex)
    words = frozenset(fold(word) for word in one.words)
    return Pattern(one.name, one.mask, one.check, words, regex, one.longest, digits)


def _compile(what: str, expression: str) -> _Regex:
    try:
        import re2
    except ImportError as error:
        raise ConfigurationError(f"{what}: a regex needs RE2; pip install 'twobanks[patterns]'") from error
    options = re2.Options()
    options.log_errors = False
    try:
        compiled: _Regex = re2.compile(expression, options)
    except re2.error as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else error
        raise ConfigurationError(f"{what}: regex {expression!r} is not one of RE2's: {reason}") from None
    if compiled.match("") is not None:
        raise ConfigurationError(f"{what}: regex {expression!r} matches an empty text; let it ask for a character")
    return compiled


def digit_hits(atoms: Sequence[Atom], patterns: Sequence[Pattern], words: Collection[str]) -> list[Hit]:
    """Return the run masked whole if one of the patterns of digits fits it."""
    elements = compose(settled(atoms, closed=True))
    digits = likeliest(elements).digits
    for pattern in patterns:
        if (
            len(digits) in pattern.digits
            and _passes(pattern.check, digits)
            and (not pattern.words or not pattern.words.isdisjoint(words))
        ):
            return [Hit(elements[0].start, elements[-1].end, "pattern", pattern.mask)]
    return []


def _passes(check: Check, text: str) -> bool:
    """Return whether a match has the check digits that are asked for."""
    match check:
        case "none":
            return True
        case "luhn":
            return passes_luhn(ascii_digits("".join(mark for mark in text if mark.isdecimal())))
        case "mod97":
            return passes_mod97(text)


def passes_mod97(text: str) -> bool:
    """Return whether letters and digits pass the check of IBANs (ISO 7064 mod 97-10), the first four moved behind."""
    marks = [mark for mark in text.upper() if mark.isascii() and mark.isalnum()]
    if len(marks) < 5:
        return False
    number = "".join(str(int(mark, 36)) for mark in marks[4:] + marks[:4])
    return int(number) % 97 == 1


class PatternStream:
    """Masks what regular expressions find in one turn's text, after all else was masked.

    Args:
        patterns: those that have a regular expression.
        on_hit: told of every match, with its place in the text as it was fed to the turn and its audio time. The place
            is that of the pieces in which it left, which may be a little more.

    """

    def __init__(self, patterns: Sequence[Pattern], on_hit: Callable[[Hit, int], None]) -> None:
        self._patterns = patterns
        self._on_hit = on_hit
        self._longest = max(pattern.longest for pattern in patterns)
        self._context = ""
        """What has left, as far back as context words are looked for."""
        self._held = ""
        self._places: list[tuple[int, int]] = [(0, 0)]
        """Where in ``_held`` a piece ends, and which place of the turn that is."""

    def feed(self, text: str, place: int, audio_ms: int) -> str:
        """Return what may leave; ``place`` is how far the turn's text has come with ``text``."""
        self._held += text
        self._places.append((len(self._held), place))
        # What begins so far from the end has all its characters, and the one behind them, already.
        return self._find(max(len(self._held) - self._longest - 1, 0), audio_ms)

    def end(self, audio_ms: int) -> str:
        """Return the rest."""
        return self._find(len(self._held), audio_ms)

    def _find(self, upto: int, audio_ms: int) -> str:
        """Return the text up to a place with all matches masked that begin before it."""
        out: list[str] = []
        at = 0
        while at < upto:
            found = self._first(at, upto)
            if found is None:
                break
            start, end, pattern = found
            out.append(self._held[at:start] + pattern.mask)
            self._on_hit(Hit(self._place_before(start), self._place_behind(end), "pattern", pattern.mask), audio_ms)
            at = end
        if at < upto:
            out.append(self._held[at:upto])
            at = upto
        self._drop(at)
        return "".join(out)

    def _first(self, at: int, upto: int) -> tuple[int, int, Pattern] | None:
        """Return the first match that begins from ``at`` on and before ``upto``: its start, its end, whose it is."""
        best: tuple[int, int, Pattern] | None = None
        text, shift = self._context + self._held, len(self._context)
        for pattern in self._patterns:
            assert pattern.regex is not None
            place = at + shift
            limit = upto + shift if best is None else best[0] + shift
            while place < limit:
                found = pattern.regex.search(text, place)
                if found is None or found.start() >= limit:
                    break
                start = found.start()
                exact = pattern.regex.match(text, start, min(start + pattern.longest, len(text)))
                if exact is not None and exact.end() > start and self._counts(pattern, text, start, exact.end()):
                    best = (start - shift, exact.end() - shift, pattern)
                    break
                place = start + 1
        return best

    def _counts(self, pattern: Pattern, text: str, start: int, end: int) -> bool:
        if not _passes(pattern.check, text[start:end]):
            return False
        before = text[max(start - CONTEXT_CHARS, 0) : start]
        return not pattern.words or any(fold(word) in pattern.words for word in _WORDS.findall(before))

    def _place_before(self, at: int) -> int:
        return max((place for end, place in self._places if end <= at), default=0)

    def _place_behind(self, at: int) -> int:
        return min((place for end, place in self._places if end >= at), default=self._places[-1][1])

    def _drop(self, size: int) -> None:
        self._context = (self._context + self._held[:size])[-CONTEXT_CHARS:]
        self._held = self._held[size:]
        before = self._place_before(size)
        self._places = [(0, before), *((end - size, place) for end, place in self._places if end > size)]
