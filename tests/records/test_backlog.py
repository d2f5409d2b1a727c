"""Work handed to a thread: in order, bounded, and nobody else's trouble."""

from __future__ import annotations

import threading

import pytest
from structlog.testing import capture_logs

from gateway.records.backlog import Backlog


async def test_items_are_handled_in_order_and_off_the_loop() -> None:
    seen: list[int] = []
    threads: set[int] = set()

    def handle(batch: list[int]) -> None:
        threads.add(threading.get_ident())
        seen.extend(batch)

    backlog: Backlog[int] = Backlog("test", handle)
    for number in range(500):
        assert backlog.put(number)
    assert await backlog.drained(5)
    assert seen == list(range(500))
    assert threading.get_ident() not in threads


async def test_no_thread_stays_when_nothing_is_left() -> None:
    backlog: Backlog[int] = Backlog("leaving", lambda batch: None)
    backlog.put(1)
    assert await backlog.drained(5)
    for thread in threading.enumerate():
        if thread.name == "backlog-leaving":
            thread.join(5)
    assert not any(thread.name == "backlog-leaving" for thread in threading.enumerate())
    assert await backlog.drained(0)


async def test_a_full_backlog_drops_counts_and_says_so_once() -> None:
    gate = threading.Event()
    started = threading.Event()
    seen: list[int] = []

    def handle(batch: list[int]) -> None:
        started.set()
        assert gate.wait(5)
        seen.extend(batch)

    backlog: Backlog[int] = Backlog("slow", handle, limit=3)
    with capture_logs() as logs:
        backlog.put(0)
        assert started.wait(5)
        assert [backlog.put(number) for number in range(1, 7)] == [True, True, True, False, False, False]
        assert not await backlog.drained(0.01)
    gate.set()
    assert await backlog.drained(5)
    assert seen == [0, 1, 2, 3]
    assert backlog.dropped == 3
    assert logs == [{"event": "backlog_full", "backlog": "slow", "limit": 3, "log_level": "warning"}]


async def test_a_failing_handler_is_counted_and_its_secrets_are_not_logged() -> None:
    def handle(batch: list[str]) -> None:
        raise ValueError(f"could not write {batch}")

    backlog: Backlog[str] = Backlog("failing", handle)
    with capture_logs() as logs:
        for _ in range(3):
            backlog.put("4111 1111 1111 1111")
            assert await backlog.drained(5)
    assert backlog.failures == 3
    assert len(logs) == 1
    assert logs[0]["error"] == "ValueError"
    assert "4111" not in str(logs)


async def test_without_threads_items_wait_for_better_times(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    seen: list[int] = []
    backlog: Backlog[int] = Backlog("starved", seen.extend)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        assert backlog.put(1)
    backlog.put(2)
    assert await backlog.drained(5)
    assert seen == [1, 2]
    assert backlog.failures == 1


async def test_gathered_work_of_many_is_done_by_one_thread() -> None:
    threads: set[int] = set()
    seen: list[int] = []

    def handle(batch: list[int]) -> None:
        threads.add(threading.get_ident())
        seen.extend(batch)

    backlogs: list[Backlog[int]] = [Backlog(f"many-{number}", handle, gathered=True) for number in range(20)]
    for number, backlog in enumerate(backlogs):
        backlog.put(number)
        backlog.put(number + 100)
    assert seen == []
    assert await backlogs[-1].drained(5)
    assert all([await backlog.drained(5) for backlog in backlogs])
    assert seen == [part for number in range(20) for part in (number, number + 100)]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_gathered_work_is_done_without_an_event_loop_too() -> None:
    done = threading.Event()
    Backlog("loopless", lambda batch: done.set(), gathered=True).put(1)
    assert done.wait(5)
