"""What a call is made of, beside its leg: handed over by the door, all of it once."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from gateway.audio.format import AudioFormat, AudioFrame
from gateway.bridge.plan import CallPlan
from gateway.clock import Clock
from gateway.contracts.live import LiveView
from gateway.contracts.model import ModelConnector, ModelSession, SessionSetup
from gateway.contracts.price import Price, TranscriberPrice
from gateway.contracts.record import AudioTap, Sink
from gateway.contracts.tool import Tool
from gateway.privacy.redactor import Redactor

if TYPE_CHECKING:
    from gateway.bridge.flow.plan import FlowCall


class LocalSpeech(Protocol):
    """A voice that needs no model: for apologies, and for a disclosure that no model says exactly."""

    async def render(self, text: str, purpose: str, language: str, format: AudioFormat) -> AudioFrame | None:
        """Return ``text`` as speech in ``format``; None if there is neither a voice nor a recording for ``purpose``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CallParts:
    """What the door hands to a call: everything that is not the leg."""

    call_id: str
    plan: CallPlan
    setup: SessionSetup
    """Without the built-in tools, which the call adds."""
    connector: ModelConnector
    session: Awaitable[ModelSession] | None = None
    """A session opened while the phone rang."""
    append_ms: int = 20
    clock: Clock
    redactor: Redactor
    sink: Sink
    tap: AudioTap | None = None
    card_protection: bool = True
    """Whether what was masked, or never written down, is silent in the recording."""
    local_speech: LocalSpeech | None = None
    tools: Mapping[str, Tool] = field(default_factory=dict)
    """What the model may call, by name, beside the built-in tools."""
    lookups: Sequence[Tool] = ()
    """Called when the call starts."""
    price: Price | None = None
    """Of the endpoint's model; None if it is unknown."""
    transcriber_price: TranscriberPrice | None = None
    flow: FlowCall | None = None
    """The flow that the call runs; None is a plain conversation."""
    view: LiveView | None = None
    """Who looks on while the call goes on."""
    view_redactor: Redactor | None = None
    """For ``view``, and given with it."""
