"""A conversation whose model session is lost, or renewed: what the next one is told, and who speaks then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.audio.format import AudioFrame
from gateway.bridge.commands import (
    AddMessage,
    AddToolCall,
    AnswerTool,
    ClearPlayout,
    Command,
    DeleteItem,
    EndCall,
    HearAgain,
    OpenSession,
    PlayAudio,
    Respond,
    SpeakLocally,
    TruncateItem,
    UseSession,
)
from gateway.bridge.memory import UNWRITTEN
from gateway.contracts.model import CallerTranscript, CallerTranscriptFailed, ToolAsked, UtteranceCommitted
from gateway.contracts.record import AgentSpoke, CallerSpoke, Fault, ModelReplaced
from gateway.contracts.tool import Filler
from gateway.errors import Ending, Party
from tests.bridge.scene import Scene

WORDS = "oak elm maple pine palm fig cedar aspen lime yew"
FILLER = Filler(say=("One moment, please.",))


def told(commands: list[Command]) -> list[Any]:
    """What the next session was told, item by item."""
    (use,) = [command for command in commands if isinstance(command, UseSession)]
    return list(use.said)


def asked(commands: list[Command]) -> list[str]:
    """The purposes of the responses that were asked for."""
    return [command.request.tag.rpartition("-")[0] for command in commands if isinstance(command, Respond)]


def user(text: str) -> AddMessage:
    return AddMessage("user", text)


def agent(text: str) -> AddMessage:
    return AddMessage("assistant", text)


def caller_says(scene: Scene, text: str, item_id: str = "u1", ms: float = 600) -> None:
    """The caller says something, and it is written down."""
    scene.caller_speaks(item_id)
    scene.line(ms)
    scene.caller_stops(item_id)
    scene.event(UtteranceCommitted(item_id, None))
    scene.event(CallerTranscript(item_id, text, final=True))


# --- what the next session is told ------------------------------------------------------------------------------------


def test_the_next_session_is_told_the_talk_item_by_item_as_it_was_heard() -> None:
    scene = Scene(greeting="Hello there.")
    scene.answer(500, "Hello there.", response_id="r0", item_id="i0", tag=scene.tag("greeting"))
    scene.hear(600)
    caller_says(scene, "Tell me a story.")
    scene.response("r1")
    scene.speech("r1", "i1", 2000, WORDS, done=True)
    scene.response_done("r1")
    scene.hear(1000)
    caller_says(scene, "No, stop.", "u2")
    scene.answer(400, "As you wish.", response_id="r2", item_id="i2")
    scene.hear(500)
    scene.lost()
    assert told(scene.another_session()) == [
        agent("Hello there."),
        user("Tell me a story."),
        agent("oak elm maple pine palm"),
        user("No, stop."),
        agent("As you wish."),
    ]


def test_a_tool_call_is_told_with_its_result_and_one_that_runs_without() -> None:
    scene = Scene(tools=["look"])
    caller_says(scene, "Where is my order?")
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "look", '{"order": 1}'))
    scene.response_done("r1")
    scene._take(scene.conversation.tool_finished("call_1", '{"at": "sea"}', scene.now_ms, ok=True))
    scene.answer(300, "At sea.", response_id="r2", tag=scene.tag("answer"))
    scene.hear(400)
    caller_says(scene, "And the other?", "u2")
    scene.response("r3")
    scene.event(ToolAsked("r3", "f3", "call_3", "look", '{"order": 2}'))
    scene.response_done("r3")
    scene.lost()
    commands = scene.another_session()
    assert told(commands) == [
        user("Where is my order?"),
        AddToolCall("call_1", "look", '{"order": 1}', ""),
        AnswerTool("call_1", '{"at": "sea"}'),
        agent("At sea."),
        user("And the other?"),
        AddToolCall("call_3", "look", '{"order": 2}', ""),
    ]
    assert asked(commands) == []
    done = scene._take(scene.conversation.tool_finished("call_3", '{"at": "home"}', scene.now_ms, ok=True))
    assert [command for command in done if isinstance(command, AnswerTool)] == [AnswerTool("call_3", '{"at": "home"}')]
    assert asked(done) == ["answer"], "the answer that the tool's result owes"


def test_a_tool_that_ends_while_there_is_no_session_is_told_with_its_result_and_answered() -> None:
    scene = Scene(tools=["look"])
    caller_says(scene, "Where is it?")
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "look", "{}"))
    scene.response_done("r1")
    scene.lost()
    scene.wait(300)
    during = scene._take(scene.conversation.tool_finished("call_1", '{"at": "sea"}', scene.now_ms, ok=True))
    assert asked(during) == []
    commands = scene.another_session()
    assert told(commands)[-2:] == [AddToolCall("call_1", "look", "{}", ""), AnswerTool("call_1", '{"at": "sea"}')]
    assert asked(commands) == ["answer"]


def test_what_nobody_heard_is_told_to_nobody() -> None:
    scene = Scene()
    caller_says(scene, "Hello.")
    scene.answer(2000, "You will never hear this.")
    caller_says(scene, "Wait!", "u2")
    assert scene.wanted(DeleteItem) == [DeleteItem("i1")]
    scene.response("r2")
    scene.lost()
    assert told(scene.another_session()) == [user("Hello."), user("Wait!")]


def test_the_disclosure_stands_beside_the_conversation_in_every_session() -> None:
    scene = Scene(disclosure="This call is recorded.", greeting="Hi.")
    scene.response("r1", scene.tag("disclosure"), out_of_band=True)
    scene.speech("r1", "d1", 900, "This call is recorded.", done=True)
    scene.response_done("r1")
    scene.answer(300, "Hi.", response_id="r2", item_id="i2", tag=scene.tag("greeting"))
    scene.hear(1400)
    scene.lost()
    commands = scene.another_session()
    assert told(commands) == [agent("Hi.")]
    assert asked(commands) == []


def test_words_that_were_never_written_down_are_said_to_be_missing() -> None:
    scene = Scene()
    scene.caller_speaks("u1")
    scene.line(400)
    scene.caller_stops("u1")
    scene.event(UtteranceCommitted("u1", None))
    scene.event(CallerTranscriptFailed("u1", "audio_unintelligible"))
    scene.answer(300, "I see.")
    scene.hear(400)
    scene.lost()
    assert told(scene.another_session()) == [user(UNWRITTEN), agent("I see.")]


def test_an_empty_transcript_is_no_item_to_tell_of() -> None:
    scene = Scene()
    caller_says(scene, "")
    scene.answer(300, "Yes?")
    scene.hear(400)
    scene.lost()
    assert told(scene.another_session()) == [agent("Yes?")]


def test_what_we_wrote_into_the_conversation_is_told_again() -> None:
    scene = Scene()
    scene.answer(300, "Putting you through.")
    scene.hear(400)
    scene._take(scene.conversation.transfer_finished("tel:+442079460000", "busy", scene.now_ms))
    scene.lost()
    assert "transfer failed" in told(scene.another_session())[-1].text


# --- who speaks then --------------------------------------------------------------------------------------------------


def test_nobody_was_to_speak_so_nobody_is_asked() -> None:
    scene = Scene()
    caller_says(scene, "Hello.")
    scene.answer(300, "Yes, please?")
    scene.hear(500)
    scene.lost()
    assert asked(scene.another_session()) == []
    scene.wait(7000)
    assert scene.records(ModelReplaced)[0].why == "lost"


def test_a_greeting_that_never_began_is_asked_for_again() -> None:
    scene = Scene(greeting="Hello there.")
    assert asked(scene.lost()) == []
    commands = scene.another_session()
    assert asked(commands) == ["greeting"]


def test_a_greeting_that_broke_off_is_gone_on_with_and_never_begun_again() -> None:
    scene = Scene(greeting="Hello there, this is the clinic. How can I help you?")
    scene.response("r1", scene.tag("greeting"))
    scene.speech("r1", "i1", 1300, "Hello there, this is")
    scene.lost()
    scene.hear(300)
    commands = scene.another_session()
    assert told(commands) == [agent("Hello there, this is")]
    (request,) = [command.request for command in commands if isinstance(command, Respond)]
    assert request.instructions is not None
    assert request.instructions.endswith("SAY: the clinic. How can I help you?")
    assert not scene.cleared


def test_a_greeting_in_words_of_the_models_own_is_gone_on_with_by_the_model() -> None:
    scene = Scene(greeting="Say hello.")
    scene.response("r1", scene.tag("greeting"))
    scene.speech("r1", "i1", 1300, "Hello there, this is")
    scene.lost()
    commands = scene.another_session()
    (note,) = [command for command in commands if isinstance(command, AddMessage)]
    assert "Hello there, this is\n" in note.text
    (request,) = [command.request for command in commands if isinstance(command, Respond)]
    assert request.instructions is None


def test_a_greeting_of_which_all_was_received_is_not_asked_for_again() -> None:
    scene = Scene(greeting="Hello there.")
    scene.response("r1", scene.tag("greeting"))
    scene.speech("r1", "i1", 900, "Hello there.", done=True)
    scene.lost()
    commands = scene.another_session()
    assert told(commands) == [agent("Hello there.")]
    assert asked(commands) == []
    scene.hear(1000)
    assert [str(spoke.text) for spoke in scene.records(AgentSpoke)] == ["Hello there."]


def test_an_answer_that_broke_off_goes_on_playing_and_the_rest_is_asked_for() -> None:
    scene = Scene()
    caller_says(scene, "Count, please.")
    scene.response("r1")
    scene.speech("r1", "i1", 1300, WORDS)  # its words run ahead of its sound: about 20 characters were spoken
    played = scene.played()
    scene.lost()
    scene.hear(200)
    commands = scene.another_session()
    assert scene.played() == played
    assert not scene.cleared
    assert told(commands) == [user("Count, please."), agent("oak elm maple pine")]
    (note,) = [command for command in commands if isinstance(command, AddMessage)]
    assert note.role == "system"
    assert "oak elm maple pine\n" in note.text
    assert asked(commands) == ["answer"]
    scene.answer(900, "palm fig cedar aspen lime yew", response_id="r2", item_id="i2", tag=scene.tag("answer"))
    scene.hear(2200)
    spoken = [str(spoke.text) for spoke in scene.records(AgentSpoke)]
    assert spoken == ["oak elm maple pine", "palm fig cedar aspen lime yew"]


def test_how_to_go_on_is_told_to_one_session_only() -> None:
    scene = Scene()
    caller_says(scene, "Count, please.")
    scene.response("r1")
    scene.speech("r1", "i1", 1300, WORDS)
    scene.lost()
    scene.another_session()
    scene.answer(900, "palm fig", response_id="r2", item_id="i2", tag=scene.tag("answer"))
    scene.hear(3000)
    scene.lost()
    assert told(scene.another_session()) == [user("Count, please."), agent("oak elm maple pine"), agent("palm fig")]


def test_an_answer_of_which_nothing_came_is_asked_for_again() -> None:
    scene = Scene()
    caller_says(scene, "Count, please.")
    scene.response("r1")
    scene.lost()
    assert asked(scene.another_session()) == ["answer"]


def test_an_answer_that_the_endpoint_had_not_begun_is_asked_for() -> None:
    scene = Scene()
    caller_says(scene, "Count, please.")
    scene.lost()
    assert asked(scene.another_session()) == ["answer"]


def test_an_answer_with_all_its_words_is_not_asked_for_again() -> None:
    scene = Scene()
    caller_says(scene, "Count, please.")
    scene.response("r1")
    scene.speech("r1", "i1", 1300, WORDS, done=True)
    scene.lost()
    assert asked(scene.another_session()) == []


def test_a_caller_in_the_midst_of_speech_is_heard_from_the_beginning_and_answered_once() -> None:
    scene = Scene()
    scene.line(3000)
    scene.caller_speaks("u1")
    scene.line(1000)
    scene.lost()
    scene.line(400)
    commands = scene.another_session()
    assert told(commands) == []
    assert scene.heard_again_ms == 1400
    assert asked(commands) == [], "the endpoint answers what it hears"
    scene.caller_speaks("v1")
    scene.line(200)
    scene.caller_stops("v1")
    scene.event(UtteranceCommitted("v1", None))
    scene.event(CallerTranscript("v1", "I want to book a table.", final=True))
    scene.answer(500, "For how many?")
    scene.hear(600)
    assert [(spoke.turn, str(spoke.text)) for spoke in scene.records(CallerSpoke)] == [(1, "I want to book a table.")]


def test_speech_whose_words_are_still_to_come_is_heard_again_and_not_told() -> None:
    scene = Scene()
    scene.line(1000)
    scene.caller_speaks("u1")
    scene.line(800)
    scene.caller_stops("u1")
    scene.event(UtteranceCommitted("u1", None))
    scene.event(CallerTranscript("u1", "I want", final=False))
    scene.lost()
    commands = scene.another_session()
    assert (told(commands), asked(commands)) == ([], [])
    assert scene.heard_again_ms == 800


def test_speech_that_was_answered_is_not_heard_again_although_its_words_are_still_to_come() -> None:
    scene = Scene()
    scene.caller_speaks("u1")
    scene.line(800)
    scene.caller_stops("u1")
    scene.event(UtteranceCommitted("u1", None))
    scene.event(CallerTranscript("u1", "I want", final=False))
    scene.answer(400, "Of course.")
    scene.hear(500)
    scene.lost()
    commands = scene.another_session()
    assert told(commands) == [user("I want"), agent("Of course.")]
    assert scene.heard_again_ms == 500
    assert [str(spoke.text) for spoke in scene.records(CallerSpoke)] == ["I want"]


def test_a_tool_that_was_called_is_not_called_again_for_words_that_are_still_to_come() -> None:
    scene = Scene(tools=["book"])
    scene.caller_speaks("u1")
    scene.line(800)
    scene.caller_stops("u1")
    scene.event(UtteranceCommitted("u1", None))
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "book", "{}"))
    scene.lost()
    commands = scene.another_session()
    assert told(commands) == [user(UNWRITTEN), AddToolCall("call_1", "book", "{}", "")]
    assert scene.heard_again_ms == 0


def test_if_the_next_session_hears_no_speech_in_it_the_caller_is_answered_all_the_same() -> None:
    scene = Scene()
    scene.caller_speaks("u1")
    scene.line(1000)
    scene.lost()
    scene.another_session()
    assert asked(scene.wait(6001)) == ["answer"]


def test_a_loss_in_a_barge_in_keeps_what_was_heard_and_lets_the_caller_go_on() -> None:
    scene = Scene()
    caller_says(scene, "Count, please.")
    scene.answer(2000, WORDS)
    scene.hear(1000)
    scene.caller_speaks("u2")
    scene.line(300)
    scene.lost()
    commands = scene.another_session()
    assert told(commands) == [user("Count, please."), agent("oak elm maple pine palm")]
    assert scene.heard_again_ms == 300
    assert asked(commands) == []


def test_an_agent_that_is_held_goes_on_when_the_session_is_lost() -> None:
    scene = Scene(min_barge_in_ms=500)
    caller_says(scene, "Count, please.")
    scene.answer(2000, WORDS)
    scene.hear(1000)
    scene.caller_speaks("u2")
    scene.line(200)
    held = scene.played()
    scene.lost()
    assert len(scene.played()) == len(held) + 8 * 1000
    assert told(scene.another_session()) == [user("Count, please."), agent(WORDS)]


def test_a_barge_in_into_speech_of_an_earlier_session_writes_its_words_anew() -> None:
    scene = Scene()
    caller_says(scene, "Count, please.")
    scene.answer(2000, WORDS)
    scene.lost()
    said = next(command for command in scene.another_session() if isinstance(command, UseSession)).said
    scene.hear(1000)
    commands = scene.caller_speaks("u2")
    assert isinstance(commands[0], ClearPlayout)
    assert [command for command in commands if isinstance(command, TruncateItem)] == []
    assert [command.item_id for command in commands if isinstance(command, DeleteItem)] == [said[-1].item_id]
    assert [command for command in commands if isinstance(command, AddMessage)] == [agent("oak elm maple pine palm")]


def test_a_goodbye_that_broke_off_is_said_to_its_end_and_the_call_ends() -> None:
    scene = Scene(goodbye="Thank you for calling. Goodbye.")
    caller_says(scene, "That is all.")
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "end_call", "{}"))
    scene.response_done("r1")
    scene.response("r2", scene.tag("goodbye"))
    scene.speech("r2", "i2", 1500, "Thank you for calling.")
    scene.lost()
    commands = scene.another_session()
    assert asked(commands) == ["goodbye"]
    scene.answer(500, "Goodbye.", response_id="r3", item_id="i3", tag=scene.tag("goodbye"))
    scene.hear(3000)
    scene.wait(2000)
    assert scene.wanted(EndCall) == [EndCall(Ending(Party.AGENT, "goodbye"))]
    assert [str(spoke.text) for spoke in scene.records(AgentSpoke)] == ["Thank you for calling.", "Goodbye."]


def test_a_goodbye_that_was_received_is_heard_out_although_no_session_comes_any_more() -> None:
    scene = Scene(goodbye="Goodbye.")
    caller_says(scene, "That is all.")
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "end_call", "{}"))
    scene.response_done("r1")
    scene.answer(800, "Goodbye.", response_id="r2", tag=scene.tag("goodbye"))
    scene.lost(retryable=False)
    scene.hear(1000)
    scene.wait(2000)
    assert scene.wanted(SpeakLocally) == []
    assert scene.wanted(EndCall) == [EndCall(Ending(Party.AGENT, "goodbye"))]


def test_a_disclosure_that_was_not_heard_is_asked_for_again_before_all_else() -> None:
    scene = Scene(disclosure="This call is recorded.", greeting="Hi.")
    scene.response("r1", scene.tag("disclosure"), out_of_band=True)
    scene.speech("r1", "d1", 200, "This call")
    scene.lost()
    commands = scene.another_session()
    assert asked(commands) == ["disclosure", "greeting"]
    scene.response("r2", scene.tag("disclosure"), out_of_band=True)
    scene.speech("r2", "d2", 900, "This call is recorded.", done=True)
    scene.answer(300, "Hi.", response_id="r3", item_id="i3", tag=scene.tag("greeting"))
    scene.hear(1400)
    assert [str(spoke.text) for spoke in scene.records(AgentSpoke)] == ["This call is recorded.", "Hi."]


# --- the caller meanwhile ---------------------------------------------------------------------------------------------


def test_a_short_gap_passes_without_a_word() -> None:
    scene = Scene(filler=FILLER)
    scene.lost()
    scene.wait(690)
    scene.another_session()
    scene.wait(3000)
    assert scene.wanted(SpeakLocally) == []


def test_a_longer_gap_is_covered_by_the_local_voice_once() -> None:
    scene = Scene(filler=FILLER)
    scene.lost()
    scene.wait(5000)
    assert scene.wanted(SpeakLocally) == [SpeakLocally("One moment, please.", "moment")]


def test_what_is_still_playing_is_not_talked_into() -> None:
    scene = Scene(filler=FILLER)
    scene.answer(2000, WORDS)
    scene.lost()
    scene.hear(2600)
    assert scene.wanted(SpeakLocally) == []
    scene.hear(200)
    assert len(scene.wanted(SpeakLocally)) == 1


def test_a_caller_in_the_midst_of_speech_is_not_talked_into_so_soon() -> None:
    scene = Scene(filler=FILLER)
    scene.caller_speaks()
    scene.line(300)
    scene.lost()
    scene.wait(3600)
    assert scene.wanted(SpeakLocally) == []


def test_one_moment_comes_too_late_when_there_is_a_session_again() -> None:
    scene = Scene(filler=FILLER)
    scene.lost()
    scene.wait(800)
    scene.another_session()
    late = AudioFrame(scene.format, raw=bytes(scene.format.size_bytes(500)))
    scene._take(scene.conversation.local_speech("One moment, please.", "moment", late, scene.now_ms))
    assert scene.wanted(PlayAudio) == []


def test_nothing_is_said_before_the_disclosure() -> None:
    scene = Scene(filler=FILLER, disclosure="This call is recorded.")
    scene.lost()
    scene.wait(5000)
    assert [speech.purpose for speech in scene.wanted(SpeakLocally)] == []


def test_neither_the_watchdog_nor_the_idle_ladder_runs_without_a_session() -> None:
    scene = Scene(greeting="Hello.", reconnect_within_ms=60_000)
    scene.lost()
    scene.wait(30_000)
    assert [fault.kind for fault in scene.records(Fault)] == ["model_lost"]


def test_when_no_session_comes_in_time_the_caller_is_told_and_the_call_ends() -> None:
    scene = Scene(reconnect_within_ms=3000)
    scene.lost()
    scene.wait(2999)
    assert scene.wanted(SpeakLocally) == []
    scene.wait(1)
    assert scene.wanted(SpeakLocally) == [SpeakLocally("Sorry.", "apology")]
    scene._take(scene.conversation.local_speech("Sorry.", "apology", None, scene.now_ms))
    scene.wait(2000)
    assert scene.wanted(EndCall) == [EndCall(Ending(Party.MODEL, "lost", ok=False))]


def test_every_refusal_is_in_the_record() -> None:
    scene = Scene()
    scene.lost()
    scene._take(scene.conversation.session_refused("HTTP 503", scene.now_ms, retryable=True))
    assert [(fault.kind, str(fault.message)) for fault in scene.records(Fault)] == [
        ("model_lost", "connection_lost"),
        ("model_refused", "HTTP 503"),
    ]
    scene.wait(250)
    assert len(scene.wanted(OpenSession)) == 2


# --- renewal ----------------------------------------------------------------------------------------------------------


def aged(scene: Scene) -> Scene:
    """Let the session come to four fifths of its ten minutes, in silence."""
    scene._take(scene.conversation.session_ready(0, "sess_1", scene.now_ms, lasts_ms=600_000))
    return scene


def test_a_session_is_renewed_in_a_pause_and_the_caller_hears_nothing_of_it() -> None:
    scene = aged(Scene(idle=Scene.quiet()))
    caller_says(scene, "Hello.")
    scene.answer(400, "Yes, please?")
    scene.hear(500)
    scene.line(480_000 - scene.now_ms)
    assert len(scene.wanted(OpenSession)) == 1
    commands = scene.another_session(lasts_ms=600_000)
    assert told(commands) == [user("Hello."), agent("Yes, please?")]
    assert asked(commands) == []
    assert scene.heard_again_ms == 600
    assert [command for command in commands if isinstance(command, HearAgain)]
    (record,) = scene.records(ModelReplaced)
    assert (record.why, record.gap_ms, record.replayed) == ("renewed", 0, 2)


@pytest.mark.parametrize(
    "busy", ["the caller speaks", "an answer is made", "an answer plays", "a tool runs", "words are to come"]
)
def test_a_renewal_waits_until_nobody_would_notice(busy: str) -> None:
    scene = aged(Scene(idle=Scene.quiet(), tools=["look"]))
    scene.line(481_000)
    match busy:
        case "the caller speaks":
            scene.caller_speaks()
        case "an answer is made":
            scene.response("r1")
        case "an answer plays":
            scene.answer(3000, WORDS)
        case "a tool runs":
            scene.response("r1")
            scene.event(ToolAsked("r1", "f1", "call_1", "look", "{}"))
            scene.response_done("r1")
        case _:
            scene.caller_speaks()
            scene.line(300)
            scene.caller_stops()
            scene.answer(20, "Yes.")
            scene.hear(40)
    commands = scene.another_session()
    assert not [command for command in commands if isinstance(command, UseSession)]
    assert not [command for command in scene.wait(1000) if isinstance(command, UseSession)]


def test_a_renewal_comes_as_soon_as_the_answer_was_heard() -> None:
    scene = aged(Scene(idle=Scene.quiet()))
    scene.line(481_000)
    scene.answer(2000, WORDS)
    scene.another_session()
    assert scene.wanted(UseSession) == []
    scene.hear(2300)
    assert told(scene.commands) == [agent(WORDS)]


def test_without_a_pause_the_answer_that_is_made_goes_on_in_the_next_session() -> None:
    scene = aged(Scene(idle=Scene.quiet()))
    scene.line(584_000)
    scene.response("r1")
    scene.speech("r1", "i1", 2600, WORDS)
    scene.another_session(lasts_ms=600_000)
    assert scene.wanted(UseSession) == []
    scene.line(1000)
    assert told(scene.commands) == [agent("oak elm maple pine palm fig cedar aspen")]
    assert scene.records(ModelReplaced)[0].why == "forced"
    assert not scene.cleared
    assert asked(scene.commands) == ["answer"]


def test_the_session_opened_ahead_takes_over_when_the_one_in_use_is_lost() -> None:
    scene = aged(Scene(idle=Scene.quiet()))
    scene.line(480_000)
    scene.caller_speaks()
    scene.another_session()
    scene.line(500)
    commands = scene.lost()
    assert told(commands) == []
    assert scene.heard_again_ms == 500
    assert len(scene.wanted(OpenSession)) == 1
    assert scene.records(ModelReplaced)[0].gap_ms == 0


def test_the_output_of_a_tool_is_json_for_every_session() -> None:
    scene = Scene(tools=["look"])
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "nonsense", "{}"))
    scene.response_done("r1")
    scene.lost()
    call, result = told(scene.another_session())
    assert call == AddToolCall("call_1", "nonsense", "{}", "")
    assert "error" in json.loads(result.output)
