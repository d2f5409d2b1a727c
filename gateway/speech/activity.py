"""When somebody speaks and when they have stopped: endpointing over WebRTC's voice activity detector, without I/O.

The input is decimated to 8 kHz, cut into 20 ms windows, and a window counts as speech when two judges agree: the WebRTC
detector, and a level above an adaptive noise floor. Each is fooled by what the other sees through: the detector by
clicks, hum and its own hangover, the level by loud noise. Speech then starts with 4 such windows of 6 (so a click of up
to 60 ms starts nothing) and ends with ``silence_duration_ms`` in which no two windows of three are speech.

The clock is the samples pushed, so results do not depend on how the input was cut, nor on when it came.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from gateway.audio.resample import Resampler
from gateway.speech.engines import engine

WINDOW_MS: Final = 20
"""What is judged at once, milliseconds."""
RATES_HZ: Final = (8000, 16000, 24000, 48000)
_VAD_HZ: Final = 8000
_WINDOW_BYTES: Final = _VAD_HZ * WINDOW_MS // 1000 * 2
_START_WINDOWS: Final = 6
_START_SPEECH: Final = 4
_HOLD_WINDOWS: Final = 3
_HOLD_SPEECH: Final = 2
_HYSTERESIS_DB: Final = 3.0
"""Somebody who already speaks may become so much softer."""
_FLOOR_WINDOWS: Final = 100
"""The noise floor is the softest of so many windows (2 s): speech dips between syllables, noise and hum do not."""
_TRUSTED_WINDOWS: Final = 10
"""A floor seen in fewer windows may be speech that was there from the first sample."""
_UNTRUSTED_FLOOR_DBFS: Final = -45.0
_NO_FLOOR_DBFS: Final = -60.0
_DIGITAL_SILENCE_DBFS: Final = -75.0
"""What lost packets and muted legs send; it says nothing about the line's noise."""


