"""``gateway call``: place a simulated call on a running gateway, as Twilio would."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.console import FAILED, errors_for_humans, out
from gateway.cli.progress import tell
from gateway.cli.server import run
from gateway.errors import ConfigurationError
from gateway.simulator.caller import CallTarget, place_call
from gateway.simulator.carriers.twilio_webhook import TwilioCredentials
from gateway.simulator.catalogue import caller_named, names
from gateway.simulator.outcome import CallOutcome, describe
from gateway.simulator.script import Script
from gateway.simulator.script_file import load_script


def call(
    url: Annotated[str, typer.Argument(help="http(s)://… of the voice webhook, or ws(s)://… of the media socket.")],
    caller: Annotated[str, typer.Option(help="A caller of the catalogue, or a script file.")] = "polite",
    network_ms: Annotated[int, typer.Option(min=0, max=2000, help="Delay each way between carrier and gateway.")] = 0,
    account_sid: Annotated[str | None, typer.Option(envvar="TWILIO_ACCOUNT_SID")] = None,
    auth_token: Annotated[str | None, typer.Option(envvar="TWILIO_AUTH_TOKEN", help="Signs what is sent.")] = None,
    wav: Annotated[Path | None, typer.Option(help="Write both sides here: caller left, heard right.")] = None,
    list_callers: Annotated[bool, typer.Option("--list", help="List the catalogue and stop.")] = False,
) -> None:
    """Place a call on a running gateway: a caller from the catalogue, or your own script. Exit 0 if all came true."""
    if list_callers:
        for name in names():
            out.print(f"{name:22} {caller_named(name).about}", markup=False)
        return
    with errors_for_humans():
        script = find_script(caller)
        credentials = TwilioCredentials(account_sid, auth_token) if account_sid and auth_token else None
        outcome = run(_place(_target(url), script, network_ms, credentials))
        if wav is not None:
            outcome.write_wav(wav)
    out.print(describe(outcome), markup=False)
    raise typer.Exit(0 if outcome.passed else FAILED)


def find_script(caller: str) -> Script:
    """Return the catalogue's caller of that name, or the script in that file.

    Raises:
        ConfigurationError: there is neither, or the script is wrong.

    """
    path = Path(caller)
    return load_script(path) if path.suffix in {".yaml", ".yml"} else caller_named(caller)


def _target(url: str) -> CallTarget:
    if url.startswith(("ws://", "wss://")):
        return CallTarget(stream_url=url)
    if url.startswith(("http://", "https://")):
        return CallTarget(voice_webhook_url=url)
    raise ConfigurationError(
        f"{url!r} is no address to call; wanted http(s)://…/twilio/voice or ws(s)://…/twilio/media"
    )


async def _place(
    target: CallTarget, script: Script, network_ms: int, credentials: TwilioCredentials | None
) -> CallOutcome:
    async with asyncio.timeout(3600):
        return await place_call(target, script, network_ms=network_ms, credentials=credentials, on_event=tell)
