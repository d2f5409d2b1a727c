"""Keys that come as sound: heard however frames are cut, over gaps, and told of as what they are."""

from __future__ import annotations

import pytest

from gateway.audio.format import PCM16_8K, PCM16_24K, PCMA_8K, PCMU_8K, AudioFormat, AudioFrame
from gateway.audio.tones import dtmf
from gateway.audio.transcode import Transcoder
from gateway.contracts.leg import KeyPressed
from gateway.legs.sounded_keys import SoundedKeys


def frames(keys: str, format: AudioFormat) -> list[AudioFrame]:
    rate_hz = format.rate_hz
    pcm = b"".join(dtmf(key, 100, rate_hz) + bytes(2 * rate_hz // 10) for key in keys) + bytes(rate_hz)
    raw = Transcoder(AudioFormat(PCM16_8K.encoding, rate_hz), format).push(pcm)
    size = format.size_bytes(20)
    return [AudioFrame(format, raw=raw[at : at + size]) for at in range(0, len(raw), size)]


@pytest.mark.parametrize("format", [PCMU_8K, PCMA_8K, PCM16_8K, PCM16_24K], ids=str)
def test_keys_are_heard_in_every_format_and_told_of_as_sound(format: AudioFormat) -> None:
    ears = SoundedKeys(format)
    pressed = [key for frame in frames("159#", format) for key in ears.push(frame)]
    assert [key.key for key in pressed] == list("159#")
    assert {key.source for key in pressed} == {"sound"}
    assert all(70 <= (key.duration_ms or 0) <= 130 for key in pressed)


def test_a_tone_that_goes_on_behind_lost_frames_is_one_press() -> None:
    ears, pressed = SoundedKeys(PCMU_8K), list[KeyPressed]()
    for number, frame in enumerate(frames("5", PCMU_8K)):
        pressed += ears.lose(20) if number in {2, 3} else ears.push(frame)
    assert [key.key for key in pressed] == ["5"]


def test_broken_base64_is_told() -> None:
    with pytest.raises(ValueError, match=r"(?i)base64|alphabet|character|input"):
        SoundedKeys(PCMU_8K).push(AudioFrame(PCMU_8K, base64=b"!!!!"))
