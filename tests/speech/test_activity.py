"""Voice activity on a telephone line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio.format import PCM16_24K
from gateway.audio.tones import noise, silence
from gateway.speech.activity import Activity, Started, Stopped
from gateway.speech.voice import Voice

RATE_HZ = 24000
SPEECH = Voice().speak("I would like to know your opening hours", rate_hz=RATE_HZ).pcm


def events(pcm: bytes, sizes: list[int] | None = None, **settings_: int | float) -> list[Started | Stopped]:
    activity = Activity(RATE_HZ, **settings_)  # type: ignore[arg-type]
    found: list[Started | Stopped] = []
    at = 0
    sizes = sizes or [960]
    index = 0
    while at < len(pcm):
        size = sizes[index % len(sizes)]
        found += activity.push(pcm[at : at + size])
        at, index = at + size, index + 1
    return found


def talk() -> bytes:
    """One second of quiet line, speech, two of quiet line, speech, two of quiet line."""
    quiet = [noise(ms, RATE_HZ, -60, seed) for seed, ms in enumerate((1000, 2000, 2000))]
    return quiet[0] + SPEECH + quiet[1] + SPEECH + quiet[2]


def test_each_utterance_starts_and_stops_once() -> None:
    found = events(talk())
    assert [type(event) for event in found] == [Started, Stopped, Started, Stopped]
    speech_ms = len(SPEECH) / 48
    assert abs(found[0].at_ms - (1000 - 300)) < 150
    assert abs(found[1].at_ms - (1000 + speech_ms + 500)) < 200


def test_a_longer_silence_window_waits_longer() -> None:
    short, long = (events(talk(), silence_duration_ms=ms)[1].at_ms for ms in (300, 900))
    assert 450 < long - short < 750


@pytest.mark.parametrize("line", [silence(PCM16_24K, 3000), noise(3000, RATE_HZ, -50, 1), noise(3000, RATE_HZ, -45, 2)])
def test_a_line_without_speech_is_quiet(line: bytes) -> None:
    assert events(line) == []


def test_a_click_is_no_speech() -> None:
    line = np.frombuffer(noise(3000, RATE_HZ, -60, 3), "<i2").copy()
    line[30000:30040] = 20000
    assert events(line.tobytes()) == []


@settings(max_examples=15)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=8))
def test_how_the_stream_is_cut_does_not_matter(sizes: list[int]) -> None:
    assert events(talk(), sizes) == events(talk())
