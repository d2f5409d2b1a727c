"""A call as a stereo WAV file: left what came from the caller, right what the caller **heard**.

Audio is placed on a time line in memory (:mod:`gateway.records.track`) and written some seconds later by a thread, so
that a cleared playout can still be cut off and a card number still be silenced before it ever reaches a disk. What was
said is held back for longer (:meth:`Recorder.hold`), until its words are known and nothing in them was masked. Tones of
keys are taken out of both sides on their way to the file (:mod:`gateway.audio.tone_guard`).

**Left.** Frames arrive with jitter, and following each arrival time would cut speech into gaps and clicks. So a frame
goes right behind the one before it, unless it is more than 60 ms later than that: then it was lost or late and silence
goes between. When frames come faster afterwards (they were late, not lost), the stretch moves back into that silence;
what cannot move may run up to half a second ahead before samples are left out.

**Right.** Audio goes where it plays. Frames that follow one another within one frame's length are joined to the sample.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final, NamedTuple

from gateway.audio.format import AudioFormat, AudioFrame, Encoding
from gateway.audio.resample import Resampler
from gateway.audio.tone_guard import ToneGuard
from gateway.audio.transcode import Transcoder
from gateway.audio.wav import WavWriter, interleave
from gateway.records.backlog import Backlog
from gateway.records.encryption import Key, SealedFile
from gateway.records.track import Stretch, Track, filled

RATE_HZ: Final = 8000
"""Samples per second and channel of every recording."""
DRIFT_MS: Final = 60
"""How much later than its predecessor's end a caller's frame may arrive before silence goes between."""
AHEAD_MS: Final = 500
"""How far the caller's audio may run ahead of its arrival where no silence is left to take it."""
JOIN_MS: Final = 20
"""A pause in what is played that is shorter than this is a rounding, not a pause."""
WRITE_BEHIND_MS: Final = 10_000
"""How long audio stays in memory, where it can still be changed without a trace on the disk."""
WRITE_EVERY_MS: Final = 2_500
"""How much is written at once."""
LONGEST_LEAD_MS: Final = 60_000
"""Audio is never queued further ahead of the ear; bounds memory where the caller's side is silent."""
CLOSE_LIMIT_S: Final = 10.0
"""Longest that closing waits for the disk, in seconds."""

_STEP_MS: Final = 1000
"""Length of one piece of work of the writing thread."""


