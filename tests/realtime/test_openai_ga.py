"""What the GA dialect says: every message is judged by the official types, strictly and without unknown fields."""

from __future__ import annotations

import base64
import dataclasses
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.audio.format import PCM16_24K, PCMU_8K, AudioFrame
from gateway.contracts.model import ResponseRequest, SemanticVad, ServerVad, ToolSpec, Transcription
from gateway.errors import ConfigurationError
from gateway.realtime.credentials import Secret, SecretKind
from gateway.realtime.openai_ga import OpenAiGa
from gateway.realtime.wire_client import cause
from gateway.settings.schema import EndpointSettings
from tests.realtime.official import heard, said
from tests.realtime.test_ga_setup import setup

KEY = Secret(SecretKind.API_KEY, "sk-test-very-secret")


def dialect(**changes: Any) -> OpenAiGa:
    fields: dict[str, Any] = {"type": "openai", "model": "gpt-x", "url": "https://h.test/v1"}
    return OpenAiGa("main", EndpointSettings(**(fields | changes)))


def only(messages: list[bytes]) -> dict[str, Any]:
    assert len(messages) == 1
    return said(messages[0])


# --- connecting ----------------------------------------------------------------------------------------------------


def test_openai_is_the_url_of_its_own_type() -> None:
    request = dialect(url=None).connect_request(KEY)
    assert request.url == "wss://api.openai.com/v1/realtime?model=gpt-x"


def test_the_key_is_a_bearer_and_beta_is_never_spoken_of() -> None:
    headers = dict(dialect(organization="org-1", project="proj-2").connect_request(KEY).headers)
    assert headers["Authorization"] == "Bearer sk-test-very-secret"
    assert headers["OpenAI-Organization"] == "org-1"
    assert headers["OpenAI-Project"] == "proj-2"
    assert not any("beta" in name.lower() for name in headers)


def test_without_a_key_nothing_is_claimed() -> None:
    assert "Authorization" not in dict(dialect().connect_request(None).headers)