@dataclass(frozen=True, slots=True)
class Started:
    """Speech began at ``at_ms``: the prefix padding is already taken off; never before 0 or the previous stop."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """Speech is over at ``at_ms``: the silence that proved it is included."""

    at_ms: int


class Activity:
    """Turns one stream of caller audio into :class:`Started` and :class:`Stopped`, strictly in turn.

    Args:
        rate_hz: samples per second of what is pushed: 8000, 16000, 24000 or 48000.
        threshold: 0 (everything is speech) to 1 (only loud, clear speech is).
        prefix_padding_ms: how much before the first sound a start is reported.
        silence_duration_ms: how much silence ends speech.

    Raises:
        ValueError: a rate or setting is out of its range.
        SpeechError: the detector is not installed.
    """

    def __init__(
        self, rate_hz: int, *, threshold: float = 0.5, prefix_padding_ms: int = 300, silence_duration_ms: int = 500
    ) -> None:
        if rate_hz not in RATES_HZ:
            raise ValueError(f"voice activity: {rate_hz} Hz is not a rate it hears; one of {RATES_HZ} is wanted")
        self.rate_hz = rate_hz
        self._webrtcvad = engine("webrtcvad")
        self._detector: Any = self._webrtcvad.Vad(0)
        self._to_8k = Resampler(rate_hz, _VAD_HZ)
        self.configure(
            threshold=threshold, prefix_padding_ms=prefix_padding_ms, silence_duration_ms=silence_duration_ms
        )
        self.reset()

    @property
    def speaking(self) -> bool:
        """Whether a start was reported whose stop was not."""
        return self._speaking

    @property
    def now_ms(self) -> int:
        """How much audio has been judged so far, milliseconds; up to 20 ms less than was pushed."""
        return self._windows * WINDOW_MS

    def configure(
        self,
        *,
        threshold: float | None = None,
        prefix_padding_ms: int | None = None,
        silence_duration_ms: int | None = None,
    ) -> None:
        """Change settings from the next window on; what is left out stays as it is.

        Raises:
            ValueError: a setting is out of its range; nothing is changed then.
        """
        if threshold is not None and not 0.0 <= threshold <= 1.0:
            raise ValueError(f"threshold: {threshold} is out of range; 0.0 to 1.0 is wanted")
        for name, value in (("prefix_padding_ms", prefix_padding_ms), ("silence_duration_ms", silence_duration_ms)):
            if value is not None and value < 0:
                raise ValueError(f"{name}: {value} is negative; milliseconds from 0 are wanted")
        if threshold is not None:
            self._mode = min(3, int(threshold * 4))
            self._detector.set_mode(self._mode)
            self._margin_db = 4.0 + 10.0 * threshold
            self._faintest_dbfs = -62.0 + 20.0 * threshold
        if prefix_padding_ms is not None:
            self._padding_ms = prefix_padding_ms
        if silence_duration_ms is not None:
            self._silence_ms = silence_duration_ms

    def reset(self) -> None:
        """Start over as if new, with the settings kept: the clock is at 0 again and the noise floor forgotten."""
        self._detector = self._webrtcvad.Vad(self._mode)
        self._to_8k.reset()
        self._pending = b""
        self._windows = 0
        self._levels: deque[float] = deque(maxlen=_FLOOR_WINDOWS)
        self._speaking = False
        self._stopped_ms = 0
        self._recent: deque[bool] = deque(maxlen=_START_WINDOWS)
        self._last_speech_ms = 0

    def abandon(self) -> None:
        """Forget the stretch of speech under way, without a stop; the clock and the noise floor go on.

        The next start lies at or after this moment. For a cleared input buffer.
        """
        self._speaking = False
        self._stopped_ms = self.now_ms
        self._recent.clear()

    def push(self, pcm: bytes) -> list[Started | Stopped]:
        """Judge more audio and return what it settled, in order.

        Args:
            pcm: 16-bit signed little-endian, mono, ``rate_hz``; any length.
        """
        pending = self._pending + self._to_8k.push(pcm)
        events: list[Started | Stopped] = []
        at = 0
        while at + _WINDOW_BYTES <= len(pending):
            event = self._window(pending[at : at + _WINDOW_BYTES])
            if event is not None:
                events.append(event)
            at += _WINDOW_BYTES
        self._pending = pending[at:]
        return events

    def _window(self, window: bytes) -> Started | Stopped | None:
        start_ms = self.now_ms
        self._windows += 1
        speech = self._is_speech(window)
        self._recent.append(speech)
        if self._speaking:
            return self._while_speaking(speech)
        if sum(self._recent) < _START_SPEECH:
            return None
        first = len(self._recent) - 1 - list(self._recent).index(True)
        self._speaking = True
        self._last_speech_ms = self.now_ms
        return Started(max(self._stopped_ms, start_ms - first * WINDOW_MS - self._padding_ms, 0))

    def _while_speaking(self, speech: bool) -> Stopped | None:
        held = list(self._recent)[-_HOLD_WINDOWS:]
        if speech and sum(held) >= _HOLD_SPEECH:
            self._last_speech_ms = self.now_ms
        if speech or self.now_ms - self._last_speech_ms < self._silence_ms:
            return None
        self._speaking = False
        self._recent.clear()
        self._stopped_ms = self.now_ms
        return Stopped(self.now_ms)

    def _is_speech(self, window: bytes) -> bool:
        level = _level_dbfs(window)
        voiced = bool(self._detector.is_speech(window, _VAD_HZ))
        margin = self._margin_db - (_HYSTERESIS_DB if self._speaking else 0.0)
        if level > _DIGITAL_SILENCE_DBFS:
            self._levels.append(level)
        return voiced and level > max(self._floor_dbfs() + margin, self._faintest_dbfs)

    def _floor_dbfs(self) -> float:
        if not self._levels:
            return _NO_FLOOR_DBFS
        floor = min(self._levels)
        return floor if len(self._levels) >= _TRUSTED_WINDOWS else min(floor, _UNTRUSTED_FLOOR_DBFS)


def _level_dbfs(window: bytes) -> float:
    samples = np.frombuffer(window, "<i2").astype(np.float32)
    samples -= samples.mean()  # a carrier's DC offset is no sound
    return 10.0 * math.log10(float(np.dot(samples, samples)) / samples.size / 32768.0**2 + 1e-12)
