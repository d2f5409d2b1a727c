"""The operator's code that the tests name as ``tests.toolbox.code:…``."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from gateway.contracts.tool import CallFacts
from gateway.errors import ToolError

LIFE: list[str] = []
"""What was started and stopped, and where."""
RELEASE = threading.Event()
"""Lets go whatever blocks."""


async def double(number: int) -> int:
    """Return twice the number.

    This is for programmers, and no part of what the model is told.
    """
    return number * 2


def double_slowly(number: int) -> dict[str, Any]:
    """Return twice the number, from a thread."""
    return {"result": number * 2, "thread": threading.current_thread().name}


async def whose(*, call: CallFacts) -> str:
    """Say whose call it is."""
    return f"{call.call_id} {call.caller_number}"


def refuse() -> None:
    """Never work."""
    raise ToolError("closed on Sundays", kind="closed")


def block() -> str:
    """Block a thread."""
    assert RELEASE.wait(20)
    return "released"


async def block_the_loop() -> str:
    """Block the loop, as no coroutine should."""
    assert RELEASE.wait(20)
    return "released"


async def wait_forever() -> None:
    """Wait."""
    try:
        await asyncio.Event().wait()
    finally:
        LIFE.append("cancelled")


def undescribed(number: int) -> None:
    pass


class Orders:
    """Look an order up."""

    def __init__(self, prefix: str = "order") -> None:
        self.prefix = prefix
        self.open = False
        LIFE.append(f"made {prefix}")

    async def start(self) -> None:
        self.open = True
        LIFE.append(f"started {self.prefix} on {threading.current_thread().name}")

    async def stop(self) -> None:
        self.open = False
        LIFE.append(f"stopped {self.prefix}")

    async def __call__(self, number: str) -> str:
        assert self.open
        return f"{self.prefix} {number}"

    async def cancel(self, number: str) -> str:
        """Cancel an order."""
        assert self.open
        return f"cancelled {self.prefix} {number}"


class Ledger:
    """Sync from end to end."""

    def start(self) -> None:
        LIFE.append("started ledger")

    def stop(self) -> None:
        LIFE.append("stopped ledger")
        raise OSError("the disk is full")

    def entry(self, number: int) -> int:
        """Return an entry."""
        return number


ledger = Ledger()


class Broken:
    """Can't be started."""

    async def start(self) -> None:
        raise ConnectionError("no database")

    async def __call__(self) -> None:
        """Do nothing."""


class Impossible:
    """Can't be made."""

    def __init__(self) -> None:
        raise ValueError("no licence")
