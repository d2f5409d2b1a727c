"""The caller interrupts: what the model remembers afterwards is what was heard, to the hundredth of a second."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from gateway.contracts.record import AgentSpoke, BargeIn, ClearConfirmed, DisclosureHeard, Fault
from gateway.offline.report import ItemReport
from gateway.offline.script import Script
from gateway.simulator.script import Agent, HangUp, InterruptAfter, Say, StaySilent, Step, WaitForAgent
from tests.calls.rig import Answering, Call, hears, rig, says, script, talk, together
from tests.calls.sounds import WORD_MS, find, length_ms, sound, words

pytestmark = pytest.mark.usefixtures("leaves_nothing")

CALLS, INTERRUPTIONS = 12, 5
NETWORKS = (0, (60, 60), (11, 37), (83, 29))
"""To the gateway and from it, milliseconds."""
FILTER_MS = 2.5
"""What resampling from the model's rate to the telephone's delays a sound by, at most."""
BOUND_MS = 20.0
STORY = words(10)


@dataclass(frozen=True, slots=True)
class Cut:
    """One interruption: what the model was told, and the truth."""

    heard_ms: float
    told_ms: int
    item: ItemReport

    @property
    def error_ms(self) -> float:
        return self.told_ms - self.heard_ms


def story(pace: float) -> Script:
    """Return a model that tells the same story again after each interruption."""
    return script(
        says(STORY), *[step for _ in range(INTERRUPTIONS) for step in (hears("stop"), says(STORY))], pace=pace
    )


def interrupting(dice: random.Random) -> list[Step]:
    """Return a caller who interrupts again and again, at instants that nobody can guess."""
    steps: list[Step] = []
    for _ in range(INTERRUPTIONS):
        steps += [InterruptAfter(dice.randrange(60, 900)), Say("stop")]
    return [*steps, InterruptAfter(200), HangUp()]


def cuts_of(call: Call) -> list[Cut]:
    """Pair what reached the carrier with what reached the model, in order."""
    assert call.session is not None
    told = call.session.truncations
    assert [note["refused"] for note in told] == [None] * len(told)
    # A cancel may meet the end of its response on the way; nothing else may be refused, and nobody is told of it.
    assert {refusal["code"] for refusal in call.session.refusals} <= {"response_cancel_not_active"}
    assert call.all(Fault) == []
    items = {item.id: item for item in call.session.items}
    return [
        Cut(call.heard_at(clear), note["audio_end_ms"], items[note["item_id"]])
        for clear, note in zip(call.cuts, told, strict=True)
    ]


def it_is_forgotten(cut: Cut, bound_ms: float) -> None:
    """Nothing is remembered that was not heard, but what the bound allows."""
    assert cut.item.audio_ms == pytest.approx(cut.told_ms, abs=1)
    begun = len(cut.item.text.split())
    assert (begun - 1) * WORD_MS <= cut.heard_ms + bound_ms, "a word is remembered that nobody heard"


def nothing_of_the_dead_was_heard(call: Call) -> None:
    truth = call.outcome.truth
    for clear in call.cuts:
        dead = call.cut_item(clear)
        after = [heard for heard in truth.log if heard.arrived_ms >= clear.at_ms and heard.item == dead]
        assert [heard.played_by(truth.now_ms) for heard in after] == [0] * len(after)


@pytest.mark.parametrize("pace", [0.0, 3.0], ids=["all at once", "streamed"])
async def test_what_was_not_heard_is_forgotten_whenever_the_caller_interrupts(tmp_path: Path, pace: float) -> None:
    dice = random.Random(20261120 + int(pace))
    async with rig(tmp_path, story(pace)) as house:
        calls = await together(
            *(
                house.call(StaySilent(dice.randrange(20, 200)), *interrupting(dice), network_ms=NETWORKS[number % 4])
                for number in range(CALLS)
            )
        )
        cuts = [cut for call in calls for cut in cuts_of(call)]
        assert len(cuts) == CALLS * INTERRUPTIONS
        assert np.percentile([abs(cut.error_ms) for cut in cuts], 99) <= BOUND_MS
        for cut in cuts:
            it_is_forgotten(cut, BOUND_MS)
        for call in calls:
            nothing_of_the_dead_was_heard(call)
            assert call.ending.barge_ins == INTERRUPTIONS
            assert [record.action for record in call.all(BargeIn)] == ["truncated"] * INTERRUPTIONS
            cleared = call.all(ClearConfirmed)
            assert [record.repeats for record in cleared] == [0] * len(call.outcome.truth.clears)


@pytest.mark.wall_time
async def test_the_same_holds_on_the_clock_of_the_wall(tmp_path: Path) -> None:
    dice = random.Random(7)
    async with rig(tmp_path, story(3.0)) as house:
        calls = await together(*(house.call(*interrupting(dice), network_ms=network) for network in NETWORKS[:2]))
        for call in calls:
            # What this machine is late by is no error of the gateway's.
            bound_ms = BOUND_MS + call.outcome.late_max_ms
            for cut in cuts_of(call):
                assert abs(cut.error_ms) <= bound_ms
                it_is_forgotten(cut, bound_ms)
            nothing_of_the_dead_was_heard(call)


async def test_a_cancel_that_meets_the_end_of_its_response_on_the_way_is_no_fault(tmp_path: Path) -> None:
    too_late = {"type": "invalid_request_error", "code": "response_cancel_not_active", "message": "none is active"}
    event = {"type": "error", "event_id": "event_late", "error": too_late}
    model = script({"expect": "response", "then": [{"say": STORY, "sound": "speech"}, {"send": event}]})
    async with rig(tmp_path, model) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), HangUp())
        assert call.all(Fault) == []
        assert find(sound(STORY), call.heard).likeness > 0.99


async def test_what_was_said_before_a_cut_is_heard_to_the_sample(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(STORY, words(3, 15))) as house:
        call = await house.call(InterruptAfter(700), Say("stop"), WaitForAgent(Agent.TO_FINISH), HangUp())
        (cut,) = call.cuts
        heard_bytes = int(call.heard_at(cut) * 16)
        match = find(sound(STORY)[:heard_bytes], call.heard)
        assert match.likeness > 0.99
        assert not np.frombuffer(call.heard, "<i2")[int(cut.at_ms * 8) + 1 : int(cut.at_ms * 8) + 800].any()
        assert find(sound(words(3, 15)), call.heard).likeness > 0.99
        (spoke, _) = call.all(AgentSpoke)
        assert spoke.interrupted
        assert STORY.startswith(str(spoke.text))
        assert len(str(spoke.text).split()) in {2, 3}


async def test_a_cough_stops_the_agent_for_a_moment_and_not_one_sample_is_lost(tmp_path: Path) -> None:
    told, answer = words(10), words(3, 12)
    model = script(
        says(told),
        hears("cough"),
        {"expect": "response", "then": [{"say": "nobody wants to hear this"}]},
        hears("stop it now"),
        says(answer),
        pace=3.0,
    )
    patient = Answering(model, persona={"min_barge_in_ms": 600})
    async with rig(tmp_path, patient) as house:
        calls = await together(
            *(
                house.call(
                    InterruptAfter(500),
                    Say("cough"),
                    StaySilent(1200),
                    Say("stop it right now"),
                    WaitForAgent(Agent.TO_FINISH),
                    HangUp(),
                    network_ms=network,
                )
                for network in NETWORKS
            )
        )
        for call in calls:
            held, cut = call.cuts
            at = int(call.heard_at(held) * 16)
            rest_ms = call.heard_at(cut)
            first = find(sound(told)[:at], call.heard)
            rest = find(sound(told)[at : at + int(rest_ms * 16)], call.heard)
            assert (first.likeness > 0.99, rest.likeness > 0.99) == (True, True)
            assert first.at_ms + at / 16 == pytest.approx(held.at_ms, abs=FILTER_MS), "it was silent at once"
            assert rest.at_ms > held.at_ms + 400, "it went on when the cough was over"
            assert find(sound("nobody wants to hear this"), call.heard).likeness < 0.2
            assert find(sound(answer), call.heard).likeness > 0.99
            log = call.outcome.truth.log
            before = b"".join(sent.payload for sent in log if sent.arrived_ms < held.at_ms)
            after = b"".join(sent.payload for sent in log if held.at_ms <= sent.arrived_ms <= cut.at_ms)
            assert len(before) > held.played_bytes
            assert after.startswith(before[held.played_bytes :]), "it went on from the very sample"
            assert call.ending.barge_ins == 1
            assert call.session is not None
            (note,) = call.session.truncations
            assert note["refused"] is None
            assert note["audio_end_ms"] == pytest.approx(call.heard_at(held) + rest_ms, abs=BOUND_MS)


async def test_the_disclosure_is_heard_whole_whoever_talks_over_it_and_stands_in_the_record(tmp_path: Path) -> None:
    disclosure, greeting, answer = words(6), words(3, 8), words(3, 14)
    model = script(
        says(disclosure, out_of_band=True),
        says(greeting),
        hears("stop"),
        says(answer),
        pace=3.0,
    )
    async with rig(tmp_path, Answering(model, persona={"disclosure": disclosure})) as house:
        call = await house.call(InterruptAfter(400), Say("stop"), WaitForAgent(Agent.TO_FINISH), HangUp())
        heard = find(sound(disclosure), call.heard)
        assert heard.likeness > 0.99
        assert heard.at_ms < 500
        (record,) = call.all(DisclosureHeard)
        assert (record.heard_ms, record.of_ms) == (length_ms(disclosure), length_ms(disclosure))
        assert call.all(AgentSpoke)[0].purpose == "disclosure"
        assert find(sound(answer), call.heard).likeness > 0.99
