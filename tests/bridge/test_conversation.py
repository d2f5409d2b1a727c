"""The conversation's rules, told with a scripted model and a hand-turned clock."""

from __future__ import annotations

import json

import pytest

from gateway.bridge.commands import (
    AddMessage,
    AnswerTool,
    CancelResponse,
    ClearPlayout,
    DeleteItem,
    EndCall,
    PlayAudio,
    Respond,
    RunTool,
    SpeakLocally,
    TransferCall,
    TruncateItem,
)
from gateway.contracts.leg import HeardSignal, KeyPressed, LegCapabilities, LegEnded, MarkReturned
from gateway.contracts.model import (
    CallerTranscript,
    ItemDone,
    ModelFault,
    ResponseStatus,
    SessionLost,
    ToolAsked,
)
from gateway.contracts.record import (
    AgentSpoke,
    BargeIn,
    CallEnded,
    CallerSpoke,
    ClearConfirmed,
    DisclosureHeard,
    Fault,
    KeyCount,
)
from gateway.errors import Ending, Party
from tests.bridge.scene import MODEL, Scene

WORDS = "one two three four five six seven eight nine ten"


def replaced(**changes: object) -> object:
    from dataclasses import replace

    return replace(MODEL, **changes)  # type: ignore[arg-type]


# --- barge-in ---------------------------------------------------------------------------------------------------------


def test_barge_in_clears_first_then_cancels_then_truncates_at_what_was_heard() -> None:
    scene = Scene()
    scene.response("r1")
    scene.speech("r1", "i1", 3000, WORDS)
    scene.hear(1000)
    commands = scene.caller_speaks()
    assert [type(command) for command in commands[:3]] == [ClearPlayout, CancelResponse, TruncateItem]
    assert commands[2] == TruncateItem("i1", 1000)
    record = scene.records(BargeIn)[0]
    assert (record.heard_ms, record.sent_ms, record.action) == (1000, 3000, "truncated")


def test_a_finished_response_is_truncated_but_not_cancelled() -> None:
    scene = Scene()
    scene.answer(3000, WORDS)
    scene.hear(600)
    scene.caller_speaks()
    assert scene.wanted(CancelResponse) == []
    assert scene.wanted(TruncateItem) == [TruncateItem("i1", 600)]


def test_nothing_is_sent_when_all_was_heard() -> None:
    scene = Scene()
    scene.answer(1000, WORDS)
    scene.hear(1500)
    scene.caller_speaks()
    assert not scene.cleared
    assert scene.wanted(TruncateItem) == []
    assert scene.wanted(DeleteItem) == []


def test_an_unheard_item_and_later_ones_are_deleted() -> None:
    scene = Scene()
    scene.response("r1")
    scene.speech("r1", "i1", 500, "first", done=True)
    scene.speech("r1", "i2", 500, "second", done=True)
    scene.hear(200)
    scene.caller_speaks()
    assert scene.wanted(TruncateItem) == [TruncateItem("i1", 200)]
    assert scene.wanted(DeleteItem) == [DeleteItem("i2")]


def test_speech_that_was_never_heard_is_deleted() -> None:
    scene = Scene()
    scene.answer(500, "hello")
    scene.caller_speaks()
    assert scene.wanted(DeleteItem) == [DeleteItem("i1")]
    assert scene.records(AgentSpoke) == []


def test_an_item_heard_so_far_but_still_being_made_is_truncated_at_what_came() -> None:
    scene = Scene()
    scene.response("r1")
    scene.speech("r1", "i1", 400, "one two")
    scene.hear(900)
    scene.caller_speaks()
    assert scene.wanted(TruncateItem) == [TruncateItem("i1", 400)]


def test_late_audio_of_a_dead_response_is_never_played() -> None:
    scene = Scene()
    scene.response("r1")
    scene.speech("r1", "i1", 1000, WORDS)
    scene.hear(300)
    scene.caller_speaks()
    before = len(scene.wanted(PlayAudio))
    scene.speech("r1", "i1", 1000, WORDS)
    scene.event(ItemDone("r1", "i1", WORDS, complete=False))
    scene.response_done("r1", ResponseStatus.CANCELLED)
    assert len(scene.wanted(PlayAudio)) == before
    assert scene.wanted(DeleteItem) == []


