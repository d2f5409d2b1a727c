"""``gateway flow``: write, check and look at call flows."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, assert_never

import typer

from gateway.cli.console import FAILED, err, errors_for_humans, out
from gateway.cli.flow_import import import_app
from gateway.cli.flow_report import report
from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.flows.load import Folder
    from gateway.flows.model import Flow

flow_app = typer.Typer(no_args_is_help=True, help="Call flows: write, check, draw and compare them.")
flow_app.command("report")(report)
flow_app.add_typer(import_app, name="import")

FolderOption = Annotated[Path, typer.Option("--folder", "-f", help="The folder with the flows.")]
FLOWS = Path("ivr_flows")


class Form(StrEnum):
    """How findings are printed."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


class Picture(StrEnum):
    """How a graph is drawn."""

    MERMAID = "mermaid"
    SVG = "svg"
    PNG = "png"


@flow_app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="The flow's name: small letters, digits, _.")],
    template: Annotated[
        str, typer.Option("--from", "--template", help="menu, hours, faq, appointment or verification.")
    ] = "menu",
    title: Annotated[str, typer.Option(help="What people call it.")] = "",
    folder: FolderOption = FLOWS,
) -> None:
    """Begin a flow from a template."""
    from gateway.flows.new import new_flow

    with errors_for_humans():
        for path in new_flow(folder, name, template, title):
            out.print(f"written: {path}", markup=False)


@flow_app.command("lint")
def lint(
    folder: Annotated[Path, typer.Argument(help="The folder with the flows.")] = FLOWS,
    fix: Annotated[bool, typer.Option("--fix", help="Cure what can be cured, in the files.")] = False,
    form: Annotated[Form, typer.Option("--format", help="How to print findings.")] = Form.TEXT,
    target: Annotated[str, typer.Option(help="Where flows will run: openai, azure, beta or local.")] = "openai",
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings, too.")] = False,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="The gateway's settings: check against where flows will run.")
    ] = None,
    tests: Annotated[bool, typer.Option("--tests", help="Run the tests, and tell what they do not come by.")] = False,
    rules: Annotated[bool, typer.Option("--rules", help="List the rules instead.")] = False,
) -> None:
    """Check all flows of a folder. Exit status 1 if something keeps them from going live, 2 if there are none."""
    import gateway
    from gateway.flows.lint import RULES, LintOptions
    from gateway.flows.lint import lint as run_lint
    from gateway.flows.lint.report import as_json, as_sarif, as_text, fix_folder
    from gateway.flows.load import load_folder

    if rules:
        for number, rule in sorted(RULES.items()):
            out.print(f"{number} {rule.severity:<7} {rule.summary}", markup=False, soft_wrap=True)
        return
    with errors_for_humans():
        if target not in LACKS:
            raise ConfigurationError(f"--target: '{target}' is not known; one of {', '.join(LACKS)}")
        loaded = load_folder(folder)
        if not loaded.parts and not loaded.findings:
            raise ConfigurationError(f"there are no flows in {folder}; begin with 'gateway flow new'")
        options = LintOptions(lacks=LACKS[target])
        if config is not None or tests:
            from gateway.cli.flow_lint import surrounded

            options = surrounded(options, loaded, config, tests=tests)
    findings = run_lint(loaded, options)
    if fix:
        for _ in range(5):
            changed = fix_folder(folder, findings)
            if not changed:
                break
            for path in changed:
                err.print(f"mended: {path}", markup=False)
            loaded = load_folder(folder)
            findings = run_lint(loaded, options)
    match form:
        case Form.TEXT:
            text = as_text(findings)
        case Form.JSON:
            text = as_json(findings)
        case Form.SARIF:
            text = as_sarif(findings, gateway.__version__)
        case _:
            assert_never(form)
    out.print(text, markup=False, soft_wrap=True)
    if any(finding.severity == "error" or strict for finding in findings):
        raise typer.Exit(FAILED)


LACKS = {
    "openai": frozenset[str](),
    "azure": frozenset[str](),
    "beta": frozenset({"effort"}),
    "local": frozenset[str](),
}
"""What endpoints can't do, by name; ``beta`` is the protocol of 2024, which some Azure resources still speak."""


@flow_app.command("schema")
def schema(
    workspace: Annotated[bool, typer.Option("--workspace", help="With the names of the folder's own flows.")] = False,
    folder: FolderOption = FLOWS,
    write: Annotated[bool, typer.Option("--write", help="Write FOLDER/flow.schema.json instead.")] = False,
) -> None:
    """Print the JSON Schema for editors."""
    from gateway.flows.load import load_folder
    from gateway.flows.new import SCHEMA_FILE
    from gateway.flows.schema import schema as make

    text = json.dumps(make(load_folder(folder) if workspace else None), indent=1, ensure_ascii=False)
    if write:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SCHEMA_FILE).write_text(text + "\n", encoding="utf-8")
        out.print(f"written: {folder / SCHEMA_FILE}", markup=False)
    else:
        out.print(text, markup=False, soft_wrap=True)