class Recorder:
    """Records one call; an :class:`~gateway.contracts.record.AudioTap`.

    All methods belong to the event loop and return at once. A disk that fails ends the recording, is logged once, and
    leaves a valid file up to there.

    Args:
        path: the WAV file, made anew with mode 0600 at the first write.
        from_caller: format of the caller's frames.
        to_caller: format of the frames to the caller.
        write_behind_ms: how long audio stays in memory, in milliseconds.
        card_protection: take tones of keys out of both sides.
        key: seals the file (:mod:`gateway.records.encryption`); None writes a plain WAV file.

    """

    def __init__(
        self,
        path: Path,
        from_caller: AudioFormat,
        to_caller: AudioFormat,
        *,
        write_behind_ms: int = WRITE_BEHIND_MS,
        card_protection: bool = True,
        key: Key | None = None,
    ) -> None:
        self.path = path
        self.refused_frames = 0
        """Frames of another format, or with broken base64: left out."""
        self.dropped_ms = 0.0
        """Milliseconds of the caller's audio left out because it ran too far ahead of its arrival."""
        self._left = Track(from_caller)
        self._right = Track(to_caller)
        self._write_behind_ms = write_behind_ms
        self._written_ms = 0
        self._now_ms = 0.0
        self._closed = False
        self._holds: dict[str, float] = {}
        self._file = _File(path, (_Side(from_caller, card_protection), _Side(to_caller, card_protection)), key)
        self._backlog: Backlog[_Job] = Backlog("recording", self._file.work, limit=10_000, gathered=True)

    @property
    def failures(self) -> int:
        """Whether (more than 0) the disk refused the recording."""
        return self._backlog.failures

    @property
    def held_bytes(self) -> int:
        """Audio held in memory, in bytes."""
        return self._left.size_bytes + self._right.size_bytes

    def from_caller(self, frame: AudioFrame, at_ms: float) -> None:
        """Take a frame that arrived ``at_ms`` after the leg's start; it is placed to begin there, jitter aside."""
        raw = self._raw(frame, self._left)
        if raw:
            self._place_left(raw, self._left.sample(at_ms))
        self._advance(at_ms)

    def to_caller(self, frame: AudioFrame, plays_at_ms: float) -> None:
        """Take audio that the caller hears from ``plays_at_ms`` on, unless it is cut before."""
        track = self._right
        raw = self._raw(frame, track)
        if raw:
            start = track.sample(plays_at_ms)
            if start - track.end > track.sample(JOIN_MS):
                track.place(raw, start)
            else:
                track.extend(raw)
        self._advance(plays_at_ms - LONGEST_LEAD_MS)

    def cut(self, at_ms: float) -> None:
        """Forget what the caller would have heard after ``at_ms``: it was cleared."""
        if self._closed:
            return
        self._right.cut(self._right.sample(at_ms))
        if at_ms < self._written_ms:  # far later than any clear: take it from the disk
            self._backlog.put(_Blank(at_ms, self._written_ms, right_only=True))
        self._advance(at_ms)

    def hold(self, name: str, from_ms: float) -> None:
        """Write nothing from ``from_ms`` on before :meth:`let_go` of that name, or the end; again moves it."""
        self._holds[name] = from_ms

    def let_go(self, name: str) -> None:
        """Write what was held under that name when its time comes; nothing happens if there is nothing."""
        self._holds.pop(name, None)

    def silence(self, start_ms: float, end_ms: float) -> None:
        """Silence both sides between two times, in memory and on the disk: what was said there must not be kept."""
        if self._closed or end_ms <= start_ms:
            return
        for track in (self._left, self._right):
            # To the outside of a sample: nothing of the span may stay.
            rate_per_ms = track.format.rate_hz / 1000
            track.blank(max(0, math.floor(start_ms * rate_per_ms)), math.ceil(end_ms * rate_per_ms))
        if start_ms < self._written_ms:
            self._backlog.put(_Blank(start_ms, min(end_ms, self._written_ms)))

    async def close(self, ended_ms: float) -> None:
        """Finish the file: both sides end at ``ended_ms``, or where the file already is. Closing twice does nothing."""
        if not self._closed:
            end_ms = max(ended_ms, self._written_ms)
            for track in (self._left, self._right):
                track.cut(track.sample(end_ms))
            self._write(math.ceil(end_ms))
            self._closed = True
            self._backlog.put(_Close(round(end_ms * RATE_HZ / 1000)))
        await self._backlog.drained(CLOSE_LIMIT_S)

    def _raw(self, frame: AudioFrame, track: Track) -> bytes:
        """Return the frame's bytes, or nothing if they can't be recorded."""
        if self._closed:
            return b""
        try:
            if frame.format == track.format:
                return frame.raw
        except ValueError:  # broken base64
            pass
        self.refused_frames += 1
        return b""

    def _place_left(self, raw: bytes, at: int) -> None:
        track = self._left
        drift = at - track.end
        if drift > track.sample(DRIFT_MS):
            track.place(raw, at)
            return
        if drift < 0:
            # The frame that opened this stretch came later than it was spoken; moving all of it tears nothing.
            ahead = -drift - track.pull_back(-drift)
            if ahead > track.sample(AHEAD_MS):
                self.dropped_ms += track.format.duration_ms(len(raw))
                return
        track.extend(raw)

    def _advance(self, now_ms: float) -> None:
        """Hand what is old enough to the writing thread."""
        if self._closed or now_ms <= self._now_ms:
            return
        self._now_ms = now_ms
        until_ms = min(now_ms - self._write_behind_ms, *self._holds.values(), now_ms)
        if until_ms - self._written_ms >= WRITE_EVERY_MS:
            self._write(int(until_ms))

    def _write(self, until_ms: int) -> None:
        until_ms = max(until_ms, self._written_ms)
        left, right = (track.take(track.sample(until_ms)) for track in (self._left, self._right))
        self._backlog.put(_Write(self._written_ms, until_ms, left, right))
        self._written_ms = until_ms


class _Write(NamedTuple):
    """Write both sides between two times, in whole milliseconds."""

    start_ms: int
    end_ms: int
    left: list[Stretch]
    right: list[Stretch]


class _Blank(NamedTuple):
    """Silence what was written between two times."""

    start_ms: float
    end_ms: float
    right_only: bool = False


