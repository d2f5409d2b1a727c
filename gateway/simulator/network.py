"""A network that takes its time: whatever goes in comes out later, in order.

Sans-IO: time is an argument, in milliseconds of the simulated call. One of these stands on each side of a simulated
carrier, so that media, marks, clears and the closing of the socket are all late by the same amount.
"""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class DelayLine(Generic[T]):
    """Holds each thing for ``delay_ms`` and hands it out in the order in which it came.

    Raises:
        ValueError: the delay is negative.

    """

    __slots__ = ("_held", "delay_ms")

    def __init__(self, delay_ms: float) -> None:
        if delay_ms < 0:
            raise ValueError(f"network delay: {delay_ms} ms is negative; wanted 0 or more")
        self.delay_ms = delay_ms
        self._held: deque[tuple[float, T]] = deque()

    def push(self, thing: T, now_ms: float) -> None:
        """Let ``thing`` in at ``now_ms``; it never overtakes what went in before."""
        due_ms = now_ms + self.delay_ms
        if self._held:
            due_ms = max(due_ms, self._held[-1][0])
        self._held.append((due_ms, thing))

    def next_wake_ms(self) -> float | None:
        """Return when the next thing comes out, None when nothing is on its way."""
        return self._held[0][0] if self._held else None

    def pop(self, now_ms: float) -> tuple[float, T] | None:
        """Return the next thing that is due with the time at which it came out, None when none is."""
        if not self._held or self._held[0][0] > now_ms:
            return None
        return self._held.popleft()

    def __len__(self) -> int:
        return len(self._held)
