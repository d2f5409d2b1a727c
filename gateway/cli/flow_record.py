"""``gateway flow record``: a redacted real call becomes a test."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import errors_for_humans, out
from gateway.cli.flow_files import FLOWS, FolderOption, flow_named, load_flows
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.flows.model import Flow
    from gateway.records.journal import JournalEntry


def record(
    journal: Annotated[Path, typer.Argument(help="The call's journal, a .jsonl file.")],
    name: Annotated[str, typer.Option(help="What the test is called.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; standard output otherwise.")] = None,
    folder: FolderOption = FLOWS,
) -> None:
    """Make a test that goes the way of a call. What was masked in the journal is made up."""
    from gateway.flows.rehearsal.recorded import EVENT, FlowRecord, recorded_test
    from gateway.records.journal import read_journal

    with errors_for_humans():
        if not journal.is_file():
            raise ConfigurationError(f"{journal} is not there; give the .jsonl file of a call")
        entries = read_journal(journal)
        of_flow = [entry for entry in entries if entry.event == EVENT]
        if not of_flow:
            raise ConfigurationError(f"{journal} has nothing of a flow in it; a persona took that call")
        flow = flow_named(load_flows(folder), of_flow[0].text("flow"))
        records = [FlowRecord(entry.at_ms, entry.text("name"), entry.text("step"), _facts(entry)) for entry in of_flow]
        text = recorded_test(flow, records, name or f"as in {journal.stem}", _started(entries, flow))
        if output is not None:
            output.write_text(text, encoding="utf-8")
            out.print(f"written: {output}", markup=False)
        else:
            out.print(text, markup=False, soft_wrap=True, end="")


def _facts(entry: JournalEntry) -> dict[str, object]:
    facts = entry.fields.get("facts")
    return dict(facts) if isinstance(facts, dict) else {}


def _started(entries: list[JournalEntry], flow: Flow) -> datetime | None:
    """Return when the call came, in the flow's zone."""
    from zoneinfo import ZoneInfo

    started = next((entry.fields.get("started_at_s") for entry in entries if entry.event == "call_started"), None)
    if not isinstance(started, int | float):
        return None
    first = next(iter(flow.calendars.values()), None)
    return datetime.fromtimestamp(started, UTC).astimezone(ZoneInfo(first.zone if first is not None else "UTC"))