class _Close(NamedTuple):
    """Bring the file to so many samples and let go of it."""

    samples: int


_Job = _Write | _Blank | _Close


class _Side:
    """One channel on its way to the file: decoded, at 8 kHz, in time with its source, without tones of keys."""

    def __init__(self, format: AudioFormat, without_tones: bool) -> None:
        self.format = format
        self.ready = bytearray()
        self._to_linear = Transcoder(format, AudioFormat(Encoding.PCM16, format.rate_hz))
        self._resampler = Resampler(format.rate_hz, RATE_HZ)
        self._early_bytes = 2 * self._resampler.delay_samples
        self._guard = ToneGuard() if without_tones else None

    def write(self, stretches: list[Stretch], start_ms: int, end_ms: int) -> None:
        first, last = (round(at_ms * self.format.rate_hz / 1000) for at_ms in (start_ms, end_ms))
        self._keep(self._resampler.push(self._to_linear.push(filled(stretches, self.format, first, last))))

    def finish(self) -> None:
        self._keep(self._resampler.flush())
        if self._guard is not None:
            self.ready += self._guard.flush()

    def blank(self, first: int, last: int) -> None:
        """Silence samples that are not in the file yet, counted from its end."""
        waiting = len(self.ready) // 2
        start, end = (2 * min(max(0, at), waiting) for at in (first, last))
        self.ready[start:end] = bytes(end - start)
        if self._guard is not None:
            self._guard.blank(first - waiting, last - waiting)

    def _keep(self, pcm: bytes) -> None:
        """Leave out the filter's delay at the very start, so that both channels keep the time of their source."""
        early = min(self._early_bytes, len(pcm))
        self._early_bytes -= early
        self.ready += pcm[early:] if self._guard is None else self._guard.push(pcm[early:])


class _File:
    """The writing thread's part: everything that decodes, resamples or touches the disk."""

    def __init__(self, path: Path, sides: tuple[_Side, _Side], key: Key | None) -> None:
        self._path = path
        self._sides = sides
        self._key = key
        self._wav: WavWriter | None = None
        self._broken = False

    def work(self, jobs: list[_Job]) -> None:
        """Do some jobs in order. The first error ends the file: what came later would stand at the wrong time."""
        if self._broken:
            return
        try:
            if self._wav is None:
                sealed = None if self._key is None else SealedFile.create(self._path, self._key)
                self._wav = WavWriter(self._path, RATE_HZ, channels=2, file=sealed)
            for job in jobs:
                self._do(job, self._wav)
        except (OSError, ValueError):
            self._broken = True
            if self._wav is not None:
                self._wav.close()
            raise

    def _do(self, job: _Job, wav: WavWriter) -> None:
        match job:
            case _Write(start_ms, end_ms, left, right):
                for begin in range(start_ms, end_ms, _STEP_MS):
                    until = min(begin + _STEP_MS, end_ms)
                    for side, stretches in zip(self._sides, (left, right), strict=True):
                        side.write(stretches, begin, until)
                    self._append(wav)
            case _Blank(start_ms, end_ms, right_only):
                self._blank(wav, math.floor(start_ms * RATE_HZ / 1000), math.ceil(end_ms * RATE_HZ / 1000), right_only)
            case _Close(samples):
                for side in self._sides:
                    side.finish()
                    wanted = 2 * max(0, samples - wav.frames)
                    side.ready = side.ready[:wanted].ljust(wanted, b"\0")
                self._append(wav)
                wav.close()

    def _append(self, wav: WavWriter) -> None:
        """Write what both channels have; a resampled one may lag by a few samples."""
        both = min(len(side.ready) for side in self._sides)
        if both:
            wav.append(interleave([bytes(side.ready[:both]) for side in self._sides]))
            for side in self._sides:
                del side.ready[:both]

    def _blank(self, wav: WavWriter, first: int, last: int, right_only: bool) -> None:
        blanked = self._sides[1:] if right_only else self._sides
        step = RATE_HZ * _STEP_MS // 1000
        first = max(0, first)
        for frame in range(first, min(last, wav.frames), step):
            count = min(step, last - frame)
            left = wav.read(frame, count)
            kept = bytearray(len(left))
            if right_only:
                kept[0::4], kept[1::4] = left[0::4], left[1::4]
            wav.overwrite(frame, bytes(kept))
        for side in blanked:
            side.blank(first - wav.frames, last - wav.frames)
