"""The audio chain of one call, built once: what the leg speaks on one side, what the model takes on the other.

Equal formats pass through untouched, not one sample decoded. State is carried across frames, so that nothing is lost
or doubled between them.
"""

from __future__ import annotations

from typing import Final

from gateway.audio.format import AudioFormat, AudioFrame
from gateway.audio.framing import Framer
from gateway.audio.tones import silence
from gateway.audio.transcode import Transcoder

LOST_AT_MOST_MS: Final = 1000
"""The longest silence put in for one loss."""


class MediaChain:
    """Both directions of one call's audio.

    Args:
        from_caller: the leg's format towards us.
        to_model: what the model session was set up to take.
        from_model: what the model session was set up to give.
        to_caller: the leg's format towards the caller.
        append_ms: caller audio per message to the model, milliseconds.
        leg_frame_ms: what the leg usually brings at a time; appends of that length or less are not gathered.
    """

    def __init__(
        self,
        *,
        from_caller: AudioFormat,
        to_model: AudioFormat,
        from_model: AudioFormat,
        to_caller: AudioFormat,
        append_ms: int = 20,
        leg_frame_ms: int = 20,
    ) -> None:
        self.to_model_format = to_model
        self._append_bytes = to_model.size_bytes(append_ms) if append_ms > leg_frame_ms else 0
        self._up = Transcoder(from_caller, to_model)
        self._down = Transcoder(from_model, to_caller)
        self._from_caller = from_caller
        self._framer = Framer(self._append_bytes) if self._append_bytes else None
        self._appended_bytes = 0

    def begin_again(self) -> None:
        """Start anew towards the model: another session hears its first audio, and counts from there."""
        self._up = Transcoder(self._from_caller, self.to_model_format)
        self._framer = Framer(self._append_bytes) if self._append_bytes else None
        self._appended_bytes = 0
        self.cut()

    @property
    def passthrough(self) -> bool:
        """Whether audio goes through untouched both ways."""
        return self._up.passthrough and self._down.passthrough

    @property
    def appended_ms(self) -> float:
        """Milliseconds of caller audio handed on to the session in use; the model's own clock counts these."""
        return self.to_model_format.duration_ms(self._appended_bytes)

    def from_caller(self, frame: AudioFrame) -> list[AudioFrame]:
        """Return what to append to the model for a frame from the caller: usually one frame."""
        frame = self._up.frame(frame)
        if self._framer is None:
            self._appended_bytes += frame.size_bytes
            return [frame]
        whole = [AudioFrame(self.to_model_format, raw=raw) for raw in self._framer.push(frame.raw)]
        self._appended_bytes += sum(piece.size_bytes for piece in whole)
        return whole

    def silence(self, lost_ms: int) -> AudioFrame:
        """Return silence in place of caller audio that never arrived, so that the model's clock keeps time."""
        return AudioFrame(self._from_caller, raw=silence(self._from_caller, min(lost_ms, LOST_AT_MOST_MS)))

    def to_caller(self, frame: AudioFrame) -> AudioFrame:
        """Return the model's audio in the leg's format."""
        return self._down.frame(frame)

    def cut(self) -> None:
        """Forget the tail that the downward filter holds: what follows belongs to other speech."""
        self._down.flush()
