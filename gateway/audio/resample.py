"""Changing the sample rate of a stream: a polyphase FIR filter that holds nothing back but its own group delay.

Speech between 300 and 3400 Hz passes with a ripple below half a decibel; its images, and everything that would alias
into it, are more than 80 dB down; the delay is about 2 ms at 8 kHz and less above. Each output sample leaves with the
input sample that it needs, so ``n`` input samples give ``ceil(n * to_hz / from_hz)`` output samples however the stream
was cut.

**Why the same bits come out for every cut.** The taps are multiples of 2^-22, so every product of a 16-bit sample and
a tap, and every sum of them, is a multiple of 2^-22 below 2^18: exact in a float64. Exact sums do not depend on their
order, hence not on the shape of the matrix product nor on the BLAS behind it.

**How it is fast.** A block of input samples, with the filter's memory before it, times one small banded matrix gives
that block's output; the blocks of a push are the rows of a single matrix product. Matrix and scratch space belong to
the ratio and the thread; a resampler itself keeps a few hundred bytes.

Not thread-safe per instance; two instances may run in two threads.

``pcm`` is 16-bit signed little-endian, mono; a push may end inside a sample.
"""

from __future__ import annotations

import math
import threading
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float64]
_Samples = npt.NDArray[np.int16]

TAPS_PER_PHASE: Final = 32
"""Length of the filter in samples of the lower rate: 4 ms at 8 kHz, so that the delay is 2 ms."""
_CUTOFF: Final = 0.4825
"""Middle of the filter's slope as a part of the lower rate: 3860 Hz at 8 kHz."""
_KAISER_BETA: Final = 8.2
"""With these two: ripple 0.16 dB over 300-3400 Hz, everything above 4600 Hz 84 dB down (8 kHz and 24 kHz)."""
_TAP_BITS: Final = 22
"""Taps are multiples of 2^-22: fine enough for -120 dB, coarse enough for exact sums."""
_BLOCK_PERIODS: Final = 16
"""A block is this many periods of the ratio, fewer when they are long: a product neither mostly zeros nor too thin."""
_ROWS: Final = 40
"""Most blocks in one matrix product; a longer push takes several. Bounds the scratch space (50 KiB for 24 to 8 kHz)."""
_LARGEST_MATRIX: Final = 1 << 19
"""Most elements in a ratio's matrix (4 MiB); ratios beyond, between unusual rates, take a slower, smaller way."""


