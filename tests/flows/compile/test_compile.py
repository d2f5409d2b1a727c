"""Files become a compiled flow: inheritance with places, targets, subflows, languages."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.flows.load import Folder, load_folder, load_texts
from gateway.flows.model import Flow, Privacy, SlotKind
from gateway.flows.steps import (
    Ask,
    Call,
    Confirm,
    Decide,
    EndCall,
    GiveBack,
    GoTo,
    Hangup,
    Menu,
    Pay,
    Run,
    Say,
    Talk,
    Transfer,
    Voicemail,
)

EXAMPLES = Path(__file__).parents[3] / "ivr_flows"

SHARED = """\
format: 1
kind: shared
always:
  repeat: {press: "*", means: asks to hear it again, do: repeat_step}
  silence: {after: 4s}
defaults:
  menu: {limit: 4}
  ask: {limit: 5, no_input: {en: [Shared ask.], es: [Compartido.]}}
  no_input: {en: [Shared one., Shared two.], es: [Uno.]}
  no_match: {en: [No match.], es: [No.]}
  call: {timeout: 7s, filler: {en: Wait., es: Espere.}}
"""
FLOW = """\
flow: own
format: 1
languages: [en-GB, es-ES]
voice: {en: marin, es: cedar}
use: [shared.yaml, tools.yaml]
slots:
  day: {type: date}
variables:
  flag: {type: boolean, start: no}
defaults:
  ask: {limit: 2}
  no_match: {en: [Own no match.]}
always:
  repeat: {press: none}
  away: {means: goes away, run: helper, with: {who: you}, returns: restart}
agent_exit: bye
start: main
steps:
  main:
    menu:
      prompt: {en: ["A?", "B?"], es: "¿A?"}
      choices:
        one: {press: "1", means: the first, words: {en: [First One], es: [primero]}, go: ask}
        two_things: {press: pound, means: both, go: end_call}
    then: {failed: agent_exit}
  ask:
    ask: day
    prompt: {en: "Day?", es: "¿Día?"}
    limit: 9
    no_match: none
    then: {filled: go_on, failed: bye}
  go_on:
    decide:
      - {if: last_choice('main') == 'one' and visits('ask') > 1, go: run_it}
      - {else: bye}
  run_it:
    run: helper
    with: {who: "${day|date}"}
    then: {good: bye, bad: bye, failed: bye}
  bye:
    hangup: {en: Bye., es: Adiós.}
subflows:
  helper:
    takes: {who: text}
    outcomes: [good, bad]
    start: call
    steps:
      call:
        call: look
        with: {what: "${who}", flag: "${flag}"}
        save: found
        then: {ok: count, failed: {return: bad}}
      count:
        decide:
          - {if: visits('call') > 1 and count(found) > 0, go: back}
          - {else: agent_exit}
      back: {return: good}
"""
TOOLS = """\
format: 1
kind: tools
tools:
  look:
    http: GET https://example.com/${what}
    send: {what: text, flag: optional boolean}
    outcomes: {ok: 2xx, none: empty, gone: [404, 410]}
    returns: {list_of: {id: text, sum: amount EUR}}
    timeout: 3s
