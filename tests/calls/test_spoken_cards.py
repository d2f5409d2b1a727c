"""A card number that is said to the model outside a secret step: whole calls."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gateway.audio.wav import read_wav
from gateway.bridge.keeping import ASKED, BESIDE_MS, FORGOTTEN
from gateway.contracts.record import RecordingSilenced
from gateway.simulator.script import Agent, HangUp, Say, WaitForAgent
from tests.calls.rig import hears, rig, says, script
from tests.calls.sounds import find, sound

pytestmark = pytest.mark.usefixtures("leaves_nothing")

CARD = "4111 1111 1111 1111"


async def test_what_was_said_leaves_the_models_memory_the_keypad_is_offered_and_nothing_is_recorded(
    tmp_path: Path,
) -> None:
    ask, thanks = says("Please tell me your card number."), says("Thank you, which day would you like to come?")
    model = script(ask, hears(f"it is {CARD}"), thanks, hears("on friday"), says("See you on friday then."))
    listen = WaitForAgent(Agent.TO_FINISH, settle_ms=200)
    async with rig(tmp_path, model, records=True) as house:
        call = await house.call(listen, Say("amber birch cedar delta"), listen, Say("ember fjord"), listen, HangUp())
        items = house.model.memory()
        assert "4111" not in json.dumps([item.text for item in items])
        assert [item.text for item in items if item.role == "system"] == [FORGOTTEN]
        assert [item.text for item in items if item.role == "user"] == ["on friday"], "what was said is deleted"
        (asked,) = [one for one in call.all(RecordingSilenced) if one.why == ASKED]
        left, right = read_wav(call.papers[".wav"])[0]
        secret = find(sound("amber birch cedar delta"), call.outcome.caller_pcm)
        assert secret.likeness > 0.9, "the caller said it"
        assert asked.at_ms < secret.at_ms < secret.at_ms + 1000 < asked.until_ms
        for side in (left, right):  # what the agent says next may begin in the margin behind it
            assert not np.frombuffer(side, "<i2")[asked.at_ms * 8 + 8 : (asked.until_ms - BESIDE_MS) * 8 - 8].any()
        assert find(sound("ember fjord"), left).likeness > 0.9, "what follows is kept"
