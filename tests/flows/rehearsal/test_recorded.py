import datetime as dt

import pytest

from gateway.flows.document import read_source
from gateway.flows.engine.commands import Tell
from gateway.flows.issues import Findings
from gateway.flows.load import load_folder
from gateway.flows.rehearsal.given import GivenCall
from gateway.flows.rehearsal.port import AsGiven
from gateway.flows.rehearsal.reading import read_script
from gateway.flows.rehearsal.recorded import CannotRecord, FlowRecord, recorded_test
from gateway.flows.rehearsal.running import Rehearsal, unrolled
from gateway.flows.rehearsal.script import Case, HangsUp, Presses, Says, Silent
from tests.flows.engine.bench import SHIPPED

FOLDER = load_folder(SHIPPED)


def records_of(flow_id: str, test: str) -> tuple[list[FlowRecord], Case]:
    """Return what a journal would hold of a scripted call."""
    file = next(name for name, source in FOLDER.tests.items() if f"flow: {flow_id}" in source.text)
    script = read_script(FOLDER.tests[file], FOLDER.flows, Findings())
    assert script is not None
    case = next(case for case in script.cases if test in case.name)
    call = GivenCall(script.flow, case)
    lines = unrolled(case.lines)
    call.start()
    for line in lines:
        match line:
            case Says(text=text, means=means):
                call.says(text, means)
            case Presses(keys=keys):
                call.presses(keys)
            case Silent(ms=ms):
                call.silent(ms)
            case HangsUp():
                call.hangs_up()
        call.settle()
    return [_record(tell) for tell in call.trace.tells], case


def _record(tell: Tell) -> FlowRecord:
    return FlowRecord(0, tell.name, tell.step, dict(tell.facts))


@pytest.mark.parametrize(
    ("flow", "test"),
    [
        ("la_parra_front_desk", "the host does not answer"),
        ("la_parra_front_desk", "a question about parking"),
        ("la_parra_front_desk", "silence and noise"),
        ("card_member_services", "the balance can't be reached"),
        ("card_member_services", "a locked card"),
        ("clinic_reception", "chest pain"),
    ],
)
async def test_a_recorded_call_is_a_test_that_passes(flow: str, test: str) -> None:
    records, case = records_of(flow, test)
    text = recorded_test(FOLDER.flows[flow], records, "as it was", case.at)
    findings = Findings()
    script = read_script(read_source(text, "x.test.yaml", findings), FOLDER.flows, findings)
    assert script is not None, ([str(each) for each in findings], text)
    result = await Rehearsal().run(script, AsGiven())
    assert [str(failure) for each in result.cases for failure in each.failures] == [], text


def test_nothing_that_was_keyed_is_in_it() -> None:
    records, _ = records_of("card_member_services", "the balance can't be reached")
    text = recorded_test(FOLDER.flows["card_member_services"], records, "as it was")
    assert "739182" not in text
    assert "04051980" not in text


def test_when_it_was_is_in_it() -> None:
    records, _ = records_of("la_parra_front_desk", "the host does not answer")
    text = recorded_test(FOLDER.flows["la_parra_front_desk"], records, "x", dt.datetime(2026, 6, 3, 13, tzinfo=dt.UTC))
    assert "at: 2026-06-03 13:00" in text


def test_a_call_without_a_flow_can_not_be_recorded() -> None:
    with pytest.raises(CannotRecord, match="nothing of flow 'la_parra_front_desk'"):
        recorded_test(FOLDER.flows["la_parra_front_desk"], [], "x")