def test_an_item_that_a_dead_response_makes_later_is_deleted() -> None:
    scene = Scene()
    scene.response("r1")
    scene.speech("r1", "i1", 1000, WORDS)
    scene.hear(300)
    scene.caller_speaks()
    scene.speech("r1", "i2", 1000, WORDS)
    scene.event(ItemDone("r1", "i2", WORDS, complete=False))
    assert scene.wanted(DeleteItem) == [DeleteItem("i2")]


def test_when_the_server_interrupts_no_cancel_is_sent() -> None:
    scene = Scene(interruption="server")
    scene.response("r1")
    scene.speech("r1", "i1", 1000, WORDS)
    scene.hear(300)
    scene.caller_speaks()
    assert scene.wanted(CancelResponse) == []
    assert scene.wanted(TruncateItem) == [TruncateItem("i1", 300)]


def test_an_answer_made_while_the_caller_goes_on_speaking_is_stopped() -> None:
    scene = Scene()
    scene.caller_speaks()
    scene.response("r1")
    assert scene.wanted(CancelResponse) == [CancelResponse("r1")]


def test_a_request_from_before_the_barge_in_is_dead_when_it_starts() -> None:
    scene = Scene(greeting="Hello")
    scene.caller_speaks()
    scene.response("r1", scene.tag("greeting"))
    scene.speech("r1", "i1", 400, "Hello")
    assert scene.wanted(CancelResponse) == [CancelResponse("r1")]
    assert scene.wanted(PlayAudio) == []


def test_the_interrupted_turn_shows_what_was_heard() -> None:
    scene = Scene()
    scene.answer(1000, WORDS)
    scene.hear(500)
    scene.caller_speaks()
    spoke = scene.records(AgentSpoke)[0]
    assert spoke.interrupted
    assert spoke.text.text == "one two three four five"


def test_an_endpoint_that_cannot_truncate_is_given_the_heard_words_instead() -> None:
    scene = Scene(model=replaced(truncates=False))
    scene.answer(1000, WORDS)
    scene.hear(500)
    scene.caller_speaks()
    assert scene.wanted(DeleteItem) == [DeleteItem("i1")]
    assert scene.wanted(AddMessage) == [AddMessage("assistant", "one two three four five")]


# --- reversible barge-in ----------------------------------------------------------------------------------------------


def test_a_cough_holds_the_agent_who_then_goes_on_from_the_exact_sample() -> None:
    scene = Scene(min_barge_in_ms=400)
    scene.answer(2000, WORDS)
    whole = scene.played()
    scene.hear(700)
    scene.caller_speaks()
    assert scene.cleared
    scene.hear(100)
    scene.wait(200)
    before = len(scene.played())
    scene.caller_stops()
    assert scene.played()[before:] == whole[700 * 8 :]
    assert scene.wanted(TruncateItem) == []
    assert scene.records(BargeIn) == []


def test_speech_that_lasts_commits_the_barge_in_where_the_ear_was_stopped() -> None:
    scene = Scene(min_barge_in_ms=400)
    scene.response("r1")
    scene.speech("r1", "i1", 2000, WORDS)
    scene.hear(700)
    scene.caller_speaks()
    scene.speech("r1", "i1", 500, "more")
    scene.wait(500)
    assert scene.wanted(TruncateItem) == [TruncateItem("i1", 700)]
    assert scene.wanted(CancelResponse) == [CancelResponse("r1")]


def test_the_answer_that_an_endpoint_makes_of_a_cough_is_stopped() -> None:
    scene = Scene(min_barge_in_ms=400)
    scene.answer(2000, WORDS)
    scene.hear(700)
    scene.caller_speaks()
    scene.hear(100)
    scene.caller_stops()
    scene.response("r2")
    assert scene.wanted(CancelResponse) == [CancelResponse("r2")]


# --- the clear is confirmed -------------------------------------------------------------------------------------------


def test_a_clear_is_confirmed_by_the_marks_that_come_back() -> None:
    scene = Scene()
    scene.answer(1000, WORDS)
    scene.hear(300)
    awaited = [name for name in scene.placed_marks if int(name.split(":")[1]) > 300]
    scene.caller_speaks()
    scene.wait(80)
    for name in awaited:
        scene.event(MarkReturned(name))
    assert [(record.took_ms, record.repeats) for record in scene.records(ClearConfirmed)] == [(80, 0)]
    assert len(scene.wanted(ClearPlayout)) == 1


