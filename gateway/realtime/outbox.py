"""What waits while an endpoint does not read: every command, and the newest two seconds of audio.

Sans-IO. The order is that of arrival. When audio grows past the bound its oldest is dropped and counted: a caller who
is heard late is worse than one of whose words a piece is missing. Commands are never dropped, and what was said before
a command stays before it.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

QUEUE_MS: Final = 2000.0
"""Caller audio that may wait, in milliseconds (the contract's bound, ``contracts/model.py``)."""


class Outbox:
    """Messages in order, bounded by the audio in them.

    ``dropped_ms`` counts the milliseconds of audio that were dropped; ``audio_ms`` is what waits now.
    """

    __slots__ = ("_audio", "_limit_ms", "_serial", "_waiting", "audio_ms", "dropped_ms")

    def __init__(self, limit_ms: float = QUEUE_MS) -> None:
        self._limit_ms = limit_ms
        self._serial = 0
        self._waiting: OrderedDict[int, tuple[bytes, float]] = OrderedDict()
        self._audio: deque[int] = deque()
        self.audio_ms = 0.0
        self.dropped_ms = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    def put_command(self, message: bytes) -> None:
        """Queue a command; it stays, however long the queue."""
        self._put(message, 0.0)

    def put_audio(self, message: bytes, duration_ms: float) -> None:
        """Queue ``duration_ms`` of audio, and drop the oldest until the bound holds; the newest frame always stays."""
        self._audio.append(self._put(message, duration_ms))
        self.audio_ms += duration_ms
        while self.audio_ms > self._limit_ms and len(self._audio) > 1:
            _, oldest_ms = self._waiting.pop(self._audio.popleft())
            self.audio_ms -= oldest_ms
            self.dropped_ms += oldest_ms

    def pop(self) -> tuple[bytes, bool] | None:
        """Take the next message out, and whether it is audio; None when nothing waits."""
        if not self._waiting:
            return None
        serial, (message, duration_ms) = self._waiting.popitem(last=False)
        is_audio = bool(self._audio) and self._audio[0] == serial
        if is_audio:
            self._audio.popleft()
            self.audio_ms -= duration_ms
        return message, is_audio

    def clear(self) -> None:
        """Forget what waits, uncounted: the session is over."""
        self._waiting.clear()
        self._audio.clear()
        self.audio_ms = 0.0

    def _put(self, message: bytes, duration_ms: float) -> int:
        self._serial += 1
        self._waiting[self._serial] = (message, duration_ms)
        return self._serial
