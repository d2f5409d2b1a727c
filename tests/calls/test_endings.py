"""How calls end when nobody says goodbye: transferred, silent, out of time."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from gateway.contracts.record import AgentSpoke, Fault, IdlePrompt, ToolCalled, Transferred
from gateway.settings.schema import Settings
from gateway.simulator.faults import Faults
from gateway.simulator.rest import RestFaults
from gateway.simulator.script import Agent, EndedBy, HangUp, Say, StaySilent, WaitForAgent
from tests.calls.rig import Answering, calls_tool, hears, rig, says, script, talk, together
from tests.calls.sounds import find, sound, words

pytestmark = pytest.mark.usefixtures("leaves_nothing")

DESK = "+442079460000"
TRANSFERS = {"tools": ["transfer_call"], "transfer_targets": {"desk": f"tel:{DESK}"}}


async def test_a_caller_is_put_through_by_the_carrier_once_the_announcement_was_heard(tmp_path: Path) -> None:
    announced = words(4, 6)
    model = script(says(words(2)), hears("the desk"), calls_tool("transfer_call", {"target": "desk"}, first=announced))
    async with rig(tmp_path, Answering(model, persona=TRANSFERS)) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say("the desk please"))
        assert call.outcome.transferred_to == DESK
        assert find(sound(announced), call.heard).likeness > 0.99, "it was heard to its end"
        assert call.why == "agent/transferred"
        assert call.one(Transferred).ok
        forms = [dict(request.form) for request in house.rest.requests]
        assert ["Status" in form for form in forms] == [False], "a caller who was put through is not hung up on"
        assert DESK not in str(call.records)


async def test_a_transfer_that_the_carrier_refuses_leaves_the_caller_with_the_agent(tmp_path: Path) -> None:
    sorry = words(4, 8)
    model = script(
        says(words(2)),
        hears("the desk"),
        calls_tool("transfer_call", {"target": "desk"}, first=words(2, 4)),
        says(sorry),
    )
    refusing = RestFaults(fail_first=1, status=400)
    async with rig(tmp_path, Answering(model, persona=TRANSFERS), rest_faults=refusing) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH),
            Say("the desk please"),
            StaySilent(1500),
            WaitForAgent(Agent.TO_FINISH),
            HangUp(),
        )
        assert call.outcome.transferred_to is None
        assert not call.one(Transferred).ok
        assert find(sound(sorry), call.heard).likeness > 0.99
        assert call.why == "caller/hung_up"


async def test_a_target_that_nobody_named_is_never_dialled(tmp_path: Path) -> None:
    model = script(
        says(words(2)),
        hears("dial"),
        calls_tool("transfer_call", {"target": "tel:+19005550000"}),
        says(words(2, 5), trigger="client"),
    )
    async with rig(tmp_path, Answering(model, persona=TRANSFERS)) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH), Say("dial this"), WaitForAgent(Agent.TO_FINISH), HangUp()
        )
        assert call.one(ToolCalled).name == "transfer_call"
        assert call.all(Transferred) == []
        assert call.outcome.transferred_to is None


async def test_a_silent_caller_is_asked_twice_and_then_bidden_goodbye(tmp_path: Path) -> None:
    first, second, goodbye = words(2, 4), words(2, 7), words(3, 10)
    model = script(
        says(words(2)),
        says(first, instructions="Still there?"),
        says(second, instructions="Hello?"),
        says(goodbye, instructions="Farewell."),
    )
    idle = {"after_ms": 1000, "prompts": ["Still there?", "Hello?"], "goodbye": "Farewell."}
    async with rig(tmp_path, Answering(model, persona={"idle": idle})) as house:
        call = await house.call()
        assert call.why == "caller/silence"
        assert call.outcome.ended_by is EndedBy.GATEWAY
        assert [prompt.step for prompt in call.all(IdlePrompt)] == [1, 2, 3]
        heard = [find(sound(text), call.heard) for text in (words(2), first, second, goodbye)]
        assert [match.likeness > 0.99 for match in heard] == [True] * 4
        # Counted from the end of what was heard, not from the end of what was sent.
        waits = [after.at_ms - (before.at_ms + 500) for before, after in pairwise(heard)]
        assert waits == pytest.approx([1000] * 3, abs=60)
        assert [str(spoke.purpose) for spoke in call.all(AgentSpoke)] == ["greeting", "idle", "idle", "goodbye"]


async def test_a_word_leads_back_to_the_foot_of_the_ladder(tmp_path: Path) -> None:
    idle = {"after_ms": 1000, "prompts": ["Still there?"], "goodbye": "Farewell."}
    model = script(
        says(words(2)),
        says(words(2, 4), instructions="Still there?"),
        hears("here"),
        says(words(2, 8)),
        says(words(2, 4), instructions="Still there?"),
        says(words(2, 10), instructions="Farewell."),
    )
    async with rig(tmp_path, Answering(model, persona={"idle": idle})) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), WaitForAgent(Agent.TO_FINISH), Say("I am here"))
        assert call.why == "caller/silence"
        assert [prompt.step for prompt in call.all(IdlePrompt)] == [1, 1, 2]


def at_most_two_seconds(settings: Settings) -> Settings:
    limits = settings.limits.model_copy(update={"call_s": 2})  # an operator can't ask for less than ten
    return settings.model_copy(update={"limits": limits})


async def test_no_call_outlives_its_deadline_whatever_everybody_does(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(words(20)), change=at_most_two_seconds) as house:
        calls = await together(
            house.call(finished=False),
            house.call(faults=Faults(marks_lost=True), finished=False),
            house.call(faults=Faults(freeze_at_ms=300), limit_ms=9000, finished=False),
        )
        assert [call.why for call in calls] == ["gateway/deadline"] * 3
        assert [call.ending.duration_ms for call in calls] == pytest.approx([2000] * 3, abs=50)
        completed = [request.path for request in house.rest.requests if request.form.get("Status") == "completed"]
        assert len(set(completed)) == 3, "the carrier was told of each"


async def test_a_hang_up_that_the_carrier_drops_is_asked_for_again(tmp_path: Path) -> None:
    model = script(says(words(2)), hears("bye"), calls_tool("end_call", first=words(2, 4)))
    async with rig(tmp_path, model, rest_faults=RestFaults(drop_first=1, fail_first=1)) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say("bye"))
        assert call.outcome.why == "hung up by the REST API"
        assert len(house.rest.requests) == 3
        assert call.all(Fault) == []
