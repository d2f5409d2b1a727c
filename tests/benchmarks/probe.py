"""What one call's two ends saw, on one clock: the sans-IO heart of the harness.

The mock carrier and the mock model tell a :class:`CallProbe` what they sent and what arrived, in ``time.monotonic``
seconds; nothing here reads a clock or a socket. :class:`Uplink` follows caller audio to the model, :class:`Turn` one
spoken response to the caller's ear.
"""

from __future__ import annotations

import binascii
from array import array
from dataclasses import dataclass, field
from math import nan
from random import Random
from typing import Final

from tests.benchmarks.playout import Playout

FRAME_S: Final = 0.020
FRAME_BYTES: Final = 160
"""20 ms of G.711."""
_ID_BYTES: Final = 6
_ID_TEXT: Final = 8
"""Six bytes are exactly eight base64 characters, so that an identity can be set before a tail encoded once."""
_TAIL: Final = bytes(0x78 + Random(8000).randrange(8) | Random(160 + i).randrange(2) << 7 for i in range(154))
"""The rest of every frame: mu-law codes of small amplitude, a quiet line."""
_TAIL_TEXT: Final = binascii.b2a_base64(_TAIL, newline=False)

DRY_TOLERANCE_S: Final = 0.001
"""A queue dry for longer than this in the middle of a response is an underrun."""


def frame_text(call: int, number: int) -> bytes:
    """Return the base64 of frame ``number`` of call ``call``: 160 bytes that occur nowhere else."""
    return binascii.b2a_base64((call << 32 | number).to_bytes(_ID_BYTES, "big"), newline=False) + _TAIL_TEXT


def quoted_value(message: bytes, name: bytes) -> bytes:
    """Return the string that a JSON member holds, found by position; for base64, where only ``/`` may be escaped.

    Raises:
        ValueError: no member of that name with a string.
    """
    at = message.index(b'"' + name + b'"') + len(name) + 2
    start = message.index(b'"', message.index(b":", at)) + 1
    value = message[start : message.index(b'"', start)]
    return value.replace(b"\\/", b"/") if b"\\" in value else value


def decoded_size(text: bytes) -> int:
    """Return the bytes that padded base64 text stands for."""
    return len(text) // 4 * 3 - text.count(b"=", -2)


