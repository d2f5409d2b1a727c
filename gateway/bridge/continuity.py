"""One conversation over several model sessions: lost, tried for again, renewed in a pause; the caller notices little.

When a session takes over it is told, in this order and before anything else: what was said (``memory``), then it hears
what the caller said last (``tail``), then whoever was to speak speaks (``resume``). While there is no session, what is
already on its way to the caller goes on playing; a silence is covered by the local voice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.bridge.alarms import Alarms
from gateway.bridge.commands import Command, HearAgain, SpeakLocally, UseSession, Write
from gateway.bridge.context import Context
from gateway.bridge.memory import Memory
from gateway.bridge.playback import Playback
from gateway.bridge.responses import Purpose
from gateway.bridge.resume import Resume
from gateway.bridge.succession import Succession, TakeOver
from gateway.bridge.tail import Tail
from gateway.contracts.record import ModelReplaced
from gateway.contracts.text import Label
from gateway.contracts.tool import Filler
from gateway.privacy.redactor import Redactor

CALLER_SPOKE_MS: Final = 3000
"""How much longer the local voice waits if the caller was speaking: nobody tells when they stop."""
LOOK_EVERY_MS: Final = 250
"""How often a pause is looked for while a session waits to take over."""
ALARMS: Final = frozenset({"renew", "renew_last", "reconnect", "reconnect_limit", "moment", "pause"})


class Continuity:
    """The change of sessions in one call.

    Args:
        filler: what is said in a silence; its first words, after its first delay.
        out_of_band: whether the endpoint answers beside the conversation.
        give_up: called with the time when no session will come any more.
    """

    def __init__(
        self,
        *,
        succession: Succession,
        resume: Resume,
        context: Context,
        memory: Memory,
        tail: Tail,
        playback: Playback,
        redactor: Redactor,
        filler: Filler,
        out_of_band: bool,
        out: list[Command],
        alarms: Alarms,
        fault: Callable[[float, str, str], None],
        give_up: Callable[[float], None],
    ) -> None:
        self._succession = succession
        self._resume = resume
        self._context = context
        self._memory = memory
        self._tail = tail
        self._playback = playback
        self._redactor = redactor
        self._filler = filler
        self._out_of_band = out_of_band
        self._out = out
        self._alarms = alarms
        self._fault = fault
        self._give_up = give_up
        self._next_id = ""

    @property
    def waiting(self) -> bool:
        """Whether the call is without a session, and one is tried for."""
        return self._succession.waiting

    # --- what the driver tells -------------------------------------------------------------------------------------

    def lost(self, reason: str, now_ms: float, *, retryable: bool, caller_spoke: bool) -> None:
        """The session in use is gone; ``caller_spoke``: in the midst of what they said."""
        self._fault(now_ms, "model_lost", reason)
        self._tail.gap_begins()
        self._resume.session_gone(now_ms)
        if not self._succession.lost(now_ms, retryable=retryable):
            self._stop()
            self._give_up(now_ms)
        elif self._filler.say:
            patience_ms = self._filler.after_ms + (CALLER_SPOKE_MS if caller_spoke else 0)
            self._alarms.set("moment", self._playback.ends_at_ms(now_ms) + patience_ms)

    def opened(self, session_id: str, lasts_ms: float | None, now_ms: float) -> None:
        """The next session is set up; it takes over as soon as it may."""
        self._next_id = session_id
        self._succession.opened(now_ms, lasts_ms)

    def refused(self, why: str, now_ms: float, *, retryable: bool) -> None:
        """The next session is not to be had."""
        self._fault(now_ms, "model_refused", why)
        if not self._succession.refused(now_ms, retryable=retryable):
            self._stop()
            self._give_up(now_ms)

    def ring(self, name: str, now_ms: float, *, may_speak: bool) -> None:
        """Do what is due: one of :data:`ALARMS` rang. ``may_speak``: the local voice would break in on nobody."""
        match name:
            case "renew" | "reconnect":
                self._succession.open()
            case "renew_last":
                self._succession.force()
            case "moment" if self.waiting and may_speak:
                self._out.append(SpeakLocally(self._filler.say[0], Purpose.MOMENT))
            case "reconnect_limit":
                self._stop()
                self._give_up(now_ms)
            case _:
                pass  # "pause": every event looks for one

    def _stop(self) -> None:
        self._succession.given_up()
        self._alarms.stop("moment")

    # --- taking over -----------------------------------------------------------------------------------------------

    def check(self, now_ms: float, *, pause: Callable[[float], bool]) -> None:
        """Let the next session take over if it is there and may; called after every event.

        ``pause`` tells whether nobody would notice at that time.
        """
        if not self._succession.next_waits:
            return
        why = self._succession.takes_over(pause=pause(now_ms))
        if why is not None:
            self._take_over(why, now_ms)
        elif not self._alarms.is_set("pause"):
            self._alarms.set("pause", now_ms + LOOK_EVERY_MS)

    def _take_over(self, why: TakeOver, now_ms: float) -> None:
        if why is not TakeOver.LOST:
            self._resume.session_gone(now_ms)
        for name in ("moment", "pause"):
            self._alarms.stop(name)
        replay = self._memory.replay(self._context.replay_tokens)
        gap_ms = self._succession.took_over(now_ms)
        self._out += [UseSession(replay.said), HearAgain()]
        self._out.append(
            Write(
                ModelReplaced(
                    at_ms=int(now_ms),
                    why=Label(why.value),
                    gap_ms=int(gap_ms),
                    replayed=replay.items,
                    left_out=replay.left_out,
                    session_id=self._redactor.whole("agent", self._next_id),
                )
            )
        )
        self._resume.go_on(now_ms, out_of_band=self._out_of_band)
        self._context.session_changed(replay.left_out, now_ms)
