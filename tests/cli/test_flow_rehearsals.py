"""``gateway flow test``, ``chat``, ``fuzz`` and ``record``, as a designer meets them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.contracts.record import FlowEvent
from gateway.contracts.text import Label
from gateway.records.journal import encode_record

EXAMPLES = Path(__file__).parents[2] / "ivr_flows"
Run = Callable[..., Result]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("COLUMNS", "200")
    runner = CliRunner()

    def invoke(*arguments: object, typed: str = "") -> Result:
        return runner.invoke(app, ["flow", *map(str, arguments)], input=typed)

    return invoke


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLES, tmp_path / "flows"))


def test_all_tests_of_a_folder_run(run: Run) -> None:
    done = run("test", "--folder", EXAMPLES)
    assert done.exit_code == 0
    assert "15 of 15 passed, as given; 100% of steps" in done.stdout


def test_one_file_runs_and_its_results_are_written(run: Run, folder: Path, tmp_path: Path) -> None:
    junit, counts = tmp_path / "junit.xml", tmp_path / "counts.json"
    done = run("test", folder / "la_parra.test.yaml", "--folder", folder, "--junit", junit, "--counts", counts)
    assert done.exit_code == 0
    assert len(ElementTree.parse(junit).getroot()) == 1
    assert json.loads(counts.read_text())["la_parra_front_desk"]["welcome>table"] >= 1
    assert run("graph", "la_parra_front_desk", "--folder", folder, "--coverage", counts).exit_code == 0


def test_a_changed_prompt_fails_the_tests_that_heard_it(run: Run, folder: Path) -> None:
    flow = folder / "la_parra.yaml"
    flow.write_text(flow.read_text().replace("Is there anything else?", "Would that be all?"))
    done = run("test", "--folder", folder, "-k", "parking")
    assert done.exit_code == 1
    assert "la_parra.test.yaml:" in done.stdout
    assert "'Is there anything else' was not heard; said was: Would that be all?" in done.stdout


def test_what_no_test_comes_by_is_listed(run: Run) -> None:
    done = run("test", "--folder", EXAMPLES, "--coverage")
    assert "no test leaves to_fraud by closed" in done.stdout


def test_a_fault_in_a_file_of_tests_is_told(run: Run, folder: Path) -> None:
    (folder / "more.test.yaml").write_text(
        "flow: la_parra_front_desk\ntests: [{name: a, call: [{expect: {step: welcom}}]}]\n"
    )
    done = run("test", folder)
    assert done.exit_code == 2
    assert "more.test.yaml:2:42 error F702: there is no step 'welcom'" in done.stderr


def test_modes_without_a_port_say_so(run: Run) -> None:
    done = run("test", "--folder", EXAMPLES, "--as", "voice")
    assert done.exit_code == 2
    assert "--as voice" in done.stderr


def test_a_folder_without_tests_says_so(run: Run, folder: Path) -> None:
    for path in folder.glob("*.test.yaml"):
        path.unlink()
    assert "there are no tests" in run("test", folder).stderr


def test_typing_to_a_flow(run: Run) -> None:
    done = run("chat", "la_parra_front_desk", "--folder", EXAMPLES, "--world", "busy", typed="table\n")
    assert done.exit_code == 0
    assert "flow: How can I help" in done.stdout
    assert "ring_host: exit_taken busy" in done.stdout
    assert "the call is over: goodbye" in done.stdout


def test_the_end_of_the_input_hangs_up(run: Run) -> None:
    assert "the call is over: hung_up" in run("chat", "la_parra_front_desk", "--folder", EXAMPLES).stdout


def test_a_flow_that_is_not_there_is_told_with_its_neighbour(run: Run) -> None:
    done = run("chat", "la_para_front_desk", "--folder", EXAMPLES)
    assert done.exit_code == 2
    assert "nearest: 'la_parra_front_desk'" in done.stderr


def test_random_walks_tell_what_they_came_by(run: Run) -> None:
    done = run("fuzz", "la_parra_front_desk", "--folder", EXAMPLES, "--runs", 20, "--seed", 5)
    assert done.exit_code == 0
    assert "20 walks, 0 breaches" in done.stdout


def test_a_breach_is_told_with_its_seed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.flows.rehearsal.invariants.COMMANDS_AT_MOST", 2)
    done = run("fuzz", "la_parra_front_desk", "--folder", EXAMPLES, "--runs", 3, "--seed", 5)
    assert done.exit_code == 1
    assert "commands for one event" in done.stdout
    assert "again with --seed 5 --runs 1" in done.stdout


def test_a_call_becomes_a_test_that_passes(run: Run, folder: Path, tmp_path: Path) -> None:
    journal = tmp_path / "call.jsonl"
    events = (
        ("step_entered", "welcome", {"verb": "menu"}),
        ("heard", "welcome", {"kind": "hours", "by": "key"}),
        ("step_entered", "anything_else", {"verb": "confirm"}),
        ("heard", "anything_else", {"kind": "no", "by": "words"}),
        ("call_ended", "bye", {"reason": "goodbye"}),
    )
    with journal.open("wb") as file:
        for at_ms, (name, step, facts) in enumerate(events):
            record = FlowEvent(
                at_ms=at_ms, flow=Label("la_parra_front_desk"), bundle=Label("x"), step=Label(step), visit=1,
                name=Label(name), facts=facts,
            )  # fmt: skip
            file.write(encode_record(record) + b"\n")
    made = folder / "made.test.yaml"
    assert run("record", journal, "-o", made, "--folder", folder, "--name", "as it was").exit_code == 0
    done = run("test", made, "--folder", folder)
    assert "1 of 1 passed" in done.stdout, made.read_text() + done.stdout


def test_a_journal_without_a_flow_says_so(run: Run, tmp_path: Path) -> None:
    journal = tmp_path / "call.jsonl"
    journal.write_text('{"event": "call_ended", "at_ms": 5}\n')
    assert "a persona took that call" in run("record", journal, "--folder", EXAMPLES).stderr
    assert "is not there" in run("record", tmp_path / "none.jsonl", "--folder", EXAMPLES).stderr
