"""The user's audio: what is buffered, and who has the floor.

Everything here is clocked by the bytes that came in, never by a wall clock: a client that appends faster than real time
gets the same turns at the same offsets. Offsets are milliseconds of all audio appended in this session.

``semantic_vad`` is approximated. There is no model of meaning here; eagerness becomes a silence: the more patient, the
longer the pause that ends a turn.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from gateway.audio.format import PCM16_8K, PCM16_24K, AudioFormat, Encoding
from gateway.audio.transcode import Transcoder
from gateway.offline.refusals import Refused
from gateway.offline.session_config import SemanticVad, ServerVad

EAGERNESS_SILENCE_MS: Final = {"high": 350, "medium": 700, "auto": 700, "low": 1400}
"""Pause that ends a turn under ``semantic_vad``, in milliseconds."""
MIN_COMMIT_MS: Final = 100
"""Less audio than this is not an item."""
MAX_BUFFER_MS: Final = 10 * 60 * 1000
"""Audio that may wait to be committed."""
NOTICED_LATE_MS: Final = 1000
"""Ears may notice a beginning this late; so much is kept besides the padding while nobody speaks."""


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The user took the floor at ``at_ms``; moved back by the padding."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The user gave the floor back at ``at_ms``; the deciding silence is included."""

    at_ms: int


TurnChange = SpeechBegan | SpeechEnded


@dataclass(frozen=True, slots=True)
class VadValues:
    """What ears are set to: loudness wanted (0 to 1), padding and silence in milliseconds."""

    threshold: float
    prefix_padding_ms: int
    silence_duration_ms: int


class VoiceActivity(Protocol):
    """Ears that notice speech in 16-bit linear audio; ``at_ms`` counts from the first sample pushed."""

    def push(self, pcm: bytes) -> list[TurnChange]:
        """Hear the next stretch."""
        ...

    def configure(self, values: VadValues) -> None:
        """Listen differently from now on; an open turn goes on."""
        ...

    def abandon(self) -> None:
        """Forget the open turn; no end of it is told."""
        ...


ActivityMaker = Callable[[int, VadValues], VoiceActivity]
"""Makes ears for a rate in Hertz."""


class LocalEars:
    """The house's own voice activity detector, in the words of this room. Loads its engine when made."""

    def __init__(self, rate_hz: int, values: VadValues) -> None:
        from gateway.speech.activity import Activity, Started

        self._started = Started
        self._activity = Activity(
            rate_hz,
            threshold=values.threshold,
            prefix_padding_ms=values.prefix_padding_ms,
            silence_duration_ms=values.silence_duration_ms,
        )

    def push(self, pcm: bytes) -> list[TurnChange]:
        """Hear the next stretch."""
        return [
            SpeechBegan(change.at_ms) if isinstance(change, self._started) else SpeechEnded(change.at_ms)
            for change in self._activity.push(pcm)
        ]

    def configure(self, values: VadValues) -> None:
        """Listen differently from now on."""
        self._activity.configure(
            threshold=values.threshold,
            prefix_padding_ms=values.prefix_padding_ms,
            silence_duration_ms=values.silence_duration_ms,
        )

    def abandon(self) -> None:
        """Forget the open turn."""
        self._activity.abandon()


class AudioDecoder(Protocol):
    """Turns one format into another, stretch by stretch; ``gateway.audio.transcode.Transcoder`` is one."""

    def push(self, raw: bytes) -> bytes:
        """Convert the next stretch."""
        ...


