"""The simulated call's own time: milliseconds from a chosen instant, maybe faster than the world's."""

from __future__ import annotations

import asyncio

from gateway.clock import Clock


class Pace:
    """Tells the call's time and waits for it.

    Args:
        clock: the monotonic clock underneath.
        speedup: the call's milliseconds in one of the clock's; above 1 only where the peer has no clock of its own.

    Raises:
        ValueError: the speed-up is not positive.

    """

    __slots__ = ("_clock", "_zero_ms", "speedup")

    def __init__(self, clock: Clock, speedup: float = 1.0) -> None:
        if speedup <= 0:
            raise ValueError(f"speedup: {speedup} moves no clock; wanted more than 0")
        self._clock = clock
        self.speedup = speedup
        self._zero_ms = clock.now_ms()

    def now_ms(self) -> float:
        """Return the call's time."""
        return (self._clock.now_ms() - self._zero_ms) * self.speedup

    def restart(self) -> float:
        """Make this instant zero; return what the time was."""
        before_ms = self.now_ms()
        self._zero_ms = self._clock.now_ms()
        return before_ms

    def seconds_until(self, at_ms: float) -> float:
        """Return the world's seconds until ``at_ms``, 0 if that is past."""
        return max(0.0, at_ms - self.now_ms()) / self.speedup / 1000

    async def wait(self, signal: asyncio.Event, until_ms: float | None) -> None:
        """Wait until ``signal`` is set or the time has come, whichever is first; lower the signal."""
        if until_ms is None:
            await signal.wait()
        elif not signal.is_set() and (delay_s := self.seconds_until(until_ms)) > 0:
            try:
                async with asyncio.timeout(delay_s):
                    await signal.wait()
            except TimeoutError:
                pass
        signal.clear()
