"""Where the operator's Python runs: on a loop of its own and in bounded threads, never on the loop that carries audio.

A line that blocks (a slow query, a ``time.sleep`` in an ``async def``) holds up tools, and no call's sound. Threads are
daemons: one that never comes back does not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import structlog

log = structlog.get_logger()

LOOP_THREAD: Final = "tools"
CLOSE_WITHIN_S: Final = 2.0
_T = TypeVar("_T")


class Lane:
    """Threads for one sync function: at most ``threads`` at a time, so that one that hangs starves no other tool."""

    def __init__(self, name: str, threads: int) -> None:
        self._name = name
        self._free = asyncio.Semaphore(threads)

    async def run(self, work: Callable[[], _T]) -> _T:
        """Return what ``work`` gives, from a thread, once one is free.

        A cancelled caller goes on at once; the thread keeps its place until it is done.
        """
        await self._free.acquire()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[tuple[_T | None, BaseException | None]] = loop.create_future()
        context = contextvars.copy_context()

        def finish(result: _T | None, error: BaseException | None) -> None:
            self._free.release()
            if not done.done():
                done.set_result((result, error))

        def in_thread() -> None:
            result: _T | None = None
            error: BaseException | None = None
            try:
                result = context.run(work)
            except BaseException as raised:  # noqa: BLE001 - carried over to the caller, whatever it is
                error = raised
            with contextlib.suppress(RuntimeError):  # the process has closed its loop meanwhile
                loop.call_soon_threadsafe(finish, result, error)

        threading.Thread(target=in_thread, name=f"tool {self._name}", daemon=True).start()
        result, error = await done
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # None is a result, too


class Workshop:
    """The loop of the operator's coroutines; its thread starts with the first of them."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    async def run(self, make: Callable[[], Awaitable[_T]]) -> _T:
        """Return what the coroutine of ``make`` gives; it is made and run on the workshop's loop.

        When the caller is cancelled, so is the coroutine.
        """

        async def made() -> _T:
            return await make()

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(made(), self._opened()))

    def _opened(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            loop = self._loop = asyncio.SelectorEventLoop()
            self._thread = threading.Thread(target=loop.run_forever, name=LOOP_THREAD, daemon=True)
            self._thread.start()
        return self._loop

    async def close(self) -> None:
        """Cancel what still runs and end the loop; one that is blocked for good is left to the end of the process."""
        loop, thread = self._loop, self._thread
        if loop is None or thread is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN_S):
                await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(_cancel_all(), loop))
        loop.call_soon_threadsafe(loop.stop)
        await asyncio.to_thread(thread.join, CLOSE_WITHIN_S)
        if thread.is_alive():
            log.error("tools_stuck", hint="a Python tool blocks its loop; use a sync function, which gets a thread")
        else:
            loop.close()
        self._loop = None


async def _cancel_all() -> None:
    tasks: list[asyncio.Task[Any]] = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
