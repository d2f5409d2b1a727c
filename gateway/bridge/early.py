"""Model sessions opened while the phone still rings, so that the first word comes sooner.

Only a verified webhook may open one. Each is bound to its call, their number is bounded, and one that no media stream
redeems within 10 s is closed: a stranger who rings and hangs up costs a handshake, never a conversation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Final

import structlog

from gateway.contracts.model import ModelConnector, ModelSession
from gateway.errors import ModelError

log = structlog.get_logger()

UNREDEEMED_S: Final = 10.0


class EarlySessions:
    """The sessions that wait for their call.

    Args:
        limit: how many may wait at a time; 0 opens none early.
        unredeemed_s: seconds after which one that nobody came for is closed.

    """

    def __init__(self, limit: int, *, unredeemed_s: float = UNREDEEMED_S) -> None:
        self._limit = limit
        self._unredeemed_s = unredeemed_s
        self._waiting: dict[str, tuple[asyncio.Task[ModelSession], asyncio.TimerHandle]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def open(self, leg_id: str, connector: ModelConnector) -> bool:
        """Begin to open a session for a call that rings; tell whether there was room for it."""
        if leg_id in self._waiting or len(self._waiting) >= self._limit:
            return False
        task = asyncio.ensure_future(connector.connect())
        task.add_done_callback(lambda opened: _tell_failure(opened, connector.name))
        timer = asyncio.get_running_loop().call_later(self._unredeemed_s, self._expire, leg_id)
        self._waiting[leg_id] = (task, timer)
        return True

    def redeem(self, leg_id: str) -> Awaitable[ModelSession] | None:
        """Hand over the session of a call whose media stream has come; None if none was opened.

        It may have failed, or have died while it waited: then the call opens one of its own. A failure is logged here.
        """
        waiting = self._waiting.pop(leg_id, None)
        if waiting is None:
            return None
        task, timer = waiting
        timer.cancel()
        return task

    def drop(self, leg_id: str) -> None:
        """The carrier's call is over: nobody will come."""
        if leg_id in self._waiting:
            self._expire(leg_id)

    def _expire(self, leg_id: str) -> None:
        task, timer = self._waiting.pop(leg_id)
        timer.cancel()
        log.info("early_session_closed", after_s=self._unredeemed_s)
        closing = asyncio.ensure_future(_close(task))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close them all."""
        for leg_id in list(self._waiting):
            self._expire(leg_id)
        await asyncio.gather(*self._closing)


def _tell_failure(opening: asyncio.Task[ModelSession], endpoint: str) -> None:
    """Log, once, that a session could not be opened, whether or not a call ever comes for it."""
    if not opening.cancelled() and (error := opening.exception()) is not None:
        log.warning("early_session_failed", endpoint=endpoint, why=str(error))


async def _close(opening: asyncio.Task[ModelSession]) -> None:
    if not opening.done():
        opening.cancel()
    try:
        session = await opening
    except (ModelError, asyncio.CancelledError):
        return
    await session.close()
