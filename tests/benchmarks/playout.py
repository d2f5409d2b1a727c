"""What a caller hears of a carrier's media stream: the truth that a gateway's estimate is held against.

As Twilio documents it: media of any size is queued and played in order at 8000 bytes a second, a mark comes back when
all before it has played, and ``clear`` drops what is queued and brings every pending mark back at once. Sans-IO: times
are seconds at the caller's ear, given with each call, never going back.
"""

from __future__ import annotations

from collections import deque
from typing import Final

BYTES_PER_S: Final = 8000


class Playout:
    """One call's playout queue."""

    __slots__ = ("_drained_s", "_marks", "queued_bytes")

    def __init__(self) -> None:
        self.queued_bytes: float = 0.0
        """All bytes ever queued, less those that a clear dropped."""
        self._drained_s = float("-inf")
        self._marks: deque[tuple[float, bytes]] = deque()

    def media(self, size_bytes: int, now_s: float) -> float:
        """Queue audio; returns the seconds for which the queue was dry before it: 0 while it plays, inf at first."""
        dry_s = now_s - self._drained_s
        start = self._drained_s if dry_s < 0 else now_s
        self._drained_s = start + size_bytes / BYTES_PER_S
        self.queued_bytes += size_bytes
        return max(0.0, dry_s)

    def played_bytes(self, now_s: float) -> float:
        """Return how many of ``queued_bytes`` have been heard."""
        return self.queued_bytes - max(0.0, self._drained_s - now_s) * BYTES_PER_S

    def mark(self, name: bytes, now_s: float) -> None:
        """Queue a mark behind all audio so far."""
        self._marks.append((max(self._drained_s, now_s), name))

    def clear(self, now_s: float) -> float:
        """Drop what is queued and let pending marks come back now; returns the bytes dropped."""
        dropped = max(0.0, self._drained_s - now_s) * BYTES_PER_S
        self.queued_bytes -= dropped
        self._drained_s = min(self._drained_s, now_s)
        self._marks = deque((min(due, now_s), name) for due, name in self._marks)
        return dropped

    def next_mark_s(self) -> float | None:
        """Return when the next mark is due, or None."""
        return self._marks[0][0] if self._marks else None

    def marks_due(self, now_s: float) -> list[bytes]:
        """Take the marks that are due, in order."""
        due: list[bytes] = []
        while self._marks and self._marks[0][0] <= now_s:
            due.append(self._marks.popleft()[1])
        return due
