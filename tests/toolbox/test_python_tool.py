"""The operator's Python: found, opened once, run off the loop that carries audio, closed."""

# ruff: noqa: E501 - each message stands on one line, as it is read

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import TypeAdapter
from structlog.testing import capture_logs

from gateway.contracts.tool import CallFacts
from gateway.errors import ConfigurationError
from gateway.settings.tools import ToolSettings
from gateway.toolbox.box import Toolbox
from tests.toolbox import code

FACTS = CallFacts(call_id="bcdfgh", caller_number="+15550001111")
SETTINGS = TypeAdapter(dict[str, ToolSettings])


@pytest.fixture(autouse=True)
def _fresh() -> None:
    code.LIFE.clear()
    code.RELEASE.clear()


def settings_of(tools: Mapping[str, Mapping[str, Any] | str]) -> dict[str, ToolSettings]:
    """Return settings; a word is the name of something in ``code.py``."""
    return SETTINGS.validate_python(
        {
            name: {"type": "python", "call": f"tests.toolbox.code:{one}"} if isinstance(one, str) else one
            for name, one in tools.items()
        }
    )


def python(call: str, **more: Any) -> dict[str, Any]:
    return {"type": "python", "call": f"tests.toolbox.code:{call}", **more}


@asynccontextmanager
async def box(**tools: Mapping[str, Any] | str) -> AsyncIterator[Toolbox]:
    made = Toolbox(settings_of(tools))
    await made.open()
    try:
        yield made
    finally:
        code.RELEASE.set()
        await made.close()


async def call(house: Toolbox, name: str, facts: CallFacts = FACTS, /, **arguments: Any) -> str:
    return (await house.for_call([name], facts)[name].run(json.dumps(arguments))).output


async def test_a_coroutine_and_a_function_are_called_and_described_by_what_they_are() -> None:
    async with box(double="double", slow="double_slowly") as house:
        assert await call(house, "double", number=21) == "42"
        assert json.loads(await call(house, "slow", number=21)) == {"result": 42, "thread": "tool slow"}
        spec = house.for_call(["double"], FACTS)["double"].spec
        assert (spec.name, spec.description) == ("double", "Return twice the number.")
        assert spec.parameters["properties"] == {"number": {"type": "integer"}}


async def test_each_call_has_its_own_facts_and_the_model_cant_write_them() -> None:
    async with box(whose="whose") as house:
        other = CallFacts(call_id="xxxxxx", caller_number="+15559999999")
        assert await call(house, "whose") == "bcdfgh +15550001111"
        assert await call(house, "whose", other) == "xxxxxx +15559999999"
        assert json.loads(await call(house, "whose", call="me"))["error"] == "bad_arguments"


async def test_a_tools_own_words_of_refusal_reach_the_model() -> None:
    async with box(refuse="refuse") as house:
        assert json.loads(await call(house, "refuse")) == {
            "error": "closed",
            "detail": "closed on Sundays",
            "retry": False,
        }


async def test_a_class_is_made_and_started_once_for_all_tools_that_name_it_and_stopped_at_the_end() -> None:
    async with box(
        find=python("Orders", options={"prefix": "parcel"}),
        cancel=python("Orders.cancel", options={"prefix": "parcel"}),
        other=python("Orders"),
        entry=python("ledger.entry"),
    ) as house:
        assert await call(house, "find", number="1") == "parcel 1"
        assert await call(house, "cancel", number="1") == "cancelled parcel 1"
        assert await call(house, "other", number="1") == "order 1"
        assert await call(house, "entry", number=7) == "7"
        assert house.for_call(["find"], FACTS)["find"].spec.description == "Look an order up."
        with capture_logs() as lines:
            await house.close()
    assert code.LIFE == [
        "made parcel",
        "started parcel on tools",
        "made order",
        "started order on tools",
        "started ledger",
        "stopped ledger",
        "stopped order",
        "stopped parcel",
    ]
    assert [(line["event"], line["tool"], line["error"]) for line in lines] == [
        ("tool_stop_failed", "entry", "OSError")
    ]


async def test_what_was_started_is_stopped_when_the_next_cant_be() -> None:
    with pytest.raises(
        ConfigurationError, match=r"tools\.broken: Broken\.start failed \(ConnectionError: no database\)"
    ):
        async with box(find="Orders", broken="Broken"):
            raise AssertionError("unreachable")
    assert code.LIFE[-1] == "stopped order"


