"""The prompt store: rendered prompts by the hash of what they say, in whose voice and language.

    data_dir/cache/prompts/<2 letters>/<hash>.wav     the sound, 16-bit mono
    data_dir/cache/prompts/<2 letters>/<hash>.json    what it says, and how that was verified

Only what was verified is here (:mod:`gateway.prompts.verify`): a rendering that said other words was never stored, so
whatever is found may be played as ``exact``. Files are read in threads, and what was read stays in memory, in the
format of the legs that asked.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import OrderedDict
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import structlog

from gateway.audio.format import AudioFormat, AudioFrame, Encoding
from gateway.audio.transcode import Transcoder
from gateway.audio.wav import read_wav, write_wav
from gateway.errors import ConfigurationError

log = structlog.get_logger()

KEPT_BYTES: Final = 32 * 1024 * 1024
"""Sound kept in memory: more than an hour of G.711."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a prompt is, as far as its sound depends on it."""

    text: str
    language: str
    voice: str
    """The voice's name; empty is the endpoint's own."""
    model: str
    """Whose voice that is: the same name sounds otherwise on another model."""

    @property
    def key(self) -> str:
        """The name under which its sound is kept."""
        whole = "\0".join(("1", self.model, self.language, self.voice, " ".join(self.text.split())))
        return hashlib.sha256(whole.encode()).hexdigest()[:40]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendering:
    """The paper beside a sound."""

    text: str
    language: str
    voice: str
    duration_ms: int
    transcript: str
    model: str
    """Who spoke it."""


class PromptStore:
    """The rendered prompts of one data directory.

    Args:
        folder: ``data_dir/cache/prompts``.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: OrderedDict[tuple[str, AudioFormat], AudioFrame | None] = OrderedDict()
        self._kept_bytes = 0

    def has(self, spoken: Spoken) -> bool:
        """Tell whether a prompt is there; looks at the disk."""
        return self._paths(spoken)[0].is_file()

    async def audio(self, spoken: Spoken, format: AudioFormat) -> AudioFrame | None:
        """Return a prompt's sound in a format; None if it was never rendered."""
        known = (spoken.key, format)
        if known in self._kept:
            self._kept.move_to_end(known)
            return self._kept[known]
        frame = await asyncio.to_thread(self._read, spoken, format)
        if frame is not None:
            self._kept[known] = frame
            self._kept_bytes += frame.size_bytes
            while self._kept_bytes > KEPT_BYTES:
                _, oldest = self._kept.popitem(last=False)
                self._kept_bytes -= oldest.size_bytes if oldest is not None else 0
        return frame

    def _read(self, spoken: Spoken, format: AudioFormat) -> AudioFrame | None:
        return recording(self._paths(spoken)[0], format)

    def add(self, spoken: Spoken, pcm: bytes, rate_hz: int, rendering: Rendering) -> None:
        """Keep a verified rendering: 16-bit mono samples. Blocks.

        Raises:
            OSError: it can't be written.

        """
        sound, paper = self._paths(spoken)
        sound.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        half = sound.with_suffix(".half")
        write_wav(half, [pcm], rate_hz)
        paper.write_text(json.dumps(asdict(rendering), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        half.replace(sound)  # last, and in one go: a sound that is there has its paper

    def paper(self, spoken: Spoken) -> Rendering | None:
        """Return what is known of a rendering; None if it is not there. Blocks."""
        try:
            return Rendering(**json.loads(self._paths(spoken)[1].read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def _paths(self, spoken: Spoken) -> tuple[Path, Path]:
        key = spoken.key
        place = self._folder / key[:2] / key
        return place.with_suffix(".wav"), place.with_suffix(".json")


def recording(path: Path, format: AudioFormat) -> AudioFrame | None:
    """Return the first channel of a WAV file in a format; None if there is none that can be read. Blocks."""
    try:
        channels, rate_hz = read_wav(path)
    except FileNotFoundError:
        return None
    except (OSError, ConfigurationError) as error:
        log.error("prompt_unreadable", path=str(path), why=str(error))
        return None
    return in_format(channels[0], rate_hz, format)


def in_format(pcm: bytes, rate_hz: int, format: AudioFormat) -> AudioFrame:
    """Return 16-bit mono samples in a format."""
    transcoder = Transcoder(AudioFormat(Encoding.PCM16, rate_hz), format)
    return AudioFrame(format, raw=transcoder.push(pcm) + transcoder.flush())
