"""What the beta dialect says and understands; both sides are held against the official beta types."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.audio.format import PCM16_24K, PCMA_8K, PCMU_8K
from gateway.contracts.model import (
    CallerTranscript,
    ItemAudio,
    ItemDone,
    ItemText,
    ModelFault,
    ResponseDone,
    ResponseRequest,
    ResponseStarted,
    SemanticVad,
    ServerVad,
    SessionReady,
    ToolAsked,
    ToolSpec,
    Transcription,
    TranscriptionUse,
)
from gateway.errors import ConfigurationError
from gateway.realtime.beta_setup import GA_ONLY, beta_fields, session_object
from gateway.realtime.openai_beta import OpenAiBeta
from gateway.settings.schema import EndpointSettings
from tests.conformance.official_beta import BETA_SERVER, check_beta
from tests.realtime.test_ga_setup import setup

TOOL = ToolSpec(name="pick", description="d", parameters={"type": "object"})


def dialect(**changes: Any) -> OpenAiBeta:
    fields = {"type": "compatible", "url": "https://h.test/v1", "model": "m", "protocol": "beta"} | changes
    return OpenAiBeta("main", EndpointSettings.model_validate(fields))


def only(messages: list[bytes]) -> dict[str, Any]:
    (message,) = messages
    told = msgspec.json.decode(message, type=dict[str, Any])
    check_beta(told, "client")
    return told


def heard(type: str, **fields: Any) -> bytes:
    told = {"type": type, "event_id": "event_test", **fields}
    BETA_SERVER[type].model_validate(told, strict=True)
    return msgspec.json.encode(told)


def test_beta_is_asked_for_by_a_header() -> None:
    request = dialect().connect_request(None)
    assert request.url == "wss://h.test/v1/realtime?model=m"
    assert dict(request.headers)["OpenAI-Beta"] == "realtime=v1"


def test_azures_preview_has_its_path_and_no_header() -> None:
    request = dialect(type="azure", url="https://r.openai.azure.com", deployment="d").connect_request(None)
    assert request.url.endswith("/openai/realtime?api-version=2025-04-01-preview&deployment=d")
    assert "OpenAI-Beta" not in dict(request.headers)


def test_the_session_is_flat() -> None:
    given = setup(
        tools=(TOOL,),
        output_format=PCMA_8K,
        input_format=PCMU_8K,
        transcription=Transcription(model="whisper-1", language="en"),
        extras={
            "audio.output.speed": 1.1,
            "max_output_tokens": 900,
            "temperature": 0.7,
            "audio.input.noise_reduction": {"type": "far_field", "strength": 2},
        },
    )
    assert only(dialect().configure(given))["session"] == {
        "modalities": ["audio", "text"],
        "instructions": "Be brief.",
        "voice": "marin",
        "input_audio_format": "g711_ulaw",
        "output_audio_format": "g711_alaw",
        "input_audio_transcription": {"model": "whisper-1", "language": "en"},
        "input_audio_noise_reduction": {"type": "far_field"},
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 500,
            "create_response": True,
            "interrupt_response": False,
        },
        "tools": [{"type": "function", "name": "pick", "description": "d", "parameters": {"type": "object"}}],
        "speed": 1.1,
        "max_response_output_tokens": 900,
        "temperature": 0.7,
    }


@pytest.mark.parametrize("detection", [None, ServerVad(idle_timeout_ms=6000), SemanticVad(eagerness="high")])
def test_every_kind_of_turn_detection_is_strictly_valid(detection: Any) -> None:
    only(dialect().configure(setup(turn_detection=detection, voice=None)))


def test_keywords_go_into_the_prompt() -> None:
    told = session_object(setup(transcription=Transcription(model="t", prompt="A menu", keywords=("pizza", "pasta"))))
    assert told["input_audio_transcription"] == {"model": "t", "prompt": "A menu, pizza, pasta"}


def test_what_only_ga_has_is_left_out() -> None:
    assert beta_fields(dict.fromkeys(GA_ONLY, "x")) == {}


def test_a_name_without_dots_is_taken_for_betas_own() -> None:
    assert beta_fields({"input_audio_echo_cancellation": {"type": "server"}}) == {
        "input_audio_echo_cancellation": {"type": "server"}
    }


@pytest.mark.parametrize("path", ["instructions", "modalities", "tools", "audio.input.format", "audio.output.new"])
def test_a_field_that_the_gateway_says_or_that_has_no_name_is_refused_at_the_start(path: str) -> None:
    with pytest.raises(ConfigurationError, match=f"session field '{path}'"):
        dialect(session={"extra": {path: "x"}})


def test_a_response_names_modalities_and_a_forced_tool() -> None:
    request = ResponseRequest(tag="t", tools=(TOOL,), tool_choice="pick", out_of_band=True, text_only=True)
    body = only(dialect().respond(request))["response"]
    assert (body["modalities"], body["conversation"]) == (["text"], "none")
    assert body["tool_choice"] == {"type": "function", "name": "pick"}
    azure = dialect(type="azure", url="https://r.openai.azure.com", deployment="d")
    forced = only(azure.respond(request))["response"]["tool_choice"]
    assert forced == {"type": "function", "function": {"name": "pick"}}


@pytest.mark.parametrize(("role", "kind"), [("user", "input_text"), ("system", "input_text"), ("assistant", "text")])
def test_a_message_of_each_role_has_its_content_type(role: Any, kind: str) -> None:
    item = only(dialect().add_message(role, "words", "msg_7"))["item"]
    assert item["content"] == [{"type": kind, "text": "words"}]


@pytest.mark.parametrize("command", ["cancel", "delete_item", "clear_input", "tool_result", "truncate"])
def test_every_other_command_is_strictly_valid(command: str) -> None:
    arguments = {
        "cancel": ("r",),
        "delete_item": ("i",),
        "clear_input": (),
        "tool_result": ("c", "{}"),
        "truncate": ("i", 5),
    }
    only(getattr(dialect(), command)(*arguments[command]))


def test_an_answer_in_betas_words_is_understood() -> None:
    listening = dialect()
    listening.configure(setup(output_format=PCMU_8K))
    place = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    message = {"id": "i", "type": "message", "role": "assistant", "object": "realtime.item"}
    whole = {**message, "status": "completed", "content": [{"type": "audio", "transcript": "Good day"}]}
    said = [
        heard("session.created", session={"id": "s"}),
        heard("session.updated", session={"id": "s", "output_audio_format": "g711_ulaw"}),
        heard("response.created", response={"id": "r", "status": "in_progress", "metadata": {"tag": "t"}}),
        heard("response.output_item.added", response_id="r", output_index=0, item={**message, "status": "in_progress"}),
        heard("conversation.item.created", item={**message, "status": "in_progress"}),
        heard("response.content_part.added", **place, part={"type": "audio", "transcript": ""}),
        heard("response.audio_transcript.delta", **place, delta="Good "),
        heard("response.audio.delta", **place, delta="AAAA"),
        heard("response.audio.delta", **place, delta="////"),
        heard("response.audio_transcript.delta", **place, delta="day"),
        heard("response.audio.done", **place),
        heard("response.audio_transcript.done", **place, transcript="Good day"),
        heard("response.output_item.done", response_id="r", output_index=0, item=whole),
        heard("response.done", response={"id": "r", "status": "completed", "output": []}),
    ]
    events = [event for message in said for event in listening.receive(message)]
    assert [event.frame.raw for event in events if isinstance(event, ItemAudio)] == [b"\0\0\0", b"\xff\xff\xff"]
    assert {event.frame.format for event in events if isinstance(event, ItemAudio)} == {PCMU_8K}
    assert [event.text for event in events if isinstance(event, ItemText)] == ["Good ", "day"]
    assert [event for event in events if not isinstance(event, ItemAudio | ItemText)] == [
        SessionReady("s", None),
        ResponseStarted("r", "t", out_of_band=False),
        ItemDone("r", "i", "Good day"),
        events[-1],
    ]
    assert isinstance(events[-1], ResponseDone)
    assert dict(listening.ignored) == {}


def test_a_function_call_without_its_name_takes_it_from_the_item() -> None:
    listening = dialect()
    place = {"response_id": "r", "output_index": 0}
    call = {"id": "i", "type": "function_call", "name": "pick", "call_id": "c"}
    arguments = {"item_id": "i", "call_id": "c", "arguments": "{}"}
    assert listening.receive(heard("response.output_item.added", **place, item=call)) == []
    events = listening.receive(heard("response.function_call_arguments.done", **place, **arguments))
    assert events == [ToolAsked("r", "i", "c", "pick", "{}")]


def test_written_words_are_no_speech() -> None:
    place = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    assert dialect().receive(heard("response.text.delta", **place, delta="hm")) == [
        ItemText("r", "i", "hm", spoken=False)
    ]


def test_the_callers_words_are_told_as_ever() -> None:
    usage = {"type": "tokens", "input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    kind = "conversation.item.input_audio_transcription.completed"
    done = heard(kind, item_id="i", content_index=0, transcript="hi", usage=usage)
    assert dialect().receive(done) == [
        CallerTranscript("i", "hi", final=True, used=TranscriptionUse(input_audio=1, output_text=1))
    ]


def test_another_format_than_was_asked_for_is_a_fault() -> None:
    listening = dialect()
    listening.configure(setup(input_format=PCM16_24K, output_format=PCMU_8K))
    _, fault = listening.receive(
        heard("session.updated", session={"id": "s", "input_audio_format": "pcm16", "output_audio_format": "pcm16"})
    )
    problem = "output_audio_format is pcm16 although g711_ulaw was asked for; it would sound as noise"
    assert fault == ModelFault("format_refused", problem, "configure")
