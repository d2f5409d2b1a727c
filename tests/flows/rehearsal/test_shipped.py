"""The scripted tests that are shipped beside the flows, as a gate of their own."""

import pytest

from gateway.flows.issues import Findings
from gateway.flows.load import load_folder
from gateway.flows.rehearsal.port import AsGiven
from gateway.flows.rehearsal.reading import read_script
from gateway.flows.rehearsal.running import Rehearsal
from tests.flows.engine.bench import SHIPPED

FOLDER = load_folder(SHIPPED)


def test_every_shipped_flow_has_tests() -> None:
    findings = Findings()
    tested = {
        script.flow.id for source in FOLDER.tests.values() if (script := read_script(source, FOLDER.flows, findings))
    }
    assert not findings
    assert tested >= {"la_parra_front_desk", "card_member_services", "clinic_reception"}


@pytest.mark.parametrize("name", FOLDER.tests)
async def test_its_tests_pass_and_come_by_nearly_all_of_it(name: str) -> None:
    script = read_script(FOLDER.tests[name], FOLDER.flows, Findings())
    assert script is not None
    result = await Rehearsal().run(script, AsGiven())
    assert [str(failure) for case in result.cases for failure in case.failures] == []
    assert result.shortfalls == ()
    assert result.coverage.share_of_steps >= 95
