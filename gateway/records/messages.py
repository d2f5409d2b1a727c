"""Messages that callers leave: one WAV file each, beside the calls, swept like them.

    data_dir/messages/2026-11-20/<call_id>-<n>.wav

Blocks: callers on the event loop go through a thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from gateway.audio.format import AudioFormat, AudioFrame, Encoding
from gateway.audio.transcode import Transcoder
from gateway.audio.wav import write_wav

RATE_HZ: Final = 8000


def write_message(folder: Path, call_id: str, frames: Sequence[AudioFrame], at_s: float) -> tuple[Path, int]:
    """Write a message and return where it is, and how many milliseconds it lasts.

    Raises:
        OSError: the disk would not take it.

    """
    day = folder / datetime.fromtimestamp(at_s, UTC).date().isoformat()
    day.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = next(path for number in range(1, 1000) if not (path := day / f"{call_id}-{number}.wav").exists())
    pcm = _pcm(frames)
    half = path.with_suffix(".part")
    write_wav(half, [pcm], RATE_HZ)
    half.chmod(0o600)
    half.replace(path)  # a message that is there is whole
    return path, len(pcm) * 1000 // (2 * RATE_HZ)


def _pcm(frames: Sequence[AudioFrame]) -> bytes:
    if not frames:
        return b""
    transcoder = Transcoder(frames[0].format, AudioFormat(Encoding.PCM16, RATE_HZ))
    return b"".join(transcoder.push(frame.raw) for frame in frames) + transcoder.flush()
