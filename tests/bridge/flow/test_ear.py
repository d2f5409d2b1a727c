"""What the model and the recorder hear of the caller."""

from __future__ import annotations

from gateway.audio.format import PCMU_8K, AudioFrame
from gateway.audio.tones import silence
from gateway.bridge.flow.ear import Ear

FRAME = AudioFrame(PCMU_8K, raw=bytes(range(160)))


def test_a_deaf_ear_gives_silence_of_the_same_length() -> None:
    ear = Ear(PCMU_8K)
    ear.deaf = True
    heard = ear.hear(FRAME)
    assert heard.duration_ms == FRAME.duration_ms
    assert heard.raw == silence(PCMU_8K, 20)


def test_nothing_secret_gets_into_a_message() -> None:
    ear = Ear(PCMU_8K)
    ear.begin_message()
    ear.hear(FRAME)
    ear.deaf = True
    ear.hear(FRAME)
    assert ear.end_message() == (FRAME,)


def test_a_filter_takes_tones_out_before_anybody_hears_them() -> None:
    ear = Ear(PCMU_8K)
    quiet = AudioFrame(PCMU_8K, raw=silence(PCMU_8K, 20))
    ear.filter = lambda _: quiet
    ear.begin_message()
    assert ear.hear(FRAME) == quiet
    assert ear.end_message() == (quiet,)
