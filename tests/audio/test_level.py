"""Loudness in dBFS, gain, mixing, and envelopes for drawing."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.level import dbfs, envelope, mix, peak_dbfs, scale
from gateway.audio.tones import tone


def pcm(*samples: int) -> bytes:
    return np.array(samples, "<i2").tobytes()


def test_a_sine_reads_the_same_in_level_and_peak() -> None:
    assert dbfs(tone(1000, 100, 8000, -20.0)) == pytest.approx(-20.0, abs=0.01)
    assert peak_dbfs(tone(1000, 100, 8000, -20.0)) == pytest.approx(-20.0, abs=0.01)
    assert dbfs(pcm(32767, -32767)) == pytest.approx(3.01, abs=0.01)


def test_silence_and_nothing_have_no_level() -> None:
    for quiet in (b"", bytes(320)):
        assert dbfs(quiet) == -math.inf
        assert peak_dbfs(quiet) == -math.inf


def test_the_most_negative_sample_counts_in_full() -> None:
    assert peak_dbfs(pcm(-32768, 0)) == pytest.approx(0.0, abs=0.001)


def test_scaling_saturates() -> None:
    assert scale(pcm(1000, -1000), 6.0206) == pcm(2000, -2000)
    assert scale(pcm(1000, -1001), -6.0206) == pcm(500, -500)
    assert scale(pcm(30000, -30000), 12.0) == pcm(32767, -32768)


def test_mixing_saturates_and_ends_with_the_longer() -> None:
    assert mix(pcm(1, 20000, -20000), pcm(2, 20000)) == pcm(3, 32767, -20000)
    assert mix(b"", pcm(7)) == pcm(7)
    assert mix(pcm(-30000), pcm(-30000)) == pcm(-32768)


def test_an_envelope_shows_the_largest_excursion_of_each_stretch() -> None:
    assert envelope(pcm(0, 16384, -32768, 0), 2) == [0.5, 1.0]
    assert envelope(b"", 3) == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="at least one bucket; got 0"):
        envelope(pcm(1), 0)


@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=200), st.integers(1, 300))
def test_an_envelope_has_its_buckets_and_the_peak(samples: list[int], buckets: int) -> None:
    heights = envelope(pcm(*samples), buckets)
    assert len(heights) == buckets
    assert max(heights) == max(map(abs, samples)) / 32768