class InputAudioBuffer:
    """Buffers what a client appends and finds the turns in it.

    Args:
        format: what the client appends.
        detection: how turns are found; None leaves them to the client.
        make_activity: makes the ears.

    """

    def __init__(
        self, format: AudioFormat, detection: ServerVad | SemanticVad | None, make_activity: ActivityMaker = LocalEars
    ) -> None:
        self._make_activity = make_activity
        self._start_ms = 0.0
        self._audio = bytearray()
        self._format = format
        self._detection: ServerVad | SemanticVad | None = None
        self._activity: VoiceActivity | None = None
        self._to_pcm: AudioDecoder | None = None
        self._heard_from_ms = 0.0
        self.received_ms = 0.0
        """All audio appended in this session."""
        self.speaking = False
        """Whether a turn is open."""
        self.configure(format, detection)

    @property
    def buffered_ms(self) -> float:
        """Audio that waits, in milliseconds."""
        return self._format.duration_ms(len(self._audio))

    @property
    def format(self) -> AudioFormat:
        """What the client appends."""
        return self._format

    def configure(self, format: AudioFormat, detection: ServerVad | SemanticVad | None) -> None:
        """Take another format or way of finding turns.

        Audio that waits in another format is forgotten. Other values of turn detection leave an open turn open.
        """
        same_format = format == self._format
        if same_format and detection == self._detection:
            return
        if not same_format:
            self._forget()
            self._format = format
        self._detection = detection
        if detection is not None and same_format and self._activity is not None:
            self._activity.configure(vad_values(detection))
            return
        self.speaking = False
        self._activity = self._to_pcm = None
        if detection is not None:
            ear = PCM16_24K if format.encoding is Encoding.PCM16 else PCM16_8K
            self._to_pcm = decoder(format, ear)
            self._activity = self._make_activity(ear.rate_hz, vad_values(detection))
            self._heard_from_ms = self.received_ms

    def append(self, raw: bytes) -> list[TurnChange]:
        """Take the next stretch and return the turns that begin and end in it, at offsets within the session.

        Raises:
            Refused: too much waits already, or not whole samples.

        """
        if len(raw) % self._format.bytes_per_sample:
            raise Refused("invalid_value", f"{len(raw)} bytes are not whole samples of {self._format}", param="audio")
        if self.buffered_ms + self._format.duration_ms(len(raw)) > MAX_BUFFER_MS:
            message = f"more than {MAX_BUFFER_MS} ms of audio wait; commit or clear them"
            raise Refused("invalid_value", message, param="audio")
        self._audio += raw
        self.received_ms += self._format.duration_ms(len(raw))
        if self._activity is None:
            return []
        changes = [
            self._placed(change) for change in self._activity.push(self._to_pcm.push(raw) if self._to_pcm else raw)
        ]
        if changes:
            self.speaking = isinstance(changes[-1], SpeechBegan)
        elif not self.speaking and self._detection is not None:
            self._drop_before(self.received_ms - vad_values(self._detection).prefix_padding_ms - NOTICED_LATE_MS)
        return changes

    def take_turn(self, start_ms: int, end_ms: int) -> bytes:
        """Return the audio of a turn and forget it and all before it."""
        self._drop_before(start_ms)
        size = min(self._format.size_bytes(max(0.0, end_ms - self._start_ms)), len(self._audio))
        turn = bytes(self._audio[:size])
        self._drop_before(end_ms)
        return turn

    def take_all(self) -> bytes:
        """Return all that waits, for a commit by the client; an open turn ends with it.

        Raises:
            Refused: less than :data:`MIN_COMMIT_MS` wait.

        """
        if self.buffered_ms < MIN_COMMIT_MS:
            message = (
                f"error committing input audio buffer: buffer too small; expected at least {MIN_COMMIT_MS}ms of audio, "
                f"but it has {self.buffered_ms:.2f}ms"
            )
            raise Refused("input_audio_buffer_commit_empty", message)
        audio = bytes(self._audio)
        self.clear()
        return audio

    def clear(self) -> None:
        """Forget all that waits; an open turn ends without a trace."""
        self._forget()
        self.speaking = False
        if self._activity is not None:
            self._activity.abandon()

    def _forget(self) -> None:
        self._audio.clear()
        self._start_ms = self.received_ms

    def _placed(self, change: TurnChange) -> TurnChange:
        at_ms = round(self._heard_from_ms + change.at_ms)
        if isinstance(change, SpeechBegan):
            return SpeechBegan(max(at_ms, math.ceil(self._start_ms)))
        return SpeechEnded(min(at_ms, math.floor(self.received_ms)))

    def _drop_before(self, at_ms: float) -> None:
        size = min(self._format.size_bytes(max(0.0, at_ms - self._start_ms)), len(self._audio))
        del self._audio[:size]
        self._start_ms += self._format.duration_ms(size)


def vad_values(detection: ServerVad | SemanticVad) -> VadValues:
    """Return what ears are set to for a way of finding turns."""
    match detection:
        case ServerVad(threshold=threshold, prefix_padding_ms=padding_ms, silence_duration_ms=silence_ms):
            return VadValues(threshold, padding_ms, silence_ms)
        case SemanticVad(eagerness=eagerness):
            return VadValues(0.5, 300, EAGERNESS_SILENCE_MS[eagerness])


def decoder(source: AudioFormat, target: AudioFormat) -> AudioDecoder | None:
    """Return what turns ``source`` into ``target``, or None when they are the same."""
    return None if source == target else Transcoder(source, target)
