"""How audio is written on a wire, and a stretch of it that keeps the writing it came in.

An :class:`AudioFrame` is what crosses the contracts. It holds the bytes or the base64 text that arrived and makes the
other form at most once, when somebody asks, so that pass-through touches no sample (RFC 3551 for G.711, RFC 4648
section 4 for base64).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pybase64


class Encoding(StrEnum):
    """How one sample is written."""

    PCMU = "pcmu"
    """G.711 mu-law, one byte a sample."""
    PCMA = "pcma"
    """G.711 A-law, one byte a sample."""
    PCM16 = "pcm16"
    """16-bit signed little-endian linear, mono, two bytes a sample."""


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """An encoding at a rate; mono always.

    ``rate_hz`` is samples per second.
    """

    encoding: Encoding
    rate_hz: int

    @property
    def bytes_per_sample(self) -> int:
        """Bytes that one sample takes: 2 for PCM16, else 1."""
        return 2 if self.encoding is Encoding.PCM16 else 1

    @property
    def bytes_per_ms(self) -> float:
        """Bytes that one millisecond takes: 8 for telephone G.711, 48 for PCM16 at 24 kHz."""
        return self.rate_hz * self.bytes_per_sample / 1000

    def duration_ms(self, size_bytes: int) -> float:
        """Return the milliseconds that ``size_bytes`` last."""
        return size_bytes * 1000 / (self.rate_hz * self.bytes_per_sample)

    def size_bytes(self, duration_ms: float) -> int:
        """Return the whole samples' bytes in ``duration_ms``, rounded down to a sample."""
        return int(duration_ms * self.rate_hz / 1000) * self.bytes_per_sample

    def __str__(self) -> str:
        return f"{self.encoding}/{self.rate_hz}"


PCMU_8K: Final = AudioFormat(Encoding.PCMU, 8000)
PCMA_8K: Final = AudioFormat(Encoding.PCMA, 8000)
PCM16_8K: Final = AudioFormat(Encoding.PCM16, 8000)
PCM16_16K: Final = AudioFormat(Encoding.PCM16, 16000)
PCM16_24K: Final = AudioFormat(Encoding.PCM16, 24000)


class AudioFrame:
    """A stretch of audio in one format, as it came: bytes, or base64 text (ASCII bytes, padded).

    ``raw`` and ``base64`` each give one form and keep it. Equality is by format and raw bytes.

    Raises (lazily, from ``raw``):
        ValueError: the base64 text is not base64.
    """

    __slots__ = ("_base64", "_raw", "format")

    format: AudioFormat

    def __init__(self, format: AudioFormat, raw: bytes | None = None, base64: bytes | None = None) -> None:
        if raw is None and base64 is None:
            raise ValueError("an audio frame needs its bytes or its base64 text")
        self.format = format
        self._raw = raw
        self._base64 = base64

    @property
    def raw(self) -> bytes:
        """The samples' bytes in ``format``."""
        if self._raw is None:
            assert self._base64 is not None
            self._raw = pybase64.b64decode(self._base64, validate=True)
        return self._raw

    @property
    def base64(self) -> bytes:
        """The same as base64 text, ASCII, padded, without line breaks."""
        if self._base64 is None:
            assert self._raw is not None
            self._base64 = pybase64.b64encode(self._raw)
        return self._base64

    @property
    def holds_base64(self) -> bool:
        """Whether the base64 text is at hand, so that cutting it is cheaper than cutting bytes."""
        return self._base64 is not None

    @property
    def size_bytes(self) -> int:
        """Length of ``raw``, without decoding."""
        if self._raw is not None:
            return len(self._raw)
        text = self._base64
        assert text is not None
        return len(text) // 4 * 3 - (text.endswith(b"=") + text.endswith(b"=="))

    @property
    def duration_ms(self) -> float:
        """Milliseconds that the frame lasts."""
        return self.format.duration_ms(self.size_bytes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AudioFrame):
            return NotImplemented
        return self.format == other.format and self.raw == other.raw

    def __hash__(self) -> int:
        return hash((self.format, self.raw))

    def __repr__(self) -> str:
        return f"AudioFrame({self.format}, {self.size_bytes} bytes)"
