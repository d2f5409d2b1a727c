"""Who said what, in the order in which they began to say it, and as it was heard.

The caller's words come late, sometimes long after the answer; the model's come early, before its voice. Each utterance
and each item gets its place when its sound begins and is written once, when it can no longer change. An interrupted
item shows what was heard: its words are cut in proportion to its sound, at a word's end, *before* redaction sees them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.bridge.commands import Command, Write
from gateway.bridge.responses import Purpose
from gateway.contracts.record import AgentSpoke, CallerSpoke
from gateway.contracts.text import Label
from gateway.privacy.redactor import Redactor

_ANSWERS: Final = frozenset({Purpose.ANSWER, Purpose.FILLER, Purpose.GOODBYE, Purpose.ANNOUNCEMENT})


@dataclass(slots=True)
class Utterance:
    """One stretch of the caller's speech."""

    item_id: str
    turn: int
    started_ms: float
    stopped_ms: float | None = None
    text: str = ""


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
    """

    def __init__(self, redactor: Redactor, out: list[Command]) -> None:
        self._redactor = redactor
        self._out = out
        self._utterances: dict[str, Utterance] = {}
        self._items: dict[str, Item] = {}
        self.turn = 0
        self.latencies_ms: list[float] = []

    # --- the caller ------------------------------------------------------------------------------------------------

    def caller_started(self, item_id: str, at_ms: float) -> Utterance:
        """Open an utterance and with it a turn."""
        self.turn += 1
        utterance = self._utterances[item_id] = Utterance(item_id, self.turn, at_ms)
        return utterance

    def utterance(self, item_id: str) -> Utterance | None:
        """Return an utterance that is not yet written."""
        return self._utterances.get(item_id)

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
        utterance.text = text
        self._write_utterance(utterance)

    def caller_text_failed(self, item_id: str) -> None:
        """Write an utterance whose words are not to be had."""
        utterance = self._utterances.get(item_id)
        if utterance is not None:
            utterance.text = ""
            self._write_utterance(utterance, failed=True)

    def _write_utterance(self, utterance: Utterance, *, failed: bool = False) -> None:
        del self._utterances[utterance.item_id]
        text = self._redactor.whole("caller", utterance.text) if utterance.text else None
        stopped = None if utterance.stopped_ms is None else int(utterance.stopped_ms)
        at_ms = int(utterance.started_ms)
        self._out.append(
            Write(CallerSpoke(at_ms=at_ms, turn=utterance.turn, stopped_ms=stopped, text=text, failed=failed))
        )

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
        if caller_stopped_ms is not None and item.purpose in _ANSWERS:
            item.latency_ms = sent_ms - caller_stopped_ms
            self.latencies_ms.append(item.latency_ms)

    def close_item(self, item: Item, heard_ms: int, *, interrupted: bool) -> None:
        """Write an item of which no more will be heard; one of which nothing was is not part of the talk."""
        item.heard_ms, item.interrupted = heard_ms, interrupted
        self._items.pop(item.item_id, None)
        if item.started_ms is None or heard_ms == 0:
            return
        self._out.append(
            Write(
                AgentSpoke(
                    at_ms=int(item.started_ms),
                    turn=item.turn,
                    text=self._redactor.whole("agent", item.heard_text()),
                    generated_ms=int(item.received_ms),
                    heard_ms=heard_ms,
                    interrupted=interrupted,
                    latency_ms=None if item.latency_ms is None else int(item.latency_ms),
                    purpose=Label(item.purpose),
                )
            )
        )

    def forget(self, item_id: str) -> None:
        """Drop an item of which nothing was ever sent to the caller."""
        self._items.pop(item_id, None)

    def finish(self) -> None:
        """Write what is still open of the caller; the call is over."""
        for utterance in list(self._utterances.values()):
            self._write_utterance(utterance)
