"""What a call remembers between turns: what is being asked for, and which digits were secret.

Moods are kept by audio time, because words of both roles come late and out of order: what was asked at second nine says
nothing of what was said at second four. Digits that were masked are kept as keyed hashes of short windows, never in
clear, with a key that dies with the call.
"""

from __future__ import annotations

import secrets
from bisect import bisect_right
from collections import deque
from enum import Enum
from typing import Final, Literal

Role = Literal["caller", "agent", "tool"]
"""Whose words they are."""

FADES_MS: Final = 120_000
"""A question that nobody came back to in this time is forgotten."""
READ_BACK_DIGITS: Final = 5
"""So many digits in a row of a number that was masked are hardly ever chance."""
ECHO_DIGITS: Final = (3, 4)
"""Shorter ones count while a card is being read out."""
SHINGLE: Final = 3
"""Digits that are hashed together. Longer stretches are known by all of their shingles: with one card kept, five digits
of another number are taken for its own three times in a million."""
PATTERN_WORDS: Final = 24
"""So far back a pattern's context words are looked for."""
_MOODS_KEPT: Final = 256
_CODES_KEPT: Final = 16


class Mood(Enum):
    """What the talk is about, as far as numbers go."""

    NONE = "none"
    MENTIONED = "mentioned"
    """A card was mentioned, nobody asked for its number yet."""
    CARD = "card"
    """A card number was asked for, or is being read out."""
    LAST = "last"
    """The last digits of a card were asked for."""
    DONE = "done"
    """A card number was given: its expiry date and security code may follow unasked."""
    CVV = "cvv"
    EXPIRY = "expiry"
    PIN = "pin"
    PHONE = "phone"
    REFERENCE = "reference"
    OTHER = "other"
    """A date, an amount."""

    __hash__ = object.__hash__  # by identity, in C: Enum's own hashes the name, in Python, at each look into a set


ABOUT_CARDS: Final = frozenset({Mood.MENTIONED, Mood.CARD, Mood.LAST, Mood.DONE, Mood.CVV, Mood.EXPIRY})


class Memory:
    """One call's memory; ``repr`` and pickling show nothing of it."""

    __slots__ = ("_codes", "_said", "_salt", "_shingles", "_times", "card_seen", "moods", "tails", "words")

    def __init__(self) -> None:
        self._salt = ""
        """Made when the first digits are kept: most calls keep none."""
        self._times: list[int] = []
        self.moods: list[Mood] = []
        self._shingles: set[int] = set()
        self._codes: list[int] = []
        self._said: dict[Role, str] = {}
        self.tails: dict[Role, str] = {}
        """Digits with which a role's last turn ended and that left, as they were no card by themselves."""
        self.words: deque[str] = deque(maxlen=PATTERN_WORDS)
        """The last words of both roles, folded; kept only if a pattern of the operator's asks for them."""
        self.card_seen = False
        """A card number, or the wish for one, came up in this call."""

    def __repr__(self) -> str:
        return f"Memory({len(self.moods)} moods, {len(self._shingles)} shingles)"

    def turn_to(self, mood: Mood, at_ms: int) -> None:
        """Enter what the talk is about from a time on."""
        self.card_seen = self.card_seen or mood in ABOUT_CARDS
        place = bisect_right(self._times, at_ms)
        if place and self._times[place - 1] == at_ms and self.moods[place - 1] is mood:
            return
        self._times.insert(place, at_ms)
        self.moods.insert(place, mood)
        if len(self.moods) > _MOODS_KEPT:
            del self._times[0], self.moods[0]

    def mood(self, at_ms: int) -> Mood:
        """Return what the talk is about at a time."""
        place = bisect_right(self._times, at_ms) - 1
        if place < 0 or at_ms - self._times[place] > FADES_MS:
            return Mood.NONE
        return self.moods[place]

    # --- secret digits ---------------------------------------------------------------------------------------------

    def keep_card(self, digits: str, role: Role) -> None:
        """Remember digits of a card; pieces that a role gives one after another are remembered as one number."""
        said = self._said.get(role, "") + digits
        salt = self._salt = self._salt or secrets.token_hex(8)
        self._shingles.update([hash(salt + said[at : at + SHINGLE]) for at in range(len(said) - SHINGLE + 1)])
        self._said[role] = said[1 - SHINGLE :]

    def keep_code(self, digits: str) -> None:
        """Remember a security code or PIN, whole."""
        self._salt = self._salt or secrets.token_hex(8)
        self._codes.append(self._hash(f"code {digits}"))
        del self._codes[:-_CODES_KEPT]

    @property
    def has_secrets(self) -> bool:
        """Whether any digits were masked in this call."""
        return bool(self._shingles) or bool(self._codes)

    def reads_back(self, digits: str) -> bool:
        """Return whether five or more digits in a row are of a number that was masked."""
        return bool(self._shingles) and self._longest_known(digits) >= READ_BACK_DIGITS

    def echoes(self, digits: str) -> bool:
        """Return whether these few digits are part of a number that was masked."""
        return bool(self._shingles) and len(digits) in ECHO_DIGITS and self._longest_known(digits) == len(digits)

    def is_code(self, digits: str) -> bool:
        """Return whether these digits are a code that was masked."""
        return bool(self._codes) and self._hash(f"code {digits}") in self._codes

    def _longest_known(self, digits: str) -> int:
        """Return how many digits in a row there are of which every shingle was masked."""
        longest = run = 0
        for at in range(len(digits) - SHINGLE + 1):
            run = run + 1 if self._hash(digits[at : at + SHINGLE]) in self._shingles else 0
            longest = max(longest, run)
        return longest + SHINGLE - 1 if longest else 0

    def _hash(self, digits: str) -> int:
        # SipHash, keyed by the process and salted by the call.
        return hash(self._salt + digits)