class Uplink:
    """Caller frames on their way through: when each was sent, and when the model had all of it.

    Where the model takes G.711 mu-law, frames are told apart by what they hold, byte for byte. Where the subject
    transcodes, samples are counted: frame k is complete once 20·(k+1) ms were appended. A frame lost before then
    counts as 20 ms of delay for all that follow; the count never flatters.
    """

    def __init__(self, call: int) -> None:
        self._call = call
        self._sent_s = array("d")
        self._arrived_s = array("d")
        self._pending = b""
        self._frame_bytes = FRAME_BYTES
        self._exact = True
        self.appends = 0
        self.appended_bytes = 0
        self.altered = 0
        """Blocks of 160 bytes that no caller frame holds (pass-through only)."""
        self.first_append_s: float | None = None

    def expect(self, format_type: str) -> None:
        """The model was told to expect ``audio/pcmu``, ``audio/pcma`` or ``audio/pcm`` (at 24 kHz)."""
        self._exact = format_type == "audio/pcmu"
        self._frame_bytes = 960 if format_type == "audio/pcm" else FRAME_BYTES

    def next_frame(self) -> bytes:
        """Return the base64 of the frame that ``sent`` will be told of next."""
        return frame_text(self._call, len(self._sent_s))

    def sent(self, at_s: float) -> None:
        """The carrier wrote the next frame."""
        self._sent_s.append(at_s)
        self._arrived_s.append(nan)

    def appended(self, text: bytes, at_s: float) -> None:
        """The model read an append that holds this base64."""
        if self.first_append_s is None:
            self.first_append_s = at_s
        self.appends += 1
        before = self.appended_bytes
        self.appended_bytes += decoded_size(text)
        if not self._exact:
            for number in range(before // self._frame_bytes, self.appended_bytes // self._frame_bytes):
                self._arrived(number, at_s)
        elif not self._pending and len(text) == _ID_TEXT + len(_TAIL_TEXT) and text.endswith(_TAIL_TEXT):
            self._identify(binascii.a2b_base64(text[:_ID_TEXT]), at_s)
        else:
            self._pending += binascii.a2b_base64(text)
            while len(self._pending) >= FRAME_BYTES:
                block, self._pending = self._pending[:FRAME_BYTES], self._pending[FRAME_BYTES:]
                if block.endswith(_TAIL):
                    self._identify(block[:_ID_BYTES], at_s)
                else:
                    self.altered += 1

    def _identify(self, identity: bytes, at_s: float) -> None:
        call, number = divmod(int.from_bytes(identity, "big"), 1 << 32)
        if call == self._call and number < len(self._sent_s):
            self._arrived(number, at_s)
        else:
            self.altered += 1

    def _arrived(self, number: int, at_s: float) -> None:
        if number < len(self._arrived_s):
            self._arrived_s[number] = at_s

    def latencies_ms(self, start_s: float, end_s: float) -> tuple[list[float], int]:
        """Return the latency of each frame sent in the window, and how many of those never arrived."""
        latencies: list[float] = []
        lost = 0
        for sent_s, arrived_s in zip(self._sent_s, self._arrived_s, strict=True):
            if start_s <= sent_s < end_s:
                if arrived_s == arrived_s:  # noqa: PLR0124 - nan marks what has not arrived
                    latencies.append((arrived_s - sent_s) * 1000)
                else:
                    lost += 1
        return latencies, lost

    @property
    def ms_per_append(self) -> float:
        """Mean audio in an append, in milliseconds; 0 before the first."""
        return self.appended_bytes * 20 / self._frame_bytes / self.appends if self.appends else 0.0


@dataclass(slots=True)
class Turn:
    """One spoken response, from its first delta to the barge-in that ends it. Seconds, milliseconds and bytes."""

    item_id: str
    first_delta_s: float
    first_media_s: float | None = None
    base_bytes: float = 0.0
    """The playout's ``queued_bytes`` before this response's first byte."""
    media_bytes: int = 0
    barged_s: float | None = None
    clear_s: float | None = None
    heard_ms: float = 0.0
    """What the caller had heard of it when the clear reached him."""
    truncated_ms: int | None = None
    leaked_bytes: int = 0
    dry_s: list[float] = field(default_factory=list)
    """When media came after its queue had run dry."""


class CallProbe:
    """Everything measured of one call.

    ``net_ms`` is the network between gateway and caller, each way. It is put on what goes to the caller and on marks
    that come back by arithmetic on times, so that no timer blurs the truth.
    """

    def __init__(self, call: int, net_ms: float = 0.0) -> None:
        self.call = call
        self.net_s = net_ms / 1000
        self.uplink = Uplink(call)
        self.playout = Playout()
        self.turns: list[Turn] = []
        self.started_s: float | None = None
        """When the carrier's ``start`` was sent."""
        self.wrong_items = 0
        """Truncations of anything but the response that was interrupted."""
        self.refused = 0
        """Requests that a real endpoint would have answered with an error."""
        self.carrier_faults = 0
        """Messages that the carrier would have warned about (31951)."""

    def spoke(self, item_id: str, at_s: float) -> None:
        """The model sends the first audio delta of a response."""
        self.turns.append(Turn(item_id, at_s))

    def barged(self, at_s: float) -> None:
        """The model sends speech_started; a barge-in if a response is in the caller's ear."""
        if self.turns and self.turns[-1].barged_s is None:
            self.turns[-1].barged_s = at_s

    def media(self, size_bytes: int, at_s: float) -> None:
        """The gateway's audio was read from its socket."""
        base = self.playout.queued_bytes
        dry_s = self.playout.media(size_bytes, at_s + self.net_s)
        if not self.turns:
            return
        turn = self.turns[-1]
        if turn.clear_s is not None:
            turn.leaked_bytes += size_bytes
            return
        if turn.first_media_s is None:
            turn.first_media_s = at_s
            turn.base_bytes = base
        elif dry_s > DRY_TOLERANCE_S:
            turn.dry_s.append(at_s)
        turn.media_bytes += size_bytes

    def clear(self, at_s: float) -> None:
        """The gateway's clear was read from its socket."""
        ear_s = at_s + self.net_s
        if self.turns:
            turn = self.turns[-1]
            if turn.barged_s is not None and turn.clear_s is None:
                turn.clear_s = at_s
                heard = self.playout.played_bytes(ear_s) - turn.base_bytes
                turn.heard_ms = max(0.0, min(heard, turn.media_bytes)) / 8
        self.playout.clear(ear_s)

    def truncated(self, item_id: str, audio_end_ms: int) -> None:
        """The model read a truncation."""
        turn = self.turns[-1] if self.turns else None
        if turn is None or turn.item_id != item_id or turn.truncated_ms is not None:
            self.wrong_items += 1
        else:
            turn.truncated_ms = audio_end_ms
