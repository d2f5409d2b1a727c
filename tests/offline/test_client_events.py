"""Client events at the edge: configuration, refusals, cancelling, buffers, limits."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from gateway.offline.faults import Faults
from gateway.offline.refusals import Refused
from gateway.offline.session_config import DEFAULT_INSTRUCTIONS
from gateway.offline.wire import EVENT_TYPES, read_event
from tests.conformance.official import CLIENT
from tests.offline.rig import Event, Rig, broken

LONG = "SAY: " + "word " * 40


def error_of(came: list[Event]) -> tuple[Any, Any]:
    assert [event["type"] for event in came] == ["error"]
    return came[0]["error"]["code"], came[0]["error"]["param"]


def test_every_client_event_of_the_protocol_is_known() -> None:
    assert CLIENT.keys() == EVENT_TYPES


def test_the_first_word_is_the_whole_default_session() -> None:
    rig = Rig()
    session = rig.events[0]["session"]
    assert rig.types() == ["session.created"]
    assert session["audio"]["input"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "transcription": None,
        "noise_reduction": None,
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 200,
            "idle_timeout_ms": None,
            "create_response": True,
            "interrupt_response": True,
        },
    }
    assert session["instructions"] == DEFAULT_INSTRUCTIONS
    assert session["expires_at"] == 1_800_003_600
    assert session["object"] == "realtime.session"


@pytest.mark.parametrize(
    ("frame", "code", "param", "event_id"),
    [
        ("{", "invalid_event", None, None),
        ("[1]", "invalid_event", None, None),
        ('{"event_id":"e"}', "invalid_event", "type", "e"),
        ('{"type":"song.sing","event_id":"e"}', "invalid_value", "type", "e"),
        ('{"type":"conversation.item.delete","event_id":"e"}', "missing_required_parameter", "item_id", "e"),
        ('{"type":"conversation.item.delete","item_id":7}', "invalid_value", "item_id", None),
        ('{"type":"input_audio_buffer.commit","now":true,"event_id":"e"}', "unknown_parameter", "now", "e"),
        ('{"type":"response.create","response":{"modalities":["text"]}}', "unknown_parameter",
         "response.modalities", None),
        ('{"type":"conversation.item.truncate","item_id":"i","content_index":0,"audio_end_ms":1.5}', "invalid_value",
         "audio_end_ms", None),
    ],
)  # fmt: skip
def test_broken_frames_are_refused_by_name(frame: str, code: str, param: str | None, event_id: str | None) -> None:
    with pytest.raises(Refused) as refused:
        read_event(frame)
    assert (refused.value.code, refused.value.param, refused.value.event_id) == (code, param, event_id)


def test_an_update_changes_what_it_names_and_echoes_everything() -> None:
    rig = Rig()
    rig.update(instructions="Be brief.", audio={"output": {"voice": "cedar"}})
    session = rig.update(audio={"input": {"transcription": {"model": "local", "keywords": ["parking"]}}})["session"]
    assert session["instructions"] == "Be brief."
    assert session["audio"]["output"]["voice"] == "cedar"
    assert session["audio"]["input"]["transcription"] == {
        "model": "local", "language": None, "prompt": None, "languages": None, "keywords": ["parking"], "delay": None,
    }  # fmt: skip
    cleared = rig.update(instructions="", audio={"input": {"transcription": None, "turn_detection": None}})["session"]
    assert (cleared["instructions"], cleared["audio"]["input"]["turn_detection"]) == ("", None)


def test_a_partial_turn_detection_gets_the_servers_defaults_for_the_rest() -> None:
    rig = Rig()
    rig.update(audio={"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 900}}})
    session = rig.update(audio={"input": {"turn_detection": {"type": "server_vad", "threshold": 0.9}}})["session"]
    detection = session["audio"]["input"]["turn_detection"]
    assert (detection["threshold"], detection["silence_duration_ms"]) == (0.9, 200)


def test_noise_reduction_keeps_its_strength_when_only_its_type_changes() -> None:
    rig = Rig()
    rig.update(audio={"input": {"noise_reduction": {"type": "near_field", "strength": 0.5}}})
    session = rig.update(audio={"input": {"noise_reduction": {"type": "far_field"}}})["session"]
    assert session["audio"]["input"]["noise_reduction"] == {"type": "far_field", "strength": 0.5}


@pytest.mark.parametrize(
    ("session", "code", "param"),
    [
        ({}, "missing_required_parameter", "session.type"),
        ({"type": "transcription"}, "invalid_value", "session.type"),
        ({"type": "realtime", "model": "other"}, "invalid_value", "session.model"),
        ({"type": "realtime", "temperature": 0.8}, "unknown_parameter", "session.temperature"),
        ({"type": "realtime", "id": "sess_mine"}, "unknown_parameter", "session.id"),
        ({"type": "realtime", "output_modalities": ["audio", "text"]}, "invalid_value", "session.output_modalities"),
        ({"type": "realtime", "max_output_tokens": 5000}, "invalid_value", "session.max_output_tokens"),
        ({"type": "realtime", "audio": {"output": {"speed": 2}}}, "invalid_value", "session.audio.output.speed"),
        ({"type": "realtime", "audio": {"input": {"format": {"type": "audio/mp3"}}}}, "invalid_value",
         "session.audio.input.format.type"),
        ({"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 8000}}}}, "invalid_value",
         "session.audio.input.format.rate"),
        ({"type": "realtime", "audio": {"input": {"turn_detection": {"type": "none"}}}}, "invalid_value",
         "session.audio.input.turn_detection.type"),
        ({"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 500}}}},
         "invalid_value", "session.audio.input.turn_detection.idle_timeout_ms"),
        ({"type": "realtime", "audio": {"input": {"turn_detection": {"type": "server_vad", "eagerness": "low"}}}},
         "unknown_parameter", "session.audio.input.turn_detection.eagerness"),
        ({"type": "realtime", "tools": [{"type": "function", "name": "a"}, {"type": "function"}]},
         "missing_required_parameter", "session.tools[1].name"),
        ({"type": "realtime", "tools": [{"type": "mcp", "server_label": "x"}]}, "invalid_value",
         "session.tools[0].type"),
        ({"type": "realtime", "tool_choice": {"type": "function", "name": "ghost"}}, "invalid_value",
         "session.tool_choice.name"),
    ],
)  # fmt: skip
def test_updates_that_are_refused_change_nothing(session: dict[str, Any], code: str, param: str) -> None:
    rig = Rig()
    before = rig.session.config
    came = rig.send_raw({"type": "session.update", "session": session, "event_id": "mine"})
    assert error_of(came) == (code, param)
    assert came[0]["error"]["event_id"] == "mine"
    assert rig.session.config == before


def test_the_voice_is_fixed_by_the_first_sound_and_the_speed_by_a_running_answer() -> None:
    rig = Rig(pace=1)
    rig.update(audio={"output": {"voice": "cedar"}})
    rig.send("response.create", response={"instructions": LONG})
    rig.run(100)
    came = rig.send("session.update", session={"type": "realtime", "audio": {"output": {"voice": "ash"}}})
    assert error_of(came) == ("cannot_update_voice", "session.audio.output.voice")
    came = rig.send("session.update", session={"type": "realtime", "audio": {"output": {"speed": 1.2}}})
    assert error_of(came) == ("invalid_value", "session.audio.output.speed")
    rig.run_out()
    assert rig.update(audio={"output": {"speed": 1.2}})["type"] == "session.updated"
    assert rig.update(audio={"output": {"voice": "cedar"}})["type"] == "session.updated"


def test_less_than_100_ms_can_not_be_committed() -> None:
    rig = Rig()
    rig.update(audio={"input": {"turn_detection": None}})
    rig.append(80)
    assert error_of(rig.send("input_audio_buffer.commit"))[0] == "input_audio_buffer_commit_empty"
    rig.append(20)
    assert rig.send("input_audio_buffer.commit")[0]["type"] == "input_audio_buffer.committed"


def test_clearing_forgets_an_open_turn() -> None:
    rig = Rig()
    rig.append(200)
    assert rig.send("input_audio_buffer.clear")[0]["type"] == "input_audio_buffer.cleared"
    rig.append(1000, loud=False)
    assert not rig.of("input_audio_buffer.speech_stopped")
    rig.append(40)
    started = rig.of("input_audio_buffer.speech_started")
    assert len(started) == 2
    assert started[1]["audio_start_ms"] >= 200


def test_a_client_may_commit_a_turn_that_the_server_found() -> None:
    rig = Rig()
    rig.append(400)
    item_id = rig.last("input_audio_buffer.speech_started")["item_id"]
    assert rig.send("input_audio_buffer.commit")[0]["item_id"] == item_id
    rig.append(600, loud=False)
    assert not rig.of("input_audio_buffer.speech_stopped")


def test_turn_detection_can_change_in_the_middle_of_a_turn() -> None:
    rig = Rig()
    rig.append(200)
    rig.update(audio={"input": {"turn_detection": {"type": "server_vad", "silence_duration_ms": 600}}})
    rig.append(580, loud=False)
    assert not rig.of("input_audio_buffer.speech_stopped")
    rig.append(40, loud=False)
    assert rig.of("input_audio_buffer.speech_stopped")


@pytest.mark.parametrize(("audio", "param"), [("%%%", "audio"), (base64.b64encode(b"abc").decode(), "audio")])
def test_audio_that_is_no_audio_is_refused(audio: str, param: str) -> None:
    rig = Rig()
    assert error_of(rig.send_raw({"type": "input_audio_buffer.append", "audio": audio})) == ("invalid_value", param)


def test_cancelling_nothing_is_an_error_and_by_id_it_stops_the_right_one() -> None:
    rig = Rig(pace=1)
    assert error_of(rig.send("response.cancel"))[0] == "response_cancel_not_active"
    rig.send("response.create", response={"instructions": LONG})
    rig.send("response.create", response={"instructions": LONG, "conversation": "none"})
    aside = rig.last("response.created")["response"]["id"]
    rig.run(100)
    rig.send("response.cancel", response_id=aside)
    assert rig.last("response.done")["response"]["id"] == aside
    assert error_of(rig.send("response.cancel", response_id=aside))[0] == "response_cancel_not_active"
    rig.send("response.cancel")
    assert len(rig.of("response.done")) == 2


def test_a_cancel_before_the_announcement_does_nothing_and_the_answer_comes_later() -> None:
    rig = Rig(faults=Faults(created_delay_ms=400))
    rig.send("response.create", response={"instructions": "SAY: hello"})
    assert error_of(rig.send("response.cancel"))[0] == "response_cancel_not_active"
    assert not rig.run(399)
    assert rig.run(1)[0]["type"] == "response.created"
    rig.run_out()
    assert rig.last("response.done")["response"]["status"] == "completed"


def test_an_output_buffer_is_nothing_that_a_websocket_has() -> None:
    assert error_of(Rig().send("output_audio_buffer.clear")) == ("invalid_value", "type")


@pytest.mark.parametrize(
    ("response", "code", "param"),
    [
        ({"input": [{"type": "item_reference", "id": "ghost"}]}, "invalid_value", "response.input[0].id"),
        ({"metadata": {str(n): "x" for n in range(17)}}, "invalid_value", "response.metadata"),
        ({"metadata": {"k": "v" * 513}}, "invalid_value", "response.metadata.k"),
        ({"max_output_tokens": 0}, "invalid_value", "response.max_output_tokens"),
        ({"tool_choice": {"type": "function", "name": "ghost"}}, "invalid_value", "response.tool_choice.name"),
        ({"output_modalities": ["text", "audio"]}, "invalid_value", "response.output_modalities"),
        ({"conversation": "other"}, "invalid_value", "response.conversation"),
    ],
)
def test_responses_that_are_refused(response: dict[str, Any], code: str, param: str) -> None:
    rig = Rig()
    assert error_of(rig.send_raw({"type": "response.create", "response": response})) == (code, param)
    assert not rig.of("response.created")


def test_an_answer_that_grows_too_long_is_incomplete() -> None:
    rig = Rig()
    rig.send("response.create", response={"instructions": LONG, "max_output_tokens": 40})
    rig.run_out()
    done = rig.last("response.done")["response"]
    assert (done["status"], done["status_details"]["reason"]) == ("incomplete", "max_output_tokens")
    assert 30 < done["usage"]["output_tokens"] <= 40
    assert done["output"][0]["status"] == "incomplete"


def test_usage_counts_what_stays_the_same_as_cached() -> None:
    rig = Rig()
    rig.update(instructions="SAY: " + "hello " * 10)
    rig.send("response.create")
    rig.run_out()
    first = rig.last("response.done")["response"]["usage"]
    rig.send("response.create")
    rig.run_out()
    second = rig.last("response.done")["response"]["usage"]
    assert first["input_token_details"]["cached_tokens"] == 0
    assert second["input_token_details"]["cached_tokens"] == first["input_tokens"]
    assert second["input_token_details"]["audio_tokens"] == 60
    assert first["output_token_details"]["audio_tokens"] == 60


def test_a_broken_engine_fails_the_transcript_and_the_answer_and_not_the_session() -> None:
    rig = Rig(do=broken)
    rig.update(instructions="FACTS: a = b", audio={"input": {"transcription": {"model": "local"}}})
    rig.speak_turn()
    rig.run_out()
    assert rig.of("conversation.item.input_audio_transcription.failed")
    done = rig.last("response.done")["response"]
    assert (done["status"], done["status_details"]["error"]["message"]) == ("failed", "no engine")
    assert rig.update(instructions="")["type"] == "session.updated"


def test_what_was_asked_before_a_barge_in_comes_too_late() -> None:
    rig = Rig()
    rig.hold_jobs = True
    rig.send("response.create", response={"instructions": LONG})
    rig.append(40)
    assert rig.last("response.done")["response"]["output"] == []
    assert rig.release() == []


def test_a_session_expires_with_an_error_and_1001() -> None:
    rig = Rig(expires_after_s=60)
    rig.run(60_000)
    assert rig.last("error")["error"]["code"] == "session_expired"
    assert rig.closed is not None
    assert (rig.closed.code, rig.closed.abrupt) == (1001, False)
    assert rig.send("response.create") == []


@pytest.mark.parametrize(
    ("faults", "code", "abrupt"),
    [
        (Faults(expire_after_ms=500), 1001, False),
        (Faults(close_after_ms=500, close_code=1011), 1011, False),
        (Faults(drop_after_ms=500), 1006, True),
    ],
)
def test_faults_that_end_a_connection(faults: Faults, code: int, abrupt: bool) -> None:
    rig = Rig(faults=faults)
    rig.run(499)
    assert rig.closed is None
    rig.run(1)
    assert rig.closed is not None
    assert (rig.closed.code, rig.closed.abrupt) == (code, abrupt)


def test_a_connection_can_be_cut_in_the_middle_of_speech() -> None:
    rig = Rig(faults=Faults(drop_after_deltas=3))
    rig.send("response.create", response={"instructions": LONG})
    rig.run_out()
    assert len(rig.of("response.output_audio.delta")) == 3
    assert rig.closed is not None
    assert rig.closed.abrupt


def test_a_response_can_fail_in_the_middle_of_speech() -> None:
    rig = Rig(faults=Faults(fail_response=2, fail_after_ms=500, fail_code="inference_rate_limit_exceeded"))
    rig.send("response.create", response={"instructions": "SAY: fine"})
    rig.run_out()
    rig.send("response.create", response={"instructions": LONG})
    rig.run_out()
    assert [event["response"]["status"] for event in rig.of("response.done")] == ["completed", "failed"]
    done = rig.last("response.done")["response"]
    assert done["status_details"]["error"]["code"] == "inference_rate_limit_exceeded"
    assert done["output"][0]["status"] == "incomplete"


def test_an_event_of_the_future_and_a_huge_frame_can_be_sent() -> None:
    rig = Rig(faults=Faults(future_event=True, huge_frame_bytes=2_000_000))
    rig.send("response.create", response={"instructions": "SAY: hello you"})
    rig.run_out()
    assert any("scent" in event for event in rig.events)
    sizes = [len(json.dumps(event)) for event in rig.of("response.output_audio_transcript.delta")]
    assert sizes[0] > 2_000_000
    assert sizes[1] < 1000
