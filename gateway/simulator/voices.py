"""Giving a script its voice, before the call begins: every word is sound when the caller dials.

Speech synthesis and files block, so :func:`render` belongs into a thread; nothing is synthesised during a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np

from gateway.audio.resample import resample
from gateway.audio.wav import read_wav
from gateway.errors import SpeechError
from gateway.simulator.line import Line
from gateway.simulator.script import PlayFile, Say, Script

RATE_HZ: Final = 8000
_VOICE_RATE_HZ: Final = 24000
AUDIBLE: Final = 10 ** (-45 / 20) * 32767
"""Samples from here on are sound: -45 dBFS, far above mu-law's own noise and far below speech."""


class SpokenAudio(Protocol):
    """What a voice gives back."""

    @property
    def pcm(self) -> bytes:
        """PCM16, mono, at the rate asked for."""
        ...


class SpeechSource(Protocol):
    """Something that speaks: ``gateway.speech.voice.Voice``, or a test's own."""

    def speak(
        self, text: str, *, language: str = "en", voice: str | None = None, rate_hz: int = 24000, speed: float = 1.0
    ) -> SpokenAudio:
        """Return ``text`` as sound. May block."""
        ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """A script's sound: PCM16, 8000 Hz, mono."""

    utterances: Mapping[int, bytes] = field(default_factory=dict)
    """By the step's index."""
    second_voice: bytes = b""


def render(script: Script, line: Line, voice: SpeechSource | None) -> Rendered:
    """Return what the script's caller and the line's second voice will say.

    Args:
        script: the caller.
        line: the line that the call will have.
        voice: who speaks; None takes the local voice, and only if there is something to say.

    Raises:
        SpeechError: the local voice is missing or failed.
        ConfigurationError: a WAV file is none.
        OSError: a WAV file can't be read.

    """
    utterances: dict[int, bytes] = {}
    speaks = bool(line.second_voice) or any(isinstance(step, Say) for step in script.steps)
    source = voice or (_local_voice() if speaks else None)
    for index, step in enumerate(script.steps):
        match step:
            case Say():
                assert source is not None
                utterances[index] = _spoken(source, step, script)
            case PlayFile():
                channels, rate_hz = read_wav(step.path)
                utterances[index] = resample(channels[0], rate_hz, RATE_HZ)
    if not line.second_voice:
        return Rendered(utterances)
    assert source is not None
    beside = Say(line.second_voice, voice="echo" if voice is None else None)
    pause = bytes(RATE_HZ)  # half a second of PCM16 between two rounds
    return Rendered(utterances, _spoken(source, beside, script) + pause)


def audible_samples(pcm: bytes) -> tuple[int, int]:
    """Return the first audible sample of PCM16 and one past the last; (0, 0) for silence."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) >= AUDIBLE)
    return (int(loud[0]), int(loud[-1]) + 1) if loud.size else (0, 0)


def audible_spans(pcm: bytes, bridge_ms: float = 400.0) -> list[tuple[float, float]]:
    """Return the stretches of sound in PCM16 at 8000 Hz as (start, stop) in milliseconds.

    Silences shorter than ``bridge_ms`` belong to the sound around them.
    """
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) >= AUDIBLE)
    if not loud.size:
        return []
    breaks = np.flatnonzero(np.diff(loud) > bridge_ms * RATE_HZ / 1000)
    starts = np.concatenate([loud[:1], loud[breaks + 1]])
    stops = np.concatenate([loud[breaks], loud[-1:]]) + 1
    scale = 1000 / RATE_HZ
    return [(float(start) * scale, float(stop) * scale) for start, stop in zip(starts, stops, strict=True)]


def _spoken(source: SpeechSource, say: Say, script: Script) -> bytes:
    spoken = source.speak(
        say.text,
        language=say.language or script.language,
        voice=say.voice or script.voice,
        rate_hz=_VOICE_RATE_HZ,
        speed=say.speed * script.speed,
    )
    return resample(spoken.pcm, _VOICE_RATE_HZ, RATE_HZ)


def _local_voice() -> SpeechSource:
    try:
        from gateway.speech.voice import Voice
    except ImportError as error:
        raise SpeechError(
            f"the caller has words to say and there is no local voice ({error}): install the extra 'offline', "
            "or let the script play WAV files"
        ) from error
    return Voice()
