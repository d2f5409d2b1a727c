"""The two bounded queues of a stream leg: events that nobody hears yet, and messages that wait to be written.

Neither grows without end. What came from the caller gives way to what comes after it; what goes to the caller has
nothing to give way to, so its owner ends the call.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from gateway.audio.format import AudioFrame
from gateway.contracts.leg import FramesLost
from gateway.legs.carriers.base import StreamEvent, WireMessage

MAX_UNHEARD_MS: Final = 10_000
"""Milliseconds of caller audio kept while nobody listens yet; the oldest goes first and is told as lost."""
MAX_UNHEARD_EVENTS: Final = 2_000
"""Events kept likewise, frames among them: 10 s of audio are 500 frames, and nobody presses so many keys."""
MAX_UNSENT_MS: Final = 120_000
"""Milliseconds of audio that may wait for a carrier that does not read.

Twice what a held answer may take when it is sent again at once (60 s), so that only a carrier's fault reaches it.
"""
MAX_UNSENT_MESSAGES: Final = 5_000
"""Messages that may wait likewise: marks take no time and so need a bound of their own."""


class Unheard:
    """Events in order, while there is no listener: what is not audio, and the last ten seconds of audio."""

    __slots__ = ("_audio", "_before", "_kept_ms", "dropped_ms")

    def __init__(self) -> None:
        self._before: deque[StreamEvent] = deque()
        """Events from before the oldest audio."""
        self._audio: deque[StreamEvent] = deque()
        """Audio, oldest first, and the events in between."""
        self._kept_ms = 0.0
        self.dropped_ms = 0.0

    def keep(self, event: StreamEvent) -> None:
        """Keep an event; audio that falls out of its bound is forgotten."""
        self._audio.append(event)
        if isinstance(event, AudioFrame):
            self._kept_ms += event.duration_ms
        while self._kept_ms > MAX_UNHEARD_MS or len(self._audio) > MAX_UNHEARD_EVENTS:
            oldest = self._audio.popleft()
            if isinstance(oldest, AudioFrame):
                self._kept_ms -= oldest.duration_ms
                self.dropped_ms += oldest.duration_ms
            elif len(self._before) < MAX_UNHEARD_EVENTS:
                self._before.append(oldest)

    def take_all(self) -> list[StreamEvent]:
        """Return everything in order and forget it; audio that was dropped is one loss before what is left of it."""
        lost: list[StreamEvent] = [FramesLost(round(self.dropped_ms))] if self.dropped_ms else []
        events = [*self._before, *lost, *self._audio]
        self._before.clear()
        self._audio.clear()
        self._kept_ms = 0.0
        return events


class Unsent:
    """Messages to the carrier in order, with the milliseconds of audio in each and the mark that it sets."""

    __slots__ = ("_messages", "waiting_ms")

    def __init__(self) -> None:
        self._messages: deque[tuple[WireMessage, float, str]] = deque()
        self.waiting_ms = 0.0

    def add(self, messages: list[WireMessage], audio_ms: float = 0.0, *, mark: str = "") -> None:
        """Queue messages that hold ``audio_ms`` of audio together and end with ``mark``, if they set one."""
        for number, message in enumerate(messages, start=1):
            share_ms = audio_ms / len(messages)
            self._messages.append((message, share_ms, mark if number == len(messages) else ""))
            self.waiting_ms += share_ms

    def next(self) -> WireMessage | None:
        """Return the message that is to be written now, and forget it; None if there is none."""
        if not self._messages:
            return None
        message, audio_ms, _ = self._messages.popleft()
        self.waiting_ms -= audio_ms
        return message

    def drop_all(self) -> list[str]:
        """Forget everything; return the marks that the carrier will never hear of."""
        marks = [mark for _, _, mark in self._messages if mark]
        self._messages.clear()
        self.waiting_ms = 0.0
        return marks

    @property
    def is_overfull(self) -> bool:
        """Whether more waits than a carrier that reads would ever let wait."""
        return self.waiting_ms > MAX_UNSENT_MS or len(self._messages) > MAX_UNSENT_MESSAGES

    def __len__(self) -> int:
        return len(self._messages)
