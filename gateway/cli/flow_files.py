"""What the flow commands share: a folder of flows, one flow of it, and its findings for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.flows.load import Folder
    from gateway.flows.model import Flow

FLOWS = Path("ivr_flows")
FolderOption = Annotated[Path, typer.Option("--folder", "-f", help="The folder with the flows.")]


def load_flows(folder: Path) -> Folder:
    """Return a folder whose flows can run.

    Raises:
        ConfigurationError: something is wrong with a flow, or there is none.

    """
    from gateway.flows.load import load_folder

    loaded = load_folder(folder)
    faults = [str(finding) for finding in sorted(loaded.findings.errors, key=lambda finding: finding.origin)]
    if faults or not loaded.flows:
        raise ConfigurationError(faults or f"there are no flows in {folder}; begin with 'gateway flow new'")
    return loaded


def flow_named(loaded: Folder, name: str) -> Flow:
    """Return a flow by its id.

    Raises:
        ConfigurationError: there is none of that name; says which is near.

    """
    from gateway.flows.expressions.syntax import nearest

    if name not in loaded.flows:
        hint = nearest(name, loaded.flows) or f"known: {', '.join(loaded.flows)}"
        raise ConfigurationError(f"there is no flow '{name}'; {hint}")
    return loaded.flows[name]
