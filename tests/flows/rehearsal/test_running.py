import datetime as dt
from xml.etree import ElementTree

import pytest

from gateway.flows.document import read_source
from gateway.flows.issues import Findings
from gateway.flows.rehearsal.junit import junit
from gateway.flows.rehearsal.port import AsGiven
from gateway.flows.rehearsal.reading import read_script
from gateway.flows.rehearsal.running import Rehearsal, ScriptResult, unrolled
from gateway.flows.rehearsal.script import Presses
from tests.flows.engine.bench import flow_of, shipped

BANK = shipped("card_member_services")
SMALL = flow_of(
    """
  main:
    menu:
      prompt: "What?"
      choices:
        look: {press: "1", means: look, go: look}
        code: {press: "2", means: code, go: code}
    then: {failed: person}
  look:
    call: look_up
    with: {id: "7"}
    save: found
    timeout: 2s
    filler: Wait a little.
    then: {ok: tell, none: bye, failed: person}
  tell: {say: "It is ${found.name}.", next: main}
  code: {ask: code, prompt: "Code?", then: {filled: main, failed: person}}
""",
    "start: main\nslots: {code: {type: digits, length: 4}}",
)


async def run(body: str, flow: object = SMALL, only: str = "") -> ScriptResult:
    findings = Findings()
    script = read_script(read_source(body, "x.test.yaml", findings), {SMALL.id: SMALL, BANK.id: BANK}, findings)
    assert script is not None, [str(each) for each in findings]
    return await Rehearsal().run(script, AsGiven(), only)


def one(lines: str, more: str = "") -> str:
    return f"flow: example\ntests:\n  - name: a test\n    {more}\n    call:\n{lines}"


def failures(result: ScriptResult) -> list[str]:
    return [str(failure) for case in result.cases for failure in case.failures]


@pytest.mark.parametrize(
    ("expected", "fault"),
    [
        ("step: code", "step 'code' is expected; the call stands on 'main'"),
        ("heard: Goodbye", "'Goodbye' was not heard; said was: It is Ann. What?"),
        ("not_heard: It is Ann", "'It is Ann' was heard"),
        ("said: It is", "'It is' was not said"),
        ("event: no_input", "there was no event 'no_input'"),
        ("passed: [look, code]", "step 'code' was not entered; entered were: look, tell, main"),
        ("slots: {code: '1234'}", "'code' is none, not 1234"),
        ("tool_calls: {look_up: 2}", "tool 'look_up' was called 1 times, not 2"),
        ("asked_model: 1", "the model was asked 0 questions, not 1"),
        ("ended: goodbye", "the call's end is 'no', not 'goodbye'"),
        ("language: es-ES", "the call is in en-GB, not in es-ES"),
    ],
)
async def test_what_did_not_come_true_is_told_with_its_place(expected: str, fault: str) -> None:
    tools = "tools: {look_up: {outcome: ok, result: {name: Ann, since: 2020-05-04}}}"
    result = await run(one(f"      - caller: {{presses: '1'}}\n      - expect: {{{expected}}}\n", tools))
    assert len(failures(result)) == 1
    assert failures(result)[0].startswith("x.test.yaml:7:17: ")
    assert fault in failures(result)[0]
    assert not result.passed


async def test_what_came_true_is_told_by_silence() -> None:
    tools = "tools: {look_up: [{outcome: ok, result: {name: Ann, since: 2020-05-04}, after: 1s}, none]}"
    result = await run(
        one(
            """\
      - caller: {presses: '1'}
      - expect: {heard: [Wait a little, It is Ann], step: main, slots: {code: none}, ended: no}
      - caller: {presses: '1'}
      - expect: {ended: goodbye, passed: [look, bye]}
""",
            tools,
        )
    )
    assert failures(result) == []
    assert result.passed


async def test_a_tool_slower_than_its_limit_has_failed() -> None:
    result = await run(
        one(
            "      - caller: {presses: '1'}\n      - expect: {passed: person}\n",
            "tools: {look_up: {outcome: ok, after: 3s}}",
        )
    )
    assert failures(result) == []


async def test_a_caller_can_do_nothing_after_the_end() -> None:
    result = await run(one("      - caller: {hangs_up: yes}\n      - caller: {presses: '1'}\n"))
    assert "the call is over (hung_up)" in failures(result)[0]


async def test_never_means_never() -> None:
    lines = "      - caller: {presses: '2'}\n      - caller: {presses: '1234'}\n"
    never = "never: {said_anywhere: [Code], logged_anywhere: [filled], sent_to_model: ['What?']}"
    result = await run(one(lines, never))
    assert [each.partition(": ")[2] for each in failures(result)] == [
        "'Code' was said",
        "'filled' was logged",
        "'What?' was sent to the model",
    ]


async def test_again_repeats_what_the_caller_did_and_expects_nothing() -> None:
    lines = """\
      - caller: {presses: '2'}
      - expect: {step: code}
      - caller: {presses: '1234'}
      - expect: {step: main}
      - again: 3
      - expect: {step: main}
"""
    result = await run(one(lines))
    assert failures(result) == []
    assert result.coverage.steps["code"] == 4


def test_again_begins_where_the_last_one_ended() -> None:
    findings = Findings()
    lines = "      - caller: {presses: '1'}\n      - again: 2\n      - caller: {presses: '2'}\n      - again: 1\n"
    script = read_script(read_source(one(lines), "x", findings), {"example": SMALL}, findings)
    assert script is not None
    keys = [line.keys for line in unrolled(script.cases[0].lines) if isinstance(line, Presses)]
    assert keys == ["1", "1", "1", "2", "2"]


async def test_too_little_coverage_fails_the_file() -> None:
    result = await run(one("      - caller: {hangs_up: yes}\n") + "coverage: {steps: 90%}\n")
    assert all(case.passed for case in result.cases)
    assert not result.passed
    assert "missing: look, tell, code, person, bye" in str(result.shortfalls[0])


async def test_with_a_choice_of_tests_coverage_is_not_judged() -> None:
    body = one("      - caller: {hangs_up: yes}\n") + "coverage: {steps: 90%}\n"
    result = await run(body, only="A TEST")
    assert result.passed
    assert (await run(body, only="another")).cases == ()


async def test_results_are_junit() -> None:
    result = await run(one("      - expect: {step: code}\n") + "coverage: {steps: 90%}\n")
    suite = ElementTree.fromstring(junit([result]))[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "2")
    case = suite[0]
    assert case.get("name") == "a test"
    assert case.get("classname") == "example.given"
    failure = case.find("failure")
    assert failure is not None
    assert "x.test.yaml:6:17" in (failure.text or "")


async def test_whole_calls_take_milliseconds() -> None:
    result = await run(one("      - caller: {silent: 10m}\n      - expect: {passed: person}\n"))
    assert failures(result) == []
    assert dt.timedelta(seconds=result.cases[0].took_s) < dt.timedelta(seconds=5)


async def test_counts_are_for_graphs() -> None:
    result = await run(one("      - caller: {presses: '2'}\n"))
    counts = result.coverage.counts()
    assert counts["main"] == 1
    assert counts["main>code"] == 1
