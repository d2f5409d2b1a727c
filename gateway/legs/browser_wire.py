"""The words of ``/ws/conversation``, without I/O: JSON text messages, one object each with a ``type``.

From the page:

    start      persona, flow, voice, language, vad, transcription, speed, rate: only as the first message
    audio      audio: base64 of 16-bit little-endian mono PCM, of any length; an odd byte is carried over
    text       text: a turn in writing
    image      image: a data URI
    heard      at_ms: how far the playout is, in the milliseconds that ``audio_delta`` counts
    key        key: one of 0-9 * # A-D
    interrupt, commit (push-to-talk: the turn is over), end
    resume     token, received_ms: only as the first message of another socket

To the page: ``audio_delta`` with ``audio`` and ``at_ms``, where it begins among all audio ever sent in this
conversation; ``clear``, upon which everything that waits to be played is dropped; and what ``browser_view`` says.

**Heard.** ``at_ms`` counts what was sent and never runs back, so a position means the same before and after a clear,
and before and after another socket. Marks of the bridge are places on that line: a report passes them, and says how
far past the latest it is.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import pybase64

from gateway.audio.format import PCM16_24K, AudioFormat, AudioFrame, Encoding
from gateway.contracts.leg import (
    CallerWrote,
    FloorTaken,
    ImageShown,
    KeyPressed,
    LegEvent,
    MarkFate,
    MarkReturned,
    TurnEnded,
)
from gateway.errors import StreamProtocolError

RATES_HZ: Final = (16_000, 24_000, 48_000)
"""What a page may send."""
IMAGE_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "image/gif")
MISTAKES: Final = 20
"""Messages that can't be understood before the socket is closed."""

_DATA_URI: Final = re.compile(r"data:([a-z]+/[a-z0-9.+-]+);base64,([A-Za-z0-9+/]+={0,2})")
_KEYS: Final = frozenset("0123456789*#ABCD")
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


class BadMessage(Exception):
    """A message that can't be taken, told to the page in plain words; the conversation goes on."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Ended:
    """The page ends the conversation."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is taken from one page."""

    message_bytes: int = 1_048_576
    image_bytes: int = 524_288
    text_characters: int = 4000


@dataclass(slots=True)
class Sent:
    """A message to the page: where its audio lies, or None for one without."""

    text: str = field(repr=False)
    from_ms: float | None = None
    to_ms: float = 0.0

    @property
    def length_ms(self) -> float:
        """Milliseconds of audio in it."""
        return 0.0 if self.from_ms is None else self.to_ms - self.from_ms


def read_object(message: str | bytes, limits: Limits) -> dict[str, Any]:
    """Return a message as an object with a ``type``.

    Raises:
        BadMessage: it is too long, or not such an object.

    """
    if len(message) > limits.message_bytes:
        raise BadMessage("message_too_large", f"A message may have {limits.message_bytes} bytes at most.")
    try:
        said = _DECODER.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadMessage("not_json", "A message must be a JSON object with a type.") from None
    if not isinstance(said.get("type"), str):
        raise BadMessage("no_type", "A message must have a type, such as audio or text.")
    return said


def encode(said: Mapping[str, Any]) -> str:
    """Return an object as the text of a message."""
    return msgspec.json.encode(said).decode()


