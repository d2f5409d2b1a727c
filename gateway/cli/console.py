"""How the command line speaks to people: colours on a terminal, plain words elsewhere, errors without tracebacks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer
from rich.console import Console

from gateway.errors import ConfigurationError, GatewayError

out: Final = Console(highlight=False)
err: Final = Console(stderr=True, highlight=False)

FAILED: Final = 1
"""What was asked for did not come true."""
MISCONFIGURED: Final = 2
"""The settings or the arguments are wrong."""


@contextmanager
def errors_for_humans() -> Iterator[None]:
    """Turn our own errors into a few lines on standard error and an exit status; other errors are bugs and go on."""
    try:
        yield
    except ConfigurationError as error:
        for fault in error.faults:
            err.print("[red]error[/red] ", end="")
            err.print(fault, markup=False, soft_wrap=True)
        raise typer.Exit(MISCONFIGURED) from None
    except GatewayError as error:
        err.print("[red]error[/red] ", end="")
        err.print(str(error), markup=False, soft_wrap=True)
        raise typer.Exit(FAILED) from None
