"""``gateway serve``: take calls until told to stop."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated, Any

import typer

from gateway.cli.console import errors_for_humans

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
    tls: Annotated[
        str | None, typer.Option(help="'self-signed': HTTPS with a certificate of this machine's own, for a phone.")
    ] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="HTTPS with this certificate (PEM, whole chain).")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its private key (PEM).")] = None,
    trace_wire: TraceOption = False,
) -> None:
    """Take calls: Twilio's webhooks and media streams on one side, a Realtime endpoint on the other."""
    gc.disable()  # starting makes many objects and no garbage; once it listens the server switches it on again
    from gateway.cli.server import serve_calls, tls_wish  # so that --help does not wait for the audio path

    given = {"server.host": host, "server.port": port, "endpoint": endpoint}
    overrides: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    with errors_for_humans():
        wanted = tls_wish(tls, tls_certificate, tls_key)
        serve_calls(config, overrides, trace_wire=trace_wire, tls=wanted)
