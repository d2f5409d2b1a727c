from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio import level, tones
from gateway.simulator.line import FRAME_PCM_BYTES, Line, LineConditions

SILENCE = bytes(FRAME_PCM_BYTES)


def carried(line: Line, pcm: bytes, agent: bytes = b"", second: bytes = b"") -> bytes:
    conditions = LineConditions(line, second)
    frames = (slice(start, start + FRAME_PCM_BYTES) for start in range(0, len(pcm), FRAME_PCM_BYTES))
    return b"".join(conditions.carry(pcm[frame], agent[frame]) for frame in frames)


VOICE = tones.tone(500, 400, 8000, dbfs=-20.0)


def test_a_perfect_line_touches_no_sample():
    assert carried(Line(seed=7), VOICE) == VOICE


def test_the_level_is_changed_by_decibels():
    assert level.dbfs(carried(Line(level_db=-10), VOICE)) == pytest.approx(-30.0, abs=0.1)


def test_noise_has_its_level_and_comes_again_with_the_same_seed():
    quiet = bytes(len(VOICE) * 5)
    noise = carried(Line(noise_dbfs=-35, seed=3), quiet)
    assert level.dbfs(noise) == pytest.approx(-35.0, abs=0.5)
    assert carried(Line(noise_dbfs=-35, seed=3), quiet) == noise
    assert carried(Line(noise_dbfs=-35, seed=4), quiet) != noise


def test_clipping_cuts_the_peaks_off_at_its_level():
    loud = carried(Line(level_db=30, clip_dbfs=-6), VOICE)
    assert np.abs(np.frombuffer(loud, "<i2")).max() == pytest.approx(32767 * 10 ** (-6 / 20), abs=1)


def test_a_loss_pattern_silences_its_frames():
    out = carried(Line(loss_pattern=(True, False)), VOICE)
    frames = [out[start : start + FRAME_PCM_BYTES] for start in range(0, len(out), FRAME_PCM_BYTES)]
    assert [frame == SILENCE for frame in frames] == [False, True] * 10


def test_loss_by_chance_takes_its_share_of_frames():
    out = carried(Line(loss_percent=25, seed=5), VOICE * 50)
    lost = sum(out[start : start + FRAME_PCM_BYTES] == SILENCE for start in range(0, len(out), FRAME_PCM_BYTES))
    assert 0.20 < lost / (len(out) / FRAME_PCM_BYTES) < 0.30


def test_the_second_voice_is_heard_over_and_over():
    second = tones.tone(900, 100, 8000, dbfs=-10.0)
    out = carried(Line(second_voice="x", second_voice_db=-20), bytes(len(second) * 4), second=second)
    assert level.dbfs(out) == pytest.approx(-30.0, abs=0.2)
    assert out[: len(second)] == out[len(second) : 2 * len(second)]


@pytest.mark.parametrize("delay_ms", [0, 7, 20, 130])
def test_the_agents_voice_comes_back_delayed_and_weaker(delay_ms):
    agent = tones.tone(700, 400, 8000, dbfs=-12.0)
    out = carried(Line(echo_loss_db=20, echo_delay_ms=delay_ms), bytes(len(agent)), agent)
    quiet, echo = out[: delay_ms * 16], out[delay_ms * 16 :]
    assert not any(quiet)
    original = np.frombuffer(agent, "<i2").astype(float)[: len(echo) // 2]
    assert np.abs(np.frombuffer(echo, "<i2") - original / 10).max() <= 1


def test_a_frame_of_another_length_is_refused():
    with pytest.raises(ValueError, match="caller_pcm has 318 bytes, wanted 320"):
        LineConditions(Line()).carry(bytes(318))


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"noise_dbfs": 3}, "noise_dbfs"),
        ({"loss_percent": 101}, "loss_percent"),
        ({"echo_delay_ms": -1}, "echo_delay_ms"),
        ({"clip_dbfs": 1}, "clip_dbfs"),
        ({"echo_loss_db": -1}, "echo_loss_db"),
        ({"level_db": math.inf}, "level_db"),
    ],
)
def test_a_line_that_cannot_be_is_refused_by_name(wrong, name):
    with pytest.raises(ValueError, match=f"line: {name} is"):
        Line(**wrong)


@settings(max_examples=30, deadline=None)
@given(
    st.floats(-60, 60),
    st.none() | st.floats(-60, 0),
    st.none() | st.floats(0, 60),
    st.integers(0, 300),
    st.binary(min_size=FRAME_PCM_BYTES, max_size=FRAME_PCM_BYTES),
)
def test_every_line_gives_frames_of_the_same_length(gain, noise, echo, delay, pcm):
    conditions = LineConditions(Line(level_db=gain, noise_dbfs=noise, echo_loss_db=echo, echo_delay_ms=delay))
    for _ in range(3):
        assert len(conditions.carry(pcm, pcm)) == FRAME_PCM_BYTES
