"""Speech on its way to the caller's ear: sent, held, sent again, cleared, and the clear seen through.

The one place that tells the leg to play and to clear, so that the ledger (``playback.py``) and the leg never differ.
A clear is told first and then watched: the marks that were outstanding must come back; if they have not after 500 ms
it is told once more, and what was sent meanwhile is sent again.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from gateway.audio.format import AudioFrame
from gateway.bridge.alarms import Alarms
from gateway.bridge.commands import ClearPlayout, Command, PlaceMark, PlayAudio, Write
from gateway.bridge.media import MediaChain
from gateway.bridge.playback import Cleared, Playback, Send, Stretch
from gateway.contracts.leg import MarkFate
from gateway.contracts.record import ClearConfirmed, Fault
from gateway.contracts.text import Label
from gateway.privacy.redactor import Redactor

CLEAR_CONFIRM_MS: Final = 500
REFILL_AT_MS: Final = 30_000
"""Unheard audio at which speech that waits behind the ledger's cap is sent on."""
BACKLOG_CAP_MS: Final = 600_000


class Speaker:
    """All audio to one caller goes through here.

    Args:
        playback: the ledger.
        media: the chain that gives the leg's format.
        redactor: for the texts of records.
        out: where commands go.
        alarms: wakes ``clear`` and ``backlog``.
    """

    def __init__(
        self, playback: Playback, media: MediaChain, redactor: Redactor, out: list[Command], alarms: Alarms
    ) -> None:
        self._playback = playback
        self._media = media
        self._redactor = redactor
        self._out = out
        self._alarms = alarms
        self._held: list[Stretch] | None = None
        self._backlog: deque[Stretch] = deque()
        self._backlog_ms = 0.0
        self._awaited: set[str] = set()
        self._clear_ms = 0.0
        self._repeats = 0

    # --- playing ---------------------------------------------------------------------------------------------------

    def play(self, item_id: str, frame: AudioFrame, now_ms: float) -> None:
        """Send the model's audio on, converted; while held it joins the tail instead."""
        self.play_ready(item_id, self._media.to_caller(frame), now_ms)

    def play_ready(self, item_id: str, frame: AudioFrame, now_ms: float) -> None:
        """Send audio that is already in the leg's format."""
        if frame.size_bytes == 0:
            return
        if self._held is not None:
            self._held.append(Stretch(item_id, frame))
        elif self._backlog:
            self._put_off(item_id, frame, now_ms)
        else:
            self._send(item_id, frame, now_ms)

    def _send(self, item_id: str, frame: AudioFrame, now_ms: float) -> bool:
        try:
            sends = self._playback.send(item_id, frame, now_ms)
        except OverflowError:
            self._put_off(item_id, frame, now_ms)
            self._alarms.set("backlog", now_ms + self._playback.unheard_ms(now_ms) - REFILL_AT_MS)
            return False
        self._emit(sends)
        return True

    def _emit(self, sends: list[Send]) -> None:
        for send in sends:
            if send.frame is not None:
                self._out.append(PlayAudio(send.frame, send.plays_at_ms))
            else:
                self._out.append(PlaceMark(send.mark))

    def _put_off(self, item_id: str, frame: AudioFrame, now_ms: float) -> None:
        self._backlog_ms += frame.duration_ms
        if self._backlog_ms > BACKLOG_CAP_MS:
            self._backlog_ms -= frame.duration_ms
            self._fault(now_ms, "speech_too_long", "the model is ten minutes ahead of the ear; the rest is dropped")
            return
        self._backlog.append(Stretch(item_id, frame))

    def refill(self, now_ms: float) -> None:
        """Send on what waited behind the cap; called when ``backlog`` rings."""
        waiting, self._backlog, self._backlog_ms = self._backlog, deque(), 0.0
        for stretch in waiting:
            self.play_ready(stretch.item_id, stretch.frame, now_ms)

    def item_complete(self, item_id: str) -> None:
        """All audio of an item has come: close it with a mark."""
        if self._held is None and not self._backlog:
            self._emit(self._playback.finish(item_id))

    def quiet(self, now_ms: float) -> bool:
        """Tell whether nothing waits: not held, not put off, and by the clock all was heard."""
        return self._held is None and not self._backlog and self._playback.unheard_ms(now_ms) <= 0

    def all_heard(self, now_ms: float) -> bool:
        """Tell whether everything sent is proved to be heard."""
        return self._held is None and not self._backlog and self._playback.all_proved(now_ms)

    # --- clearing and holding --------------------------------------------------------------------------------------

    def clear(self, now_ms: float) -> Cleared:
        """Silence the leg at once and return what was not heard. Nothing may stand before this in a barge-in."""
        self._out.append(ClearPlayout(now_ms))
        cleared = self._playback.clear(now_ms)
        self._media.cut()
        if not self._awaited:
            self._clear_ms, self._repeats = now_ms, 0
        self._awaited.update(cleared.awaited)
        if self._awaited:
            self._alarms.set("clear", now_ms + CLEAR_CONFIRM_MS)
        late = (*cleared.tail, *self._backlog)
        self._backlog.clear()
        self._backlog_ms = 0.0
        self._alarms.stop("backlog")
        return Cleared(cleared.awaited, late, now_ms, cleared.unheard_ms)

    def hold(self, now_ms: float) -> Cleared:
        """Silence the leg but keep the unheard tail, to go on from the exact sample or to be dropped."""
        cleared = self.clear(now_ms)
        self._held = list(cleared.tail)
        return cleared

    @property
    def holding(self) -> bool:
        """Whether speech is held."""
        return self._held is not None

    def resume(self, now_ms: float) -> None:
        """Go on from the sample where :meth:`hold` stopped the ear."""
        held, self._held = self._held or [], None
        for stretch in held:
            self.play_ready(stretch.item_id, stretch.frame, now_ms)
        for item_id in dict.fromkeys(stretch.item_id for stretch in held):
            self.item_complete(item_id)

    def drop_held(self) -> tuple[Stretch, ...]:
        """Give up what is held and return it."""
        held, self._held = self._held or [], None
        return tuple(held)

    # --- marks -----------------------------------------------------------------------------------------------------

    def mark_returned(self, name: str, now_ms: float, fate: MarkFate, past_ms: float = 0.0) -> None:
        """Take a mark: it confirms a clear, or proves what was heard."""
        if name in self._awaited:
            self._awaited.discard(name)
            if not self._awaited:
                self._alarms.stop("clear")
                took_ms = int(now_ms - self._clear_ms)
                self._out.append(Write(ClearConfirmed(at_ms=int(now_ms), took_ms=took_ms, repeats=self._repeats)))
        self._playback.mark_returned(name, now_ms, fate, past_ms)

    def clear_unconfirmed(self, now_ms: float) -> None:
        """Tell the carrier once more; called when ``clear`` rings."""
        if self._repeats:
            self._awaited.clear()
            self._fault(now_ms, "clear_unconfirmed", "the carrier returned no marks after two clears")
            return
        self._repeats = 1
        sent_meanwhile = self._playback.clear(now_ms)
        self._out.append(ClearPlayout(now_ms))
        self._awaited.update(sent_meanwhile.awaited)
        self._alarms.set("clear", now_ms + CLEAR_CONFIRM_MS)
        for stretch in sent_meanwhile.tail:
            self.play_ready(stretch.item_id, stretch.frame, now_ms)
        for item_id in dict.fromkeys(stretch.item_id for stretch in sent_meanwhile.tail):
            self.item_complete(item_id)
        self._fault(now_ms, "clear_repeated", "the carrier returned no marks in 500 ms")

    def _fault(self, now_ms: float, kind: str, message: str) -> None:
        text = self._redactor.whole("agent", message)
        self._out.append(Write(Fault(at_ms=int(now_ms), kind=Label(kind), message=text)))
