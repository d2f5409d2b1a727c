"""What a session of the library tells, in the order in which it happened.

Text is :class:`~gateway.contracts.text.RedactedText`: ``str(text)`` gives it for writing out, and there is no way to
what was said before the redactor had seen it. Audio is PCM16, little-endian, mono.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.contracts.text import RedactedText


@dataclass(frozen=True, slots=True)
class CallerStarted:
    """The caller began to speak, ``at_ms`` into all the audio that was sent."""

    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class CallerStopped:
    """The caller stopped speaking."""

    item_id: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of what was said, by the caller or the model; the pieces of an item put together are its words.

    A piece may be empty, or come late, even behind the next item's first: digits wait until it is clear that they are
    no card's, ten seconds at most. ``last`` is the item's end; ``failed``: its words could not be written down.
    """

    speaker: Literal["caller", "model"]
    item_id: str
    text: RedactedText
    last: bool = False
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Audio:
    """A piece of the model's speech. It comes faster than it is said, so play it from a buffer."""

    item_id: str
    pcm: bytes
    rate_hz: int

    @property
    def duration_ms(self) -> float:
        """Milliseconds that it lasts."""
        return len(self.pcm) / 2 * 1000 / self.rate_hz

    def __repr__(self) -> str:
        return f"Audio({self.item_id!r}, {len(self.pcm)} bytes, {self.rate_hz} Hz)"


@dataclass(frozen=True, slots=True)
class AnswerStarted:
    """The model answers."""

    response_id: str


@dataclass(frozen=True, slots=True)
class AnswerDone:
    """An answer has ended: ``completed``, ``cancelled``, ``failed`` or ``incomplete``."""

    response_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """The endpoint refused something, and the session lives; ``code`` is its word for it."""

    code: str
    message: RedactedText


@dataclass(frozen=True, slots=True)
class Lost:
    """The session is gone and was not closed; the last event. ``retryable``: whether another one may go better."""

    reason: str
    retryable: bool


Event = CallerStarted | CallerStopped | Words | Audio | AnswerStarted | AnswerDone | Trouble | Lost
"""Anything that ``async for event in session`` gives."""
