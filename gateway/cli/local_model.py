"""``gateway local-model``: the embedded Realtime server by itself."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

import typer


def local_model(context: typer.Context) -> NoReturn:
    """Run the embedded Realtime server alone, e.g. for the official client or another gateway.

    Takes the arguments of ``python -m gateway.offline.server``; ``gateway local-model --help`` shows them.
    """
    arguments = [sys.executable, "-m", "gateway.offline.server", *context.args]
    os.execv(sys.executable, arguments)  # noqa: S606 - our own module, without a shell
