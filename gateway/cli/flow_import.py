"""``gateway flow import``: flows of other systems, rewritten in ours."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import FAILED, err, errors_for_humans, out
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.flows.importers.finish import Imported

import_app = typer.Typer(
    no_args_is_help=True, help="Rewrite a flow of another system: the flow, a report, first tests."
)

FolderOption = Annotated[Path, typer.Option("--folder", "-f", help="The folder that takes the flow.")]
TitleOption = Annotated[str, typer.Option("--title", help="What people call the service.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the notes for programs.")]
FLOWS = Path("ivr_flows")


@import_app.command("rasa")
def rasa(
    paths: Annotated[list[Path], typer.Argument(help="flows.yml and the domain, or folders with them.")],
    name: Annotated[str, typer.Option("--name", help="The new flow's name: small letters, digits, _.")] = "imported",
    language: Annotated[str, typer.Option("--language", help="The language of its texts, such as en-US.")] = "en-US",
    title: TitleOption = "",
    folder: FolderOption = FLOWS,
    as_json: JsonOption = False,
) -> None:
    """Import the flows of a Rasa project. Exit status 1 if something has to be mended before it can go live."""
    from gateway.flows.importers.rasa import import_rasa

    with errors_for_humans():
        _check(name)
        _write(import_rasa(paths, name, language, title), folder, as_json=as_json)


@import_app.command("studio")
def studio(
    file: Annotated[Path, typer.Argument(help="The JSON that Twilio Studio exported.")],
    name: Annotated[str, typer.Option("--name", help="The new flow's name; made of its description otherwise.")] = "",
    title: TitleOption = "",
    folder: FolderOption = FLOWS,
    as_json: JsonOption = False,
) -> None:
    """Import a flow of Twilio Studio. Exit status 1 if something has to be mended before it can go live."""
    from gateway.flows.importers.studio import import_studio

    with errors_for_humans():
        if name:
            _check(name)
        _write(import_studio(file, name, title), folder, as_json=as_json)


def _check(name: str) -> None:
    from gateway.flows.shapes import NAME

    if not NAME.fullmatch(name):
        raise ConfigurationError(f"--name: '{name}' is no name for a flow; small letters, digits and _ are wanted")


def _write(imported: Imported, folder: Path, *, as_json: bool) -> None:
    from gateway.flows.importers.draft import EVERYDAY
    from gateway.flows.importers.notes import Verdict, as_data

    taken = [path for path in imported.files if path != EVERYDAY and (folder / path).exists()]
    if taken:
        raise ConfigurationError(
            f"{folder / taken[0]} exists already; import under another --name or into another folder"
        )
    written = []
    for name, content in imported.files.items():
        target = folder / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
            written.append(target)
    if as_json:
        told = {
            "flow": imported.flow,
            "files": [str(path) for path in written],
            "notes": as_data(imported.notes),
            "findings": [str(finding) for finding in imported.findings],
        }
        out.print(json.dumps(told, ensure_ascii=False, indent=1), markup=False, soft_wrap=True)
    else:
        for path in written:
            out.print(f"written: {path}", markup=False, soft_wrap=True)
        counts = [f"{len(imported.notes.of(verdict))} {verdict}" for verdict in (Verdict.KEPT, Verdict.CHANGED)]
        needs = imported.notes.of(Verdict.NEEDS_YOU)
        out.print(f"{', '.join(counts)}, {len(needs)} need you:", markup=False)
        for note in needs:
            out.print(f"  {note}", markup=False, soft_wrap=True)
        for finding in imported.findings:
            out.print(f"  {finding}", markup=False, soft_wrap=True)
    if imported.errors:
        err.print(f"{len(imported.errors)} errors keep it from going live", markup=False)
        raise typer.Exit(FAILED)
