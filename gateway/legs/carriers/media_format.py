"""Which audio a media stream may bring, by the MIME-like names that the carriers use for it.

16-bit linear audio is taken as little-endian: RFC 2586 says otherwise for ``audio/l16``, but the carriers that offer it
on a WebSocket are used that way round.
"""

from __future__ import annotations

from typing import Final

from gateway.audio.format import AudioFormat, Encoding

_ENCODINGS: Final = {
    "audio/x-mulaw": Encoding.PCMU,
    "audio/mulaw": Encoding.PCMU,
    "audio/pcmu": Encoding.PCMU,
    "audio/x-alaw": Encoding.PCMA,
    "audio/alaw": Encoding.PCMA,
    "audio/pcma": Encoding.PCMA,
    "audio/l16": Encoding.PCM16,
    "audio/x-l16": Encoding.PCM16,
}
_RATES_HZ: Final = {Encoding.PCMU: (8000,), Encoding.PCMA: (8000,), Encoding.PCM16: (8000, 16000, 24000)}


def audio_format(encoding_name: str, rate_hz: int, channels: int) -> AudioFormat:
    """Return the audio format that a carrier names.

    Raises:
        ValueError: it is none of ours; the text says what came and what is wanted.

    """
    encoding = _ENCODINGS.get(encoding_name.lower())
    if encoding is None or rate_hz not in _RATES_HZ[encoding] or channels != 1:
        raise ValueError(
            f"the media format {encoding_name[:40]!r} at {rate_hz} Hz in {channels} channels is not taken; "
            "wanted one channel of audio/x-mulaw or audio/x-alaw at 8000 Hz, or audio/l16 at 8000, 16000 or 24000 Hz"
        )
    return AudioFormat(encoding, rate_hz)
