"""Data frames from a client, written straight to bytes (RFC 6455 section 5.2).

The ``websockets`` package builds an object for each frame and asks the kernel for four random bytes each time. With
fifty appends a second and call that is a tenth of the gateway's work, so this one thing is done here; reading, control
frames and the handshakes stay the package's. Whole messages only: no fragments, no extensions.
"""

from __future__ import annotations

import os
from typing import Final

try:
    from websockets.speedups import apply_mask
except ImportError:  # the package's own fallback where no compiled part exists
    from websockets.utils import apply_mask

from websockets.frames import Opcode

_MASKS_AT_ONCE: Final = 1024
_LENGTH_16_BITS: Final = 126
_LENGTH_64_BITS: Final = 127
_MASKED: Final = 0x80
_FIN: Final = 0x80


class FrameWriter:
    """Writes one connection's text and binary messages as masked frames.

    Masking keys come from the kernel's generator, 1024 at a time: section 10.3 wants them unpredictable, and each is
    used once.
    """

    __slots__ = ("_at", "_masks")

    def __init__(self) -> None:
        self._masks = b""
        self._at = 0

    def frame(self, message: bytes, *, binary: bool) -> bytes:
        """Return the frame that carries the whole of ``message``."""
        if self._at >= len(self._masks):
            self._masks, self._at = os.urandom(4 * _MASKS_AT_ONCE), 0
        mask = self._masks[self._at : self._at + 4]
        self._at += 4
        size = len(message)
        first = _FIN | (Opcode.BINARY if binary else Opcode.TEXT)
        if size < _LENGTH_16_BITS:
            head = bytes((first, _MASKED | size))
        elif size < 1 << 16:
            head = bytes((first, _MASKED | _LENGTH_16_BITS, size >> 8, size & 0xFF))
        else:
            head = bytes((first, _MASKED | _LENGTH_64_BITS)) + size.to_bytes(8)
        return b"".join((head, mask, apply_mask(message, mask)))
