"""First tests: whatever flow they are made for, they pass on it, and no secret is in what they expect to be said."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.flows.document import read_source
from gateway.flows.importers.starter import starter_tests
from gateway.flows.issues import Findings
from gateway.flows.load import load_folder
from gateway.flows.rehearsal.port import AsGiven
from gateway.flows.rehearsal.reading import read_script
from gateway.flows.rehearsal.running import Rehearsal
from tests.flows.importers.rehearsed import told

SHIPPED = Path(__file__).parents[3] / "ivr_flows"


@pytest.mark.parametrize("name", ["la_parra_front_desk", "clinic_reception", "card_member_services"])
async def test_they_pass_on_the_shipped_flows_and_come_by_most_of_them(name: str):
    flow = load_folder(SHIPPED).flows[name]
    findings = Findings()
    script = read_script(read_source(starter_tests(flow), "starter.test.yaml", findings), {name: flow}, findings)
    assert script is not None, findings
    result = await Rehearsal().run(script, AsGiven())
    assert told(result) == []
    assert result.coverage.share_of_steps >= 80
    assert script.thresholds.steps == int(result.coverage.share_of_steps)


def test_a_keyed_secret_is_looked_for_everywhere():
    text = starter_tests(load_folder(SHIPPED).flows["card_member_services"])
    assert 'never: {said_anywhere: ["123456"], logged_anywhere: ["123456"], sent_to_model: ["123456"]}' in text
