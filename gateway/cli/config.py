"""``gateway config``: look at the settings before they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer

from gateway.cli.console import MISCONFIGURED, err, errors_for_humans, out
from gateway.cli.serve import ConfigOption

if TYPE_CHECKING:
    from rich.table import Table

    from gateway.contracts.model import ModelCapabilities

config_app = typer.Typer(no_args_is_help=True, help="Look at the settings: schema, check.")


@config_app.command()
def schema() -> None:
    """Print the settings' JSON Schema, for editors."""
    from gateway.settings.editors import describe_schema

    out.print(describe_schema(), end="", markup=False, soft_wrap=True)


@config_app.command()
def check(config: ConfigOption = None) -> None:
    """Check the settings file; every fault with its line and the nearest right word. Exit status 2 if there is one.

    Then show what the endpoints in use can do, and which settings they have not.
    """
    from gateway.realtime.shortfalls import endpoints_able, shortfalls
    from gateway.settings.load import load_settings

    with errors_for_humans():
        loaded = load_settings(config)
        able = endpoints_able(loaded.settings)
        lacking = shortfalls(loaded.settings)
    out.print(f"[green]ok[/green] {loaded.source}")
    out.print(f"endpoint: {loaded.default_endpoint_origin}", markup=False)
    out.print(_table(able))
    for note in (*loaded.notes, *lacking):
        err.print(f"note: {note}", markup=False)
    if not loaded.settings.personas:
        raise typer.Exit(MISCONFIGURED)


def _table(able: Mapping[str, ModelCapabilities]) -> Table:
    """Return what endpoints can do, a column each."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 3, 0, 0))
    can = able.values()
    for heading, facts in {
        "endpoint": able.keys(),
        "takes": [", ".join(map(str, one.input_formats)) for one in can],
        "gives": [", ".join(map(str, one.output_formats)) for one in can],
        "truncates": [_yes(one.truncates) for one in can],
        "deletes items": [_yes(one.deletes_items) for one in can],
        "cancels answers": [_yes(one.cancels) for one in can],
        "semantic VAD": [_yes(one.semantic_vad) for one in can],
        "answers beside": [_yes(one.out_of_band) for one in can],
        "window, tokens": [str(one.window_tokens or "unknown") for one in can],
        "has not": [", ".join(sorted(one.lacks)) or "-" for one in can],
    }.items():
        table.add_row(heading, *facts)
    return table


def _yes(fact: bool) -> str:
    return "yes" if fact else "no"
