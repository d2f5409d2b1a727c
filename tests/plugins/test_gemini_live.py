"""The plug-in's dialect alone: what the Live API's messages mean, and what the bridge's words become."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

import gateway
from gateway.audio.format import PCM16_16K, PCM16_24K, AudioFrame
from gateway.contracts.model import (
    CallerTranscript,
    ItemAudio,
    ItemDone,
    ItemText,
    ModelEvent,
    ModelFault,
    ResponseDone,
    ResponseRequest,
    ResponseStarted,
    ResponseStatus,
    ServerVad,
    SessionReady,
    SessionSetup,
    SpeechStarted,
    SpeechStopped,
    ToolAsked,
    Usage,
    UtteranceCommitted,
)
from gateway.errors import ConfigurationError, ModelError
from gateway.realtime.credentials import Secret, SecretKind
from gateway.realtime.dialect import Dialect
from gateway.realtime.kinds import kind_of
from gateway.settings.schema import EndpointSettings
from tests.plugins.gemini_live import HOST, PATH, GeminiLive

SETTINGS = EndpointSettings(type="tests.plugins.gemini_live:GeminiLive", model="live-1")
PCM = b"\1\0" * 480


@pytest.fixture
def live() -> GeminiLive:
    """Return the dialect of a session that is set up."""
    dialect = GeminiLive("gemini", SETTINGS)
    dialect.configure(setup())
    return dialect


def setup(**changes: Any) -> SessionSetup:
    fields: dict[str, Any] = {
        "instructions": "Be brief.",
        "voice": None,
        "input_format": PCM16_16K,
        "output_format": PCM16_24K,
        "turn_detection": ServerVad(silence_duration_ms=300),
        "transcription": None,
    }
    return SessionSetup(**(fields | changes))


def heard(live: GeminiLive, **message: Any) -> list[ModelEvent]:
    """Return what a message means; it comes as binary, as all do."""
    return live.receive_binary(json.dumps(message).encode())


def content(live: GeminiLive, **content: Any) -> list[ModelEvent]:
    return heard(live, serverContent=content)


def audio(live: GeminiLive) -> list[ModelEvent]:
    blob = {"mimeType": "audio/pcm;rate=24000", "data": base64.b64encode(PCM).decode()}
    return content(live, modelTurn={"parts": [{"inlineData": blob}]})


def told(messages: list[bytes]) -> dict[str, Any]:
    (message,) = messages
    found: dict[str, Any] = json.loads(message)
    return found


def test_it_is_a_kind_of_endpoint_like_any_other_and_the_package_knows_nothing_of_it() -> None:
    made: Dialect = kind_of("gemini", SETTINGS).dialect("gemini", SETTINGS)
    assert isinstance(made, GeminiLive)
    package = Path(gateway.__file__).parent
    assert [path for path in package.rglob("*.py") if "gemini" in path.read_text("utf-8").lower()] == []


@pytest.mark.parametrize(
    ("url", "dialled"),
    [
        (None, HOST + PATH),
        ("https://proxy.example.net/live/", "wss://proxy.example.net/live"),
        ("ws://h", f"ws://h{PATH}"),
    ],
)
def test_it_dials_the_live_api_with_a_key_in_a_header_of_its_own(url: str | None, dialled: str) -> None:
    live = GeminiLive("gemini", SETTINGS.model_copy(update={"url": url}))
    request = live.connect_request(Secret(SecretKind.API_KEY, "key"))
    assert (request.url, request.headers) == (dialled, (("x-goog-api-key", "key"),))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": None}, "model is missing"),
        ({"options": {"langage": "en"}}, "'langage' is none; there is: language_code"),
    ],
)
def test_settings_that_can_not_be_meant_are_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says):
        GeminiLive("gemini", SETTINGS.model_copy(update=changes))


def test_a_session_is_set_up_once(live: GeminiLive) -> None:
    first = told(GeminiLive("gemini", SETTINGS).configure(setup(extras={"max_output_tokens": 300})))["setup"]
    assert first["generationConfig"]["maxOutputTokens"] == 300
    assert first["realtimeInputConfig"]["automaticActivityDetection"]["silenceDurationMs"] == 300
    assert "tools" not in first
    assert live.configure(setup()) == []
    assert heard(live, setupComplete={}) == [SessionReady("", None)]


def test_audio_goes_up_as_it_is(live: GeminiLive) -> None:
    frame = AudioFrame(PCM16_16K, raw=PCM)
    sent = json.loads(live.append(frame))["realtimeInput"]["audio"]
    assert sent == {"mimeType": "audio/pcm;rate=16000", "data": frame.base64.decode()}


def test_a_turn_is_a_response_with_one_item(live: GeminiLive) -> None:
    asked = told(live.respond(ResponseRequest(tag="greeting-1", instructions="Say hello.")))
    assert asked == {
        "clientContent": {"turns": [{"role": "user", "parts": [{"text": "Say hello."}]}], "turnComplete": True}
    }
    assert content(live, modelTurn={"parts": [{"text": "hm", "thought": True}]}) == []
    started, sound = audio(live)
    assert isinstance(started, ResponseStarted)
    assert started.tag == "greeting-1"
    assert isinstance(sound, ItemAudio)
    assert sound.frame == AudioFrame(PCM16_24K, raw=PCM)
    assert content(live, outputTranscription={"text": "Hello."}) == [
        ItemText(started.response_id, sound.item_id, "Hello.")
    ]
    assert content(live, generationComplete=True) == [ItemDone(started.response_id, sound.item_id, "Hello.")]
    usage = {
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 7}, {"modality": "AUDIO", "tokenCount": 9}],
        "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}],
        "cacheTokensDetails": [{"modality": "TEXT", "tokenCount": 3}],
    }
    assert heard(live, serverContent={"turnComplete": True}, usageMetadata=usage) == [
        ResponseDone(
            started.response_id,
            ResponseStatus.COMPLETED,
            "",
            Usage(input_text=7, input_audio=9, cached_text=3, output_audio=5),
        )
    ]


def test_the_callers_words_open_a_turn_and_late_ones_belong_to_it(live: GeminiLive) -> None:
    live.append(AudioFrame(PCM16_16K, raw=bytes(32 * 500)))
    began, piece = content(live, inputTranscription={"text": "what is"})
    assert isinstance(began, SpeechStarted)
    assert began.audio_ms == 500
    assert piece == CallerTranscript(began.item_id, "what is", final=False)
    live.append(AudioFrame(PCM16_16K, raw=bytes(32 * 300)))
    stopped, committed, started, _ = audio(live)
    assert stopped == SpeechStopped(began.item_id, 800)
    assert committed == UtteranceCommitted(began.item_id, None)
    assert isinstance(started, ResponseStarted)
    assert started.tag is None
    assert content(live, inputTranscription={"text": " new"}) == [CallerTranscript(began.item_id, " new", final=False)]
    *_, whole = content(live, turnComplete=True)
    assert whole == CallerTranscript(began.item_id, "what is new", final=True)


def test_an_interruption_is_speech_and_ends_the_turn_once(live: GeminiLive) -> None:
    started, sound = audio(live)
    assert isinstance(started, ResponseStarted)
    assert isinstance(sound, ItemAudio)
    began, item, done = content(live, interrupted=True)
    assert isinstance(began, SpeechStarted)
    assert item == ItemDone(started.response_id, sound.item_id, "", complete=False)
    assert done == ResponseDone(started.response_id, ResponseStatus.CANCELLED, "interrupted")
    assert content(live, turnComplete=True) == []
    assert content(live, inputTranscription={"text": "stop"}) == [CallerTranscript(began.item_id, "stop", final=False)]


def test_a_turn_that_was_asked_for_gives_way_to_the_caller(live: GeminiLive) -> None:
    live.respond(ResponseRequest(tag="idle-1", instructions="Still there?"))
    _, started, done, _ = content(live, inputTranscription={"text": "yes"})
    assert isinstance(started, ResponseStarted)
    assert started.tag == "idle-1"
    assert done == ResponseDone(started.response_id, ResponseStatus.CANCELLED, "turn_detected")
    answer = next(event for event in audio(live) if isinstance(event, ResponseStarted))
    assert answer.tag is None


def test_a_result_waits_for_the_answer_to_it_to_be_asked_for(live: GeminiLive) -> None:
    call = {"functionCalls": [{"id": "c1", "name": "look_up", "args": {"a": 1}}]}
    started, asked, done = heard(live, toolCall=call)
    assert isinstance(started, ResponseStarted)
    assert asked == ToolAsked(started.response_id, f"{started.response_id}_call_0", "c1", "look_up", '{"a": 1}')
    assert done == ResponseDone(started.response_id, ResponseStatus.COMPLETED)
    assert live.tool_result("c1", "sunny") == []
    assert told(live.respond(ResponseRequest(tag="answer-1", instructions="Say it."))) == {
        "toolResponse": {
            "functionResponses": [
                {"id": "c1", "name": "look_up", "response": {"output": "sunny", "instructions": "Say it."}}
            ]
        }
    }


def test_a_cancelled_call_is_not_answered(live: GeminiLive) -> None:
    heard(live, toolCall={"functionCalls": [{"id": "c1", "name": "a"}, {"id": "c2", "name": "b"}]})
    live.tool_result("c1", "one")
    assert heard(live, toolCallCancellation={"ids": ["c1"]}) == []
    live.tool_result("c2", "two")
    (answered,) = told(live.respond(ResponseRequest(tag="t")))["toolResponse"]["functionResponses"]
    assert answered["id"] == "c2"


def test_what_was_said_in_another_session_goes_in_as_words(live: GeminiLive) -> None:
    turns = [
        told(live.add_message("assistant", "Hello.")),
        told(live.add_message("system", "It is late.")),
        told(live.add_tool_call("old", "look_up", "{}")),
        told(live.tool_result("old", "sunny")),
    ]
    assert [turn["clientContent"]["turnComplete"] for turn in turns] == [False] * 4
    assert [turn["clientContent"]["turns"][0]["role"] for turn in turns] == ["model", "user", "model", "user"]


def test_what_the_endpoint_can_not_do_sends_nothing(live: GeminiLive) -> None:
    assert [live.hello(), live.cancel("r"), live.truncate("i", 10), live.delete_item("i"), live.clear_input()] == [
        []
    ] * 5


@pytest.mark.parametrize(
    "message",
    [
        b"no json",
        b'{"serverContent": 7}',
        b'{"serverContent": {"modelTurn": {"parts": [{"inlineData": {"mimeType": "audio/opus", "data": ""}}]}}}',
    ],
)
def test_a_broken_message_is_an_error_and_the_session_goes_on(live: GeminiLive, message: bytes) -> None:
    with pytest.raises(ModelError):
        live.receive_binary(message)
    assert len(audio(live)) == 2


def test_a_farewell_is_told_and_the_unknown_is_counted(live: GeminiLive) -> None:
    assert heard(live, goAway={"timeLeft": "50s"}) == [ModelFault("going_away", "the session ends in 50s")]
    assert heard(live, somethingNew={}) == []
    assert live.ignored == {"unknown": 1}


@pytest.mark.parametrize(("code", "retryable"), [(1006, True), (1011, True), (1007, False), (1008, False)])
def test_a_close_says_whether_another_try_can_help(live: GeminiLive, code: int, retryable: bool) -> None:
    assert live.lost(code, "why").retryable is retryable
