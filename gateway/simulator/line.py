"""What a telephone line does to a caller's voice: level, a second voice, echo of the agent, noise, clipping, loss.

Sans-IO, 20 ms at a time: PCM16, 8000 Hz, mono, 320 bytes. Everything random comes from a seed, so that a bad call can
be placed again. The order is the line's own: voices meet in the room, the microphone adds echo and noise, the
amplifier clips, the network loses whole frames, which the carrier fills with silence.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

_RATE_HZ: Final = 8000
FRAME_PCM_BYTES: Final = 320
"""20 ms of PCM16 at 8000 Hz."""
_FULL_SCALE: Final = 32767.0
_SINE_RMS: Final = 2.0**-0.5
"""Levels count as in ``gateway.audio.level``: 0 dBFS is a sine that just fills the range."""
_LONGEST_ECHO_MS: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The conditions of one line; ``Line()`` is a perfect one.

    Levels are dB relative to full scale (dBFS) where absolute and dB where relative.

    Raises:
        ValueError: a value that no line can have; the message names it.

    """

    level_db: float = 0.0
    """Gain of the caller's voice."""
    noise_dbfs: float | None = None
    """Level of white noise; -30 is a bad mobile, None is none."""
    clip_dbfs: float | None = None
    """Samples are cut off at this level; None: at full scale."""
    loss_percent: float = 0.0
    """Frames lost at random."""
    loss_pattern: tuple[bool, ...] = ()
    """Frames that get through, over and over; both kinds of loss add up."""
    second_voice: str = ""
    """A text that somebody beside the caller says, over and over."""
    second_voice_db: float = -12.0
    echo_loss_db: float | None = None
    """How much weaker the agent's voice comes back; None: it doesn't."""
    echo_delay_ms: int = 120
    seed: int = 1

    def __post_init__(self) -> None:
        wanted = {
            "noise_dbfs": self.noise_dbfs is None or -120 <= self.noise_dbfs <= 0,
            "clip_dbfs": self.clip_dbfs is None or -60 <= self.clip_dbfs <= 0,
            "loss_percent": 0 <= self.loss_percent <= 100,
            "echo_loss_db": self.echo_loss_db is None or 0 <= self.echo_loss_db <= 120,
            "echo_delay_ms": 0 <= self.echo_delay_ms <= _LONGEST_ECHO_MS,
            "level_db": -60 <= self.level_db <= 60,
        }
        for name, holds in wanted.items():
            if not holds:
                raise ValueError(f"line: {name} is {getattr(self, name)}, out of any line's range")


_PERFECT: Final = Line()


class LineConditions:
    """One call's line at work.

    Args:
        line: its conditions.
        second_voice_pcm: what the second voice says, PCM16 at 8000 Hz; heard over and over.

    """

    __slots__ = ("_clip", "_echo", "_frame", "_line", "_perfect", "_random", "_second", "_second_at")

    def __init__(self, line: Line, second_voice_pcm: bytes = b"") -> None:
        self._line = line
        self._random = np.random.default_rng(line.seed)
        self._second = _samples(second_voice_pcm) * _gain(line.second_voice_db)
        self._second_at = 0
        self._echo = np.zeros(line.echo_delay_ms * _RATE_HZ // 1000)
        self._clip = _FULL_SCALE * _gain(line.clip_dbfs or 0.0)
        self._frame = 0
        self._perfect = replace(line, seed=_PERFECT.seed) == _PERFECT

    def carry(self, caller_pcm: bytes, agent_pcm: bytes = b"") -> bytes:
        """Return what the carrier gets of 20 ms of the caller.

        Args:
            caller_pcm: the caller's own voice, or silence; 320 bytes.
            agent_pcm: what the caller's ear got meanwhile, as the source of echo; 320 bytes, or none for silence.

        Raises:
            ValueError: a frame of another length.

        """
        for name, pcm in (("caller_pcm", caller_pcm), ("agent_pcm", agent_pcm or caller_pcm)):
            if len(pcm) != FRAME_PCM_BYTES:
                raise ValueError(f"line: {name} has {len(pcm)} bytes, wanted {FRAME_PCM_BYTES}")
        line = self._line
        echo = self._echoed(agent_pcm)
        lost = self._lost()
        if self._perfect:
            return caller_pcm
        sound = _samples(caller_pcm) * _gain(line.level_db) + self._beside(FRAME_PCM_BYTES // 2) + echo
        if line.noise_dbfs is not None:
            sound += self._random.normal(0.0, _FULL_SCALE * _SINE_RMS * _gain(line.noise_dbfs), sound.size)
        if lost:
            return bytes(FRAME_PCM_BYTES)
        bounded = np.clip(np.rint(sound), -self._clip, self._clip)
        return bounded.astype("<i2").tobytes()

    def _lost(self) -> bool:
        line, frame = self._line, self._frame
        self._frame += 1
        by_chance = line.loss_percent > 0 and self._random.random() * 100 < line.loss_percent
        by_pattern = bool(line.loss_pattern) and not line.loss_pattern[frame % len(line.loss_pattern)]
        return by_chance or by_pattern

    def _beside(self, count: int) -> npt.NDArray[np.float64]:
        if not self._second.size:
            return np.zeros(count)
        places = np.arange(self._second_at, self._second_at + count) % self._second.size
        self._second_at = int((self._second_at + count) % self._second.size)
        return self._second[places]

    def _echoed(self, agent_pcm: bytes) -> npt.NDArray[np.float64]:
        count = FRAME_PCM_BYTES // 2
        if self._line.echo_loss_db is None:
            return np.zeros(count)
        fresh = _samples(agent_pcm) if agent_pcm else np.zeros(count)
        delayed = np.concatenate([self._echo, fresh])
        self._echo = delayed[count:]
        return delayed[:count] * _gain(-self._line.echo_loss_db)


def _samples(pcm: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(pcm, "<i2").astype(np.float64)


def _gain(db: float) -> float:
    return float(10.0 ** (db / 20.0))
