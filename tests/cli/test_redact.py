"""``gateway redact``: the live call's redactor over standard input."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.privacy.redactor import Redactor

CASES = [
    {"id": "a", "turns": [{"role": "caller", "text": "it is 4242", "deltas": ["it is ", "42", "42"]},
                          {"role": "caller", "text": "4242 4242 4242 ok", "deltas": ["4242 4242", " 4242 ok"]}]},
    {"id": "b", "turns": [{"role": "caller", "text": "4242 4242", "deltas": ["4242 ", "4242"]},
                          {"role": "agent", "text": "zéro?", "deltas": ["zé", "ro?"]}]},
]  # fmt: skip


def run(text: str, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["redact", *options], input=text.encode())
    return result.exit_code, result.output


def test_each_call_is_answered_by_a_line_with_what_left_of_every_delta() -> None:
    code, out = run("".join(json.dumps(case) + "\n" for case in CASES), "--jsonl")
    first, second = (json.loads(line) for line in out.splitlines())
    assert code == 0
    assert first == {
        "id": "a",
        "turns": ["it is 4242", "[CARD] ok"],
        "emits": [["it is ", "", "", "4242"], ["", "", "[CARD] ok"]],
    }
    # Nobody goes on with b's digits: they leave when the call is over, at the flush of their turn.
    assert second == {"id": "b", "turns": ["4242 4242", "zéro?"], "emits": [["", "", "4242 4242"], ["", "", "zéro?"]]}


def test_it_is_the_same_class_as_the_live_calls() -> None:
    redactor = Redactor()
    left = [str(redactor.feed("0", "caller", delta)) for delta in CASES[0]["turns"][0]["deltas"]]
    assert json.loads(run(json.dumps(CASES[0]), "--jsonl")[1])["emits"][0][:-1] == left


def test_plain_lines_are_a_callers_turns() -> None:
    assert run("my card is\n4242 4242 4242 4242\nthanks\n") == (0, "my card is\n[CARD]\nthanks\n")
    assert run("it is 4242 4242\n") == (0, "it is 4242 4242\n")


@pytest.mark.parametrize(
    "line", ["not json 4242424242424242", "{}", "[]", '{"turns": [{"role": "caller"}]}', '{"turns": 4242424242424242}']
)
def test_a_line_that_is_no_call_is_refused_by_its_number_alone(line: str) -> None:
    code, out = run(json.dumps(CASES[0]) + f"\n\n{line}\n", "--jsonl")
    assert code == 2
    assert "line 3" in out
    assert "4242424242424242" not in out
