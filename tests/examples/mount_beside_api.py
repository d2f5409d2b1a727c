"""The gateway beside an existing API, in one process and on one port.

    uvicorn --factory tests.examples.mount_beside_api:application --ws websockets-sansio --no-proxy-headers

The API answers under ``/orders``; carriers call ``https://HOST/voice/twilio/voice``. Any ASGI framework that mounts
applications will do; here it is FastAPI (``pip install fastapi``).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from gateway.library import Settings, create_app, running


def application(settings: Settings | Path | str | None = None) -> FastAPI:
    """Return the API with the gateway in it."""
    voice = create_app(settings)

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        # A mounted application's lifespan is not run by the one around it, so it is run here.
        async with running(voice):
            yield

    api = FastAPI(title="Orders", lifespan=lifespan)

    @api.get("/orders/{number}")
    async def order(number: int) -> dict[str, object]:
        return {"number": number, "calls_now": len(voice.state.exchange.registry.live)}

    api.mount("/voice", voice)
    return api
