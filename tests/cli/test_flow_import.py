"""``gateway flow import`` and ``gateway flow report`` as people type them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.flow_report import moment
from gateway.cli.main import app
from gateway.errors import ConfigurationError
from tests.flows.report.test_flow_report import CONTAINED, LEFT, keep

FIXTURES = Path(__file__).parents[1] / "flows" / "importers"
STUDIO, RASA = str(FIXTURES / "studio" / "bike_shop.json"), str(FIXTURES / "rasa")


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["flow", *arguments])


def test_an_import_writes_the_flow_its_tools_its_tests_and_a_report(tmp_path: Path):
    result = run("import", "studio", STUDIO, "--folder", str(tmp_path))
    assert result.exit_code == 0, result.output
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        "bike_shop.yaml",
        "bike_shop.test.yaml",
        "bike_shop.import.md",
        "shared/bike_shop_tools.yaml",
        "shared/everyday.yaml",
    }
    assert "need you:" in result.output


def test_what_was_imported_lints_in_its_folder(tmp_path: Path):
    assert run("import", "rasa", RASA, "--name", "car_hire", "-f", str(tmp_path)).exit_code == 0
    result = run("lint", str(tmp_path))
    assert result.exit_code == 0, result.output


def test_nothing_is_overwritten(tmp_path: Path):
    assert run("import", "rasa", RASA, "--name", "car_hire", "-f", str(tmp_path)).exit_code == 0
    (tmp_path / "car_hire.yaml").write_text("mine", encoding="utf-8")
    result = run("import", "rasa", RASA, "--name", "car_hire", "-f", str(tmp_path))
    assert result.exit_code == 2
    assert "exists already" in result.output
    assert (tmp_path / "car_hire.yaml").read_text(encoding="utf-8") == "mine"


def test_notes_for_programs_are_json(tmp_path: Path):
    result = run("import", "studio", STUDIO, "--json", "-f", str(tmp_path))
    told = json.loads(result.stdout)
    assert told["flow"] == "bike_shop"
    assert {note["verdict"] for note in told["notes"]} == {"kept", "changed", "needs you"}


def test_a_flow_with_errors_is_written_and_the_exit_status_says_so(tmp_path: Path):
    states = [
        {"name": "Trigger", "type": "trigger", "transitions": [{"event": "incomingCall", "next": "enter_pin"}]},
        {
            "name": "enter_pin", "type": "gather-input-on-call", "properties": {"say": "Your PIN?"},
            "transitions": [{"event": "keypress", "next": "bye"}],
        },
        {"name": "bye", "type": "say-play", "transitions": [], "properties": {"say": "{{widgets.enter_pin.Digits}}"}},
    ]  # fmt: skip
    file = tmp_path / "small.json"
    file.write_text(json.dumps({"states": states, "initial_state": "Trigger"}), encoding="utf-8")
    result = run("import", "studio", str(file), "-f", str(tmp_path / "flows"))
    assert result.exit_code == 1
    assert "keep it from going live" in result.output
    assert (tmp_path / "flows" / "small.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("studio", "nowhere.json"), "nowhere.json can't be read"),
        (("rasa", RASA, "--name", "Not A Name"), "is no name for a flow"),
    ],
)
def test_a_wrong_argument_is_told(tmp_path: Path, arguments: tuple[str, ...], words: str):
    result = run("import", *arguments, "-f", str(tmp_path))
    assert result.exit_code == 2
    assert words in result.output


@pytest.fixture
def settings(tmp_path: Path) -> str:
    """Settings whose data directory holds a contained and an abandoned call of yesterday."""
    yesterday = datetime.now(UTC) - timedelta(days=1)
    keep(tmp_path / "data", yesterday, "one", CONTAINED)
    keep(tmp_path / "data", yesterday, "two", LEFT)
    file = tmp_path / "gateway.yaml"
    persona = "personas: {receptionist: {instructions: Answer the phone.}}"
    file.write_text(f"data_dir: {tmp_path / 'data'}\n{persona}\n", encoding="utf-8")
    return str(file)


def test_a_report_tells_containment_and_each_step(settings: str):
    result = run("report", "desk", "--config", settings)
    assert result.exit_code == 0, result.output
    assert "desk: 2 calls, 50% contained (1 contained, 1 abandoned)" in result.output
    main = next(line for line in result.output.splitlines() if line.startswith("main"))
    assert "50%" in main
    assert "1.0 (no_input 1, no_match 1)" in main


def test_a_report_for_programs_names_its_span(settings: str):
    told = json.loads(run("report", "desk", "--json", "--since", "2d", "--config", settings).stdout)
    assert told["calls"] == 2
    assert told["since"] < told["until"]


def test_a_span_without_calls_says_so(settings: str):
    result = run("report", "desk", "--since", "2h", "--config", settings)
    assert result.exit_code == 0
    assert "no calls on flow 'desk'" in result.output


@pytest.mark.parametrize("span", [("--since", "soon"), ("--since", "1d", "--until", "2d")])
def test_a_span_that_is_none_is_told(settings: str, span: tuple[str, ...]):
    result = run("report", "desk", *span, "--config", settings)
    assert result.exit_code == 2
    assert span[-1] in result.output


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("90m", datetime(2026, 11, 20, 10, 30, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 13, 12, tzinfo=UTC)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T14:00", datetime(2026, 11, 1, 14, tzinfo=UTC)),
        ("2026-11-01T14:00+02:00", datetime(2026, 11, 1, 12, tzinfo=UTC)),
    ],
)
def test_times_may_be_days_moments_or_spans(text: str, wanted: datetime):
    assert moment(text, datetime(2026, 11, 20, 12, tzinfo=UTC), "--since") == wanted


def test_what_is_no_time_is_told():
    with pytest.raises(ConfigurationError, match="--until: 'x' is no time"):
        moment("x", datetime(2026, 11, 20, tzinfo=UTC), "--until")
