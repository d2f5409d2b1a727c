"""A Rasa project, written for these tests after Rasa's reference, becomes a flow that lints and passes its tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.flows.importers.finish import Imported
from gateway.flows.importers.notes import Verdict
from gateway.flows.importers.rasa import import_rasa
from gateway.flows.load import load_texts
from gateway.flows.model import Flow, Privacy
from gateway.flows.steps import Ask, Call, Clear, Decide, GiveBack, GoTo, Menu, Return, Run, Say, Set
from tests.flows.importers.rehearsed import rehearse, told

PROJECT = Path(__file__).parent / "rasa"


@pytest.fixture(scope="module")
def imported() -> Imported:
    return import_rasa([PROJECT / "flows.yml", PROJECT / "domain.yml"], "car_hire", "en-GB", "Corner Car Hire")


@pytest.fixture(scope="module")
def flow(imported: Imported) -> Flow:
    return load_texts(imported.files).flows["car_hire"]


def needs_you(imported: Imported) -> str:
    return "\n".join(map(str, imported.notes.of(Verdict.NEEDS_YOU)))


def test_it_lints_without_errors(imported: Imported):
    assert imported.errors == []


async def test_its_first_tests_pass_and_come_by_nearly_everything(imported: Imported):
    result = await rehearse(imported.files)
    assert told(result) == []
    assert len(result.cases) > 15
    assert result.coverage.share_of_steps >= 95


def test_flows_that_callers_may_start_are_choices_and_others_are_not(flow: Flow):
    menu = flow.steps["main"]
    assert isinstance(menu, Menu)
    assert {choice.id: choice.means for choice in menu.choices} == {
        "hire_car": "The caller wants to hire a car for some days.",
        "opening_hours": "The caller asks when the desk is open.",
    }


def test_what_fell_through_names_its_next_step(flow: Flow):
    assert flow.steps["hire_car.ask_pickup_city"].target("filled") == GoTo("hire_car.ask_hire_days")
    assert flow.steps["hire_car.identify"].target("done") == GoTo("hire_car.book_car")


def test_conditions_become_a_decide_with_an_else(flow: Flow):
    chooser = flow.steps["hire_car.after_ask_car_class"]
    assert isinstance(chooser, Decide)
    assert [(str(branch.condition), str(branch.target)) for branch in chooser.branches] == [
        ("car_class == 'estate_car'", "hire_car.estate_note"),
        ("known(car_class) and hire_days >= 7", "hire_car.weekly"),
        ("None", "hire_car.quote"),
    ]


def test_a_refused_value_is_told_why_forgotten_and_asked_for_again_but_not_for_ever(flow: Flow):
    assert flow.steps["hire_car.check_ask_hire_days"].target("if 1") == GoTo("hire_car.ask_hire_days_refused")
    refused, forget = flow.steps["hire_car.ask_hire_days_refused"], flow.steps["hire_car.forget_hire_days"]
    assert isinstance(refused, Say)
    assert refused.prompt.wording("en-GB", 1).text.source == "It has to be one day at least."
    assert isinstance(forget, Clear)
    assert forget.names == ("hire_days",)
    assert flow.steps["hire_car.again_hire_days"].target("if 1") == GiveBack("stuck")


def test_a_slot_asked_before_filling_is_asked_anew_each_time(flow: Flow):
    assert flow.slots["hire_days"].keep == "step"
    assert flow.slots["pickup_city"].keep == "call"


def test_options_keep_the_words_of_their_buttons(flow: Flow):
    options = {option.id: option.words for option in flow.slots["car_class"].type.options}
    assert options.keys() == {"compact", "estate_car", "van"}
    assert any("compact car" in words for words in options["compact"].values())


def test_an_action_is_a_tool_and_what_it_fills_is_kept_in_the_slots(flow: Flow, imported: Imported):
    quote, keep = flow.steps["hire_car.quote"], flow.steps["hire_car.keep_quote"]
    assert isinstance(quote, Call)
    assert quote.arguments.keys() == {"pickup_city", "hire_days", "car_class"}
    assert isinstance(keep, Set)
    assert keep.sets.keys() == {"car_available", "quoted_price"}
    assert "action 'action_quote_price': is a tool here" in needs_you(imported)


def test_a_pin_is_taken_by_keys_only_and_never_told_to_the_model(flow: Flow, imported: Imported):
    pin = flow.slots["member_pin"]
    assert (pin.privacy, pin.input) == (Privacy.SECRET, "keys_only")
    assert flow.tools["verify_member"].sends["member_pin"].secret
    assert "slot 'member_pin': sounds secret" in needs_you(imported)


def test_a_link_ends_its_flow_and_the_top_starts_the_other(flow: Flow):
    link, run = flow.steps["hire_car.to_leave_feedback"], flow.steps["do_hire_car"]
    assert isinstance(link, Return)
    assert isinstance(run, Run)
    assert run.target(link.outcome) == GoTo("do_leave_feedback")


def test_a_link_to_the_human_handoff_leads_to_a_person(flow: Flow):
    assert isinstance(flow.steps["check_member.hand_over"], Return)
    assert flow.steps["do_hire_car"].target("stuck") == GoTo(flow.agent_exit or "")


def test_what_is_not_persisted_is_forgotten_at_the_end(flow: Flow):
    finish = flow.steps["hire_car.finish"]
    assert isinstance(finish, Clear)
    assert set(finish.names) == {"pickup_city", "hire_days", "car_class", "hire_confirmed"}
    assert "leave_feedback.finish" not in flow.steps


def test_a_response_with_conditions_is_said_where_they_hold(flow: Flow):
    assert str(flow.steps["hire_car.booked"].exits[0].target) == "hire_car.booked_special"


def test_a_condition_that_cannot_be_said_is_false_and_told(flow: Flow, imported: Imported):
    start = flow.variables["condition_1"].start
    assert start is not None
    assert start.literal is False
    assert "'matches' has no counterpart" in needs_you(imported)


def test_a_missing_response_is_a_todo_above_its_step(imported: Imported):
    text = imported.files["car_hire.yaml"]
    assert "# TODO: response 'utter_hours': is not in the domain; write what is said\n      hours:" in text


def test_the_report_tells_what_needs_a_person_first(imported: Imported):
    report = imported.files["car_hire.import.md"]
    assert report.index("## Needs you") < report.index("## Changed") < report.index("## Kept")
    assert "pattern 'pattern_weather_smalltalk': has no counterpart here" in report
    assert "'image' is for screens; left out" in report


def test_the_questions_of_a_flow_are_asked_in_its_order(flow: Flow):
    asked = [step.slots[0] for step in flow.steps.values() if isinstance(step, Ask) and step.subflow == "hire_car"]
    assert asked == ["pickup_city", "hire_days", "car_class", "hire_confirmed"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("flows: [1]", "'flows' is no map"),
        ("flows: {a: {steps: 3}}", "flow 'a': 'steps' is no list of steps"),
        ("flows: {a: [", "is no YAML"),
        ("responses: {}", "there are no Rasa flows"),
    ],
)
def test_what_is_no_project_is_refused_by_name(tmp_path: Path, text: str, words: str):
    file = tmp_path / "flows.yml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        import_rasa([file], "x")


def test_broken_flows_come_through_with_what_is_missing_told(tmp_path: Path):
    file = tmp_path / "flows.yml"
    file.write_text(
        """
flows:
  odd:
    description: odd
    steps:
      - collect: thing
        next:
          - if: slots.thing = "x"
            then:
              - action: utter_x
          - if: context.there
            then: nowhere
      - dance: now
""",
        encoding="utf-8",
    )
    imported = import_rasa([file], "odd_one")
    told = needs_you(imported)
    assert "the branch's last step names no next one" in told
    assert "leads to 'nowhere', which is not there" in told
    assert "no 'else' is written" in told
    assert "'context.there' is known to Rasa alone" in told
    assert "slot 'thing': is asked for and not in the domain" in told
    assert imported.errors == []