def test_an_unconfirmed_clear_is_repeated_once_after_500_ms() -> None:
    scene = Scene()
    scene.answer(2000, WORDS)
    scene.hear(300)
    scene.caller_speaks()
    scene.wait(499)
    assert len(scene.wanted(ClearPlayout)) == 1
    scene.wait(2)
    assert len(scene.wanted(ClearPlayout)) == 2
    scene.wait(2000)
    assert len(scene.wanted(ClearPlayout)) == 2
    assert [fault.kind for fault in scene.records(Fault)][:2] == ["clear_repeated", "clear_unconfirmed"]


def test_a_repeated_clear_takes_nothing_from_the_next_answer() -> None:
    scene = Scene()
    scene.answer(2000, WORDS)
    scene.hear(300)
    scene.caller_speaks()
    scene.caller_stops()
    before = len(scene.played())
    scene.answer(1000, WORDS, response_id="r2", item_id="i2")
    answer = scene.played()[before:]
    scene.wait(501)
    again = scene.played()[before + len(answer) :]
    assert answer.endswith(again)
    assert len(again) >= 500 * 8


@pytest.mark.parametrize("heard", [HeardSignal.NONE, HeardSignal.SELF_PACED])
def test_legs_without_marks_truncate_by_the_clock(heard: HeardSignal) -> None:
    scene = Scene(leg=LegCapabilities(heard=heard, lead_ms=40))
    scene.answer(2000, WORDS)
    scene.hear(640)
    scene.caller_speaks()
    assert scene.wanted(TruncateItem) == [TruncateItem("i1", 640 if heard is HeardSignal.NONE else 600)]
    scene.wait(2000)
    assert len(scene.wanted(ClearPlayout)) == 1


# --- greeting and disclosure ------------------------------------------------------------------------------------------


def test_the_disclosure_comes_first_word_for_word_and_cannot_be_talked_over() -> None:
    scene = Scene(greeting="Hello", disclosure="This call is recorded.")
    scene.response("g", scene.tag("greeting"))
    scene.speech("g", "i_g", 300, "Hello", done=True)
    assert scene.wanted(PlayAudio) == []
    scene.response("d", scene.tag("disclosure"), out_of_band=True)
    scene.speech("d", "i_d", 800, "This call is recorded", done=True)
    scene.response_done("d")
    scene.response_done("g")
    assert len(scene.played()) == 1100 * 8
    scene.hear(200)
    scene.caller_speaks()
    assert not scene.cleared
    scene.hear(400)
    scene.caller_stops()
    scene.hear(600)
    heard = scene.records(DisclosureHeard)[0]
    assert (heard.heard_ms, heard.of_ms) == (800, 800)


def test_a_disclosure_that_the_model_changes_is_asked_for_again_and_then_spoken_locally() -> None:
    scene = Scene(disclosure="This call is recorded.")
    for attempt in ("d1", "d2"):
        scene.response(attempt, scene.tag("disclosure"), out_of_band=True)
        scene.speech(attempt, f"i_{attempt}", 500, "Calls may be recorded", done=True)
        scene.response_done(attempt)
    assert scene.wanted(PlayAudio) == []
    assert scene.wanted(SpeakLocally) == [SpeakLocally("This call is recorded.", "disclosure")]


def test_a_model_that_keeps_silent_does_not_keep_the_disclosure_from_being_said() -> None:
    scene = Scene(disclosure="This call is recorded.")
    scene.wait(8001)
    assert scene.wanted(SpeakLocally) == [SpeakLocally("This call is recorded.", "disclosure")]


# --- tools and the end ------------------------------------------------------------------------------------------------


def test_the_goodbye_is_heard_to_its_end_before_hang_up() -> None:
    scene = Scene()
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "end_call", "{}"))
    scene.response_done("r1")
    scene.response("r2", scene.tag("goodbye"))
    scene.speech("r2", "i2", 1000, "Goodbye.", done=True)
    scene.response_done("r2")
    scene.hear(900)
    assert scene.wanted(EndCall) == []
    scene.hear(110)
    scene.wait(300)
    assert scene.wanted(EndCall) == [EndCall(Ending(Party.AGENT, "goodbye"))]


