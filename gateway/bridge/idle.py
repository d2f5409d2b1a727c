"""The caller says nothing: ask again, ask once more, say goodbye.

The clock counts from when the agent's last word was *heard*, and stands still while somebody speaks, a tool runs or
the call is ending.
"""

from __future__ import annotations

from gateway.bridge.alarms import Alarms
from gateway.bridge.closing import Closing
from gateway.bridge.commands import Command, Write
from gateway.bridge.plan import IdlePlan
from gateway.bridge.playback import Playback
from gateway.bridge.responses import Purpose, Responses
from gateway.contracts.record import IdlePrompt
from gateway.errors import Ending, Party


class IdleLadder:
    """The steps taken while a caller is silent; a word or a key leads back to its foot."""

    def __init__(
        self,
        plan: IdlePlan,
        *,
        playback: Playback,
        responses: Responses,
        closing: Closing,
        out: list[Command],
        alarms: Alarms,
    ) -> None:
        self._plan = plan
        self._playback = playback
        self._responses = responses
        self._closing = closing
        self._out = out
        self._alarms = alarms
        self._step = 0

    def caller_active(self) -> None:
        """The caller spoke or pressed a key."""
        self._step = 0
        self._alarms.stop("idle")

    def arm(self, now_ms: float, *, busy: bool) -> None:
        """Set the clock after every event: from the heard end of all speech, or not at all while ``busy``."""
        if busy or self._closing.begun or self._responses.expecting_speech:
            self._alarms.stop("idle")
        elif not self._alarms.is_set("idle"):
            self._alarms.set("idle", self._playback.ends_at_ms(now_ms) + self._plan.after_ms)

    def climb(self, now_ms: float) -> None:
        """Take the next step: ``idle`` rang."""
        if self._playback.unheard_ms(now_ms) > 0:
            self._alarms.set("idle", self._playback.ends_at_ms(now_ms) + self._plan.after_ms)
            return
        self._step += 1
        self._out.append(Write(IdlePrompt(at_ms=int(now_ms), step=self._step)))
        if self._step <= len(self._plan.prompts):
            self._responses.ask(Purpose.IDLE, now_ms, say=self._plan.prompts[self._step - 1])
        else:
            self._closing.goodbye(Ending(Party.CALLER, "silence"), now_ms, say=self._plan.goodbye, spoken=False)
