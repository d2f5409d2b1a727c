"""A connector to one named endpoint of the settings, outside any call: for the library and the doctor."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from gateway.clock import Clock, SystemClock
from gateway.errors import ConfigurationError
from gateway.offline.supervisor import LocalModelProcess
from gateway.realtime.connector import RealtimeConnector
from gateway.settings.schema import Settings
from gateway.settings.wording import nearest


@asynccontextmanager
async def connector_to(
    name: str, settings: Settings, *, clock: Clock | None = None
) -> AsyncIterator[RealtimeConnector]:
    """Give a connector to an endpoint; the embedded local server is started for it, and stopped afterwards.

    Raises:
        ConfigurationError: there is no such endpoint, or its settings can't be meant.
        SpeechError: the local server can't run here; the message names the cure.

    """
    endpoint = settings.endpoints.get(name)
    if endpoint is None:
        raise ConfigurationError(f"endpoint: {name!r} is not an endpoint{nearest(name, settings.endpoints)}")
    local: LocalModelProcess | None = None
    if endpoint.type == "local" and endpoint.url is None:
        local = LocalModelProcess(log_level="warning")
        await local.start()
        endpoint = endpoint.model_copy(update={"url": local.url, "api_key": SecretStr(local.token)})
    try:
        connector = RealtimeConnector(name, endpoint, clock=clock or SystemClock())
        try:
            yield connector
        finally:
            await connector.close()
    finally:
        if local is not None:
            await local.stop()
