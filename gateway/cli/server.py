"""Running the application: uvicorn, set up for media streams, and a SIGTERM that lets calls finish.

The first SIGTERM or SIGINT drains: no longer ready, no new calls, live ones go on up to ``server.drain_s``, then exit
with 0. A second one ends the calls at once; a third does not wait for them to be hung up.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final, TypeVar

import uvicorn
from starlette.applications import Starlette

from gateway.app import Exchange, create_app
from gateway.cli.console import err
from gateway.settings.load import LoadedSettings, load_settings, secrets_of
from gateway.settings.schema import Settings
from gateway.telemetry.log import configure_logging

ENDING_LIMIT_S: Final = 10.0
"""Seconds that calls may take to end once they were told to."""
WS_SIZE_MARGIN_BYTES: Final = 4096
"""What a message may exceed the limit by before uvicorn, not the leg with its own words, closes the socket."""

_T = TypeVar("_T")


class GatewayServer(uvicorn.Server):
    """uvicorn with a drain before its shutdown."""

    def __init__(self, app: Starlette, settings: Settings, *, host: str, port: int) -> None:
        self.exchange: Exchange = app.state.exchange
        self.listening = asyncio.Event()
        self._signals = 0
        self._drained: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http="auto",
                ws="websockets-sansio",
                ws_max_size=settings.limits.message_bytes + WS_SIZE_MARGIN_BYTES,
                ws_per_message_deflate=False,
                proxy_headers=False,
                server_header=False,
                access_log=False,
                log_config=None,
                lifespan="on",
                timeout_graceful_shutdown=10,
            )
        )

    async def open(self) -> None:
        """Prepare what calls need, so that its faults are told before the doors open.

        Raises:
            ConfigurationError: something is missing; the message names the cures.

        """
        try:
            await self.exchange.open()
        except BaseException:
            await self.exchange.close()
            raise

    @property
    def port(self) -> int:
        """The port that is listened on, once the server has started."""
        return int(self.servers[0].sockets[0].getsockname()[1])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening."""
        await super().startup(sockets)
        if self.started:
            self.listening.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on the first signal, end the calls on the second, wait for nothing on the third."""
        self._signals += 1
        then = {1: self.stop, 2: self.stop_now}.get(self._signals, self._exit)
        self._loop.call_soon_threadsafe(then)

    def stop(self) -> None:
        """Drain and then stop."""
        self._drained = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        await self.exchange.drain()
        self.should_exit = True

    def stop_now(self) -> None:
        """End the calls and stop: each is hung up at its carrier first, for which there is a limit."""
        if self._drained is None:
            self.stop()
        self.exchange.end_calls()
        self._loop.call_later(ENDING_LIMIT_S, self._exit)

    def _exit(self) -> None:
        self.should_exit = True


def serve_calls(config: Path | None, overrides: Mapping[str, Any], *, trace_wire: bool) -> None:
    """Load the settings, say what was taken, and serve until told to stop.

    Raises:
        ConfigurationError: the settings are wrong, or something that they need is missing.

    """
    loaded = load_settings(config, overrides=overrides)
    configure_logging(loaded.settings.log, trace_wire, secrets=secrets_of(loaded.settings))
    tell_settings(loaded)
    run(_serve(loaded.settings))


def tell_settings(loaded: LoadedSettings) -> None:
    """Say which settings were read, which endpoint was taken and why, and what may not be meant."""
    err.print(f"settings  {loaded.source}", markup=False, soft_wrap=True)
    err.print(f"endpoint  {loaded.default_endpoint_origin}", markup=False, soft_wrap=True)
    for note in loaded.notes:
        err.print(f"note      {note}", markup=False, soft_wrap=True)


async def _serve(settings: Settings) -> None:
    app = create_app(settings)
    server = GatewayServer(app, settings, host=settings.server.host, port=settings.server.port)
    await server.open()
    announcing = asyncio.create_task(_announce(server))
    try:
        await server.serve()
    finally:
        announcing.cancel()


async def _announce(server: GatewayServer) -> None:
    await server.listening.wait()
    err.print(
        f"ready     http://{server.config.host}:{server.port} "
        "(Twilio's voice webhook: POST /twilio/voice; health: /healthz, /readyz)",
        markup=False,
        soft_wrap=True,
    )


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """Run the program's main coroutine, on uvloop where there is one."""
    factory = uvicorn.Config(None, loop="auto", log_config=None).get_loop_factory()  # type: ignore[arg-type]
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
