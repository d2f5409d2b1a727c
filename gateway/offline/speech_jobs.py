"""Speech work as data: what a session asks of ears and voice, and what comes back.

The session core never runs an engine. It puts a :class:`Recognise` or :class:`Speak` in its outbox, and the driver
hands the result back under the job's id. All of it is plain data that crosses a process boundary, as MessagePack with a
four-byte big-endian length before it.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Struct

from gateway.audio.format import AudioFormat


class Expected(Struct, frozen=True, kw_only=True):
    """What may be said; made from public fields of the protocol only.

    ``phrases`` and ``keywords`` are speakable words; ``digits`` is the fewest and most digits of a spoken number, or
    None when none is expected.
    """

    language: str = "en"
    phrases: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    digits: tuple[int, int] | None = None


class Recognise(Struct, frozen=True, kw_only=True, tag="recognise"):
    """Listen to ``audio`` (in ``format``) with an expectation; answered by :class:`Recognised`."""

    job_id: int
    audio: bytes
    format: AudioFormat
    expected: Expected


class Speak(Struct, frozen=True, kw_only=True, tag="speak"):
    """Say ``text``; answered by :class:`Spoken`. ``speed`` is a multiple of the voice's own."""

    job_id: int
    text: str
    language: str = "en"
    voice: str
    speed: float = 1.0


Job = Recognise | Speak


class Recognised(Struct, frozen=True, kw_only=True, tag="recognised"):
    """What was heard: ``phrase`` is one of the expected, ``digits`` a spoken number; ``rejected`` is neither."""

    text: str
    confidence: float = 1.0
    phrase: str | None = None
    digits: str | None = None
    rejected: bool = False


class Word(Struct, frozen=True):
    """One word of speech: when it sounds (milliseconds) and which characters of the text it is."""

    text: str
    start_ms: float
    end_ms: float
    char_start: int
    char_end: int


class Spoken(Struct, frozen=True, kw_only=True, tag="spoken"):
    """Speech: 16-bit little-endian mono at 24 kHz, and when each word sounds."""

    pcm: bytes
    words: tuple[Word, ...]


class JobFailed(Struct, frozen=True, kw_only=True, tag="failed"):
    """The engine could not do it; ``reason`` is for a person."""

    reason: str


Result = Recognised | Spoken | JobFailed

LENGTH_BYTES: Final = 4
"""What stands before each message between processes."""

_ENCODER: Final = msgspec.msgpack.Encoder()
_JOB: Final[msgspec.msgpack.Decoder[Job]] = msgspec.msgpack.Decoder(Job)
_RESULT: Final[msgspec.msgpack.Decoder[Result]] = msgspec.msgpack.Decoder(Result)


def to_message(content: Job | Result) -> bytes:
    """Return a job or a result with its length before it."""
    body = _ENCODER.encode(content)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def to_job(body: bytes) -> Job:
    """Return the job in a message's body."""
    return _JOB.decode(body)


def to_result(body: bytes) -> Result:
    """Return the result in a message's body."""
    return _RESULT.decode(body)
