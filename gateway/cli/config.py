"""``gateway config``: look at the settings before they are used."""

from __future__ import annotations

import typer

from gateway.cli.console import MISCONFIGURED, err, errors_for_humans, out
from gateway.cli.serve import ConfigOption

config_app = typer.Typer(no_args_is_help=True, help="Look at the settings: schema, check.")


@config_app.command()
def schema() -> None:
    """Print the settings' JSON Schema, for editors."""
    from gateway.settings.editors import describe_schema

    out.print(describe_schema(), markup=False, soft_wrap=True)


@config_app.command()
def check(config: ConfigOption = None) -> None:
    """Check the settings file; every fault with its line and the nearest right word. Exit status 2 if there is one."""
    from gateway.settings.load import load_settings

    with errors_for_humans():
        loaded = load_settings(config)
    out.print(f"[green]ok[/green] {loaded.source}")
    out.print(f"endpoint: {loaded.default_endpoint_origin}", markup=False)
    for note in loaded.notes:
        err.print(f"note: {note}", markup=False)
    if not loaded.settings.personas:
        raise typer.Exit(MISCONFIGURED)
