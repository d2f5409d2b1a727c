"""Recordings at rest: a file that only the holder of a key can read, and that cannot be changed unnoticed.

    header   "2BREC001" · 16 bytes that name the file · 8 bytes that name the key
    chunks   12 bytes nonce · up to 16384 bytes, encrypted · 16 bytes tag      all but the last one full

Each chunk is sealed with AES-256-GCM under a nonce of its own, made anew whenever the chunk is written again; the
file's name and the chunk's place are authenticated with it, so chunks can't be moved within or between files. What is
inside is a WAV file, whose header says how long it is, so a file that was cut short is noticed, too. A 256-bit key and
random nonces bear 2^32 chunks, which are years of calls; the key is changed by giving another one, and old recordings
are read with the key that their header names.

Source: NIST SP 800-38D section 8.2.2 (random nonces); ``cryptography`` does the sealing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import os
import shlex
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.audio.wav import parse_wav
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from gateway.settings.records import EncryptionSettings

MAGIC: Final = b"2BREC001"
SUFFIX: Final = ".sealed"
"""Of a sealed recording's file, in place of ``.wav``."""
CHUNK: Final = 16384
"""Bytes of the WAV file in one chunk."""
KEY_BYTES: Final = 32
COMMAND_WITHIN_S: Final = 20.0
"""How long a key-management command may take."""
_NONCE: Final = 12
_TAG: Final = 16
_HEADER: Final = len(MAGIC) + 16 + 8
_SLOT: Final = _NONCE + CHUNK + _TAG


