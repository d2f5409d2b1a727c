"""Who wins when both speak: the caller, exactly and reversibly.

At once (``min_barge_in_ms: 0``): the playout is cleared before anything else, then everything the model says or is
about to say is cancelled, then its memory is cut to what was heard.

Reversibly: the playout is held first. Speech shorter than the bound (a cough, "mm-hm") lets the agent go on from the
exact sample; longer speech commits.

Rules of memory, item by item in order of playing (realtime.md section 4): heard in part → truncate there; nothing
heard → delete; all heard and complete → nothing is sent. What stands outside the conversation is only recorded.
"""

from __future__ import annotations

from typing import Protocol

from gateway.bridge.alarms import Alarms
from gateway.bridge.commands import AddMessage, Command, DeleteItem, TruncateItem, Write
from gateway.bridge.playback import Playback, UnknownItem
from gateway.bridge.responses import Purpose, Responses
from gateway.bridge.speaker import Speaker
from gateway.bridge.transcript import Item, Transcript
from gateway.contracts.model import ModelCapabilities
from gateway.contracts.record import BargeIn as BargeInRecord
from gateway.contracts.text import Label


class Manners(Protocol):
    """How what is being said may be interrupted."""

    @property
    def min_speech_ms(self) -> int:
        """Speech shorter than this does not interrupt; 0 interrupts at once."""
        ...

    def protected_until_ms(self, now_ms: float) -> float | None:
        """Return until when nobody may talk over it; None: at once."""
        ...