def test_a_mark_that_never_comes_does_not_keep_the_call_alive() -> None:
    scene = Scene()
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "end_call", "{}"))
    scene.response_done("r1")
    scene.answer(1000, "Goodbye.", response_id="r2", item_id="i2", tag=scene.tag("goodbye"))
    scene.wait(1000 + 1500 + 300)
    assert len(scene.wanted(EndCall)) == 1


def test_a_caller_who_speaks_during_the_goodbye_has_the_call_back() -> None:
    scene = Scene()
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "end_call", "{}"))
    scene.response_done("r1")
    scene.answer(1000, "Goodbye.", response_id="r2", item_id="i2", tag=scene.tag("goodbye"))
    scene.hear(500)
    scene.caller_speaks()
    scene.caller_stops()
    scene.answer(400, "Yes?", response_id="r3", item_id="i3")
    scene.hear(2000)
    assert scene.wanted(EndCall) == []


def test_a_transfer_is_announced_heard_and_made() -> None:
    scene = Scene()
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "transfer_call", '{"target": "desk"}'))
    scene.response_done("r1")
    scene.answer(500, "One moment.", response_id="r2", item_id="i2", tag=scene.tag("announcement"))
    assert scene.wanted(TransferCall) == []
    scene.hear(600)
    scene.wait(300)
    assert [command.target.uri for command in scene.wanted(TransferCall)] == ["tel:+442079460000"]


def test_a_failed_transfer_gives_the_caller_back_to_the_model() -> None:
    scene = Scene()
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "transfer_call", '{"target": "desk"}'))
    scene.response_done("r1")
    scene.answer(500, "One moment.", response_id="r2", item_id="i2", tag=scene.tag("announcement"))
    scene.hear(900)
    scene._take(scene.conversation.transfer_finished("tel:+442079460000", "busy", scene.now_ms))
    assert scene.wanted(AddMessage)[0].role == "system"
    assert scene.wanted(Respond)[-1].request.tag.startswith("answer")
    assert scene.wanted(EndCall) == []


@pytest.mark.parametrize("arguments", ['{"target": "moon"}', "{}", "not json", '{"target": 7}', "[]"])
def test_a_transfer_that_makes_no_sense_is_answered_with_what_would(arguments: str) -> None:
    scene = Scene()
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "transfer_call", arguments))
    scene.response_done("r1")
    assert json.loads(scene.wanted(AnswerTool)[0].output) == {"error": "target must be one of: desk"}
    assert scene.wanted(Respond)[-1].request.tag.startswith("answer")


def test_an_operators_tool_runs_and_its_result_is_answered_once() -> None:
    scene = Scene(tools=frozenset({"lookup"}))
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "lookup", '{"q": 1}'))
    scene.response_done("r1")
    assert scene.wanted(RunTool) == [RunTool("call_1", "lookup", '{"q": 1}')]
    scene.wait(100)
    scene._take(scene.conversation.tool_finished("call_1", '{"a": 2}', scene.now_ms, ok=True))
    assert scene.wanted(AnswerTool) == [AnswerTool("call_1", '{"a": 2}')]
    assert len([r for r in scene.wanted(Respond) if r.request.tag.startswith("answer")]) == 1


def test_a_tool_result_after_a_barge_in_asks_for_no_answer_of_its_own() -> None:
    scene = Scene(tools=frozenset({"lookup"}))
    scene.response("r1")
    scene.event(ToolAsked("r1", "f1", "call_1", "lookup", "{}"))
    scene.response_done("r1")
    scene.caller_speaks()
    scene._take(scene.conversation.tool_finished("call_1", "{}", scene.now_ms, ok=True))
    assert scene.wanted(AnswerTool) == [AnswerTool("call_1", "{}")]
    assert scene.wanted(Respond) == []


# --- silence and failure ----------------------------------------------------------------------------------------------


def test_the_idle_clock_starts_at_the_heard_end_of_speech() -> None:
    scene = Scene()
    scene.answer(3000, WORDS)
    scene.wait(3000 + 7900)
    assert scene.wanted(Respond) == []
    scene.wait(200)
    assert scene.wanted(Respond)[0].request.instructions.endswith("SAY: Are you there?")


