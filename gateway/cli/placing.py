"""What ``gateway call`` does: a simulated call on a running gateway, as Twilio would bring it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from gateway.cli.console import out
from gateway.cli.progress import tell
from gateway.cli.server import run
from gateway.errors import ConfigurationError
from gateway.simulator.caller import CallTarget, place_call
from gateway.simulator.carriers.twilio_webhook import TwilioCredentials
from gateway.simulator.catalogue import caller_named, names
from gateway.simulator.outcome import CallOutcome, describe
from gateway.simulator.script import Script
from gateway.simulator.script_file import load_script


def list_catalogue() -> None:
    """Print the callers that ship with the gateway."""
    for name in names():
        out.print(f"{name:22} {caller_named(name).about}", markup=False, soft_wrap=True)


def place(
    url: str, caller: str, network_ms: int, account_sid: str | None, auth_token: str | None, wav: Path | None
) -> bool:
    """Place the call and tell of it; tell whether all came true.

    Raises:
        GatewayError: it could not be placed.

    """
    script = find_script(caller)
    credentials = TwilioCredentials(account_sid, auth_token) if account_sid and auth_token else None
    outcome = run(_place(_target(url), script, network_ms, credentials))
    if wav is not None:
        outcome.write_wav(wav)
    out.print(describe(outcome), markup=False)
    return outcome.passed


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