class BargeIn:
    """The caller's right of way in one call.

    Args:
        min_speech_ms: speech shorter than this does not interrupt; 0 interrupts at once.
        capabilities: what the endpoint can do about its memory.
    """

    def __init__(
        self,
        *,
        min_speech_ms: int,
        capabilities: ModelCapabilities,
        speaker: Speaker,
        playback: Playback,
        responses: Responses,
        transcript: Transcript,
        out: list[Command],
        alarms: Alarms,
    ) -> None:
        self._min_speech_ms = min_speech_ms
        self._capabilities = capabilities
        self._speaker = speaker
        self._playback = playback
        self._responses = responses
        self._transcript = transcript
        self._out = out
        self._alarms = alarms
        self._held_unheard: list[str] = []
        self._settled: set[str] = set()
        self.manners: Manners | None = None
        """What is said has rules of its own; None is the same rule for all."""
        self.count = 0
        self.caller_speaking = False
        self.dismissed = False
        """The last utterance was too short to interrupt: an answer that the endpoint makes of it is unwanted."""

    # --- events ----------------------------------------------------------------------------------------------------

    def speech_started(self, now_ms: float) -> None:
        """The caller began to speak."""
        self.caller_speaking = True
        self.dismissed = False
        protected_until_ms = self.protected_until_ms(now_ms)
        if protected_until_ms is not None:
            self._alarms.set("barge_in", protected_until_ms)
        elif self._bound_ms and self._playback.unheard_ms(now_ms) > 0:
            self._hold(now_ms)
        elif not self._speaker.holding:
            self.commit(now_ms)

    def speech_stopped(self, spoke_ms: float, now_ms: float) -> None:
        """The caller stopped after ``spoke_ms`` of speech."""
        self.caller_speaking = False
        self._alarms.stop("barge_in")
        if not self._speaker.holding:
            return
        if spoke_ms < self._bound_ms:
            self.dismissed = True
            self._held_unheard.clear()
            self._speaker.resume(now_ms)
        else:
            self.commit(now_ms)

    def speech_lasts(self, now_ms: float) -> None:
        """The bound has passed, or protected speech has ended, and the caller still speaks: ``barge_in`` rang."""
        if not self.caller_speaking:
            return
        protected_until_ms = self.protected_until_ms(now_ms)
        if protected_until_ms is not None:
            self._alarms.set("barge_in", protected_until_ms)
        else:
            self.commit(now_ms)

    def session_gone(self, now_ms: float) -> None:
        """No session hears the caller: what is held goes on, and the next session tells of speech anew."""
        self.caller_speaking = False
        self.dismissed = False
        self._alarms.stop("barge_in")
        if self._speaker.holding:
            self._held_unheard.clear()
            self._speaker.resume(now_ms)

    def take_unsettled(self, item_id: str) -> bool:
        """Tell, once, whether an item of a dead response still stands in the model's memory as if it were heard."""
        if item_id in self._settled:
            return False
        self._settled.add(item_id)
        return self._capabilities.deletes_items

    # --- deciding --------------------------------------------------------------------------------------------------

    @property
    def _bound_ms(self) -> int:
        """What speech has to last to interrupt what is being said."""
        return self._min_speech_ms if self.manners is None else self.manners.min_speech_ms

    def protected_until_ms(self, now_ms: float) -> float | None:
        """Return until when something plays that nobody may talk over; None if nothing does."""
        items = (self._transcript.get(item_id) for item_id in self._playback.unheard_items(now_ms))
        if any(item is not None and item.purpose is Purpose.DISCLOSURE for item in items):
            return self._playback.ends_at_ms(now_ms) + 1
        return None if self.manners is None else self.manners.protected_until_ms(now_ms)

    def _hold(self, now_ms: float) -> None:
        if not self._speaker.holding:
            cleared = self._speaker.hold(now_ms)
            self._held_unheard = list(dict.fromkeys(stretch.item_id for stretch in cleared.tail))
        self._alarms.set("barge_in", now_ms + self._bound_ms)

    def commit(self, now_ms: float) -> None:
        """Interrupt: clear, cancel, cut the memory. Does nothing when nobody speaks and nothing is on its way."""
        self._alarms.stop("barge_in")
        playing = self._held_unheard
        if self._speaker.holding:
            held = self._speaker.drop_held()
            playing = list(dict.fromkeys([*playing, *(stretch.item_id for stretch in held)]))
        elif not self._speaker.quiet(now_ms):
            playing = [stretch.item_id for stretch in self._speaker.clear(now_ms).tail]
        self._held_unheard = []
        self._responses.interrupt()
        playing = list(dict.fromkeys(playing))
        for item in self._affected(playing):
            self._cut(item, now_ms, unheard=item.item_id in playing, first=item.item_id in playing[:1])

    def _affected(self, playing: list[str]) -> list[Item]:
        """Return the items that lose something: those with unheard audio, then those that are still being made."""
        items = [item for item_id in playing if (item := self._transcript.get(item_id)) is not None]
        for item in self._transcript.open_items():
            live = self._responses.get(item.response_id)
            if item not in items and not item.done and live is not None and live.dead:
                items.append(item)
        return items

    def _cut(self, item: Item, now_ms: float, *, unheard: bool, first: bool) -> None:
        try:
            heard_ms = min(self._playback.heard_ms(item.item_id, now_ms), int(item.received_ms))
        except UnknownItem:
            heard_ms = 0
        whole = item.done and not unheard
        self._settled.add(item.item_id)
        action = "none"
        if not whole and not item.out_of_band:
            action = self._forget_unheard(item, heard_ms)
        if first and not whole:
            self.count += 1
            sent_ms = int(item.received_ms)
            record = BargeInRecord(
                at_ms=int(now_ms), turn=item.turn, heard_ms=heard_ms, sent_ms=sent_ms, action=Label(action)
            )
            self._out.append(Write(record))
        self._transcript.close_item(item, heard_ms, interrupted=not whole)

    def _forget_unheard(self, item: Item, heard_ms: int) -> str:
        if heard_ms == 0:
            if self._capabilities.deletes_items:
                self._out.append(DeleteItem(item.item_id))
            return "deleted"
        if self._capabilities.truncates:
            self._out.append(TruncateItem(item.item_id, heard_ms))
            return "truncated"
        if self._capabilities.deletes_items:
            item.interrupted, item.heard_ms = True, heard_ms
            self._out.append(DeleteItem(item.item_id))
            self._out.append(AddMessage("assistant", item.heard_text()))
            return "rewritten"
        return "impossible"
