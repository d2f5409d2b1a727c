"""``gateway flow test``: the scripted tests that lie next to flows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.cli.console import FAILED, errors_for_humans, out
from gateway.cli.flow_files import FLOWS, FolderOption, load_flows
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.flows.load import Folder
    from gateway.flows.rehearsal.port import Port
    from gateway.flows.rehearsal.running import ScriptResult
    from gateway.flows.rehearsal.script import Script


class Mode(StrEnum):
    """Who understands the caller."""

    GIVEN = "given"
    TEXT = "text"
    VOICE = "voice"


def run_tests(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files of tests, or folders of flows; all of the folder otherwise.")
    ] = None,
    mode: Annotated[
        Mode, typer.Option("--as", help="given: no model, milliseconds. text: a model reads. voice: spoken calls.")
    ] = Mode.GIVEN,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write the results here, as JUnit XML.")] = None,
    coverage: Annotated[bool, typer.Option("--coverage", help="List what the tests did not come by.")] = False,
    counts: Annotated[
        Path | None, typer.Option("--counts", help="Write counts of steps and exits here, for 'flow graph --coverage'.")
    ] = None,
    only: Annotated[str, typer.Option("--only", "-k", help="Tests whose names hold this.")] = "",
    folder: FolderOption = FLOWS,
) -> None:
    """Run scripted tests. Exit status 1 if one fails or too little of a flow is covered, 2 if a file is wrong."""
    from gateway.flows.rehearsal.junit import junit as as_junit

    with errors_for_humans():
        port = port_of(mode)
        scripts = find_scripts(paths or [], folder)
        results = asyncio.run(_run(scripts, port, only))
        if junit is not None:
            junit.write_text(as_junit(results), encoding="utf-8")
        if counts is not None:
            by_flow = {result.script.flow.id: result.coverage.counts() for result in results}
            counts.write_text(json.dumps(by_flow, indent=1) + "\n", encoding="utf-8")
    for result in results:
        _show(result, coverage=coverage)
    if not all(result.passed for result in results):
        raise typer.Exit(FAILED)


def port_of(mode: Mode) -> Port:
    """Return where rehearsals of a mode take place.

    Raises:
        ConfigurationError: this installation has no such port.

    """
    from gateway.flows.rehearsal.port import AsGiven

    if mode is Mode.GIVEN:
        return AsGiven()
    raise ConfigurationError(f"--as {mode}: there is no port to a model for tests; --as given needs none")


def find_scripts(paths: Sequence[Path], folder: Path) -> list[Script]:
    """Return the tests of files and folders, all of ``folder`` if none is named.

    Raises:
        ConfigurationError: a file is wrong, or is not there, or there are no tests.

    """
    from gateway.flows.issues import Findings
    from gateway.flows.rehearsal.reading import read_script

    findings, scripts = Findings(), []
    for root, wanted in _by_folder(paths, folder).items():
        loaded = load_flows(root)
        for name in _named(loaded, wanted):
            script = read_script(loaded.tests[name], loaded.flows, findings)
            scripts += [script] if script is not None else []
    if findings:
        raise ConfigurationError([str(finding) for finding in findings.in_order()])
    if not scripts:
        raise ConfigurationError(f"there are no tests in {folder}; write a file that ends in .test.yaml")
    return scripts


def _by_folder(paths: Sequence[Path], folder: Path) -> dict[Path, list[Path]]:
    """Return the folders of flows, and which of their tests are meant; an empty list means all."""
    if not paths:
        return {folder: []}
    wanted: dict[Path, list[Path]] = {}
    for path in paths:
        if path.is_dir():
            wanted[path] = []
        elif path.is_file():
            inside = path.resolve().is_relative_to(folder.resolve())
            wanted.setdefault(folder if inside else path.parent, []).append(path)
        else:
            raise ConfigurationError(f"{path} is not there")
    return wanted


def _named(loaded: Folder, wanted: Sequence[Path]) -> list[str]:
    if not wanted:
        return list(loaded.tests)
    names = [path.resolve().relative_to(loaded.root.resolve()).as_posix() for path in wanted]
    unknown = [name for name in names if name not in loaded.tests]
    if unknown:
        raise ConfigurationError(f"{unknown[0]} is no file of tests; its name has to end in .test.yaml")
    return names


async def _run(scripts: Sequence[Script], port: Port, only: str) -> list[ScriptResult]:
    from gateway.flows.rehearsal.running import Rehearsal

    return [await Rehearsal().run(script, port, only) for script in scripts]


def _show(result: ScriptResult, *, coverage: bool) -> None:
    failed = [case for case in result.cases if not case.passed]
    for case in failed:
        out.print(f"[red]failed[/red] {result.script.flow.id}: ", end="")
        out.print(case.case.name, markup=False)
        for failure in case.failures:
            out.print(f"  {failure}", markup=False, soft_wrap=True)
    for shortfall in result.shortfalls:
        out.print(f"[red]failed[/red] {shortfall}", soft_wrap=True)
    seen = result.coverage
    out.print(
        f"{result.script.file}: {len(result.cases) - len(failed)} of {len(result.cases)} passed, as {result.port}; "
        f"{seen.share_of_steps:.0f}% of steps, {seen.share_of_exits:.0f}% of exits",
        markup=False,
        soft_wrap=True,
    )
    if coverage:
        for path in seen.missing_steps:
            out.print(f"  no test comes by step {path}", markup=False)
        for path, name in seen.missing_exits:
            if path not in seen.missing_steps:
                out.print(f"  no test leaves {path} by {name}", markup=False)
