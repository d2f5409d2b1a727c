"""One sink that stands for many, some of them broken."""

from __future__ import annotations

import asyncio
import threading

from structlog.testing import capture_logs

from gateway.contracts.record import AnyRecord, KeyCount
from gateway.records.fanout import Aside, Fanout

RECORDS: list[AnyRecord] = [KeyCount(at_ms=at_ms, count=1) for at_ms in range(20)]


class Kept:
    """Keeps what it gets."""

    def __init__(self) -> None:
        self.records: list[AnyRecord] = []
        self.closed = False

    def accept(self, record: AnyRecord) -> None:
        assert not self.closed
        self.records.append(record)

    async def close(self) -> None:
        self.closed = True


class Failing(Kept):
    """Raises whenever it can."""

    def accept(self, record: AnyRecord) -> None:
        raise OSError(28, "No space left on device")

    async def close(self) -> None:
        raise OSError(28, "No space left on device")


class Stuck(Kept):
    """Takes its first record and holds on to it until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()
        self.reached = threading.Event()

    def accept(self, record: AnyRecord) -> None:
        self.reached.set()
        assert self.gate.wait(10)
        super().accept(record)


class NeverClosing(Kept):
    """Takes everything and never closes."""

    async def close(self) -> None:
        await asyncio.Event().wait()


async def test_every_sink_gets_every_record_in_order_and_is_closed() -> None:
    first, second = Kept(), Kept()
    fanout = Fanout([first, second])
    for record in RECORDS:
        fanout.accept(record)
    await fanout.close()
    assert first.records == second.records == RECORDS
    assert first.closed
    assert second.closed
    assert fanout.lost == 0


async def test_a_failing_sink_is_counted_logged_once_and_disturbs_nobody() -> None:
    kept = Kept()
    fanout = Fanout([Failing(), kept])
    with capture_logs() as logs:
        for record in RECORDS:
            fanout.accept(record)
        await fanout.close()
    assert kept.records == RECORDS
    assert fanout.lost == len(RECORDS)
    assert [(line["event"], line["sink"]) for line in logs] == [
        ("sink_failed", "Failing"),
        ("sink_close_failed", "Failing"),
    ]


async def test_a_stuck_sink_aside_fills_its_own_queue_only() -> None:
    stuck, kept = Stuck(), Kept()
    aside = Aside(stuck, queue_records=5)
    fanout = Fanout([aside, kept], close_limit_s=0.05)
    with capture_logs() as logs:
        fanout.accept(RECORDS[0])
        assert stuck.reached.wait(5)
        for record in RECORDS[1:]:
            fanout.accept(record)
        await fanout.close()
    assert kept.records == RECORDS
    assert aside.lost == len(RECORDS) - 1 - 5
    assert [line["event"] for line in logs] == ["backlog_full", "sink_not_closed"]
    stuck.gate.set()
    assert await aside._backlog.drained(5)


async def test_a_sink_aside_gets_every_record_in_order_off_the_loop() -> None:
    kept = Kept()
    fanout = Fanout([Aside(kept)])
    for record in RECORDS:
        fanout.accept(record)
    await fanout.close()
    assert kept.records == RECORDS
    assert kept.closed


async def test_closing_has_an_end() -> None:
    kept = Kept()
    fanout = Fanout([NeverClosing(), kept], close_limit_s=0.05)
    with capture_logs() as logs:
        fanout.accept(RECORDS[0])
        await fanout.close()
    assert kept.closed
    assert [line["event"] for line in logs] == ["sink_not_closed"]


async def test_what_comes_after_the_end_is_ignored() -> None:
    kept = Kept()
    fanout = Fanout([kept])
    await fanout.close()
    fanout.accept(RECORDS[0])
    assert kept.records == []
    assert fanout.lost == 0
