"""Transcription sessions: how they are dialled, set up and heard."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.audio.format import PCM16_24K
from gateway.contracts.model import CallerSegment, SessionSetup, Transcription
from gateway.realtime.transcription import TranscriptionGa, may_have_transcription_sessions
from gateway.settings.endpoint import EndpointSettings


def dialect(**fields: Any) -> TranscriptionGa:
    return TranscriptionGa("main", EndpointSettings.model_validate({"type": "openai", "model": "m", **fields}))


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "wss://api.openai.com/v1/realtime?intent=transcription"),
        (
            {"type": "azure", "url": "https://r.openai.azure.com", "deployment": "d"},
            "wss://r.openai.azure.com/openai/v1/realtime?intent=transcription",
        ),
        (
            {"type": "compatible", "url": "http://127.0.0.1:9/v1?key=a b"},
            "ws://127.0.0.1:9/v1/realtime?key=a+b&intent=transcription",
        ),
    ],
)
def test_they_are_dialled_by_intent_and_name_no_model(fields: dict[str, Any], url: str) -> None:
    assert dialect(**fields).connect_request(None).url == url


def test_the_set_up_has_the_incoming_side_and_nothing_else() -> None:
    setup = SessionSetup(
        instructions="Be kind.",
        voice="marin",
        input_format=PCM16_24K,
        output_format=PCM16_24K,
        turn_detection=None,
        transcription=Transcription(model="t", language="en"),
        extras={
            "audio.input.turn_detection": None,
            "audio.input.noise_reduction": {"type": "far_field"},
            "audio.output.speed": 1.1,
            "max_output_tokens": 100,
            "include": ["item.input_audio_transcription.logprobs"],
        },
    )
    (message,) = dialect().configure(setup)
    assert json.loads(message)["session"] == {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": 24000},
                "transcription": {"model": "t", "language": "en"},
                "turn_detection": None,
                "noise_reduction": {"type": "far_field"},
            }
        },
        "include": ["item.input_audio_transcription.logprobs"],
    }


def test_audio_becomes_an_item_on_demand() -> None:
    (message,) = dialect().commit_input()
    assert json.loads(message) == {"type": "input_audio_buffer.commit", "event_id": "commit_input:"}


def test_stretches_of_speakers_are_told_apart() -> None:
    event = {
        "type": "conversation.item.input_audio_transcription.segment",
        "event_id": "e",
        "item_id": "i",
        "content_index": 0,
        "text": "hello",
        "id": "seg_1",
        "speaker": "A",
        "start": 0.25,
        "end": 1.5,
    }
    assert dialect().receive(json.dumps(event)) == [CallerSegment("i", "hello", "A", 250, 1500)]


@pytest.mark.parametrize(
    ("fields", "has"),
    [
        ({"type": "openai"}, True),
        ({"type": "local"}, True),
        ({"type": "azure", "api_version": "2025-04-01-preview"}, False),
        ({"type": "a.module:Dialect"}, False),
    ],
)
def test_only_the_ga_protocol_has_them(fields: dict[str, Any], has: bool) -> None:
    assert may_have_transcription_sessions(EndpointSettings.model_validate(fields)) is has
