"""A small, fixed part of the measurement of local hearing; ``python -m tests.speech.bars`` does all of it."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest

from tests.speech.bars import BARS_REQUIRED, measure, missed, table
from tests.speech.corpus import BARS, TUNING


@pytest.mark.timeout(400)  # 30 s of one core, and more beside other work
def test_hearing_reaches_its_bars_on_a_part_of_the_measurement() -> None:
    # In a process of its own: eSpeak NG keeps state, so what other tests had said would change what is said here.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as apart:
        tallies = apart.submit(measure, BARS, seed=7, scale=0.12).result()
    assert set(tallies) >= set(BARS_REQUIRED)
    assert missed(tallies) == [], table(tallies)


def test_what_is_measured_on_was_not_tuned_on() -> None:
    assert not set(BARS.voices) & set(TUNING.voices)
    assert not {phrase for menu in BARS.menus for phrase in menu} & {phrase for menu in TUNING.menus for phrase in menu}
    assert not set(BARS.unexpected) & set(TUNING.unexpected)
