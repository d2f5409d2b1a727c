"""The model fails, each time in another way: the caller is told so, and the call comes to a clean end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.contracts.record import AgentSpoke, CallerSpoke, Fault
from gateway.offline.faults import Faults as ModelFaults
from gateway.simulator.script import Agent, EndedBy, HangUp, InterruptAfter, Say, StaySilent, WaitForAgent
from tests.calls.rig import Answering, Call, Rig, hears, rig, says, script, talk, together
from tests.calls.sounds import find, sound, words

pytestmark = pytest.mark.usefixtures("leaves_nothing")

APOLOGY = "Sorry, that went wrong."
STORY = words(8)
PERSONA: Mapping[str, Any] = {"apology": APOLOGY}
LOST = {
    "cut off": ModelFaults(drop_after_ms=900),
    "cut off while it speaks": ModelFaults(drop_after_deltas=4),
    "closed": ModelFaults(close_after_ms=900),
    "expired": ModelFaults(expire_after_ms=900),
}
REFUSED = {"wrong key": 401, "no access": 403, "no such model": 404, "too many": 429, "overloaded": 503}


def it_was_said_in_the_spare_voice(call: Call, house: Rig) -> None:
    (apology,) = [spoke for spoke in call.all(AgentSpoke) if spoke.purpose == "apology"]
    assert str(apology.text) == APOLOGY
    assert apology.heard_ms == apology.generated_ms > 500
    began = int(apology.at_ms * 8)
    spoken = np.frombuffer(call.heard, "<i2")[began : began + apology.heard_ms * 8].astype(float)
    assert np.sqrt(np.mean(spoken**2)) > 300, "there was a voice"
    assert call.outcome.ended_by is EndedBy.GATEWAY
    assert call.outcome.why == "hung up by the REST API"


async def test_a_model_that_is_lost_is_apologised_for(tmp_path: Path) -> None:
    answering = {
        name.replace(" ", "-"): Answering(talk(STORY, pace=2.0), persona=PERSONA, faults=faults)
        for name, faults in LOST.items()
    }
    async with rig(tmp_path, answering) as house:
        calls = await together(*(house.call(to=name) for name in answering))
        for call in calls:
            assert call.why == "model/lost"
            assert not call.ending.ok
            assert "model_lost" in [fault.kind for fault in call.all(Fault)]
            it_was_said_in_the_spare_voice(call, house)


async def test_a_model_that_refuses_us_is_apologised_for(tmp_path: Path) -> None:
    answering = {
        name.replace(" ", "-"): Answering(talk(STORY), persona=PERSONA, faults=ModelFaults(refuse=status))
        for name, status in REFUSED.items()
    }
    async with rig(tmp_path, answering, strict=False) as house:
        house.expected_errors.add("model_unreachable")
        calls = await together(*(house.call(to=name) for name in answering))
        for call, status in zip(calls, REFUSED.values(), strict=True):
            assert call.why == "model/lost"
            assert str(status) in str(call.all(Fault)[0].message)
            it_was_said_in_the_spare_voice(call, house)
        assert len(house.logged("model_unreachable")) == len(REFUSED)


async def test_an_answer_that_fails_is_asked_for_once_more(tmp_path: Path) -> None:
    model = script(says(words(2)), hears("why"), says(words(2, 3)), says(words(3, 6)), fail_response=2)
    async with rig(tmp_path, Answering(model, persona=PERSONA)) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say("why"), WaitForAgent(Agent.TO_FINISH), HangUp())
        assert find(sound(words(3, 6)), call.heard).likeness > 0.99
        assert [fault.kind for fault in call.all(Fault)] == ["response_failed", "answer_overdue"]
        assert call.why == "caller/hung_up"


async def test_a_model_that_fails_twice_is_given_up(tmp_path: Path) -> None:
    failing = {"expect": "response", "then": [{"fail": {"code": "server_error"}}]}
    model = script(says(words(2)), hears("why"), failing, failing)
    async with rig(tmp_path, Answering(model, persona=PERSONA)) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say("why"))
        assert call.why == "model/no_answer"
        it_was_said_in_the_spare_voice(call, house)


async def test_a_model_that_says_nothing_is_asked_again_and_then_given_up(tmp_path: Path) -> None:
    silent = {"expect": "response", "then": [{"pause_ms": 60_000}]}
    model = script(says(words(2)), hears("why"), silent, silent)
    async with rig(tmp_path, Answering(model, persona=PERSONA)) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say("why"))
        assert call.why == "model/no_answer"
        assert [fault.kind for fault in call.all(Fault)] == ["answer_overdue", "model_silent"]
        it_was_said_in_the_spare_voice(call, house)


async def test_an_interruption_before_the_response_has_a_name_kills_it_all_the_same(tmp_path: Path) -> None:
    doomed, answer = words(8, 3), words(3, 12)
    model = script(says(words(2)), hears("one"), says(doomed), hears("two"), says(answer), created_delay_ms=700)
    async with rig(tmp_path, model) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH),
            Say("one"),
            StaySilent(500),
            Say("no two"),
            WaitForAgent(Agent.TO_FINISH),
            HangUp(),
        )
        assert find(sound(answer), call.heard).likeness > 0.99
        assert find(sound(doomed), call.heard).likeness < 0.2, "late audio of a dead response is never played"
        assert call.session is not None
        assert doomed not in str(call.session.items)


async def test_late_audio_of_a_cancelled_response_is_never_heard(tmp_path: Path) -> None:
    answer = words(3, 12)
    model = script(says(words(16)), hears("stop"), says(answer), pace=1.0, late_deltas_ms=400)
    async with rig(tmp_path, model) as house:
        call = await house.call(InterruptAfter(600), Say("stop"), WaitForAgent(Agent.TO_FINISH), HangUp())
        (cut,) = call.cuts
        after = np.frombuffer(call.heard, "<i2")[int(cut.at_ms * 8) + 1 :]
        assert find(sound(answer), call.heard).likeness > 0.99
        quiet_until = int(find(sound(answer), call.heard).at_ms * 8) - int(cut.at_ms * 8) - 40
        assert not after[:quiet_until].any()


async def test_words_that_come_long_after_the_answer_stand_before_it(tmp_path: Path) -> None:
    model = script(
        says(words(2)),
        hears("first question", delay_ms=1800),
        says(words(2, 4)),
        hears("second question", delay_ms=200),
        says(words(2, 8)),
    )
    async with rig(tmp_path, model, records=True) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH),
            Say("first question"),
            WaitForAgent(Agent.TO_FINISH, settle_ms=300),
            Say("second question"),
            WaitForAgent(Agent.TO_FINISH),
            HangUp(),
        )
        texts = [words(2), "first question", words(2, 4), "second question", words(2, 8)]
        transcript = call.papers[".txt"].read_text()
        places = [transcript.index(text) for text in texts]
        assert places == sorted(places)
        assert [spoke.turn for spoke in sorted(call.all(CallerSpoke), key=lambda spoke: spoke.at_ms)] == [1, 2]


async def test_words_that_could_not_be_written_down_are_said_to_be_missing(tmp_path: Path) -> None:
    model = script(says(words(2)), hears(failed="audio_unintelligible"), says(words(2, 4)))
    async with rig(tmp_path, model) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say("what"), WaitForAgent(Agent.TO_FINISH), HangUp())
        spoke = call.one(CallerSpoke)
        assert (spoke.text, spoke.failed) == (None, True)
