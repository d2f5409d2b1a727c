"""What the words of a turn say of the numbers near them, and what the talk turns to with them.

The nearest cue before a number counts, for some words; with what it says the call's mood is raised or lowered
(:class:`~gateway.privacy.memory.Memory`): what the agent asks for is what the caller's next digits are.
"""

from __future__ import annotations

from typing import Final

from gateway.lexicon.cues import CODE_WORDS, CORRECTIONS, FILLERS, LONE_CUES, Cue, cue_at
from gateway.privacy.memory import ABOUT_CARDS, Memory, Mood, Role

CUE_WORDS: Final = 12
"""So far a cue reaches."""
AFTER_CARD_WORDS: Final = 8
"""So far after a card number its date and code are expected unasked."""
NEAR_WORDS: Final = 4
"""So close a cue speaks of the very next number."""
REFERENCE_WORDS: Final = 5
"""So close the word for an order or a telephone makes the number after it one of those, whatever its check digit."""
_TOGETHER_WORDS: Final = 6
"""So close two cues belong to each other: "the last digits of the card"."""
_WORDS_KEPT: Final = 8
_FAR: Final = 99

DATED: Final = frozenset({Mood.EXPIRY, Mood.DONE, Mood.CVV})
"""Moods in which an expiry date may come."""
TOPICS: Final = frozenset({Mood.PHONE, Mood.REFERENCE, Mood.OTHER})
"""Moods in which another number than a card's was asked for."""
_MOOD_OF: Final = {
    Cue.CARD: Mood.CARD,
    Cue.CVV: Mood.CVV,
    Cue.EXPIRY: Mood.EXPIRY,
    Cue.PIN: Mood.PIN,
    Cue.PHONE: Mood.PHONE,
    Cue.REFERENCE: Mood.REFERENCE,
    Cue.LAST: Mood.LAST,
    Cue.DATE: Mood.OTHER,
    Cue.DONE: Mood.NONE,
}
_OF_CARDS: Final = frozenset({Cue.CARD, Cue.CVV, Cue.EXPIRY, Cue.PIN, Cue.LAST})
_STRONGER: Final = {
    Cue.LAST: frozenset({Cue.CARD, Cue.REFERENCE}),
    Cue.REFERENCE: frozenset({Cue.EXPIRY, Cue.LAST}),
    Cue.CVV: frozenset({Cue.CARD, Cue.REFERENCE, Cue.LAST}),
    Cue.EXPIRY: frozenset({Cue.CARD, Cue.DATE}),
}
"""Cues that a later one close by does not displace: in "passport expires" the passport counts."""
_NAMED: Final = frozenset({Cue.REFERENCE, Cue.PHONE})
"""Cues that make the number near them another than a card's."""
_OTHER_TOPICS: Final = TOPICS | {Mood.NONE}
_ONE_NUMBER: Final = frozenset({Cue.REFERENCE, Cue.PHONE, Cue.LAST})
"""Cues that speak of one number, and no more of the next."""


