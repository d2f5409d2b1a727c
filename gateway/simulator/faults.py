"""What a hostile or unlucky carrier does to a media stream, as one value.

Everything is off by default: ``Faults()`` is a well-behaved carrier. Times count from the first instant of the stream.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum


class Farewell(StrEnum):
    """How the carrier lets go of a stream."""

    STOP_THEN_CLOSE = "stop then close"
    CLOSE_WITHOUT_STOP = "close without stop"
    STOP_ONLY = "stop only"
    """Stop is sent and the socket stays open, until the gateway closes it or the farewell's limit runs out."""
    RESET = "reset"
    """The TCP connection is torn down with a reset; no closing handshake."""


class Signing(StrEnum):
    """What the carrier does about a signature."""

    RIGHT = "right"
    MISSING = "missing"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """The faults of one call's carrier.

    Raises:
        ValueError: a time or count is negative.

    """

    drop_pattern: tuple[bool, ...] = ()
    """Caller frames that arrive, over and over: ``(True, False, False)`` loses two of three, seen as missing chunks."""
    stall_at_ms: float | None = None
    stall_ms: float = 0.0
    """From ``stall_at_ms`` on nothing is sent for this long; then all of it comes as one burst."""
    reset_at_ms: float | None = None
    """The TCP connection is reset."""
    freeze_at_ms: float | None = None
    """The carrier falls silent with the socket open: no media, no mark, no stop, deaf to everything."""
    farewell: Farewell = Farewell.STOP_THEN_CLOSE
    media_before_start: int = 0
    """Frames sent between ``connected`` and ``start``."""
    starts: int = 1
    """How often ``start`` is sent; 0 never starts."""
    malformed_at_ms: float | None = None
    malformed: str | bytes = '{"event":"media","media":'
    """The broken frame that is sent at ``malformed_at_ms``."""
    marks_lost: bool = False
    """No mark ever comes back."""
    marks_twice: bool = False
    """Each mark comes back twice."""
    marks_late_ms: float = 0.0
    """Marks come back this much after their time."""
    slow_reader_ms: float = 0.0
    """The carrier takes this long over each message that it reads."""
    reuse_token: bool = False
    """While the call is up a second socket presents the same parameters; see ``CallOutcome.reuse_close_code``."""
    webhook_signature: Signing = Signing.RIGHT
    upgrade_signature: Signing = Signing.RIGHT

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and value < 0:
                raise ValueError(f"faults: {field.name} is {value}; wanted 0 or more")
