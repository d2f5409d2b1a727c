"""Keys in telephone sound: heard as ITU-T Q.24 wants, never in speech or noise, and taken out without a trace."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.dtmf import DtmfDetector
from gateway.audio.g711 import decode_ulaw, encode_ulaw
from gateway.audio.level import mix, scale
from gateway.audio.resample import resample
from gateway.audio.tone_guard import ToneGuard
from gateway.audio.tones import DTMF_HZ, dtmf, noise, telephone_band, tone

RATE = 8000
FRAME = 160
KEYS = "0123456789*#ABCD"


def on_the_line(pcm: bytes, noise_dbfs: float | None = -45.0, seed: int = 1) -> bytes:
    """Return samples as they come through mu-law, with the noise of a line."""
    if noise_dbfs is not None:
        pcm = mix(pcm, noise(len(pcm) / 16 + 1, RATE, noise_dbfs, seed, band="telephone")[: len(pcm)])
    return decode_ulaw(encode_ulaw(pcm))


def pause(ms: float) -> bytes:
    return bytes(2 * int(ms * RATE / 1000))


def dialled(keys: str, on_ms: float = 80, off_ms: float = 80, dbfs: float = -10.0) -> bytes:
    return pause(100) + b"".join(dtmf(key, on_ms, RATE, dbfs) + pause(off_ms) for key in keys) + pause(60)


def two_tones(low_hz: float, high_hz: float, ms: float, low_dbfs: float, high_dbfs: float) -> bytes:
    return mix(tone(low_hz, ms, RATE, low_dbfs), tone(high_hz, ms, RATE, high_dbfs))


def heard(pcm: bytes) -> str:
    detector = DtmfDetector()
    return "".join(key.key for key in [*detector.push(pcm), *detector.flush()])


@pytest.mark.parametrize("dbfs", [-3.0, -10.0, -20.0, -25.0])
def test_every_key_is_heard_at_every_usual_level(dbfs: float) -> None:
    assert heard(on_the_line(dialled(KEYS, dbfs=dbfs), dbfs - 18)) == KEYS


@pytest.mark.parametrize("on_ms", [40, 50, 65, 100, 300])
def test_forty_milliseconds_are_enough_wherever_the_windows_fall(on_ms: int) -> None:
    for shift in range(0, 40, 7):
        assert heard(on_the_line(bytes(2 * shift) + dialled(KEYS, on_ms, 45))) == KEYS


def test_twenty_milliseconds_are_no_key() -> None:
    assert heard(on_the_line(dialled(KEYS, 20, 80))) == ""


def test_a_key_that_is_pressed_twice_is_two_keys() -> None:
    assert heard(on_the_line(dialled("5555", 50, 45))) == "5555"


@pytest.mark.parametrize("key", KEYS)
def test_tones_may_be_off_by_one_and_a_half_percent_but_not_by_three_and_a_half(key: str) -> None:
    low, high = DTMF_HZ[key]
    for off in (-0.015, 0.015):
        sound = pause(50) + two_tones(low * (1 + off), high * (1 + off), 60, -13, -13) + pause(80)
        assert heard(on_the_line(sound)) == key, off
    for low_off, high_off in ((0.035, 0), (-0.035, 0), (0, 0.035), (0, -0.035)):
        sound = pause(50) + two_tones(low * (1 + low_off), high * (1 + high_off), 60, -13, -13) + pause(80)
        if high_off:  # a low tone's filter is wider than 3.5 % of it
            assert heard(on_the_line(sound)) == "", (low_off, high_off)
    for low_off in (-0.06, 0.06):
        sound = pause(50) + two_tones(low * (1 + low_off), high, 60, -13, -13) + pause(80)
        assert heard(on_the_line(sound)) != key, low_off


@pytest.mark.parametrize(
    ("low", "high", "accepted"), [(-10, -18, True), (-14, -10, True), (-8, -22, False), (-22, -10, False)]
)
def test_the_tones_may_differ_in_strength_as_much_as_lines_make_them(low: int, high: int, accepted: bool) -> None:
    for key in KEYS:
        sound = pause(50) + two_tones(*DTMF_HZ[key], 70, low, high) + pause(80)
        assert heard(on_the_line(sound, -50)) == (key if accepted else ""), key


@pytest.mark.parametrize("level", [-10.0, -20.0, -30.0])
@pytest.mark.parametrize("band", ["white", "telephone"])
def test_noise_is_no_key(level: float, band: str) -> None:
    for seed in range(4):
        assert heard(on_the_line(noise(15_000, RATE, level, seed, band=band), None)) == ""  # type: ignore[arg-type]


def test_single_tones_and_call_progress_are_no_keys() -> None:
    for hz in (350, 425, 440, 480, 620, 697, 770, 852, 941, 1000, 1209, 1336, 1477, 1633, 2100, 2225):
        assert heard(on_the_line(tone(hz, 500, RATE, -10))) == "", hz
    for pair in ((350, 440), (440, 480), (480, 620), (697, 770), (1209, 1336), (697, 2225)):
        assert heard(on_the_line(two_tones(*pair, 500, -13, -13))) == "", pair


SENTENCES = {
    "en": (
        "Please hold the line while I look that up for you, it will only take a moment.",
        "Four one one one, one one one one, twenty two, thirty three, and the rest is zero zero nine.",
        "We are open Monday to Saturday from nine in the morning until half past six in the evening.",
        "Oh no, I really do not know how you knew that; you owe me an hour, as we all do now.",
    ),
    "es": ("Buenos días, me llamo Ana y quisiera saber cuándo llega mi pedido, por favor.",),
    "de": ("Guten Tag, ich möchte bitte einen Termin für nächsten Donnerstag um halb vier vereinbaren.",),
    "fr": ("Bonjour, je voudrais réserver une table pour quatre personnes à huit heures et demie.",),
}


@pytest.fixture(scope="module")
def speech() -> list[bytes]:
    """Local voices, as a telephone brings them."""
    pytest.importorskip("espeakng_loader")
    from gateway.speech.voice import Voice

    voice = Voice()
    spoken = []
    for language, sentences in SENTENCES.items():
        for name in ("alloy", "ash", "ballad", "coral", "echo", "shimmer", "verse"):
            for sentence in sentences:
                wide = voice.speak(sentence, language=language, voice=name, rate_hz=24000).pcm
                spoken.append(telephone_band(resample(wide, 24000, RATE), RATE))
    return spoken


def test_nobody_who_talks_presses_a_key(speech: list[bytes]) -> None:
    assert sum(len(said) for said in speech) / 16_000 > 180, "minutes of speech"
    assert [heard(on_the_line(scale(said, gain))) for said in speech for gain in (0.0, 8.0)] == [""] * (2 * len(speech))


def test_the_guard_leaves_nearly_all_of_speech_alone(speech: list[bytes]) -> None:
    removed = total = 0
    for said in speech:
        guard = ToneGuard()
        assert len(guard.push(said)) + len(guard.flush()) == len(said)
        removed += guard.removed_samples
        total += len(said) // 2
    assert removed / total < 0.005


def lossy(keys: str, seed: int, on_ms: int, off_ms: int, *, told: bool) -> str:
    """Return what is heard when 5 % of the frames never come."""
    line = on_the_line(dialled(keys, on_ms, off_ms), -40, seed)
    rng = random.Random(seed)
    detector = DtmfDetector()
    found = []
    for start in range(0, len(line), 2 * FRAME):
        frame = line[start : start + 2 * FRAME]
        if rng.random() >= 0.05:
            found += detector.push(frame)
        elif told:
            found += detector.lose(len(frame) // 2)
        else:
            found += detector.push(bytes(len(frame)))
    return "".join(key.key for key in [*found, *detector.flush()])


@pytest.mark.parametrize("told", [True, False], ids=["told of the loss", "silence in place"])
def test_with_five_percent_of_the_frames_lost_ninety_nine_of_a_hundred_card_numbers_are_whole(told: bool) -> None:
    numbers = ["".join(random.Random(seed).choices(KEYS[:12], k=16)) for seed in range(200)]
    whole = sum(lossy(keys, seed, 100, 100, told=told) == keys for seed, keys in enumerate(numbers))
    assert whole / len(numbers) >= 0.99, whole


@given(seed=st.integers(0, 1000), cuts=st.lists(st.integers(1, 40_000), max_size=20))
def test_any_cutting_of_the_stream_hears_and_removes_the_same(seed: int, cuts: list[int]) -> None:
    line = on_the_line(dialled("".join(random.Random(seed).choices(KEYS, k=6)), 60, 60), -40, seed)
    edges = [0, *sorted({cut for cut in cuts if cut < len(line)}), len(line)]
    pieces = [line[start:end] for start, end in pairwise(edges)]
    detector, guard = DtmfDetector(), ToneGuard()
    keys = [key for piece in pieces for key in detector.push(piece)] + detector.flush()
    clean = b"".join(guard.push(piece) for piece in pieces) + guard.flush()
    whole, alone = DtmfDetector(), ToneGuard()
    assert keys == whole.push(line) + whole.flush()
    assert clean == alone.push(line) + alone.flush()


@pytest.mark.parametrize("on_ms", [25, 40, 80, 200])
@pytest.mark.parametrize("dbfs", [-6.0, -18.0, -27.0])
def test_what_the_guard_lets_through_tells_no_key(on_ms: int, dbfs: float) -> None:
    line = on_the_line(dialled(KEYS, on_ms, 60, dbfs), dbfs - 20)
    guard = ToneGuard()
    clean = guard.push(line) + guard.flush()
    assert len(clean) == len(line)
    assert heard(clean) == ""
    samples, left = (np.frombuffer(pcm, "<i2").astype(float) for pcm in (line, clean))
    assert np.dot(left, left) < 0.02 * np.dot(samples, samples), "not even a hundredth of the tones' energy is left"


def test_the_guard_keeps_time_and_touches_nothing_beside_the_tone() -> None:
    before, after = noise(1000, RATE, -20, 3, band="telephone"), noise(1000, RATE, -20, 4, band="telephone")
    guard = ToneGuard()
    sound = before + dtmf("7", 100, RATE, -10) + after
    clean = guard.push(sound) + guard.flush()
    assert clean[: len(before) - 400] == before[:-400]
    assert clean[-(len(after) - 600) :] == after[600:]
