"""``gateway demo``: a whole call on this machine, from one command."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.console import FAILED, errors_for_humans
from gateway.cli.serve import ConfigOption, TraceOption


def demo(
    caller: Annotated[str | None, typer.Option(help="A caller of the catalogue, or a script file.")] = None,
    config: ConfigOption = None,
    endpoint: Annotated[str | None, typer.Option(help="Talk to this endpoint of the settings instead.")] = None,
    network_ms: Annotated[int, typer.Option(min=0, max=2000, help="Delay each way between carrier and gateway.")] = 20,
    to: Annotated[Path, typer.Option(help="Where WAV, transcript, timeline and journal go.")] = Path("demo"),
    trace_wire: TraceOption = False,
    flow: Annotated[str | None, typer.Option(help="Call this flow of ivr_flows instead; a guest asks it.")] = None,
) -> None:
    """Place a real call on this machine: gateway, local model and a caller who interrupts. No account, no key."""
    from gateway.cli.demonstration import demonstrate  # the simulator is no business of the other commands

    with errors_for_humans():
        if flow is not None:
            from gateway.cli.flow_calls import call_flow

            kept = call_flow(flow, caller or "guest", Path("ivr_flows"), config, endpoint, network_ms, to)
            raise typer.Exit(0 if kept else FAILED)
        came_true = demonstrate(caller, config, endpoint, network_ms, to, trace_wire=trace_wire)
    raise typer.Exit(0 if came_true else FAILED)
