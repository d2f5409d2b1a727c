"""Work that waits for a thread: a bounded queue whose other end never runs on the event loop.

A thread is started when there is work and goes away when nothing is left, so an idle call costs none. Items are
handled in order, by one thread at a time, in batches of what has gathered. There are two ways to be served:

- **alone**: a thread as soon as the first item comes. A handler that hangs holds up its own backlog and no other.
- **gathered**: what all calls have to write is collected for a quarter of a second and done by one thread. Starting a
  thread makes the event loop wait for it, and calls have something to write all the time.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final, Generic, TypeVar

import structlog

T = TypeVar("T")

log = structlog.get_logger()

GATHER_S: Final = 0.25
"""How long gathered work waits for other work to join it."""


class Backlog(Generic[T]):
    """Hands items to ``handle`` in a thread, in order; drops and counts new ones when ``limit`` are waiting.

    Args:
        name: what the logs call it: a fixed word.
        handle: takes a batch. What it raises is counted, logged once for the backlog's life, and the batch is gone.
        limit: most items that wait.
        gathered: whether the work may wait for that of others; else it is done alone and at once.

    """

    def __init__(
        self, name: str, handle: Callable[[list[T]], None], limit: int = 1000, *, gathered: bool = False
    ) -> None:
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
        self._gathered = gathered
        # Threads log in the name of the call that the backlog belongs to.
        self._context = contextvars.copy_context()

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
        if self._gathered:
            _round().begin_soon()
        try:
            await asyncio.wait_for(asyncio.wrap_future(idle), limit_s)
        except TimeoutError:
            return False
        return True

    def _start(self) -> None:
        if self._gathered and asyncio._get_running_loop() is not None:  # noqa: SLF001 - the public call raises without
            _round().add(self)
        else:
            _begin([self], f"backlog-{self.name}")

    def give_up(self, error: RuntimeError) -> None:
        """Note that the machine had no thread left; the next item tries again."""
        with self._lock:
            self._busy = False
        self._failed(error)

    def work(self) -> None:
        """Handle all that waits, in the calling thread."""
        self._context.run(self._drain)

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


class _Round:
    """The gathered backlogs of one event loop that have work."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._ready: list[Backlog[Any]] = []
        self._timer: asyncio.Handle | None = None

    def add(self, backlog: Backlog[Any]) -> None:
        self._ready.append(backlog)
        if self._timer is None:
            self._timer = self._loop.call_later(GATHER_S, self._begin)

    def begin_soon(self) -> None:
        """Somebody waits for the work to be done: begin with the loop's next turn."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._loop.call_soon(self._begin)

    def _begin(self) -> None:
        self._timer = None
        ready, self._ready = self._ready, []
        _begin(ready, "backlogs")


_rounds: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Round] = weakref.WeakKeyDictionary()


def _round() -> _Round:
    loop = asyncio.get_running_loop()
    found = _rounds.get(loop)
    if found is None:
        found = _rounds[loop] = _Round(loop)
    return found


def _begin(backlogs: list[Backlog[Any]], name: str) -> None:
    """Start a thread that does the work of ``backlogs``, one after the other."""

    def work() -> None:
        for backlog in backlogs:
            backlog.work()

    try:
        threading.Thread(target=work, name=name, daemon=True).start()
    except RuntimeError as error:
        for backlog in backlogs:
            backlog.give_up(error)


def _why(error: Exception) -> str:
    """Return what the operating system said; the text of other errors may hold what a caller said."""
    return error.strerror or "" if isinstance(error, OSError) else ""
