"""What ``gateway demo`` does: a whole call on this machine.

The real server on a loopback port, the embedded model in its own process, and a scripted caller who speaks Twilio's
wire with signatures, webhook and all: greeted, answered, interrupts, hears the goodbye. What the call left behind is
named at the end; the exit status is 0 only if the call was what the script demanded.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from gateway.app import Exchange, create_app
from gateway.cli.console import out
from gateway.cli.placing import find_script
from gateway.cli.progress import Live, tell
from gateway.cli.server import GatewayServer, run, tell_settings
from gateway.contracts.record import AnyRecord
from gateway.records.journal import read_journal
from gateway.records.summary import summarise
from gateway.settings.load import LoadedSettings, demo_settings, secrets_of
from gateway.simulator.caller import CallTarget, place_call
from gateway.simulator.carriers.twilio_webhook import TwilioCredentials
from gateway.simulator.outcome import CallOutcome, Check
from gateway.simulator.rest import TwilioRest
from gateway.simulator.script import Script
from gateway.simulator.script_file import parse_script
from gateway.telemetry.log import configure_logging

PAPERS: Final = 4
"""Journal, recording, timeline, transcript."""


def demonstrate(
    caller: str | None, config: Path | None, endpoint: str | None, network_ms: int, to: Path, *, trace_wire: bool
) -> bool:
    """Place the call, tell of it as it happens, keep its papers in ``to``; tell whether all came true.

    Raises:
        GatewayError: it could not be placed.

    """
    credentials = TwilioCredentials("AC" + secrets.token_hex(16), secrets.token_hex(16))
    script = _shipped_script() if caller is None else find_script(caller)
    outcome, papers = run(_demo(script, config, endpoint, network_ms, credentials, trace_wire=trace_wire))
    kept = keep(papers, to)
    checks = [*outcome.checks, *(_gateways_side(kept) if caller is None else [])]
    out.print()
    for check in checks:
        mark = "[green]✓[/green]" if check.passed else "[red]✗[/red]"
        out.print(f"{mark} {check.name}: {check.found}", soft_wrap=True)
    if not checks:
        out.print(f"[red]✗[/red] {outcome.why}")
    out.print()
    for path in kept:
        out.print(f"{path}", markup=False, soft_wrap=True)
    return bool(checks) and all(check.passed for check in checks)


def _shipped_script() -> Script:
    text = resources.files("gateway.cli").joinpath("demo.yaml").read_text(encoding="utf-8")
    return parse_script(text, "demo.yaml")


def _gateways_side(kept: list[Path]) -> list[Check]:
    """Return what the shipped call must have come to by the gateway's own journal, or by its absence."""
    journal = next((path for path in kept if path.suffix == ".jsonl"), None)
    summary = summarise(read_journal(journal)) if journal is not None else None
    barge_ins = len(summary.interruptions) if summary else 0
    tools = [tool.name for tool in summary.tools] if summary else []
    ending = summary.ending if summary else "no journal"
    return [
        Check("the model was interrupted", barge_ins >= 1, "at least once", f"{barge_ins}"),
        Check("the model called a tool", bool(tools), "at least one", ", ".join(tools) or "none"),
        Check("the call ended with a goodbye", ending == "agent/goodbye", "agent/goodbye", str(ending)),
        Check("papers", len(kept) == PAPERS, f"{PAPERS} files", f"{len(kept)} files"),
    ]


@dataclass(slots=True)
class _Watcher:
    """Notes which call it was, and tells of it."""

    call_id: str = ""
    live: Live | None = None
    quiet: bool = False

    def __call__(self, call_id: str) -> _Watcher:
        self.call_id, self.live = call_id, None if self.quiet else Live()
        return self

    def accept(self, record: AnyRecord) -> None:
        if self.live is not None:
            self.live.accept(record)

    async def close(self) -> None:
        """Nothing is kept back."""


async def _demo(
    script: Script,
    config: Path | None,
    endpoint: str | None,
    network_ms: int,
    credentials: TwilioCredentials,
    *,
    trace_wire: bool,
) -> tuple[CallOutcome, list[Path]]:
    async with TwilioRest(credentials) as rest:
        overrides: dict[str, Any] = {
            "server.host": "127.0.0.1",
            "server.port": 0,
            "server.public_url": None,
            "server.auth": "on",
            "log.level": "warning",
            "carriers.twilio.account_sid": credentials.account_sid,
            "carriers.twilio.auth_token": credentials.auth_token,
            "carriers.twilio.api_base": rest.base_url,
        }
        loaded = demo_settings(config, overrides=overrides, endpoint=endpoint)
        configure_logging(loaded.settings.log, trace_wire, secrets=secrets_of(loaded.settings))
        tell_settings(loaded)
        return await call_to_oneself(loaded, script, network_ms, credentials, rest)


async def call_to_oneself(
    loaded: LoadedSettings,
    script: Script,
    network_ms: int,
    credentials: TwilioCredentials,
    rest: TwilioRest,
    *,
    quiet: bool = False,
) -> tuple[CallOutcome, list[Path]]:
    """Serve on a loopback port, place one call there, and return what came of it and what it left behind.

    ``quiet`` prints nothing of it.

    Raises:
        GatewayError: the gateway could not start, or the call could not be placed.

    """
    settings = loaded.settings
    watcher = _Watcher(quiet=quiet)
    exchange = Exchange(settings, watch=watcher)
    server = GatewayServer(create_app(settings, exchange=exchange), settings, host="127.0.0.1", port=0)
    await server.open()
    serving = asyncio.create_task(server.serve())
    await server.listening.wait()
    try:
        target = CallTarget(voice_webhook_url=f"http://127.0.0.1:{server.port}/twilio/voice")
        outcome = await place_call(
            target,
            script,
            network_ms=network_ms,
            credentials=credentials,
            rest=rest,
            on_event=None if quiet else tell,
        )
    finally:
        server.stop()
        await serving
    assert exchange.archive.data_dir is not None
    papers = sorted(exchange.archive.data_dir.calls.glob(f"*/{watcher.call_id}.*")) if watcher.call_id else []
    return outcome, papers


def keep(papers: list[Path], to: Path) -> list[Path]:
    """Copy a call's papers to where they are easily found, under plain names."""
    to.mkdir(parents=True, exist_ok=True)
    kept = []
    for paper in papers:
        kept.append(to / f"call{paper.suffix}")
        shutil.copyfile(paper, kept[-1])
    return kept