"""
FILES = {"own.yaml": FLOW, "shared.yaml": SHARED, "tools.yaml": TOOLS}


@pytest.fixture(scope="module")
def flow() -> Flow:
    folder = load_texts(FILES)
    assert folder.findings == []
    return folder.flows["own"]


@pytest.fixture(scope="module")
def examples() -> Folder:
    return load_folder(EXAMPLES)


def said(prompt: object, language: str = "en-GB") -> list[str]:
    return [way.text.source for way in prompt.wordings[language]]  # type: ignore[attr-defined]


def test_values_come_from_the_nearest_place_and_remember_it(flow: Flow):
    main, ask = flow.steps["main"], flow.steps["ask"]
    assert isinstance(main, Menu)
    assert isinstance(ask, Ask)
    assert (main.listening.retries.limit, str(main.effective["limit"].origin)) == (4, "shared.yaml:7:17")
    assert (ask.listening.retries.limit, ask.effective["limit"].origin.file) == (9, "own.yaml")
    assert str(main.effective["interrupt"].origin) == "built-in"
    assert main.listening.silence_ms == 4000


def test_lists_replace_maps_merge_and_none_removes(flow: Flow):
    main, ask = flow.steps["main"], flow.steps["ask"]
    assert isinstance(main, Menu)
    assert isinstance(ask, Ask)
    assert main.listening.retries.no_match is not None
    assert said(main.listening.retries.no_match) == ["Own no match."]
    assert said(main.listening.retries.no_match, "es-ES") == ["No."]
    assert ask.listening.retries.no_match is None
    assert ask.listening.retries.no_input is not None
    assert said(ask.listening.retries.no_input) == ["Shared ask."]
    assert flow.handlers["repeat"].key is None
    assert flow.handlers["repeat"].repeats


def test_prompts_are_there_in_every_language_and_escalate(flow: Flow):
    main = flow.steps["main"]
    assert isinstance(main, Menu)
    assert main.prompt is not None
    assert [main.prompt.wording("en-GB", n).text.source for n in (1, 2, 3)] == ["A?", "B?", "B?"]
    assert main.prompt.wording("es-ES", 2).text.source == "¿A?"
    assert main.prompt.missing == frozenset()
    assert flow.voices == {"en-GB": "marin", "es-ES": "cedar"}


def test_choices_have_keys_words_and_targets(flow: Flow):
    main = flow.steps["main"]
    assert isinstance(main, Menu)
    one, both = main.choices
    assert (one.key, one.words["en-GB"], one.words["es-ES"], one.target) == (
        "1",
        ("first one",),
        ("primero",),
        GoTo("ask"),
    )
    assert (both.key, both.words["en-GB"], both.target) == ("#", ("two things",), EndCall())
    assert main.target("failed") == GoTo("bye")
    assert main.target("anything else") == GoTo("bye")


def test_step_names_in_conditions_become_paths(flow: Flow):
    count, go_on = flow.steps["helper.count"], flow.steps["go_on"]
    assert isinstance(count, Decide)
    assert isinstance(go_on, Decide)
    assert "value='helper.call'" in repr(count.branches[0].condition)
    assert "value='main'" in repr(go_on.branches[0].condition)


def test_a_subflow_has_names_of_its_own_and_gives_back(flow: Flow):
    sub = flow.subflows["helper"]
    assert (sub.start, sub.outcomes, sub.local_names) == ("helper.call", ("good", "bad"), frozenset({"who", "found"}))
    call = flow.steps["helper.call"]
    assert isinstance(call, Call)
    assert call.target("failed") == GiveBack("bad")
    assert call.timeout_ms == 3000
    assert call.filler is not None
    kind = flow.kind_of("found", "helper")
    assert kind is not None
    assert kind.item is not None
    assert kind.item.fields is not None
    assert kind.item.fields["sum"].currency == "EUR"
    assert flow.kind_of("found") is None
    assert str(flow.kind_of("flag", "helper")) == "boolean"


def test_a_tool_maps_statuses_to_outcomes(flow: Flow):
    tool = flow.tools["look"]
    assert (tool.method, tool.idempotent, tool.empty_outcome) == ("GET", True, "none")
    assert tool.outcomes["gone"] == frozenset({404, 410})
    assert 204 in tool.outcomes["ok"]
    assert not tool.sends["flag"].required


def test_a_digression_runs_a_subflow(flow: Flow):
    away = flow.handlers["away"]
    assert (away.run, away.returns, away.target) == ("helper", "restart", None)
    assert away.arguments["who"].template.source == "you"


def test_a_variable_starts_with_its_kind(flow: Flow):
    start = flow.variables["flag"].start
    assert start is not None
    assert start.literal is False


def test_the_bundle_is_named_by_its_contents():
    digest = load_texts(FILES).flows["own"].digest
    assert load_texts(FILES).flows["own"].digest == digest
    changed = {**FILES, "shared.yaml": SHARED.replace("4s", "5s")}
    assert load_texts(changed).flows["own"].digest != digest


def test_a_subflow_of_another_file_comes_with_its_slots():
    other = """\
flow: other
format: 1
languages: [en-GB, es-ES]
slots: {colour: {type: text}}
agent_exit: bye
start: bye
steps: {bye: {hangup: none}}
subflows:
  paint:
    outcomes: [done]
    start: which
    steps:
      which:
        ask: colour
        prompt: {en: "Which?", es: "¿Cuál?"}
        then: {filled: {return: done}, failed: {return: done}}
