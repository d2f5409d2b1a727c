"""``gateway call``: place a simulated call on a running gateway, as Twilio would."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.console import FAILED, MISCONFIGURED, err, errors_for_humans


def call(
    url: Annotated[
        str, typer.Argument(help="http(s)://… of the voice webhook, or ws(s)://… of the media socket.")
    ] = "",
    caller: Annotated[str, typer.Option(help="A caller of the catalogue, or a script file.")] = "polite",
    network_ms: Annotated[int, typer.Option(min=0, max=2000, help="Delay each way between carrier and gateway.")] = 0,
    account_sid: Annotated[str | None, typer.Option(envvar="TWILIO_ACCOUNT_SID")] = None,
    auth_token: Annotated[str | None, typer.Option(envvar="TWILIO_AUTH_TOKEN", help="Signs what is sent.")] = None,
    wav: Annotated[Path | None, typer.Option(help="Write both sides here: caller left, heard right.")] = None,
    list_callers: Annotated[bool, typer.Option("--list", help="List the catalogue and stop.")] = False,
) -> None:
    """Place a call on a running gateway: a caller from the catalogue, or your own script. Exit 0 if all came true."""
    from gateway.cli.placing import list_catalogue, place  # the simulator is no business of the other commands

    if list_callers:
        list_catalogue()
        return
    if not url:
        err.print("error say where to call, such as http://127.0.0.1:8000/twilio/voice; --list shows who can call")
        raise typer.Exit(MISCONFIGURED)
    with errors_for_humans():
        came_true = place(url, caller, network_ms, account_sid, auth_token, wav)
    raise typer.Exit(0 if came_true else FAILED)
