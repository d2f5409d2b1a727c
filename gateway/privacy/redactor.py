"""The one door out: makes :class:`RedactedText` from what a caller, a model or a tool said.

One :class:`Redactor` per call, shared by both roles. Words come in by turn, as they stream; what is returned may leave
the call, and can't be taken back. Any way of cutting a turn into deltas gives the same text in the end.

It fails closed: if anything goes wrong inside, :data:`FAILED` leaves in place of the text, and the failure is counted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from gateway.contracts.mint import mint
from gateway.contracts.text import RedactedText
from gateway.privacy.judge import Hit, Kind
from gateway.privacy.memory import Memory, Mood, Role
from gateway.privacy.patterns import Pattern, PatternStream
from gateway.privacy.run import Carry
from gateway.privacy.spotting import looks_like_card, may_hold_secret
from gateway.privacy.stream import TurnStream

FAILED: Final = "[REDACTION FAILED]"
"""Stands for text that could not be redacted, and so did not leave."""

PAUSE_MS: Final = 2_000
"""After so much silence within a turn, the number that was being said is decided."""

CARRY_MS: Final = 10_000
"""So long digits that a turn left undecided wait for the role's next one; then they are masked."""

_MARK: Final = re.compile(r"\[[A-Z][A-Z _]{0,30}\]|[*#_\u2022\u2588\u2026]+")
_WITHHELD: Final = frozenset({"", "anonymous", "private", "restricted", "unavailable", "unknown", "withheld"})
_NOTHING: Final = mint("")

_ASKED_FOR: Final = frozenset({Mood.CARD, Mood.CVV, Mood.EXPIRY, Mood.PIN})
"""What the talk is about while card data is expected."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A stretch of a turn that was masked, so that its sound can be silenced, too. It holds no text."""

    turn_id: str
    role: Role
    kind: Kind
    start_char: int
    """Its first character in the turn's text as it was fed; ``end_char`` is behind its last."""
    end_char: int
    audio_ms: int
    """When its first digit was said, as far as the deltas told."""


@dataclass(slots=True)
class RedactionCounts:
    """What a redactor did, in numbers; never in words."""

    cards: int = 0
    """Card numbers, and pieces of them, that were masked."""
    codes: int = 0
    """Security codes, expiry dates and PINs that were masked."""
    patterns: int = 0
    """What the operator's own patterns masked."""
    holds: int = 0
    """Turns that ended with digits which waited for the next one."""
    timeouts: int = 0
    """Digits that were masked because they waited too long."""
    failures: int = 0
    """Texts that were withheld because redaction failed."""


@dataclass(slots=True)
class _Turn:
    """One turn that is being spoken."""

    role: Role
    stream: TurnStream
    patterns: PatternStream | None
    audio_ms: int = 0
    failed: bool = False


