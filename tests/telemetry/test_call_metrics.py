"""From the records of a call to figures, each by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from gateway.contracts import record
from gateway.contracts.mint import mint
from gateway.contracts.record import AnyRecord
from gateway.contracts.text import Label
from gateway.telemetry.call_metrics import CallMetrics
from gateway.telemetry.metrics import MAX_WORDS, Metrics
from tests.records.story import CALL
from tests.telemetry.figures import call_ended, call_started, families, some_metrics, value


def after(*records: AnyRecord, model: str | None = "gpt-realtime-2.1") -> Metrics:
    metrics = some_metrics()
    sink = CallMetrics(metrics, endpoint="main", model=model)
    for one in records:
        sink.accept(one)
    return metrics


def tokens(cost: str | None) -> record.TokensUsed:
    return record.TokensUsed(
        at_ms=9000, turn=2, input_text=1000, input_audio=2000, cached_text=600, cached_audio=1500, output_text=100,
        output_audio=400, cost=None if cost is None else Decimal(cost), currency=None if cost is None else Label("USD"),
    )  # fmt: skip


def test_a_call_is_counted_when_it_starts_and_when_it_ends() -> None:
    metrics = after(call_started())
    assert value(metrics, "gateway_calls_started_total", persona="receptionist", endpoint="main") == 1
    metrics = after(call_started(), call_ended("caller", "hung_up"))
    assert value(metrics, "gateway_calls_ended_total", who="caller", reason="hung_up", ok="yes") == 1
    assert value(metrics, "gateway_turns_total") == 3
    assert value(metrics, "gateway_caller_audio_dropped_seconds_total") == 1.5
    assert value(metrics, "gateway_call_seconds_sum") == 61
    assert value(metrics, "gateway_call_seconds_bucket", le="60.0") == 0
    assert value(metrics, "gateway_call_seconds_bucket", le="120.0") == 1


def test_a_call_that_went_wrong_is_told_apart() -> None:
    metrics = after(call_ended("model", "lost", ok=False))
    assert value(metrics, "gateway_calls_ended_total", who="model", reason="lost", ok="no") == 1


def test_each_token_is_counted_in_one_kind_only() -> None:
    metrics = after(tokens("0.04644"))
    kinds = {
        kind: value(metrics, "gateway_tokens_total", endpoint="main", model="gpt-realtime-2.1", kind=kind)
        for kind in ("input_text", "cached_text", "input_audio", "cached_audio", "output_text", "output_audio")
    }
    assert kinds == {
        "input_text": 400,
        "cached_text": 600,
        "input_audio": 500,
        "cached_audio": 1500,
        "output_text": 100,
        "output_audio": 400,
    }


def test_money_is_counted_by_model_and_currency() -> None:
    metrics = after(tokens("0.04644"), tokens("0.01"))
    assert value(metrics, "gateway_cost_total", model="gpt-realtime-2.1", currency="USD") == pytest.approx(0.05644)


def test_an_unknown_cost_is_counted_as_unknown_and_not_as_nothing() -> None:
    metrics = after(tokens(None), call_ended(unreported=2), model=None)
    assert value(metrics, "gateway_unpriced_responses_total", model="unnamed") == 1
    assert value(metrics, "gateway_unreported_responses_total", model="unnamed") == 2
    assert not [one for family in families(metrics) if family.name == "gateway_cost" for one in family.samples]


def test_a_whole_call_leaves_its_waits_tools_and_faults() -> None:
    metrics = after(*CALL)
    # Answers after 640, 1900 and 900 ms; a greeting and a disclosure wait for nobody.
    assert value(metrics, "gateway_answer_seconds_count", endpoint="main") == 3
    assert value(metrics, "gateway_answer_seconds_sum", endpoint="main") == 0.64 + 1.9 + 0.9
    assert value(metrics, "gateway_answer_seconds_bucket", endpoint="main", le="0.8") == 1
    assert value(metrics, "gateway_barge_ins_total", action="truncated") == 1
    assert value(metrics, "gateway_tool_calls_total", tool="check_table", outcome="ok") == 1
    assert value(metrics, "gateway_tool_seconds_sum", tool="check_table") == 0.9
    assert value(metrics, "gateway_faults_total", kind="tool_slow") == 1
    assert value(metrics, "gateway_keys_pressed_total") == 2


def test_transfers_and_prompts_are_counted() -> None:
    metrics = after(
        record.Transferred(at_ms=1, target=mint("tel:…1234"), ok=False),
        record.Transferred(at_ms=2, target=mint("tel:…1234"), ok=True),
        record.IdlePrompt(at_ms=3, step=1),
    )
    assert value(metrics, "gateway_transfers_total", outcome="failed") == 1
    assert value(metrics, "gateway_transfers_total", outcome="ok") == 1
    assert value(metrics, "gateway_idle_prompts_total") == 1


def test_no_call_grows_the_page_without_end() -> None:
    metrics = some_metrics()
    sink = CallMetrics(metrics, endpoint="main", model="m")
    for number in range(3 * MAX_WORDS):
        word = Label(f"w{number}")
        sink.accept(record.ToolReturned(at_ms=1, name=word, ok=True, took_ms=1, output=mint("")))
        sink.accept(record.Fault(at_ms=1, kind=word, message=mint("")))
        sink.accept(call_ended("caller", f"r{number}"))
    for name in ("gateway_tool_calls", "gateway_faults", "gateway_calls_ended"):
        (family,) = [family for family in families(metrics) if family.name == name]
        assert len([one for one in family.samples if one.name.endswith("_total")]) == MAX_WORDS + 1


def test_nothing_of_a_caller_is_on_the_page() -> None:
    page, _ = after(*CALL).page()
    for word in (b"c-7f3a", b"9f2c", b"1234", b"9876", b"table for two", b"guests"):
        assert word not in page


async def test_closing_keeps_nothing_back() -> None:
    assert await CallMetrics(some_metrics(), endpoint="main", model=None).close() is None