@dataclass(frozen=True, slots=True)
class Key:
    """A key of 32 bytes. It never shows."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ConfigurationError(
                f"records.encryption: a key has {KEY_BYTES} bytes; this one has {len(self.secret)}; "
                "make one with `openssl rand -base64 32`"
            )

    @property
    def name(self) -> bytes:
        """Eight bytes that tell keys apart and give nothing of them away."""
        return hashlib.sha256(b"name of a recording key" + self.secret).digest()[:8]


def load_key(settings: EncryptionSettings) -> Key:
    """Return the key that the settings name; runs the key-management command if that is what they name. Blocks.

    Raises:
        ConfigurationError: there is no such key, or the command failed; never shows what the command printed.

    """
    if settings.key is not None:
        return parse_key(settings.key.get_secret_value())
    assert settings.key_command is not None, "the settings want one of the two"
    words = shlex.split(settings.key_command)
    try:
        done = subprocess.run(words, capture_output=True, timeout=COMMAND_WITHIN_S, check=True)  # noqa: S603 - the operator's own command
    except FileNotFoundError:
        raise ConfigurationError(f"records.encryption.key_command: {words[0]!r} is not a program") from None
    except subprocess.CalledProcessError as error:
        raise ConfigurationError(
            f"records.encryption.key_command: ended with status {error.returncode}; run it by hand to see why"
        ) from None
    except subprocess.TimeoutExpired:
        raise ConfigurationError(
            f"records.encryption.key_command: gave no key within {COMMAND_WITHIN_S:g} s; run it by hand to see why"
        ) from None
    return parse_key(done.stdout.decode("ascii", "replace"))


def parse_key(text: str) -> Key:
    """Return a key that is written in base64 or in hexadecimal digits.

    Raises:
        ConfigurationError: it is written otherwise, or has another length.

    """
    text = text.strip()
    try:
        return Key(bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else base64.b64decode(text, validate=True))
    except (ValueError, binascii.Error):
        raise ConfigurationError(
            "records.encryption: the key is neither base64 nor hexadecimal; make one with `openssl rand -base64 32`"
        ) from None


class SealedFile(io.RawIOBase):
    """A sealed file as if it were a plain one: it is read, written and sought in plain bytes.

    Use :meth:`create` and :meth:`open_to_read`. Every write leaves a whole file behind.
    """

    def __init__(self, descriptor: int, key: Key, file_name: bytes, size: int) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._descriptor = descriptor
        self._cipher = AESGCM(key.secret)
        self._name = file_name
        self._size = size
        self._at = 0

    @classmethod
    def create(cls, path: Path, key: Key, mode: int = 0o600) -> SealedFile:
        """Make a file anew. Raises ``OSError`` if that can't be done."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
        os.fchmod(descriptor, mode)
        name = os.urandom(16)
        os.pwrite(descriptor, MAGIC + name + key.name, 0)
        return cls(descriptor, key, name, 0)

    @classmethod
    def open_to_read(cls, path: Path, key: Key) -> SealedFile:
        """Open a file.

        Raises:
            ConfigurationError: it is no sealed recording, or another key sealed it.
            OSError: it can't be read.

        """
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            header = os.pread(descriptor, _HEADER, 0)
            if len(header) < _HEADER or not header.startswith(MAGIC):
                raise ConfigurationError(f"{path}: not a sealed recording: it does not begin with {MAGIC.decode()}")
            if header[-8:] != key.name:
                raise ConfigurationError(
                    f"{path}: sealed with key {header[-8:].hex(' ', 2)}, given was {key.name.hex(' ', 2)}; "
                    "set records.encryption to the key of that time"
                )
            whole, rest = divmod(os.fstat(descriptor).st_size - _HEADER, _SLOT)
            return cls(descriptor, key, header[len(MAGIC) : -8], whole * CHUNK + max(0, rest - _NONCE - _TAG))
        except BaseException:
            os.close(descriptor)
            raise

    def readable(self) -> bool:
        """It can be read."""
        return True

    def writable(self) -> bool:
        """It can be written, if it was made to be."""
        return True

    def seekable(self) -> bool:
        """It can be sought in."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the plain bytes and return it."""
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return plain bytes from the present place on; fewer at the end.

        Raises:
            ConfigurationError: the file was changed since it was written.

        """
        end = self._size if size < 0 else min(self._size, self._at + size)
        parts = []
        while self._at < end:
            index, first = divmod(self._at, CHUNK)
            part = self._chunk(index)[first : first + end - self._at]
            parts.append(part)
            self._at += len(part)
        return b"".join(parts)

    def write(self, content: ReadableBuffer) -> int:
        """Put plain bytes at the present place; those that are there are replaced."""
        rest = memoryview(content).cast("B")
        written = len(rest)
        while rest:
            index, first = divmod(self._at, CHUNK)
            piece = rest[: CHUNK - first]
            chunk = bytearray(self._chunk(index))
            chunk[first : first + len(piece)] = piece
            self._seal(index, bytes(chunk))
            self._at += len(piece)
            self._size = max(self._size, self._at)
            rest = rest[len(piece) :]
        return written

    def close(self) -> None:
        """Let go of the file; closing twice does nothing."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()

    def _chunk(self, index: int) -> bytes:
        size = min(CHUNK, self._size - index * CHUNK)
        if size <= 0:
            return b""
        from cryptography.exceptions import InvalidTag

        slot = os.pread(self._descriptor, _NONCE + size + _TAG, _HEADER + index * _SLOT)
        try:
            return self._cipher.decrypt(slot[:_NONCE], slot[_NONCE:], self._place(index))
        except (InvalidTag, ValueError):
            raise ConfigurationError(
                f"a sealed recording was changed after it was written, or is damaged, in its chunk {index}"
            ) from None

    def _seal(self, index: int, chunk: bytes) -> None:
        nonce = os.urandom(_NONCE)
        slot = nonce + self._cipher.encrypt(nonce, chunk, self._place(index))
        rest, at = memoryview(slot), _HEADER + index * _SLOT
        while rest:  # a file system may take only a part
            done = os.pwrite(self._descriptor, rest, at)
            rest, at = rest[done:], at + done

    def _place(self, index: int) -> bytes:
        return self._name + index.to_bytes(8, "big")


def read_sealed(path: Path, key: Key) -> tuple[list[bytes], int]:
    """Return a sealed recording as :func:`gateway.audio.wav.read_wav` returns a plain one. Blocks.

    Raises:
        ConfigurationError: another key sealed it, or it was changed or cut short since.
        OSError: it can't be read.

    """
    content = plain_bytes(path, key)
    if len(content) >= 44 and int.from_bytes(content[40:44], "little") > len(content) - 44:
        raise ConfigurationError(f"{path}: a sealed recording that was cut short after it was written")
    return parse_wav(content, path)


def plain_bytes(path: Path, key: Key) -> bytes:
    """Return the WAV file that is in a sealed one. Blocks; raises as :func:`read_sealed` does."""
    with SealedFile.open_to_read(path, key) as file:
        return file.read()
