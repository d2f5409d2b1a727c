"""The caller hangs up, at every moment there is: nothing of the call may be left, in no room of the house.

That no task, thread or child process is left is what ``leaves_nothing`` sees to, that no model session is, the rig.
"""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path

import pytest

from gateway.contracts.model import ToolSpec
from gateway.contracts.record import ToolCalled
from gateway.contracts.tool import ToolOutcome
from gateway.errors import Ending, Party
from gateway.offline.faults import Faults as ModelFaults
from gateway.simulator.faults import Farewell, Faults
from gateway.simulator.rest import RestFaults
from gateway.simulator.script import Agent, HangUp, InterruptAfter, Say, StaySilent, Step, WaitForAgent
from tests.calls.rig import Answering, Call, Rig, calls_tool, hears, rig, says, script, talk, together
from tests.calls.sounds import words
from tests.calls.stranger import Stranger

pytestmark = pytest.mark.usefixtures("leaves_nothing")

FAREWELLS = tuple(Farewell)
TRANSFERS = {"tools": ["transfer_call"], "transfer_targets": {"desk": "tel:+442079460000"}}
LOOKUP = ToolSpec(name="lookup", description="look it up", parameters={"type": "object", "properties": {}})


async def in_every_manner(house: Rig, *steps: Step, finished: bool = True) -> list[Call]:
    """Place a call for each way in which a carrier lets go of a stream."""
    calls = await together(
        *(house.call(*steps, faults=Faults(farewell=farewell), finished=finished) for farewell in FAREWELLS)
    )
    for call in calls:
        assert call.ending.who in {"caller", "carrier"}, call.why
    assert house.exchange.registry.live == ()
    return calls


async def test_while_it_rings(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2))) as house:
        stranger = Stranger(house)
        await stranger.ring()
        await stranger.status("canceled")
        await house.until(lambda: house.model.open_sessions == 0)
        assert house.exchange.early == 0


async def test_while_the_early_session_is_still_being_opened(tmp_path: Path) -> None:
    slow = Answering(talk(words(2)), faults=ModelFaults(read_delay_ms=2000))
    async with rig(tmp_path, slow) as house:
        stranger = Stranger(house)
        await asyncio.gather(stranger.ring(), stranger.status("canceled"))
        assert (await stranger.status("canceled")) in {200, 204}
        assert house.exchange.early == 0


async def test_before_the_stream_has_started(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2)), unredeemed_s=0.3) as house:
        for words_first in (False, True):
            stranger = Stranger(house)
            parameters = await stranger.ring()
            async with stranger.stream() as socket:
                if words_first:
                    await socket.send(stranger.words(parameters).connected())
            async with stranger.stream() as socket:
                socket.transport.abort()
        await house.until(lambda: house.model.open_sessions == 0)
        assert house.exchange.records == {}


async def test_at_the_very_start(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2)), limits={"early_sessions": 0}, strict=False) as house:
        for stop in (False, True):
            stranger = Stranger(house)
            parameters = await stranger.ring()
            async with stranger.stream() as socket:
                stream = stranger.words(parameters)
                for message in (stream.connected(), stream.start(), *([stream.stop()] if stop else [])):
                    await socket.send(message)
            await house.until(lambda sid=stranger.call_sid: sid in str(house.exchange.records))  # type: ignore[misc]
            await house.over(stranger.call_sid)
        assert {str(records[-1].reason) for records in house.exchange.records.values()} == {"hung_up"}  # type: ignore[union-attr]


async def test_while_it_is_greeted(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(12), pace=2.0)) as house:
        for call in await in_every_manner(house, InterruptAfter(300), HangUp()):
            assert call.ending.duration_ms < 1500
            assert 0 < call.ending.heard_ms < call.ending.sent_ms


async def test_while_it_speaks(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2), words(2))) as house:
        faults = [Faults(reset_at_ms=1700), Faults(reset_at_ms=1801)]
        calls = await together(
            *(
                house.call(WaitForAgent(Agent.TO_FINISH), Say(words(12)), faults=fault, finished=False)
                for fault in faults
            )
        )
        assert [call.why for call in calls] == ["carrier/stream_lost"] * 2
        assert [request.form.get("Status") for request in house.rest.requests] == ["completed"] * 2


