"""Delivers what is spooled, to the call store and to the webhook, in a thread of its own: no call waits for either.

Each outlet has its own pace. One that is down is tried again after 1, 2, 4 … 300 seconds; one that will not have a
batch, and never will, gets no more of it. What is not delivered when the process ends is delivered by the next one.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from gateway.records.spool import Batch, Spool

log = structlog.get_logger()

FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 300.0
TIDY_EVERY_S: Final = 3600.0
"""How often an outlet may put its own house in order."""
BATCHES_AT_ONCE: Final = 200


class OutletDown(Exception):
    """It could not be delivered now; another try can help. ``why`` is a few words of ours, without anything said."""


class OutletRefused(Exception):
    """It will never be taken as it is."""


class Outlet(Protocol):
    """Where records go. Everything is called in the courier's own loop."""

    @property
    def name(self) -> str:
        """A word for the log."""
        ...

    async def deliver(self, batches: Sequence[Batch]) -> int:
        """Deliver batches in their order and return how many of them, from the first on, need not come again.

        Raises:
            OutletDown: nothing was taken.
            OutletRefused: the first one will never be taken.

        """
        ...

    async def tidy(self) -> None:
        """Put things in order, about every hour. Raises :class:`OutletDown` if it can't."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Courier:
    """Carries from each spool to its outlet; its thread starts with the first thing to deliver.

    Args:
        rounds: spools, and what makes their outlets; that is called in the thread, for it may take its time.
        first_retry_s: the first pause after a failure; each further one is twice as long.

    """

    def __init__(
        self, rounds: Sequence[tuple[Spool, Callable[[], Outlet]]], *, first_retry_s: float = FIRST_RETRY_S
    ) -> None:
        self.spools = [spool for spool, _ in rounds]
        self.delivered = 0
        """Batches delivered."""
        self.failures = 0
        """Tries that failed."""
        self._rounds = list(rounds)
        self._first_retry_s = first_retry_s
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: list[asyncio.Event] = []
        self._closing = False

    def has_work(self) -> bool:
        """Return whether something waits, such as what the process before this one left. Blocks."""
        return any(spool.waiting(1) for spool in self.spools)

    def wake(self) -> None:
        """There is something to deliver; from any thread."""
        with self._lock:
            if self._closing:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="courier", daemon=True)
                self._thread.start()
            elif self._loop is not None:
                self._loop.call_soon_threadsafe(self._tell)

    async def close(self, limit_s: float) -> None:
        """Deliver what can be delivered at once, and stop; what is left waits for the next start."""
        with self._lock:
            self._closing = True
            thread, loop = self._thread, self._loop
            if loop is not None:
                loop.call_soon_threadsafe(self._tell)
        if thread is not None:
            await asyncio.to_thread(thread.join, limit_s)
            if thread.is_alive():
                log.warning("courier_left_behind", limit_s=limit_s)

    def _tell(self) -> None:
        for news in self._news:
            news.set()

    def _work(self) -> None:
        try:
            asyncio.run(self._carry())
        except Exception as error:  # noqa: BLE001 - the last driver of this thread: what it loses waits on the disk
            log.error("courier_died", error=type(error).__name__)

    async def _carry(self) -> None:
        self._news = [asyncio.Event() for _ in self._rounds]
        with self._lock:
            self._loop = asyncio.get_running_loop()
        try:
            rounds = zip(self._rounds, self._news, strict=True)
            await asyncio.gather(*(self._round(spool, make(), news) for (spool, make), news in rounds))
        finally:
            with self._lock:
                self._loop = None

    async def _round(self, spool: Spool, outlet: Outlet, news: asyncio.Event) -> None:
        try:
            await self._deliver_all(spool, outlet, news)
        finally:
            await outlet.close()

    async def _deliver_all(self, spool: Spool, outlet: Outlet, news: asyncio.Event) -> None:
        retry_s, tidy_at = self._first_retry_s, 0.0
        while True:
            news.clear()
            try:
                if time.monotonic() >= tidy_at:
                    await outlet.tidy()
                    tidy_at = time.monotonic() + TIDY_EVERY_S
                more = await self._some(spool, outlet)
            except OutletDown as error:
                self.failures += 1
                log.warning("outlet_down", outlet=outlet.name, why=str(error), retry_s=retry_s)
                if self._closing:
                    break
                pause_s = retry_s * random.uniform(0.75, 1.25)  # noqa: S311 - jitter
                await self._rest(pause_s, news, whatever_comes=True)
                retry_s = min(2 * retry_s, LONGEST_RETRY_S)
                continue
            retry_s = self._first_retry_s
            if more:
                continue
            if self._closing:
                break
            await self._rest(max(0.0, tidy_at - time.monotonic()), news)

    async def _some(self, spool: Spool, outlet: Outlet) -> bool:
        """Deliver some of what waits; tell whether there may be more."""
        try:
            paths = spool.waiting(BATCHES_AT_ONCE)
            batches = [batch for path in paths if (batch := spool.read(path)) is not None]
            if batches:
                try:
                    count = await _deliver(outlet, batches)
                except OutletRefused as error:
                    log.error("outlet_refused", outlet=outlet.name, why=str(error), batch=batches[0].id)
                    spool.refuse([batches[0].path])
                else:
                    spool.delivered([batch.path for batch in batches[:count]])
                    self.delivered += count
                    return count > 0
            return bool(paths)
        except OSError as error:
            raise OutletDown(f"the spool can't be read: {error.strerror}") from error

    async def _rest(self, seconds: float, news: asyncio.Event, *, whatever_comes: bool = False) -> None:
        """Wait so long, or until there is something new unless ``whatever_comes``; a closing courier does not rest."""
        end = time.monotonic() + seconds
        while not self._closing and (left_s := end - time.monotonic()) > 0:
            try:
                async with asyncio.timeout(left_s):
                    await news.wait()
            except TimeoutError:
                return
            if not whatever_comes:
                return
            news.clear()


async def _deliver(outlet: Outlet, batches: Sequence[Batch]) -> int:
    """Deliver batches, or the first alone if one of them is refused: the others shall not suffer for it."""
    try:
        return await outlet.deliver(batches)
    except OutletRefused:
        if len(batches) == 1:
            raise
        return await outlet.deliver(batches[:1])
