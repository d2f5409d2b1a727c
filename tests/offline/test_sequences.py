"""The event sequences of the public protocol, one test each; the rig checks types, ranges and order on top."""

from __future__ import annotations

import base64
import json

import pytest

from gateway.offline.faults import Faults
from tests.offline.rig import Rig, collapsed, hears

SPOKEN_ANSWER = [
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
    "rate_limits.updated",
]
TRANSCRIPTION = "conversation.item.input_audio_transcription"
BOOK = {
    "type": "function",
    "name": "book_table",
    "description": "Book a table",
    "parameters": {"type": "object", "properties": {"day": {"type": "string", "enum": ["monday", "friday"]}}},
}


def text_item(text: str, **more: object) -> dict[str, object]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **more}


def test_a_turn_found_by_the_server_is_committed_transcribed_and_answered() -> None:
    rig = Rig(do=hears("parking"))
    rig.update(
        instructions="FACTS: parking = We have forty spaces.",
        audio={"input": {"transcription": {"model": "local", "keywords": ["parking"]}}},
    )
    rig.events.clear()
    rig.speak_turn()
    rig.run_out()
    types = [name for name in rig.types() if not name.startswith(TRANSCRIPTION)]
    assert collapsed(types) == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        *SPOKEN_ANSWER,
    ]
    item_id = rig.last("input_audio_buffer.speech_started")["item_id"]
    assert rig.last("input_audio_buffer.committed")["item_id"] == item_id
    assert rig.of("conversation.item.added")[0]["item"]["id"] == item_id
    done = rig.last(f"{TRANSCRIPTION}.completed")
    assert (done["item_id"], done["transcript"], done["usage"]["type"]) == (item_id, "parking", "tokens")
    assert rig.said() == "We have forty spaces."
    rig.order.finish()


