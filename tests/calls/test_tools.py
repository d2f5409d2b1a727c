"""Tools in whole calls: what the caller hears while they run, and what other calls notice of it (nothing)."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.contracts.model import ToolSpec
from gateway.contracts.record import AgentSpoke, CallerSpoke, ToolCalled, ToolReturned
from gateway.contracts.tool import ToolOutcome
from gateway.settings.load import load_settings
from gateway.simulator.script import Agent, HangUp, Say, StaySilent, WaitForAgent
from tests.calls.rig import Answering, Rig, calls_tool, hears, rig, says, script
from tests.calls.sounds import words
from tests.examples import tools_example

EXAMPLE = Path(__file__).parents[1] / "examples" / "tools_example.yaml"
BLOCKED = threading.Event()
BEGUN = threading.Event()
LOOKUP = ToolSpec(name="lookup", description="look it up", parameters={"type": "object", "properties": {}})


def block() -> dict[str, str]:
    """Block a thread until the test lets go."""
    BEGUN.set()
    assert BLOCKED.wait(20)
    return {"status": "let go"}


async def block_the_loop() -> dict[str, str]:
    """Do in a coroutine what should never be done there."""
    return block()


def example() -> dict[str, Any]:
    """The sections of the example, as a test gives them to the rig; a busy machine may take its time."""
    sections: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text("utf-8"))
    sections["personas"]["receptionist"]["lookup"]["wait_ms"] = 10_000
    return sections


def purposes(spoken: list[AgentSpoke]) -> list[str]:
    return [str(item.purpose) for item in spoken]


def audited(house: Rig) -> list[Any]:
    """The lines that operators see of tools, without those of the journal's records at DEBUG."""
    return [line for line in house.logged("tool_called") if line["log_level"] == "info"]


def test_the_example_is_a_file_that_the_gateway_takes() -> None:
    settings = load_settings(EXAMPLE, {}).settings
    assert sorted(settings.tools) == ["billing", "customer", "repairs", "specialist"]


async def test_the_owners_knowledge_is_there_before_the_first_word_and_a_specialist_works_while_the_call_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools_example, "WORK_S", 3.0)
    parts = example()
    persona = {**parts["personas"]["receptionist"], "greeting": "Hello Ann."}
    model = script(
        says(words(2)),
        hears("what do I owe"),
        {
            "expect": {"response": {"instructions": '"name": "Ann Field"'}},
            "then": [{"call": {"name": "specialist", "arguments": {"agent": "billing", "task": "what is due"}}}],
        },
        says(words(2, 2)),  # "I have passed that on"
        hears("are you open on Sunday"),
        says(words(3, 4)),  # meanwhile the call goes on
        says(words(4, 6)),  # the specialist's answer, at the next pause
    )
    async with rig(tmp_path, Answering(model, persona), operators_tools=parts["tools"]) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH),
            Say(words(3, 20)),
            WaitForAgent(Agent.TO_FINISH),
            Say(words(3, 24)),
            WaitForAgent(Agent.TO_FINISH),  # with the result: the pause before it is no longer than between sentences
            HangUp(),
        )
    assert [(str(one.name), one.ok) for one in call.all(ToolReturned)] == [("customer", True), ("specialist", True)]
    told = [item.text for item in house.model.memory(call.session) if item.role == "system"]
    assert len(told) == 1
    assert "Ann Field owes 42 pounds" in told[0]
    asked, result = call.all(ToolCalled)[-1], call.all(ToolReturned)[-1]
    talk = [record for record in call.records if isinstance(record, AgentSpoke | CallerSpoke)]
    between = [record for record in talk if asked.at_ms <= record.at_ms < result.at_ms]
    assert {type(record) for record in between} == {AgentSpoke, CallerSpoke}, "both spoke while the specialist worked"
    assert purposes(call.all(AgentSpoke)) == ["greeting", "answer", "answer", "answer"]
    assert call.all(AgentSpoke)[-1].at_ms > result.at_ms


async def test_nothing_that_is_known_of_one_caller_reaches_the_next(tmp_path: Path) -> None:
    parts = example()
    persona = {**parts["personas"]["receptionist"], "greeting": None}
    known = [
        {"expect": {"response": {"instructions": name}}, "then": [{"say": words(2), "sound": "speech"}]}
        for name in ("Ann Field", "Ben Marsh")
    ]
    answering = {
        name: Answering(script(hears("hello"), step), persona)
        for name, step in zip(("first", "second"), known, strict=True)
    }
    async with rig(tmp_path, answering, operators_tools=parts["tools"]) as house:
        for name in answering:
            call = await house.call(Say(words(2, 20)), WaitForAgent(Agent.TO_FINISH), HangUp(), to=name)
            assert len(call.all(AgentSpoke)) == 1
            other = "Ben" if name == "first" else "Ann"
            assert other not in repr(call.records)


async def test_a_filler_covers_a_slow_tool_and_is_no_part_of_the_models_memory(tmp_path: Path) -> None:
    async def slow(arguments: str) -> ToolOutcome:
        await asyncio.sleep(2.5)
        return ToolOutcome(json.dumps({"status": "sent"}))

    filler, answer = words(2, 8), words(3, 4)
    model = script(
        says(words(2)), hears("where is it"), calls_tool("lookup"), says(filler, out_of_band=True), says(answer)
    )
    async with rig(tmp_path, model, tools=[(LOOKUP, slow)]) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH),
            Say(words(3, 20)),
            WaitForAgent(Agent.TO_FINISH),
            WaitForAgent(Agent.TO_FINISH),
            HangUp(),
        )
        spoken = call.all(AgentSpoke)
        assert purposes(spoken) == ["greeting", "filler", "answer"]
        asked, returned = call.one(ToolCalled), call.one(ToolReturned)
        assert 700 <= spoken[1].at_ms - asked.at_ms < 1000
        assert spoken[2].at_ms >= returned.at_ms
        assert filler not in [item.text for item in house.model.memory(call.session)]


