"""Whatever a tool does, the model gets an answer that it can act on, and one line is logged."""

from __future__ import annotations

import asyncio
import datetime
import decimal
import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from structlog.testing import capture_logs

from gateway.contracts.tool import CallFacts, ToolOutcome
from gateway.errors import ToolError
from gateway.toolbox.arguments import DeclaredArguments
from gateway.toolbox.guard import Guarded, RateLimit
from gateway.toolbox.outcomes import succeeded

FACTS = CallFacts(call_id="bcdfgh", caller_number="+15550001111")


def guarded(work: Any, **more: Any) -> Guarded:
    plain = {"name": "lookup", "description": "it", "timeout_ms": 1000, "max_result_bytes": 1000}
    arguments = DeclaredArguments({"type": "object", "properties": {"order": {"type": "string"}}})
    return Guarded(**{**plain, "arguments": arguments, "work": work, **more})


async def called(tool: Guarded, text: str = "{}") -> tuple[ToolOutcome, dict[str, Any]]:
    """Return the outcome, and the one line in the log."""
    with capture_logs() as lines:
        outcome = await tool.tool(FACTS).run(text)
    (line,) = [line for line in lines if line["event"] == "tool_called"]
    return outcome, line


async def test_a_result_is_handed_on_with_one_line_that_holds_no_words_of_it() -> None:
    async def work(arguments: dict[str, Any], facts: CallFacts) -> object:
        return {"order": arguments["order"], "for": facts.caller_number}

    outcome, line = await called(guarded(work), '{"order": "4711"}')
    assert outcome == ToolOutcome('{"order":"4711","for":"+15550001111"}')
    assert line == {
        "event": "tool_called",
        "log_level": "info",
        "call_id": "bcdfgh",
        "tool": "lookup",
        "ms": line["ms"],
        "outcome": "ok",
    }


async def test_arguments_that_do_not_fit_never_reach_the_tool() -> None:
    async def work(arguments: dict[str, Any], facts: CallFacts) -> object:
        raise AssertionError("unreachable")

    outcome, line = await called(guarded(work), '{"order": 4711')
    assert json.loads(outcome.output) == {
        "error": "bad_arguments",
        "detail": "the arguments do not fit: they are not JSON",
        "retry": True,
    }
    assert not outcome.ok
    assert line["outcome"] == "bad_arguments"


async def test_a_tool_that_takes_too_long_is_cancelled_and_the_model_told() -> None:
    cancelled = []

    async def work(arguments: dict[str, Any], facts: CallFacts) -> object:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)
        raise AssertionError("unreachable")

    outcome, line = await called(guarded(work, timeout_ms=1))
    assert json.loads(outcome.output) == {"error": "timed_out", "detail": "no answer within 1 ms", "retry": True}
    assert (line["outcome"], cancelled) == ("timed_out", [True])


@pytest.mark.parametrize("error", [ValueError("card 4111111111111111"), TimeoutError("its own"), KeyError("x")])
async def test_a_tool_that_raises_tells_neither_model_nor_log_what_its_exception_said(error: Exception) -> None:
    async def work(arguments: dict[str, Any], facts: CallFacts) -> object:
        raise error

    with capture_logs() as lines:
        outcome = await guarded(work).tool(FACTS).run("{}")
    assert json.loads(outcome.output) == {"error": "failed", "detail": "the tool failed", "retry": False}
    (told,) = [line for line in lines if line["event"] == "tool_failed"]
    assert told["error"] == type(error).__name__
    assert "test_guard.py:" in told["at"]
    assert "4111" not in repr(lines)


async def test_what_a_tool_says_on_purpose_is_told_to_the_model() -> None:
    async def work(arguments: dict[str, Any], facts: CallFacts) -> object:
        raise ToolError("the table is taken", kind="conflict")

    outcome, line = await called(guarded(work))
    assert json.loads(outcome.output) == {"error": "conflict", "detail": "the table is taken", "retry": False}
    assert line["outcome"] == "conflict"


async def test_a_tool_that_is_called_too_often_says_when_it_can_be_called_again() -> None:
    async def work(arguments: dict[str, Any], facts: CallFacts) -> object:
        return "ok"

    tool = guarded(work, rate=RateLimit(2))
    outcomes = [(await called(tool))[0] for _ in range(3)]
    assert [outcome.ok for outcome in outcomes] == [True, True, False]
    told = json.loads(outcomes[-1].output)
    assert (told["error"], told["retry"]) == ("rate_limited", True)
    assert "it can be called again in 60 seconds" in told["detail"] or "61 seconds" in told["detail"]


def test_a_place_is_free_again_after_a_minute() -> None:
    rate = RateLimit(2)
    assert [rate.take(0.0), rate.take(30.0), rate.take(45.0)] == [0.0, 0.0, 15.0]
    assert rate.take(60.0) == 0.0
    assert rate.take(61.0) == 29.0


@given(st.lists(st.floats(0, 30), max_size=60), st.integers(1, 5))
def test_no_minute_ever_sees_more_than_the_limit(gaps: list[float], per_minute: int) -> None:
    rate, now_s, taken = RateLimit(per_minute), 0.0, []
    for gap in gaps:
        now_s += gap
        if rate.take(now_s) == 0.0:
            taken.append(now_s)
    for began in taken:
        assert len([at for at in taken if began <= at < began + 59.999]) <= per_minute


async def test_a_cancelled_call_is_logged_and_goes_on_being_cancelled() -> None:
    async def work(arguments: dict[str, Any], facts: CallFacts) -> object:
        await asyncio.Event().wait()

    with capture_logs() as lines:
        running = asyncio.ensure_future(guarded(work).tool(FACTS).run("{}"))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert [line["outcome"] for line in lines] == ["cancelled"]


class Person(BaseModel):
    name: str


@dataclass
class Order:
    day: datetime.date
    cost: decimal.Decimal
    by: Person


@pytest.mark.parametrize(
    ("result", "output"),
    [
        ("offen bis fünf", "offen bis fünf"),
        (None, '{"status":"done"}'),
        ([1, True, None], "[1,true,null]"),
        (
            Order(datetime.date(2026, 11, 21), decimal.Decimal("1.50"), Person(name="Ann")),
            '{"day":"2026-11-21","cost":"1.50","by":{"name":"Ann"}}',
        ),
        (ToolOutcome("as it is", ok=False), "as it is"),
    ],
)
def test_a_result_becomes_text_or_json(result: object, output: str) -> None:
    assert succeeded(result, 1000).output == output


def test_a_result_without_a_form_in_json_is_an_error() -> None:
    with pytest.raises(ToolError, match="can't be written as JSON"):
        succeeded({"socket": object()}, 1000)


@given(st.text(min_size=1), st.integers(64, 200))
def test_a_long_result_is_cut_at_a_whole_character_and_says_so(text: str, limit: int) -> None:
    encoded = text.encode("utf-8", "replace")
    outcome = succeeded(text, limit)
    if len(encoded) <= limit:
        assert outcome.output == text
    else:
        told = json.loads(outcome.output)
        assert told["cut"] is True
        assert told["bytes"] == len(encoded)
        assert encoded.decode().startswith(told["beginning"])
        assert limit - 4 < len(told["beginning"].encode()) <= limit
