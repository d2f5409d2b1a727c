"""Sounds made from nothing."""

from __future__ import annotations

import numpy as np
import pytest

from gateway.audio.format import PCM16_24K, PCMA_8K, PCMU_8K
from gateway.audio.level import dbfs
from gateway.audio.tones import DTMF_HZ, dtmf, noise, silence, telephone_band, tone


def strongest_hz(pcm: bytes, rate_hz: int, count: int) -> set[int]:
    magnitudes = np.abs(np.fft.rfft(np.frombuffer(pcm, "<i2").astype(float)))
    return {round(int(index) * rate_hz / (len(pcm) // 2)) for index in np.argsort(magnitudes)[-count:]}


def test_silence_is_silent_in_each_format() -> None:
    assert silence(PCMU_8K, 20) == b"\xff" * 160
    assert silence(PCMA_8K, 20) == b"\xd5" * 160
    assert silence(PCM16_24K, 20) == bytes(960)
    assert silence(PCMU_8K, 0.2) == b"\xff"


@pytest.mark.parametrize("rate_hz", [8000, 24000])
def test_a_tone_has_its_frequency_length_and_level(rate_hz: int) -> None:
    pcm = tone(1000, 500, rate_hz, -17.0)
    assert len(pcm) == rate_hz
    assert strongest_hz(pcm, rate_hz, 1) == {1000}
    assert dbfs(pcm) == pytest.approx(-17.0, abs=0.02)


def test_a_tone_lies_below_half_the_rate() -> None:
    with pytest.raises(ValueError, match="lies between 0 and 4000"):
        tone(4000, 10, 8000)


@pytest.mark.parametrize("key", "0123456789*#ABCD")
def test_a_key_is_its_two_tones(key: str) -> None:
    pcm = dtmf(key, 1000, 8000, -9.0)
    assert strongest_hz(pcm, 8000, 2) == set(DTMF_HZ[key])
    assert dbfs(pcm) == pytest.approx(-9.0, abs=0.05)


def test_what_is_no_key_is_refused_without_naming_it() -> None:
    with pytest.raises(ValueError, match="a key is one of") as refused:
        dtmf("77", 10, 8000)
    assert "77" not in str(refused.value)


def test_noise_has_its_level_and_repeats_by_its_seed() -> None:
    assert dbfs(noise(1000, 8000, -30.0, seed=1)) == pytest.approx(-30.0, abs=0.05)
    assert noise(100, 8000, -30.0, seed=1) == noise(100, 8000, -30.0, seed=1)
    assert noise(100, 8000, -30.0, seed=1) != noise(100, 8000, -30.0, seed=2)
    assert noise(0, 8000, -30.0, seed=1) == b""


def test_telephone_noise_lies_in_the_telephones_band() -> None:
    pcm = noise(2000, 24000, -20.0, seed=4, band="telephone")
    power = np.abs(np.fft.rfft(np.frombuffer(pcm, "<i2").astype(float))) ** 2
    freq_hz = np.arange(len(power)) * 24000 / (len(pcm) // 2)
    inside = power[(freq_hz > 250) & (freq_hz < 3450)].sum()
    assert 10 * np.log10(inside / power.sum()) > -0.05
    assert dbfs(pcm) == pytest.approx(-20.0, abs=0.05)


@pytest.mark.parametrize(
    ("freq_hz", "lowest", "highest"),
    [(60, -99, -40), (150, -99, -40), (450, -0.2, 0.2), (1000, -0.2, 0.2), (3250, -0.2, 0.2), (3600, -99, -40)],
)
@pytest.mark.parametrize("rate_hz", [8000, 24000])
def test_a_telephone_line_passes_300_to_3400_hertz(freq_hz: int, lowest: float, highest: float, rate_hz: int) -> None:
    pcm = tone(freq_hz, 500, rate_hz, -6.0)
    heard = telephone_band(pcm, rate_hz)
    assert len(heard) == len(pcm)
    steady = slice(rate_hz // 20 * 2, -rate_hz // 20 * 2)
    assert lowest <= dbfs(heard[steady]) + 6.0 <= highest


def test_a_telephone_line_does_not_shift_sound() -> None:
    pcm = tone(1000, 300, 8000, -6.0)
    heard = np.frombuffer(telephone_band(pcm, 8000), "<i2").astype(int)[400:-400]
    assert np.abs(heard - np.frombuffer(pcm, "<i2")[400:-400]).max() < 200
    assert telephone_band(b"", 8000) == b""
