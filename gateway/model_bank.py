"""The model's side of the house: connectors by endpoint name, sessions opened early, and the local model's process."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from pydantic import SecretStr

from gateway.bridge.early import EarlySessions
from gateway.clock import Clock
from gateway.contracts.model import ModelConnector, ModelSession
from gateway.errors import ConfigurationError, SpeechError
from gateway.offline.supervisor import LocalModelProcess
from gateway.realtime.connector import RealtimeConnector
from gateway.realtime.relay import RelayConnector
from gateway.settings.schema import EndpointSettings, Settings
from gateway.telemetry.connects import CountedConnector
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.wire import tracer


class ModelBank:
    """Opens sessions on the endpoints of the settings.

    Args:
        settings: checked settings.
        metrics: counts connects and early sessions.
        clock: times them.

    """

    def __init__(self, settings: Settings, metrics: Metrics, clock: Clock) -> None:
        self._settings = settings
        self._metrics = metrics
        self._clock = clock
        self.local_model: LocalModelProcess | None = None
        self._early = EarlySessions(settings.limits.early_sessions)
        self._connectors: dict[str, ModelConnector] = {}
        self._openers: list[RealtimeConnector] = []
        """What the connectors open sessions with, to be closed at the end."""
        self._relays: dict[str, RelayConnector] = {}

    def connector(self, name: str) -> ModelConnector:
        """Return what opens sessions on an endpoint; for a local one its process must run."""
        connector = self._connectors.get(name)
        if connector is None:
            endpoint = self.reachable(self._settings.endpoints[name])
            opener = RealtimeConnector(name, endpoint, clock=self._clock, trace=tracer(name))
            self._openers.append(opener)
            connector = self._connectors[name] = CountedConnector(opener, self._metrics, self._clock)
        return connector

    def relay(self, name: str) -> RelayConnector:
        """Return what opens plain sockets on an endpoint, for programs that speak to it themselves.

        Raises:
            Unsupported: the endpoint does not speak the GA protocol.

        """
        relay = self._relays.get(name)
        if relay is None:
            endpoint = self.reachable(self._settings.endpoints[name])
            relay = self._relays[name] = RelayConnector(name, endpoint, clock=self._clock, trace=tracer(name))
        return relay

    def reachable(self, endpoint: EndpointSettings) -> EndpointSettings:
        """Return the endpoint with the address and token of the child process, if that is what serves it."""
        if endpoint.type != "local" or endpoint.url is not None:
            return endpoint
        assert self.local_model is not None, "the local model is started before the doors open"
        fields = {"url": self.local_model.url, "api_key": SecretStr(self.local_model.token)}
        return endpoint.model_copy(update=fields)  # what was given stays told apart from what is a default

    # --- sessions opened while a phone rings ------------------------------------------------------------------------

    @property
    def ringing(self) -> int:
        """Sessions that wait for their call."""
        return len(self._early)

    def ring(self, leg_id: str, name: str) -> None:
        """Open the session of a call that rings, if there is room."""
        opened = self._early.open(leg_id, self.connector(name))
        self._metrics.early_session("opened" if opened else "not_opened")

    def redeem(self, leg_id: str) -> Awaitable[ModelSession] | None:
        """Return the session that was opened for a call, or None."""
        session = self._early.redeem(leg_id)
        if session is not None:
            self._metrics.early_session("redeemed")
        return session

    def drop(self, leg_id: str) -> None:
        """Close the session of a call that will not come."""
        self._early.drop(leg_id)

    # --- the local model --------------------------------------------------------------------------------------------

    async def start_local_model(self) -> None:
        """Start the embedded server in a process of its own.

        Raises:
            ConfigurationError: it can't run here; the message names the cures.

        """
        self.local_model = LocalModelProcess(log_level=self._settings.log.level)
        try:
            await self.local_model.start()
        except SpeechError as error:
            raise ConfigurationError(str(error)) from error

    async def close(self) -> None:
        """Close what was opened, the local model last."""
        await self._early.close()
        await asyncio.gather(*(opener.close() for opener in self._openers))
        await asyncio.gather(*(relay.close() for relay in self._relays.values()))
        if self.local_model is not None:
            await self.local_model.stop()
