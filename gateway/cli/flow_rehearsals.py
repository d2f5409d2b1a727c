"""The flow commands that need no telephone: ``test``, ``chat``, ``fuzz``, ``record``."""

from __future__ import annotations

import typer

from gateway.cli.flow_chat import chat
from gateway.cli.flow_fuzz import fuzz
from gateway.cli.flow_record import record
from gateway.cli.flow_test import run_tests


def add_rehearsals_to(app: typer.Typer) -> None:
    """Add the commands to ``gateway flow``."""
    app.command("test")(run_tests)
    app.command("chat")(chat)
    app.command("fuzz")(fuzz)
    app.command("record")(record)
