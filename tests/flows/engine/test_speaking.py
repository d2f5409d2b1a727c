"""What is said while the caller speaks, and what of it the model learns."""

from gateway.flows.engine.commands import AskModel, SayPrompt
from gateway.flows.engine.events import PromptCut, Spoke
from tests.flows.engine.bench import Call, flow_of

STEPS = """
  hello: {say: Welcome to us., INTERRUPT next: main}
  main:
    menu:
      prompt: "What?"
      choices: {red: {press: "1", means: red, go: bye}}
    then: {failed: person}
"""


def call_of(interrupt: str = "") -> Call:
    return Call(flow_of(STEPS.replace("INTERRUPT", interrupt), "start: main" if not interrupt else "start: hello"))


def test_what_is_said_while_cutting_in_answers_the_next_question() -> None:
    call = call_of("interrupt: allowed,")
    item = call.cuts_in()
    assert call.step == "main"
    assert call.said == ["Welcome to us."]  # the caller is speaking: nobody speaks over them
    call.feed(Spoke(item))
    assert call.last(AskModel).item == item
    call.means("red")
    assert call.step == "bye"


def test_what_is_said_over_a_prompt_that_can_not_be_cut_answers_nothing() -> None:
    call = call_of("interrupt: blocked,")
    call.feed(Spoke("item_1"))
    call.hears()
    assert not call.all(AskModel)
    assert call.said[-1] == "What?"


def test_a_prompt_that_could_not_be_said_does_not_stop_the_call() -> None:
    call = call_of()
    call.feed(PromptCut(call.open.pop(), 0))
    call.waits(6_100)
    assert call.told("no_input")


def test_a_prompt_the_engine_stopped_is_nobodys_when_it_is_reported() -> None:
    call = call_of()
    prompt = call.open[0]
    call.presses("7")
    told = len(call.told("prompt_played"))
    call.feed(PromptCut(prompt, 200))
    assert len(call.told("prompt_played")) == told


def test_what_a_personal_tool_returned_stays_out_of_the_models_memory() -> None:
    tools = """
format: 1
kind: tools
tools:
  who:
    http: GET https://example.com/who
    outcomes: {ok: 200}
    returns: {name: text, orders: {list_of: {name: text}}}
    personal: yes
"""
    steps = """
  look: {call: who, save: person_found, then: {ok: hello, failed: person}}
  hello: {say: "Hello ${person_found.name}.", next: plain}
  plain: {say: How are you., next: pick}
  pick:
    menu: {from: "${person_found.orders}", each: "${item.name}", press: position, save: chosen}
    then: {picked: told, failed: person}
  told: {say: "You took ${chosen.name}.", next: bye}
"""
    call = Call(flow_of(steps, "start: look", **{"tools.yaml": tools}))
    call.returns("ok", {"name": "Ann", "orders": [{"name": "tea"}]})
    call.hears()
    call.presses("1")
    remembered = {prompt.text: prompt.remembered for prompt in call.all(SayPrompt)}
    assert remembered == {
        "Hello Ann.": False,
        "How are you.": True,
        "tea": False,
        "You took tea.": False,
    }


def test_the_last_words_of_a_private_step_are_not_told_to_another() -> None:
    steps = """
  ask: {ask: code, prompt: "Code?", then: {filled: tell, failed: person}}
  tell: {say: "Your code is ${code}.", next: main}
  main:
    menu:
      prompt: "What?"
      choices: {red: {press: "1", means: red, go: bye}}
    then: {failed: person}
"""
    call = Call(flow_of(steps, "start: ask\nslots: {code: {type: digits, length: 4, privacy: personal}}"))
    call.presses("1234")
    item = call.cuts_in()
    call.feed(Spoke(item))
    asked = call.last(AskModel)
    assert "1234" not in asked.said + asked.brief + str(asked.parameters)
