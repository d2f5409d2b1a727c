"""Every template of ``flow new``: the tests that come with it pass, and reach nearly all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.flows.issues import Findings
from gateway.flows.lint import lint
from gateway.flows.load import load_folder
from gateway.flows.new import TEMPLATES, new_flow
from gateway.flows.rehearsal.port import AsGiven
from gateway.flows.rehearsal.reading import read_script
from gateway.flows.rehearsal.running import Rehearsal
from tests.flows.importers.rehearsed import told


@pytest.mark.parametrize("template", TEMPLATES)
async def test_a_new_flow_lints_clean_and_its_tests_pass(tmp_path: Path, template: str):
    written = new_flow(tmp_path, "my_service", template, "My service")
    assert tmp_path / "my_service.test.yaml" in written
    folder = load_folder(tmp_path)
    assert [str(finding) for finding in lint(folder)] == []
    findings = Findings()
    (source,) = folder.tests.values()
    script = read_script(source, folder.flows, findings)
    assert script is not None, findings
    assert script.thresholds.steps >= 95
    result = await Rehearsal().run(script, AsGiven())
    assert told(result) == []


@pytest.mark.parametrize("template", TEMPLATES)
def test_no_placeholder_is_left(tmp_path: Path, template: str):
    for path in new_flow(tmp_path, "my_service", template, "My service"):
        text = path.read_text(encoding="utf-8")
        assert not [word for word in ("NAME", "TITLE", "FOLDER") if word in text], path
