"""One sink that stands for many: each behind its own bounded queue and, while it has work, its own thread.

A sink that raises, stalls or never closes is counted and logged once; the call and the other sinks do not notice. That
is why sinks behind a fan-out are called **off the event loop**: one thread at a time, in order. A sink that belongs to
the loop hands over with ``loop.call_soon_threadsafe``. ``close`` is awaited on the loop, as everywhere.
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
        sinks: who gets the records.
        queue_records: most records that wait for each.
        close_limit_s: longest that :meth:`close` takes, in seconds.

    """

    def __init__(
        self, sinks: Sequence[Sink], *, queue_records: int = QUEUE_RECORDS, close_limit_s: float = CLOSE_LIMIT_S
    ) -> None:
        self._lanes = [_Lane(sink, queue_records) for sink in sinks]
        self._close_limit_s = close_limit_s
        self._closed = False

    @property
    def lost(self) -> int:
        """Records that did not reach a sink, over all sinks: its queue was full, or it raised."""
        return sum(lane.backlog.dropped + lane.refused for lane in self._lanes)

    def accept(self, record: AnyRecord) -> None:
        """Queue a record for every sink; what comes after :meth:`close` is ignored."""
        if self._closed:
            return
        for lane in self._lanes:
            lane.backlog.put(record)

    async def close(self) -> None:
        """Let every sink take what is queued and close, all at the same time and within the limit."""
        self._closed = True
        await asyncio.gather(*(lane.close(self._close_limit_s) for lane in self._lanes))


class _Lane:
    """One sink and what waits for it."""

    def __init__(self, sink: Sink, queue_records: int) -> None:
        self._name = type(sink).__name__
        self._sink = sink
        self.refused = 0
        self.backlog: Backlog[AnyRecord] = Backlog(self._name, self._deliver, queue_records)

    async def close(self, limit_s: float) -> None:
        try:
            async with asyncio.timeout(limit_s):
                await self.backlog.drained(limit_s)
                await self._sink.close()
        except TimeoutError:
            log.error("sink_not_closed", sink=self._name, limit_s=limit_s)
        except Exception as error:  # noqa: BLE001 - a stranger's sink; the others have to close all the same
            log.error("sink_close_failed", sink=self._name, error=type(error).__name__)

    def _deliver(self, batch: list[AnyRecord]) -> None:
        for record in batch:
            try:
                self._sink.accept(record)
            except Exception as error:  # noqa: BLE001 - a sink that raises breaks its contract, not the call
                self.refused += 1
                if self.refused == 1:
                    log.error("sink_failed", sink=self._name, error=type(error).__name__)