async def test_a_tool_that_fails_in_every_way_is_told_to_the_model_and_the_call_goes_on(tmp_path: Path) -> None:
    tools = {
        "late": {"type": "python", "call": "tests.toolbox.code:wait_forever", "timeout_ms": 300},
        "refuse": {"type": "python", "call": "tests.toolbox.code:refuse"},
        "double": {"type": "python", "call": "tests.toolbox.code:double"},
    }
    asks = [
        {"call": {"name": "late", "arguments": {}}},
        {"call": {"name": "refuse", "arguments": {}}},
        {"call": {"name": "double", "arguments": '{"number": 2'}},
        {"call": {"name": "double", "arguments": '{"number": "many"}'}},
        {"call": {"name": "dubble", "arguments": {}}},
        {"call": {"name": "double", "arguments": {"number": 21}}},
    ]
    model = script(says(words(2)), hears("go"), {"expect": "response", "then": asks}, says(words(3, 4)))
    persona = {"tools": ["end_call", *tools], "filler": {"say": []}}
    async with rig(tmp_path, Answering(model, persona), operators_tools=tools) as house:
        call = await house.call(
            WaitForAgent(Agent.TO_FINISH), Say(words(2, 20)), WaitForAgent(Agent.TO_FINISH), HangUp()
        )
        lines = [(line["tool"], line["outcome"]) for line in audited(house)]
    told = {str(one.name): [] for one in call.all(ToolReturned)}
    for one in call.all(ToolReturned):
        told[str(one.name)].append(str(one.output))
    assert json.loads(told["late"][0])["error"] == "timed_out"
    assert json.loads(told["refuse"][0])["error"] == "closed"
    assert "there is no tool of that name; there are: double, end_call, late, refuse" in told["unknown"][0]
    assert sorted(json.loads(output)["error"] if "{" in output else output for output in told["double"]) == [
        "42",
        "bad_arguments",
        "bad_arguments",
    ]
    assert sorted(lines) == [
        ("double", "bad_arguments"),
        ("double", "bad_arguments"),
        ("double", "ok"),
        ("late", "timed_out"),
        ("refuse", "closed"),
    ]
    assert purposes(call.all(AgentSpoke)) == ["greeting", "answer"]


async def test_a_tool_that_blocks_is_noticed_by_no_other_call(tmp_path: Path) -> None:
    """One caller waits for a thread, one for a loop that is blocked; a third talks to the end while both still do."""
    tools = {
        name: {"type": "python", "call": f"{__name__}:{name}", "timeout_ms": 60000}
        for name in ("block", "block_the_loop")
    }
    silent = {"filler": {"say": []}}
    stuck = {
        name: Answering(
            script(says(words(2)), hears("go"), calls_tool(name), says(words(2, 4))), {"tools": [name], **silent}
        )
        for name in tools
    }
    free = Answering(script(says(words(2)), hears("hello"), says(words(3, 4))))
    BLOCKED.clear()
    BEGUN.clear()
    try:
        async with rig(tmp_path, {**stuck, "free": free}, operators_tools=tools) as house:
            waiting = [
                asyncio.ensure_future(
                    house.call(
                        WaitForAgent(Agent.TO_FINISH),
                        Say(words(2, 20)),
                        WaitForAgent(Agent.TO_FINISH),
                        HangUp(),
                        to=name,
                    )
                )
                for name in stuck
            ]
            await house.until(BEGUN.is_set, within_s=20)
            call = await house.call(
                WaitForAgent(Agent.TO_FINISH), Say(words(3, 24)), WaitForAgent(Agent.TO_FINISH), HangUp(), to="free"
            )
            assert not any(one.done() for one in waiting)
            assert purposes(call.all(AgentSpoke)) == ["greeting", "answer"]
            assert call.ending.caller_audio_dropped_ms == 0
            BLOCKED.set()
            for one in await asyncio.gather(*waiting):
                assert [str(back.output) for back in one.all(ToolReturned)] == ['{"status":"let go"}']
                assert purposes(one.all(AgentSpoke)) == ["greeting", "answer"]
    finally:
        BLOCKED.set()


async def test_a_caller_who_hangs_up_takes_every_tool_along(tmp_path: Path) -> None:
    """One that the answer waits for, one in the background, and a lookup that never came back."""
    from tests.toolbox import code

    never = {"type": "python", "call": "tests.toolbox.code:wait_forever", "timeout_ms": 600000}
    tools = {"front": never, "back": {**never, "background": True}, "start": never}
    persona = {"tools": ["front", "back"], "lookup": {"tools": ["start"], "wait_ms": 100}, "filler": {"say": []}}
    asks = [{"call": {"name": name, "arguments": {}}} for name in ("back", "front")]
    model = script(says(words(2)), hears("go"), {"expect": "response", "then": asks})
    code.LIFE.clear()
    async with rig(tmp_path, Answering(model, persona), operators_tools=tools) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say(words(2, 20)), StaySilent(900), HangUp())
        await house.until(lambda: len(code.LIFE) == 3)
        assert code.LIFE == ["cancelled"] * 3
        assert [str(one.name) for one in call.all(ToolCalled)] == ["start", "back", "front"]
        assert sorted(line["outcome"] for line in audited(house)) == ["cancelled"] * 3
        assert call.why == "caller/hung_up"
