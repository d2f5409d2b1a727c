"""Audio past the JSON codec: an append is joined from bytes, a delta's payload is found by its position.

A delta of 200 ms of PCM is 13 kB of base64 in one JSON string. Parsing it costs several times what finding it costs,
and nothing on the way needs it decoded. So the first delta of an item is parsed, and what stood around its payload is
remembered; later messages with the same surroundings are cut, not parsed. That is safe by the grammar and not by luck:
putting another plain string (without quote or backslash) in a string's place can't change the meaning of the rest, and
``type``, ids and indexes are in the surroundings, whatever their order and spacing. Anything else goes to the parser.
"""

from __future__ import annotations

from typing import Final

from gateway.audio.format import AudioFrame
from gateway.realtime.wire import AudioDelta

_APPEND_HEAD: Final = b'{"type":"input_audio_buffer.append","audio":"'
_APPEND_TAIL: Final = b'"}'


def append_message(frame: AudioFrame) -> bytes:
    """Return the message that appends a frame; its base64 text is copied once and not looked at."""
    return b"".join((_APPEND_HEAD, frame.base64, _APPEND_TAIL))


class DeltaFinder:
    """Finds the payload of the audio deltas of the item that was last learnt.

    ``find`` says None for every message that must be parsed; ``response_id`` and ``item_id`` are of what it found.
    """

    __slots__ = ("_head", "_middle", "_tail", "item_id", "response_id")

    def __init__(self) -> None:
        self.response_id = ""
        self.item_id = ""
        # A JSON message never starts with a NUL, so nothing is found before something was learnt.
        self._head = b"\0"
        self._middle = b""
        self._tail = b""

    def find(self, message: bytes | bytearray) -> bytes | None:
        """Return the base64 payload of an audio delta, or None if the message has to be parsed.

        The payload is not checked to be base64; whoever decodes it finds out. It is ASCII and a multiple of four long.
        """
        if not message.startswith(self._head):
            return None
        event_id_at = len(self._head)
        event_id_end = message.find(b'"', event_id_at)
        if event_id_end < 0 or not message.startswith(self._middle, event_id_end):
            return None
        start = event_id_end + len(self._middle)
        end = len(message) - len(self._tail)
        if (
            message.find(b'"', start) != end
            or not message.endswith(self._tail)
            or message.find(b"\\", event_id_at, end) >= 0
            or (end - start) & 3
        ):
            return None
        payload = bytes(memoryview(message)[start:end])
        return payload if payload.isascii() else None

    def learn(self, message: bytes | bytearray, delta: AudioDelta) -> None:
        """Remember what stands around the event id and the payload of a delta that was parsed from ``message``.

        Without a backslash in the message every string in it is written as it is; so what occurs once between quotes
        is what was parsed. Where the payload comes before the id, or either is in doubt, nothing is learnt.
        """
        if b"\\" in message or not delta.event_id:
            return
        event_id = b'"%b"' % delta.event_id.encode()
        payload = b'"%b"' % delta.delta.encode()
        event_id_at, payload_at = message.find(event_id), message.find(payload)
        event_id_end = event_id_at + len(event_id)
        if (
            event_id_at < 0
            or event_id_end > payload_at
            or event_id_at != message.rfind(event_id)
            or payload_at != message.rfind(payload)
        ):
            return
        self.response_id, self.item_id = delta.response_id, delta.item_id
        self._head = bytes(message[: event_id_at + 1])
        self._middle = bytes(message[event_id_end - 1 : payload_at + 1])
        self._tail = bytes(message[payload_at + len(payload) - 1 :])
