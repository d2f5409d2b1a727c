from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import HandClock
from gateway.simulator.network import DelayLine
from gateway.simulator.pace import Pace


def test_what_goes_in_comes_out_after_the_delay():
    line = DelayLine(60.0)
    line.push("a", 10.0)
    assert line.next_wake_ms() == 70.0
    assert line.pop(69.9) is None
    assert line.pop(75.0) == (70.0, "a")
    assert line.next_wake_ms() is None


@given(st.lists(st.floats(0, 100), max_size=30), st.floats(0, 500))
def test_nothing_overtakes_and_nothing_is_lost(pauses, delay_ms):
    line, now_ms = DelayLine(delay_ms), 0.0
    for number, pause in enumerate(pauses):
        now_ms += pause
        line.push(number, now_ms)
    out = []
    while (thing := line.pop(now_ms + delay_ms)) is not None:
        out.append(thing)
    assert [number for _, number in out] == list(range(len(pauses)))
    assert [at for at, _ in out] == sorted(at for at, _ in out)


def test_a_network_is_not_faster_than_time():
    with pytest.raises(ValueError, match="-1 ms is negative"):
        DelayLine(-1)


def test_the_calls_time_runs_from_a_chosen_instant_and_maybe_faster():
    clock = HandClock(1000.0)
    pace = Pace(clock, speedup=4.0)
    clock.advance(10.0)
    assert pace.now_ms() == 40.0
    assert pace.seconds_until(80.0) == 0.01
    assert pace.seconds_until(20.0) == 0.0
    assert pace.restart() == 40.0
    assert pace.now_ms() == 0.0
    with pytest.raises(ValueError, match="speedup: 0"):
        Pace(clock, speedup=0)


async def test_a_signal_ends_the_wait_and_is_lowered():
    pace, signal = Pace(HandClock()), asyncio.Event()
    signal.set()
    await pace.wait(signal, 60_000.0)
    assert not signal.is_set()
    waiting = asyncio.create_task(pace.wait(signal, None))
    signal.set()
    await waiting
    assert not signal.is_set()
