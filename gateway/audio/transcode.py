"""From one leg's audio format to another's: companding and resampling in one object, built once at call start.

Equal formats pass untouched: not a byte is looked at. Otherwise a chain of at most three steps is chosen when the
transcoder is made: to linear samples, to the other rate, to the other law. A stream may be cut anywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from gateway.audio import g711
from gateway.audio.format import AudioFormat, AudioFrame, Encoding
from gateway.audio.resample import Resampler

_Step = Callable[[bytes], bytes]

_TO_LINEAR: Final[Mapping[Encoding, _Step]] = {Encoding.PCMU: g711.decode_ulaw, Encoding.PCMA: g711.decode_alaw}
_FROM_LINEAR: Final[Mapping[Encoding, _Step]] = {Encoding.PCMU: g711.encode_ulaw, Encoding.PCMA: g711.encode_alaw}
_LAW_TO_LAW: Final[Mapping[Encoding, _Step]] = {Encoding.PCMU: g711.ulaw_to_alaw, Encoding.PCMA: g711.alaw_to_ulaw}


class Transcoder:
    """Turns one stream from ``source`` format into ``target`` format, without holding back more than ``delay_ms``.

    How much comes out depends on how much went in, never on how it was cut: at 8 to 24 kHz a 20 ms frame gives a 20 ms
    frame.
    """

    __slots__ = ("_resampler", "_step", "passthrough", "source", "target")

    passthrough: bool
    """Whether the formats are equal and bytes go through as they are."""

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self.source = source
        self.target = target
        self.passthrough = source == target
        self._resampler: Resampler | None = None
        self._step = self._chain()

    @property
    def delay_ms(self) -> float:
        """Milliseconds by which what comes out lags what went in; 0 at equal rates."""
        return 0.0 if self._resampler is None else self._resampler.delay_ms

    def push(self, raw: bytes) -> bytes:
        """Return what ``raw`` becomes. Half a PCM16 sample waits for its other half, save in pass-through."""
        return self._step(raw)

    def frame(self, frame: AudioFrame) -> AudioFrame:
        """Return the frame in the target's format; the very same object when the formats are equal.

        Raises:
            ValueError: the frame is not in ``source`` format, or its base64 text is broken.

        """
        if frame.format is not self.source and frame.format != self.source:  # mostly the same object
            raise ValueError(f"a transcoder from {self.source} was given a frame of {frame.format}")
        if self.passthrough:
            return frame
        return AudioFrame(self.target, raw=self._step(frame.raw))

    def flush(self) -> bytes:
        """Return the last ``delay_ms`` of audio, as if silence followed, and start anew."""
        if self._resampler is None:
            return b""
        encode = _FROM_LINEAR.get(self.target.encoding, _untouched)
        return encode(self._resampler.flush())

    def _chain(self) -> _Step:
        """Choose the steps; each combination is one flat function, for this is called for every frame."""
        source, target = self.source, self.target
        if self.passthrough:
            return _untouched
        decode = _TO_LINEAR.get(source.encoding)
        encode = _FROM_LINEAR.get(target.encoding)
        if source.rate_hz == target.rate_hz and decode is not None:
            return decode if encode is None else _LAW_TO_LAW[source.encoding]
        # At equal rates the resampler only keeps an odd byte until its other half comes.
        self._resampler = Resampler(source.rate_hz, target.rate_hz)
        match [step for step in (decode, self._resampler.push, encode) if step is not None]:
            case [first, second, third]:
                return lambda raw: third(second(first(raw)))
            case [first, second]:
                return lambda raw: second(first(raw))
            case [only]:
                return only
            case steps:
                raise AssertionError(f"a chain of {len(steps)} steps")


def _untouched(raw: bytes) -> bytes:
    return raw
