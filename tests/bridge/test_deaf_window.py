"""The deaf window: while it is open, neither the model nor the recording gets a sound of the caller, to the sample."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.dtmf import DtmfDetector
from gateway.audio.format import PCM16_8K, PCM16_24K, PCMA_8K, PCMU_8K, AudioFormat, AudioFrame
from gateway.audio.tones import dtmf, silence
from gateway.audio.transcode import Transcoder
from gateway.bridge.flow.ear import LINGER_MS, Ear
from gateway.bridge.media import MediaChain

CARD = "4111111111111111"
FORMATS = [PCMU_8K, PCMA_8K, PCM16_8K, PCM16_24K]


def linear(raw: bytes, format: AudioFormat) -> bytes:
    """Return audio as the detector takes it."""
    to_linear = Transcoder(format, PCM16_8K)
    return to_linear.push(raw) + to_linear.flush()


@pytest.mark.parametrize("to_model", [PCMU_8K, PCM16_24K], ids=str)
@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_no_tone_of_a_key_reaches_the_model_or_the_recording(format: AudioFormat, to_model: AudioFormat) -> None:
    pressed = b"".join(dtmf(key, 80, format.rate_hz, -9.0) + bytes(2 * format.rate_hz * 80 // 1000) for key in CARD)
    raw = Transcoder(AudioFormat(PCM16_8K.encoding, format.rate_hz), format).push(pressed)
    ear = Ear(format)
    ear.deaf = True
    media = MediaChain(from_caller=format, to_model=to_model, from_model=to_model, to_caller=format)
    kept, sent = bytearray(), bytearray()
    size = format.size_bytes(20)
    for start in range(0, len(raw), size):
        frame = ear.hear(AudioFrame(format, raw=raw[start : start + size]))
        kept += frame.raw
        for piece in media.from_caller(frame):
            sent += piece.raw
    heard = DtmfDetector()
    there = [*heard.push(linear(raw, format)), *heard.flush()]
    assert "".join(key.key for key in there) == CARD, "the keys were there to be heard"
    for fork, its_format in ((bytes(kept), format), (bytes(sent), to_model)):
        detector = DtmfDetector()
        assert [*detector.push(linear(fork, its_format)), *detector.flush()] == []
    assert kept == silence(format, 1) * (len(kept) // len(silence(format, 1)))
    assert media.appended_ms == pytest.approx(len(raw) / format.bytes_per_ms, abs=0.1), "the model's clock runs on"


@given(format=st.sampled_from(FORMATS), samples=st.integers(1, 5000), seed=st.integers(0, 999))
def test_silence_is_as_long_as_what_it_stands_for_to_the_sample(format: AudioFormat, samples: int, seed: int) -> None:
    raw = random.Random(seed).randbytes(samples * format.bytes_per_sample)
    ear = Ear(format)
    assert ear.hear(AudioFrame(format, raw=raw)).raw == raw
    ear.deaf = True
    silent = ear.hear(AudioFrame(format, raw=raw))
    assert (silent.format, silent.size_bytes) == (format, len(raw))
    ear.deaf = False
    quiet = AudioFrame(format, raw=silence(format, LINGER_MS))
    assert ear.hear(quiet).size_bytes == quiet.size_bytes
    assert ear.hear(AudioFrame(format, raw=raw)).raw == raw, "the first sample after it is heard again"
