"""Every rule of flow lint finds its fault, and leaves what only looks like it alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.flows.issues import Severity
from gateway.flows.lint import RULES, LintOptions, lint
from gateway.flows.load import load_texts
from gateway.flows.prompts import Wording
from tests.flows.lint.cases import ANY_FILE, CASES, Case, edited
from tests.flows.lint.service import FILES

DOCUMENTED = {
    *(f"F{n}" for n in range(101, 119)),
    *(f"F{n}" for n in range(201, 214)),
    *(f"F{n}" for n in range(301, 314)),
    *(f"F{n}" for n in range(401, 409)),
    *(f"F{n}" for n in range(501, 509)),
    *(f"F{n}" for n in range(601, 608)),
    "F701",
    "F702",
}
"""The 69 rules of the language's design, section 5.2; F001 and F002 came with reading."""


def rules_of(files: dict[str, str], options: LintOptions) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in lint(load_texts(files), options):
        found.setdefault(finding.rule, []).append(str(finding))
    return found


def name(case: Case) -> str:
    return f"{case.rule}-{sum(other.rule == case.rule for other in CASES[: CASES.index(case)])}"


def test_the_register_holds_exactly_the_documented_rules():
    assert len(DOCUMENTED) == 69
    assert set(RULES) == DOCUMENTED | {"F001", "F002"}


def test_every_rule_has_a_case():
    assert {case.rule for case in CASES} == set(RULES)


def test_the_service_itself_has_no_finding():
    assert lint(load_texts(FILES)) == []


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_rule_finds_its_fault(case: Case):
    found = rules_of(edited(case.bad, case.file, case.more), case.options)
    assert case.rule in found, found
    assert all(RULES[case.rule].severity.value in line for line in found[case.rule])


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_rule_leaves_what_is_right_alone(case: Case):
    options = LintOptions() if case.options.covered or case.options.is_rendered or not case.good else case.options
    found = rules_of(edited(case.good, case.file), options)
    assert case.rule not in found, found[case.rule]


def test_rendered_prompts_and_covered_exits_are_left_alone():
    folder = load_texts(FILES)
    flow = folder.flows["service"]
    everything = {step.path for step in flow.steps.values()}
    everything |= {f"{step.path}>{way.name}" for step in flow.steps.values() for way in step.exits}

    def is_rendered(_: object, __: str, way: Wording) -> bool:
        return way.text.is_constant

    options = LintOptions(covered={"service": frozenset(everything)}, is_rendered=is_rendered)
    assert lint(folder, options) == []


def test_findings_name_file_line_column_and_the_nearest_word():
    case = next(case for case in CASES if case.rule == "F103")
    (finding,) = [found for found in lint(load_texts(edited(case.bad))) if found.rule == "F103"]
    line = edited(case.bad)[ANY_FILE].splitlines()[finding.line - 1]
    assert line[finding.column - 1 :] == "mian"
    assert str(finding).endswith("there is no step 'mian'; nearest: 'main'")
    assert finding.severity is Severity.ERROR


def test_all_faults_of_a_folder_come_together():
    files = edited((("    hours: desk\n", "    hours: dek\n"), ("max_turns: 5", "max_turns: lots")))
    files["second.yaml"] = "flow: second\nfromat: 1\n"
    files["third.yaml"] = "flow: [third\n"
    where = {finding.file for finding in lint(load_texts(files))}
    assert where == {"service.yaml", "second.yaml", "third.yaml"}


LINES = FILES[ANY_FILE].splitlines(keepends=True)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_edit_brings_lint_down(data: st.DataObject):
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        match data.draw(st.sampled_from(["delete", "double", "swap", "cut", "scalar", "indent"])):
            case "delete":
                del lines[at]
            case "double":
                lines.insert(at, lines[at])
            case "swap":
                lines[at], lines[at - 1] = lines[at - 1], lines[at]
            case "cut":
                lines[at] = lines[at][: len(lines[at]) // 2] + "\n"
            case "scalar":
                lines[at] = (
                    lines[at].partition(":")[0]
                    + data.draw(st.sampled_from([":", ": []", ": {}", ": x", ": '1'"]))
                    + "\n"
                )
            case "indent":
                lines[at] = "  " + lines[at]
    files = {**FILES, ANY_FILE: "".join(lines)}
    assert all(str(finding) for finding in lint(load_texts(files)))
