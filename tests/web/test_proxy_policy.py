from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.settings.access import ProxySettings
from gateway.web.proxy_policy import NotAllowed, ProxyPolicy

POLICY = ProxyPolicy(ProxySettings().allow)


X = "session.audio.input.x"


def passed(message: dict[str, Any]) -> Any:
    return json.loads(POLICY.passed(json.dumps(message)))


@pytest.mark.parametrize(
    "message",
    [
        {"type": "input_audio_buffer.append", "audio": "AAAA"},
        {"type": "response.create"},
        {"type": "response.create", "response": {"instructions": "x", "metadata": {"a": "b"}, "conversation": "none"}},
        {"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"voice": "ash"}}}},
        {"type": "session.update", "session": {"tools": [{"type": "function", "name": "f", "parameters": {}}]}},
    ],
)
def test_what_policy_names_goes_through_unchanged(message: dict[str, Any]) -> None:
    assert passed(message) == message


def test_the_model_is_the_endpoints_whatever_a_program_asks_for() -> None:
    told = passed({"type": "session.update", "session": {"type": "realtime", "model": "dearest-model"}})
    assert told == {"type": "session.update", "session": {"type": "realtime"}}


def test_a_field_that_is_there_twice_is_sent_as_it_was_checked() -> None:
    twice = b'{"type":"session.update","type":"input_audio_buffer.clear","session":{"prompt":{"id":"x"}}}'
    assert json.loads(POLICY.passed(twice))["type"] == "input_audio_buffer.clear"


@pytest.mark.parametrize(
    ("message", "code", "param"),
    [
        ({"type": "transcription_session.update"}, "unknown_event", "type"),
        ({"type": ["response.cancel"]}, "unknown_event", "type"),
        ({"type": "session.update"}, "invalid_value", "session"),
        ({"type": "session.update", "session": {"prompt": {"id": "x"}}}, "field_not_allowed", "session.prompt"),
        ({"type": "session.update", "session": {"audio": []}}, "invalid_value", "session.audio"),
        (
            {"type": "session.update", "session": {"audio": {"input": {"x": 1}}}},
            "field_not_allowed",
            "session.audio.input.x",
        ),
        ({"type": "response.create", "response": {"model": "x"}}, "field_not_allowed", "response.model"),
        ({"type": "response.create", "response": {"tools": [{"type": "mcp"}]}}, "tool_not_allowed", "response.tools"),
    ],
)
def test_the_rest_is_refused_in_the_protocols_own_words(message: dict[str, Any], code: str, param: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        passed(message | {"event_id": "e7"})
    error = json.loads(refused.value.event())["error"]
    assert (error["code"], error["param"], error["event_id"]) == (code, param, "e7")


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(NotAllowed):
        POLICY.passed("[1]")
