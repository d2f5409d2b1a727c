"""G.711 companding: mu-law and A-law bytes to and from linear samples.

``pcm`` is 16-bit signed little-endian, mono, of an even length; ``raw`` is one G.711 byte a sample. ``audioop`` does
the work (a few tenths of a microsecond a frame); the tables are for code that holds arrays already. Nothing here
knows rates or streams: a stream that may be cut inside a sample belongs to :mod:`gateway.audio.transcode`.

Source: ITU-T G.711 (11/1988), tables 1a to 2b.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

with warnings.catch_warnings():
    # The standard library's audioop announces its removal in 3.13, where audioop-lts takes its place.
    warnings.filterwarnings("ignore", message="'audioop' is deprecated", category=DeprecationWarning)
    import audioop

ULAW_SILENCE: Final = b"\xff"
"""One mu-law sample of silence: positive zero."""
ALAW_SILENCE: Final = b"\xd5"
"""One A-law sample of silence: the smallest positive step, for A-law has no zero."""

_EVERY_BYTE: Final = bytes(range(256))


def decode_ulaw(raw: bytes) -> bytes:
    """Return mu-law bytes as PCM16, twice as long."""
    return audioop.ulaw2lin(raw, 2)


def encode_ulaw(pcm: bytes) -> bytes:
    """Return PCM16 as mu-law bytes, half as long. Raises ``audioop.error`` for an odd length."""
    return audioop.lin2ulaw(pcm, 2)


def decode_alaw(raw: bytes) -> bytes:
    """Return A-law bytes as PCM16, twice as long."""
    return audioop.alaw2lin(raw, 2)


def encode_alaw(pcm: bytes) -> bytes:
    """Return PCM16 as A-law bytes, half as long. Raises ``audioop.error`` for an odd length."""
    return audioop.lin2alaw(pcm, 2)


_ULAW_TO_ALAW: Final = encode_alaw(decode_ulaw(_EVERY_BYTE))
_ALAW_TO_ULAW: Final = encode_ulaw(decode_alaw(_EVERY_BYTE))


def ulaw_to_alaw(raw: bytes) -> bytes:
    """Return mu-law bytes as A-law bytes, through the linear value."""
    return raw.translate(_ULAW_TO_ALAW)


def alaw_to_ulaw(raw: bytes) -> bytes:
    """Return A-law bytes as mu-law bytes, through the linear value."""
    return raw.translate(_ALAW_TO_ULAW)


ULAW_TABLE: Final[npt.NDArray[np.int16]] = np.frombuffer(decode_ulaw(_EVERY_BYTE), "<i2").astype(np.int16)
"""The linear value of each mu-law byte: ``ULAW_TABLE[raw_array]``."""
ALAW_TABLE: Final[npt.NDArray[np.int16]] = np.frombuffer(decode_alaw(_EVERY_BYTE), "<i2").astype(np.int16)
"""The linear value of each A-law byte."""
ULAW_TABLE.setflags(write=False)
ALAW_TABLE.setflags(write=False)


@cache
def ulaw_encode_table() -> npt.NDArray[np.uint8]:
    """Return the mu-law byte of each sample, 64 KiB, made on first use: index with ``samples.view(numpy.uint16)``."""
    return _encode_table(encode_ulaw(_every_sample()))


@cache
def alaw_encode_table() -> npt.NDArray[np.uint8]:
    """Return the A-law byte of each sample, 64 KiB, made on first use: index with ``samples.view(numpy.uint16)``."""
    return _encode_table(encode_alaw(_every_sample()))


def _every_sample() -> bytes:
    return np.arange(65536, dtype=np.uint16).astype("<u2").tobytes()


def _encode_table(encoded: bytes) -> npt.NDArray[np.uint8]:
    return np.frombuffer(encoded, np.uint8)  # over bytes, and therefore read-only
