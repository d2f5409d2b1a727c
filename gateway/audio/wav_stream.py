"""A WAV file that is still arriving: bytes in, PCM16 of each channel out, as soon as it can be had.

Any common width is read: PCM of 8, 16, 24 and 32 bits, float of 32 and 64, both G.711 laws; plain, extensible and RF64
headers, and sizes that their writer did not know yet. Nothing is kept but a header and less than one sample.

Source: RIFF/WAVE, Microsoft Multimedia Programming Interface 1.0 (1991); WAVE_FORMAT_EXTENSIBLE, ``mmreg.h``; EBU Tech
3306 (RF64).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from gateway.audio import g711
from gateway.errors import GatewayError

_PCM: Final = 0x0001
_FLOAT: Final = 0x0003
_ALAW: Final = 0x0006
_ULAW: Final = 0x0007
_EXTENSIBLE: Final = 0xFFFE
_NAMES: Final[Mapping[int, str]] = {0x0002: "ADPCM", 0x0055: "MP3", 0x0011: "IMA ADPCM", 0x0031: "GSM"}
_CONVERT: Final = "convert it with `ffmpeg -i IN -c:a pcm_s16le OUT.wav`"

LOWEST_HZ: Final = 4_000
HIGHEST_HZ: Final = 192_000
_UNKNOWN_SIZE: Final = 0xFFFFFFFF
_LONGEST_HEADER: Final = 1 << 20
"""Bytes before the sound: pictures and tags are allowed, but no file that never comes to the point."""
_HEADER: Final = struct.Struct("<4sI4s4sIHHIIHH4sI")


class WavError(GatewayError):
    """The bytes are no WAV file that can be read; the message says what they are and what to do."""


def wav_header(rate_hz: int, size_bytes: int | None) -> bytes:
    """Return the header of a mono PCM16 file; ``size_bytes`` of its sound is None while nobody knows it."""
    data_bytes = _UNKNOWN_SIZE if size_bytes is None else size_bytes
    riff_bytes = _UNKNOWN_SIZE if size_bytes is None else _HEADER.size - 8 + size_bytes
    return _HEADER.pack(
        b"RIFF", riff_bytes, b"WAVE",
        b"fmt ", 16, _PCM, 1, rate_hz, rate_hz * 2, 2, 16,
        b"data", data_bytes,
    )  # fmt: skip


class WavStream:
    """Reads one file. ``rate_hz`` and ``channels`` are 0 until its header has been read."""

    def __init__(self) -> None:
        self.rate_hz = 0
        self.channels = 0
        self._held = b""
        self._header_bytes = 0
        self._decode: Callable[[bytes], bytes] | None = None
        self._sample_bytes = 0
        self._left: int | None = None
        """Bytes of sound that are still to come; None if the file does not say."""
        self._big_size: int | None = None
        self._in_data = False
        self._began = False
        self._skip = 0

    @property
    def started(self) -> bool:
        """Whether the header is read and sound follows."""
        return self._in_data

    def push(self, data: bytes) -> list[bytes]:
        """Return PCM16, 16-bit signed little-endian, for each channel, as far as it came; nothing before the sound.

        What stands behind the sound is passed over.

        Raises:
            WavError: this is no WAV file, or written in a way not read here.

        """
        self._held += data
        if not self._in_data and not self._read_header():
            return []
        return self._sound()

    def finish(self) -> None:
        """Take the end of the bytes; a file that is cut short, because its writer died, gives what is there.

        Raises:
            WavError: it ended before its sound began.

        """
        if not self._in_data:
            found = "it is empty" if not (self._held or self._began) else "it ends before its sound begins"
            raise WavError(f"the WAV file is not whole: {found}; send the file again")

    # --- the header ------------------------------------------------------------------------------------------------

    def _read_header(self) -> bool:
        while not self._in_data:
            before = len(self._held)
            ready = self._read_part()
            self._header_bytes += before - len(self._held)
            if self._header_bytes + min(len(self._held), 16) > _LONGEST_HEADER:
                raise WavError(f"there is no sound in the first {_LONGEST_HEADER} bytes; {_CONVERT}")
            if not ready:
                return False
        return True

    def _read_part(self) -> bool:
        """Read one part of the header; false when more bytes are wanted for it."""
        if self._skip:
            passed = min(self._skip, len(self._held))
            self._held, self._skip = self._held[passed:], self._skip - passed
            return not self._skip
        if not self._began:
            return self._read_beginning()
        if len(self._held) < 8:
            return False
        name, size = struct.unpack_from("<4sI", self._held)
        if name == b"data":
            self._held = self._held[8:]
            self._begin_data(size)
            return True
        if name in {b"fmt ", b"ds64"}:
            if size > 4096:
                raise WavError(f"a {name.decode().strip()!r} chunk of {size} bytes is damaged; {_CONVERT}")
            if len(self._held) < 8 + size:
                return False
            body = self._held[8 : 8 + size]
            if name == b"fmt ":
                self._read_layout(body)
            elif size >= 16:
                self._big_size = struct.unpack_from("<Q", body, 8)[0]
        self._held = self._held[8:]
        self._skip = size + size % 2  # chunks are padded to an even length
        return True

    def _read_beginning(self) -> bool:
        if len(self._held) < 12:
            if self._held and not b"RIFF".startswith(self._held[:4]) and not b"RF64".startswith(self._held[:4]):
                raise self._no_wav()
            return False
        if self._held[:4] not in {b"RIFF", b"RF64"} or self._held[8:12] != b"WAVE":
            raise self._no_wav()
        self._began, self._held = True, self._held[12:]
        return True

    def _no_wav(self) -> WavError:
        return WavError(f"this is no WAV file: it starts with {self._held[:4]!r}, wanted RIFF … WAVE; {_CONVERT}")

    def _read_layout(self, body: bytes) -> None:
        if len(body) < 16:
            raise WavError(f"the 'fmt ' chunk has {len(body)} bytes, wanted at least 16; {_CONVERT}")
        tag, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", body)
        if tag == _EXTENSIBLE and len(body) >= 26:
            tag = struct.unpack_from("<H", body, 24)[0]  # the first field of the sub-format's GUID is the plain tag
        decode = _DECODERS.get((tag, bits))
        if decode is None:
            what = "float" if tag == _FLOAT else "PCM" if tag == _PCM else _NAMES.get(tag, f"format 0x{tag:04x}")
            raise WavError(f"{bits}-bit {what} is not read here; {_CONVERT}")
        if channels < 1 or not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
            raise WavError(
                f"{channels} channels at {rate_hz} Hz; wanted at least one, at {LOWEST_HZ} to {HIGHEST_HZ} Hz; "
                f"{_CONVERT}"
            )
        self.rate_hz, self.channels = rate_hz, channels
        self._decode, self._sample_bytes = decode, channels * bits // 8

    def _begin_data(self, size: int) -> None:
        if self._decode is None:
            raise WavError(f"the sound comes before its 'fmt ' chunk; {_CONVERT}")
        self._in_data = True
        if size == _UNKNOWN_SIZE:
            self._left = self._big_size or None
        else:
            self._left = size or None  # a writer that could not go back leaves 0

    # --- the sound -------------------------------------------------------------------------------------------------

    def _sound(self) -> list[bytes]:
        if self._left == 0:
            self._held = b""  # tags behind the sound
            return []
        most = len(self._held) if self._left is None else min(len(self._held), self._left)
        whole = most - most % self._sample_bytes
        raw, self._held = self._held[:whole], self._held[whole:]
        if self._left is not None:
            self._left -= whole
            if self._left < self._sample_bytes:
                self._left, self._held = 0, b""
        if not raw:
            return []
        assert self._decode is not None
        pcm = self._decode(raw)
        if self.channels == 1:
            return [pcm]
        samples = np.frombuffer(pcm, "<i2").reshape(-1, self.channels)
        return [samples[:, channel].tobytes() for channel in range(self.channels)]


def _from_8_bits(raw: bytes) -> bytes:
    return ((np.frombuffer(raw, np.uint8).astype(np.int16) - 128) * 256).astype("<i2").tobytes()


def _from_24_bits(raw: bytes) -> bytes:
    upper: bytes = np.frombuffer(raw, np.uint8).reshape(-1, 3)[:, 1:].tobytes()
    return upper


def _from_32_bits(raw: bytes) -> bytes:
    upper: bytes = (np.frombuffer(raw, "<i4") >> 16).astype("<i2").tobytes()
    return upper


def _from_floats(kind: str) -> Callable[[bytes], bytes]:
    def decode(raw: bytes) -> bytes:
        samples = np.nan_to_num(np.frombuffer(raw, kind), nan=0.0, posinf=1.0, neginf=-1.0)
        pcm: bytes = np.rint(np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
        return pcm

    return decode


_DECODERS: Final[Mapping[tuple[int, int], Callable[[bytes], bytes]]] = {
    (_PCM, 8): _from_8_bits,
    (_PCM, 16): bytes,
    (_PCM, 24): _from_24_bits,
    (_PCM, 32): _from_32_bits,
    (_FLOAT, 32): _from_floats("<f4"),
    (_FLOAT, 64): _from_floats("<f8"),
    (_ULAW, 8): g711.decode_ulaw,
    (_ALAW, 8): g711.decode_alaw,
}