@pytest.mark.parametrize("blocker", ["block", "block_the_loop"])
async def test_a_tool_that_blocks_holds_nobody_up_but_itself(blocker: str) -> None:
    """Neither the loop that carries audio nor another tool; its caller is told in time."""
    async with box(blocker=python(blocker, timeout_ms=100), slow="double_slowly") as house:
        blocked = asyncio.ensure_future(call(house, "blocker"))
        turns = 0
        while not blocked.done():
            turns += 1
            await asyncio.sleep(0)
        assert turns > 100  # this loop went on all the time
        assert json.loads(blocked.result())["error"] == "timed_out"
        assert json.loads(await call(house, "slow", number=1))["result"] == 2


async def test_a_function_that_hangs_uses_up_its_own_threads_and_no_more() -> None:
    async with box(blocker=python("block", timeout_ms=100, threads=2), slow="double_slowly") as house:
        told = await asyncio.gather(*(call(house, "blocker") for _ in range(4)))
        assert {json.loads(each)["error"] for each in told} == {"timed_out"}
        assert json.loads(await call(house, "slow", number=1))["result"] == 2
        code.RELEASE.set()
        assert await call(house, "blocker") == "released"  # the threads came back


async def test_a_coroutine_is_cancelled_with_its_call() -> None:
    async with box(wait="wait_forever") as house:
        running = asyncio.ensure_future(call(house, "wait"))
        await asyncio.sleep(0.05)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert code.LIFE == ["cancelled"]


@pytest.mark.parametrize(
    ("tool", "why"),
    [
        (
            {"type": "python", "call": "no.such.module:x"},
            "tools.it.call: module 'no.such.module' can't be imported (ModuleNotFoundError: No module named 'no'); install it or mend the name",
        ),
        (python("dubble"), "tools.it.call: 'tests.toolbox.code:dubble': there is no 'dubble' in tests.toolbox.code; mend the name"),
        (python("Orders.find"), "tools.it.call: 'tests.toolbox.code:Orders.find': there is no 'find' in Orders; mend the name"),
        (python("LIFE"), "tools.it.call: 'tests.toolbox.code:LIFE' is not something to call; name a function or a method"),
        (python("Ledger"), "tools.it.call: 'tests.toolbox.code:Ledger' is not something to call; name a function or a method"),
        (python("double", options={"a": 1}), "tools.it.call: 'tests.toolbox.code:double' names no class, so there is nothing to give options to"),
        (python("Impossible"), "tools.it.call: 'tests.toolbox.code:Impossible': Impossible could not be made (ValueError: no licence); check its options"),
        (python("undescribed"), "tools.it.description: missing; the function has no docstring, so say here what it does"),
        (
            python("double", parameters={"type": "object", "properties": {"nummer": {}}}),
            "tools.it.parameters: the function takes no 'nummer'; it takes: number",
        ),
    ],
)  # fmt: skip
async def test_code_that_is_not_there_or_does_not_fit_stops_the_start(tool: Mapping[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        async with box(it=tool):
            raise AssertionError("unreachable")
    assert str(caught.value) == why


# --- specialists -----------------------------------------------------------------------------------------------------


def specialist(tool: str) -> dict[str, Any]:
    return {"type": "delegate", "agents": {"first": {"description": "bills", "tool": tool}}}


async def ask(task: str, *, call: CallFacts) -> str:
    """Answer a task."""
    return f"{task} for {call.caller_number}"


async def test_a_question_is_handed_to_the_specialist_that_the_model_chose_in_the_background() -> None:
    agent = {"type": "python", "call": f"{__name__}:ask"}
    async with box(specialist=specialist("billing"), billing=agent) as house:
        tool = house.for_call(["specialist"], FACTS)["specialist"]
        assert tool.background
        assert tool.spec.parameters["properties"]["agent"] == {
            "type": "string",
            "enum": ["first"],
            "description": "first = bills",
        }
        assert await call(house, "specialist", agent="first", task="what is due") == "what is due for +15550001111"
        assert json.loads(await call(house, "specialist", agent="nobody", task="x"))["error"] == "bad_arguments"


async def test_a_specialist_that_takes_no_task_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="takes no argument 'task'"):
        async with box(specialist=specialist("double"), double="double"):
            raise AssertionError("unreachable")
