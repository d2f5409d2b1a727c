"""``gateway serve``: take calls until told to stop."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.app import create_app
from gateway.cli.console import err, errors_for_humans
from gateway.cli.server import GatewayServer, run
from gateway.settings.load import LoadedSettings, load_settings, secrets_of
from gateway.telemetry.log import configure_logging

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file; else config/gateway.yaml here, else the shipped one."),
]
TraceOption = Annotated[bool, typer.Option("--trace-wire", help="Show every message, redacted; audio as byte counts.")]


def serve(
    config: ConfigOption = None,
    host: Annotated[str | None, typer.Option(help="Listen here instead of server.host.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Listen here instead of server.port.")] = None,
    endpoint: Annotated[str | None, typer.Option(help="Use this endpoint of the settings.")] = None,
    trace_wire: TraceOption = False,
) -> None:
    """Take calls: Twilio's webhooks and media streams on one side, a Realtime endpoint on the other."""
    given = {"server.host": host, "server.port": port, "endpoint": endpoint}
    overrides: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    with errors_for_humans():
        loaded = load_settings(config, overrides=overrides)
        configure_logging(loaded.settings.log, trace_wire, secrets=secrets_of(loaded.settings))
        tell_settings(loaded)
        run(_serve(loaded))


def tell_settings(loaded: LoadedSettings) -> None:
    """Say which settings were read, which endpoint was taken and why, and what may not be meant."""
    err.print(f"settings  {loaded.source}", markup=False, soft_wrap=True)
    err.print(f"endpoint  {loaded.default_endpoint_origin}", markup=False, soft_wrap=True)
    for note in loaded.notes:
        err.print(f"note      {note}", markup=False, soft_wrap=True)


async def _serve(loaded: LoadedSettings) -> None:
    settings = loaded.settings
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
