"""What goes on at this moment: a line for each live call, and a stream of everything that is written down.

Each call has a sink that feeds the board; records are redacted by their type. Watchers each have a bounded queue: one
that does not read misses events, is told how many, and slows nobody.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from gateway.contracts.record import (
    AgentSpoke,
    AnyRecord,
    BargeIn,
    CallEnded,
    CallerSpoke,
    CallStarted,
    FlowEvent,
)
from gateway.records.journal import journal_entry

QUEUE_EVENTS: Final = 500
"""Events that may wait for one watcher; the oldest go first."""

Event = Mapping[str, Any]


class Watcher:
    """Somebody who watches the board."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque(maxlen=QUEUE_EVENTS)
        self._missed = 0
        self._news = asyncio.Event()

    def put(self, event: Event) -> None:
        """Queue an event; the oldest gives way where there is no room."""
        if len(self._events) == QUEUE_EVENTS:
            self._missed += 1
        self._events.append(event)
        self._news.set()

    async def next(self, within_s: float) -> Event | None:
        """Return the next event; None if there is none for so long."""
        try:
            async with asyncio.timeout(within_s):
                while not self._events:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None
        if self._missed:
            missed, self._missed = self._missed, 0
            return {"event": "events_missed", "count": missed}
        return self._events.popleft()


class LiveBoard:
    """The board; belongs to the event loop."""

    def __init__(self) -> None:
        self._calls: dict[str, dict[str, Any]] = {}
        self._watchers: set[Watcher] = set()

    def sink(self, call_id: str) -> LiveSink:
        """Return the sink that feeds the board with one call."""
        return LiveSink(self, call_id)

    @property
    def calls(self) -> list[dict[str, Any]]:
        """The live calls, oldest first."""
        return [dict(facts) for facts in self._calls.values()]

    def call(self, call_id: str) -> dict[str, Any] | None:
        """Return what is known of a live call; None if there is none."""
        facts = self._calls.get(call_id)
        return None if facts is None else dict(facts)

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[Watcher]:
        """Watch for as long as the block lasts."""
        watcher = Watcher()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    def take(self, call_id: str, record: AnyRecord) -> None:
        """Take a record of a call."""
        match record:
            case CallStarted():
                self._calls[call_id] = {
                    "call_id": call_id,
                    "state": "live",
                    "leg": str(record.leg),
                    "started_at_s": record.started_at_s,
                    "caller_number": str(record.caller_number),
                    "dialed_number": str(record.dialed_number),
                    "persona": str(record.persona),
                    "endpoint": str(record.endpoint),
                    "flow": None,
                    "flow_step": None,
                    "turns": 0,
                    "barge_ins": 0,
                    "latency_ms": None,
                }
            case CallEnded():
                self._calls.pop(call_id, None)
            case _ if (facts := self._calls.get(call_id)) is not None:
                _note(facts, record)
            case _:
                pass
        if self._watchers:
            entry = journal_entry(record)
            event = {"event": entry.event, "call_id": call_id, "at_ms": entry.at_ms, **entry.fields}
            for watcher in self._watchers:
                watcher.put(event)


class LiveSink:
    """Feeds the board with one call; a :class:`~gateway.contracts.record.Sink`."""

    def __init__(self, board: LiveBoard, call_id: str) -> None:
        self._board = board
        self._call_id = call_id

    def accept(self, record: AnyRecord) -> None:
        """Take a record."""
        self._board.take(self._call_id, record)

    async def close(self) -> None:
        """Nothing is kept back."""


def _note(facts: dict[str, Any], record: AnyRecord) -> None:
    match record:
        case CallerSpoke():
            facts["turns"] = max(facts["turns"], record.turn)
        case AgentSpoke() if record.latency_ms is not None:
            facts["latency_ms"] = record.latency_ms
        case BargeIn():
            facts["barge_ins"] += 1
        case FlowEvent():
            facts["flow"], facts["flow_step"] = str(record.flow), str(record.step)
        case _:
            pass
