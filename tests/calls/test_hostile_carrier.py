"""A carrier that does what carriers do on a bad day."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.contracts.record import AgentSpoke, BargeIn, Fault
from gateway.simulator.faults import Farewell, Faults
from gateway.simulator.script import Agent, HangUp, InterruptAfter, Say, StaySilent, WaitForAgent
from tests.calls.rig import Call, calls_tool, hears, rig, says, script, talk, together
from tests.calls.sounds import find, length_ms, sound, words

pytestmark = pytest.mark.usefixtures("leaves_nothing")

STORY, ANSWER, GOODBYE = words(10), words(3, 12), words(3, 16)
BOUND_MS = 20.0
STEPS = (InterruptAfter(700), Say("stop"), WaitForAgent(Agent.TO_FINISH), Say("bye"))
MODEL = script(says(STORY), hears("stop"), says(ANSWER), hears("bye"), calls_tool("end_call", first=GOODBYE), pace=3.0)


def it_went_as_if_nothing_was(call: Call) -> None:
    """Interrupted, answered, bidden goodbye to the last word, hung up."""
    for text in (ANSWER, GOODBYE):
        assert find(sound(text), call.heard).likeness > 0.99, text
    assert call.why == "agent/goodbye"
    assert call.outcome.why == "hung up by the REST API"
    assert call.ending.barge_ins == 1
    assert call.one(BargeIn).action == "truncated"


@pytest.mark.parametrize(
    "faults",
    [
        Faults(marks_twice=True),
        Faults(marks_late_ms=300),
        Faults(marks_late_ms=1200),
        Faults(slow_reader_ms=3),
    ],
    ids=["marks twice", "marks late", "marks very late", "slow reader"],
)
async def test_marks_may_come_as_they_like(tmp_path: Path, faults: Faults) -> None:
    async with rig(tmp_path, MODEL) as house:
        calls = await together(*(house.call(*STEPS, faults=faults, network_ms=network) for network in (0, (60, 60))))
        for call in calls:
            it_went_as_if_nothing_was(call)
            assert call.session is not None
            (note,) = call.session.truncations
            assert note["refused"] is None
            assert note["audio_end_ms"] == pytest.approx(call.heard_at(call.cuts[0]), abs=BOUND_MS)


async def test_without_any_mark_the_clock_is_believed_and_the_call_ends_all_the_same(tmp_path: Path) -> None:
    async with rig(tmp_path, MODEL) as house:
        call = await house.call(*STEPS, faults=Faults(marks_lost=True))
        it_went_as_if_nothing_was(call)
        assert call.session is not None
        (note,) = call.session.truncations
        assert note["audio_end_ms"] == pytest.approx(call.heard_at(call.cuts[0]), abs=BOUND_MS)
        assert {str(fault.kind) for fault in call.all(Fault)} == {"clear_repeated", "clear_unconfirmed"}


async def test_media_before_the_start_breaks_the_stream_or_is_taken_but_harms_nobody(tmp_path: Path) -> None:
    async with rig(tmp_path, MODEL, unredeemed_s=0.5, strict=False) as house:
        odd, plain = await together(
            house.call(*STEPS, faults=Faults(media_before_start=3), finished=False), house.call(*STEPS)
        )
        it_went_as_if_nothing_was(plain)
        if odd.records:
            it_went_as_if_nothing_was(odd)
        else:
            assert odd.outcome.close_code == 1002
        await house.until(lambda: house.model.open_sessions == 0)


async def test_a_stream_that_starts_twice_is_broken_off_and_its_caller_hung_up(tmp_path: Path) -> None:
    async with rig(tmp_path, MODEL) as house:
        odd, plain = await together(house.call(faults=Faults(starts=2), finished=False), house.call(*STEPS))
        it_went_as_if_nothing_was(plain)
        assert (odd.why, odd.outcome.close_code) == ("carrier/protocol", 1002)


async def test_a_stall_and_the_burst_after_it_lose_nothing(tmp_path: Path) -> None:
    model = script(says(words(2)), hears("a long question"), says(ANSWER))
    async with rig(tmp_path, model) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH),
            Say(words(6, 5)),
            WaitForAgent(Agent.TO_FINISH),
            HangUp(),
            faults=Faults(stall_at_ms=1500, stall_ms=900),
        )
        assert find(sound(ANSWER), call.heard).likeness > 0.99
        assert call.ending.caller_audio_dropped_ms == 0
        assert call.ending.turns == 1


@pytest.mark.parametrize("farewell", list(Farewell))
async def test_a_carrier_may_let_go_in_every_manner(tmp_path: Path, farewell: Farewell) -> None:
    async with rig(tmp_path, talk(words(2))) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), HangUp(), faults=Faults(farewell=farewell))
        lost = farewell is Farewell.RESET
        assert call.why == ("carrier/stream_lost" if lost else "caller/hung_up")
        # Where the stream was lost the call may live on, and is ended; where the carrier let go it is over.
        assert len(house.rest.requests) == int(lost)


async def test_a_connection_that_is_reset_ends_the_call_at_once(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(STORY)) as house:
        call = await house.call(faults=Faults(reset_at_ms=600), finished=False)
        assert call.why == "carrier/stream_lost"
        assert call.ending.duration_ms == pytest.approx(600, abs=60)
        (spoke,) = call.all(AgentSpoke)
        assert (spoke.interrupted, spoke.heard_ms < length_ms(STORY)) == (True, True)


async def test_lost_frames_are_silence_and_shift_nothing(tmp_path: Path) -> None:
    model = script(says(words(2)), hears("can you hear me"), says(ANSWER))
    async with rig(tmp_path, model) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH),
            StaySilent(100),
            Say(words(4, 5)),
            WaitForAgent(Agent.TO_FINISH),
            HangUp(),
            faults=Faults(drop_pattern=(True, True, False, True, True)),
        )
        assert find(sound(ANSWER), call.heard).likeness > 0.99
        (response,) = call.outcome.responses
        assert response.latency_ms is not None
        (_, spoke) = call.all(AgentSpoke)
        assert spoke.latency_ms == pytest.approx(response.latency_ms, abs=80)


async def test_who_redials_the_same_stream_is_refused_and_who_calls_again_is_welcome(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(3))) as house:
        first = await house.call(WaitForAgent(Agent.TO_FINISH), HangUp(), faults=Faults(reuse_token=True))
        assert first.outcome.reuse_close_code == 1008
        second = await house.call(WaitForAgent(Agent.TO_FINISH), HangUp())
        assert find(sound(words(3)), second.heard).likeness > 0.99
