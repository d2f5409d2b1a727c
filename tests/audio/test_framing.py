"""Frames of one size out of bytes of any."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.audio.framing import Framer


@given(st.binary(max_size=500), st.integers(1, 40), st.data())
def test_frames_are_exact_and_nothing_is_lost(raw: bytes, size: int, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=8)))
    framer = Framer(size)
    frames = [frame for start, end in pairwise([0, *cuts, len(raw)]) for frame in framer.push(raw[start:end])]
    assert all(len(frame) == size for frame in frames)
    assert len(framer.rest) < size
    assert b"".join(frames) + framer.flush() == raw
    assert framer.rest == b""


def test_a_fitting_frame_goes_through_as_it_is() -> None:
    frame = b"x" * 160
    assert Framer(160).push(frame)[0] is frame


def test_the_last_frame_is_filled_up() -> None:
    framer = Framer(8)
    framer.push(b"abc")
    assert framer.flush(pad=b"\xff") == b"abc" + b"\xff" * 5
    assert framer.flush(pad=b"\xff") == b""
    framer.push(b"ab")
    assert framer.flush(pad=b"12345") == b"ab123451"


def test_senseless_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="a frame has at least one byte; got size_bytes=0"):
        Framer(0)
    with pytest.raises(ValueError, match="padding needs at least one byte"):
        Framer(4).flush(pad=b"")
