"""WAV files: read PCM16 and G.711, write PCM16, and keep a growing file valid at every moment.

Blocking file work: callers on the event loop go through a thread. What is too new or too odd for this house (24-bit,
float, other codecs) is refused with a message that says how to convert the file.

Source: RIFF/WAVE, Microsoft Multimedia Programming Interface 1.0 (1991); WAVE_FORMAT_EXTENSIBLE, ``mmreg.h``.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from gateway.audio import g711
from gateway.errors import ConfigurationError

_PCM: Final = 0x0001
_ALAW: Final = 0x0006
_ULAW: Final = 0x0007
_EXTENSIBLE: Final = 0xFFFE

_NAMES: Final[Mapping[int, str]] = {_PCM: "PCM", 0x0002: "ADPCM", 0x0003: "float", _ALAW: "A-law", _ULAW: "mu-law"}
_DECODE: Final[Mapping[tuple[int, int], Callable[[bytes], bytes]]] = {
    (_PCM, 16): bytes,
    (_ALAW, 8): g711.decode_alaw,
    (_ULAW, 8): g711.decode_ulaw,
}
_WANTED: Final = "wanted 16-bit PCM, 8-bit mu-law or 8-bit A-law: convert it with `ffmpeg -i IN -c:a pcm_s16le OUT.wav`"

_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")
_RIFF_SIZE_AT: Final = 4
_DATA_SIZE_AT: Final = 40
_LARGEST_DATA: Final = 0xFFFFFFFF - _HEADER.size


def read_wav(path: str | os.PathLike[str]) -> tuple[list[bytes], int]:
    """Return PCM16 for each channel, and the rate in samples per second.

    A file whose header promises more than there is, because its writer died, gives what is there.

    Raises:
        ConfigurationError: not a WAV file, or written in a way not read here; says which and what to do.
        OSError: the file can't be read.

    """
    return parse_wav(Path(path).read_bytes(), path)


def parse_wav(content: bytes, path: str | os.PathLike[str]) -> tuple[list[bytes], int]:
    """Return what :func:`read_wav` does, of a file's content; ``path`` is what errors call it."""
    if len(content) < 12 or content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        found = "nothing" if not content else "a cut header" if content[:4] == b"RIFF" else repr(content[:4])
        raise ConfigurationError(f"{path}: not a WAV file: starts with {found}, wanted RIFF … WAVE")
    chunks = _chunks(content)
    if b"fmt " not in chunks or len(chunks[b"fmt "]) < 16:
        raise ConfigurationError(f"{path}: a WAV file without a whole 'fmt ' chunk; it is damaged, record it again")
    if b"data" not in chunks:
        raise ConfigurationError(f"{path}: a WAV file without a 'data' chunk; it is damaged, record it again")
    layout = chunks[b"fmt "]
    tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", layout)
    if tag == _EXTENSIBLE and len(layout) >= 26:
        tag = struct.unpack_from("<H", layout, 24)[0]  # the first field of the sub-format's GUID is the plain tag
    if (tag, bits) not in _DECODE:
        raise ConfigurationError(f"{path}: {bits}-bit {_NAMES.get(tag, f'format 0x{tag:04x}')}, {_WANTED}")
    if channels < 1 or rate_hz < 1:
        raise ConfigurationError(f"{path}: {channels} channels at {rate_hz} Hz, wanted at least one of each")
    data = chunks[b"data"]
    whole = len(data) - len(data) % (channels * bits // 8)
    return _apart(_DECODE[tag, bits](bytes(data[:whole])), channels), rate_hz


def write_wav(path: str | os.PathLike[str], channels: Sequence[bytes], rate_hz: int) -> None:
    """Write PCM16 channels of equal length as one file, in place of what was there.

    Raises:
        ValueError: no channels, or channels of different or odd lengths.
        OSError: the file can't be written.

    """
    lengths = {len(channel) for channel in channels}
    if len(lengths) != 1 or lengths.pop() % 2:
        raise ValueError(f"channels of one even length wanted; got {[len(channel) for channel in channels]} bytes")
    together = interleave(channels)
    Path(path).write_bytes(_header(rate_hz, len(channels), len(together)) + together)


def interleave(channels: Sequence[bytes]) -> bytes:
    """Return PCM16 channels of one length sample by sample, as a WAV file holds them."""
    if len(channels) == 1:
        return channels[0]
    return np.column_stack([np.frombuffer(channel, "<i2") for channel in channels]).tobytes()


class WavWriter:
    """A PCM16 WAV file that is valid after every :meth:`append`, also if the process dies between two.

    Samples are written before the header counts them, so that a reader sees all or less, never rubbish.

    Args:
        path: the file, made anew; what was there is gone.
        rate_hz: samples per second and channel.
        channels: how many; samples of all channels alternate.
        mode: permissions of a file that is made; recordings are for their owner's eyes.
        file: takes the bytes in the file's place, such as one that encrypts them; empty, and closed with the writer.

    Raises:
        OSError: the file can't be made or, later, written.

    """

    __slots__ = ("_file", "_size_bytes", "channels", "path", "rate_hz")

    def __init__(
        self,
        path: str | os.PathLike[str],
        rate_hz: int,
        channels: int,
        mode: int = 0o600,
        *,
        file: io.RawIOBase | None = None,
    ) -> None:
        self.path = Path(path)
        self.rate_hz = rate_hz
        self.channels = channels
        self._size_bytes = 0
        self._file = _private_file(self.path, mode) if file is None else file
        self._file.write(_header(rate_hz, channels, 0))

    @property
    def frames(self) -> int:
        """Samples per channel written so far."""
        return self._size_bytes // (2 * self.channels)

    def append(self, interleaved: bytes) -> None:
        """Add samples of all channels, alternating, and count them in the header.

        Raises:
            ValueError: not a whole number of samples of all channels, or the file would pass 4 GiB.

        """
        self._check(interleaved)
        size = self._size_bytes + len(interleaved)
        if size > _LARGEST_DATA:
            raise ValueError(f"{self.path}: a WAV file ends at 4 GiB; begin another one")
        self._write_at(_HEADER.size + self._size_bytes, interleaved)
        self._size_bytes = size
        self._write_at(_DATA_SIZE_AT, struct.pack("<I", size))
        self._write_at(_RIFF_SIZE_AT, struct.pack("<I", _HEADER.size - 8 + size))

    def read(self, first_frame: int, frames: int) -> bytes:
        """Return samples that were written before, of all channels, alternating; fewer at the end of the file."""
        step = 2 * self.channels
        stop = min(self._size_bytes, (first_frame + frames) * step)
        self._file.seek(_HEADER.size + first_frame * step)
        return self._file.read(max(0, stop - first_frame * step)) or b""

    def overwrite(self, first_frame: int, interleaved: bytes) -> None:
        """Replace samples that were written before, from ``first_frame`` on; what would lie past the end is left out.

        Raises:
            ValueError: ``first_frame`` is negative, or not a whole number of samples of all channels.

        """
        self._check(interleaved)
        if first_frame < 0:
            raise ValueError(f"{self.path}: the first frame is 0; got {first_frame}")
        start = first_frame * 2 * self.channels
        self._write_at(_HEADER.size + start, interleaved[: max(0, self._size_bytes - start)])

    def close(self) -> None:
        """Let go of the file; it is whole already. Closing twice does nothing."""
        self._file.close()

    def _check(self, interleaved: bytes) -> None:
        if len(interleaved) % (2 * self.channels):
            raise ValueError(f"{len(interleaved)} bytes are not whole samples of {self.channels} PCM16 channels")

    def _write_at(self, offset: int, content: bytes) -> None:
        rest = memoryview(content)
        self._file.seek(offset)
        while rest:  # an unbuffered file may take only a part
            rest = rest[self._file.write(rest) or 0 :]


def _private_file(path: Path, mode: int) -> io.RawIOBase:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    os.fchmod(descriptor, mode)  # a file that was there keeps its old mode otherwise
    return os.fdopen(descriptor, "r+b", buffering=0)


def _header(rate_hz: int, channels: int, data_bytes: int) -> bytes:
    step = 2 * channels
    return _HEADER.pack(
        b"RIFF", _HEADER.size - 8 + data_bytes, b"WAVE",
        b"fmt ", 16, _PCM, channels, rate_hz, rate_hz * step, step, 16,
        b"data", data_bytes,
    )  # fmt: skip


def _chunks(content: bytes) -> dict[bytes, memoryview]:
    """Return the first chunk of each name; one that is longer than the file ends with the file."""
    view = memoryview(content)
    found: dict[bytes, memoryview] = {}
    offset = 12
    while offset + 8 <= len(content):
        name, size = struct.unpack_from("<4sI", content, offset)
        found.setdefault(name, view[offset + 8 : offset + 8 + size])
        offset += 8 + size + size % 2  # chunks are padded to an even length
    return found


def _apart(pcm: bytes, channels: int) -> list[bytes]:
    if channels == 1:
        return [pcm]
    samples = np.frombuffer(pcm, "<i2").reshape(-1, channels)
    return [samples[:, channel].tobytes() for channel in range(channels)]
