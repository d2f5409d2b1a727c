"""What can go wrong, as one tree.

    GatewayError                    everything of ours that is raised on purpose
    ├── ConfigurationError          the operator's files or environment; stops the start, names file, line and column
    ├── Unsupported                 a leg, carrier or endpoint lacks what was asked of it
    ├── PeerError                   the other side broke its protocol or refused us
    │   ├── CarrierError            a carrier: its media stream, webhook or REST API
    │   │   └── StreamProtocolError   that media stream ends with a WebSocket close code; no other call notices
    │   └── ModelError              a Realtime endpoint: connecting, authenticating, or its wire
    │       └── ModelRefused          it answered "no" at the door; carries status and the remedy
    ├── Forbidden                   a signature, token or key that does not hold; never says which check failed
    ├── SpeechError                 a local speech engine is missing or failed
    └── ToolError                   a tool could not do what the model asked; told to the model, and the call goes on

A peer's fault and ours are different classes. A core raises; only a driver catches, and it copes and counts, or ends
the call with exactly one :class:`Ending`. Messages name the thing, the value, what was wanted and the next step; they
are lower case, without a full stop, and never hold a secret or a card number.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class GatewayError(Exception):
    """The root of every error that the gateway raises on purpose."""


class ConfigurationError(GatewayError):
    """One or more faults in the operator's configuration; ``faults`` has a line for each."""

    def __init__(self, faults: list[str] | str) -> None:
        self.faults = [faults] if isinstance(faults, str) else list(faults)
        super().__init__("\n".join(self.faults))


class Unsupported(GatewayError):
    """The leg, carrier or endpoint can't do this; the message says which and what can be done instead."""


class PeerError(GatewayError):
    """The other side broke its protocol or refused us."""


class CarrierError(PeerError):
    """A carrier's media stream, webhook or REST API failed."""


class StreamProtocolError(CarrierError):
    """A media stream broke its protocol and is closed with ``close_code`` (RFC 6455 section 7.4.1)."""

    def __init__(self, message: str, *, close_code: int = 1002) -> None:
        super().__init__(message)
        self.close_code = close_code


class ModelError(PeerError):
    """A Realtime endpoint failed: connecting, authenticating, or on the wire."""


class ModelRefused(ModelError):
    """The endpoint refused the session at the door.

    ``status`` is the HTTP status of the upgrade (0 if there was none); ``retryable``: whether another try can help;
    ``cause``: a fixed word such as ``wrong_key`` or ``unknown_model``, empty if it is not known; ``remedy``: the end of
    the message, what to do.
    """

    def __init__(
        self, message: str, *, status: int = 0, retryable: bool = False, cause: str = "", remedy: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.retryable = retryable
        self.cause = cause
        self.remedy = remedy


class Forbidden(GatewayError):
    """A signature, token or key does not hold. The peer is never told which check failed; the log is, in ``why``."""

    def __init__(self, why: str) -> None:
        super().__init__("forbidden")
        self.why = why


class SpeechError(GatewayError):
    """A local speech engine is missing or failed; the message names the cure."""


class ToolError(GatewayError):
    """A tool could not do what it was asked. The operator's own tools raise it, too: the message is for the model.

    ``kind`` is a fixed word for the model to go by; ``retry``: whether the same call may succeed later.
    """

    def __init__(self, message: str, *, kind: str = "failed", retry: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry = retry


class Party(StrEnum):
    """Who brought a call to its end."""

    CALLER = "caller"
    AGENT = "agent"
    CARRIER = "carrier"
    MODEL = "model"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a call ended: exactly one per call.

    ``reason`` is a short fixed word such as ``hung_up``, ``goodbye``, ``transferred``, ``deadline``, ``model_lost``,
    ``silence``, ``drained``, ``protocol`` or ``stream_lost``. ``ok`` is true when nothing went wrong.
    """

    who: Party
    reason: str
    ok: bool = True

    def __str__(self) -> str:
        return f"{self.who}/{self.reason}"
