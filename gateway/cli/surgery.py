"""What ``gateway doctor`` does: examine, perhaps call itself, and tell of it as a table or as JSON."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from rich.markup import escape

from gateway.cli.console import out
from gateway.cli.demonstration import call_to_oneself
from gateway.cli.server import run
from gateway.doctor.examination import examine
from gateway.doctor.finding import Finding, Mark, Report, failed, ok
from gateway.errors import GatewayError
from gateway.settings.load import LoadedSettings, load_settings, secrets_of
from gateway.settings.schema import LogSettings
from gateway.simulator.carriers.twilio_webhook import TwilioCredentials
from gateway.simulator.catalogue import caller_named
from gateway.simulator.rest import TwilioRest
from gateway.simulator.script import Agent, EndedBy, Expect, HangUp, Script, WaitForAgent
from gateway.speech.engines import missing
from gateway.telemetry.log import configure_logging

_MARKS: Final = {Mark.OK: "[green]✔[/green]", Mark.NOTE: "[yellow]![/yellow]", Mark.FAILED: "[red]✘[/red]"}
_NAME_WIDTH: Final = 22
_LISTENER: Final = Script(
    name="listener",
    steps=(WaitForAgent(Agent.TO_FINISH), HangUp()),
    expect=Expect(ended_by=EndedBy.CALLER),
)
"""Who calls where there is no local voice: hears the greeting to its end and hangs up."""


def consult(config: Path | None, endpoint: str | None, *, live: bool, as_json: bool) -> bool:
    """Examine, tell of it, and tell whether all is well."""
    configure_logging(LogSettings(level="error"), False)
    report = run(_consult(config, endpoint, live=live, quiet=as_json))
    if as_json:
        out.print(json.dumps(_as_json(report), indent=2, ensure_ascii=False), markup=False, soft_wrap=True)
    else:
        _conclude(report)
    return report.is_well


async def _consult(config: Path | None, endpoint: str | None, *, live: bool, quiet: bool) -> Report:
    def tell(finding: Finding) -> None:
        if not quiet:
            _print(finding)

    report, loaded = await examine(config, endpoint=endpoint, tell=tell)
    if live and loaded is not None and report.is_well:
        finding = await call_oneself(config, endpoint, loaded.settings.persona, quiet=quiet)
        report.findings.append(finding)
        tell(finding)
    return report


async def call_oneself(config: Path | None, endpoint: str | None, persona: str, *, quiet: bool) -> Finding:
    """Place one call on these settings, on a port and with a carrier's account of its own, and judge it."""
    credentials = TwilioCredentials("AC" + secrets.token_hex(16), secrets.token_hex(16))
    script = _LISTENER if missing() else caller_named("polite")
    async with TwilioRest(credentials) as rest:
        try:
            chosen = {} if endpoint is None else {"endpoint": endpoint, f"personas.{persona}.endpoint": endpoint}
            loaded = _for_a_self_call(config, chosen, credentials, rest)
            outcome, papers = await call_to_oneself(loaded, script, 0, credentials, rest, quiet=quiet)
        except GatewayError as error:
            return failed("live call", str(error), "run gateway demo for a closer look")
    wrong = [f"{check.name}: {check.found}" for check in outcome.checks if not check.passed]
    if wrong or not outcome.checks:
        papers_at = f"; its papers: {papers[0].with_suffix('')}.*" if papers else ""
        return failed("live call", "; ".join(wrong) or outcome.why, f"look at what was said and heard{papers_at}")
    answered = [response.latency_ms for response in outcome.responses if response.latency_ms is not None]
    after = f"; answers after {', '.join(f'{ms:.0f}' for ms in answered)} ms" if answered else ""
    return ok("live call", f"the caller {script.name!r} was served in {outcome.ended_ms / 1000:.0f} s{after}")


def _for_a_self_call(
    config: Path | None, chosen: Mapping[str, str], credentials: TwilioCredentials, rest: TwilioRest
) -> LoadedSettings:
    overrides: dict[str, Any] = {
        "server.host": "127.0.0.1",
        "server.port": 0,
        "server.public_url": None,
        "server.auth": "on",
        "log.level": "error",
        "carriers.twilio.account_sid": credentials.account_sid,
        "carriers.twilio.auth_token": credentials.auth_token,
        "carriers.twilio.api_base": rest.base_url,
        **chosen,
    }
    loaded = load_settings(config, overrides=overrides)
    configure_logging(LogSettings(level="error"), False, secrets=secrets_of(loaded.settings))
    return loaded


def _print(finding: Finding) -> None:
    out.print(f"{_MARKS[finding.mark]} {escape(finding.check):{_NAME_WIDTH}} {escape(finding.said)}", soft_wrap=True)
    if finding.fix:
        out.print(f"  {'':{_NAME_WIDTH}} [bold]→[/bold] {escape(finding.fix)}", soft_wrap=True)


def _conclude(report: Report) -> None:
    failures = sum(finding.mark is Mark.FAILED for finding in report.findings)
    words = "all is well" if not failures else f"{failures} thing{'s' if failures > 1 else ''} to mend"
    out.print(f"\n{words}", markup=False)


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "ok": report.is_well,
        "findings": [
            {"check": found.check, "status": str(found.mark), "said": found.said, "fix": found.fix}
            for found in report.findings
        ],
        "figures": report.figures,
    }
