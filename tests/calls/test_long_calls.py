"""Calls that outlive their model sessions: lost ones are replaced, old ones renewed, and the talk goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.contracts.model import ToolSpec
from gateway.contracts.record import AgentSpoke, CallerSpoke, ContextFolded, Fault, ModelReplaced
from gateway.contracts.tool import Tool, ToolOutcome
from gateway.errors import ModelError
from gateway.offline.faults import Faults as ModelFaults
from gateway.offline.report import ItemReport
from gateway.offline.script import Script as ModelScript
from gateway.realtime.connector import RealtimeConnector
from gateway.realtime.session import RealtimeSession
from gateway.simulator.script import Agent, HangUp, InterruptAfter, Say, StaySilent, Step, WaitForAgent
from tests.calls.rig import Answering, Call, hears, rig, says, script
from tests.calls.sounds import find, sound, words

pytestmark = pytest.mark.usefixtures("leaves_nothing")

APOLOGY = "Sorry, that went wrong."
PATIENT: Mapping[str, Any] = {"apology": APOLOGY, "idle": {"after_ms": 100_000}}
LOST_HERE: Mapping[str, Any] = {"drop": True}


def in_turn(*sessions: ModelScript) -> ModelScript:
    """Return a script whose n-th session follows the n-th of these."""
    return ModelScript(sessions=[one.sessions[0] for one in sessions], pace=0.0)


def told(items: list[ItemReport]) -> list[tuple[str, str]]:
    """Return what a model remembers: who, and what."""
    return [(item.role, item.text) for item in items]


def talk_of(call: Call) -> list[tuple[str, str]]:
    """Return what was said and heard, as the gateway wrote it down, in the order of its beginning."""
    spoke = sorted([*call.all(CallerSpoke), *call.all(AgentSpoke)], key=lambda record: record.at_ms)
    return [("user" if isinstance(one, CallerSpoke) else "assistant", str(one.text)) for one in spoke]


async def test_an_answer_that_breaks_off_with_its_session_is_gone_on_with_in_the_next(tmp_path: Path) -> None:
    story, rest, last = words(12), words(4, 9), words(3, 14)
    model = in_turn(
        script(says(words(2)), hears("tell me all"), says(story), drop_after_deltas=10),
        script(says(rest), hears("and then"), says(last)),
    )
    async with rig(tmp_path, Answering(model, persona=PATIENT)) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH),
            Say("tell me all"),
            WaitForAgent(Agent.TO_FINISH, settle_ms=400),
            Say("and then"),
            WaitForAgent(Agent.TO_FINISH),
            HangUp(),
        )
        assert call.why == "caller/hung_up"
        assert call.cuts == [], "what the caller was hearing was never cut"
        heard = talk_of(call)
        part = heard[2][1]
        assert story.startswith(part)
        assert 2 <= len(part.split()) < 12
        assert heard == [
            ("assistant", words(2)),
            ("user", "tell me all"),
            ("assistant", part),
            ("assistant", rest),
            ("user", "and then"),
            ("assistant", last),
        ]
        received_ms = next(spoke.generated_ms for spoke in call.all(AgentSpoke) if str(spoke.text) == part)
        assert find(sound(story)[: received_ms * 16], call.heard).likeness > 0.99
        assert find(sound(rest), call.heard).likeness > 0.99
        memory = told(house.model.sessions[1].items)
        assert [item for item in memory if item[0] != "system"] == heard
        assert call.one(ModelReplaced).why == "lost"


async def test_a_call_outlives_its_sessions_and_every_one_is_told_what_was_said(tmp_path: Path) -> None:
    answers = [words(3, 3), words(3, 6), words(3, 9), words(3, 12)]
    model = in_turn(
        script(says(words(2)), hears("one"), says(answers[0])),
        script(hears("two"), says(answers[1])),
        script(hears("three"), says(answers[2])),
        script(hears("four"), says(answers[3])),
    )
    steps: list[Step] = [WaitForAgent(Agent.TO_FINISH)]
    for number in ("one", "two", "three", "four"):
        steps += [Say(number), WaitForAgent(Agent.TO_FINISH), StaySilent(15_000)]
    expiring = Answering(model, persona=PATIENT, faults=ModelFaults(expire_after_ms=20_000))
    async with rig(tmp_path, expiring) as house:
        call = await house.call(*steps[:-1], HangUp(), limit_ms=120_000)
        assert call.why == "caller/hung_up"
        assert [(one.why, one.gap_ms) for one in call.all(ModelReplaced)] == [("renewed", 0)] * 3
        assert call.all(Fault) == []
        heard = talk_of(call)
        assert [text for who, text in heard if who == "assistant"] == [words(2), *answers]
        for number, session in enumerate(house.model.sessions, start=1):
            assert told(session.items) == heard[: 1 + 2 * number]
        assert {session.received["session.update"] for session in house.model.sessions} == {1}
        assert call.ending.caller_audio_dropped_ms == 0


async def test_a_caller_in_the_midst_of_a_sentence_is_understood_by_the_next_session(tmp_path: Path) -> None:
    answer = words(3, 12)
    cut_off = {"expect": "response", "then": [{"say": words(2), "sound": "speech"}]}
    model = in_turn(
        script(cut_off, drop_after_ms=4000),
        script(hears("one two three four five six seven eight nine ten"), says(answer)),
    )
    async with rig(tmp_path, Answering(model, persona=PATIENT)) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH),
            StaySilent(1500),
            Say("one two three four five six seven eight nine ten"),
            WaitForAgent(Agent.TO_FINISH),
            HangUp(),
        )
        assert find(sound(answer), call.heard).likeness > 0.99
        (spoke,) = call.all(CallerSpoke)
        assert spoke.turn == 1
        (again,) = [item for item in house.model.sessions[1].items if item.role == "user"]
        assert again.audio_ms > 1500, "from its very beginning"


async def test_a_tool_that_runs_when_the_session_is_lost_is_answered_for_in_the_next(tmp_path: Path) -> None:
    answer = words(3, 12)
    asks = {"call": {"name": "look", "arguments": {"order": "one"}}}
    model = in_turn(
        script(
            says(words(2)),
            hears("where is it"),
            {"expect": "response", "then": [asks, {"pause_ms": 200}, LOST_HERE]},
        ),
        script(says(answer)),
    )
    runs = 0

    async def look(arguments: str) -> ToolOutcome:
        nonlocal runs
        runs += 1
        await asyncio.sleep(1.0)
        return ToolOutcome('{"at": "sea"}')

    tool = Tool(spec=ToolSpec(name="look", description="look it up", parameters={"type": "object"}), run=look)
    quiet = {**PATIENT, "filler": {"say": []}}
    async with rig(tmp_path, Answering(model, persona=quiet), tools=[tool]) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH), Say("where is it"), WaitForAgent(Agent.TO_FINISH), HangUp()
        )
        assert runs == 1
        assert find(sound(answer), call.heard).likeness > 0.99
        memory = house.model.sessions[1].items
        assert [(item.type, item.text) for item in memory] == [
            ("message", words(2)),
            ("message", "where is it"),
            ("function_call", 'look({"order": "one"})'),
            ("function_call_output", '{"at": "sea"}'),
            ("message", answer),
        ]
        assert house.model.sessions[1].refusals == []


async def test_an_interruption_in_speech_of_an_earlier_session_leaves_only_what_was_heard(tmp_path: Path) -> None:
    story, rest, answer = words(12), words(2, 3), words(3, 12)
    model = in_turn(
        script(says(story), drop_after_deltas=8),
        script(says(rest), hears("stop"), says(answer)),
    )
    async with rig(tmp_path, Answering(model, persona=PATIENT)) as house:
        call = await house.call(InterruptAfter(1500), Say("stop"), WaitForAgent(Agent.TO_FINISH), HangUp())
        assert call.ending.barge_ins == 1
        memory = [item for item in told(house.model.sessions[1].items) if item[0] != "system"]
        assert memory == talk_of(call)
        heard = memory[0][1]
        assert story.startswith(heard)
        assert 3 <= len(heard.split()) <= 7, "a quarter of a second for each word, and 1.5 s were heard"
        assert house.model.sessions[1].refusals == [], "nothing was cut or deleted that is not there"


async def test_a_silence_of_more_than_a_moment_is_covered_by_the_spare_voice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, tries = RealtimeConnector.connect, 0

    async def at_times(self: RealtimeConnector) -> RealtimeSession:
        nonlocal tries
        tries += 1
        if 2 <= tries <= 4:
            raise ModelError("endpoint 'clerk' can't be reached")
        return await connect(self)

    monkeypatch.setattr(RealtimeConnector, "connect", at_times)
    answer = words(3, 12)
    model = in_turn(
        script(says(words(2)), hears("one"), {"expect": "response", "then": [LOST_HERE]}),
        script(says(answer)),
    )
    async with rig(tmp_path, Answering(model, persona=PATIENT)) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say("one"), StaySilent(6000), HangUp())
        replaced = call.one(ModelReplaced)
        assert 1700 <= replaced.gap_ms <= 2500
        assert [(str(one.purpose), str(one.text)) for one in call.all(AgentSpoke)][1:] == [
            ("moment", "One moment, please."),
            ("answer", answer),
        ]
        assert told(house.model.sessions[1].items) == [
            ("assistant", words(2)),
            ("user", "one"),
            ("assistant", answer),
        ]
        assert len(house.logged("model_connect_failed")) == 3


async def test_a_caller_who_hangs_up_while_there_is_no_session_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect, tries = RealtimeConnector.connect, 0

    async def once(self: RealtimeConnector) -> RealtimeSession:
        nonlocal tries
        tries += 1
        if tries > 1:
            raise ModelError("endpoint 'clerk' can't be reached")
        return await connect(self)

    monkeypatch.setattr(RealtimeConnector, "connect", once)
    model = script(says(words(2)), hears("one"), {"expect": "response", "then": [LOST_HERE]})
    async with rig(tmp_path, Answering(model, persona=PATIENT)) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say("one"), StaySilent(2000), HangUp())
        assert call.why == "caller/hung_up"
        assert tries > 2


async def test_sessions_that_are_lost_again_and_again_are_given_up(tmp_path: Path) -> None:
    model = script(says(words(8)), drop_after_ms=700)
    answering = Answering(model, persona=PATIENT, endpoint={"reconnect_within_ms": 3000})
    async with rig(tmp_path, answering, strict=False) as house:
        call = await house.call()
        assert call.why == "model/lost"
        (apology,) = [spoke for spoke in call.all(AgentSpoke) if spoke.purpose == "apology"]
        assert apology.heard_ms == apology.generated_ms
        assert 3 <= len(house.model.sessions) <= 8


async def test_a_long_talk_is_folded_by_the_model_itself(tmp_path: Path) -> None:
    summary = "They counted."
    turns = [step for n in range(1, 5) for step in (hears(f"turn {n}"), says(words(1, n)))]
    writes = {"expect": {"response": {"out_of_band": True}}, "then": [{"say": summary}]}
    model = script(says(words(1)), *turns, writes)
    persona = {**PATIENT, "context": {"keep_turns": 2}}
    steps: list[Step] = [WaitForAgent(Agent.TO_FINISH)]
    for number in range(1, 5):
        steps += [Say(f"turn {number}"), WaitForAgent(Agent.TO_FINISH)]
    async with rig(tmp_path, Answering(model, persona=persona)) as house:
        call = await house.call(*steps, StaySilent(1000), HangUp(), limit_ms=60_000)
        assert call.one(ContextFolded).items == 5
        assert call.session is not None
        remembered = told(call.session.items)
        assert ("system", f"Earlier in this call, in short: {summary}") in remembered
        assert [item for item in remembered if item[0] != "system"] == talk_of(call)[5:]
