"""An event loop whose time passes only while somebody waits: whole calls in a fraction of their length, and exactly.

Gateway, model and carrier share this loop and talk over real sockets. Whatever can be done is done at one instant; when
nothing is left to do, time jumps to the next thing that is due. So a busy machine makes a test slow and never wrong,
and what is measured in milliseconds is the gateway's doing alone. While a thread or a child process works, which no
loop can see, time passes as it does on the wall.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
import time
from asyncio import transports
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Final

DELIVERY_S: Final = 0.00005
"""What bytes may take from one socket of this machine to another; real seconds."""
_THREADS: Final = ("backlog", "tool ")
"""Names of threads that work beside the loop's own pool begin so."""


class Clockwork(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        self.now_s = time.monotonic()
        self.jobs = 0
        self.children: list[transports.SubprocessTransport] = []
        super().__init__(_Selector(self))  # type: ignore[arg-type]

    def time(self) -> float:
        """Return the loop's seconds."""
        return self.now_s

    def is_watched(self) -> bool:
        """Tell whether something works that this loop does not run itself."""
        self.children = [child for child in self.children if child.get_returncode() is None]
        threads = any(thread.name.startswith(_THREADS) for thread in threading.enumerate())
        return bool(self.jobs or self.children or threads)

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Have a thread do something, and let time pass meanwhile."""
        future = super().run_in_executor(executor, func, *args)
        self.jobs += 1
        future.add_done_callback(self._job_done)
        return future

    async def shutdown_default_executor(self, *limit: Any) -> None:
        """See the threads out, which takes a thread of its own."""
        self.jobs += 1
        try:
            await super().shutdown_default_executor(*limit)
        finally:
            self.jobs -= 1

    def _job_done(self, _: object) -> None:
        self.jobs -= 1

    async def _make_subprocess_transport(self, *args: Any, **more: Any) -> transports.SubprocessTransport:
        child: transports.SubprocessTransport = await super()._make_subprocess_transport(*args, **more)  # type: ignore[misc]
        self.children.append(child)
        return child


class _Selector(selectors.DefaultSelector):
    """Waits without waiting."""

    def __init__(self, loop: Clockwork) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(0)
        if timeout is None or self._loop.is_watched():
            began = time.monotonic()
            found = super().select(timeout)
            self._loop.now_s += time.monotonic() - began
            return found
        found = super().select(0)
        if not found:
            time.sleep(DELIVERY_S)  # the selector's own shortest wait is a millisecond
            found = super().select(0)
        if not found:
            self._loop.now_s += timeout
        return found


def hands_of(loop: Clockwork) -> SimpleNamespace:
    """Return what stands in for the module ``time`` where the machine's clock is read."""
    wall_s = time.time() - loop.now_s
    return SimpleNamespace(monotonic_ns=lambda: int(loop.now_s * 1e9), time=lambda: wall_s + loop.now_s)