class Resampler:
    """Changes one stream of PCM16 from ``from_hz`` to ``to_hz`` samples per second.

    Args:
        from_hz: the rate of what is pushed.
        to_hz: the rate of what comes out; equal rates pass samples untouched.

    Raises:
        ValueError: a rate is not positive.

    """

    __slots__ = ("_carry", "_filter", "_phase", "from_hz", "to_hz")

    def __init__(self, from_hz: int, to_hz: int) -> None:
        if from_hz <= 0 or to_hz <= 0:
            raise ValueError(f"a sample rate is a positive number of hertz; got {from_hz} and {to_hz}")
        self.from_hz = from_hz
        self.to_hz = to_hz
        divisor = math.gcd(from_hz, to_hz)
        self._filter = None if from_hz == to_hz else _filter(to_hz // divisor, from_hz // divisor)
        self.reset()

    @property
    def delay_ms(self) -> float:
        """Milliseconds by which what comes out lags what went in: the filter's group delay."""
        return 0.0 if self._filter is None else self._filter.delay * 1000 / self.to_hz

    @property
    def delay_samples(self) -> int:
        """The same in samples of ``to_hz``; always whole."""
        return 0 if self._filter is None else self._filter.delay

    def reset(self) -> None:
        """Forget everything pushed so far."""
        self._phase = 0
        self._carry = b"" if self._filter is None else bytes(2 * self._filter.memory)

    def push(self, pcm: bytes) -> bytes:
        """Return every output sample that the input up to here determines.

        After ``n`` whole samples in, ``ceil(n * to_hz / from_hz)`` have come out in total. An odd last byte waits for
        its other half.
        """
        if not pcm:
            return b""
        filter_ = self._filter
        joined = self._carry + pcm if self._carry else pcm
        if filter_ is None:
            odd = len(joined) & 1
            self._carry = joined[-1:] if odd else b""
            return joined[:-1] if odd else joined
        skipped = self._phase
        fresh = len(joined) // 2 - filter_.memory
        done = filter_.outputs(skipped)
        out = filter_.run(np.frombuffer(joined, "<i2", fresh + filter_.memory), fresh, done)
        # The carry starts on a whole period of the ratio, so that the next block is aligned with the matrix.
        self._phase = fresh % filter_.decimate
        self._carry = joined[2 * (fresh - self._phase) :]
        return out

    def flush(self) -> bytes:
        """Return the last ``delay_samples`` samples, as if silence followed, and forget the stream.

        An odd byte that is still waiting is dropped.
        """
        filter_ = self._filter
        tail = b""
        if filter_ is not None:
            self._carry = self._carry[: len(self._carry) & ~1]
            tail = self.push(bytes(2 * filter_.flush_inputs))[: 2 * filter_.delay]
        self.reset()
        return tail


def resample(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """Return a whole recording at another rate, in time with the original: the filter's delay is taken out.

    Gives ``round(n * to_hz / from_hz)`` samples for ``n``; an odd last byte is dropped.
    """
    resampler = Resampler(from_hz, to_hz)
    wanted = (2 * (len(pcm) // 2) * to_hz + from_hz) // (2 * from_hz)
    whole = resampler.push(pcm) + resampler.flush()
    start = 2 * resampler.delay_samples
    return whole[start : start + 2 * wanted]


class _Plan(NamedTuple):
    """Views into a workspace for a number of rows: made once, used for every push of that size."""

    windows: _Floats
    """Overlapping windows over the input line."""
    rows: _Floats
    """Room for them side by side, as BLAS wants them."""
    product: _Floats
    flat: _Floats
    """``product`` as one line of output samples."""
    samples: _Samples


class _Workspace(threading.local):
    """Scratch space of one ratio in one thread; made by the first push in it."""

    def __init__(self, block_in: int, block_out: int, memory: int) -> None:
        self.line = np.zeros(_ROWS * block_in + memory)
        """Input samples in a line; beyond those of this push stand old ones, which reach no output that is kept."""
        self._windows = np.lib.stride_tricks.as_strided(
            self.line, (_ROWS, block_in + memory), (block_in * self.line.itemsize, self.line.itemsize)
        )
        self._rows = np.zeros(self._windows.shape)
        self._product = np.zeros((_ROWS, block_out))
        self._samples = np.zeros((_ROWS, block_out), "<i2")
        self._plans: dict[int, _Plan] = {}

    def plan(self, rows: int) -> _Plan:
        """Return the views for a product of so many rows."""
        plan = self._plans.get(rows)
        if plan is None:
            plan = self._plans[rows] = _Plan(
                windows=self._windows[:rows],
                rows=self._rows[:rows],
                product=self._product[:rows],
                flat=self._product[:rows].reshape(-1),
                samples=self._samples[:rows].reshape(-1),
            )
        return plan


class _Filter:
    """The filter of one ratio ``interpolate / decimate`` in lowest terms; immutable but for its scratch space."""

    def __init__(self, interpolate: int, decimate: int) -> None:
        self.interpolate = interpolate
        self.decimate = decimate
        phases, centre = _design(interpolate, decimate)
        self._phases = phases
        self.memory = phases.shape[1] - 1
        """Input samples before the newest that an output depends on."""
        self.delay = centre // decimate
        """Group delay in output samples."""
        self.flush_inputs = -(-centre // interpolate) + decimate
        """As many zeros push the last ``delay`` samples out from any phase."""
        periods = max(1, _BLOCK_PERIODS // min(interpolate, decimate))
        self._block_in = periods * decimate
        self._block_out = periods * interpolate
        window = self._block_in + self.memory
        self._matrix = (
            _banded(phases, decimate, window, self._block_out) if window * self._block_out <= _LARGEST_MATRIX else None
        )
        self._workspace = _Workspace(self._block_in, self._block_out, self.memory)

    def outputs(self, inputs: int) -> int:
        """Return how many samples come out for so many in, from a period's start on."""
        return -(-inputs * self.interpolate // self.decimate)

    def run(self, samples: _Samples, fresh: int, done: int) -> bytes:
        """Filter ``memory`` old and ``fresh`` samples from a period's start on; leave out the first ``done``."""
        wanted = self.outputs(fresh)
        if self._matrix is None:
            return self._gather(samples, done, wanted)
        block_in, block_out = self._block_in, self._block_out
        rows = -(-fresh // block_in)
        if rows <= _ROWS:
            return self._multiply(self._matrix, samples, rows)[done:wanted].tobytes()
        parts = []
        for row in range(0, rows, _ROWS):
            count = min(_ROWS, rows - row)
            start = row * block_in
            out = self._multiply(self._matrix, samples[start : start + count * block_in + self.memory], count)
            parts.append(out[max(0, done - row * block_out) : wanted - row * block_out].tobytes())
        return b"".join(parts)

    def _multiply(self, matrix: _Floats, samples: _Samples, rows: int) -> _Samples:
        """Return ``rows`` blocks of output, in scratch space: to be copied before the next call."""
        workspace = self._workspace
        plan = workspace.plan(rows)
        workspace.line[: len(samples)] = samples
        plan.rows[...] = plan.windows
        np.dot(plan.rows, matrix, out=plan.product)
        flat = plan.flat
        np.rint(flat, out=flat)
        np.minimum(flat, 32767.0, out=flat)
        np.maximum(flat, -32768.0, out=flat)
        plan.samples[...] = flat
        return plan.samples

    def _gather(self, samples: _Samples, done: int, wanted: int) -> bytes:
        """Do the same a sample at a time, for ratios whose matrix would be too large."""
        if done >= wanted:
            return b""
        windows = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), self.memory + 1)
        newest, phase = np.divmod(np.arange(done, wanted) * self.decimate, self.interpolate)
        parts = []
        for start in range(0, len(newest), 4096):
            few = slice(start, start + 4096)
            parts.append(np.einsum("ij,ij->i", windows[newest[few]], self._phases[phase[few], ::-1]))
        sums: _Floats = np.concatenate(parts)
        return np.clip(np.rint(sums), -32768, 32767).astype("<i2").tobytes()


@lru_cache(maxsize=32)
def _filter(interpolate: int, decimate: int) -> _Filter:
    return _Filter(interpolate, decimate)


def _design(interpolate: int, decimate: int) -> tuple[_Floats, int]:
    """Return the taps, a row for each phase and newest sample first, and the index of the middle tap.

    A windowed sinc at ``interpolate`` times the input rate, of odd length, its middle on a whole output sample. Every
    phase sums to exactly one, so that a constant stays constant.
    """
    longer = max(interpolate, decimate)
    centre = round((TAPS_PER_PHASE * longer / 2 - 1) / decimate) * decimate
    position = np.arange(-centre, centre + 1)
    width = 2 * _CUTOFF / longer
    taps = np.sinc(width * position) * np.kaiser(len(position), _KAISER_BETA)
    length = -(-len(taps) // interpolate)
    phases = np.pad(taps, (0, length * interpolate - len(taps))).reshape(length, interpolate).T
    units = np.rint(phases / phases.sum(axis=1, keepdims=True) * (1 << _TAP_BITS))
    largest = np.abs(units).argmax(axis=1)
    units[np.arange(interpolate), largest] += (1 << _TAP_BITS) - units.sum(axis=1)
    return np.ascontiguousarray(units / (1 << _TAP_BITS)), centre


def _banded(phases: _Floats, decimate: int, window: int, outputs: int) -> _Floats:
    """Return the matrix that turns a window (memory, then a block) into the block's ``outputs`` samples."""
    interpolate, length = phases.shape
    matrix = np.zeros((window, outputs))
    for output in range(outputs):
        newest, phase = divmod(output * decimate, interpolate)
        matrix[newest : newest + length, output] = phases[phase, ::-1]
    return matrix
