"""Work that waits for a thread: a bounded queue whose other end never runs on the event loop.

A thread is started when the first item comes and goes away when nothing is left, so an idle call costs none; and since
it is nobody else's, a handler that hangs holds up its own backlog alone. Items are handled in order, by one thread at
a time, in batches of what has gathered.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

import structlog

T = TypeVar("T")

log = structlog.get_logger()


class Backlog(Generic[T]):
    """Hands items to ``handle`` in a thread, in order; drops and counts new ones when ``limit`` are waiting.

    Args:
        name: what the logs call it: a fixed word.
        handle: takes a batch. What it raises is counted, logged once for the backlog's life, and the batch is gone.
        limit: most items that wait.

    """

    def __init__(self, name: str, handle: Callable[[list[T]], None], limit: int = 1000) -> None:
        self.name = name
        self.dropped = 0
        """Items that found the queue full."""
        self.failures = 0
        """Batches whose handling raised."""
        self._handle = handle
        self._limit = limit
        self._waiting: list[T] = []
        self._busy = False
        self._lock = threading.Lock()
        self._until_idle: list[Future[None]] = []

    def put(self, item: T) -> bool:
        """Queue an item and return at once, from any thread; False when it was dropped. Never raises."""
        with self._lock:
            full = len(self._waiting) >= self._limit
            if full:
                self.dropped += 1
                first = self.dropped == 1
            else:
                self._waiting.append(item)
                first = False
            start = not self._busy
            self._busy = True
        if start:
            self._start()
        if first:
            log.warning("backlog_full", backlog=self.name, limit=self._limit)
        return not full

    async def drained(self, limit_s: float) -> bool:
        """Wait until nothing is left; False if that took longer than ``limit_s`` seconds."""
        with self._lock:
            if not self._busy:
                return True
            idle: Future[None] = Future()
            self._until_idle.append(idle)
        try:
            await asyncio.wait_for(asyncio.wrap_future(idle), limit_s)
        except TimeoutError:
            return False
        return True

    def _start(self) -> None:
        # The thread logs in the name of the call that fed it.
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(self._drain,), name=f"backlog-{self.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:  # the machine has no thread left: the next item tries again
            with self._lock:
                self._busy = False
            self._failed(error)

    def _drain(self) -> None:
        while batch := self._next_batch():
            try:
                self._handle(batch)
            except Exception as error:  # noqa: BLE001 - whatever a sink or a disk does must not end the backlog
                self._failed(error)

    def _next_batch(self) -> list[T]:
        """Take all that waits; nothing left ends the thread, decided under the lock so that no item is forgotten."""
        with self._lock:
            batch, self._waiting = self._waiting, []
            if not batch:
                self._busy = False
                idle, self._until_idle = self._until_idle, []
                for waiter in idle:
                    if waiter.set_running_or_notify_cancel():
                        waiter.set_result(None)
        return batch

    def _failed(self, error: Exception) -> None:
        self.failures += 1
        if self.failures == 1:
            log.error("backlog_failed", backlog=self.name, error=type(error).__name__, why=_why(error))


def _why(error: Exception) -> str:
    """Return what the operating system said; the text of other errors may hold what a caller said."""
    return error.strerror or "" if isinstance(error, OSError) else ""
