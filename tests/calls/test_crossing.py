"""What crosses on the way: an interruption that comes in one breath with the agent's next words."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.contracts.record import ClearConfirmed, Fault
from gateway.simulator.script import Agent, HangUp, Say, StaySilent, WaitForAgent
from tests.calls.rig import hears, rig, says, script
from tests.calls.sounds import find, sound, words

pytestmark = pytest.mark.usefixtures("leaves_nothing")


async def test_words_that_were_still_in_our_hands_when_the_caller_cut_in_are_not_waited_for(tmp_path: Path) -> None:
    """A clear drops what was not yet written to the carrier, marks included; those can't come back to confirm it."""
    doomed, answer = words(8, 3), words(8, 12)
    started = {
        "type": "input_audio_buffer.speech_started",
        "event_id": "event_1",
        "audio_start_ms": 0,
        "item_id": "item_1",
    }
    model = script(
        says(words(2)),
        hears("one"),
        {"expect": "response", "then": [{"say": doomed, "sound": "speech"}, {"send": started}]},
        hears("two"),
        says(answer),
    )
    async with rig(tmp_path, model) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH),
            Say("one"),
            StaySilent(200),
            Say("two"),
            WaitForAgent(Agent.TO_FINISH),
            HangUp(),
        )
        assert find(sound(doomed), call.heard).likeness < 0.3
        assert find(sound(answer), call.heard).likeness > 0.99
        assert [fault.kind for fault in call.all(Fault)] == []
        assert {record.repeats for record in call.all(ClearConfirmed)} <= {0}
        assert len([clear for clear in call.cuts if clear.heard]) <= 1, "the answer itself was not cleared"
