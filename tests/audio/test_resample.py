"""The resampler's promises: quality measured with swept tones, and the same bits for every cut."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio import resample as module
from gateway.audio.level import dbfs
from gateway.audio.resample import Resampler, resample
from gateway.audio.tones import noise, tone

RATIOS = [
    (8000, 24000), (24000, 8000), (8000, 16000), (16000, 8000), (16000, 24000), (24000, 16000),
    (48000, 24000), (22050, 24000), (8000, 11025), (44100, 8000), (8000, 8000),
]  # fmt: skip
UNUSUAL = (8009, 8000)
"""Primes enough to need the way without a matrix."""

DB_BELOW = -60.0
"""What a test demands of images and aliases; the filter itself is 84 dB down."""


def spectrum(pcm: bytes) -> npt.NDArray[np.float64]:
    """Amplitude per frequency bin over the steady middle of a signal, relative to full scale."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    window = np.blackman(len(samples))
    magnitudes: npt.NDArray[np.float64] = np.abs(np.fft.rfft(samples * window)) / (window.sum() / 2) / 32767
    return magnitudes


def gain_and_worst_other(from_hz: int, to_hz: int, freq_hz: float) -> tuple[float, float]:
    """Return the gain of a tone in dB and the strongest other component, relative to the tone that went in."""
    level = -3.0
    out = Resampler(from_hz, to_hz).push(tone(freq_hz, 600, from_hz, level))
    middle = out[len(out) // 6 // 2 * 2 :]
    magnitudes = spectrum(middle)
    rate_per_bin = to_hz / (len(middle) // 2)
    bin_of_tone = round(freq_hz / rate_per_bin)
    near = slice(max(0, bin_of_tone - 6), bin_of_tone + 7)
    gain = dbfs(middle) - level
    magnitudes[near] = 0
    return gain, 20 * math.log10(float(magnitudes.max()) + 1e-9) - level


@pytest.mark.parametrize(("from_hz", "to_hz"), [(8000, 24000), (24000, 8000), (8000, 16000), (16000, 8000)])
def test_speech_passes_evenly_and_without_images(from_hz: int, to_hz: int) -> None:
    gains = []
    for freq_hz in [*range(300, 3400, 155), 3400]:
        gain, worst = gain_and_worst_other(from_hz, to_hz, freq_hz)
        gains.append(gain)
        assert worst <= DB_BELOW, f"an image or distortion at {worst:.1f} dB of {freq_hz} Hz"
    assert max(gains) - min(gains) <= 0.5
    assert max(map(abs, gains)) <= 0.5


@pytest.mark.parametrize("freq_hz", [4600, 4800, 5300, 6100, 7300, 8100, 9500, 11000, 11900])
def test_what_would_alias_into_speech_is_gone(freq_hz: int) -> None:
    out = Resampler(24000, 8000).push(tone(freq_hz, 400, 24000, 0.0))
    assert dbfs(out[400:]) <= DB_BELOW


def test_the_filter_itself_keeps_the_promised_distance() -> None:
    for interpolate, decimate in ((3, 1), (1, 3)):
        phases, _ = module._design(interpolate, decimate)
        taps = phases.T.reshape(-1) / interpolate
        response = 20 * np.log10(np.abs(np.fft.rfft(taps, 1 << 16)) + 1e-12)
        freq_hz = np.arange(len(response)) * 24000 / (1 << 16)
        speech = response[(freq_hz >= 300) & (freq_hz <= 3400)]
        assert speech.max() - speech.min() <= 0.2
        assert response[freq_hz >= 4600].max() <= -80


@pytest.mark.parametrize(("from_hz", "to_hz"), RATIOS)
def test_delay_is_short_and_as_told(from_hz: int, to_hz: int) -> None:
    resampler = Resampler(from_hz, to_hz)
    assert resampler.delay_ms <= 2.5
    click = bytes(2 * from_hz // 10) + np.array([30000], "<i2").tobytes() + bytes(2 * from_hz // 10)
    out = np.abs(np.frombuffer(resampler.push(click), "<i2").astype(int))
    centre_ms = float(np.sum(np.arange(len(out)) * out**2.0) / np.sum(out**2.0)) * 1000 / to_hz
    assert centre_ms - 100 == pytest.approx(resampler.delay_ms, abs=500 / to_hz)
    assert resampler.delay_ms == pytest.approx(resampler.delay_samples * 1000 / to_hz)


@pytest.mark.parametrize(("from_hz", "to_hz"), [*RATIOS, UNUSUAL])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_output_does_not_depend_on_how_the_input_was_cut(from_hz: int, to_hz: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 3000), "bytes")
    seed = data.draw(st.integers(0, 2**32 - 1), "seed")
    pcm = np.random.default_rng(seed).bytes(size)  # full-scale noise: saturation is met as well
    cuts = sorted(data.draw(st.lists(st.integers(0, size), max_size=12), "cuts"))
    whole = Resampler(from_hz, to_hz)
    pieces = Resampler(from_hz, to_hz)
    expected = whole.push(pcm)
    parts = [pieces.push(pcm[start:end]) for start, end in pairwise([0, *cuts, size])]
    assert b"".join(parts) == expected
    assert pieces.flush() == whole.flush()


@pytest.mark.parametrize(("from_hz", "to_hz"), [*RATIOS, UNUSUAL])
def test_counts_are_exact_after_every_sample(from_hz: int, to_hz: int) -> None:
    resampler = Resampler(from_hz, to_hz)
    samples = 0
    for pushed in range(1, 700):
        out = resampler.push(b"\1\0")
        assert len(out) % 2 == 0
        samples += len(out) // 2
        assert samples == math.ceil(pushed * to_hz / from_hz)
    assert len(resampler.flush()) == 2 * resampler.delay_samples


def test_twenty_milliseconds_in_are_twenty_milliseconds_out_in_every_frame() -> None:
    up, down = Resampler(8000, 24000), Resampler(24000, 8000)
    for _ in range(50):
        assert len(up.push(bytes(320))) == 960
        assert len(down.push(bytes(960))) == 320


def test_an_odd_byte_waits_for_its_other_half() -> None:
    resampler = Resampler(8000, 24000)
    assert resampler.push(b"\x10") == b""
    assert len(resampler.push(b"\x20\x30")) == 6
    identity = Resampler(8000, 8000)
    assert identity.push(b"abc") == b"ab"
    assert identity.push(b"d") == b"cd"


def test_equal_rates_change_nothing() -> None:
    pcm = noise(50, 8000, -3.0, seed=1)
    identity = Resampler(8000, 8000)
    assert identity.push(pcm) is pcm
    assert identity.flush() == b""
    assert identity.delay_ms == 0


def test_full_scale_saturates_and_does_not_wrap() -> None:
    square = np.repeat(np.array([32767, -32768] * 20, "<i2"), 40).tobytes()
    out = np.frombuffer(Resampler(8000, 24000).push(square), "<i2").astype(int)
    assert out.max() == 32767
    assert out.min() == -32768
    assert np.abs(np.diff(out)).max() < 40000


@pytest.mark.parametrize(("from_hz", "to_hz"), RATIOS)
def test_a_constant_stays_that_constant(from_hz: int, to_hz: int) -> None:
    constant = np.full(from_hz // 10, 12345, "<i2").tobytes()
    out = np.frombuffer(Resampler(from_hz, to_hz).push(constant), "<i2")
    settled = to_hz // 100
    assert set(out[settled:].tolist()) == {12345}


def test_flush_gives_what_the_delay_holds_back_and_starts_anew() -> None:
    pcm = tone(1000, 40, 8000, -6.0)
    resampler = Resampler(8000, 24000)
    first = resampler.push(pcm) + resampler.flush()
    again = resampler.push(pcm) + resampler.flush()
    assert first == again
    assert first == (Resampler(8000, 24000).push(pcm + bytes(200)))[: len(first)]
    assert len(first) == 3 * len(pcm) + 2 * resampler.delay_samples


def test_reset_forgets_the_stream() -> None:
    pcm = noise(30, 24000, -6.0, seed=3)
    resampler = Resampler(24000, 8000)
    fresh = resampler.push(pcm)
    resampler.push(b"\x01")
    resampler.reset()
    assert resampler.push(pcm) == fresh


@pytest.mark.parametrize(("from_hz", "to_hz"), RATIOS)
@pytest.mark.parametrize("samples", [0, 1, 2, 7, 160, 441, 1001])
def test_a_whole_recording_keeps_its_length(from_hz: int, to_hz: int, samples: int) -> None:
    out = resample(bytes(2 * samples), from_hz, to_hz)
    assert len(out) == 2 * math.floor(samples * to_hz / from_hz + 0.5)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATIOS)
def test_a_whole_recording_stays_in_time(from_hz: int, to_hz: int) -> None:
    out = np.frombuffer(resample(tone(440, 200, from_hz, -6.0), from_hz, to_hz), "<i2").astype(int)
    wanted = np.frombuffer(tone(440, 200, to_hz, -6.0), "<i2").astype(int)[: len(out)]
    inside = slice(to_hz // 50, -to_hz // 50)
    assert np.abs(out[inside] - wanted[inside]).max() < 330  # 0.02 of its peak: ripple, no shift


def test_there_and_back_is_nearly_the_original() -> None:
    pcm = noise(400, 8000, -12.0, seed=5, band="telephone")
    back = resample(resample(pcm, 8000, 24000), 24000, 8000)
    there, here = (np.frombuffer(each, "<i2").astype(float)[200:-200] for each in (pcm, back))
    assert 20 * math.log10(float(np.std(there) / np.std(here - there))) > 30


def test_both_ways_of_computing_give_the_same_bits() -> None:
    samples = np.random.default_rng(8).integers(-32768, 32768, 31 + 960, dtype=np.int16)
    up = module._filter(3, 1)
    memory = up.memory
    line = samples[: memory + 960]
    assert up._gather(line, 5, 2880) == up.run(line, 960, 5)


@pytest.mark.parametrize("rates", [(0, 8000), (8000, 0), (-1, 8000)])
def test_a_rate_is_positive(rates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="a sample rate is a positive number of hertz"):
        Resampler(*rates)
