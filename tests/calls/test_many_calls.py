"""Many calls at a time: each is the only one, to whoever is in it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from gateway.contracts.record import CallerSpoke
from gateway.simulator.script import Agent, HangUp, InterruptAfter, Say, WaitForAgent
from tests.calls.rig import Answering, Call, Rig, hears, rig, says, script, talk, together
from tests.calls.sounds import find, sound, words
from tests.calls.stranger import Stranger

pytestmark = pytest.mark.usefixtures("leaves_nothing")

CALLS = 20


async def test_twenty_calls_side_by_side_are_each_heard_answered_and_cut_on_their_own(tmp_path: Path) -> None:
    """Each has a model of its own that says what no other says, so that a crossed line would be heard."""
    answering = {
        f"line-{number:02d}": Answering(
            script(
                says(words(5, number)),
                hears(f"stop {words(1, number)}"),
                says(words(3, number + 9)),
                pace=4.0,
            ),
            endpoint={"audio": "pcm24" if number % 2 else "auto"},
        )
        for number in range(CALLS)
    }
    async with rig(tmp_path, answering, limits={"calls": CALLS}) as house:
        calls = await together(
            *(
                house.call(
                    InterruptAfter(200 + 20 * number),
                    Say(words(2, number + 3)),
                    WaitForAgent(Agent.TO_FINISH),
                    HangUp(),
                    to=name,
                    network_ms=5 * number,
                )
                for number, name in enumerate(answering)
            )
        )
        for number, call in enumerate(calls):
            assert call.why == "caller/hung_up"
            (cut,) = call.cuts
            first = sound(words(5, number))[: int(call.heard_at(cut) * 16)]
            assert find(first, call.heard).likeness > 0.98
            assert find(sound(words(3, number + 9)), call.heard).likeness > 0.99
            assert str(call.one(CallerSpoke).text) == f"stop {words(1, number)}"
            assert call.session is not None
            (note,) = call.session.truncations
            assert note["refused"] is None
            assert note["audio_end_ms"] == pytest.approx(call.heard_at(cut), abs=20)
        assert house.exchange.registry.live == ()


async def test_the_call_after_the_last_is_told_that_all_lines_are_busy(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(6)), limits={"calls": 2}) as house:
        steps = (WaitForAgent(Agent.TO_FINISH), HangUp())
        first, second, third = await together(house.call(*steps), house.call(*steps), one_too_many(house))
        assert [first.why, second.why] == ["caller/hung_up"] * 2
        assert third.records == []
        assert third.outcome.verbs[0] in {"Say", "Reject"}
        assert len(house.model.sessions) == 2


async def one_too_many(house: Rig) -> Call:
    await house.until(lambda: len(house.exchange.registry.live) == 2)
    async with httpx.AsyncClient(trust_env=False, verify=False) as http:
        ready = await http.get(f"{house.base}/readyz")
        assert ready.status_code == 200, "a full house is ready: it tells its callers itself"
        assert ready.json()["reasons"]["calls"] == "busy"
    return await house.call(finished=False)


async def test_a_stream_that_comes_when_the_house_has_filled_up_meanwhile_is_hung_up(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(6)), limits={"calls": 1}, unredeemed_s=0.3) as house:
        late = Stranger(house)
        parameters = await late.ring()
        first = house.call(WaitForAgent(Agent.TO_FINISH), HangUp())

        async def second() -> None:
            await house.until(lambda: len(house.exchange.registry.live) == 1)
            async with late.stream() as socket:
                stream = late.words(parameters)
                await socket.send(stream.connected())
                await socket.send(stream.start())
                await house.until(lambda: house.exchange.done(late.call_sid) is not None)
                await house.over(late.call_sid)

        call, _ = await asyncio.gather(first, second())
        assert call.why == "caller/hung_up"
        assert len(house.exchange.records) == 1
