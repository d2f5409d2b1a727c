"""The caller's speech on its way into the model: dated, written down, and kept until the model has taken it in.

An utterance is *taken in* when its words are written down, or something was said or done in answer to it. Until then
its sound is kept (``tail``), so that a session which takes over hears it as if nothing had happened; from then on its
words are told instead (``memory``). So nothing that a caller says is lost with a session, nor answered twice.
"""

from __future__ import annotations

from typing import Final

from gateway.bridge.media import MediaChain
from gateway.bridge.memory import Memory
from gateway.bridge.tail import Tail
from gateway.bridge.transcript import Transcript, Utterance
from gateway.contracts.model import SpeechStarted, SpeechStopped

WORDS_WITHIN_MS: Final = 5000
"""How long the words of an utterance are waited for before another session is told without them."""


class Listening:
    """What one caller says, over all the sessions of the call.

    Args:
        silence_window_ms: silence that the endpoint waits out before it says that the caller stopped.
    """

    def __init__(
        self, *, media: MediaChain, tail: Tail, transcript: Transcript, memory: Memory, silence_window_ms: int
    ) -> None:
        self._media = media
        self._tail = tail
        self._transcript = transcript
        self._memory = memory
        self._silence_window_ms = silence_window_ms
        self._open: dict[str, _Stretch] = {}
        """What is not yet taken in, oldest first."""
        self._taken_in_to_ms = 0.0

    # --- events ----------------------------------------------------------------------------------------------------

    def started(self, event: SpeechStarted, now_ms: float) -> None:
        """The caller began to speak: a turn begins."""
        utterance = self._transcript.caller_started(event.item_id, self._when(event.audio_ms, now_ms))
        self._open[event.item_id] = _Stretch(utterance, event.audio_ms)
        self._tail.keep_from(event.audio_ms)

    def stopped(self, event: SpeechStopped, now_ms: float) -> tuple[float, float]:
        """Return when the caller stopped, and for how long they had spoken: without end, if that is not known."""
        stopped_ms = self._when(event.audio_ms, now_ms) - self._silence_window_ms
        stretch = self._open.get(event.item_id)
        if stretch is not None:
            stretch.to_ms = event.audio_ms
        utterance = self._transcript.utterance(event.item_id)
        if utterance is None:
            return stopped_ms, float("inf")
        utterance.stopped_ms = max(stopped_ms, utterance.started_ms)
        self._transcript.awaits(utterance, now_ms)
        return stopped_ms, utterance.stopped_ms - utterance.started_ms

    def _when(self, audio_ms: float, now_ms: float) -> float:
        """Return the call's time of a place in the audio that the session was given."""
        return min(now_ms, now_ms - (self._media.appended_ms - audio_ms))

    def committed(self, item_id: str) -> None:
        """The utterance is an item of the model's conversation."""
        self._memory.caller_said(item_id, committed=True)

    def words(self, item_id: str, text: str, now_ms: float, *, final: bool) -> None:
        """Take a piece of the words, or all of them."""
        self._transcript.caller_text(item_id, text, final=final, now_ms=now_ms)
        self._memory.caller_words(item_id, text, final=final)
        if final:
            self._taken_in([item_id])

    def no_words(self, item_id: str) -> None:
        """The words are not to be had; the conversation goes on."""
        self._transcript.caller_text_failed(item_id)
        self._memory.caller_said(item_id)
        self._taken_in([item_id])

    def answered(self) -> None:
        """Something was said or done in answer to what the caller has finished saying."""
        if self._open:
            self._taken_in([item_id for item_id, stretch in self._open.items() if stretch.to_ms is not None])

    def dismissed(self, item_id: str) -> None:
        """It was a cough: no answer is owed to it."""
        self._taken_in([item_id])

    def _taken_in(self, item_ids: list[str]) -> None:
        for item_id in item_ids:
            stretch = self._open.pop(item_id, None)
            if stretch is not None and stretch.to_ms is not None:
                self._taken_in_to_ms = max(self._taken_in_to_ms, stretch.to_ms)
        self._tail.let_go(self._taken_in_to_ms)
        again = self._to_be_heard_again()
        if again:
            self._tail.keep_from(again[0].from_ms)

    # --- another session -------------------------------------------------------------------------------------------

    @property
    def owed(self) -> bool:
        """Whether the caller has said, or is saying, something that the model has not taken in."""
        return bool(self._open)

    def unwritten(self, now_ms: float) -> bool:
        """Whether words are still to come of what the caller said lately; later ones are not waited for."""
        return self._transcript.awaits_words(now_ms - WORDS_WITHIN_MS)

    def session_gone(self) -> bool:
        """The session will say no more of what it heard; tell whether the next one hears speech again.

        What is heard again is no longer part of the talk: it will be, when the next session hears it.
        """
        again = self._to_be_heard_again()
        for stretch in again:
            self._transcript.withdraw(stretch.utterance)
            self._memory.forget(stretch.utterance.item_id)
        for utterance in self._transcript.finish():
            self._memory.caller_said(utterance.item_id)
        self._open.clear()
        self._taken_in_to_ms = 0.0
        return bool(again)

    def _to_be_heard_again(self) -> list[_Stretch]:
        """Return the latest speech that was not taken in; what lies before something that was is not said again."""
        return [stretch for stretch in self._open.values() if stretch.from_ms >= self._taken_in_to_ms]


class _Stretch:
    """A stretch of speech, in milliseconds of the audio that the session was given."""

    __slots__ = ("from_ms", "to_ms", "utterance")

    def __init__(self, utterance: Utterance, from_ms: float) -> None:
        self.utterance = utterance
        self.from_ms = from_ms
        self.to_ms: float | None = None
