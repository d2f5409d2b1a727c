"""What every carrier's media stream core looks like, and the words it shares with its driver.

A core is sans-IO: messages in, events out, messages to send. ``stream_leg.StreamLeg`` drives any of them; a further
carrier is one more file beside this one. What differs between carriers (JSON or binary, marks echoed or dropped, ids
in the message or not) stays inside the core and shows only in its :class:`~gateway.contracts.leg.LegCapabilities`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, Literal, Protocol

from gateway.audio.format import AudioFrame
from gateway.contracts.leg import LegCapabilities, LegEvent, LegStarted, TransferTarget

StreamEvent = LegEvent | AudioFrame
"""What a core makes of a message: the contract's events, and audio."""

WireMessage = str | bytes
"""A WebSocket message: text for the JSON carriers, bytes for those that send audio as it is."""

MAX_GAP_MS: Final = 10_000
"""Milliseconds: the longest silence that one gap may stand for, whatever the carrier claims."""


class CloseCode(IntEnum):
    """Why a media stream is closed, in the words of RFC 6455 section 7.4.1."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL = 1002
    """A message out of order, or for another stream."""
    UNACCEPTABLE = 1003
    """Binary where text is spoken, or an audio format that we lack."""
    MALFORMED = 1007
    """A message that is not what it should look like."""
    POLICY = 1008
    """Not wanted here; nothing more is told."""
    TOO_BIG = 1009
    INTERNAL = 1011
    TRY_AGAIN_LATER = 1013


@dataclass(slots=True)
class StreamCounters:
    """What a core has seen so far; read by logs and by the driver's guard against floods."""

    messages: int = 0
    unknown_events: int = 0
    """Messages of a kind that the core doesn't know; ignored."""
    broken: int = 0
    """Messages that broke the protocol: 1 at most, since the first closes the stream."""
    received_ms: float = 0.0
    """Caller audio that arrived, in milliseconds."""
    lost_ms: int = 0
    """Caller audio that never arrived, in milliseconds."""


class StreamProtocol(Protocol):
    """The sans-IO core of one media stream.

    Give it each message as it comes; deliver the events it returns, in order; send the messages that the commands
    return, in order. It never waits, reads no clock and opens nothing.
    """

    @property
    def carrier(self) -> str:
        """The carrier's name in settings and logs, such as ``twilio``."""
        ...

    @property
    def capabilities(self) -> LegCapabilities:
        """What the protocol can do; transfers go another way and are added by the driver."""
        ...

    @property
    def counters(self) -> StreamCounters:
        """What was seen so far."""
        ...

    @property
    def started(self) -> LegStarted | None:
        """How the stream began, or None before its start message."""
        ...

    @property
    def ticket(self) -> str:
        """The one-time token that the start message carried; empty if there was none."""
        ...

    def receive(self, message: WireMessage) -> list[StreamEvent]:
        """Take a message of the carrier and return what it means.

        Raises:
            StreamProtocolError: the message breaks the protocol; close with the error's code and feed nothing more.

        """
        ...

    def send_audio(self, frame: AudioFrame) -> list[WireMessage]:
        """Return what to send so that ``frame`` is played after everything before it; may be nothing yet.

        Raises:
            ValueError: the frame is not in the stream's ``to_caller`` format.

        """
        ...

    def send_mark(self, name: str) -> list[WireMessage]:
        """Return what to send so that ``name`` comes back; audio held back for want of a whole frame goes first."""
        ...

    def clear(self) -> list[WireMessage]:
        """Return what to send so that the carrier drops what it has not played; held-back audio is forgotten."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierRequest:
    """A request to a carrier's REST API, as data. Credentials are not in it: the sender knows them by ``carrier``."""

    carrier: str
    action: str
    """What it does, for logs and errors: ``hang_up`` or ``transfer``."""
    method: Literal["GET", "POST", "PUT", "DELETE"]
    url: str
    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Form fields; may hold a phone number, so never logged."""
    idempotent: bool
    """Whether sending it twice does no more than once, so that it may be repeated when its fate is unknown."""
    ok_statuses: frozenset[int] = frozenset()
    """HTTP statuses that are success besides 2xx, such as 404 for a call that is already gone."""
    ok_codes: frozenset[int] = frozenset()
    """The carrier's own error codes (``code`` in a JSON body) that are success too."""


class CallControl(Protocol):
    """Makes a carrier's requests about a live call; nothing is sent by it."""

    def hang_up_request(self, leg_id: str) -> CarrierRequest:
        """Return the request that ends the carrier's call; a call already gone counts as ended."""
        ...

    def transfer_request(self, leg_id: str, target: TransferTarget) -> CarrierRequest:
        """Return the request that hands the caller over to ``target``.

        Raises:
            Unsupported: the carrier can't reach such a target.

        """
        ...


class ArrivalLog:
    """Finds out, from a carrier's own numbering, how much caller audio never arrived.

    ``chunk`` counts messages, ``timestamp`` is the stream's clock in milliseconds; a carrier may give both, one or
    neither. Chunks decide *whether* something is missing and timestamps how much of it; a jump of the timestamp alone
    counts when it is longer than a frame, so that a carrier's rounding does not.
    """

    __slots__ = ("_due_chunk", "_due_ms", "_frame_ms")

    def __init__(self) -> None:
        self._due_chunk: int | None = None
        self._due_ms: float | None = None
        self._frame_ms = 0.0

    def lost_before(self, chunk: int | None, timestamp_ms: int | None, duration_ms: float) -> int:
        """Note a frame of ``duration_ms`` and return the milliseconds missing before it, at most ``MAX_GAP_MS``."""
        due_chunk, due_ms = self._due_chunk, self._due_ms
        missing = 0 if chunk is None or due_chunk is None else chunk - due_chunk
        gap_ms = 0.0 if timestamp_ms is None or due_ms is None else timestamp_ms - due_ms
        lost_ms = 0.0
        if missing > 0:
            lost_ms = gap_ms if gap_ms > 0 else missing * self._frame_ms
        elif gap_ms > duration_ms or (chunk is None and gap_ms == duration_ms):
            lost_ms = gap_ms
        self._due_chunk = None if chunk is None else chunk + 1
        if timestamp_ms is not None:
            # A burst after a stall may be stamped late and then catch up: what is due never goes back.
            self._due_ms = duration_ms + (timestamp_ms if due_ms is None or timestamp_ms > due_ms else due_ms)
        self._frame_ms = duration_ms
        return min(round(lost_ms), MAX_GAP_MS) if lost_ms else 0
