"""Counts what becomes of each attempt to open a model session, around any connector."""

from __future__ import annotations

import asyncio
from typing import Literal, get_args

from gateway.clock import Clock
from gateway.contracts.model import ModelCapabilities, ModelConnector, ModelSession
from gateway.errors import ModelError, ModelRefused
from gateway.telemetry.metrics import Metrics

Result = Literal["ok", "refused", "unreachable", "cancelled"]


class CountedConnector:
    """A connector whose attempts are counted and timed (``contracts.model.ModelConnector``).

    Results are ``ok``, ``refused`` (the endpoint said no), ``unreachable`` (no answer, or none that makes sense) and
    ``cancelled`` (the call was over first).

    Args:
        connector: opens the sessions.
        metrics: of the application.
        clock: times the attempts.

    """

    def __init__(self, connector: ModelConnector, metrics: Metrics, clock: Clock) -> None:
        self._connector = connector
        self._metrics = metrics
        self._clock = clock
        for result in get_args(Result):  # shown as 0 from the start, so that the first of a kind is seen as a rise
            metrics.connects.labels(connector.name, result)

    @property
    def name(self) -> str:
        """The endpoint's name in the settings."""
        return self._connector.name

    @property
    def capabilities(self) -> ModelCapabilities:
        """What the endpoint can do."""
        return self._connector.capabilities

    async def connect(self) -> ModelSession:
        """Open a session, and count how that went.

        Raises:
            ModelRefused: the endpoint said no.
            ModelError: it could not be reached.

        """
        began_ms = self._clock.now_ms()
        try:
            session = await self._connector.connect()
        except ModelRefused:
            self._count("refused")
            raise
        except ModelError:
            self._count("unreachable")
            raise
        except asyncio.CancelledError:
            self._count("cancelled")
            raise
        self._count("ok")
        self._metrics.connect_seconds.labels(self.name).observe((self._clock.now_ms() - began_ms) / 1000)
        return session

    def _count(self, result: Result) -> None:
        self._metrics.connects.labels(self.name, result).inc()
