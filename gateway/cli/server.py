"""Running the application: uvicorn, set up for media streams, and a SIGTERM that lets calls finish.

The first SIGTERM or SIGINT drains: no longer ready, no new calls, live ones go on up to ``server.drain_s``, then exit
with 0. A second one ends the calls at once; a third does not wait for them to be hung up.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from collections.abc import Coroutine, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final, Literal, TypeVar

import uvicorn
from starlette.applications import Starlette

from gateway.app import Exchange, create_app
from gateway.cli.console import err
from gateway.cli.tls import Certificate, network_address, own_names, self_signed
from gateway.errors import ConfigurationError
from gateway.settings.load import LoadedSettings, load_settings, secrets_of
from gateway.settings.schema import Settings
from gateway.telemetry.log import configure_logging

ENDING_LIMIT_S: Final = 10.0
"""Seconds that calls may take to end once they were told to."""
WS_SIZE_MARGIN_BYTES: Final = 4096
"""What a message may exceed the limit by before uvicorn, not the leg with its own words, closes the socket."""

_T = TypeVar("_T")


def _is_no_false_alarm(record: logging.LogRecord) -> bool:
    """Leave out what uvicorn 0.54 says of every upgrade that is refused with an answer of its own, rightly so."""
    return "without completing handshake" not in record.getMessage()


class GatewayServer(uvicorn.Server):
    """uvicorn with a drain before its shutdown."""

    def __init__(
        self, app: Starlette, settings: Settings, *, host: str, port: int, tls: Certificate | None = None
    ) -> None:
        self.exchange: Exchange = app.state.exchange
        self.listening = asyncio.Event()
        self._signals = 0
        self._drained: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        logging.getLogger("uvicorn.error").addFilter(_is_no_false_alarm)
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http="auto",
                ws="websockets-sansio",
                ws_max_size=largest_message(settings) + WS_SIZE_MARGIN_BYTES,
                ws_per_message_deflate=False,
                proxy_headers=False,
                server_header=False,
                access_log=False,
                log_config=None,
                lifespan="on",
                ssl_certfile=None if tls is None else tls.certificate,
                ssl_keyfile=None if tls is None else str(tls.key),
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


def largest_message(settings: Settings) -> int:
    """Return the bytes of the largest message that any door takes; each door has a limit of its own below it."""
    sizes = [settings.limits.message_bytes]
    if settings.browser.enabled:
        sizes.append(settings.browser.message_bytes)
    if settings.proxy.enabled:
        sizes.append(settings.proxy.message_bytes)
    return max(sizes)


def tls_wish(
    word: str | None, certificate: Path | None, key: Path | None
) -> Certificate | Literal["self-signed"] | None:
    """Return what the options of ``gateway serve`` say of TLS.

    Raises:
        ConfigurationError: they contradict one another, or name no files.

    """
    if word is not None:
        if word != "self-signed" or certificate is not None or key is not None:
            raise ConfigurationError(
                f"--tls {word}: wanted self-signed, or --tls-certificate and --tls-key with files of your own"
            )
        return "self-signed"
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        raise ConfigurationError("--tls-certificate and --tls-key belong together; give both")
    for option, path in (("--tls-certificate", certificate), ("--tls-key", key)):
        if not path.is_file():
            raise ConfigurationError(f"{option}: there is no file {path}; wanted a PEM file")
    return Certificate(certificate, key, ())


def serve_calls(
    config: Path | None,
    overrides: Mapping[str, Any],
    *,
    trace_wire: bool,
    tls: Certificate | Literal["self-signed"] | None = None,
) -> None:
    """Load the settings, say what was taken, and serve until told to stop.

    Raises:
        ConfigurationError: the settings are wrong, or something that they need is missing.

    """
    loaded = _loaded(config, overrides, in_this_network=tls == "self-signed")
    if tls == "self-signed":
        names = own_names(loaded.settings.server.host)
        tls = self_signed(loaded.settings.data_dir, names)
    configure_logging(loaded.settings.log, trace_wire, secrets=secrets_of(loaded.settings))
    tell_settings(loaded)
    run(_serve(loaded.settings, tls))


def _loaded(config: Path | None, overrides: Mapping[str, Any], *, in_this_network: bool) -> LoadedSettings:
    """Return the settings; ``in_this_network`` makes up a ``public_url`` where one is needed and there is none.

    It is what a phone in the same network types in; carriers could not reach this machine there anyway.
    """
    try:
        return load_settings(config, overrides=overrides)
    except ConfigurationError:
        if not in_this_network:
            raise
        server = load_settings(config, overrides={**overrides, "server.host": "127.0.0.1"}).settings.server
        if server.public_url is not None or not server.port:
            raise
        url = f"https://{network_address()}:{server.port}"
        return load_settings(config, overrides={**overrides, "server.public_url": url})


def tell_settings(loaded: LoadedSettings) -> None:
    """Say which settings were read, which endpoint was taken and why, and what may not be meant."""
    err.print(f"settings  {loaded.source}", markup=False, soft_wrap=True)
    err.print(f"endpoint  {loaded.default_endpoint_origin}", markup=False, soft_wrap=True)
    for note in loaded.notes:
        err.print(f"note      {note}", markup=False, soft_wrap=True)


async def _serve(settings: Settings, tls: Certificate | None) -> None:
    app = create_app(settings)
    server = GatewayServer(app, settings, host=settings.server.host, port=settings.server.port, tls=tls)
    await server.open()
    announcing = asyncio.create_task(_announce(server, tls))
    try:
        await server.serve()
    finally:
        announcing.cancel()


async def _announce(server: GatewayServer, tls: Certificate | None) -> None:
    await server.listening.wait()
    # What was imported stays: no collection looks at it again, which also shortens those within calls.
    gc.freeze()
    gc.enable()
    scheme = "http" if tls is None else "https"
    for name in () if tls is None else tls.names:
        address = f"[{name}]" if ":" in name else name
        err.print(f"page      https://{address}:{server.port}/", markup=False, soft_wrap=True)
    err.print(
        f"ready     {scheme}://{server.config.host}:{server.port} "
        "(Twilio's voice webhook: POST /twilio/voice; health: /healthz, /readyz)",
        markup=False,
        soft_wrap=True,
    )


def run(main: Coroutine[Any, Any, _T]) -> _T:
    """Run the program's main coroutine, on uvloop where there is one."""
    factory = uvicorn.Config(None, loop="auto", log_config=None).get_loop_factory()  # type: ignore[arg-type]
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