def test_a_connect_request_does_not_print_its_headers() -> None:
    assert "very-secret" not in repr(dialect().connect_request(KEY))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"type": "openai", "model": None}, r"endpoints\.main\.model is missing"),
        ({"type": "compatible", "url": None}, r"endpoints\.main\.url is missing"),
        ({"type": "local", "url": None}, "start the local server first"),
        ({"organization": "org\r\nX: 1"}, r"endpoints\.main\.organization"),
        ({"session": {"extra": {"audio.input.format": "x"}}}, "which the gateway says itself"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_at_start(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        dialect(**settings)


def test_the_local_server_has_a_model_of_its_own() -> None:
    local = dialect(type="local", url="http://127.0.0.1:9/v1", model=None, api_key=SecretStr("t"))
    assert local.connect_request(None).url == "ws://127.0.0.1:9/v1/realtime?model=local"
    assert local.capabilities.truncates


# --- commands ------------------------------------------------------------------------------------------------------


def test_configure_is_a_strictly_valid_session_update() -> None:
    tool = ToolSpec(name="t", description="d", parameters={"type": "object", "properties": {"a": {"type": "string"}}})
    update = only(
        dialect().configure(
            setup(
                tools=(tool,),
                transcription=Transcription(model="t-1", language="en", prompt="p", keywords=("k",)),
                extras={"audio.output.speed": 1.1, "max_output_tokens": 1200, "truncation": "disabled"},
            )
        )
    )
    session = update["session"]
    assert (session["type"], session["output_modalities"]) == ("realtime", ["audio"])
    assert session["instructions"] == "Be brief."
    assert session["audio"]["output"] == {
        "format": {"type": "audio/pcm", "rate": 24000},
        "voice": "marin",
        "speed": 1.1,
    }
    assert session["max_output_tokens"] == 1200


@pytest.mark.parametrize("detection", [None, ServerVad(idle_timeout_ms=6000), SemanticVad()])
@pytest.mark.parametrize("format", [PCM16_24K, PCMU_8K])
def test_every_kind_of_setup_is_strictly_valid(detection: Any, format: Any) -> None:
    update = only(
        dialect().configure(setup(turn_detection=detection, input_format=format, output_format=format, voice=None))
    )
    assert update["session"]["audio"]["input"]["format"] == update["session"]["audio"]["output"]["format"]


def test_the_voice_is_not_named_again_once_the_model_has_spoken() -> None:
    speaking = dialect()
    assert "voice" in only(speaking.configure(setup()))["session"]["audio"]["output"]
    speaking.receive(
        heard(
            "response.output_audio.delta",
            response_id="resp_1",
            item_id="item_1",
            output_index=0,
            content_index=0,
            delta="AAAA",
        )
    )
    later = only(speaking.configure(setup(instructions="New.", voice="cedar")))
    assert "voice" not in later["session"]["audio"]["output"]
    assert later["session"]["instructions"] == "New."


def test_an_append_holds_the_base64_text_as_it_came() -> None:
    text = base64.b64encode(bytes(range(256)))
    message = dialect().append(AudioFrame(PCMU_8K, base64=text))
    assert said(message) == {"type": "input_audio_buffer.append", "audio": text.decode()}
    raw = dialect().append(AudioFrame(PCMU_8K, raw=bytes(range(256))))
    assert raw == message


def test_a_plain_answer_is_asked_for_by_its_tag_alone() -> None:
    assert only(dialect().respond(ResponseRequest(tag="answer-1"))) == {
        "type": "response.create",
        "event_id": "respond:answer-1",
        "response": {"metadata": {"tag": "answer-1"}},
    }


def test_everything_that_a_request_may_ask_for_is_said() -> None:
    tool = ToolSpec(name="pick", description="d", parameters={"type": "object"})
    request = ResponseRequest(
        tag="t", instructions="Say hi.", tools=(tool,), tool_choice="pick", out_of_band=True, text_only=True
    )
    assert only(dialect().respond(request))["response"] == {
        "metadata": {"tag": "t"},
        "conversation": "none",
        "output_modalities": ["text"],
        "instructions": "Say hi.",
        "tools": [{"type": "function", "name": "pick", "description": "d", "parameters": {"type": "object"}}],
        "tool_choice": {"type": "function", "name": "pick"},
    }


@pytest.mark.parametrize("choice", ["auto", "none", "required"])
def test_the_modes_of_tool_choice_stay_words(choice: str) -> None:
    body = only(dialect().respond(ResponseRequest(tag="t", tool_choice=choice, tools=())))["response"]
    assert (body["tool_choice"], body["tools"]) == (choice, [])


def test_a_response_is_cancelled_by_its_id() -> None:
    assert only(dialect().cancel("resp_9")) == {
        "type": "response.cancel",
        "event_id": "cancel:resp_9",
        "response_id": "resp_9",
    }


@pytest.mark.parametrize(("heard_ms", "told"), [(1234, 1234), (0, 0), (-3, 0)])
def test_a_truncation_is_a_whole_number_of_milliseconds(heard_ms: int, told: int) -> None:
    assert only(dialect().truncate("item_3", heard_ms)) == {
        "type": "conversation.item.truncate",
        "event_id": "truncate:item_3",
        "item_id": "item_3",
        "content_index": 0,
        "audio_end_ms": told,
    }


def test_an_item_is_deleted() -> None:
    message = only(dialect().delete_item("item_3"))
    assert (message["type"], message["item_id"]) == ("conversation.item.delete", "item_3")


@pytest.mark.parametrize(
    ("role", "kind"), [("user", "input_text"), ("system", "input_text"), ("assistant", "output_text")]
)
def test_a_message_of_each_role_has_the_content_type_of_that_role(role: Any, kind: str) -> None:
    item = only(dialect().add_message(role, "words", "msg_7"))["item"]
    assert item == {"type": "message", "role": role, "id": "msg_7", "content": [{"type": kind, "text": "words"}]}


def test_a_message_without_an_id_lets_the_endpoint_name_it() -> None:
    assert "id" not in only(dialect().add_message("user", "words"))["item"]


def test_a_tool_is_answered_and_no_response_asked_for() -> None:
    assert only(dialect().tool_result("call_4", "{}", "out_4"))["item"]["id"] == "out_4"
    assert only(dialect().tool_result("call_4", '{"ok":true}'))["item"] == {
        "type": "function_call_output",
        "call_id": "call_4",
        "output": '{"ok":true}',
    }


def test_a_tool_call_of_another_session_is_told_with_its_id_and_arguments() -> None:
    assert only(dialect().add_tool_call("call_4", "look", '{"at":1}', "kept_1"))["item"] == {
        "type": "function_call",
        "id": "kept_1",
        "call_id": "call_4",
        "name": "look",
        "arguments": '{"at":1}',
    }


def test_an_id_of_a_tool_call_that_is_too_long_for_a_clients_is_shortened_and_its_result_finds_it() -> None:
    spoken, long = dialect(), "function-call-" + "1234567890" * 3
    call_id = only(spoken.add_tool_call(long, "look", "{}"))["item"]["call_id"]
    assert len(call_id) <= 32
    assert only(spoken.tool_result(long, "{}"))["item"]["call_id"] == call_id


def test_the_input_is_cleared() -> None:
    assert only(dialect().clear_input())["type"] == "input_audio_buffer.clear"


def test_an_endpoint_without_truncation_is_sent_none() -> None:
    lacking = dialect()
    lacking._capabilities = dataclasses.replace(lacking.capabilities, truncates=False, deletes_items=False)
    assert lacking.truncate("item_1", 5) == []
    assert lacking.delete_item("item_1") == []


@pytest.mark.parametrize(
    ("event_id", "expected"),
    [
        ("respond:answer-1", ("respond", "answer-1")),
        ("truncate:item:with:colons", ("truncate", "item:with:colons")),
        ("configure:", ("configure", "")),
        ("event_abc", ("", "")),
        ("dance:x", ("", "")),
        (None, ("", "")),
    ],
)
def test_an_event_id_tells_which_command_it_was(event_id: str | None, expected: tuple[str, str]) -> None:
    assert cause(event_id) == expected


def test_even_a_long_tag_fits_into_an_event_id() -> None:
    assert len(only(dialect().respond(ResponseRequest(tag="x" * 500)))["event_id"]) <= 512
