"""The live calls of this process: who may come in, who is there, and how they are seen out.

A slot is taken before a call is answered and given back exactly once. The count is of calls, not of tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from gateway.bridge.call import Call
from gateway.errors import Ending, Party

Refusal = Literal["busy", "draining"]


class Ends(Protocol):
    """What can be told to end."""

    def end(self, ending: Ending) -> None:
        """End; the first reason counts."""
        ...


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call that holds a slot; ``call`` is None until its leg and session have met."""

    call_id: str
    since_s: float
    call: Call | None = None
    held: Ends | None = None
    """What ends it: the call, or a session that is none of ours to talk in."""


class CallRegistry:
    """Admission and drain; used from the event loop alone, so that check and take are one step.

    Args:
        limit: concurrent calls at most.

    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._live: dict[str, LiveCall] = {}
        self._empty = asyncio.Event()
        self._empty.set()
        self.draining = False

    def refusal(self) -> Refusal | None:
        """Return why the next call can't be taken, or None."""
        if self.draining:
            return "draining"
        return "busy" if len(self._live) >= self._limit else None

    @contextmanager
    def slot(self, call_id: str, now_s: float) -> Iterator[None]:
        """Hold a slot for as long as the block lasts; check :meth:`refusal` first."""
        self._live[call_id] = LiveCall(call_id, now_s)
        self._empty.clear()
        try:
            yield
        finally:
            del self._live[call_id]
            if not self._live:
                self._empty.set()

    def holds(self, call_id: str, call: Call) -> None:
        """Name the call that sits in a slot."""
        self._live[call_id] = LiveCall(call_id, self._live[call_id].since_s, call, call)

    def keeps(self, call_id: str, held: Ends) -> None:
        """Name what sits in a slot and is no call of ours: a program's own session."""
        self._live[call_id] = LiveCall(call_id, self._live[call_id].since_s, held=held)

    @property
    def live(self) -> tuple[LiveCall, ...]:
        """The calls of this moment."""
        return tuple(self._live.values())

    async def drain(self, limit_s: float) -> int:
        """Take no more calls, wait for the live ones, end those left after ``limit_s``; return how many were left."""
        self.draining = True
        try:
            async with asyncio.timeout(limit_s):
                await self._empty.wait()
        except TimeoutError:
            left = self.live
            for live in left:
                if live.held is not None:
                    live.held.end(Ending(Party.GATEWAY, "drained"))
            try:
                async with asyncio.timeout(10):
                    await self._empty.wait()
            except TimeoutError:
                pass
            return len(left)
        return 0
