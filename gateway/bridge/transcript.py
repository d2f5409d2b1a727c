"""Who said what, in the order in which they began to say it, and as it was heard.

The caller's words come late, sometimes long after the answer; the model's come early, before its voice. Each utterance
and each item gets its place when its sound begins and is written once, when it can no longer change. An interrupted
item shows what was heard: its words are cut in proportion to its sound, at a word's end, *before* redaction sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from gateway.bridge.commands import Command, Write
from gateway.bridge.keeping import Keeping
from gateway.bridge.responses import Purpose
from gateway.contracts.record import AgentSpoke, CallerSpoke
from gateway.contracts.text import Label, RedactedText
from gateway.privacy.redactor import Redactor, joined

_ANSWERS: Final = frozenset({Purpose.ANSWER, Purpose.FILLER, Purpose.GOODBYE, Purpose.ANNOUNCEMENT, Purpose.PROMPT})


_MS_PER_CHARACTER: Final = 65.0
"""The pace of speech until the call has shown its own."""
_FASTEST_MS: Final = 40.0
_SLOWEST_MS: Final = 120.0
"""What a call may have shown: pauses and numbers in figures make more of it."""


@dataclass(slots=True)
class Utterance:
    """One stretch of the caller's speech."""

    item_id: str
    turn: int
    started_ms: float
    stopped_ms: float | None = None
    text: str = ""
    written: bool = False
    """Its words are final, not only those that came so far."""


@dataclass(slots=True)
class Item:
    """One item of the model's speech."""

    item_id: str
    response_id: str
    purpose: Purpose
    turn: int
    started_ms: float | None = None
    """When its first audio reaches the ear; None as long as none was sent."""
    latency_ms: float | None = None
    out_of_band: bool = False
    """Not part of the model's conversation: nothing to cut there."""
    received_ms: float = 0.0
    text: str = ""
    done: bool = False
    interrupted: bool = False
    heard_ms: int | None = None
    """Known once no more of it will be heard."""

    def heard_text(self) -> str:
        """Return its words as far as they were heard, about."""
        if not self.interrupted or self.heard_ms is None:
            return self.text
        return cut_to_heard(self.text, self.heard_ms, self.received_ms)


def cut_to_heard(text: str, heard_ms: float, of_ms: float) -> str:
    """Return the part of ``text`` that ``heard_ms`` of ``of_ms`` milliseconds of speech hold, up to a whole word."""
    if of_ms <= 0 or heard_ms <= 0:
        return ""
    if heard_ms >= of_ms:
        return text
    end = int(len(text) * heard_ms / of_ms)
    if end < len(text) and not text[end].isspace():
        end = max(text.rfind(" ", 0, end), 0)
    return text[:end].rstrip()


