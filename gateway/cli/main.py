"""The ``gateway`` command."""

from __future__ import annotations

import typer

import gateway
from gateway.cli.audit import audit
from gateway.cli.call import call
from gateway.cli.calls import calls_app
from gateway.cli.config import config_app
from gateway.cli.console import out
from gateway.cli.demo import demo
from gateway.cli.doctor import doctor
from gateway.cli.flow import flow_app
from gateway.cli.flow_rehearsals import add_rehearsals_to
from gateway.cli.flow_render import add_to
from gateway.cli.local_model import local_model
from gateway.cli.redact import redact
from gateway.cli.serve import serve

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
    rich_markup_mode="markdown",
    help="A telephony voice gateway: phone calls on one bank, a Realtime speech-to-speech model on the other.",
)
app.command()(demo)
app.command()(serve)
app.command()(call)
app.command()(doctor)
app.command()(redact)
app.command()(audit)
app.command(
    "local-model",
    context_settings={"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []},
)(local_model)
app.add_typer(calls_app, name="calls")
app.add_typer(config_app, name="config")
add_to(flow_app)
add_rehearsals_to(flow_app)
app.add_typer(flow_app, name="flow")


@app.command()
def version() -> None:
    """Print the version."""
    out.print(gateway.__version__)


def main() -> None:
    """Run the command line."""
    app()
