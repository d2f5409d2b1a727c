"""``gateway flow fuzz``: random walks through a flow, and what must hold in all of them."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from gateway.cli.console import FAILED, errors_for_humans, out
from gateway.cli.flow_files import FLOWS, FolderOption, flow_named, load_flows


def fuzz(
    name: Annotated[str, typer.Argument(help="The flow.")],
    runs: Annotated[int, typer.Option(min=1, max=1_000_000, help="How many walks.")] = 500,
    seed: Annotated[int, typer.Option(help="Where to begin: walk N of a run has the seed SEED + N.")] = 0,
    folder: FolderOption = FLOWS,
) -> None:
    """Walk a flow at random. Exit status 1 if something that must always hold did not; its seed walks it again."""
    from gateway.flows.rehearsal.coverage import Coverage
    from gateway.flows.rehearsal.walking import walk

    with errors_for_humans():
        flow = flow_named(load_flows(folder), name)
    coverage, endings, breaches = Coverage(flow), Counter[str](), dict[str, int]()
    for number in range(seed, seed + runs):
        found = walk(flow, number)
        coverage.add(found.watch.tells)
        endings[found.ended or "no end"] += 1
        for breach in found.breaches:
            breaches.setdefault(breach, number)
    for breach, number in breaches.items():
        out.print("[red]breach[/red] ", end="")
        out.print(f"{breach}; again with --seed {number} --runs 1", markup=False, soft_wrap=True)
    ended = ", ".join(f"{count} {reason}" for reason, count in endings.most_common())
    out.print(
        f"{name}: {runs} walks, {len(breaches)} breaches; {coverage.share_of_steps:.0f}% of steps, "
        f"{coverage.share_of_exits:.0f}% of exits; ended: {ended}",
        markup=False,
        soft_wrap=True,
    )
    if coverage.missing_steps:
        out.print(f"  no walk came by: {', '.join(coverage.missing_steps)}", markup=False, soft_wrap=True)
    if breaches:
        raise typer.Exit(FAILED)