async def test_while_the_answer_plays(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2), words(12, 4), pace=2.0)) as house:
        await in_every_manner(house, WaitForAgent(Agent.TO_FINISH), Say("tell me"), InterruptAfter(400), HangUp())


async def test_while_a_tool_runs(tmp_path: Path) -> None:
    begun, cancelled = [], []

    async def never(arguments: str) -> ToolOutcome:
        begun.append(arguments)
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(arguments)
        raise AssertionError("unreachable")

    model = script(says(words(2)), hears("look it up"), calls_tool("lookup"))
    quiet = Answering(model, {"filler": {"say": []}})
    async with rig(tmp_path, quiet, tools=[(LOOKUP, never)]) as house:
        calls = await in_every_manner(
            house, WaitForAgent(Agent.TO_FINISH), Say("look it up"), StaySilent(900), HangUp()
        )
        assert [call.one(ToolCalled).name for call in calls] == ["lookup"] * len(calls)
        assert len(begun) == len(cancelled) == len(calls)


async def test_while_it_is_being_put_through(tmp_path: Path) -> None:
    model = script(
        says(words(2)), hears("the desk"), calls_tool("transfer_call", {"target": "desk"}, first=words(2, 4))
    )
    slow = RestFaults(delay_ms=1500)
    async with rig(tmp_path, Answering(model, persona=TRANSFERS), rest_faults=slow) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH), Say("the desk"), WaitForAgent(Agent.TO_FINISH, settle_ms=500), HangUp()
        )
        assert call.outcome.transferred_to is None
        assert house.exchange.registry.live == ()
        await asyncio.sleep(2)  # until the carrier's API has noticed that nobody waits for its answer any more


async def test_during_the_goodbye(tmp_path: Path) -> None:
    model = script(says(words(2)), hears("bye"), calls_tool("end_call", first=words(8, 4)))
    async with rig(tmp_path, model) as house:
        calls = await in_every_manner(house, WaitForAgent(Agent.TO_FINISH), Say("bye"), InterruptAfter(500), HangUp())
        assert "agent" not in {call.ending.who for call in calls}


async def test_while_the_model_is_being_reached(tmp_path: Path) -> None:
    """The model takes its time over each message, so that the session is not yet set up when the caller goes."""
    slow = Answering(talk(words(2)), faults=ModelFaults(read_delay_ms=400))
    async with rig(tmp_path, slow, limits={"early_sessions": 0}, strict=False) as house:
        await in_every_manner(house, StaySilent(100), HangUp())


async def test_during_a_drain(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(4), words(4))) as house:
        leaving = asyncio.create_task(
            house.call(WaitForAgent(Agent.TO_FINISH), Say("still here"), InterruptAfter(200), HangUp())
        )
        await house.until(lambda: len(house.exchange.registry.live) == 1)
        drain = asyncio.create_task(house.exchange.drain(20))
        await asyncio.sleep(0)
        late = await house.call(finished=False)
        assert late.records == []
        assert late.outcome.verbs[0] == "Say", "who calls now is told that it is no time to call"
        call = await leaving
        assert call.why == "caller/hung_up"
        await drain


async def test_a_drain_that_takes_too_long_ends_the_calls(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(30))) as house:
        calling = [asyncio.create_task(house.call(finished=False)) for _ in range(3)]
        await house.until(lambda: len(house.exchange.registry.live) == 3)
        await house.exchange.drain(1)
        assert [(await call).why for call in calling] == ["gateway/drained"] * 3


async def test_a_task_that_is_cancelled_takes_its_call_with_it(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(10))) as house:
        calling = asyncio.create_task(house.call(finished=False))
        await house.until(lambda: bool(house.exchange.registry.live))
        await house.until(lambda: house.exchange.registry.live[0].call is not None)
        call = house.exchange.registry.live[0].call
        assert call is not None
        call.end(Ending(Party.GATEWAY, "fault", ok=False))
        assert (await calling).why == "gateway/fault"


async def test_no_file_or_socket_stays_open_after_many_calls(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(2)), records=False) as house:
        await house.call(WaitForAgent(Agent.TO_FINISH), HangUp())
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        await together(*(house.call(WaitForAgent(Agent.TO_FINISH), HangUp()) for _ in range(6)))
        gc.collect()
        await house.until(lambda: len(os.listdir("/proc/self/fd")) <= before)