class Attention:
    """Follows the words of one turn.

    Args:
        role: whose turn it is.
        memory: the call's.
        talk: it is part of the talk; else it neither hears nor raises a mood.

    """

    __slots__ = (
        "_about_card",
        "_memory",
        "_role",
        "_talk",
        "alone",
        "card_ago",
        "code_ago",
        "cue",
        "cue_ago",
        "spent",
        "words",
    )

    def __init__(self, role: Role, memory: Memory, *, talk: bool) -> None:
        self._role: Role = role
        self._memory = memory
        self._talk = talk
        self._about_card = False
        """The sentence speaks of a card: an order or a telephone in it is not the matter."""
        self.words: list[str] = []
        """The latest words, folded; fillers, too."""
        self.cue: Cue | None = None
        self.cue_ago = _FAR
        """Words since the cue."""
        self.spent = False
        """A number has followed the cue."""
        self.code_ago = _FAR
        """Tokens since letters and digits in one, the beginning of an IBAN perhaps."""
        self.card_ago = _FAR
        """Words since a card number was masked."""
        self.alone = True
        """Nothing but fillers and numbers was said."""

    def __repr__(self) -> str:
        return f"Attention({self._role}, {self.cue})"

    def plain(self, word: str) -> None:
        """Take a word that says nothing of numbers: nearly all words of a talk, so it is quick."""
        self.alone = False
        self._pass(word)

    def ordinary(self, word: str, cue: Cue | None, at_ms: int) -> None:
        """Take a word that is no part of a number, with what :meth:`cue_of` says of it."""
        if self.alone and word not in FILLERS and word not in CORRECTIONS:
            self.alone = False
        self._pass(word)
        if cue is not None:
            self._take(Cue.CVV if cue is Cue.REFERENCE and self._means_card(word, at_ms) else cue, at_ms)

    def note(self, word: str) -> None:
        """Remember a word."""
        self.words.append(word)
        if len(self.words) > 2 * _WORDS_KEPT:
            del self.words[:_WORDS_KEPT]

    def _pass(self, word: str) -> None:
        """Remember a word that is no part of a number, and that what was said before it is one word further off."""
        words = self.words
        words.append(word)
        if len(words) > 2 * _WORDS_KEPT:
            del words[:_WORDS_KEPT]
        self.code_ago += 1
        self.card_ago += 1
        if self.cue is not None:
            self.cue_ago += 1
            if self.cue_ago > CUE_WORDS:
                self.cue = None

    def cue_of(self, word: str) -> Cue | None:
        """Return what a word of ``CUE_TRIGGERS`` would say if it came next."""
        return LONE_CUES.get(word) or cue_at([*self.words[1 - _WORDS_KEPT :], word])

    def sentence_ended(self) -> None:
        """Take a full stop or a question mark; may be told of the same one twice."""
        self._about_card = False
        if self.cue in _NAMED:
            self.cue_ago = max(self.cue_ago, REFERENCE_WORDS + 1)

    def number_ended(self) -> None:
        """A word came after a number: what spoke of that number does not speak of the next."""
        if self.cue in _ONE_NUMBER:
            self.cue = None

    def mood(self, at_ms: int) -> Mood:
        """Return what the talk is about."""
        return self._memory.mood(at_ms) if self._talk else Mood.NONE

    def dated(self, at_ms: int) -> bool:
        """Return whether an expiry date may be near, so that a month's name is part of a number."""
        return self.cue is Cue.EXPIRY or self.card_ago <= AFTER_CARD_WORDS or self.mood(at_ms) in DATED

    def foreign(self, at_ms: int) -> bool:
        """Return whether a number that comes next is an order's, a telephone's or an IBAN's as far as can be told."""
        mood = self.mood(at_ms)
        named = self.cue in _NAMED and self.cue_ago <= REFERENCE_WORDS
        asked = self.cue is None and mood in TOPICS
        return (named or asked or self.code_ago <= 1) and mood not in ABOUT_CARDS and not self._memory.has_secrets

    def turn_ended(self, at_ms: int) -> None:
        """The turn is over: after "my card number is …" the number comes next."""
        near = self.cue is Cue.CARD and self.cue_ago < NEAR_WORDS and not self.spent
        if self._talk and self._role == "caller" and near:
            self._memory.turn_to(Mood.CARD, at_ms)

    def _means_card(self, word: str, at_ms: int) -> bool:
        """Whether "the code" is that of a card which was just given, and no other is named."""
        if word not in CODE_WORDS or not (self.card_ago <= AFTER_CARD_WORDS or self.mood(at_ms) in DATED):
            return False
        return cue_at(self.words[-2:-1]) is None if len(self.words) > 1 else True

    def _take(self, cue: Cue, at_ms: int) -> None:
        """Note a cue, and turn the talk to it."""
        held = self.cue
        if held is not None and self.cue_ago <= _TOGETHER_WORDS and cue in _STRONGER.get(held, ()):
            if cue is Cue.CARD:
                self._memory.card_seen |= self._talk
                self._turn_to(held, at_ms)
            return
        self.cue, self.cue_ago, self.spent = cue, 0, False
        self._turn_to(cue, at_ms)

    def _turn_to(self, cue: Cue, at_ms: int) -> None:
        mood = _MOOD_OF.get(cue)
        if mood is None or not self._talk:
            return
        now = self._memory.mood(at_ms)
        if self._role == "caller":
            if cue is Cue.CARD and now in _OTHER_TOPICS:
                self._memory.turn_to(Mood.MENTIONED, at_ms)
            elif cue in {Cue.CVV, Cue.PIN} or (cue is Cue.EXPIRY and self._memory.card_seen):
                self._memory.turn_to(mood, at_ms)
            return
        if cue is Cue.EXPIRY and not self._memory.card_seen:
            return
        if cue in _OF_CARDS:
            self._about_card = True
        elif self._about_card:
            return
        if cue is not Cue.LAST or now in ABOUT_CARDS:
            self._memory.turn_to(mood, at_ms)
