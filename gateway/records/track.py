"""One side of a recording, before it is written: stretches of audio on a time line.

Sans-IO. Positions are samples at the format's rate since the leg started; bytes stay as they came (a G.711 call costs
8 bytes a millisecond), and where nothing was placed there is silence. What was taken for writing is gone and can't be
moved or changed any more: a track never reaches back behind :attr:`Track.taken`.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from gateway.audio.format import AudioFormat
from gateway.audio.tones import silence


@dataclass(slots=True)
class Stretch:
    """Audio without a gap: ``data`` begins at sample ``start``."""

    start: int
    data: bytearray


class Track:
    """The stretches of one direction, in order, none overlapping."""

    def __init__(self, format: AudioFormat) -> None:
        self.format = format
        self.taken = 0
        """Samples that were taken for writing."""
        self._width = format.bytes_per_sample
        self._stretches: list[Stretch] = []

    @property
    def end(self) -> int:
        """Where the last stretch ends; nothing is placed from here on."""
        if not self._stretches:
            return self.taken
        return self._stop(self._stretches[-1])

    @property
    def size_bytes(self) -> int:
        """Bytes held."""
        return sum(len(stretch.data) for stretch in self._stretches)

    def sample(self, at_ms: float) -> int:
        """Return the sample nearest to a time; times before the leg's start are its start."""
        return max(0, round(at_ms * self.format.rate_hz / 1000))

    def extend(self, raw: bytes) -> None:
        """Add audio right after the last."""
        if self._stretches:
            self._stretches[-1].data += raw
        elif raw:
            self._stretches.append(Stretch(self.taken, bytearray(raw)))

    def place(self, raw: bytes, start: int) -> None:
        """Add audio at ``start``, which is not before :attr:`end`: in between there is silence."""
        if start <= self.end:
            self.extend(raw)
        elif raw:  # nothing, placed later, must not move the end
            self._stretches.append(Stretch(start, bytearray(raw)))

    def pull_back(self, samples: int) -> int:
        """Move the last stretch that far back, as far as the silence before it reaches; return by how much."""
        if not self._stretches:
            return 0
        last = self._stretches[-1]
        before = self._stop(self._stretches[-2]) if len(self._stretches) > 1 else self.taken
        moved = max(0, min(samples, last.start - before))
        last.start -= moved
        if moved and len(self._stretches) > 1 and last.start == before:
            self._stretches.pop()
            self._stretches[-1].data += last.data
        return moved

    def cut(self, at: int) -> None:
        """Forget everything from sample ``at`` on."""
        while self._stretches and self._stretches[-1].start >= at:
            self._stretches.pop()
        if self._stretches:
            last = self._stretches[-1]
            del last.data[max(0, at - last.start) * self._width :]

    def blank(self, start: int, end: int) -> None:
        """Replace what is placed between two samples by silence."""
        for stretch in self._stretches:
            first = max(start, stretch.start) - stretch.start
            last = min(end, self._stop(stretch)) - stretch.start
            if first < last:
                stretch.data[first * self._width : last * self._width] = self._silence(last - first)

    def take(self, until: int) -> list[Stretch]:
        """Give up what lies before sample ``until``; :attr:`taken` is there afterwards."""
        until = max(until, self.taken)
        given = []
        while self._stretches and self._stretches[0].start < until:
            first = self._stretches[0]
            if self._stop(first) <= until:
                given.append(self._stretches.pop(0))
                continue
            kept = (until - first.start) * self._width
            given.append(Stretch(first.start, first.data[:kept]))
            del first.data[:kept]
            first.start = until
        self.taken = until
        return given

    def _stop(self, stretch: Stretch) -> int:
        return stretch.start + len(stretch.data) // self._width

    def _silence(self, samples: int) -> bytes:
        return silent_samples(self.format, samples)


def silent_samples(format: AudioFormat, samples: int) -> bytes:
    """Return so many samples of silence."""
    return silence(format, 1000 / format.rate_hz) * samples


def filled(stretches: list[Stretch], format: AudioFormat, start: int, end: int) -> bytes:
    """Return samples ``start`` to ``end`` as one piece, silent where no stretch lies."""
    width = format.bytes_per_sample
    starts = [stretch.start for stretch in stretches]
    parts = []
    position = start
    for stretch in stretches[max(0, bisect_left(starts, start) - 1) : bisect_left(starts, end)]:
        first = max(position, stretch.start)
        last = min(end, stretch.start + len(stretch.data) // width)
        if first < last:
            parts.append(silent_samples(format, first - position))
            parts.append(bytes(stretch.data[(first - stretch.start) * width : (last - stretch.start) * width]))
            position = last
    parts.append(silent_samples(format, end - position))
    return b"".join(parts)
