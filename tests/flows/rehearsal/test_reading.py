import pytest

from gateway.flows.document import read_source
from gateway.flows.issues import Findings
from gateway.flows.rehearsal.reading import read_script
from gateway.flows.rehearsal.script import Again, Expect, Meaning, Presses, Says, Script, Silent
from tests.flows.engine.bench import shipped

FLOWS = {"la_parra_front_desk": shipped("la_parra_front_desk"), "clinic_reception": shipped("clinic_reception")}
HEAD = "flow: la_parra_front_desk\ntests:\n  - name: a test\n    call:\n"


def read(text: str) -> tuple[Script | None, list[str]]:
    findings = Findings()
    source = read_source(text, "x.test.yaml", findings)
    return read_script(source, FLOWS, findings), [str(finding) for finding in findings.in_order()]


def test_a_test_is_read_line_by_line() -> None:
    script, faults = read(
        HEAD
        + """\
      - expect: {step: welcome, heard: [How can I help, a table]}
      - caller: {says: "a table", means: table}
      - caller: {presses: "1#"}
      - caller: {silent: 7s}
      - again: 2
coverage: {steps: 95%, exits: 85%}
"""
    )
    assert not faults
    assert script is not None
    expect, says, presses, silent, again = script.cases[0].lines
    assert isinstance(expect, Expect)
    assert expect.heard == ("How can I help", "a table")
    assert isinstance(says, Says)
    assert says.means == Meaning("table")
    assert isinstance(presses, Presses)
    assert presses.keys == "1#"
    assert isinstance(silent, Silent)
    assert silent.ms == 7000
    assert isinstance(again, Again)
    assert (script.thresholds.steps, script.thresholds.exits) == (95, 85)


def test_values_of_slots_are_texts_as_they_were_written() -> None:
    script, faults = read(
        """\
flow: clinic_reception
tools: {find_patient: several}
tests:
  - name: a test
    at: 2026-06-03 10:30
    from: withheld
    tools: {find_slots: [none, {outcome: ok, result: [{id: 007, start: 2026-06-10T09:00}], after: 2s}]}
    call:
      - caller: {says: "…", means: {kind: book, wanted_day: 2026-06-10}}
      - caller: {says: "…", means: {fix: {mobile: "+441134960123"}}}
"""
    )
    assert not faults
    assert script is not None
    case = script.cases[0]
    assert case.caller == ""
    assert case.at is not None
    first, second = case.lines
    assert isinstance(first, Says)
    assert first.means == Meaning("book", {"wanted_day": "2026-06-10"})
    assert isinstance(second, Says)
    assert second.means is not None
    assert second.means.fix == ("mobile", "+441134960123")
    assert case.world.tools["find_patient"][0].outcome == "several"
    assert [fake.after_ms for fake in case.world.tools["find_slots"]] == [None, 2000]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("- expect: {step: welcom}", "x.test.yaml:5:24 error F702: there is no step 'welcom' in flow"),
        ("- expect: {setp: welcome}", "5:18 error F101: expect: 'setp' is not known here; nearest: 'step'"),
        ("- caller: {shouts: hey}", "'shouts' is not known here"),
        ("- caller: {says: a, presses: '1'}", "the caller does one thing in a line"),
        ("- caller: {presses: one}", "keys in quotes"),
        ("- caller: {silent: 7}", "a length of time such as 6s"),
        (
            "- caller: {says: a, means: tabel}",
            "'tabel' is no choice, handler, exit or option of this flow; nearest: 'table'",
        ),
        ("- caller: {says: a, means: {day: x}}", "there is no slot 'day'"),
        ("- caller: {says: a, during: nowhere}", "there is no step 'nowhere'"),
        ("- expect: {tool_calls: {book: 1}}", "there is no tool 'book'"),
        ("- expect: {slots: {x: 1}}", "there is no slot or variable 'x'"),
        ("- expect: {passed: [welcome, no_step]}", "there is no step 'no_step'"),
        ("- again: 0", "a whole number, 1 to 50"),
        ("- {caller: {says: a}, again: 2}", "a line is one of 'caller', 'expect' and 'again'"),
    ],
)
def test_what_is_wrong_is_told_with_its_place_and_a_cure(line: str, fault: str) -> None:
    script, faults = read(f"{HEAD}      {line}\n")
    assert script is None
    assert any(fault in each for each in faults), faults


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("flow: la_para\ntests: []\n", "there is no flow 'la_para'"),
        ("tests: []\n", "'flow' is missing"),
        (
            "flow: la_parra_front_desk\ntests: [{name: a, call: [], transfers: {bye: busy}}]\n",
            "no step for transfers 'bye'",
        ),
        (
            "flow: la_parra_front_desk\ntests: [{name: a, call: [], transfers: {ring_host: bussy}}]\n",
            "'bussy' is no outcome here; nearest: 'busy'",
        ),
        ("flow: la_parra_front_desk\ntests: [{name: a, call: [], language: fr-FR}]\n", "does not speak 'fr-FR'"),
        ("flow: la_parra_front_desk\ntests: [{name: a, call: []}]\ncoverage: {steps: most}\n", "a share such as 95%"),
    ],
)
def test_what_is_wrong_with_a_file_is_told(text: str, fault: str) -> None:
    script, faults = read(text)
    assert script is None
    assert any(fault in each for each in faults), faults


def test_all_faults_come_together() -> None:
    _, faults = read(HEAD + "      - expect: {step: one}\n      - expect: {step: two}\n")
    assert len(faults) == 2
