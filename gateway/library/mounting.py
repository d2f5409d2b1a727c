"""The gateway inside another application.

A mounted application's lifespan is not run by the one around it, so that has to open the gateway in its own:

    voice = create_app("config/gateway.yaml")

    @asynccontextmanager
    async def lifespan(app):
        async with running(voice):
            yield

    api = FastAPI(lifespan=lifespan)
    api.mount("/voice", voice)

Carriers then call ``https://HOST/voice/twilio/voice``. Serve the whole with uvicorn's ``ws="websockets-sansio"``,
``ws_per_message_deflate=False`` and ``proxy_headers=False`` (the gateway decides itself which proxies it believes);
``server.public_url`` is the address of the application around it, ``https://HOST``.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

import gateway.app
from gateway.settings.load import load_settings
from gateway.settings.schema import Settings


def create_app(settings: Settings | Path | str | None = None) -> Starlette:
    """Return the gateway as an ASGI application, to be served by itself or mounted in another.

    Args:
        settings: loaded settings, or their file; None reads ``config/gateway.yaml`` as the command line does.

    Raises:
        ConfigurationError: settings that are wrong, would not be safe or could not work.

    """
    if not isinstance(settings, Settings):
        settings = load_settings(None if settings is None else Path(settings)).settings
    return gateway.app.create_app(settings)


def running(app: Starlette) -> AbstractAsyncContextManager[Any]:
    """Return what opens a mounted gateway and closes it again: its lifespan, to stand in that of the outer application.

    At the end, live calls are ended. To let them finish, drain first: ``await app.state.exchange.drain()``.
    """
    return app.router.lifespan_context(app)