class Transcript:
    """Both sides of one call's talk.

    Args:
        redactor: the call's redactor; nothing leaves but through it.
        out: where records go.
        keeping: told of everything that is said, so that the recording holds nothing which was masked.
    """

    def __init__(self, redactor: Redactor, out: list[Command], keeping: Keeping) -> None:
        self._keeping = keeping
        self._redactor = redactor
        self._out = out
        self._utterances: dict[str, Utterance] = {}
        self._items: dict[str, Item] = {}
        self._spoken_ms = 0.0
        self._spoken_characters = 0
        self._waiting: dict[str, CallerSpoke | AgentSpoke] = {}
        """Records whose text ends in digits that are not decided yet: the next turn may make them a card number."""
        self._unwritten: set[str] = set()
        """Which of them nobody wrote down to the end."""
        self._now_ms = 0.0
        redactor.on_late = self._late
        self.turn = 0
        self.latencies_ms: list[float] = []

    # --- the caller ------------------------------------------------------------------------------------------------

    def caller_started(self, item_id: str, at_ms: float) -> Utterance:
        """Open an utterance and with it a turn."""
        self.turn += 1
        utterance = self._utterances[item_id] = Utterance(item_id, self.turn, at_ms)
        self._keeping.began(item_id, at_ms)
        return utterance

    def utterance(self, item_id: str) -> Utterance | None:
        """Return an utterance that is not yet written."""
        return self._utterances.get(item_id)

    def awaits_words(self, since_ms: float) -> bool:
        """Tell whether words are still to come of something that the caller finished saying after ``since_ms``."""
        return any(one.stopped_ms is not None and one.stopped_ms > since_ms for one in self._utterances.values())

    def awaits(self, utterance: Utterance, now_ms: float) -> None:
        """The caller has finished an utterance; its words are waited for from now on."""
        self._keeping.stopped(utterance.item_id, now_ms)

    def withdraw(self, utterance: Utterance) -> None:
        """Take an utterance and its turn back: another session will hear it as if for the first time."""
        if self._utterances.pop(utterance.item_id, None) is not None:
            self.turn -= 1
            self._keeping.withdrawn(utterance.item_id)

    def caller_text(self, item_id: str, text: str, *, final: bool, now_ms: float) -> None:
        """Take a piece of the caller's words, or with ``final`` all of them, and write the utterance."""
        utterance = self._utterances.get(item_id)
        if utterance is None:
            if not final:
                return
            utterance = self.caller_started(item_id, now_ms)
        if not final:
            utterance.text += text
            return
        utterance.text, utterance.written = text, True
        self._write_utterance(utterance)

    def caller_text_failed(self, item_id: str) -> None:
        """Write an utterance whose words are not to be had."""
        utterance = self._utterances.get(item_id)
        if utterance is not None:
            utterance.text = ""
            self._write_utterance(utterance, failed=True)

    def _write_utterance(self, utterance: Utterance, *, failed: bool = False) -> None:
        del self._utterances[utterance.item_id]
        stopped = None if utterance.stopped_ms is None else int(utterance.stopped_ms)
        at_ms = int(utterance.started_ms)
        text = None
        if utterance.text:
            text = self._redactor.said(utterance.item_id, "caller", utterance.text, at_ms, stopped or at_ms)
        record = CallerSpoke(at_ms=at_ms, turn=utterance.turn, stopped_ms=stopped, text=text, failed=failed)
        self._write(utterance.item_id, record, written=utterance.written)

    # --- the model -------------------------------------------------------------------------------------------------

    def item(self, item_id: str, response_id: str, purpose: Purpose, *, out_of_band: bool = False) -> Item:
        """Return an item of the model, entered on its first delta."""
        item = self._items.get(item_id)
        if item is None:
            item = Item(item_id, response_id, purpose, self.turn, out_of_band=out_of_band)
            self._items[item_id] = item
        return item

    def get(self, item_id: str) -> Item | None:
        """Return an item that is not yet written."""
        return self._items.get(item_id)

    def open_items(self) -> list[Item]:
        """Return the items not yet written, in order of their first delta."""
        return list(self._items.values())

    def first_sound(self, item: Item, plays_ms: float, sent_ms: float, caller_stopped_ms: float | None) -> None:
        """An item's first audio was sent and plays from ``plays_ms`` on.

        An answer's delay is counted from the end of the caller's speech to the sending, whatever the answer is: words,
        a filler while a tool runs, or a goodbye.
        """
        item.started_ms = plays_ms
        item.turn = self.turn
        self._keeping.began(item.item_id, plays_ms)
        if caller_stopped_ms is not None and item.purpose in _ANSWERS:
            item.latency_ms = sent_ms - caller_stopped_ms
            self.latencies_ms.append(item.latency_ms)

    def close_item(self, item: Item, heard_ms: int, *, interrupted: bool) -> None:
        """Write an item of which no more will be heard; one of which nothing was is not part of the talk."""
        item.heard_ms, item.interrupted = heard_ms, interrupted
        self._items.pop(item.item_id, None)
        if not interrupted and item.text:
            self._spoken_ms += item.received_ms
            self._spoken_characters += len(item.text)
        if item.started_ms is None or heard_ms == 0:
            self._keeping.forgotten(item.item_id)
            return
        at_ms = int(item.started_ms)
        record = AgentSpoke(
            at_ms=at_ms,
            turn=item.turn,
            text=self._redactor.said(item.item_id, "agent", item.heard_text(), at_ms, at_ms + heard_ms),
            generated_ms=int(item.received_ms),
            heard_ms=heard_ms,
            interrupted=interrupted,
            latency_ms=None if item.latency_ms is None else int(item.latency_ms),
            purpose=Label(item.purpose),
        )
        self._write(item.item_id, record, written=bool(item.text))

    def break_off(self, item: Item) -> None:
        """No more of an item will come: its words, which run ahead of its sound, end where the sound does, about."""
        pace_ms = self._spoken_ms / self._spoken_characters if self._spoken_characters else _MS_PER_CHARACTER
        pace_ms = min(max(pace_ms, _FASTEST_MS), _SLOWEST_MS)
        item.text = cut_to_heard(item.text, item.received_ms, len(item.text) * pace_ms)
        item.done = True

    def forget(self, item_id: str) -> None:
        """Drop an item of which nothing was ever sent to the caller."""
        self._items.pop(item_id, None)
        self._keeping.forgotten(item_id)

    def finish(self) -> list[Utterance]:
        """Write what is still open of the caller and return it: no more of its words will come."""
        unwritten = list(self._utterances.values())
        for utterance in unwritten:
            self._write_utterance(utterance)
        return unwritten

    # --- what can no longer change ---------------------------------------------------------------------------------

    def _write(self, turn_id: str, record: CallerSpoke | AgentSpoke, *, written: bool) -> None:
        self._waiting[turn_id] = record
        if not written:
            self._unwritten.add(turn_id)
        self._write_decided()

    def _late(self, turn_id: str, text: RedactedText) -> None:
        """Add to a record what its turn had left undecided."""
        record = self._waiting.get(turn_id)
        if record is not None:
            self._waiting[turn_id] = replace(record, text=joined(record.text, text))

    def _write_decided(self) -> None:
        for turn_id in [turn_id for turn_id in self._waiting if not self._redactor.waits(turn_id)]:
            record = self._waiting.pop(turn_id)
            self._out.append(Write(record))
            words, agent = turn_id not in self._unwritten, isinstance(record, AgentSpoke)
            self._keeping.decided(turn_id, record.at_ms, self._ended_ms(record), words=words, agent=agent)
            self._unwritten.discard(turn_id)

    def _ended_ms(self, record: CallerSpoke | AgentSpoke) -> float:
        """Return when something had been said; an item that was held and went on took longer than it sounded."""
        if isinstance(record, AgentSpoke):
            return max(record.at_ms + record.heard_ms, self._now_ms)
        return self._now_ms if record.stopped_ms is None else record.stopped_ms

    @property
    def undecided_until_ms(self) -> float | None:
        """When :meth:`decide` has to be called at the latest; None: nothing waits."""
        return self._redactor.next_decision_ms if self._waiting else None

    def decide(self, now_ms: float) -> None:
        """Write what has waited long enough for the next turn."""
        self._now_ms = now_ms
        if self._waiting:
            self._redactor.tick(int(now_ms))
            self._write_decided()

    def close(self) -> None:
        """Write all that still waits; the call is over."""
        self._redactor.close()
        self._write_decided()
