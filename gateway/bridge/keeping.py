"""What of a call's sound may be kept: the recording waits for the words, and words that were masked are silenced.

The recorder writes nothing of an utterance, or of an item of the model, before its words are decided here. Then its
stretch is let go, or silenced on both sides: because something in it was masked, or because there are no words to go
by (none came within :data:`WORDS_WITHIN_MS` of its end, they failed, or the call ended first). Endpoints give no times
for words, so it is the whole utterance with :data:`BESIDE_MS` on either side. A line in the record says so.

While card data is being asked for, nothing at all is kept, of either side: from the end of the agent's question until
a number was given, the talk has moved on, as the redactor sees it, or two minutes without a word of it have passed.

It also has the model forget what it should not have been told: an item in which card data was found is taken out of
the conversation, and so out of every replay, summary and later answer; once in a call it is told to offer the keypad.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.bridge.commands import (
    AddMessage,
    Command,
    DeleteItem,
    HoldRecording,
    LetRecordingGo,
    SilenceRecording,
    Write,
)
from gateway.contracts.record import RecordingSilenced
from gateway.contracts.text import Label
from gateway.privacy.redactor import Masked, Redactor

if TYPE_CHECKING:  # the memory knows the transcript, which knows this room
    from gateway.bridge.memory import Memory

WORDS_WITHIN_MS: Final = 10_000
"""How long the words of an utterance are waited for after its end."""
BESIDE_MS: Final = 300
"""Silenced before and after: when speech begins and ends is known about so exactly."""
HELD_AT_MOST_MS: Final = 60_000
"""The longest that is kept in memory unwritten; of longer speech the beginning is silenced."""
ASKED: Final = "card_asked"
"""Names the stretch in which card data is asked for."""
FORGOTTEN: Final = (
    "Card data that was said here has been taken out of this conversation. Never repeat it and do not ask for it: "
    "offer the caller to key it in, or go on without it."
)


@dataclass(slots=True)
class _Stretch:
    from_ms: float
    due_ms: float | None = None
    """When its words are waited for no longer; None while it is being said."""


class Keeping:
    """Decides for one call; the recorder carries out (``AudioTap``).

    Args:
        redactor: tells what it masks.
        memory: what the model's conversation holds.
        deletes: whether the endpoint can take an item out of it.
        out: where commands go.

    """

    def __init__(self, redactor: Redactor, memory: Memory, out: list[Command], *, deletes: bool) -> None:
        self._redactor = redactor
        self._memory = memory
        self._deletes = deletes
        self._out = out
        self._on = False
        self._held: dict[str, _Stretch] = {}
        self._withdrawn: dict[str, _Stretch] = {}
        self._masked: set[str] = set()
        self._numbers: set[str] = set()
        """Turns in which a card number was masked."""
        self._found: list[str] = []
        self._offered = False
        """Whether the model was told to offer the keypad."""
        self._now_ms = 0.0
        redactor.on_masked = self._on_masked

    def protect(self) -> None:
        """There is a recording, and it must hold no card data."""
        self._on = True

    # --- what happens ----------------------------------------------------------------------------------------------

    def began(self, turn_id: str, from_ms: float) -> None:
        """Somebody began to speak."""
        for name, stretch in list(self._withdrawn.items()):
            if abs(stretch.from_ms - from_ms) <= WORDS_WITHIN_MS:  # the next session hears it again
                del self._withdrawn[name]
                self._let_go(name)
                from_ms = min(from_ms, stretch.from_ms)
        if self._on and turn_id not in self._held:
            self._held[turn_id] = _Stretch(from_ms)
            self._out.append(HoldRecording(turn_id, from_ms - BESIDE_MS))

    def stopped(self, turn_id: str, now_ms: float) -> None:
        """The caller has finished: their words are waited for from now on."""
        stretch = self._held.get(turn_id)
        if stretch is not None and stretch.due_ms is None:
            stretch.due_ms = now_ms + WORDS_WITHIN_MS

    def withdrawn(self, turn_id: str) -> None:
        """The session was lost before it took that in; the next one hears it again, if it comes in time."""
        stretch = self._held.pop(turn_id, None)
        if stretch is not None:
            stretch.due_ms = self._now_ms + WORDS_WITHIN_MS
            self._withdrawn[turn_id] = stretch

    def decided(self, turn_id: str, from_ms: float, to_ms: float, *, words: bool, agent: bool = False) -> None:
        """What was said from ``from_ms`` to ``to_ms`` can no longer change; ``words``: whether it was written down."""
        asked = self._is_asked(to_ms)
        given = turn_id in self._numbers and not agent
        self._numbers.discard(turn_id)
        masked = turn_id in self._masked
        self._masked.discard(turn_id)
        stretch = self._held.pop(turn_id, None)
        if stretch is not None:
            from_ms, to_ms = min(from_ms, stretch.from_ms), max(to_ms, from_ms)
        if self._on and (masked or not words):
            self._silence(from_ms, to_ms, "card_data" if masked else "no_words")
        if stretch is not None:
            self._let_go(turn_id)
        if given or not asked:
            self._question_over(to_ms)
        elif agent and self._on and ASKED not in self._held:
            self._held[ASKED] = _Stretch(to_ms)
            self._out.append(HoldRecording(ASKED, to_ms))

    def forgotten(self, turn_id: str) -> None:
        """Nothing of it was ever heard."""
        self._masked.discard(turn_id)
        self._numbers.discard(turn_id)
        if self._held.pop(turn_id, None) is not None:
            self._let_go(turn_id)

    # --- time ------------------------------------------------------------------------------------------------------

    @property
    def next_ms(self) -> float | None:
        """When :meth:`check` has to be called at the latest."""
        return min(
            (
                stretch.from_ms + HELD_AT_MOST_MS if stretch.due_ms is None else stretch.due_ms
                for stretch in [*self._held.values(), *self._withdrawn.values()]
            ),
            default=None,
        )

    def check(self, now_ms: float) -> None:
        """Silence what has waited too long, and have the model forget what was found."""
        self._now_ms = now_ms
        for turn_id, stretch in list(self._held.items()):
            if stretch.due_ms is not None and stretch.due_ms <= now_ms:
                del self._held[turn_id]
                self._silence(stretch.from_ms, stretch.due_ms - WORDS_WITHIN_MS, "words_late")
                self._let_go(turn_id)
            elif stretch.due_ms is None and stretch.from_ms + HELD_AT_MOST_MS <= now_ms:
                self._silence(stretch.from_ms, now_ms, ASKED if turn_id == ASKED else "words_late")
                stretch.from_ms = now_ms
                self._out.append(HoldRecording(turn_id, now_ms))
        for turn_id, stretch in list(self._withdrawn.items()):
            if stretch.due_ms is not None and stretch.due_ms <= now_ms:
                self._give_up(turn_id)
        if ASKED in self._held and not self._is_asked(now_ms):
            self._question_over(now_ms)
        self._forget()

    def close(self, now_ms: float) -> None:
        """The call is over: what is still undecided is silenced."""
        for turn_id in list(self._withdrawn):
            self._give_up(turn_id)
        for turn_id, stretch in list(self._held.items()):
            del self._held[turn_id]
            self._silence(stretch.from_ms, now_ms, ASKED if turn_id == ASKED else "no_words")
            self._let_go(turn_id)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _on_masked(self, masked: Masked) -> None:
        self._masked.add(masked.turn_id)
        if masked.kind == "pan":
            self._numbers.add(masked.turn_id)
        if masked.turn_id and masked.kind != "pattern":
            self._found.append(masked.turn_id)

    def _forget(self) -> None:
        """Take items with card data out of the model's conversation, each once."""
        found, self._found = dict.fromkeys(self._found), []
        known = [item_id for item_id in found if item_id in self._memory]
        for item_id in known:
            if self._deletes:
                self._out.append(DeleteItem(item_id))
            else:
                self._memory.forget(item_id)  # no other session is told, at least
        if known and not self._offered:
            self._offered = True
            self._out.append(AddMessage("system", FORGOTTEN))

    def _is_asked(self, at_ms: float) -> bool:
        """Whether card data is being asked for at a time."""
        return self._redactor.expects_card(int(at_ms))

    def _question_over(self, at_ms: float) -> None:
        stretch = self._held.pop(ASKED, None)
        if stretch is not None:
            self._silence(stretch.from_ms, at_ms, ASKED)
            self._let_go(ASKED)

    def _give_up(self, turn_id: str) -> None:
        stretch = self._withdrawn.pop(turn_id)
        assert stretch.due_ms is not None, "what was withdrawn has a date"
        self._silence(stretch.from_ms, stretch.due_ms - WORDS_WITHIN_MS, "no_words")
        self._let_go(turn_id)

    def _silence(self, from_ms: float, to_ms: float, why: str) -> None:
        start_ms, end_ms = max(0.0, from_ms - BESIDE_MS), to_ms + BESIDE_MS
        self._out.append(SilenceRecording(start_ms, end_ms))
        self._out.append(Write(RecordingSilenced(at_ms=int(start_ms), until_ms=int(end_ms), why=Label(why))))

    def _let_go(self, turn_id: str) -> None:
        if self._on:
            self._out.append(LetRecordingGo(turn_id))
