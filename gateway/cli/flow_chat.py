"""``gateway flow chat``: type to a flow, and see where it stands and what a model would be asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import errors_for_humans, out
from gateway.cli.flow_files import FLOWS, FolderOption, flow_named, load_flows
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.flows.rehearsal.script import Case


def chat(
    name: Annotated[str, typer.Argument(help="The flow.")],
    test: Annotated[
        str, typer.Option("--world", help="Take tools' answers and the time from the test of this name.")
    ] = "",
    language: Annotated[str, typer.Option(help="The language that the call begins in.")] = "",
    folder: FolderOption = FLOWS,
) -> None:
    """Type to a flow: words, `:key 1`, `:silent 7s`, `:hangup`; `:help` says more. No model and no telephone."""
    from gateway.flows.rehearsal.chatting import Chat

    with errors_for_humans():
        loaded = load_flows(folder)
        flow = flow_named(loaded, name)
        if language and language not in flow.languages:
            raise ConfigurationError(
                f"flow '{name}' does not speak '{language}'; it speaks {', '.join(flow.languages)}"
            )
        conversation = Chat(flow, _case(folder, name, test, language))
    for line in conversation.start():
        out.print(line, markup=False, soft_wrap=True)
    while not conversation.is_over:
        if sys.stdin.isatty():
            out.print("> ", end="")
        typed = sys.stdin.readline()
        for line in conversation.line(typed.rstrip("\n") if typed else ":hangup"):
            out.print(line, markup=False, soft_wrap=True)


def _case(folder: Path, name: str, test: str, language: str) -> Case:
    """Return who calls, and what the world answers: as one of the flow's tests says, else as contracts promise."""
    from gateway.cli.flow_test import find_scripts
    from gateway.flows.issues import Origin
    from gateway.flows.rehearsal.script import Case

    if not test:
        return Case(name="chat", origin=Origin(name), language=language)
    cases = [case for script in find_scripts([], folder) if script.flow.id == name for case in script.cases]
    found = next((case for case in cases if test.lower() in case.name.lower()), None)
    if found is None:
        raise ConfigurationError(f"--world: no test of flow '{name}' has '{test}' in its name")
    return found
