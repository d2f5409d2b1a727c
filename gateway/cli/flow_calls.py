"""What ``gateway flow call`` and ``cost`` do: a spoken call on a flow, on this machine, and what it used."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Final

from gateway.cli.console import out
from gateway.cli.demonstration import call_to_oneself, keep
from gateway.cli.placing import find_script
from gateway.cli.server import run, tell_settings
from gateway.errors import ConfigurationError
from gateway.records.journal import JournalEntry, read_journal
from gateway.settings.load import demo_settings, secrets_of
from gateway.simulator.caller import CallTarget
from gateway.simulator.carriers.twilio_webhook import TwilioCredentials
from gateway.simulator.outcome import CallOutcome
from gateway.simulator.rest import TwilioRest
from gateway.simulator.script import Agent, Script, StaySilent, WaitForAgent
from gateway.simulator.script_file import parse_script
from gateway.telemetry.log import configure_logging

GUEST: Final = "guest"
LISTENER: Final = Script(
    name="listener",
    about="hears the first prompt, says nothing, and stays for a while",
    steps=(WaitForAgent(Agent.TO_FINISH), StaySilent(8000)),
    limit_ms=60_000,
)


def call_flow(
    flow: str, caller: str | None, folder: Path, config: Path | None, endpoint: str | None, network_ms: int, to: Path
) -> bool:
    """Place the call, tell of it, keep its papers in ``to``; tell whether the script came true.

    Raises:
        GatewayError: it could not be placed.

    """
    script = LISTENER if caller is None else guest() if caller == GUEST else find_script(caller)
    outcome, papers = run(_call(flow, script, folder, config, endpoint, network_ms))
    kept = keep(papers, to)
    journal = next((path for path in kept if path.suffix == ".jsonl"), None)
    steps = steps_of(read_journal(journal)) if journal is not None else []
    out.print()
    out.print(f"steps: {' → '.join(steps) or 'none'}", markup=False, soft_wrap=True)
    for check in outcome.checks:
        mark = "[green]✓[/green]" if check.passed else "[red]✗[/red]"
        out.print(f"{mark} {check.name}: {check.found}", soft_wrap=True)
    for path in kept:
        out.print(f"{path}", markup=False, soft_wrap=True)
    return bool(steps) and all(check.passed for check in outcome.checks)


def guest() -> Script:
    """Return the caller of the demonstration, who asks a restaurant for its hours."""
    text = resources.files("gateway.cli").joinpath("demo_flow.yaml").read_text(encoding="utf-8")
    return parse_script(text, "demo_flow.yaml")


async def _call(
    flow: str, script: Script, folder: Path, config: Path | None, endpoint: str | None, network_ms: int
) -> tuple[CallOutcome, list[Path]]:
    credentials = TwilioCredentials("AC" + secrets.token_hex(16), secrets.token_hex(16))
    dialed = CallTarget(stream_url="ws://nowhere").dialed_number
    async with TwilioRest(credentials) as rest:
        overrides: dict[str, Any] = {
            "server.host": "127.0.0.1",
            "server.port": 0,
            "server.public_url": None,
            "server.auth": "on",
            "log.level": "warning",
            "flows.folder": str(folder),
            "flows.watch": False,
            "flows.exact": "read",  # a rehearsal: nothing has been rendered for the voice on this machine
            f"numbers.{dialed}.flow": flow,
            "carriers.twilio.account_sid": credentials.account_sid,
            "carriers.twilio.auth_token": credentials.auth_token,
            "carriers.twilio.api_base": rest.base_url,
        }
        loaded = demo_settings(config, overrides=overrides, endpoint=endpoint)
        configure_logging(loaded.settings.log, False, secrets=secrets_of(loaded.settings))
        tell_settings(loaded)
        return await call_to_oneself(loaded, script, network_ms, credentials, rest)


# --- cost ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Tokens:
    """What was used, in tokens; cached is a part of input."""

    responses: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0

    def add(self, entry: JournalEntry) -> None:
        """Add one response's."""
        self.responses += 1
        self.input += entry.count("input_text") + entry.count("input_audio")
        self.cached += entry.count("cached_text") + entry.count("cached_audio")
        self.output += entry.count("output_text") + entry.count("output_audio")

    @property
    def cached_share(self) -> float:
        """Which part of what went in was cached, from 0 to 1."""
        return self.cached / self.input if self.input else 0.0


def tokens_by_step(entries: Sequence[JournalEntry]) -> dict[str, Tokens]:
    """Return what a call used by the step that it was used for; ``(no step)`` outside a flow."""
    used: dict[str, Tokens] = defaultdict(Tokens)
    for entry in entries:
        if entry.event == "tokens_used":
            used[entry.text("step") or "(no step)"].add(entry)
    return dict(used)


def steps_of(entries: Sequence[JournalEntry]) -> list[str]:
    """Return the steps that a call entered, in order."""
    entered = (entry for entry in entries if entry.event == "flow" and entry.text("name") == "step_entered")
    return [entry.text("step") for entry in entered]


def print_cost(journals: Sequence[Path]) -> None:
    """Print a table of tokens by step, over all calls.

    Raises:
        ConfigurationError: a journal is not there.

    """
    total: dict[str, Tokens] = defaultdict(Tokens)
    whole = Tokens()
    for path in journals:
        if not path.is_file():
            raise ConfigurationError(f"{path}: there is no such journal; they are in data_dir/calls")
        for step, used in tokens_by_step(read_journal(path)).items():
            for name in ("responses", "input", "cached", "output"):
                setattr(total[step], name, getattr(total[step], name) + getattr(used, name))
                setattr(whole, name, getattr(whole, name) + getattr(used, name))
    out.print(f"{'step':28} {'responses':>9} {'in':>8} {'cached':>8} {'share':>6} {'out':>8}", markup=False)
    for step, used in [*total.items(), ("all", whole)]:
        counts = f"{used.responses:>9} {used.input:>8} {used.cached:>8} {used.cached_share:>6.0%} {used.output:>8}"
        out.print(f"{step:28} {counts}", markup=False)
