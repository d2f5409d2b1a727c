from gateway.flows.engine.commands import AskModel, SayPrompt, UseLanguage
from tests.flows.engine.bench import Call, flow_of

STEPS = """
  hello:
    say: {en-GB: Welcome., es-ES: Bienvenido.}
    listen_for: {"9": spanish}
    next: ask
  spanish: {language: es-ES, next: ask}
  ask: {ask: day, prompt: {en-GB: "Which day?", es-ES: "¿Qué día?"}, then: {filled: bye, failed: person}}
"""
HEADER = "start: hello\nslots: {day: {type: date}}\nvoice: {en-GB: marin, es-ES: cedar}"


def test_a_call_begins_in_the_flows_language() -> None:
    call = Call(flow_of(STEPS, HEADER))
    assert call.last(UseLanguage) == UseLanguage("en-GB", "marin")
    assert call.said == ["Welcome."]


def test_a_key_changes_the_language_and_the_voice_for_what_follows() -> None:
    call = Call(flow_of(STEPS, HEADER))
    call.presses("9")
    assert call.last(UseLanguage) == UseLanguage("es-ES", "cedar")
    prompt = call.last(SayPrompt)
    assert (prompt.text, prompt.language, prompt.voice) == ("¿Qué día?", "es-ES", "cedar")


def test_values_are_read_in_the_language_of_the_call() -> None:
    call = Call(flow_of(STEPS, HEADER), language="es-ES")
    call.hears()
    call.says("answer", raw="el diez de junio", day="2026-06-10")
    assert call.step == "bye"


def test_the_model_is_told_the_language() -> None:
    call = Call(flow_of(STEPS, HEADER), language="es-ES")
    call.hears()
    call.speaks()
    assert "The caller speaks es-ES." in call.last(AskModel).brief


def test_a_language_that_the_flow_does_not_speak_is_a_fault() -> None:
    steps = '  main: {language: "${tag}", next: bye}\n'
    call = Call(flow_of(steps, "start: main\nvariables: {tag: {type: text, start: fr-FR}}"))
    assert call.step == "person"
    assert call.engine.state.language == "en-GB"


def test_an_unknown_language_of_the_call_is_the_flows() -> None:
    assert Call(flow_of(STEPS, HEADER), language="fr-FR").engine.state.language == "en-GB"
