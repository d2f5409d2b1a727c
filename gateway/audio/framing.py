"""Cutting a stream of bytes into frames of one size."""

from __future__ import annotations


class Framer:
    """Takes bytes as they come and gives frames of exactly ``size_bytes``.

    Raises:
        ValueError: ``size_bytes`` is not positive.

    """

    __slots__ = ("_rest", "size_bytes")

    def __init__(self, size_bytes: int) -> None:
        if size_bytes <= 0:
            raise ValueError(f"a frame has at least one byte; got size_bytes={size_bytes}")
        self.size_bytes = size_bytes
        self._rest = b""

    @property
    def rest(self) -> bytes:
        """What waits for the rest of its frame; shorter than ``size_bytes``."""
        return self._rest

    def push(self, raw: bytes) -> list[bytes]:
        """Return the frames that are whole now, oldest first."""
        size = self.size_bytes
        if not self._rest and len(raw) == size:
            return [raw]
        joined = self._rest + raw
        whole = len(joined) - len(joined) % size
        self._rest = joined[whole:]
        return [joined[start : start + size] for start in range(0, whole, size)]

    def flush(self, pad: bytes | None = None) -> bytes:
        """Return what is left and start anew: filled up with ``pad`` over and over, or as it is for None.

        Nothing left gives nothing, also with ``pad``. Raises ``ValueError`` for an empty ``pad``.
        """
        if pad is not None and not pad:
            raise ValueError("padding needs at least one byte, such as a sample of silence")
        rest, self._rest = self._rest, b""
        if pad is None or not rest:
            return rest
        missing = self.size_bytes - len(rest)
        return rest + (pad * (missing // len(pad) + 1))[:missing]
