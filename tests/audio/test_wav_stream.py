"""A WAV file that arrives in any pieces gives the same sound; what is none is refused."""

from __future__ import annotations

import struct
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.wav_stream import WavError, WavStream, wav_header

PCM = struct.pack("<600h", *(((n * 37) % 4000) - 2000 for n in range(600)))


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def fmt(tag: int = 1, channels: int = 1, rate_hz: int = 8000, bits: int = 16) -> bytes:
    step = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * step, step, bits))


def riff(*chunks: bytes, name: bytes = b"RIFF") -> bytes:
    body = b"WAVE" + b"".join(chunks)
    return name + struct.pack("<I", len(body)) + body


def read(content: bytes, cuts: list[int] | None = None) -> tuple[list[bytes], WavStream]:
    """Return each channel's sound of a file that came in pieces."""
    stream = WavStream()
    edges = [0, *sorted(cuts or []), len(content)]
    channels: list[bytes] = []
    for start, end in pairwise(edges):
        for number, pcm in enumerate(stream.push(content[start:end])):
            channels += [b""] * (number + 1 - len(channels))
            channels[number] += pcm
    stream.finish()
    return channels, stream


@given(st.data())
def test_it_does_not_matter_how_a_file_is_cut(data: st.DataObject) -> None:
    tags = chunk(b"LIST", b"INFO odd")
    content = riff(tags, fmt(channels=2, rate_hz=44100), chunk(b"fact", b"abcd"), chunk(b"data", PCM), tags)
    cuts = data.draw(st.lists(st.integers(0, len(content)), max_size=12))
    channels, stream = read(content, cuts)
    assert channels == [
        b"".join(PCM[at : at + 2] for at in range(0, len(PCM), 4)),
        b"".join(PCM[at : at + 2] for at in range(2, len(PCM), 4)),
    ]
    assert (stream.rate_hz, stream.channels) == (44100, 2)


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_do_more_than_be_refused(content: bytes, begins_well: bool) -> None:
    with suppress(WavError):
        channels, stream = read((b"RIFF\0\0\0\0WAVE" if begins_well else b"") + content)
        assert len(channels) <= stream.channels


@pytest.mark.parametrize(("bits", "kind", "factor"), [(24, None, 256), (32, "<i4", 65536)])
def test_wide_samples_keep_their_upper_bits(bits: int, kind: str | None, factor: int) -> None:
    samples = struct.unpack("<600h", PCM)
    raw = b"".join((sample * factor).to_bytes(bits // 8, "little", signed=True) for sample in samples)
    assert read(riff(fmt(bits=bits), chunk(b"data", raw)))[0] == [PCM]


def test_floats_are_scaled_and_what_is_no_number_is_silence() -> None:
    raw = struct.pack("<5f", 0.5, -0.5, 2.0, float("nan"), float("-inf"))
    assert struct.unpack("<5h", read(riff(fmt(tag=3, bits=32), chunk(b"data", raw)))[0][0]) == (
        16384,
        -16384,
        32767,
        0,
        -32767,
    )


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
def test_a_size_that_its_writer_did_not_know_lasts_until_the_end(size: int) -> None:
    assert read(riff(fmt(), b"data" + struct.pack("<I", size) + PCM))[0] == [PCM]


def test_a_file_beyond_four_gibibytes_says_its_size_elsewhere() -> None:
    ds64 = chunk(b"ds64", struct.pack("<QQQI", 0, len(PCM), 0, 0))
    content = riff(ds64, fmt(), b"data" + struct.pack("<I", 0xFFFFFFFF) + PCM, chunk(b"LIST", b"tags"), name=b"RF64")
    assert read(content)[0] == [PCM]


def test_the_extensible_header_names_its_format_inside() -> None:
    layout = struct.pack("<HHIIHH", 0xFFFE, 1, 8000, 16000, 2, 16) + struct.pack("<HHI", 22, 16, 4)
    content = riff(chunk(b"fmt ", layout + struct.pack("<H", 1) + bytes(14)), chunk(b"data", PCM))
    assert read(content)[0] == [PCM]


def test_a_file_that_was_cut_short_gives_what_is_there() -> None:
    assert read(riff(fmt(), chunk(b"data", PCM))[:-101])[0] == [PCM[:-102]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "it is empty"),
        (riff(fmt()), "ends before its sound"),
        (b"OggS and so on", "starts with b'OggS'"),
        (riff(chunk(b"data", PCM)), "before its 'fmt ' chunk"),
        (riff(fmt(tag=2, bits=4)), "4-bit ADPCM"),
        (riff(fmt(rate_hz=100)), "100 Hz"),
        (riff(fmt(channels=0)), "0 channels"),
        (riff(chunk(b"fmt ", b"short")), "5 bytes"),
        (riff(b"fmt " + struct.pack("<I", 1 << 30)), "damaged"),
        (riff(chunk(b"LIST", bytes(2 << 20))), "no sound in the first"),
    ],
)
def test_what_can_not_be_read_is_refused_with_a_cure(content: bytes, says: str) -> None:
    with pytest.raises(WavError, match=says):
        read(content)


def test_a_header_is_read_back() -> None:
    assert read(wav_header(24000, len(PCM)) + PCM + b"more")[0] == [PCM]
    assert read(wav_header(24000, None) + PCM)[0] == [PCM]
