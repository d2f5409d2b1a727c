"""The page for designers, followed from nothing to a tested change: every command in its boxes is run as it stands."""

from __future__ import annotations

import re
import shlex
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from tests.flows.report.test_flow_report import CONTAINED, keep, told

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "ivr_flows" / "README.md").read_text(encoding="utf-8")
FIXTURES = ROOT / "tests" / "flows" / "importers"
TYPED = {"chat": ":key 1\n:key 2\n"}
"""What is typed into commands that ask for something."""


def boxes(heading: str, language: str = "") -> list[str]:
    """Return the boxes below a heading of the page."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    assert section, f"there is no heading '{heading}'"
    found = re.findall(r"^```(\w*)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    return [box for tongue, box in found if tongue == language]


def run(line: str) -> Result:
    words = shlex.split(line)
    assert words[0] == "gateway"
    typed = next((text for verb, text in TYPED.items() if verb in words), None)
    return CliRunner().invoke(app, words[1:], input=typed)


def run_all(box: str) -> None:
    for line in box.splitlines():
        done = run(line)
        assert done.exit_code == 0, f"{line}\n{done.output}"


@pytest.fixture(autouse=True)
def _scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)


def test_from_nothing_to_a_tested_change():
    begin, look, check = boxes("From nothing to a tested change")
    before, choice, step, test = boxes("From nothing to a tested change", "yaml")
    run_all(begin)
    run_all(look)
    assert Path("my_service.svg").exists()

    flow, tests = Path("my_flows/my_service.yaml"), Path("my_flows/my_service.test.yaml")
    text = flow.read_text(encoding="utf-8")
    assert before in text, "the page shows a line that the template does not have"
    announced = re.search(r"`(Press 1 for an order,.*?)`", PAGE)
    assert announced is not None
    text = text.replace("Press 1 for an order, 2 for anything else.", announced[1]).replace(before, before + choice)
    flow.write_text(text, encoding="utf-8")
    broken = run("gateway flow lint my_flows")
    assert broken.exit_code == 1
    assert "there is no step 'tell_address'" in broken.output

    flow.write_text(text.replace("  order:\n    say:", f"{step}\n  order:\n    say:"), encoding="utf-8")
    written = tests.read_text(encoding="utf-8")
    tests.write_text(written.replace("coverage:", f"{test}coverage:"), encoding="utf-8")
    run_all(check)
    assert "8 of 8 passed" in run("gateway flow test my_flows").output


def test_from_another_system(tmp_path: Path):
    shutil.copy(FIXTURES / "studio" / "bike_shop.json", "my_export.json")
    shutil.copytree(FIXTURES / "rasa", "my_rasa_project")
    (box,) = boxes("From another system")
    run_all(box)
    tested = run("gateway flow test my_flows")
    assert tested.exit_code == 0, tested.output


def test_what_callers_make_of_it(tmp_path: Path):
    config = tmp_path / "config"
    config.mkdir()
    settings = f"data_dir: {tmp_path}/data\npersonas: {{clerk: {{instructions: Help.}}}}\npersona: clerk\n"
    (config / "gateway.yaml").write_text(settings, encoding="utf-8")
    call = [told(0, "step_entered", "main", flow="my_service", verb="menu"), *CONTAINED]
    keep(tmp_path / "data", datetime.now(UTC), "one", call)
    (box,) = boxes("What callers make of it")
    run_all(box)


@pytest.mark.parametrize("template", ["menu", "hours", "faq", "appointment", "verification"])
def test_every_template_that_the_page_names_is_there(template: str):
    assert f"`{template}`" in PAGE
    assert run(f"gateway flow new my_{template} --from {template} --folder my_flows").exit_code == 0
