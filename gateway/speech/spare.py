"""The spare voice: what the caller hears when no model speaks any more.

With the extra ``offline`` the local voice says the very words; without it a shipped recording of a general apology is
better than silence. Rendering runs in a thread, and what was rendered once is kept.
"""

from __future__ import annotations

import asyncio
import importlib.resources
import io
import wave
from typing import Final

from gateway.audio.format import PCM16_8K, AudioFormat, AudioFrame, Encoding
from gateway.audio.transcode import Transcoder
from gateway.errors import SpeechError
from gateway.speech.voice import Voice

KEPT: Final = 64
"""Renderings kept per process; a minute of speech is half a megabyte."""
_RECORDED: Final = {"apology": "apology-en.wav"}


class SpareVoice:
    """Speech without a model, for apologies and for a disclosure that no model says exactly."""

    def __init__(self) -> None:
        self._voice = Voice()
        self._kept: dict[tuple[str, str, AudioFormat], AudioFrame] = {}

    async def render(self, text: str, purpose: str, language: str, format: AudioFormat) -> AudioFrame | None:
        """Return ``text`` as speech in ``format``; None if there is neither a voice nor a recording for ``purpose``."""
        key = (text, language, format)
        frame = self._kept.get(key)
        if frame is None:
            frame = await asyncio.to_thread(self._render, text, purpose, language, format)
            if frame is not None and len(self._kept) < KEPT:
                self._kept[key] = frame
        return frame

    def _render(self, text: str, purpose: str, language: str, format: AudioFormat) -> AudioFrame | None:
        try:
            pcm, rate_hz = self._voice.speak(text, language=language, rate_hz=8000).pcm, 8000
        except SpeechError:
            if purpose not in _RECORDED:
                return None
            pcm, rate_hz = _recording(_RECORDED[purpose])
        source = AudioFormat(Encoding.PCM16, rate_hz)
        transcoder = Transcoder(source, format)
        return AudioFrame(format, raw=transcoder.push(pcm) + transcoder.flush())


def _recording(name: str) -> tuple[bytes, int]:
    content = importlib.resources.files("gateway.speech").joinpath("recordings", name).read_bytes()
    with wave.open(io.BytesIO(content)) as recording:
        assert recording.getnchannels() == 1
        assert recording.getframerate() == PCM16_8K.rate_hz
        return recording.readframes(recording.getnframes()), recording.getframerate()
