"""``gateway flow`` for flows that are live: render prompts, place a spoken call, see the cost, roll out and pin."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.console import FAILED, errors_for_humans
from gateway.cli.flow import FLOWS, FolderOption
from gateway.cli.serve import ConfigOption

FlowArgument = Annotated[str, typer.Argument(help="The flow's id.")]


def render(
    flow: FlowArgument,
    folder: FolderOption = FLOWS,
    config: ConfigOption = None,
    endpoint: Annotated[str | None, typer.Option(help="Whose voice; else the one that answers the flow.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before it costs.")] = False,
) -> None:
    """Render a flow's static prompts with its voice, once; each is verified, and kept by the hash of what it says."""
    from gateway.cli.rendering import render_flow

    with errors_for_humans():
        complete = render_flow(flow, folder, config, endpoint, ask=None if yes else typer.confirm)
    raise typer.Exit(0 if complete else FAILED)


def call(
    flow: FlowArgument,
    caller: Annotated[str | None, typer.Option(help="A caller's script; else one that answers by keys.")] = None,
    folder: FolderOption = FLOWS,
    config: ConfigOption = None,
    endpoint: Annotated[str | None, typer.Option(help="Talk to this endpoint of the settings instead.")] = None,
    network_ms: Annotated[int, typer.Option(min=0, max=2000, help="Delay each way between carrier and gateway.")] = 20,
    to: Annotated[Path, typer.Option(help="Where WAV, transcript, timeline and journal go.")] = Path("demo"),
) -> None:
    """Place a spoken call on a flow, on this machine: real sockets, a simulated carrier, and the steps it took."""
    from gateway.cli.flow_calls import call_flow

    with errors_for_humans():
        came_true = call_flow(flow, caller, folder, config, endpoint, network_ms, to)
    raise typer.Exit(0 if came_true else FAILED)


def cost(
    journals: Annotated[list[Path], typer.Argument(help="Journals of calls (data_dir/calls/…/*.jsonl).")],
) -> None:
    """Print tokens by step, and which share of what went in was cached, as the endpoint counted."""
    from gateway.cli.flow_calls import print_cost

    with errors_for_humans():
        print_cost(journals)


def bundles(config: ConfigOption = None) -> None:
    """List the bundles that are kept, and what of them answers."""
    from gateway.cli.rollouts import list_bundles

    with errors_for_humans():
        list_bundles(config)


def rollout(
    flow: FlowArgument,
    percent: Annotated[int, typer.Option(min=0, max=100, help="Share of calls; 100 and 0 end the rollout.")],
    candidate: Annotated[str, typer.Option(help="The bundle that takes the share; else the newest.")] = "",
    stable: Annotated[str, typer.Option(help="The bundle that takes the rest; else the one before the newest.")] = "",
    config: ConfigOption = None,
) -> None:
    """Give a share of a flow's calls to one bundle and the rest to another; a running gateway takes it at once."""
    from gateway.cli.rollouts import roll_out

    with errors_for_humans():
        roll_out(config, flow, percent, candidate, stable)


def pin(
    number: Annotated[str, typer.Argument(help="The dialled number, as the carrier writes it.")],
    bundle: Annotated[str, typer.Argument(help="The bundle's first characters; 'none' unpins.")],
    config: ConfigOption = None,
) -> None:
    """Let one number be answered by one bundle, whatever goes live."""
    from gateway.cli.rollouts import pin_number

    with errors_for_humans():
        pin_number(config, number, bundle)


def add_to(app: typer.Typer) -> None:
    """Add these commands to ``gateway flow``."""
    for name, command in (
        ("render", render),
        ("call", call),
        ("cost", cost),
        ("bundles", bundles),
        ("rollout", rollout),
        ("pin", pin),
    ):
        app.command(name)(command)
