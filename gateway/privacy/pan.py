"""Card numbers written in digits: what one looks like, and a scanner that masks them in a stream of text.

A *card number* (PAN) here is 13 to 19 digits (12 on wish) that pass the Luhn check (ISO/IEC 7812-1 annex B) and begin
like an issuer's range of that length. Digits may be of any script and may stand apart by spaces, dashes, dots, commas,
slashes or underscores, with invisible characters anywhere between. Spoken numbers, security codes and memory over turns
are not this module's business.

The scanner is pure: the same text gives the same output however it was cut into pieces.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

MASK: Final = "[CARD]"
"""The one mask for card numbers, everywhere; it keeps no digit."""

MAX_DIGITS: Final = 19
"""ISO/IEC 7812-1: no card number is longer."""

MAX_GAP_CHARS: Final = 4
"""Separators between two digits of one number; five or more part two numbers."""

MAX_HELD_CHARS: Final = MAX_DIGITS * (1 + MAX_GAP_CHARS)
"""The most that a scanner ever holds back. Digits in groups of four hold at most 24 characters, digits read out one by
one (``4, 2, 4, 2, …``) at most 57: a bound of 40 would let the latter go."""

_DIGIT: Final = re.compile(
    # \d is every decimal digit of Unicode; then superscripts, subscripts, and digits in circles, brackets and dots
    r"[\d\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u1369-\u1371\u19da\u2460-\u2468\u2474-\u247c\u2488-\u2490"
    r"\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\U00010a40-\U00010a43\U00010e60-\U00010e68"
    r"\U00011052-\U0001105a\U0001f100-\U0001f10a]"
)
_SEPARATOR: Final = re.compile(
    r"[\s.,_/\-\u00b7\u060c\u2010-\u2015\u2024\u2212\u2e3a\u2e3b\u3002\ufe58\ufe63\uff0c\uff0d\uff0e\uff0f]"
)
_INVISIBLE: Final = re.compile(
    # soft hyphen, joiners, direction marks, fillers, variation selectors, byte-order mark, keycap, tags
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u20e3\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e01ef]"
)

# First six digits, from and to (both inclusive), and the lengths in use: public issuer tables, read November 2026.
# Sorted, and none overlaps another: where issuers share a range, it takes the lengths of all of them.
_RANGES: Final[tuple[tuple[int, int, range], ...]] = (
    (100000, 199999, range(15, 16)),  # UATP
    (220000, 220499, range(16, 20)),  # Mir
    (220500, 220599, range(16, 17)),  # Borica
    (222100, 272099, range(16, 17)),  # Mastercard
    (300000, 305999, range(14, 20)),  # Diners Club
    (309500, 309599, range(14, 20)),  # Diners Club
    (340000, 349999, range(15, 16)),  # American Express
    (352800, 358999, range(16, 20)),  # JCB
    (360000, 369999, range(14, 20)),  # Diners Club
    (370000, 379999, range(15, 16)),  # American Express
    (380000, 399999, range(14, 20)),  # Diners Club, Discover
    (400000, 499999, range(13, 20, 3)),  # Visa: 13, 16, 19
    (500000, 509999, range(12, 20)),  # Maestro, Elo, Verve, RuPay
    (510000, 559999, range(16, 17)),  # Mastercard
    (560000, 699999, range(12, 20)),  # Maestro, Discover, UnionPay, RuPay, Hipercard
    (810000, 829999, range(16, 20)),  # UnionPay, RuPay
    (860000, 860099, range(16, 17)),  # Uzcard
    (979200, 979299, range(16, 17)),  # Troy
    (986000, 986099, range(16, 17)),  # Humo
)
_STARTS: Final = [low for low, _, _ in _RANGES]

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def passes_luhn(digits: Sequence[int]) -> bool:
    """Return whether the last digit is the right check digit (ISO/IEC 7812-1 annex B); an empty run never passes."""
    total = sum(digits[-1::-2]) + sum(_DOUBLED[digit] for digit in digits[-2::-2])
    return bool(digits) and total % 10 == 0


def issuer_lengths(digits: Sequence[int]) -> range:
    """Return how long a card number that begins with these six or more digits may be; empty if no issuer's does."""
    prefix = 0
    for digit in digits[:6]:
        prefix = prefix * 10 + digit
    place = bisect_right(_STARTS, prefix) - 1
    if len(digits) < 6 or place < 0 or prefix > _RANGES[place][1]:
        return range(0)
    return _RANGES[place][2]


def is_card_number(digits: Sequence[int], *, shortest: int = 13) -> bool:
    """Return whether these digits are a card number by length, check digit and issuer's range."""
    return len(digits) >= shortest and len(digits) in issuer_lengths(digits) and passes_luhn(digits)


def is_invisible(character: str) -> bool:
    """Return whether a character takes no room in writing, and so may hide between two digits."""
    return _INVISIBLE.match(character) is not None


@dataclass(slots=True)
class _Digit:
    """One digit that is held back, with what was written from it to the next."""

    value: int
    written: str
    starts_group: bool
    """Something that can be seen stands before it, or nothing does."""
    aligned: bool
    """A number may begin here: at a group's start, or where a group may be two (:func:`_may_part`)."""
    after_plus: bool
    gap_chars: int = 0
    parted: bool = False
    """Something that can be seen stands between this digit and the next."""


