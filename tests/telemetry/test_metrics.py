"""The page of metrics: what stands on it from the start, and that it stays bounded."""

from __future__ import annotations

import platform

import pytest

import gateway
from gateway.telemetry.counters import CounterRegistry
from gateway.telemetry.metrics import MAX_WORDS, Metrics, Words
from tests.telemetry.figures import families, some_metrics, value


def test_the_page_says_which_gateway_this_is() -> None:
    about = {"version": gateway.__version__, "python": platform.python_version()}
    assert value(some_metrics(), "gateway_build_info", **about) == 1


def test_what_lives_now_is_asked_for_when_the_page_is_read() -> None:
    live = [3, 1]
    metrics = Metrics(live=lambda: live[0], early=lambda: live[1], limit=40)
    assert value(metrics, "gateway_calls_live") == 3
    live[:] = [5, 0]
    assert value(metrics, "gateway_calls_live") == 5
    assert value(metrics, "gateway_early_sessions_waiting") == 0
    assert value(metrics, "gateway_calls_limit") == 40


def test_two_applications_of_one_process_count_for_themselves() -> None:
    one, other = some_metrics(), some_metrics()
    one.call_refused("busy")
    assert value(one, "gateway_calls_refused_total", why="busy") == 1
    assert value(other, "gateway_calls_refused_total", why="busy") == 0


@pytest.mark.parametrize("outcome", ["opened", "not_opened", "redeemed"])
def test_early_sessions_are_counted_by_their_outcome(outcome: str) -> None:
    metrics = some_metrics()
    metrics.early_session(outcome)
    assert value(metrics, "gateway_early_sessions_total", outcome=outcome) == 1


def test_the_process_counters_stand_beside_the_rest() -> None:
    counters = CounterRegistry()
    counters.counter("stream_unknown_events", "events that no page names", ("carrier",)).add(2, carrier="twilio")
    counters.counter("clears_repeated", "clears that had to be told again")
    metrics = Metrics(live=lambda: 0, early=lambda: 0, limit=1, counters=counters)
    assert value(metrics, "gateway_stream_unknown_events_total", carrier="twilio") == 2
    assert value(metrics, "gateway_clears_repeated_total") == 0


def test_the_process_is_on_the_page() -> None:
    assert (value(some_metrics(), "process_resident_memory_bytes") or 0) > 1 << 20


def test_open_metrics_are_given_to_who_asks_for_them() -> None:
    page, content_type = some_metrics().page("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert page.endswith(b"# EOF\n")


def test_a_label_takes_so_many_words_and_no_more() -> None:
    words = Words()
    first = [words(f"tool_{number}") for number in range(MAX_WORDS)]
    assert first == [f"tool_{number}" for number in range(MAX_WORDS)]
    assert words("one_too_many") == "other"
    assert words("tool_0") == "tool_0"


def test_every_metric_of_ours_has_a_prefix_and_a_help_text() -> None:
    for family in families(some_metrics()):
        assert family.name.startswith(("gateway_", "process_")), family.name
        assert family.documentation, family.name
