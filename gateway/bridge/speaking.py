"""The agent's speech on its way from the model, or the local voice, to the speaker: which of it may be heard, and when.

What a dead response still sends is not played. While the disclosure is not said, all else waits behind it.
"""

from __future__ import annotations

from typing import Final

from gateway.audio.format import AudioFrame
from gateway.bridge.alarms import Alarms
from gateway.bridge.barge_in import BargeIn
from gateway.bridge.commands import Command, DeleteItem
from gateway.bridge.context import Context
from gateway.bridge.disclosure import Disclosure
from gateway.bridge.listening import Listening
from gateway.bridge.memory import Memory
from gateway.bridge.playback import Playback
from gateway.bridge.responses import Live, Purpose, Responses
from gateway.bridge.speaker import Speaker
from gateway.bridge.transcript import Item, Transcript
from gateway.bridge.watchdog import Watchdog
from gateway.contracts.model import ItemAudio, ItemDone, ItemText

_LOCAL: Final = "local:"
_NO_ANSWER: Final = frozenset({Purpose.FILLER, Purpose.MOMENT})
"""Speech that only covers a silence: the caller still waits for the answer."""


class Speaking:
    """The agent's side of one call's talk."""

    def __init__(
        self,
        *,
        responses: Responses,
        transcript: Transcript,
        memory: Memory,
        context: Context,
        playback: Playback,
        speaker: Speaker,
        disclosure: Disclosure,
        barge_in: BargeIn,
        listening: Listening,
        watchdog: Watchdog,
        out: list[Command],
        alarms: Alarms,
    ) -> None:
        self._responses = responses
        self._transcript = transcript
        self._memory = memory
        self._context = context
        self._playback = playback
        self._speaker = speaker
        self._disclosure = disclosure
        self._barge_in = barge_in
        self._listening = listening
        self._watchdog = watchdog
        self._out = out
        self._alarms = alarms
        self._caller_stopped_ms: float | None = None

    def caller_stopped(self, stopped_ms: float) -> None:
        """The caller waits for an answer from now on."""
        self._caller_stopped_ms = stopped_ms

    # --- the model's -----------------------------------------------------------------------------------------------

    def audio(self, event: ItemAudio, now_ms: float) -> None:
        """Take a piece of sound."""
        live = self._responses.get(event.response_id)
        if live is None or live.dead:
            return
        item = self._item(event.item_id, live)
        item.received_ms += event.frame.duration_ms
        live.spoke = True
        if self._disclosure.pending:
            self._disclosure.keep(event.item_id, event.frame, live.purpose)
        else:
            self._play(item, event.frame, now_ms)

    def _play(self, item: Item, frame: AudioFrame, now_ms: float) -> None:
        if item.started_ms is None:
            self._transcript.first_sound(item, self._playback.ends_at_ms(now_ms), now_ms, self._caller_stopped_ms)
            self._caller_stopped_ms = None
            if item.purpose not in _NO_ANSWER:
                self._listening.answered()
            self._watchdog.heard()
        self._alarms.stop("idle")
        self._speaker.play(item.item_id, frame, now_ms)

    def text(self, event: ItemText) -> None:
        """Take a piece of the words."""
        live = self._responses.get(event.response_id)
        if live is not None and not live.dead and live.purpose is not Purpose.SUMMARY:
            self._item(event.item_id, live).text += event.text

    def item_done(self, event: ItemDone, now_ms: float) -> None:
        """Take the end of an item."""
        live = self._responses.get(event.response_id)
        if live is None:
            return
        if live.purpose is Purpose.SUMMARY:
            live.spoke = True
            self._context.summary_came(event.text, now_ms)
            return
        if live.dead:
            # Made after it was interrupted, and never heard: it must not stay in the model's memory.
            if not live.out_of_band and self._barge_in.take_unsettled(event.item_id):
                self._out.append(DeleteItem(event.item_id))
            return
        item = self._item(event.item_id, live)
        item.text = event.text or item.text
        item.done = event.complete
        if live.purpose is Purpose.DISCLOSURE:
            self._disclosure_take(item, now_ms, live)
        else:
            self._speaker.item_complete(event.item_id)

    def _item(self, item_id: str, live: Live) -> Item:
        item = self._transcript.item(item_id, live.response_id, live.purpose, out_of_band=live.out_of_band)
        self._memory.agent_speaks(item)
        return item

    # --- the disclosure --------------------------------------------------------------------------------------------

    def _disclosure_take(self, item: Item, now_ms: float, live: Live) -> None:
        plays_ms = self._playback.ends_at_ms(now_ms)
        if self._disclosure.take_done(item.item_id, item.text, now_ms, out_of_band=live.out_of_band):
            self._transcript.first_sound(item, plays_ms, now_ms, None)
            self.open_gate(now_ms)
        else:
            self._memory.forget(item.item_id)

    def open_gate(self, now_ms: float) -> None:
        """Play what waited behind the disclosure."""
        for item_id, frame in self._disclosure.open(now_ms):
            item = self._transcript.get(item_id)
            if item is not None:
                self._play(item, frame, now_ms)
                if item.done:
                    self._speaker.item_complete(item_id)

    # --- the local voice's -----------------------------------------------------------------------------------------

    def local(self, text: str, purpose: Purpose, frame: AudioFrame | None, now_ms: float) -> bool:
        """Play speech that was rendered without the model; tell whether there was any."""
        if frame is not None:
            item_id = f"{_LOCAL}{purpose}:{int(now_ms)}"
            item = self._transcript.item(item_id, _LOCAL, purpose, out_of_band=True)
            item.text, item.done = text, True
            item.received_ms = frame.duration_ms
            self._transcript.first_sound(item, self._playback.ends_at_ms(now_ms), now_ms, None)
            self._speaker.play_ready(item.item_id, frame, now_ms)
            self._speaker.item_complete(item.item_id)
        if purpose is Purpose.DISCLOSURE:
            self.open_gate(now_ms)
        return frame is not None
