"""The bars that the redactor is held against, on the sample of calls and on generated ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.cli.redact import redact_case
from tests.privacy.generator import MAKERS, NEGATIVE, cases
from tests.privacy.scoring import BARS, Report, leaks, readable, score

SAMPLE = Path(__file__).parent / "sample" / "calls.jsonl"


def assert_bars(report: Report) -> None:
    why = "\n".join(report.faults[:5])
    assert report.pan_all.share >= BARS["pan"], why
    assert all(one.share >= 0.95 for one in report.pan.values()), why
    assert report.cvv.share >= BARS["cvv"], why
    assert report.expiry.share >= BARS["expiry"], why
    assert report.kept_all.share >= 1 - BARS["altered"], why
    assert all(one.share >= 0.95 for one in report.kept.values()), why
    assert report.over <= BARS["over"], why


def test_the_sample_reaches_every_bar() -> None:
    report = score([json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()], redact_case)
    assert (report.pan_all.all, report.cvv.all, report.kept_all.all) == (73, 6, 41)
    assert_bars(report)
    assert report.hold(0.99) <= BARS["p99"]
    assert report.hold(1.0) <= BARS["max"]


@pytest.mark.parametrize("seed", [101, 102, 103])
def test_generated_calls_reach_every_bar(seed: int) -> None:
    report = score(cases(30 * len(MAKERS), seed), redact_case)
    assert len(report.pan) + len(report.kept) >= 45
    assert_bars(report)
    assert report.hold(1.0) <= BARS["max"]


def test_ordinary_talk_is_held_back_for_a_word_at_most() -> None:
    talk = (case for case in cases(len(MAKERS) * 60, 9) if case["category"] == "chat")
    report = score(talk, redact_case)
    assert report.kept_all.share == 1
    assert report.hold(0.99) <= BARS["p99"]


def test_there_are_many_categories_of_both_kinds() -> None:
    assert len(MAKERS) >= 45
    assert len(NEGATIVE) >= 15


@pytest.mark.parametrize(
    ("text", "leaked"),
    [
        ("4539148803436467", True),
        ("[CARD]", False),
        ("4539 14[CARD]6467", False),
        ("[CARD] 9148 8 [CARD]", True),
        ("eight eight oh then three four", True),
        ("thirty-four thirty-six forty-six", True),
        ("double eight zero", False),
        ("88 <b>03</b> - 43", True),
    ],
)
def test_the_scorer_sees_a_leak(text: str, leaked: bool) -> None:
    assert leaks("4539148803436467", text) is leaked


def test_the_scorer_reads_codes_in_words() -> None:
    assert readable("128", "it is one two eight")
    assert readable("128", "one twenty-eight")
    assert not readable("128", "[CARD]")


def test_a_redactor_that_does_nothing_fails_the_bars() -> None:
    def nothing(turns: list[dict[str, str]]) -> dict[str, list[object]]:
        return {"turns": [turn["text"] for turn in turns], "emits": [[*turn["deltas"], ""] for turn in turns]}

    report = score(cases(len(MAKERS), 1), nothing)  # type: ignore[arg-type]
    assert report.pan_all.share <= 0.05  # the scorer is no perfect reader of numbers in French
    assert report.cvv.share == 0
    assert report.kept_all.share == 1


def test_a_redactor_that_masks_everything_fails_the_bars() -> None:
    def everything(turns: list[dict[str, str]]) -> dict[str, list[object]]:
        return {"turns": ["[CARD]" for _ in turns], "emits": [["[CARD]"] for _ in turns]}

    report = score(cases(len(MAKERS), 1), everything)  # type: ignore[arg-type]
    assert report.pan_all.share == 1
    assert report.kept_all.share == 0
    assert report.over > 0.9
