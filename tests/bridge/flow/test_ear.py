"""What the model and the recorder hear of the caller."""

from __future__ import annotations

from gateway.audio.format import PCMU_8K, AudioFrame
from gateway.audio.g711 import encode_ulaw
from gateway.audio.tones import dtmf, noise, silence
from gateway.bridge.flow.ear import LINGER_MS, Ear

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


def test_a_tone_that_sounds_on_behind_the_carriers_word_of_its_key_is_not_heard() -> None:
    ear = Ear(PCMU_8K)
    ear.deaf = True
    tone = encode_ulaw(dtmf("7", 900, 8000))
    frames = [AudioFrame(PCMU_8K, raw=tone[at : at + 160]) for at in range(0, len(tone), 160)]
    assert ear.hear(frames[0]).raw == silence(PCMU_8K, 20)
    ear.deaf = False
    assert {ear.hear(frame).raw for frame in frames[1:]} == {silence(PCMU_8K, 20)}
    speech = encode_ulaw(noise(1000, 8000, -20.0, 1, band="telephone"))
    after = [ear.hear(AudioFrame(PCMU_8K, raw=speech[at : at + 160])).raw for at in range(0, len(speech), 160)]
    heard = [at for at, raw in enumerate(after) if raw == speech[160 * at : 160 * at + 160]]
    assert heard[0] * 20 <= LINGER_MS + 20
    assert len(heard) == len(after) - heard[0], "from then on everything is heard"


def test_the_ear_of_a_call_that_was_never_deaf_hears_at_once() -> None:
    assert Ear(PCMU_8K).hear(FRAME) is FRAME