"""
    files = {
        **FILES,
        "other.yaml": other,
        "own.yaml": FLOW.replace(
            'run: helper\n    with: {who: "${day|date}"}\n    then: {good: bye, bad: bye',
            "run: other.paint\n    then: {done: bye",
        ),
    }
    folder = load_texts(files)
    assert folder.findings == []
    flow = folder.flows["own"]
    assert "other.paint.which" in flow.steps
    assert "colour" in flow.slots
    assert flow.steps["other.paint.which"].target("filled") == GiveBack("done")


def test_a_pattern_of_numbers_gives_way_to_the_exact_number():
    flow = load_texts(
        {
            **FILES,
            "own.yaml": FLOW.replace("start: main", 'numbers: ["+442079460101", {pattern: "+44207946*"}]\nstart: main'),
        }
    ).flows["own"]
    exact, pattern = flow.numbers
    assert exact.matches("+442079460101") > pattern.matches("+442079460101") > 0
    assert (exact.matches("+442079460102"), pattern.matches("+442079460102")) == (0, 9)
    assert pattern.matches("+33123456789") == 0


def test_the_model_is_frozen(flow: Flow):
    with pytest.raises(dataclasses.FrozenInstanceError):
        flow.title = "x"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "steps", "subflow_steps"),
    [("la_parra_front_desk", 10, 0), ("card_member_services", 30, 0), ("clinic_reception", 31, 17)],
)
def test_the_examples_have_their_steps(examples: Folder, name: str, steps: int, subflow_steps: int):
    flow = examples.flows[name]
    assert sum(step.subflow is None for step in flow.steps.values()) == steps
    assert sum(step.subflow is not None for step in flow.steps.values()) == subflow_steps


def test_the_bank_is_read_as_it_was_meant(examples: Folder):
    flow = examples.flows["card_member_services"]
    pin, amount = flow.slots["telephone_pin"], flow.slots["pay_amount"]
    assert (pin.privacy, pin.input, pin.type.min_length, pin.confirm) == (Privacy.SECRET, "keys_only", 6, "never")
    assert (amount.type.kind, amount.type.currency) == (SlotKind.AMOUNT, "EUR")
    assert amount.high is not None
    assert amount.high.expression.source == "card.balance"
    assert flow.limits.max_cost == (Decimal("2.50"), "EUR")
    greet, verify, main, block, pay, fraud = (
        flow.steps[name] for name in ("greet", "verify", "main", "block_sure", "take_payment", "to_fraud")
    )
    assert isinstance(greet, Say)
    assert greet.keys == {"9": GoTo("to_english")}
    assert greet.prompt.wording("es-ES").exact
    assert greet.prompt.wording("es-ES").audio == "prompts/es/bienvenida.wav"
    assert isinstance(verify, Call)
    assert (verify.timeout_ms, verify.retry, verify.save) == (6000, 1, "card")
    assert main.guard is not None
    assert (main.guard.need.source, main.guard.otherwise) == ("verified", GoTo("ask_card"))
    assert isinstance(block, Confirm)
    assert block.interrupt.mode == "blocked"
    assert isinstance(pay, Pay)
    assert pay.collect == ("card_number", "expiry", "security_code")
    assert said(pay.prompts["expiry"], "es-ES")[0].startswith("Ahora la fecha")
    assert isinstance(fraud, Transfer)
    assert (fraud.scheme, fraud.mode, fraud.priority, fraud.max_wait_ms) == ("queue", "warm", "high", 300_000)
    assert flow.handlers["lost_card"].works_in("main")
    assert not flow.handlers["lost_card"].works_in("take_payment")
    assert flow.handlers["hangup"].actions[0].tool == "close_case"


def test_the_clinic_is_read_as_it_was_meant(examples: Folder):
    flow = examples.flows["clinic_reception"]
    choose, faq, run, message, bye = (
        flow.steps[name] for name in ("offer_slots.choose", "faq", "offer", "message", "emergency_bye")
    )
    assert isinstance(choose, Menu)
    assert choose.source is not None
    assert (choose.source.source, choose.show, choose.press_position, choose.save) == ("options", 3, True, "chosen")
    assert [choice.id for choice in choose.choices] == ["more", "none"]
    assert isinstance(faq, Talk)
    assert [way.id for way in faq.ways_out] == ["book", "done"]
    assert "Riverside Clinic" in faq.facts[0].text  # type: ignore[union-attr]
    assert isinstance(run, Run)
    assert (run.flow, run.gives) == ("offer_slots", {"chosen": "chosen"})
    assert isinstance(message, Voicemail)
    assert (message.privacy, message.max_time_ms) == ("sensitive", 120_000)
    assert isinstance(bye, Hangup)
    assert flow.model.wait_for_caller == "patient"
    assert flow.handlers["start_over"].key == "*"


def test_how_long_to_wait_comes_from_the_shared_file_unless_the_header_says(examples: Folder):
    assert examples.flows["clinic_reception"].model.wait_for_caller == "patient"
    assert examples.flows["la_parra_front_desk"].model.wait_for_caller == "normal"