class Redactor:
    """Redacts one call's text, both roles; state is kept by turn, several may be open at once.

    Args:
        patterns: what else is to be masked (``privacy.patterns`` in the settings).
        on_masked: told of every stretch that is masked, as soon as that is decided.
        on_late: given what a turn that has ended left undecided, with that turn's id, once it is decided. Without it
            such text comes at the front of what the role's next turn returns, or with :meth:`tick` or :meth:`close`.

    """

    def __init__(
        self,
        patterns: Sequence[Pattern] = (),
        *,
        on_masked: Callable[[Masked], None] | None = None,
        on_late: Callable[[str, RedactedText], None] | None = None,
    ) -> None:
        self.on_masked = on_masked
        self.on_late = on_late
        self.counts = RedactionCounts()
        self._regexes = tuple([pattern for pattern in patterns if pattern.regex is not None])
        self._digit_patterns = tuple([pattern for pattern in patterns if pattern.regex is None])
        self._memory = Memory()
        self._turns: dict[str, _Turn] = {}
        self._carried: dict[Role, Carry] = {}

    def __repr__(self) -> str:
        return f"Redactor({len(self._turns)} open turns, {self.counts})"

    # --- the talk, by turn -----------------------------------------------------------------------------------------

    def open(self, turn_id: str, role: Role) -> None:
        """Begin a turn; one that is open already goes on."""
        if turn_id not in self._turns:
            self._begin(turn_id, role)

    def feed(self, turn_id: str, role: Role, delta: str, audio_ms: int = 0) -> RedactedText:
        """Return what may leave now that a turn has grown by ``delta``; opens the turn if need be.

        ``audio_ms`` is where in the call's audio the delta was said; what was asked later in the call does not count
        for it. 0 everywhere means: in the order in which it is fed.
        """
        turn = self._turns.get(turn_id) or self._begin(turn_id, role)
        if turn.failed:
            return _NOTHING
        if audio_ms > turn.audio_ms:  # noqa: PLR1730 - max() takes twice as long, at every delta
            turn.audio_ms = audio_ms
        stream = turn.stream
        try:
            text = stream.feed(delta, audio_ms)
            if turn.patterns is not None or stream.outlet.late:
                text = self._after(turn, text)
        except Exception:  # noqa: BLE001 - fail closed, whatever it was; the exception may quote the text, so it stays here
            return self._fail(turn)
        return mint(text) if text else _NOTHING

    def end_turn(self, turn_id: str, audio_ms: int = 0) -> RedactedText:
        """Return what was held back of a turn, decided; empty if no such turn is open.

        Seven or more digits that may yet become a card number wait for the role's next turn (:meth:`waits`).
        """
        return self._end(turn_id, audio_ms, may_carry=True)

    def said(self, turn_id: str, role: Role, text: str, from_ms: int, to_ms: int) -> RedactedText:
        """Return what may leave of a turn that is over: :meth:`feed` and :meth:`end_turn` in one.

        It was said from ``from_ms`` to ``to_ms`` in the call's audio.
        """
        return joined(self.feed(turn_id, role, text, from_ms), self.end_turn(turn_id, to_ms))

    def waits(self, turn_id: str) -> bool:
        """Return whether a turn that ended has digits which are not decided yet."""
        return any(piece.turn_id == turn_id for carry in self._carried.values() for piece in carry.pieces)

    @property
    def next_decision_ms(self) -> int | None:
        """When :meth:`tick` masks what waits for a next turn, in the call's audio; None: nothing waits."""
        return min((carry.since_ms + CARRY_MS for carry in self._carried.values()), default=None)

    def expects_card(self, audio_ms: int) -> bool:
        """Return whether card data is being asked for, or given, at a time in the call's audio."""
        return self._memory.mood(audio_ms) in _ASKED_FOR

    def tick(self, audio_ms: int) -> dict[str, RedactedText]:
        """Return by turn what the time decides: call it every second or so with the time in the call's audio.

        A number in an open turn is decided after two seconds of silence; digits that wait for the next turn are masked
        after ten.
        """
        freed: dict[str, RedactedText] = {}
        for turn_id, turn in self._turns.items():
            said_ms = turn.stream.last_digit_ms
            if turn.failed or said_ms is None or audio_ms - said_ms < PAUSE_MS:
                continue
            try:
                freed[turn_id] = mint(self._after(turn, turn.stream.pause(mask=audio_ms - said_ms >= CARRY_MS)))
            except Exception:  # noqa: BLE001 - fail closed, as in feed
                freed[turn_id] = self._fail(turn)
        for role, carry in list(self._carried.items()):
            if audio_ms - carry.since_ms >= CARRY_MS:
                del self._carried[role]
                self.counts.timeouts += 1
                freed |= self._give_up(carry, mask=True)
        return {turn_id: text for turn_id, text in freed.items() if text}

    def close(self) -> dict[str, RedactedText]:
        """Return by turn all that is still held back, decided: the call is over, and its memory is dropped."""
        rest = {turn_id: self._end(turn_id, 0, may_carry=False) for turn_id in list(self._turns)}
        for carry in self._carried.values():
            rest |= self._give_up(carry, mask=False)
        self._carried.clear()
        self._memory = Memory()
        return {turn_id: text for turn_id, text in rest.items() if text}

    # --- texts by themselves ---------------------------------------------------------------------------------------

    def whole(self, role: Role, text: str) -> RedactedText:
        """Return a text that is complete in itself: a name, an id, a tool's arguments or answer.

        Card numbers that were masked in the talk are known in it, too; what the talk is about does not count.
        """
        turn = self._turn("", role, talk=False)
        try:
            clean = turn.stream.feed(text, 0) + turn.stream.end("", 0, may_carry=False)[0]
            if turn.patterns is not None:
                clean = self._after(turn, clean, over=True)
        except Exception:  # noqa: BLE001 - fail closed, as in feed
            return self._fail(turn)
        return mint(clean)

    def without_cards(self, text: str) -> str:
        """Return a text that stays inside the call, such as a tool's arguments, without card data.

        It is still raw: no pattern of the operator's is applied, for a tool may need what records may not hold.
        """
        return Redactor().whole("tool", text).text if looks_like_card(text) else text

    def shorten_number(self, number: str) -> RedactedText:
        """Return a telephone number or SIP address as ``…1234``; see :func:`shorten_number`."""
        return shorten_number(number)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _begin(self, turn_id: str, role: Role) -> _Turn:
        turn = self._turns[turn_id] = self._turn(turn_id, role, talk=True)
        carry = self._carried.pop(role, None)
        if carry is not None:
            turn.stream.adopt(carry)
        return turn

    def _turn(self, turn_id: str, role: Role, *, talk: bool) -> _Turn:
        def masked(hit: Hit, at_ms: int) -> None:
            self._count(hit)
            if self.on_masked is None:
                return
            for piece in stream.outlet.origins(hit.start, min(hit.end, 0)):
                end = piece.start + piece.length
                self.on_masked(Masked(piece.turn_id, role, hit.kind, piece.start, end, at_ms))
            if hit.end > 0:
                self.on_masked(Masked(turn_id, role, hit.kind, max(hit.start, 0), hit.end, at_ms))

        stream = TurnStream(role, self._memory, masked, talk=talk, patterns=self._digit_patterns)
        return _Turn(role, stream, PatternStream(self._regexes, masked) if self._regexes else None)

    def _count(self, hit: Hit) -> None:
        match hit.kind:
            case "pan":
                self.counts.cards += 1
            case "pattern":
                self.counts.patterns += 1
            case _:
                self.counts.codes += 1

    def _after(self, turn: _Turn, text: str, *, over: bool = False) -> str:
        """Return a turn's text after the operator's patterns, with what was late at its front or handed over."""
        if turn.patterns is not None:
            text = turn.patterns.feed(text, turn.stream.outlet.start, turn.audio_ms)
            if over:
                text += turn.patterns.end(turn.audio_ms)
        if not turn.stream.outlet.late:
            return text
        late = [(turn_id, self._late(piece)) for turn_id, piece in turn.stream.outlet.late]
        turn.stream.outlet.late.clear()
        if self.on_late is None:
            return "".join(piece for _, piece in late) + text
        for turn_id, piece in late:
            self.on_late(turn_id, mint(piece))
        return text

    def _late(self, text: str) -> str:
        """Return late text after the operator's patterns; it is too short for them to need a stream."""
        if not self._regexes:
            return text
        patterns = PatternStream(self._regexes, lambda hit, _: self._count(hit))
        return patterns.feed(text, len(text), 0) + patterns.end(0)

    def _end(self, turn_id: str, audio_ms: int, *, may_carry: bool) -> RedactedText:
        turn = self._turns.pop(turn_id, None)
        if turn is None or turn.failed:
            return _NOTHING
        try:
            turn.audio_ms = max(turn.audio_ms, audio_ms)
            text, carry = turn.stream.end(turn_id, audio_ms, may_carry=may_carry)
            if carry is not None:
                self.counts.holds += 1
                older = self._carried.pop(turn.role, None)
                self._carried[turn.role] = carry
                if older is not None:
                    text = "".join(str(late) for late in self._give_up(older, mask=True).values()) + text
            return mint(self._after(turn, text, over=True))
        except Exception:  # noqa: BLE001 - fail closed, as in feed
            return self._fail(turn)

    def _give_up(self, carry: Carry, *, mask: bool) -> dict[str, RedactedText]:
        """Let go of what waited in vain: as it was said, or masked from its first digit to its last.

        Goes to ``on_late`` if there is one; else it is returned by turn.
        """
        turn = self._turn(carry.pieces[-1].turn_id, carry.role, talk=True)
        turn.stream.adopt(carry)
        turn.stream.give_up(mask=mask)
        texts: dict[str, str] = {}
        for turn_id, piece in turn.stream.outlet.late:
            texts[turn_id] = texts.get(turn_id, "") + self._late(piece)
        freed = {turn_id: mint(text) for turn_id, text in texts.items() if text}
        if self.on_late is None:
            return freed
        for turn_id, text in freed.items():
            self.on_late(turn_id, text)
        return {}

    def _fail(self, turn: _Turn) -> RedactedText:
        turn.failed = True
        self.counts.failures += 1
        return mint(FAILED)


