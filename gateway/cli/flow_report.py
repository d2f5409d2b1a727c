"""``gateway flow report``: how a flow did over a span of time, from the journals of its calls."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from gateway.cli.console import errors_for_humans, out
from gateway.cli.serve import ConfigOption
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.records.flow_report import FlowReport, StepReport

_AGO: Final = re.compile(r"(\d{1,4})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_WHEN_HELP: Final = "A day (2026-11-20), a time (2026-11-20T14:00), or how long ago (90m, 24h, 7d, 4w); UTC."


def report(
    flow: Annotated[str, typer.Argument(help="The flow.")],
    since: Annotated[str, typer.Option("--since", help=_WHEN_HELP)] = "7d",
    until: Annotated[
        str, typer.Option("--until", help=f"{_WHEN_HELP} Calls that began before it; else until now.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    config: ConfigOption = None,
) -> None:
    """Tell how a flow did: containment, and per step drop-off, retries, barge-ins and cost. Holds no caller's words."""
    from gateway.records.flow_report import as_data, journals_between, report_flow
    from gateway.settings.load import load_settings

    with errors_for_humans():
        now = datetime.now(UTC)
        first, last = moment(since, now, "--since"), moment(until, now, "--until") if until else None
        if last is not None and last <= first:
            raise ConfigurationError(f"--until {until} is not after --since {since}")
        data_dir = load_settings(config).settings.data_dir.expanduser()
        found = report_flow(flow, journals_between(data_dir, first, last))
    if as_json:
        span = {"since": first.isoformat(), "until": (last or now).isoformat()}
        out.print(json.dumps(span | as_data(found), ensure_ascii=False, indent=1), markup=False, soft_wrap=True)
    elif not found.calls:
        out.print(f"no calls on flow '{flow}' since {first:%Y-%m-%d %H:%M}", markup=False)
    else:
        _show(found)


def moment(text: str, now: datetime, what: str) -> datetime:
    """Return the moment that an option names.

    Raises:
        ConfigurationError: it is neither a day, a time nor a length of time.
    """
    ago = _AGO.fullmatch(text)
    if ago:
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{what}: '{text}' is no time; write 2026-11-20, 2026-11-20T14:00, 24h or 7d"
        ) from None
    return read if read.tzinfo is not None else read.replace(tzinfo=UTC)


def _show(found: FlowReport) -> None:
    from rich.table import Table

    from gateway.records.bill import told_cost

    contained = "unknown" if found.containment is None else f"{found.containment:.0%}"
    endings = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in found.endings.most_common())
    out.print(f"{found.flow}: {found.calls} calls, {contained} contained ({endings})", markup=False)
    out.print(f"ended by: {_counted(found.reasons)}", markup=False)
    out.print(f"cost {told_cost(found.cost.sum, found.currency)}; versions {_counted(found.bundles)}", markup=False)
    if found.events:
        out.print(f"events: {_counted(found.events)}", markup=False)
    table = Table(
        "step", "calls", "visits", "left here", "retries", "barge-in at", "lasts", "cost", "ways out",
        box=None, pad_edge=False,
    )  # fmt: skip
    for step in found.steps.values():
        cost = "" if not step.cost.known and not step.cost.unknown else told_cost(step.cost.sum, found.currency)
        table.add_row(
            step.step, str(step.calls), str(step.visits), f"{step.drop_off:.0%}" if step.dropped else "",
            _retries(step), _seconds(step.barge_in_ms, len(step.cut_at_ms)), _seconds(step.typical_ms), cost,
            _counted(step.exits),
        )  # fmt: skip
    out.print(table)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items(), key=lambda one: -one[1]))


def _retries(step: StepReport) -> str:
    return f"{step.retries_per_visit:.1f} ({_counted(step.unusable)})" if step.retries else ""


def _seconds(ms: int | None, times: int = 0) -> str:
    told = "" if ms is None else f"{ms / 1000:.1f} s"
    return f"{told} ({times} times)" if times else told
