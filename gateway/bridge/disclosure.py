"""The disclosure: said before anything else, word for word, and not to be talked over.

A model is asked for it beside the conversation and its audio waits here until its transcript has been compared, word
by word; a slip is asked for once more. What the model can't say exactly, or in time, the local voice says. All other
speech waits behind it, so that nothing comes first. How much of it was heard goes into the record.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from gateway.audio.format import AudioFrame
from gateway.bridge.alarms import Alarms
from gateway.bridge.commands import Command, SpeakLocally
from gateway.bridge.responses import Purpose, Responses
from gateway.bridge.speaker import Speaker
from gateway.bridge.transcript import Transcript

TRIES: Final = 2
_INSIDE_WORDS: Final = "'\u2019"
PATIENCE_MS: Final = 8000
"""How long the caller hears nothing while the model tries."""


def same_words(spoken: str, wanted: str) -> bool:
    """Tell whether two texts have the same words in the same order; case and punctuation are not spoken."""
    return _words(spoken) == _words(wanted)


def _words(text: str) -> list[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char if char.isalnum() else "" if char in _INSIDE_WORDS else " " for char in folded).split()


@dataclass(slots=True)
class _Waiting:
    item_id: str
    frame: AudioFrame


class Disclosure:
    """The exact first words of one call, and the gate that keeps all others behind them.

    Args:
        text: what must be said; None opens the gate from the start.
    """

    def __init__(
        self,
        text: str | None,
        *,
        responses: Responses,
        speaker: Speaker,
        transcript: Transcript,
        out: list[Command],
        alarms: Alarms,
    ) -> None:
        self._text = text or ""
        self._responses = responses
        self._speaker = speaker
        self._transcript = transcript
        self._out = out
        self._alarms = alarms
        self._tries = 0
        self._local = False
        self._patient_until_ms: float | None = None
        self._takes: dict[str, list[AudioFrame]] = {}
        self._behind: list[_Waiting] = []
        self.pending = bool(text)

    def begin(self, now_ms: float, *, out_of_band: bool) -> None:
        """Ask the model for the words."""
        if not self.pending:
            return
        self._tries += 1
        self._responses.ask(Purpose.DISCLOSURE, now_ms, say=self._text, out_of_band=out_of_band, first=True)
        if self._patient_until_ms is None:
            self._patient_until_ms = now_ms + PATIENCE_MS
            self._alarms.set("disclosure", self._patient_until_ms)

    def session_gone(self) -> None:
        """The session that was asked is gone; its take, if it made one, counts for nothing."""
        self._takes.clear()
        self._tries = max(0, self._tries - 1)

    def begin_again(self, now_ms: float, *, out_of_band: bool) -> None:
        """Ask another session for the words, if they are still to be said and the local voice is not at it."""
        if not self._local:
            self.begin(now_ms, out_of_band=out_of_band)

    def keep(self, item_id: str, frame: AudioFrame, purpose: Purpose) -> None:
        """Keep audio while the gate is shut: a take of the disclosure, or what comes after it."""
        if purpose is Purpose.DISCLOSURE:
            self._takes.setdefault(item_id, []).append(frame)
        else:
            self._behind.append(_Waiting(item_id, frame))

    def drop_behind(self, now_ms: float) -> None:
        """What waits behind the gate was interrupted before a word of it was played."""
        self._behind.clear()

    def take_done(self, item_id: str, text: str, now_ms: float, *, out_of_band: bool) -> bool:
        """Judge a take of the disclosure; tells whether it is being played now."""
        frames = self._takes.pop(item_id, [])
        if not self.pending:
            return False
        if frames and same_words(text, self._text):
            for frame in frames:
                self._speaker.play(item_id, frame, now_ms)
            self._speaker.item_complete(item_id)
            return True
        self._transcript.forget(item_id)
        if self._tries < TRIES:
            self.begin(now_ms, out_of_band=out_of_band)
        else:
            self.speak_locally()
        return False

    def speak_locally(self) -> None:
        """The model can't, or takes too long (``disclosure`` rang): the local voice says it."""
        self._alarms.stop("disclosure")
        self._tries = TRIES
        self._local = True
        self._out.append(SpeakLocally(self._text, Purpose.DISCLOSURE))

    def open(self, now_ms: float) -> list[tuple[str, AudioFrame]]:
        """The words are on their way to the ear: open the gate and return what waited behind it."""
        self.pending = False
        self._alarms.stop("disclosure")
        self._takes.clear()
        behind, self._behind = self._behind, []
        return [(waiting.item_id, waiting.frame) for waiting in behind]
