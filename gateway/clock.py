"""The clock that a call is timed by.

Cores never read a clock: they are given ``now_ms``. Drivers (``bridge/call.py``, legs, simulators) ask one of these,
so that a test can turn the hands itself.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells monotonic time; its zero means nothing, only differences do."""

    def now_ms(self) -> float:
        """Return monotonic milliseconds, with a fraction."""
        ...

    def wall_s(self) -> float:
        """Return Unix seconds, for records and tokens only; never for durations."""
        ...


class SystemClock:
    """The machine's own clocks: ``time.monotonic_ns`` for durations, ``time.time`` for dates."""

    __slots__ = ()

    def now_ms(self) -> float:
        """Return monotonic milliseconds, with a fraction."""
        return time.monotonic_ns() / 1e6

    def wall_s(self) -> float:
        """Return Unix seconds."""
        return time.time()


class HandClock:
    """A clock whose hands the test turns."""

    __slots__ = ("_now_ms", "_wall_s")

    def __init__(self, now_ms: float = 0.0, wall_s: float = 1_800_000_000.0) -> None:
        self._now_ms = now_ms
        self._wall_s = wall_s

    def now_ms(self) -> float:
        """Return the milliseconds that the hands show."""
        return self._now_ms

    def wall_s(self) -> float:
        """Return the Unix seconds that the hands show."""
        return self._wall_s

    def advance(self, by_ms: float) -> None:
        """Turn both hands forward; ``by_ms`` is milliseconds and not negative."""
        if by_ms < 0:
            raise ValueError(f"a clock only goes forward; got {by_ms} ms")
        self._now_ms += by_ms
        self._wall_s += by_ms / 1000.0
