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

    def wait(self, now_ms: float) -> None:
        """Something is owed to the caller from now on; ``answer`` rings if it does not come."""
        self._alarms.set("answer", now_ms + ANSWER_WITHIN_MS)

    def wait_if_silent(self, now_ms: float, *, silent: bool) -> None:
        """The same, unless it is already waited for; called after every event."""
        if silent and self._responses.expecting_speech and not self._alarms.is_set("answer"):
            self.wait(now_ms)

    def heard(self) -> None:
        """Something is audible."""
        self._tries = 0
        self._alarms.stop("answer")

    def caller_speaks(self) -> None:
        """The caller took the floor: nothing is owed until they stop."""
        self._alarms.stop("answer")

    def overdue(self, now_ms: float, *, working: bool) -> None:
        """Nothing came in time, or a response failed; ``working`` if a tool is still at it."""
        if self._closing.begun or working:
            return
        self._tries += 1
        # Whatever the model still makes of it comes too late to be heard, and nothing waits for it.
        self._responses.interrupt()
        self._responses.give_up_asked()
        if self._tries > 1:
            self._fault(now_ms, "model_silent", "no answer after two tries")
            self._closing.apologise(self._apology, Ending(Party.MODEL, "no_answer", ok=False), now_ms)
            return
        self._fault(now_ms, "answer_overdue", "no answer in time; asked once more")
        self._responses.ask(Purpose.ANSWER, now_ms)
        self.wait(now_ms)