def joined(*texts: RedactedText | None) -> RedactedText:
    """Return pieces of one turn, in the order in which they left, as one text."""
    return mint("".join(text.text for text in texts if text is not None))


def withheld_text() -> RedactedText:
    """Return the mark that stands for a text which was withheld."""
    return mint(FAILED)


def refined_text(text: RedactedText, made: object) -> RedactedText | None:
    """Return what an operator's redactor made of a text, if all it did was to take away; else ``None``.

    It may leave characters out and put marks in their place (``[WORDS]``, ``***``), and the whole may not get longer.
    What it made is redacted again: leaving out can bring digits together that stood apiece.
    """
    if not isinstance(made, str) or len(made) > len(text):
        return None
    left = iter(text.text)
    if not all(character in left for character in _MARK.sub("", made) if not character.isspace()):
        return None
    return Redactor().whole("tool", made)


def shorten_number(number: str) -> RedactedText:
    """Return a telephone number as ``…1234``, so that a person knows it again and a reader can't dial it.

    Numbers of fewer than seven digits keep two, an address without digits keeps nothing; words for "withheld" stay.
    """
    address = number.strip().partition("@")[0]
    if address.lower() in _WITHHELD:
        return mint(address)
    digits = "".join(character for character in address if character.isdecimal())
    return mint("…" + digits[-4 if len(digits) >= 7 else -2 :])


def log_redactor(text: str) -> RedactedText:
    """Return a text as the log may have it: the last wall, behind all others. It fails closed, too."""
    return Redactor().whole("tool", text) if may_hold_secret(text) else mint(text)
