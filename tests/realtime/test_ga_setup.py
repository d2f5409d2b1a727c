from __future__ import annotations

from typing import Any

import pytest

from gateway.audio.format import PCM16_24K, PCMA_8K, PCMU_8K
from gateway.contracts.model import SemanticVad, ServerVad, SessionSetup, ToolSpec, Transcription
from gateway.errors import ConfigurationError
from gateway.realtime.ga_setup import OURS, merged, session_object


def setup(**changes: Any) -> SessionSetup:
    fields: dict[str, Any] = {
        "instructions": "Be brief.",
        "voice": "marin",
        "input_format": PCM16_24K,
        "output_format": PCM16_24K,
        "turn_detection": ServerVad(),
        "transcription": None,
    }
    return SessionSetup(**(fields | changes))


def test_every_value_of_server_vad_is_always_sent() -> None:
    detection = ServerVad(threshold=0.7, silence_duration_ms=640, create_response=False, interrupt_response=True)
    assert session_object(setup(turn_detection=detection))["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.7,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 640,
        "idle_timeout_ms": None,
        "create_response": False,
        "interrupt_response": True,
    }


def test_every_value_of_semantic_vad_is_always_sent() -> None:
    assert session_object(setup(turn_detection=SemanticVad(eagerness="low")))["audio"]["input"]["turn_detection"] == {
        "type": "semantic_vad",
        "eagerness": "low",
        "create_response": True,
        "interrupt_response": False,
    }


def test_pcm_names_its_rate_and_g711_none() -> None:
    audio = session_object(setup(input_format=PCMU_8K, output_format=PCM16_24K))["audio"]
    assert audio["input"]["format"] == {"type": "audio/pcmu"}
    assert audio["output"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert session_object(setup(output_format=PCMA_8K))["audio"]["output"]["format"] == {"type": "audio/pcma"}


def test_a_transcriber_is_told_only_what_was_given() -> None:
    given = session_object(setup(transcription=Transcription(model="t-1", language="es")))
    assert given["audio"]["input"]["transcription"] == {"model": "t-1", "language": "es"}
    full = Transcription(model="t-1", prompt="menus", keywords=("pizza", "pasta"))
    assert session_object(setup(transcription=full))["audio"]["input"]["transcription"] == {
        "model": "t-1",
        "prompt": "menus",
        "keywords": ["pizza", "pasta"],
    }


def test_none_leaves_the_endpoint_its_own_default() -> None:
    audio = session_object(setup(voice=None, turn_detection=None, transcription=None))["audio"]
    assert audio == {"input": {"format": {"type": "audio/pcm", "rate": 24000}}, "output": audio["output"]}
    assert "voice" not in audio["output"]


def test_tools_are_flat() -> None:
    tool = ToolSpec(name="end_call", description="hang up", parameters={"type": "object", "properties": {}})
    assert session_object(setup(tools=(tool,)))["tools"] == [
        {
            "type": "function",
            "name": "end_call",
            "description": "hang up",
            "parameters": {"type": "object", "properties": {}},
        }
    ]


def test_further_fields_are_merged_by_their_path() -> None:
    session = session_object(
        setup(
            transcription=Transcription(model="t-1"),
            extras={
                "audio.output.speed": 1.1,
                "audio.input.noise_reduction": {"type": "far_field"},
                "audio.input.transcription.delay": "low",
                "audio": {"input": {"turn_detection": {"threshold": 0.8}}},
                "truncation": {"type": "retention_ratio", "retention_ratio": 0.8},
                "tracing": None,
            },
        )
    )
    assert session["audio"]["output"]["speed"] == 1.1
    assert session["audio"]["output"]["voice"] == "marin"
    assert session["audio"]["input"]["noise_reduction"] == {"type": "far_field"}
    assert session["audio"]["input"]["transcription"] == {"model": "t-1", "delay": "low"}
    assert session["audio"]["input"]["turn_detection"]["threshold"] == 0.8
    assert session["audio"]["input"]["turn_detection"]["silence_duration_ms"] == 500
    assert session["truncation"] == {"type": "retention_ratio", "retention_ratio": 0.8}
    assert session["tracing"] is None


def test_another_kind_of_turn_detection_replaces_instead_of_mixing() -> None:
    extras = {"audio.input.turn_detection": {"type": "semantic_vad", "eagerness": "high"}}
    detection = session_object(setup(extras=extras))["audio"]["input"]["turn_detection"]
    assert detection == {"type": "semantic_vad", "eagerness": "high"}


def test_turn_detection_can_be_switched_off() -> None:
    session = session_object(setup(extras={"audio.input.turn_detection": None}))
    assert session["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize("path", [*OURS, "audio.input.format.rate"])
def test_fields_that_the_gateway_says_itself_are_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="which the gateway says itself"):
        merged({}, {path: "x"})


@pytest.mark.parametrize(
    ("extras", "says"),
    [
        ({"audio": {"output": {"format": {"type": "audio/pcmu"}}}}, "which the gateway says itself"),
        ({"audio": None}, "would remove 'audio.input.format'"),
        ({"audio.input": "loud"}, "would remove 'audio.input.format'"),
        ({"audio..speed": 1}, "is no path"),
        ({"": 1}, "is no path"),
        ({"voice.speed": 1, "voice": {"a": 1}}, None),
        ({"tracing": "auto", "tracing.group_id": "g"}, "leads through 'tracing'"),
    ],
)
def test_paths_that_break_the_session_are_refused(extras: dict[str, Any], says: str | None) -> None:
    if says is None:
        assert merged({}, extras) == {"voice": {"speed": 1, "a": 1}}
        return
    with pytest.raises(ConfigurationError, match=says):
        merged({}, extras)


def test_half_characters_in_instructions_can_still_be_sent() -> None:
    assert session_object(setup(instructions="hi \ud83d there"))["instructions"] == "hi ? there"