@flow_app.command("graph")
def graph(
    name: Annotated[str, typer.Argument(help="The flow.")],
    form: Annotated[Picture, typer.Option("--format", help="mermaid, svg or png.")] = Picture.MERMAID,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A file; standard output otherwise.")] = None,
    collapse: Annotated[bool, typer.Option("--collapse", help="Without the insides of subflows.")] = False,
    coverage: Annotated[
        Path | None, typer.Option(help="JSON of counts by 'step' and 'step>exit'; colours them.")
    ] = None,
    folder: FolderOption = FLOWS,
) -> None:
    """Draw a flow."""
    from gateway.flows.graph import Overlay, mermaid, svg

    with errors_for_humans():
        flow = _flow(_load(folder), name)
        overlay = Overlay(_counts(coverage, name)) if coverage else None
        if form is Picture.MERMAID:
            picture: str | bytes = mermaid(flow, overlay=overlay, collapse=collapse)
        else:
            picture = svg(flow, overlay=overlay, collapse=collapse)
            if form is Picture.PNG:
                picture = _png(picture)
        if output is not None:
            output.write_bytes(picture.encode() if isinstance(picture, str) else picture)
            out.print(f"written: {output}", markup=False)
        elif isinstance(picture, bytes):
            raise ConfigurationError("a PNG goes into a file; add -o flow.png")
        else:
            out.print(picture, markup=False, soft_wrap=True, end="")


@flow_app.command("explain")
def explain(
    step: Annotated[str, typer.Argument(help="The step, or flow/step.")],
    folder: FolderOption = FLOWS,
) -> None:
    """Tell what holds for a step, and in which line each value was written."""
    from gateway.flows.explain import explain as tell
    from gateway.flows.explain import find_step
    from gateway.flows.expressions.syntax import nearest

    with errors_for_humans():
        loaded = _load(folder)
        name, _, path = step.rpartition("/")
        flows = [_flow(loaded, name)] if name else list(loaded.flows.values())
        found = [(flow, one) for flow in flows for one in find_step(flow, path)]
        if not found:
            known = sorted({one.path for flow in flows for one in flow.steps.values()})
            hint = nearest(path, known)
            raise ConfigurationError(f"there is no step '{path}' in {folder}{f'; {hint}' if hint else ''}")
        for flow, one in found:
            if len(flows) > 1:
                out.print(f"flow {flow.id}", markup=False)
            out.print(tell(flow, one), markup=False, soft_wrap=True)


@flow_app.command("diff")
def diff(
    old: Annotated[str, typer.Argument(help="A folder, or a git revision.")] = "HEAD",
    new: Annotated[
        str | None, typer.Argument(help="A folder or a git revision; the folder as it is otherwise.")
    ] = None,
    folder: FolderOption = FLOWS,
) -> None:
    """Tell what changed between two versions, in the words of flows. Exit status 1 if something did."""
    from gateway.cli.flow_versions import load_version
    from gateway.flows.diff import diff as compare

    with errors_for_humans():
        before = load_version(old, folder)
        after = _load(folder) if new is None else load_version(new, folder)
        changes = compare(before.flows, after.flows)
    for change in changes:
        out.print(str(change), style="red" if change.grave else None, markup=False, soft_wrap=True)
    if not changes:
        out.print("no change")
    else:
        raise typer.Exit(FAILED)


def _load(folder: Path) -> Folder:
    from gateway.flows.load import load_folder

    loaded = load_folder(folder)
    if not loaded.flows:
        faults = [str(finding) for finding in loaded.findings.in_order()]
        raise ConfigurationError(faults or f"there are no flows in {folder}; begin with 'gateway flow new'")
    return loaded


def _flow(loaded: Folder, name: str) -> Flow:
    from gateway.flows.expressions.syntax import nearest

    if name not in loaded.flows:
        hint = nearest(name, loaded.flows) or f"known: {', '.join(loaded.flows)}"
        raise ConfigurationError(f"there is no flow '{name}'; {hint}")
    return loaded.flows[name]


def _counts(path: Path, flow: str) -> dict[str, int]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} can't be read as JSON: {error}") from None
    own = read.get(flow, read) if isinstance(read, dict) else {}
    return {str(key): count for key, count in own.items() if isinstance(count, int)}


def _png(picture: str) -> bytes:
    try:
        import cairosvg
    except (ImportError, OSError):
        raise ConfigurationError(
            "PNG needs CairoSVG and the cairo library: pip install 'twobanks[pictures]'; or use --format svg"
        ) from None
    return bytes(cairosvg.svg2png(bytestring=picture.encode(), scale=2.0))
