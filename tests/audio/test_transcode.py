"""Every pair of formats that a leg and a model may speak."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.audio import g711
from gateway.audio.format import PCM16_8K, PCM16_16K, PCM16_24K, PCMA_8K, PCMU_8K, AudioFormat, AudioFrame
from gateway.audio.level import dbfs
from gateway.audio.resample import Resampler
from gateway.audio.tones import silence, tone
from gateway.audio.transcode import Transcoder

FORMATS = [PCMU_8K, PCMA_8K, PCM16_8K, PCM16_16K, PCM16_24K]


@pytest.mark.parametrize("format", FORMATS, ids=str)
def test_equal_formats_pass_untouched(format: AudioFormat) -> None:
    transcoder = Transcoder(format, AudioFormat(format.encoding, format.rate_hz))
    frame = AudioFrame(format, base64=b"not even base64")
    assert transcoder.passthrough
    assert transcoder.frame(frame) is frame
    assert transcoder.push(b"odd") == b"odd"
    assert transcoder.flush() == b""
    assert transcoder.delay_ms == 0


@pytest.mark.parametrize(("source", "target"), [pair for pair in product(FORMATS, FORMATS) if pair[0] != pair[1]])
def test_every_pair_keeps_length_level_and_silence(source: AudioFormat, target: AudioFormat) -> None:
    to_source = Transcoder(AudioFormat(PCM16_8K.encoding, source.rate_hz), source)
    to_linear = Transcoder(target, AudioFormat(PCM16_8K.encoding, target.rate_hz))
    transcoder = Transcoder(source, target)
    assert not transcoder.passthrough
    out = transcoder.frame(AudioFrame(source, raw=to_source.push(tone(1000, 200, source.rate_hz, -10.0))))
    assert out.format == target
    assert out.duration_ms == 200
    assert dbfs(to_linear.push(out.raw)[target.rate_hz // 50 * 2 :]) == pytest.approx(-10.0, abs=0.2)
    assert 0 <= transcoder.delay_ms <= 2.5
    assert target.duration_ms(len(transcoder.flush())) == pytest.approx(transcoder.delay_ms)
    quiet = to_linear.push(transcoder.push(silence(source, 40)))
    assert np.abs(np.frombuffer(quiet, "<i2").astype(int)).max() < 10  # A-law's smallest step is 8


def test_ulaw_to_the_models_format_is_decoding_then_the_resampler() -> None:
    raw = bytes(range(256)) * 2
    expected = Resampler(8000, 24000).push(g711.decode_ulaw(raw))
    assert Transcoder(PCMU_8K, PCM16_24K).push(raw) == expected


def test_the_models_format_to_ulaw_is_the_resampler_then_encoding() -> None:
    pcm = tone(700, 100, 24000, -6.0)
    assert Transcoder(PCM16_24K, PCMU_8K).push(pcm) == g711.encode_ulaw(Resampler(24000, 8000).push(pcm))


def test_law_to_law_is_a_table() -> None:
    assert Transcoder(PCMU_8K, PCMA_8K).push(b"\xff\x00") == g711.ulaw_to_alaw(b"\xff\x00")
    assert Transcoder(PCMA_8K, PCMU_8K).push(b"\xd5\x2a") == g711.alaw_to_ulaw(b"\xd5\x2a")


def test_a_frame_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="from pcmu/8000 was given a frame of pcma/8000"):
        Transcoder(PCMU_8K, PCM16_24K).frame(AudioFrame(PCMA_8K, raw=b"\xd5"))


@settings(max_examples=60, deadline=None)
@given(
    formats=st.tuples(st.sampled_from(FORMATS), st.sampled_from(FORMATS)).filter(lambda pair: pair[0] != pair[1]),
    raw=st.binary(max_size=1500),
    data=st.data(),
)
def test_no_pair_notices_a_cut(formats: tuple[AudioFormat, AudioFormat], raw: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    whole, pieces = Transcoder(*formats), Transcoder(*formats)
    expected = whole.push(raw)
    assert b"".join(pieces.push(raw[start:end]) for start, end in pairwise([0, *cuts, len(raw)])) == expected
    assert pieces.flush() == whole.flush()
