"""One sink that stands for many, and the shelter for those that may block.

A sink that raises is counted and logged once; the call and the other sinks do not notice. Sinks are called on the event
loop, because taking a record is putting it into a queue. One that can't promise that stands behind :class:`Aside`,
which has a bounded queue and a thread for it alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from gateway.contracts.record import AnyRecord, Sink
from gateway.records.backlog import Backlog

CLOSE_LIMIT_S = 5.0
"""Longest that closing waits for all sinks together, in seconds."""
QUEUE_RECORDS = 1000
"""Most records that wait for one sink; newer ones are dropped and counted."""

log = structlog.get_logger()


class Fanout:
    """Passes every record on to each of ``sinks``; a :class:`~gateway.contracts.record.Sink` itself.

    Args:
        sinks: who gets the records; each returns at once from ``accept``.
        close_limit_s: longest that :meth:`close` takes, in seconds.

    """

    def __init__(self, sinks: Sequence[Sink], *, close_limit_s: float = CLOSE_LIMIT_S) -> None:
        self._guarded = [_Guarded(sink) for sink in sinks]
        self._close_limit_s = close_limit_s
        self._closed = False

    @property
    def lost(self) -> int:
        """Records that a sink refused by raising, over all sinks."""
        return sum(guarded.refused for guarded in self._guarded)

    def accept(self, record: AnyRecord) -> None:
        """Give a record to every sink; what comes after :meth:`close` is ignored."""
        if not self._closed:
            for guarded in self._guarded:
                guarded.accept(record)

    async def close(self) -> None:
        """Let every sink close, all at the same time and within the limit."""
        self._closed = True
        await asyncio.gather(*(guarded.close(self._close_limit_s) for guarded in self._guarded))


class Aside:
    """A sink that may block, taken off the event loop: its records wait in a queue for a thread of its own.

    ``accept`` of the sink is called in that thread, in order; a sink that belongs to the loop hands over with
    ``loop.call_soon_threadsafe``. ``close`` is awaited on the loop, as everywhere.

    Args:
        sink: what may block.
        queue_records: most records that wait for it.

    """

    def __init__(self, sink: Sink, *, queue_records: int = QUEUE_RECORDS) -> None:
        self._guarded = _Guarded(sink)
        self._backlog: Backlog[AnyRecord] = Backlog(type(sink).__name__, self._deliver, queue_records)

    @property
    def lost(self) -> int:
        """Records that did not reach the sink: its queue was full, or it raised."""
        return self._backlog.dropped + self._guarded.refused

    def accept(self, record: AnyRecord) -> None:
        """Queue a record."""
        self._backlog.put(record)

    async def close(self) -> None:
        """Let the sink take what is queued, and close it. Whoever calls sets the limit."""
        await self._backlog.drained(CLOSE_LIMIT_S)
        await self._guarded.sink.close()

    def _deliver(self, batch: list[AnyRecord]) -> None:
        for record in batch:
            self._guarded.accept(record)


class _Guarded:
    """One sink, and what became of it."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.refused = 0
        self._name = type(sink).__name__

    def accept(self, record: AnyRecord) -> None:
        try:
            self.sink.accept(record)
        except Exception as error:  # noqa: BLE001 - a sink that raises breaks its contract, not the call
            self.refused += 1
            if self.refused == 1:
                log.error("sink_failed", sink=self._name, error=type(error).__name__)

    async def close(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await self.sink.close()
        except TimeoutError:
            log.error("sink_not_closed", sink=self._name, limit_s=limit_s)
        except Exception as error:  # noqa: BLE001 - a stranger's sink; the others have to close all the same
            log.error("sink_close_failed", sink=self._name, error=type(error).__name__)
