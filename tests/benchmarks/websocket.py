"""RFC 6455 in as little as a load generator needs: text messages, pings, closes, both roles, no extensions.

Bytes in, messages out; no sockets. It is our own so that the harness costs less than what it measures, and so that no
bug is shared with the ``websockets`` package that both subjects use.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Final

try:
    from websockets.speedups import apply_mask
except ImportError:
    from websockets.utils import apply_mask

TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA
CONTINUATION: Final = 0x0

_FINAL: Final = 0x80
_MASKED: Final = 0x80
_ACCEPT_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NO_MASK: Final = b"\0\0\0\0"
"""The key of each masked frame: legal, and it leaves the payload as it is; the receiver unmasks all the same."""

MAX_MESSAGE_BYTES: Final = 16 * 1024 * 1024
MAX_UPGRADE_BYTES: Final = 16 * 1024


class BrokenPeer(Exception):
    """The other end sent what RFC 6455 does not allow, or refused the upgrade."""


def _header(opcode: int, size: int, mask_bit: int) -> bytes:
    first = _FINAL | opcode
    if size < 126:
        return bytes((first, mask_bit | size))
    if size < 65536:
        return bytes((first, mask_bit | 126)) + size.to_bytes(2, "big")
    return bytes((first, mask_bit | 127)) + size.to_bytes(8, "big")


def server_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return one unmasked frame, as a server sends it."""
    return _header(opcode, len(payload), 0) + payload


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return one masked frame, as a client sends it."""
    return _header(opcode, len(payload), _MASKED) + _NO_MASK + payload


class FrameReader:
    """Cuts a byte stream into frames, however the stream was cut.

    ``receive`` returns ``(opcode, payload)`` for each complete message or control frame; fragments are joined.
    """

    __slots__ = ("_buffer", "_fragments", "_opcode")

    def __init__(self) -> None:
        self._buffer = b""
        self._fragments: list[bytes] = []
        self._opcode = TEXT

    def receive(self, data: bytes) -> list[tuple[int, bytes]]:
        """Take the next bytes and return what they complete.

        Raises:
            BrokenPeer: a reserved bit is set, a fragment has no beginning, or a message is beyond all measure.
        """
        if self._buffer:
            data = self._buffer + data
        messages: list[tuple[int, bytes]] = []
        start, end = 0, len(data)
        while end - start >= 2:
            first, second = data[start], data[start + 1]
            size = second & 0x7F
            body = start + 2
            if size == 126:
                if end < body + 2:
                    break
                size = int.from_bytes(data[body : body + 2], "big")
                body += 2
            elif size == 127:
                if end < body + 8:
                    break
                size = int.from_bytes(data[body : body + 8], "big")
                body += 8
            if size > MAX_MESSAGE_BYTES:
                raise BrokenPeer(f"websocket frame of {size} bytes; at most {MAX_MESSAGE_BYTES} make sense here")
            masked = second & _MASKED
            if masked:
                body += 4
            stop = body + size
            if end < stop:
                break
            payload = data[body:stop]
            if masked:
                payload = apply_mask(payload, data[body - 4 : body])
            start = stop
            if first & 0x70:
                raise BrokenPeer(f"websocket frame with reserved bits 0x{first & 0x70:02x}; no extension was agreed")
            if first in (_FINAL | TEXT, _FINAL | CLOSE, _FINAL | PING, _FINAL | PONG, _FINAL | BINARY):
                messages.append((first & 0x0F, payload))
            else:
                self._join(first, payload, messages)
        self._buffer = data[start:]
        return messages

    def _join(self, first: int, payload: bytes, messages: list[tuple[int, bytes]]) -> None:
        opcode = first & 0x0F
        if opcode == CONTINUATION:
            if not self._fragments:
                raise BrokenPeer("websocket continuation frame without a message that it continues")
        elif opcode in (TEXT, BINARY) and not self._fragments:
            self._opcode = opcode
        else:
            raise BrokenPeer(f"websocket opcode 0x{opcode:x} where a continuation or a known opcode was due")
        self._fragments.append(payload)
        if first & _FINAL:
            messages.append((self._opcode, b"".join(self._fragments)))
            self._fragments.clear()


def upgrade_request(host: str, port: int, path: str) -> bytes:
    """Return a client's upgrade; the key is fixed, because nothing here is secret."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def split_head(data: bytes) -> tuple[bytes, bytes] | None:
    """Return an HTTP head and the bytes after it, or None while it is incomplete.

    Raises:
        BrokenPeer: the head does not end within ``MAX_UPGRADE_BYTES``.
    """
    head, blank, rest = data.partition(b"\r\n\r\n")
    if blank:
        return head, rest
    if len(data) > MAX_UPGRADE_BYTES:
        raise BrokenPeer(f"websocket upgrade of more than {MAX_UPGRADE_BYTES} bytes without an end")
    return None


def accept_upgrade(head: bytes, path: str) -> bytes:
    """Return the server's answer to a client's upgrade of ``path`` (a query may follow it).

    Raises:
        BrokenPeer: another path, or no key.
    """
    lines = head.split(b"\r\n")
    target = lines[0].split(b" ")[1:2]
    if not target or target[0].partition(b"?")[0] != path.encode():
        raise BrokenPeer(f"websocket upgrade {lines[0][:120]!r}; {path} was wanted")
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"sec-websocket-key":
            accept = base64.b64encode(hashlib.sha1(value.strip() + _ACCEPT_GUID, usedforsecurity=False).digest())
            return (
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
    raise BrokenPeer(f"websocket upgrade of {path} without Sec-WebSocket-Key")


def check_upgraded(head: bytes) -> None:
    """Check that a server took the upgrade.

    Raises:
        BrokenPeer: it answered anything but 101.
    """
    status = head.split(b"\r\n", 1)[0]
    if not status.startswith(b"HTTP/1.1 101"):
        raise BrokenPeer(f"websocket upgrade answered with {status[:120]!r}; 101 was wanted")