@dataclass(slots=True)
class CardScanner:
    """Masks card numbers in a stream of text, holding back only what may still become one.

    Feed it pieces; what it returns may leave. After the last piece call :meth:`end`, which decides the rest and makes
    the scanner ready for a new text.

    A number must begin and end where a group of digits does: 16 digits in the middle of 30 are no card number. If
    other groups stand beside it without a word between ("room 12, 4242 …"), it must be written as one would write a
    card number, in equal groups or in groups of three and more. A run of up to 15 digits after a plus sign is a
    telephone number.
    """

    shortest: int = 13
    """Digits of the shortest number to look for: 13, or 12 for the few short Maestro cards."""
    found: int = 0
    """How many card numbers were masked."""
    _held: list[_Digit] = field(default_factory=list)
    _whole: bool = True
    """Nothing of the run that is being held, or comes next, has left yet."""
    _plus: bool = False
    """The last character that left is a plus sign."""

    @property
    def held_chars(self) -> int:
        """Characters that are held back now; never more than :data:`MAX_HELD_CHARS`."""
        return sum(len(digit.written) for digit in self._held)

    def feed(self, piece: str) -> str:
        """Return what may leave now that ``piece`` has come."""
        out: list[str] = []
        at = 0
        while at < len(piece):
            if not self._held:
                first = _DIGIT.search(piece, at)
                if first is None:
                    self._pass(out, piece[at:])
                    break
                self._pass(out, piece[at : first.start()])
                at = first.start()
            self._take(out, piece[at])
            at += 1
        return "".join(out)

    def end(self) -> str:
        """Return the rest, decided: the text is over."""
        out: list[str] = []
        self._decide_all(out)
        self._whole, self._plus = True, False
        return "".join(out)

    def _pass(self, out: list[str], text: str) -> None:
        if text:
            out.append(text)
            self._whole, self._plus = True, text[-1] == "+"

    def _take(self, out: list[str], character: str) -> None:
        """Take a character into the run, which begins or goes on with it, or end the run."""
        last = self._held[-1] if self._held else None
        if _DIGIT.match(character):
            # With nothing held, a run that is not whole goes on in the middle of a group of more than 19 digits.
            starts_group = self._whole if last is None else last.parted
            aligned = starts_group or (last is not None and _may_part(last, character))
            value, after_plus = unicodedata.digit(character), last is None and self._plus
            self._held.append(_Digit(value, character, starts_group, aligned, after_plus))
            while len(self._held) > MAX_DIGITS:
                self._decide_first(out, over=False)
            return
        assert last is not None
        invisible = is_invisible(character)
        if last.gap_chars < MAX_GAP_CHARS and (invisible or _SEPARATOR.match(character)):
            last.written += character
            last.gap_chars += 1
            last.parted |= not invisible
        elif not invisible:
            self._decide_all(out)
            self._pass(out, character)
        # else: more invisible characters than a gap can hold say nothing; dropped, they can't stretch a number

    def _decide_all(self, out: list[str]) -> None:
        while self._held:
            self._decide_first(out, over=True)

    def _decide_first(self, out: list[str], *, over: bool) -> None:
        """Mask the card number that begins at the first held digit, or let go of that digit's group.

        ``over``: no further digit belongs to this run.
        """
        length = self._card_at_front(over=over)
        if length:
            self.found += 1
            # What stood after the last digit belongs to the text, not to the number.
            out.append(MASK + self._held[length - 1].written[1:])
            del self._held[:length]
        else:
            length = 1
            while length < len(self._held) and not self._held[length].aligned:
                length += 1
            out.extend(digit.written for digit in self._held[:length])
            del self._held[:length]
        self._whole = self._plus = False

    def _card_at_front(self, *, over: bool) -> int:
        """Return how many digits the longest card number at the front has; 0 if none begins there."""
        held = self._held
        if len(held) < self.shortest or not held[0].aligned:
            return 0
        values = [digit.value for digit in held]
        lengths = issuer_lengths(values)
        for length in range(min(len(held), MAX_DIGITS), self.shortest - 1, -1):
            if length not in lengths or (held[0].after_plus and length <= 15):
                continue
            ends_group = over if length == len(held) else held[length].aligned
            if not ends_group or not passes_luhn(values[:length]):
                continue
            if (self._whole and over and length == len(held)) or _written_like_a_card(held[:length]):
                return length
        return 0


def _may_part(last: _Digit, digit: str) -> bool:
    """Return whether a digit may begin another number than the one before it, though nothing to be seen is between.

    An invisible character may hide in a number or part two, and so may a change from footnote figures to plain ones.
    """
    return last.gap_chars > 0 or last.written[0].isdecimal() != digit.isdecimal()


def _written_like_a_card(digits: Sequence[_Digit]) -> bool:
    """Return whether the groups are all of one size, or all of three digits and more."""
    sizes: list[int] = []
    for digit in digits:
        if digit.starts_group or not sizes:
            sizes.append(0)
        sizes[-1] += 1
    return min(sizes) >= 3 or len(set(sizes)) == 1
