"""A session whose messages pass through as they are, and are read on the way: for programs that speak GA themselves.

The session is opened as any other (key, address, time limit, refusals), by a connector whose dialect hands every
message of the endpoint on before it reads it. So a proxy has both: the wire for its client, and events for its record.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.clock import Clock
from gateway.contracts.model import ModelEvent
from gateway.errors import Unsupported
from gateway.realtime.connector import RealtimeConnector
from gateway.realtime.openai_ga import OpenAiGa
from gateway.realtime.session import RealtimeSession
from gateway.settings.endpoint import is_plugin
from gateway.settings.schema import EndpointSettings
from gateway.telemetry.wire import WireTrace

Tap = Callable[[bytes], None]


class RelayDialect(OpenAiGa):
    """GA, with every message handed on unread; until somebody listens, they wait."""

    def __init__(self, endpoint: str, settings: EndpointSettings) -> None:
        super().__init__(endpoint, settings)
        self._tap: Tap | None = None
        self._waiting: list[bytes] = []

    def hand_on(self, tap: Tap) -> None:
        """Name who gets the messages; those that came before are handed on at once."""
        self._tap = tap
        for message in self._waiting:
            tap(message)
        self._waiting.clear()

    def receive(self, message: str | bytes | bytearray) -> list[ModelEvent]:
        """Hand a message on, and return what it means."""
        raw = message.encode() if isinstance(message, str) else bytes(message)
        if self._tap is None:
            self._waiting.append(raw)
        else:
            self._tap(raw)
        return super().receive(message)

    def receive_binary(self, message: bytes | bytearray) -> list[ModelEvent]:
        """Take JSON that came as binary."""
        return self.receive(message)


class RelayConnector:
    """Opens such sessions on one endpoint.

    Args:
        name: the endpoint's name in the settings.
        settings: what they say of it; ``url`` must be filled in for the local server.
        clock: times the connecting.
        trace: sees every message.

    Raises:
        Unsupported: the endpoint does not speak GA.

    """

    def __init__(self, name: str, settings: EndpointSettings, *, clock: Clock, trace: WireTrace | None = None) -> None:
        if settings.protocol != "ga" or is_plugin(settings.type):
            raise Unsupported(f"endpoint {name!r} does not speak the GA protocol, so nothing can be passed on to it")
        self.name = name
        self._connector = RealtimeConnector(name, settings, clock=clock, dialect=RelayDialect, trace=trace)

    async def connect(self) -> tuple[RealtimeSession, RelayDialect]:
        """Open a session, and return it with what hands its messages on.

        Raises:
            ModelRefused: the endpoint said no.
            ModelError: it could not be reached.

        """
        session = await self._connector.connect()
        dialect = session.dialect
        assert isinstance(dialect, RelayDialect)
        return session, dialect

    async def close(self) -> None:
        """Let go of what connecting needed."""
        await self._connector.close()
