"""``gateway flow``: every command as a designer meets it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from tests.flows.lint.cases import ANY_FILE, edited
from tests.flows.lint.service import FILES

EXAMPLES = Path(__file__).parents[2] / "ivr_flows"
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")
    runner = CliRunner()

    def invoke(*arguments: object) -> Result:
        return runner.invoke(app, ["flow", *map(str, arguments)])

    return invoke


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def test_the_shipped_flows_pass(run: Run):
    done = run("lint", EXAMPLES)
    assert (done.exit_code, done.stdout) == (0, "0 errors, 0 warnings\n")


def test_errors_and_strict_warnings_decide_the_exit_status(run: Run, tmp_path: Path):
    write(tmp_path, edited((("      max_turns: 5\n", ""),)))
    assert run("lint", tmp_path).exit_code == 0
    assert run("lint", tmp_path, "--strict").exit_code == 1
    write(tmp_path, edited((("    hours: desk\n", "    hours: dek\n"),)))
    done = run("lint", tmp_path)
    assert done.exit_code == 1
    assert "there is no calendar 'dek'; nearest: 'desk'" in done.stdout


def test_a_folder_without_flows_is_no_success(run: Run, tmp_path: Path):
    done = run("lint", tmp_path)
    assert done.exit_code == 2
    assert "begin with 'gateway flow new'" in done.stderr


def test_machines_read_findings(run: Run, tmp_path: Path):
    write(tmp_path, edited((("    hours: desk\n", "    hours: dek\n"),)))
    assert {found["rule"] for found in json.loads(run("lint", tmp_path, "--format", "json").stdout)} == {"F103", "F116"}
    assert json.loads(run("lint", tmp_path, "--format", "sarif").stdout)["version"] == "2.1.0"


def test_fix_mends_files_and_says_so(run: Run, tmp_path: Path):
    write(
        tmp_path, edited((("{done: visit_done, not_done: main, failed: agent}", "{done: visit_done, not_done: main}"),))
    )
    done = run("lint", tmp_path, "--fix")
    assert done.exit_code == 0, done.output
    assert "mended" in done.stderr
    assert "failed: agent_exit" in (tmp_path / ANY_FILE).read_text(encoding="utf-8")


def test_the_rules_are_listed(run: Run):
    lines = run("lint", "--rules").stdout.splitlines()
    assert len(lines) == 71
    assert any(line.startswith("F312 error") for line in lines)


def test_an_endpoint_that_lacks_something_is_told(run: Run):
    done = run("lint", EXAMPLES, "--target", "beta")
    assert done.exit_code == 1
    assert "F508" in done.stdout
    assert run("lint", EXAMPLES, "--target", "azur").exit_code == 2


def test_a_new_flow_is_checked_drawn_and_explained(run: Run, tmp_path: Path):
    assert run("new", "orders", "--folder", tmp_path).exit_code == 0
    assert run("lint", tmp_path, "--strict").exit_code == 0
    assert run("graph", "orders", "-f", tmp_path).stdout.startswith("flowchart TD\n")
    done = run("graph", "orders", "-f", tmp_path, "--format", "svg", "-o", tmp_path / "x.svg", "--collapse")
    assert done.exit_code == 0
    assert (tmp_path / "x.svg").read_text(encoding="utf-8").startswith("<svg")
    assert "main: menu" in run("explain", "main", "-f", tmp_path).stdout
    assert "main: menu" in run("explain", "orders/main", "-f", tmp_path).stdout
    assert run("new", "orders", "--folder", tmp_path).exit_code == 2


def test_coverage_colours_a_graph(run: Run, tmp_path: Path):
    (tmp_path / "c.json").write_text('{"la_parra_front_desk": {"welcome": 2}}', encoding="utf-8")
    done = run("graph", "la_parra_front_desk", "-f", EXAMPLES, "--coverage", tmp_path / "c.json")
    assert "style s_welcome stroke:#2f8f4e" in done.stdout
    (tmp_path / "c.json").write_text("{", encoding="utf-8")
    assert run("graph", "la_parra_front_desk", "-f", EXAMPLES, "--coverage", tmp_path / "c.json").exit_code == 2


def test_unknown_flows_and_steps_name_the_nearest(run: Run):
    assert "nearest: 'clinic_reception'" in run("graph", "clinic_recption", "-f", EXAMPLES).stderr
    assert "nearest: 'ask_mobile'" in run("explain", "ask_mobil", "-f", EXAMPLES).stderr


def test_the_schema_is_printed_and_written(run: Run, tmp_path: Path):
    assert json.loads(run("schema").stdout)["title"] == "Call flows, format 1"
    write(tmp_path, FILES)
    assert run("schema", "--workspace", "--write", "-f", tmp_path).exit_code == 0
    assert "say_balance" in (tmp_path / "flow.schema.json").read_text(encoding="utf-8")


def test_versions_are_compared_with_git_and_folders(run: Run, tmp_path: Path):
    root = write(tmp_path / "flows", FILES)
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@example.com"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "flows"], check=True)
    assert run("diff", "-f", root).stdout == "no change\n"
    write(root, edited((("      max_turns: 5\n", "      max_turns: 7\n"),)))
    done = run("diff", "HEAD", "-f", root)
    assert (done.exit_code, done.stdout) == (1, "  service: step chat: talk.max_turns: 5 → 7\n")
    other = write(tmp_path / "other", FILES)
    assert run("diff", other, root, "-f", root).stdout == done.stdout
    assert run("diff", "HEAD", "HEAD", "-f", root).stdout == "no change\n"
    assert "neither a folder nor a git revision" in run("diff", "nothing", "-f", root).stderr
    assert run("diff", "--", "--output=x", "-f", root).exit_code != 0
