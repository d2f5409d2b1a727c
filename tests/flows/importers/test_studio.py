"""A Studio export, made for these tests after Twilio's documentation, becomes a flow that lints and passes tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ConfigurationError
from gateway.flows.importers.finish import Imported
from gateway.flows.importers.notes import Verdict
from gateway.flows.importers.studio import import_studio
from gateway.flows.load import load_texts
from gateway.flows.model import Flow
from gateway.flows.steps import Ask, Call, Decide, EndCall, GoTo, Menu, Say, Set, Transfer, Voicemail
from tests.flows.importers.rehearsed import rehearse, told

EXPORT = Path(__file__).parent / "studio" / "bike_shop.json"


@pytest.fixture(scope="module")
def imported() -> Imported:
    return import_studio(EXPORT)


@pytest.fixture(scope="module")
def flow(imported: Imported) -> Flow:
    return load_texts(imported.files).flows["bike_shop"]


def noted(imported: Imported, verdict: Verdict) -> str:
    return "\n".join(map(str, imported.notes.of(verdict)))


def small(tmp_path: Path, *states: dict[str, Any]) -> Imported:
    """Import a flow of a trigger and these widgets; the first one answers the call."""
    trigger = {
        "name": "Trigger", "type": "trigger", "transitions": [{"event": "incomingCall", "next": states[0]["name"]}],
    }  # fmt: skip
    file = tmp_path / "small.json"
    file.write_text(json.dumps({"states": [trigger, *states], "initial_state": "Trigger"}), encoding="utf-8")
    return import_studio(file, "small")


def said(name: str, text: str, after: str | None = None) -> dict[str, Any]:
    way = {"event": "audioComplete"} | ({"next": after} if after else {})
    return {"name": name, "type": "say-play", "transitions": [way], "properties": {"say": text}}


def test_it_lints_without_errors(imported: Imported):
    assert imported.errors == []


async def test_its_first_tests_pass_and_come_by_every_step(imported: Imported):
    result = await rehearse(imported.files)
    assert told(result) == []
    assert result.coverage.missing_steps == []


def test_gather_splits_and_scolding_fold_into_one_menu(flow: Flow):
    menu = flow.steps["main_menu"]
    assert isinstance(menu, Menu)
    choices = {choice.key: (choice.words, choice.means, str(choice.target)) for choice in menu.choices}
    words, means, target = choices["1"]
    assert any({"repair", "broken"} <= set(said) for said in words.values())
    assert (means, target) == ("repairs", "repair_number")
    assert choices["3"][1] == "hear our opening hours"
    retries = menu.listening.retries
    assert retries.no_input is not None
    assert retries.no_match is not None
    assert retries.no_input.wording("en-GB", 1).text.source == "I did not hear you."
    assert retries.no_match.wording("en-GB", 1).text.source == "That is not one of the choices."
    assert not {"by_key", "by_word", "not_heard", "wrong_key"} & flow.steps.keys()


def test_an_exit_that_nobody_wired_leads_to_a_person_and_is_told(flow: Flow, imported: Imported):
    assert flow.steps["main_menu"].target("choice_9") == GoTo("ring_shop")
    assert flow.steps["look_up"].target("failed") == GoTo("ring_shop")
    assert "'9' leads nowhere there" in noted(imported, Verdict.NEEDS_YOU)
    assert "'failed' was not wired; a person takes over" in noted(imported, Verdict.CHANGED)


def test_digits_without_a_split_are_a_question(flow: Flow):
    ask = flow.steps["repair_number"]
    assert isinstance(ask, Ask)
    kind = flow.slots["repair_number"].type
    assert (kind.min_length, kind.max_length) == (6, 6)


def test_a_request_is_a_tool_and_its_credentials_stay_out(flow: Flow, imported: Imported):
    tool = flow.tools["look_up"]
    assert tool.url is not None
    assert tool.url.source.startswith("https://api.example.com/repairs/${repair_number}?api_key=${secret.")
    assert (tool.result.fields or {}).keys() == {"state", "bike", "at"}
    everything = "\n".join(imported.files.values())
    assert not [secret for secret in ("hunter2", "abc123", "s3cr3t") if secret in everything]
    assert "its login is not imported" in noted(imported, Verdict.NEEDS_YOU)


def test_liquid_becomes_expressions(flow: Flow, imported: Imported):
    ready, count = flow.steps["ready"], flow.steps["count_calls"]
    assert isinstance(ready, Say)
    assert isinstance(count, Set)
    assert ready.prompt.wording("en-GB", 1).text.source == "Your ${look_up_result.bike|or('bike')} is ready."
    assert count.sets["asked"].template.source == "${asked + 1}"
    assert "a block '{% … %}' has no counterpart" in noted(imported, Verdict.NEEDS_YOU)


def test_a_time_of_day_is_left_to_a_person_and_never_true(flow: Flow, imported: Imported):
    step = flow.steps["is_ready"]
    assert isinstance(step, Decide)
    assert [str(branch.condition) for branch in step.branches][1] == "condition_1"
    assert "opening hours are a calendar here" in noted(imported, Verdict.NEEDS_YOU)


def test_the_split_behind_a_dialled_number_gives_its_outcomes(flow: Flow):
    step = flow.steps["ring_shop"]
    assert isinstance(step, Transfer)
    assert step.to.source == "tel:+441632960010"
    assert step.ring_for_ms == 20_000
    ways = {way.name: str(way.target) for way in step.exits}
    assert ways == {"answered": "end_call", "busy": "queue_up", "no_answer": "message", "failed": "message"}


def test_a_queue_has_a_limit_and_every_outcome(flow: Flow):
    step = flow.steps["queue_up"]
    assert isinstance(step, Transfer)
    assert step.to.source == "queue:shop_floor"
    assert {way.name for way in step.exits} == {"answered", "timeout", "closed", "failed"}


def test_a_voicemail_keeps_its_bounds(flow: Flow):
    step = flow.steps["message"]
    assert isinstance(step, Voicemail)
    assert (step.max_time_ms, step.silence_ms, step.end_key, step.transcribe) == (120_000, 5_000, "#", True)


def test_a_function_is_a_tool_with_its_parameters(flow: Flow):
    step = flow.steps["tell_team"]
    assert isinstance(step, Call)
    assert {name: value.template.source for name, value in step.arguments.items()} == {
        "caller": "${call.from}",
        "topic": "${topic}",
    }


def test_text_messages_are_passed_through_and_told(flow: Flow, imported: Imported):
    assert flow.steps["tell_team"].target("ok") == EndCall()
    assert "widget 'text_back' (send-message)" in noted(imported, Verdict.NEEDS_YOU)


def test_what_nothing_leads_to_is_left_out_and_told(flow: Flow, imported: Imported):
    assert "old_idea" not in flow.steps
    assert "step 'old_idea': no way leads to it" in noted(imported, Verdict.CHANGED)


def test_a_recording_to_play_asks_for_its_words(imported: Imported):
    text = imported.files["bike_shop.yaml"]
    assert "plays hours.mp3" in text
    assert 'say: "TODO: what hours.mp3 says."' in text


def test_the_api_s_answer_with_the_definition_in_it_is_read_too(tmp_path: Path, imported: Imported):
    file = tmp_path / "bike_shop.json"
    definition = json.loads(EXPORT.read_text(encoding="utf-8"))
    file.write_text(json.dumps({"sid": "FW1", "definition": definition}), encoding="utf-8")
    assert import_studio(file).files.keys() == imported.files.keys()


def test_a_flow_without_a_person_gets_one_to_fill_in(tmp_path: Path):
    imported = small(tmp_path, said("hello", "Hello."))
    assert imported.errors == []
    assert "queue:agents" in imported.files["small.yaml"]
    assert "names nobody to hand callers to" in noted(imported, Verdict.NEEDS_YOU)


def test_an_unknown_widget_is_passed_through_and_told(tmp_path: Path):
    odd = {"name": "odd", "type": "juggle", "transitions": [{"event": "done", "next": "hello"}]}
    imported = small(tmp_path, odd, said("hello", "Hello."))
    assert imported.errors == []
    assert "widget 'odd' (juggle): is not known here" in noted(imported, Verdict.NEEDS_YOU)


def test_widgets_that_pass_to_one_another_for_ever_end_the_call(tmp_path: Path):
    one = {"name": "one", "type": "send-message", "transitions": [{"event": "sent", "next": "two"}]}
    two = {"name": "two", "type": "send-message", "transitions": [{"event": "sent", "next": "one"}]}
    imported = small(tmp_path, one, two)
    assert imported.errors == []


def test_a_pin_is_taken_by_keys_only(tmp_path: Path):
    gather = {
        "name": "enter_pin", "type": "gather-input-on-call",
        "transitions": [{"event": "keypress", "next": "bye"}, {"event": "timeout"}], "properties": {"say": "Your PIN?"},
    }  # fmt: skip
    imported = small(tmp_path, gather, said("bye", "Thank you, {{widgets.enter_pin.Digits}}."))
    assert "input: keys_only, privacy: secret" in imported.files["small.yaml"]
    assert [finding.rule for finding in imported.errors if finding.rule == "F307"], "a secret said aloud is an error"
    assert "small.test.yaml" not in imported.files


def test_people_who_are_rung_again_for_ever_are_rung_once(tmp_path: Path):
    ring = {
        "name": "ring", "type": "connect-call-to", "transitions": [{"event": "callCompleted", "next": "ring"}],
        "properties": {"noun": "number", "to": "+441632960001"},
    }  # fmt: skip
    imported = small(tmp_path, ring)
    assert imported.errors == []
    assert "rang the same people again for ever" in noted(imported, Verdict.NEEDS_YOU)


def test_a_client_is_a_queue_with_a_queue_s_outcomes(tmp_path: Path):
    ring = {
        "name": "ring", "type": "connect-call-to", "transitions": [{"event": "callCompleted", "next": "sorry"}],
        "properties": {"noun": "client", "to": "Alice", "timeout": 30},
    }  # fmt: skip
    imported = small(tmp_path, ring, said("sorry", "Sorry."))
    assert imported.errors == []
    assert 'transfer: {to: "queue:alice", max_wait: 30s}' in imported.files["small.yaml"]
    assert "rings a client" in noted(imported, Verdict.NEEDS_YOU)


def test_what_was_pressed_before_is_the_choice_that_was_taken(tmp_path: Path):
    key = {"friendly_name": "1", "arguments": ["{{widgets.ask.Digits}}"], "type": "equal_to", "value": "1"}
    gather = {
        "name": "ask", "type": "gather-input-on-call",
        "transitions": [{"event": "keypress", "next": "by_key"}, {"event": "speech"}, {"event": "timeout"}],
        "properties": {"say": "For sales, press 1."},
    }  # fmt: skip
    by_key = {
        "name": "by_key", "type": "split-based-on", "properties": {"input": "{{widgets.ask.Digits}}"},
        "transitions": [{"event": "noMatch"}, {"event": "match", "next": "hello", "conditions": [key]}],
    }  # fmt: skip
    later = by_key | {
        "name": "later",
        "transitions": [{"event": "noMatch", "next": "b"}, {"event": "match", "next": "a", "conditions": [key]}],
    }
    # A second look at the same key is a split of its own, not a part of the menu.
    states = (gather, by_key, said("hello", "Hello.", "later"), later, said("a", "A."), said("b", "B."))
    imported = small(tmp_path, *states)
    assert imported.errors == []
    assert "last_choice('ask') == 'sales'" in imported.files["small.yaml"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no JSON"),
        ("[]", "is no export of a Studio flow"),
        ('{"states": [{"type": "trigger"}]}', "widgets with names"),
        ('{"states": [{"name": "a"}], "initial_state": "b"}', "'initial_state' is 'b', and there is no such widget"),
    ],
)
def test_what_is_no_export_is_refused_by_name(tmp_path: Path, text: str, words: str):
    file = tmp_path / "flow.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        import_studio(file)