def test_the_idle_ladder_ends_with_goodbye_and_hang_up() -> None:
    scene = Scene()
    scene.answer(500, "Yes?")
    scene.wait(8600)
    scene.answer(500, "Are you there?", response_id="r2", item_id="i2", tag=scene.tag("idle"))
    scene.wait(8600)
    scene.answer(500, "Bye.", response_id="r3", item_id="i3", tag=scene.tag("goodbye"))
    scene.wait(3000)
    assert scene.wanted(EndCall) == [EndCall(Ending(Party.CALLER, "silence"))]


def test_a_caller_who_hears_nothing_is_answered_once_more_and_then_told_the_truth() -> None:
    scene = Scene()
    scene.caller_speaks()
    scene.caller_stops()
    scene.wait(6001)
    assert len(scene.wanted(Respond)) == 1
    scene.wait(6001)
    assert scene.wanted(SpeakLocally) == [SpeakLocally("Sorry.", "apology")]


def test_a_lost_model_is_apologised_for_and_the_call_ends() -> None:
    scene = Scene()
    scene.event(SessionLost("insufficient_quota", retryable=False))
    assert scene.wanted(SpeakLocally) == [SpeakLocally("Sorry.", "apology")]
    scene._take(scene.conversation.local_speech("Sorry.", "apology", None, scene.now_ms))
    scene.wait(2000)
    assert scene.wanted(EndCall) == [EndCall(Ending(Party.MODEL, "lost", ok=False))]


def test_one_answer_at_a_time() -> None:
    scene = Scene(greeting="Hello")
    scene.event(ModelFault("conversation_already_has_active_response", "busy", "respond"))
    scene.response("r0")
    assert len(scene.wanted(Respond)) == 1
    scene.response_done("r0")
    assert len(scene.wanted(Respond)) == 2


# --- the record -------------------------------------------------------------------------------------------------------


def test_latency_counts_from_the_end_of_the_callers_speech() -> None:
    scene = Scene()
    scene.hear(1000)
    scene.caller_speaks()
    scene.hear(1500)
    scene.caller_stops()
    scene.wait(100)
    scene.answer(500, "Yes.")
    scene.hear(600)
    assert scene.records(AgentSpoke)[0].latency_ms == 600


def test_a_late_transcript_keeps_its_place() -> None:
    scene = Scene()
    scene.hear(1000)
    scene.caller_speaks("u1")
    scene.hear(1000)
    scene.caller_stops("u1")
    scene.answer(500, "Yes.")
    scene.hear(800)
    scene.event(CallerTranscript("u1", "hello there", final=True))
    spoke, answered = scene.records(CallerSpoke)[0], scene.records(AgentSpoke)[0]
    assert spoke.at_ms < answered.at_ms
    assert spoke.text.text == "hello there"
    assert spoke.turn == answered.turn


def test_card_numbers_do_not_reach_a_record() -> None:
    scene = Scene()
    scene.caller_speaks("u1")
    scene.caller_stops("u1")
    scene.event(CallerTranscript("u1", "it is 4111 1111 1111 1111 thanks", final=True))
    assert "1111" not in scene.records(CallerSpoke)[0].text.text.replace("****1111", "")


def test_keys_are_counted_and_never_written() -> None:
    scene = Scene()
    scene.event(KeyPressed("4"))
    scene.event(KeyPressed("2"))
    scene._take(scene.conversation.ended(Ending(Party.CALLER, "hung_up"), 5000, dropped_ms=0))
    assert scene.records(KeyCount)[0].count == 2


def test_the_story_comes_last_and_only_once() -> None:
    scene = Scene()
    scene.answer(1000, WORDS)
    scene.hear(400)
    scene.event(LegEnded(Ending(Party.CALLER, "hung_up")))
    scene._take(scene.conversation.ended(Ending(Party.CALLER, "hung_up"), scene.now_ms, dropped_ms=40))
    story = scene.records(CallEnded)[0]
    assert (story.heard_ms, story.sent_ms, story.caller_audio_dropped_ms) == (400, 1000, 40)
    assert scene.conversation.ended(Ending(Party.CALLER, "hung_up"), 9000, dropped_ms=0) == []
    assert scene.conversation.receive(KeyPressed("1"), 9000) == []
