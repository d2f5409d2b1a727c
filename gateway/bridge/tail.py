"""The caller's latest audio, kept so that a new session can hear it: an onset, an utterance, or all of a gap.

Places are milliseconds of the audio that the present session was given, as in ``SpeechStarted.audio_ms``. As long as
nobody speaks only the last moment is kept: turn detection tells of an onset when it is already over.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from gateway.audio.format import AudioFrame

ONSET_MS: Final = 600
"""How late turn detection may tell that somebody began to speak, the network's delay included."""
GAP_AT_MOST_MS: Final = 5000
"""What is kept of a time without a session."""
UTTERANCE_AT_MOST_MS: Final = 15_000
"""What is kept of speech that the model has not taken in; its beginning is dropped first."""


class Tail:
    """The end of one call's audio from the caller, frame by frame, untouched."""

    def __init__(self) -> None:
        self._frames: deque[tuple[AudioFrame, float]] = deque()
        """Each with its length in milliseconds, which is asked for on the audio path."""
        self._kept_ms = 0.0
        self._end_ms = 0.0
        self._bound_ms: float = GAP_AT_MOST_MS
        self._gap = True
        self._utterance = False
        self.lost_ms = 0.0
        """Audio of gaps that was dropped and that no session will ever hear."""

    def push(self, frame: AudioFrame) -> None:
        """Take the next frame; what has become too old is dropped."""
        frames, length_ms = self._frames, frame.duration_ms
        frames.append((frame, length_ms))
        self._end_ms += length_ms
        self._kept_ms += length_ms
        while self._kept_ms - frames[0][1] >= self._bound_ms:
            self._drop()

    def _drop(self) -> None:
        length_ms = self._frames.popleft()[1]
        self._kept_ms -= length_ms
        if self._gap:
            self.lost_ms += length_ms

    def keep_from(self, audio_ms: float) -> None:
        """Speech began there: keep it until :meth:`let_go`, whatever comes."""
        if not self._utterance:
            self._drop_before(audio_ms)
            self._utterance = True
            self._bound()

    def let_go(self, until_ms: float) -> None:
        """The model has taken in all speech up to there: it need not be heard again."""
        self._utterance = False
        self._drop_before(until_ms)
        self._bound()

    def gap_begins(self) -> None:
        """There is no session from now on: nobody hears what follows, so it is kept."""
        self._gap = True
        self._bound()

    def take(self) -> list[AudioFrame]:
        """Return what a new session is to hear first; its places count from the beginning of that.

        It is still kept: the new session may be lost before it has made anything of it.
        """
        self._gap = False
        self._end_ms = self._kept_ms
        frames = [frame for frame, _ in self._frames]
        self._bound()
        return frames

    @property
    def kept_ms(self) -> float:
        """How much is kept, in milliseconds."""
        return self._kept_ms

    def _bound(self) -> None:
        """Set the bound; what is too old by a new one goes with the next frame."""
        if self._utterance:
            self._bound_ms = UTTERANCE_AT_MOST_MS
        else:
            self._bound_ms = GAP_AT_MOST_MS if self._gap else ONSET_MS

    def _drop_before(self, audio_ms: float) -> None:
        start_ms = self._end_ms - self._kept_ms
        while self._frames and start_ms + self._frames[0][1] <= audio_ms:
            length_ms = self._frames.popleft()[1]
            start_ms += length_ms
            self._kept_ms -= length_ms
