"""What tools in the background found out, told when nobody speaks.

A result is put into the model's memory at the next pause, and words about it are asked for in the same breath: so it is
the last thing that the model has read, is told once, and is lost in no answer to something else.
"""

from __future__ import annotations

from typing import Final

from gateway.bridge.alarms import Alarms
from gateway.bridge.commands import AddMessage, Command
from gateway.bridge.playback import Playback
from gateway.bridge.responses import Purpose, Responses

PAUSE_MS: Final = 400
"""Silence after the last word heard before news break in: the caller may have been about to speak."""


class News:
    """The untold results of one call; ``alarms`` wakes ``news``."""

    def __init__(self, *, playback: Playback, responses: Responses, out: list[Command], alarms: Alarms) -> None:
        self._playback = playback
        self._responses = responses
        self._out = out
        self._alarms = alarms
        self._untold: list[str] = []

    def add(self, text: str) -> None:
        """Take a piece of news, in words for the model."""
        self._untold.append(text)

    def attend(self, now_ms: float, *, pause: bool) -> None:
        """See after every event whether to speak of it soon; ``pause``: nobody else will speak."""
        if not self._untold or not pause:
            self._alarms.stop("news")
        elif not self._alarms.is_set("news"):
            self._alarms.set("news", self._playback.ends_at_ms(now_ms) + PAUSE_MS)

    def tell(self, now_ms: float) -> None:
        """Tell the model all of it, and have it tell the caller: ``news`` rang."""
        if not self._untold or self._playback.unheard_ms(now_ms) > 0:
            return
        self._out.extend(AddMessage("system", text) for text in self._untold)
        self._untold.clear()
        self._responses.ask(Purpose.ANSWER, now_ms)
