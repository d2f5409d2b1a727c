"""The beta tongue alone: what it refuses, what it makes of GA's words, and that nothing brings it down."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.offline import events as wire
from gateway.offline.beta import BetaTongue
from gateway.offline.refusals import Refused
from gateway.offline.session_config import RealtimeSession
from tests.conformance.official_beta import check_beta


def tongue() -> BetaTongue:
    return BetaTongue("conv_1", lambda: "event_9")


def in_ga(**event: Any) -> Any:
    return json.loads(tongue().read(json.dumps(event)))


def said(event: wire.ServerEvent, by: BetaTongue | None = None) -> list[dict[str, Any]]:
    event.event_id = "event_1"
    told = [json.loads(frame) for frame in (by or tongue()).write(event)]
    for one in told:
        check_beta(one, "server")
    return told


def test_a_flat_session_becomes_ga() -> None:
    assert in_ga(
        type="session.update",
        event_id="e",
        session={
            "modalities": ["text"],
            "input_audio_format": "g711_ulaw",
            "output_audio_format": "pcm16",
            "voice": "echo",
            "turn_detection": {"type": "none"},
            "input_audio_transcription": {"model": "whisper-1"},
            "tool_choice": {"type": "function", "function": {"name": "pick"}},
            "max_response_output_tokens": "inf",
            "temperature": 0.8,
        },
    ) == {
        "type": "session.update",
        "event_id": "e",
        "session": {
            "type": "realtime",
            "output_modalities": ["text"],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcmu"},
                    "turn_detection": None,
                    "transcription": {"model": "whisper-1"},
                },
                "output": {"format": {"type": "audio/pcm"}, "voice": "echo"},
            },
            "tool_choice": {"type": "function", "name": "pick"},
            "max_output_tokens": "inf",
        },
    }


@pytest.mark.parametrize("choice", ["pick", {"type": "function", "name": "pick"}])
def test_a_forced_tool_may_be_written_in_each_way(choice: Any) -> None:
    response = in_ga(type="response.create", response={"tool_choice": choice})["response"]
    assert response["tool_choice"] == {"type": "function", "name": "pick"}


@pytest.mark.parametrize(
    ("event", "code", "param"),
    [
        ({"type": "session.update", "session": {"type": "realtime"}}, "unknown_parameter", "session.type"),
        ({"type": "session.update", "session": {"audio": {}}}, "unknown_parameter", "session.audio"),
        (
            {"type": "session.update", "session": {"output_modalities": ["audio"]}},
            "unknown_parameter",
            "session.output_modalities",
        ),
        (
            {"type": "session.update", "session": {"turn_detection": {"type": "server_vad", "idle_timeout_ms": 5000}}},
            "unknown_parameter",
            "session.turn_detection.idle_timeout_ms",
        ),
        ({"type": "session.update", "session": {"modalities": ["audio"]}}, "invalid_value", "session.modalities"),
        (
            {"type": "session.update", "session": {"input_audio_format": "opus"}},
            "invalid_value",
            "session.input_audio_format",
        ),
        ({"type": "session.update", "session": {"temperature": 2}}, "invalid_value", "session.temperature"),
        (
            {"type": "response.create", "response": {"output_modalities": ["text"]}},
            "unknown_parameter",
            "response.output_modalities",
        ),
        (
            {"type": "conversation.item.create", "item": {"content": [{"type": "output_text", "text": "x"}]}},
            "invalid_value",
            "item.content[0].type",
        ),
        ({"type": "transcription_session.update", "session": {}}, "invalid_value", "type"),
    ],
)
def test_what_beta_does_not_have_is_refused_in_its_words(event: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(Refused) as refused:
        in_ga(**event, event_id="e_7")
    assert (refused.value.code, refused.value.param, refused.value.event_id) == (code, param, "e_7")


def test_the_first_words_are_the_session_and_its_conversation() -> None:
    created, conversation = said(wire.SessionCreated(session=RealtimeSession(id="s", model="dep", expires_at=5)))
    assert created["session"]["modalities"] == ["audio", "text"]
    assert created["session"]["temperature"] == 0.8
    assert (created["session"]["model"], created["session"]["expires_at"]) == ("dep", 5)
    assert (conversation["type"], conversation["conversation"]["id"]) == ("conversation.created", "conv_1")


def test_a_temperature_is_remembered() -> None:
    speaking = tongue()
    speaking.read(json.dumps({"type": "session.update", "session": {"temperature": 1.1}}))
    (told,) = said(wire.SessionUpdated(session=RealtimeSession(id="s", model="m", expires_at=5)), speaking)
    assert told["session"]["temperature"] == 1.1


def test_an_error_names_betas_parameter() -> None:
    param = "session.audio.input.turn_detection.threshold"
    body = wire.ErrorBody(type="t", code="c", message=f"invalid value for '{param}'", param=param)
    (told,) = said(wire.Error(error=body))
    assert told["error"]["param"] == "session.turn_detection.threshold"
    assert told["error"]["message"] == "invalid value for 'session.turn_detection.threshold'"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.text() | st.binary() | JSON.map(json.dumps))
def test_no_frame_brings_it_down(frame: str | bytes) -> None:
    tongue().read(frame)


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["audio", "text", "pcm16", "none"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "name", "content", "x"]), inner)
    ),
    max_leaves=6,
)


@given(
    st.sampled_from(["session.update", "response.create", "conversation.item.create"]),
    st.dictionaries(
        st.sampled_from(
            [
                "modalities",
                "input_audio_format",
                "turn_detection",
                "tool_choice",
                "temperature",
                "input",
                "content",
                "voice",
            ]
        ),
        ANY,
    ),
)
def test_no_value_brings_it_down(kind: str, body: dict[str, Any]) -> None:
    part = {"session.update": "session", "response.create": "response"}.get(kind, "item")
    with contextlib.suppress(Refused):
        assert json.loads(tongue().read(json.dumps({"type": kind, part: body})))["type"] == kind
