"""Findings for people and machines, and their cure in the files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gateway.flows.lint import lint
from gateway.flows.lint.report import as_json, as_sarif, as_text, fix_folder
from gateway.flows.load import load_folder, load_texts
from tests.flows.lint.cases import ANY_FILE, edited

EXAMPLES = Path(__file__).parents[3] / "ivr_flows"


@pytest.fixture
def folder(tmp_path: Path):
    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_the_shipped_flows_have_no_finding():
    assert lint(load_folder(EXAMPLES)) == []


BROKEN = edited((("    hours: desk\n", "    hours: dek\n"), ("      max_turns: 5\n", "")))


def test_text_has_a_line_for_each_and_counts_them():
    lines = as_text(lint(load_texts(BROKEN))).splitlines()
    assert lines[0].startswith("service.yaml:")
    assert lines[-1] == "1 error, 2 warnings"


def test_json_says_where_and_what():
    found = json.loads(as_json(lint(load_texts(BROKEN))))
    assert {(one["rule"], one["severity"], one["file"]) for one in found} == {
        ("F103", "error", ANY_FILE),
        ("F116", "warning", ANY_FILE),
        ("F501", "warning", ANY_FILE),
    }
    assert all(one["line"] and one["column"] and one["message"] for one in found)


def test_sarif_holds_rules_results_and_places():
    run = json.loads(as_sarif(lint(load_texts(BROKEN)), "1.2.3"))["runs"][0]
    driver = run["tool"]["driver"]
    assert driver["version"] == "1.2.3"
    for result in run["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        region = result["locations"][0]["physicalLocation"]["region"]
        assert region["startLine"] > 0
        assert result["level"] in ("error", "warning")
    assert {rule["id"] for rule in driver["rules"]} == {"F103", "F116", "F501"}


@pytest.mark.parametrize(
    ("edits", "wanted"),
    [
        ((("{done: visit_done, not_done: main, failed: agent}", "{done: visit_done, not_done: main}"),), "{done: visit_done, not_done: main, failed: agent_exit}"),  # noqa: E501 - a row of a table
        ((("    then: {gave_up: agent}\n", ""),), "      done: {when: has no more questions, go: main}\n    then: {gave_up: agent_exit}\n"),  # noqa: E501 - a row of a table
        (
            (("    then: {ok: say_balance, failed: agent}\n", "    then:\n      ok: say_balance   # good\n"),),
            "    then:\n      ok: say_balance   # good\n      failed: agent_exit\n",
        ),
        ((("always:\n", "always:\n  #: {means: nothing, go: agent}\n"),), '  "#": {means: nothing, go: agent}\n'),
        ((("pay: {press: \"2\", means: wants to pay, go: how_much}", "pay:\n          press: #\n          means: pays\n          go: how_much"),), '          press: "#"\n'),  # noqa: E501 - a row of a table
        ((("    hangup: {en: Goodbye., es: Adiós.}", "    hangup: Note: goodbye"),), '    hangup: "Note: goodbye"\n'),
        ((("{en: Goodbye., es:", "{en: [Goodbye, and thank you], es:"),), '{en: ["Goodbye, and thank you"], es:'),
        ((('"I still cannot hear you."]', '"Sorry, I did not hear you."]'),), '["Sorry, I did not hear you.", "I still cannot hear you. You can use your keypad."]'),  # noqa: E501 - a row of a table
        (
            (('en: ["Balance, payment, or an appointment?", "Press 1 for the balance, 2 to pay, 3 for an appointment."]', 'en: "Balance, payment, or an appointment?"'),),  # noqa: E501 - a row of a table
            'en: ["Balance, payment, or an appointment?", "Press 1 for balance, 2 for pay, 3 for visit."]',
        ),
    ],
)  # fmt: skip
def test_a_cure_changes_the_text_and_nothing_else(folder, edits, wanted):
    files = edited(edits)
    root = folder(files)
    before = lint(load_folder(root))
    assert fix_folder(root, before) == [root / ANY_FILE]
    text = (root / ANY_FILE).read_text(encoding="utf-8")
    assert wanted in text
    kept = {line for line in files[ANY_FILE].splitlines() if "#" in line and "press" not in line and "#:" not in line}
    assert kept <= set(text.splitlines())
    after = lint(load_folder(root))
    assert len(after) < len(before) or {found.rule for found in after} != {found.rule for found in before}
    assert not [found for found in after if found.edits]


def test_what_only_a_person_can_decide_is_left(folder):
    root = folder(BROKEN)
    assert fix_folder(root, lint(load_folder(root))) == []
    assert (root / ANY_FILE).read_text(encoding="utf-8") == BROKEN[ANY_FILE]


def test_a_file_outside_of_the_folder_is_never_written(folder, tmp_path: Path):
    from gateway.flows.issues import Edit, Findings, Origin

    outside = tmp_path.parent / "outside.yaml"
    outside.write_text("a: b\n", encoding="utf-8")
    findings = Findings()
    findings.error("F001", Origin("x"), "x", edits=[Edit("../outside.yaml", 0, 1, "c")])
    assert fix_folder(folder({}), findings) == []
    assert outside.read_text(encoding="utf-8") == "a: b\n"
