"""One side of a recording before it is written, against a plain array of samples."""

from __future__ import annotations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.audio.format import PCM16_8K, PCMU_8K
from gateway.records.track import Track, filled

SILENT = 0xFF

Steps = list[tuple[str, int, int]]

steps = st.lists(
    st.tuples(st.sampled_from(["place", "extend", "cut", "blank", "take"]), st.integers(0, 300), st.integers(0, 60)),
    max_size=30,
)


class Canvas:
    """The plain way: an array of every sample, and the spans that were placed on it."""

    def __init__(self) -> None:
        self.samples = np.full(20_000, SILENT, np.uint8)
        self.spans: list[tuple[int, int]] = []

    def place(self, raw: bytes, start: int) -> None:
        if raw:
            self.samples[start : start + len(raw)] = np.frombuffer(raw, np.uint8)
            self.spans.append((start, start + len(raw)))

    def cut(self, at: int) -> None:
        self.samples[at:] = SILENT
        self.spans = [(start, min(stop, at)) for start, stop in self.spans if start < at]

    def end(self, taken: int) -> int:
        return max([taken, *(stop for _, stop in self.spans)])


@settings(deadline=None, max_examples=300)
@example([("place", 1, 0), ("place", 0, 1)])
@example([("extend", 0, 10), ("place", 100, 10), ("cut", 3, 0), ("extend", 0, 5)])
@given(steps)
def test_a_track_is_an_array_of_samples_that_is_silent_where_nothing_was_placed(script: Steps) -> None:
    track, canvas = Track(PCMU_8K), Canvas()
    written = b""
    for number, (step, at, length) in enumerate(script):
        raw = bytes([number + 1]) * length
        here = max(at * 20, track.taken)
        match step:
            case "place":
                start = canvas.end(track.taken) + at
                canvas.place(raw, start)
                track.place(raw, start)
            case "extend":
                canvas.place(raw, canvas.end(track.taken))
                track.extend(raw)
            case "cut":
                canvas.cut(here)
                track.cut(here)
            case "blank":
                canvas.samples[here : here + length] = SILENT
                track.blank(here, here + length)
            case "take":
                start, until = track.taken, track.taken + at
                written += filled(track.take(until), PCMU_8K, start, until)
        assert track.end == canvas.end(track.taken)
    written += filled(track.take(20_000), PCMU_8K, len(written), 20_000)
    assert written == canvas.samples.tobytes()


def test_a_stretch_moves_back_only_into_the_silence_before_it() -> None:
    track = Track(PCMU_8K)
    track.extend(b"a" * 10)
    track.place(b"b" * 10, 30)
    assert track.pull_back(5) == 5
    assert track.end == 35
    assert track.pull_back(100) == 15
    assert track.pull_back(100) == 0
    assert filled(track.take(20), PCMU_8K, 0, 20) == b"a" * 10 + b"b" * 10


def test_what_was_taken_cannot_be_moved_into() -> None:
    track = Track(PCM16_8K)
    track.take(100)
    track.place(b"xy" * 5, 110)
    assert track.pull_back(50) == 10
    assert track.end == 105


def test_memory_is_given_back_with_what_is_taken() -> None:
    track = Track(PCM16_8K)
    track.extend(bytes(3200))
    assert track.size_bytes == 3200
    track.take(1000)
    assert track.size_bytes == 1200
    assert track.end == 1600
