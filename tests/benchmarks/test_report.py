"""Figures, the capacity search and the tables, fed by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks import subject as subject_module
from tests.benchmarks.capacity import MAX_STEPS, search
from tests.benchmarks.figures import Figures, percentile
from tests.benchmarks.probe import CallProbe
from tests.benchmarks.report import LATENCY, TRUNCATION, capacity_table, memory_table, side_by_side, slope
from tests.benchmarks.run import Plan
from tests.benchmarks.subject import Cores, NotStarted, Subject, SubjectFailed


def test_percentiles_are_values_that_occurred() -> None:
    samples = [float(value) for value in range(1, 101)]
    assert [percentile(samples, percent) for percent in (1, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([7.0], 99) == 7
    assert math.isnan(percentile([], 50))


def barge_in(audio_end_ms: int) -> CallProbe:
    probe = CallProbe(0)
    probe.spoke("item_1", 1.0)
    probe.media(8000, 1.0005)
    probe.barged(1.5005)
    probe.clear(1.5007)
    probe.truncated("item_1", audio_end_ms)
    return probe


def test_a_call_gives_its_figures_within_the_window_only() -> None:
    figures = Figures()
    figures.add_call(barge_in(510), 0.0, 10.0)
    assert figures.first_media_ms == pytest.approx([0.5])
    assert figures.clear_ms == pytest.approx([0.2])
    assert figures.truncation_ms == pytest.approx([9.8])
    assert figures.barge_ins == 1
    outside = Figures()
    outside.add_call(barge_in(510), 5.0, 10.0)
    assert outside.barge_ins == 0
    assert outside.clear_ms == []


def test_a_barge_in_without_a_clear_is_counted() -> None:
    probe = CallProbe(0)
    probe.spoke("item_1", 1.0)
    probe.barged(1.5)
    figures = Figures()
    figures.add_call(probe, 0.0, 10.0)
    assert (figures.barge_ins, figures.uncleared) == (1, 1)


def healthy(calls: int = 10, uplink_ms: float = 0.2) -> Figures:
    return Figures(
        calls=calls, call_s=calls * 2.0, window_s=2.0, cpu_s=0.1, uplink_ms=[uplink_ms] * 100, lag_ms=[0.1] * 100
    )


def test_rounds_are_pooled_by_sample() -> None:
    pooled = Figures()
    for boot_s in (0.3, 0.2):
        figures = healthy()
        figures.boot_s = boot_s
        pooled.pool(figures)
    assert len(pooled.uplink_ms) == 200
    assert pooled.boot_s == 0.2
    assert pooled.cpu_ms_per_call_s == pytest.approx(5)
    assert pooled.core_percent == pytest.approx(5)


def test_a_late_harness_makes_a_run_void_not_slow() -> None:
    figures = healthy()
    figures.lag_ms = [50.0] * 100
    assert figures.void == "harness late: lag p99 50.0 ms"
    assert figures.overloaded(20) == ""


def test_the_search_finds_the_largest_number_within_five_percent() -> None:
    def carries_237(calls: int) -> Figures:
        return healthy(calls, 1.0 if calls <= 237 else 40.0)

    found = search(carries_237, 100, 600)
    assert 225 <= found.largest <= 237
    assert not found.at_least
    assert len(found.steps) <= MAX_STEPS


def test_the_search_goes_down_when_its_start_is_too_high() -> None:
    found = search(lambda calls: healthy(calls, 1.0 if calls <= 20 else 40.0), 150, 600)
    assert 18 <= found.largest <= 20


def test_the_search_forgives_one_bad_run() -> None:
    runs: list[int] = []

    def disturbed_once(calls: int) -> Figures:
        runs.append(calls)
        return healthy(calls, 40.0 if len(runs) == 1 else 1.0)

    assert search(disturbed_once, 100, 100).largest == 100


def test_a_search_that_the_ceiling_or_the_harness_ends_says_at_least() -> None:
    assert search(healthy, 100, 200).at_least

    def harness_tires(calls: int) -> Figures:
        figures = healthy(calls)
        figures.lag_ms = [30.0 if calls > 300 else 0.1] * 10
        return figures

    found = search(harness_tires, 100, 600)
    assert found.at_least
    assert 285 <= found.largest <= 300


def test_a_step_that_others_disturbed_is_tried_again_and_never_held_against_the_subject() -> None:
    runs: list[int] = []

    def others_are_busy_at_first(calls: int) -> Figures:
        runs.append(calls)
        figures = healthy(calls, 40.0 if len(runs) <= 2 else 1.0)
        figures.other_cpu_s = 1.0 if len(runs) <= 2 else 0.0
        return figures

    found = search(others_are_busy_at_first, 100, 100)
    assert (runs, found.largest) == ([100, 100, 100], 100)
    assert found.steps[0].verdict == "uplink p99 40.0 ms, disturbed: others used 50 % of a core"


def test_a_subject_that_breaks_under_load_fails_the_step_and_one_that_never_starts_the_search() -> None:
    def breaks(calls: int) -> Figures:
        if calls > 50:
            raise SubjectFailed("gateway ended with status -9\nand a log")
        return healthy(calls)

    found = search(breaks, 100, 600)
    assert 48 <= found.largest <= 50
    assert found.steps[0].verdict == "gateway ended with status -9"

    def never(calls: int) -> Figures:
        raise NotStarted("gateway ended before it listened")

    with pytest.raises(NotStarted):
        search(never, 100, 600)


def test_tables_hold_subjects_their_ratio_and_the_verdict_on_the_last() -> None:
    fast, slow = healthy(uplink_ms=0.4), healthy(uplink_ms=1.2)
    table = side_by_side({"reference": fast, "gateway": slow}, LATENCY)
    assert "| added uplink latency p99, ms | 0.40 | 1.20 | 3.00 | < 1: MISSED |" in table
    assert "| underruns | 0 | 0 |  | 0: met |" in table
    alone = side_by_side({"reference": slow}, LATENCY)
    assert "| added uplink latency p99, ms | 1.20 | < 1 |" in alone


def test_the_truncation_table_keeps_to_truncation_and_clears() -> None:
    labels = {row.label for row in TRUNCATION}
    assert "truncation error p99, ms" in labels
    assert "speech_started in, clear out p99, ms" in labels
    assert "CPU, ms per call-second" not in labels


def test_a_disturbed_run_says_so_below_its_table() -> None:
    figures = healthy()
    figures.other_cpu_s = 1.0
    assert "reference: disturbed: others used 50 % of a core." in side_by_side({"reference": figures}, LATENCY)


def test_memory_per_call_is_the_slope() -> None:
    by_calls = {10: 36.0, 50: 38.0, 100: 40.5}
    assert slope(by_calls) == pytest.approx(0.05)
    assert "| gateway | 36.0 | 38.0 | 40.5 | 51 | < 100: met |" in memory_table({"gateway": by_calls})
    assert math.isnan(slope({10: 36.0}))


def test_the_capacity_table_shows_every_step() -> None:
    table = capacity_table({"gateway": search(lambda calls: healthy(calls, 1.0 if calls <= 100 else 40.0), 100, 600)})
    assert "| gateway | 100 | 1.0 |" in table
    assert "uplink p99 40.0 ms" in table
    assert "**100 calls** on one core" in table


def test_a_summary_is_json_without_nan() -> None:
    text = json.dumps(healthy().summary(), allow_nan=False)
    assert json.loads(text)["uplink_ms"] == {"count": 100, "p1": 0.2, "p50": 0.2, "p99": 0.2, "max": 0.2}


@pytest.mark.parametrize(("calls", "seconds", "net_ms"), [(0, 1, 0), (1001, 1, 0), (1, 0, 0), (1, 61, 0), (1, 1, -1)])
def test_a_plan_beyond_its_bounds_is_refused(calls: int, seconds: float, net_ms: float) -> None:
    with pytest.raises(ValueError, match="is not within"):
        Plan(calls, seconds, net_ms)


@pytest.mark.parametrize(
    "words", [["memory", "--points", "10,x"], ["memory", "--points", "0"], ["all", "--records", "x"]]
)
def test_the_command_line_refuses_what_it_can_not_use(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.parser().parse_args(words)
    assert "usage" in capsys.readouterr().err


def test_a_subject_that_ends_at_once_shows_its_last_words() -> None:
    subject = Subject("gateway", "{python} -c \"raise SystemExit('no such config')\"")
    core = Cores.pick().subject
    with pytest.raises(NotStarted, match="no such config"), subject.running("ws://127.0.0.1:9", Cores(core, core)):
        pass


def test_a_subject_that_ignores_being_asked_is_ended_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject_module, "STOP_LIMIT_S", 0.2)
    deaf = (
        "import signal, socket; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "listener = socket.create_server(('127.0.0.1', {port})); signal.pause()"
    )
    core = Cores.pick().subject
    with Subject("gateway", f'{{python}} -c "{deaf}"').running("ws://127.0.0.1:9", Cores(core, core)) as running:
        assert running.rss_bytes() > 0
        pid = running.pid
    assert not Path("/proc", str(pid)).exists()