class BrowserWire:
    """One conversation's protocol, over all of its sockets.

    Args:
        rate_hz: of the page's audio.
        limits: what is taken.

    Raises:
        BadMessage: the rate is none of 16000, 24000 and 48000.

    """

    def __init__(self, rate_hz: int = 24_000, limits: Limits = Limits()) -> None:
        if rate_hz not in RATES_HZ:
            raise BadMessage("bad_rate", "The rate must be 16000, 24000 or 48000.")
        self.from_caller = AudioFormat(Encoding.PCM16, rate_hz)
        self.to_caller = PCM16_24K
        self.limits = limits
        self.received_ms = 0.0
        self.mistakes = 0
        self.heard_ms = 0.0
        """How far the page last said that its playout is."""
        self._odd = b""
        self._sent_bytes = 0
        self._cleared_to = 0
        """Where the latest clear cut: reports of places before it came too late."""
        self._marks: deque[tuple[str, int]] = deque()
        """Marks and their places; of those that were passed, the latest."""

    @property
    def sent_ms(self) -> float:
        """Milliseconds of audio that were ever sent."""
        return self.to_caller.duration_ms(self._sent_bytes)

    # --- from the page ---------------------------------------------------------------------------------------------

    def receive(self, message: str | bytes) -> AudioFrame | LegEvent | Ended | None:
        """Return what a message means; None if it brings nothing now.

        Raises:
            BadMessage: it can't be taken.
            StreamProtocolError: that was one mistake too many.

        """
        try:
            return self._meaning(read_object(message, self.limits))
        except BadMessage:
            self.mistakes += 1
            if self.mistakes > MISTAKES:
                raise StreamProtocolError(f"{self.mistakes} messages could not be understood") from None
            raise

    def _meaning(self, said: dict[str, Any]) -> AudioFrame | LegEvent | Ended | None:
        match said["type"]:
            case "audio":
                return self._audio(said.get("audio"))
            case "heard":
                return self._heard(said.get("at_ms"))
            case "text":
                return self._text(said.get("text"))
            case "image":
                return self._image(said.get("image"))
            case "key":
                return self._key(said.get("key"))
            case "interrupt":
                return FloorTaken()
            case "commit":
                return TurnEnded()
            case "end":
                return Ended()
            case "start":
                raise BadMessage("started", "The conversation has started; settings must be in the first message.")
            case "resume":
                raise BadMessage("started", "A conversation is taken up again by the first message of a socket.")
            case other:
                raise BadMessage("unknown_type", f"There is no message type {other[:40]!r}.")

    def _audio(self, audio: object) -> AudioFrame | None:
        try:
            if not isinstance(audio, str):
                raise ValueError  # noqa: TRY004 - told to the page like other audio that is not base64
            raw = self._odd + pybase64.b64decode(audio, validate=True)
        except ValueError:
            raise BadMessage("bad_audio", "The audio must be base64 of 16-bit PCM.") from None
        whole = len(raw) & ~1
        self._odd = raw[whole:]
        if not whole:
            return None
        frame = AudioFrame(self.from_caller, raw=raw[:whole])
        self.received_ms += frame.duration_ms
        return frame

    def _heard(self, at_ms: object) -> MarkReturned | None:
        if isinstance(at_ms, bool) or not isinstance(at_ms, int | float) or not 0 <= at_ms < float("inf"):
            raise BadMessage("bad_position", "The heard position must be milliseconds, 0 or more.")
        place = min(self.to_caller.size_bytes(float(at_ms)), self._sent_bytes)
        self.heard_ms = self.to_caller.duration_ms(place)
        if place < self._cleared_to:
            return None
        while len(self._marks) > 1 and self._marks[1][1] <= place:
            self._marks.popleft()
        if not self._marks or self._marks[0][1] > place:
            return None
        name, mark = self._marks[0]
        return MarkReturned(name, MarkFate.PLAYED, self.to_caller.duration_ms(place - mark))

    def _text(self, text: object) -> CallerWrote:
        if not isinstance(text, str) or not text.strip():
            raise BadMessage("no_text", "There is no text in the message.")
        if len(text) > self.limits.text_characters:
            raise BadMessage("text_too_long", f"A text may have {self.limits.text_characters} characters at most.")
        return CallerWrote(text)

    def _image(self, image: object) -> ImageShown:
        if not self.limits.image_bytes:
            raise BadMessage("no_images", "Images are not taken here.")
        if not isinstance(image, str) or len(image) > self.limits.image_bytes * 4 // 3 + 64:
            raise BadMessage("image_too_large", f"An image may have {self.limits.image_bytes} bytes at most.")
        found = _DATA_URI.fullmatch(image)
        if found is None or found[1] not in IMAGE_TYPES:
            raise BadMessage("bad_image", f"An image must be a base64 data URI of one of {', '.join(IMAGE_TYPES)}.")
        return ImageShown(image)

    def _key(self, key: object) -> KeyPressed:
        if not isinstance(key, str) or key not in _KEYS or len(key) != 1:
            raise BadMessage("bad_key", "A key must be one of 0-9, *, #, A, B, C and D.")
        return KeyPressed(key)

    # --- to the page -----------------------------------------------------------------------------------------------

    def send_audio(self, frame: AudioFrame) -> Sent:
        """Return the message that plays ``frame``."""
        from_ms = self.sent_ms
        self._sent_bytes += frame.size_bytes
        audio = frame.base64.decode("ascii")
        # Base64 needs no escapes, so this is built without an encoder: it is the audio path.
        text = f'{{"type":"audio_delta","at_ms":{from_ms:.3f},"audio":"{audio}"}}'
        return Sent(text, from_ms, self.sent_ms)

    def send_mark(self, name: str) -> None:
        """Remember a mark; it costs no message, for the page reports places."""
        self._marks.append((name, self._sent_bytes))

    def clear(self) -> Sent:
        """Return the message that silences the page; what was sent until now means nothing any more."""
        self._marks.clear()
        self._cleared_to = self._sent_bytes
        return Sent(encode({"type": "clear", "at_ms": round(self.sent_ms, 3)}))
