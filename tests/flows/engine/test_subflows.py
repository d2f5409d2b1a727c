from gateway.flows.expressions.evaluate import UNSET
from tests.flows.engine.bench import Call, flow_of

STEPS = """
  first: {set: {shared: outside, mine: kept}, next: go}
  go:
    run: part
    with: {word: "${shared}"}
    gives: {answer: found}
    then: {done: after, gave_in: person, failed: person}
  after: {say: "${found} ${mine}", next: bye}
subflows:
  part:
    takes: {word: text}
    returns: {answer: text}
    outcomes: [done, gave_in]
    start: work
    steps:
      work: {set: {answer: "${word}!"}, next: ask}
      ask: {confirm: "Is it ${word}?", then: {if_yes: out, if_no: give_in, failed: give_in}}
      out: {return: done}
      give_in: {return: gave_in}
"""
HEADER = "start: first\nvariables: {shared: {type: text}, mine: {type: text}, found: {type: text}}"


def test_a_subflow_takes_and_gives_and_keeps_the_rest_to_itself() -> None:
    call = Call(flow_of(STEPS, HEADER))
    assert call.said == ["Is it outside?"]
    assert call.value("answer") == "outside!"
    call.presses("1")
    assert call.said[-1] == "outside! kept"
    assert call.value("answer") is UNSET
    assert call.value("word") is UNSET


def test_an_outcome_leads_where_the_caller_says() -> None:
    call = Call(flow_of(STEPS, HEADER))
    call.presses("2")
    assert call.step == "person"
    assert call.told("exit_taken")[-1] == {"exit": "gave_in"}


def test_a_second_run_begins_with_fresh_variables() -> None:
    call = Call(flow_of(STEPS.replace("next: bye}\nsub", "next: go}\nsub"), HEADER))
    call.presses("1")
    call.hears()
    assert call.step == "part.ask"
    assert len(call.engine.state.frames) == 1


def test_a_subflow_that_runs_itself_ends_by_the_limit_of_visits() -> None:
    steps = """
  go: {run: part, then: {done: bye, failed: person}}
subflows:
  part:
    outcomes: [done]
    start: again
    steps:
      again: {run: part, then: {done: out, failed: out}}
      out: {return: done}
"""
    call = Call(flow_of(steps, "start: go"))
    assert call.step == "person"
    assert call.told("fault")
