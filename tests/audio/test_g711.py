"""G.711 against the recommendation's own construction, not against the library that does the work."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio import g711

EVERY_BYTE = bytes(range(256))


def ulaw_value(code: int) -> int:
    """G.711 table 2: complemented bits, a chord of three bits and a step of four, biased by 33, in 14 bits."""
    code ^= 0xFF
    chord, step = code >> 4 & 7, code & 15
    magnitude = ((2 * step + 33) << chord) - 33
    return (-magnitude if code & 0x80 else magnitude) << 2


def alaw_value(code: int) -> int:
    """G.711 table 1: even bits inverted; the first two chords are linear; in 13 bits."""
    code ^= 0x55
    chord, step = code >> 4 & 7, code & 15
    magnitude = 2 * step + 1 if chord == 0 else (2 * step + 33) << (chord - 1)
    return (magnitude if code & 0x80 else -magnitude) << 3


def linear(pcm: bytes) -> list[int]:
    return list(map(int, np.frombuffer(pcm, "<i2")))


def test_every_ulaw_code_decodes_to_the_value_of_the_recommendation() -> None:
    assert linear(g711.decode_ulaw(EVERY_BYTE)) == [ulaw_value(code) for code in range(256)]


def test_every_alaw_code_decodes_to_the_value_of_the_recommendation() -> None:
    assert linear(g711.decode_alaw(EVERY_BYTE)) == [alaw_value(code) for code in range(256)]


def test_every_code_survives_the_round_trip() -> None:
    negative_zero, positive_zero = b"\x7f", b"\xff"
    assert g711.encode_ulaw(g711.decode_ulaw(EVERY_BYTE)) == EVERY_BYTE.replace(negative_zero, positive_zero)
    assert g711.encode_alaw(g711.decode_alaw(EVERY_BYTE)) == EVERY_BYTE


@pytest.mark.parametrize(
    ("encode", "decode", "table"),
    [
        (g711.encode_ulaw, g711.decode_ulaw, g711.ULAW_TABLE),
        (g711.encode_alaw, g711.decode_alaw, g711.ALAW_TABLE),
    ],
    ids=["ulaw", "alaw"],
)
def test_every_sample_becomes_a_code_within_half_a_step_of_it(encode, decode, table) -> None:  # type: ignore[no-untyped-def]
    samples = np.arange(-32768, 32768, dtype=np.int64)
    heard = np.frombuffer(decode(encode(samples.astype("<i2").tobytes())), "<i2").astype(np.int64)
    levels = np.unique(table.astype(np.int64))
    gaps = np.diff(levels)
    chosen = np.searchsorted(levels, heard)
    # Where two chords meet, the recommendation decides at the chord's edge: half of the *wider* step is the bound.
    half_a_step = np.maximum(np.append(gaps, 0)[chosen], np.insert(gaps, 0, 0)[chosen]) / 2
    inside = (samples >= levels[0]) & (samples <= levels[-1])
    # Encoders cut low bits off before they look for the chord: 14 (mu-law) or 13 bits (A-law) of the 16 count.
    assert np.all(np.abs(samples - heard)[inside] <= half_a_step[inside] + 8)
    assert np.all(np.diff(heard) >= 0)


def test_silence_is_the_code_of_zero() -> None:
    assert g711.encode_ulaw(b"\0\0") == g711.ULAW_SILENCE
    assert g711.encode_alaw(b"\0\0") == g711.ALAW_SILENCE
    assert linear(g711.decode_ulaw(g711.ULAW_SILENCE)) == [0]
    assert linear(g711.decode_alaw(g711.ALAW_SILENCE)) == [8]


def test_law_to_law_goes_through_the_linear_value() -> None:
    assert g711.ulaw_to_alaw(EVERY_BYTE) == g711.encode_alaw(g711.decode_ulaw(EVERY_BYTE))
    assert g711.alaw_to_ulaw(EVERY_BYTE) == g711.encode_ulaw(g711.decode_alaw(EVERY_BYTE))


def test_tables_agree_with_the_byte_functions() -> None:
    samples = np.arange(-32768, 32768).astype(np.int16)
    pcm = samples.astype("<i2").tobytes()
    assert g711.ulaw_encode_table()[samples.view(np.uint16)].tobytes() == g711.encode_ulaw(pcm)
    assert g711.alaw_encode_table()[samples.view(np.uint16)].tobytes() == g711.encode_alaw(pcm)
    assert g711.ULAW_TABLE.dtype == g711.ALAW_TABLE.dtype == np.int16
    assert not g711.ULAW_TABLE.flags.writeable
    assert not g711.ulaw_encode_table().flags.writeable


@given(st.binary(max_size=400), st.data())
def test_companding_knows_no_cut(raw: bytes, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(raw)))
    for function in (g711.decode_ulaw, g711.decode_alaw, g711.ulaw_to_alaw, g711.alaw_to_ulaw):
        assert function(raw[:cut]) + function(raw[cut:]) == function(raw)
