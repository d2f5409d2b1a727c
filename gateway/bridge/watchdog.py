"""The caller has finished and hears nothing: the answer is asked for once more, and then the truth is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gateway.bridge.alarms import Alarms
from gateway.bridge.closing import Closing
from gateway.bridge.responses import Purpose, Responses
from gateway.errors import Ending, Party

ANSWER_WITHIN_MS: Final = 6000
"""Longest silence that a caller is left with, twice over."""


class Watchdog:
    """Watches that something becomes audible after a turn; ``fault`` takes kind and message for the record."""

    def __init__(
        self,
        apology: str,
        *,
        responses: Responses,
        closing: Closing,
        alarms: Alarms,
        fault: Callable[[float, str, str], None],
    ) -> None:
        self._apology = apology
        self._responses = responses
        self._closing = closing
        self._alarms = alarms
        self._fault = fault
        self._tries = 0
        self._promised = False
        """What is waited for is only what was asked for, and not an answer to the caller."""
        self.on_duty: Callable[[], bool] = lambda: True
        """Whether an answer of the model's own is owed at all; in a flow, only inside a talk."""
        self.give_up: Callable[[float], None] = self._apologise
        """What happens when no answer comes after two tries."""

    def _apologise(self, now_ms: float) -> None:
        self._closing.apologise(self._apology, Ending(Party.MODEL, "no_answer", ok=False), now_ms)

    def wait(self, now_ms: float) -> None:
        """Something is owed to the caller from now on; ``answer`` rings if it does not come."""
        if not self.on_duty():
            return
        self._promised = False
        self._alarms.set("answer", now_ms + ANSWER_WITHIN_MS)

    def wait_if_silent(self, now_ms: float, *, silent: bool) -> None:
        """The same while something is asked for, unless it is already waited for; called after every event."""
        expecting = self._responses.expecting_speech
        if not self.on_duty():
            return
        if silent and expecting and not self._alarms.is_set("answer"):
            self.wait(now_ms)
            self._promised = True
        elif self._promised and not expecting:
            self._promised = False
            self._alarms.stop("answer")

    def heard(self) -> None:
        """Something is audible."""
        self._tries = 0
        self._alarms.stop("answer")

    def caller_speaks(self) -> None:
        """The caller took the floor: nothing is owed until they stop."""
        self._alarms.stop("answer")

    def pause(self) -> None:
        """There is no session: what is owed has to wait for the next one."""
        self._alarms.stop("answer")

    def overdue(self, now_ms: float, *, working: bool) -> None:
        """Nothing came in time, or a response failed; ``working`` if a tool is still at it."""
        if self._closing.begun or working or not self.on_duty():
            return
        self._tries += 1
        # Whatever the model still makes of it comes too late to be heard, and nothing waits for it.
        self._responses.interrupt()
        self._responses.give_up_asked()
        if self._tries > 1:
            self._fault(now_ms, "model_silent", "no answer after two tries")
            self.give_up(now_ms)
            return
        self._fault(now_ms, "answer_overdue", "no answer in time; asked once more")
        self._responses.ask(Purpose.ANSWER, now_ms)
        self.wait(now_ms)