def test_a_tool_call_has_no_content_parts_and_its_output_is_answered() -> None:
    rig = Rig(do=hears("friday"))
    rig.update(tools=[BOOK])
    rig.speak_turn()
    rig.run_out()
    start = rig.types().index("response.created")
    assert collapsed(rig.types()[start:]) == [
        "response.created",
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    assert rig.called() == ("book_table", {"day": "friday"})
    call_id = rig.last("response.function_call_arguments.done")["call_id"]
    rig.send(
        "conversation.item.create",
        item={"type": "function_call_output", "call_id": call_id, "output": json.dumps({"say": "It is booked."})},
    )
    rig.send("response.create")
    rig.run_out()
    assert rig.said() == "It is booked."
    rig.order.finish()


def test_a_call_can_begin_before_the_words_before_it_are_done() -> None:
    rig = Rig(faults=Faults(interleave_items=True), do=hears("book table"))
    rig.update(instructions="FACTS: book table = One moment.", tools=[{**BOOK, "parameters": {"type": "object"}}])
    rig.speak_turn()
    rig.run_out()
    start = rig.events.index(rig.of("response.output_item.added")[1])
    assert collapsed(rig.types()[start:]) == [
        "response.output_item.added",
        "conversation.item.added",
        "response.function_call_arguments.delta",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.function_call_arguments.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    output = rig.last("response.done")["response"]["output"]
    assert [(item["type"], item["status"]) for item in output] == [
        ("message", "completed"),
        ("function_call", "completed"),
    ]
    rig.order.finish()


def test_barge_in_cancels_the_answer_with_its_partial_transcript() -> None:
    rig = Rig()
    rig.update(instructions="SAY: one two three four five six seven eight nine ten eleven twelve")
    rig.send("response.create")
    rig.run(100)
    rig.events.clear()
    rig.append(40)
    assert rig.types() == [
        "input_audio_buffer.speech_started",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.content_part.done",
        "conversation.item.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    done = rig.last("response.done")["response"]
    assert done["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
    assert done["usage"]["output_token_details"]["audio_tokens"] > 0
    assert done["output"][0]["status"] == "incomplete"
    assert rig.said().startswith("one two three")
    assert "twelve" not in rig.said()


def test_late_deltas_come_between_the_start_of_speech_and_the_cancelled_end() -> None:
    rig = Rig(faults=Faults(late_deltas_ms=120))
    rig.update(instructions="SAY: one two three four five six seven eight nine ten eleven twelve thirteen fourteen")
    rig.send("response.create")
    rig.run(100)
    rig.events.clear()
    rig.append(40)
    rig.run(200)
    types = rig.types()
    started, ended = types.index("input_audio_buffer.speech_started"), types.index("response.done")
    assert "response.output_audio.delta" in types[started:ended]
    assert rig.last("response.done")["response"]["status"] == "cancelled"


def test_speech_after_generation_ended_cancels_nothing() -> None:
    rig = Rig()
    rig.update(instructions="SAY: hello")
    rig.send("response.create")
    rig.run_out()
    rig.events.clear()
    rig.append(40)
    assert rig.types() == ["input_audio_buffer.speech_started"]


def test_interruption_can_be_left_to_the_client_and_then_the_next_answer_collides() -> None:
    rig = Rig(pace=1)
    rig.update(
        instructions="SAY: " + "word " * 40,
        audio={"input": {"turn_detection": {"type": "server_vad", "interrupt_response": False}}},
    )
    rig.send("response.create")
    rig.run(100)
    rig.speak_turn()
    error = rig.last("error")["error"]
    assert error["code"] == "conversation_already_has_active_response"
    assert error["event_id"] is None
    rig.run_out()
    assert rig.last("response.done")["response"]["status"] == "completed"


def test_without_create_response_a_turn_is_only_committed() -> None:
    rig = Rig()
    rig.update(audio={"input": {"turn_detection": {"type": "semantic_vad", "create_response": False}}})
    rig.append(400)
    rig.append(1000, loud=False)
    rig.run_out()
    assert rig.of("input_audio_buffer.committed")
    assert not rig.of("response.created")


def test_an_answer_beside_the_conversation_touches_no_item_of_it() -> None:
    rig = Rig()
    rig.send(
        "response.create",
        response={
            "conversation": "none",
            "metadata": {"purpose": "summary"},
            "output_modalities": ["text"],
            "input": [],
            "instructions": "SAY: Nothing happened yet.",
        },
    )
    rig.run_out()
    assert collapsed(rig.types())[1:] == [
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.done",
        "rate_limits.updated",
    ]
    response = rig.last("response.done")["response"]
    assert response["conversation_id"] is None
    assert response["metadata"] == {"purpose": "summary"}
    assert len(rig.session.conversation) == 0


def test_answers_beside_the_conversation_run_in_parallel_and_are_not_interrupted() -> None:
    rig = Rig(pace=1)
    rig.send("response.create", response={"instructions": "SAY: " + "main " * 10})
    aside = {"conversation": "none", "instructions": "SAY: " + "aside " * 10}
    rig.send("response.create", response=aside)
    rig.send("response.create", response=aside)
    rig.run(300)
    rig.append(40)
    rig.run_out()
    statuses = sorted(event["response"]["status"] for event in rig.of("response.done"))
    assert statuses == ["cancelled", "completed", "completed"]


def test_a_manual_turn_is_committed_by_the_client_and_asks_for_no_answer() -> None:
    rig = Rig(do=hears("parking"))
    rig.update(instructions="FACTS: parking = Yes.", audio={"input": {"turn_detection": None}})
    rig.append(500)
    rig.events.clear()
    assert collapsed([event["type"] for event in rig.send("input_audio_buffer.commit")]) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    rig.run_out()
    assert not rig.of("response.created")
    rig.send("response.create")
    rig.run_out()
    assert rig.said() == "Yes."
    rig.order.finish()


def test_a_written_item_and_a_written_answer_follow_back_to_back() -> None:
    rig = Rig()
    rig.update(output_modalities=["text"], instructions="FACTS: prices = Ten a night.")
    rig.send("conversation.item.create", item=text_item("what are your prices?", id="mine_1"))
    rig.send("response.create")
    rig.run_out()
    assert rig.of("conversation.item.added")[0]["item"]["id"] == "mine_1"
    assert "response.output_text.delta" in rig.types()
    assert "response.output_audio.delta" not in rig.types()
    assert rig.said() == "Ten a night."


def test_a_refused_response_gets_an_error_with_its_event_id_and_nothing_else() -> None:
    rig = Rig(pace=1)
    rig.send("response.create", response={"instructions": "SAY: " + "word " * 20})
    rig.run(100)
    came = rig.send("response.create", event_id="second")
    assert [event["type"] for event in came] == ["error"]
    assert came[0]["error"]["event_id"] == "second"
    assert came[0]["error"]["code"] == "conversation_already_has_active_response"


def test_words_precede_the_sound_in_which_they_begin() -> None:
    rig = Rig()
    rig.update(instructions="SAY: one two three four five")
    rig.send("response.create")
    rig.run_out()
    relevant = [event for event in rig.events if "delta" in event["type"]]
    assert relevant[0]["type"] == "response.output_audio_transcript.delta"
    sounded_ms, spoken_words = 0.0, 0
    for event in relevant:
        if event["type"] == "response.output_audio.delta":
            sounded_ms += len(base64.b64decode(event["delta"])) / 48
            assert spoken_words * 300 >= sounded_ms or spoken_words == 5
        else:
            spoken_words += 1


def test_speech_is_sent_faster_than_it_sounds_in_chunks_of_200_ms() -> None:
    rig = Rig(pace=8)
    rig.update(instructions="SAY: " + "word " * 20)
    rig.send("response.create")
    rig.run(250)
    sizes = {len(base64.b64decode(event["delta"])) / 48 for event in rig.of("response.output_audio.delta")}
    assert sizes == {200.0}
    assert len(rig.of("response.output_audio.delta")) == 11
    assert not rig.of("response.done")


@pytest.mark.parametrize(("format", "bytes_per_ms"), [("audio/pcm", 48), ("audio/pcmu", 8), ("audio/pcma", 8)])
def test_each_format_is_heard_and_spoken(format: str, bytes_per_ms: int) -> None:
    rig = Rig(do=hears("parking"))
    rig.update(
        instructions="FACTS: parking = one two three.",
        audio={"input": {"format": {"type": format}}, "output": {"format": {"type": format}}},
    )
    rig.speak_turn()
    rig.run_out()
    sound = b"".join(base64.b64decode(event["delta"]) for event in rig.of("response.output_audio.delta"))
    assert len(sound) == 900 * bytes_per_ms
    started = rig.last("input_audio_buffer.speech_started")
    stopped = rig.last("input_audio_buffer.speech_stopped")
    assert (started["audio_start_ms"], stopped["audio_end_ms"]) == (0, 800)
    assert rig.session.conversation.entries[0].audio_ms == 800


def test_turns_are_clocked_by_bytes_however_fast_they_come() -> None:
    rig = Rig()
    sound, silence = b"\x11\x22" * 24 * 500, b"\0" * 48 * 500
    rig.send("input_audio_buffer.append", audio=base64.b64encode(silence + sound + silence + sound + silence).decode())
    starts = [event["audio_start_ms"] for event in rig.of("input_audio_buffer.speech_started")]
    ends = [event["audio_end_ms"] for event in rig.of("input_audio_buffer.speech_stopped")]
    assert (starts, ends) == ([200, 1200], [1200, 2200])


def test_the_idle_timeout_counts_from_the_end_of_playback() -> None:
    rig = Rig()
    rig.update(
        instructions="SAY: hello there",
        audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}},
    )
    rig.send("response.create")
    rig.run(5500)
    assert not rig.of("input_audio_buffer.timeout_triggered")
    rig.events.clear()
    rig.run(200)
    assert rig.types()[:5] == [
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
    ]


def test_speech_stops_the_idle_clock() -> None:
    rig = Rig()
    rig.update(audio={"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}})
    rig.send("response.create")
    rig.run(1000)
    rig.append(100)
    rig.run(20_000)
    assert not rig.of("input_audio_buffer.timeout_triggered")


def test_a_transcription_session_writes_down_and_never_answers() -> None:
    rig = Rig(transcription_only=True, do=hears("a table"))
    assert rig.events[0]["session"]["type"] == "transcription"
    rig.send(
        "session.update",
        session={"type": "transcription", "audio": {"input": {"transcription": {"model": "local"}}}},
    )
    rig.speak_turn()
    rig.run_out()
    assert rig.last(f"{TRANSCRIPTION}.completed")["transcript"] == "a table"
    assert not rig.of("response.created")
    assert rig.send("response.create", event_id="no")[0]["error"]["code"] == "invalid_value"
    rig.order.finish()


def test_a_transcript_can_arrive_long_after_the_answer() -> None:
    rig = Rig(faults=Faults(transcription_delay_ms=5000), do=hears("parking"))
    rig.update(
        instructions="FACTS: parking = Yes.",
        audio={"input": {"transcription": {"model": "local"}}},
    )
    rig.speak_turn()
    rig.run_out()
    types = rig.types()
    assert types.index("response.done") < types.index(f"{TRANSCRIPTION}.completed")


def test_a_failed_transcription_leaves_the_answer_alone() -> None:
    rig = Rig(faults=Faults(fail_transcription=1), do=hears("parking"))
    rig.update(instructions="FACTS: parking = Yes.", audio={"input": {"transcription": {"model": "local"}}})
    rig.speak_turn()
    rig.run_out()
    assert rig.last(f"{TRANSCRIPTION}.failed")["error"]["code"] == "transcription_failed"
    assert rig.said() == "Yes."


def test_the_same_words_are_recognised_once_for_transcript_and_answer() -> None:
    rig = Rig()
    rig.hold_jobs = True
    rig.update(instructions="FACTS: parking = Yes.", audio={"input": {"transcription": {"model": "local"}}})
    rig.speak_turn()
    assert len(rig.jobs) == 1
