"""``gateway doctor``: what is wrong, and what to do about it, before a caller finds out."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli.console import FAILED, errors_for_humans
from gateway.cli.serve import ConfigOption


def doctor(
    config: ConfigOption = None,
    endpoint: Annotated[str | None, typer.Option(help="Look at this endpoint alone.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Also place one call to yourself, and judge it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of the table.")] = False,
) -> None:
    """Check settings, keys, network, clock, port, disk and a real session; say how to mend what is wrong.

    Exit status 1 if anything failed.
    """
    from gateway.cli.surgery import consult  # the network and the simulator are no business of --help

    with errors_for_humans():
        is_well = consult(config, endpoint, live=live, as_json=as_json)
    raise typer.Exit(0 if is_well else FAILED)
