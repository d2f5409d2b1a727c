"""Covers the silence while a caller waits for a tool: "One moment, please.", and no word too many.

A filler is asked for beside the conversation, so that the model does not remember it, or spoken by the local voice
where the endpoint can't. There is never more than one on its way, none while anybody speaks, and one that is not being
said yet when the tool is done is taken back.
"""

from __future__ import annotations

from gateway.bridge.alarms import Alarms
from gateway.bridge.commands import Command, SpeakLocally
from gateway.bridge.playback import Playback
from gateway.bridge.responses import Purpose, Responses
from gateway.contracts.tool import NO_FILLER, Filler


class Fillers:
    """The fillers of one call.

    Args:
        out_of_band: whether the endpoint answers beside the conversation.
        alarms: wakes ``filler``.
    """

    def __init__(
        self, *, playback: Playback, responses: Responses, out: list[Command], alarms: Alarms, out_of_band: bool
    ) -> None:
        self._playback = playback
        self._responses = responses
        self._out = out
        self._alarms = alarms
        self._out_of_band = out_of_band
        self._wanted = NO_FILLER
        self._quiet_from_ms: float | None = None
        self._said = 0
        self._rendering = False

    def attend(self, wanted: Filler, now_ms: float) -> None:
        """See after every event what to say should the silence last; :data:`NO_FILLER` when none may be said now."""
        self._wanted = wanted
        on_its_way = self._rendering or self._responses.pending(Purpose.FILLER)
        if not wanted.say or on_its_way:
            self._alarms.stop("filler")
            self._quiet_from_ms = None
            return
        if self._quiet_from_ms is None or self._playback.unheard_ms(now_ms) > 0:
            self._quiet_from_ms = self._playback.ends_at_ms(now_ms)
        pause_ms = wanted.again_ms if self._said else wanted.after_ms
        self._alarms.set("filler", self._quiet_from_ms + pause_ms)

    def speak(self, now_ms: float) -> None:
        """Say the next one: ``filler`` rang."""
        if not self._wanted.say or self._playback.unheard_ms(now_ms) > 0:
            return
        text = self._wanted.say[min(self._said, len(self._wanted.say) - 1)]
        self._said += 1
        if self._out_of_band:
            self._responses.ask(Purpose.FILLER, now_ms, say=text, out_of_band=True)
        else:
            self._rendering = True
            self._out.append(SpeakLocally(text, Purpose.FILLER))

    def local_speech_came(self, *, silent: bool) -> bool:
        """The local voice has rendered a filler; tell whether it may still be said."""
        self._rendering = False
        return silent and bool(self._wanted.say)

    def over(self) -> None:
        """The wait is over: take back what is not being said yet."""
        self._said = 0
        self._wanted = NO_FILLER
        self._responses.withdraw(Purpose.FILLER)
