"""A message from the caller: kept from the tone to the silence, the end key, the limit, or the hang-up."""

from __future__ import annotations

from typing import Final

from gateway.bridge.alarms import Alarms
from gateway.bridge.commands import Command, DoAfterwards, DoAside
from gateway.bridge.flow.ear import Ear
from gateway.bridge.flow.plan import Recorded
from gateway.flows.engine.commands import TakeMessage

NAME: Final = "message"
_ENDS: Final = ("message_end", "message_silence")


class Messages:
    """One call's messages, one at a time."""

    def __init__(self, ear: Ear, *, out: list[Command], alarms: Alarms) -> None:
        self._ear = ear
        self._out = out
        self._alarms = alarms
        self._taking: TakeMessage | None = None
        self._spoke = False

    @property
    def taking(self) -> bool:
        """Whether a message is being kept."""
        return self._taking is not None

    def take(self, command: TakeMessage, now_ms: float, *, speaking: bool) -> None:
        """Begin; ``speaking``: the caller has begun before the prompt was over."""
        self._taking, self._spoke = command, speaking
        self._ear.begin_message()
        self._alarms.set("message_end", now_ms + command.max_time_ms)
        if not speaking:
            self._alarms.set("message_silence", now_ms + command.silence_ms)

    def speech_started(self) -> None:
        """The caller speaks."""
        if self._taking is not None:
            self._spoke = True
            self._alarms.stop("message_silence")

    def speech_stopped(self, now_ms: float) -> None:
        """The caller pauses, or is done."""
        if self._taking is not None:
            self._alarms.set("message_silence", now_ms + self._taking.silence_ms)

    def finish(self, *, hung_up: bool = False) -> None:
        """It is complete, by the end key, silence, the limit or a hang-up."""
        command, self._taking = self._taking, None
        if command is None:
            return
        for name in _ENDS:
            self._alarms.stop(name)
        recorded = Recorded(command, self._ear.end_message(), self._spoke)
        self._out.append(DoAfterwards(recorded) if hung_up else DoAside(NAME, recorded))
