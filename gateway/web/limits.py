"""How often somebody may ask: a bucket of tokens for each name that asks, filled again with time.

The names come from strangers, so their number is bounded; whoever has not asked for longest is forgotten first.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.clock import Clock
from gateway.web.refusals import Refusal

NAMES: Final = 10_000
"""Names that are remembered."""


class RateLimit:
    """Grants so many requests a minute for each name, and twice as many at once.

    Args:
        per_minute: how fast a bucket fills.
        clock: tells the time.

    """

    def __init__(self, per_minute: int, clock: Clock, *, burst: int | None = None) -> None:
        self._per_ms = per_minute / 60_000
        self._burst = float(burst if burst is not None else 2 * per_minute)
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Tokens, and when they were counted, by name."""

    def take(self, name: str) -> None:
        """Take a token.

        Raises:
            Refusal: 429, there is none; ``Retry-After`` says when there will be.

        """
        now_ms = self._clock.now_ms()
        tokens, since_ms = self._buckets.pop(name, (self._burst, now_ms))
        tokens = min(self._burst, tokens + (now_ms - since_ms) * self._per_ms)
        granted = tokens >= 1
        self._buckets[name] = (tokens - 1 if granted else tokens, now_ms)
        if len(self._buckets) > NAMES:
            self._buckets.popitem(last=False)
        if not granted:
            wait_s = int((1 - tokens) / self._per_ms / 1000) + 1
            raise Refusal(
                429, "too_many_requests", f"Too many requests; try again in {wait_s} s.", {"retry-after": str(wait_s)}
            )


class Concurrency:
    """Counts what each name has open at the same time."""

    def __init__(self, at_most: int) -> None:
        self._at_most = at_most
        self._open: Counter[str] = Counter()

    @contextmanager
    def slot(self, name: str) -> Iterator[None]:
        """Hold one for as long as the block lasts.

        Raises:
            Refusal: 429, the name has as many as it may.

        """
        if self._open[name] >= self._at_most:
            raise Refusal(429, "too_many_connections", f"At most {self._at_most} connections may be open with one key.")
        self._open[name] += 1
        try:
            yield
        finally:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]
