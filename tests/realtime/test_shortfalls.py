"""Every setting that its endpoint has not is told at the start, with what will be instead, and none is sent."""

# ruff: noqa: E501 - each message stands on one line, as it is read

from __future__ import annotations

from typing import Any, get_args

import pytest

from gateway.audio.format import PCM16_24K, PCMA_8K, PCMU_8K
from gateway.bridge.plan import SILENCE_FOR, plan_call, session_setup
from gateway.contracts.leg import LegStarted
from gateway.contracts.model import SemanticVad, ServerVad, SessionSetup
from gateway.realtime.capabilities import BETA, CAPABILITIES, GA, capabilities_of, lowered
from gateway.realtime.shortfalls import _INSTEAD, endpoints_able, shortfalls
from gateway.settings.capability import CapabilitySettings, Lack
from gateway.settings.effective import answer_to
from gateway.settings.endpoint import EndpointType
from gateway.settings.schema import EndpointSettings, Settings
from tests.plugins.gemini_live import CAPABILITIES as GEMINI

STARTED = LegStarted(leg_id="CA1", stream_id="MZ1", from_caller=PCMU_8K, to_caller=PCMU_8K)


def settings(endpoint: dict[str, Any], persona: dict[str, Any] | None = None, **number: Any) -> Settings:
    """Return settings with one endpoint, one persona, and a number that says something of its own."""
    return Settings.model_validate(
        {
            "endpoint": "main",
            "endpoints": {"main": {"type": "openai", "model": "m", "url": "wss://h/v1", **endpoint}},
            "persona": "clerk",
            "personas": {"clerk": {"instructions": "x", **(persona or {})}},
            "numbers": {"+441": {"persona": "clerk", **number}} if number else {},
        }
    )


def sent(what: Settings, number: str = "") -> SessionSetup:
    """Return what the session of a call is told."""
    answer = answer_to(what, number)
    able = endpoints_able(what)[answer.endpoint_name]
    plan = plan_call(
        answer.persona_name,
        answer.persona,
        STARTED,
        endpoint=answer.endpoint,
        endpoint_name=answer.endpoint_name,
        call_s=60,
        semantic_vad=able.semantic_vad,
    )
    return session_setup(plan, answer.persona, answer.endpoint, STARTED, able)


FIELDS: dict[str, Any] = {
    "speed": 1.1,
    "max_output_tokens": 300,
    "noise_reduction": "far_field",
    "reasoning": "low",
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "truncation": "auto",
    "temperature": 0.8,
    "include": ["item.input_audio_transcription.logprobs"],
    "tracing": "auto",
    "prompt": "pmpt",
}


@pytest.mark.parametrize("field", FIELDS)
def test_a_field_that_the_endpoint_lacks_is_told_and_not_sent(field: str) -> None:
    what = settings({"capabilities": {"lacks": [field]}, "session": {field: FIELDS[field]}})
    assert shortfalls(what) == [
        f"endpoints.main.session.{field}: endpoint 'main' has no such setting, so it is not sent; {_INSTEAD[field]}"
    ]
    assert sent(what).extras == {}


@pytest.mark.parametrize("field", [field for field in FIELDS if field != "temperature"])
def test_a_field_that_the_endpoint_has_is_sent_and_not_told(field: str) -> None:
    what = settings({"session": {field: FIELDS[field]}})
    assert shortfalls(what) == []
    assert len(sent(what).extras) == 1


def test_temperature_is_for_the_beta_protocol_and_what_came_later_is_not() -> None:
    what = settings({"session": {"temperature": 0.8}})
    assert shortfalls(what) == [
        "endpoints.main.session.temperature: endpoint 'main' has no such setting, so it is not sent; say in the instructions how freely to speak"
    ]
    beta = settings({"protocol": "beta", "session": FIELDS})
    assert sent(beta).extras == {
        "audio.output.speed": 1.1,
        "max_output_tokens": 300,
        "audio.input.noise_reduction": {"type": "far_field"},
        "tool_choice": "auto",
        "temperature": 0.8,
        "tracing": "auto",
    }
    assert len(shortfalls(beta)) == len(FIELDS) - 6


def test_the_strength_of_a_filter_that_has_none_is_left_out_alone() -> None:
    what = settings({"protocol": "beta", "session": {"noise_reduction": {"type": "far_field", "strength": 2}}})
    assert shortfalls(what) == [
        "endpoints.main.session.noise_reduction.strength: endpoint 'main' has no such setting, so it is not sent; its own strength holds"
    ]
    assert sent(what).extras == {"audio.input.noise_reduction": {"type": "far_field"}}


def test_a_field_is_told_where_it_was_said_and_measured_against_the_endpoint_that_answers() -> None:
    what = Settings.model_validate(
        {
            "endpoint": "ga",
            "endpoints": {
                "ga": {"type": "openai", "model": "m", "url": "wss://h"},
                "old": {"type": "compatible", "model": "m", "url": "wss://h", "protocol": "beta"},
            },
            "persona": "clerk",
            "personas": {
                "clerk": {"instructions": "x", "session": {"reasoning": "low"}},
                "nobody": {"instructions": "x", "endpoint": "old", "session": {"truncation": "auto"}},
            },
            "numbers": {"+441": {"persona": "clerk", "endpoint": "old", "session": {"truncation": "auto"}}},
        }
    )
    assert [line.partition(", so")[0] for line in shortfalls(what)] == [
        "personas.clerk.session.reasoning: endpoint 'old' has no such setting",
        "numbers.'+441'.session.truncation: endpoint 'old' has no such setting",
    ]
    assert sent(what).extras == {"reasoning": {"effort": "low"}}
    assert sent(what, "+441").extras == {}


def test_what_was_taken_back_is_not_told() -> None:
    what = settings({"capabilities": {"lacks": ["speed"]}, "session": {"speed": 1.1}}, {"session": {"speed": None}})
    assert shortfalls(what) == []


# --- turn detection ---


@pytest.mark.parametrize("eagerness", SILENCE_FOR)
def test_loudness_stands_in_for_a_semantic_vad_that_is_not_there(eagerness: str) -> None:
    vad = {"type": "semantic_vad", "eagerness": eagerness}
    what = settings({"capabilities": {"semantic_vad": False}}, {"vad": vad})
    assert shortfalls(what) == [
        f"personas.clerk.vad.type: endpoint 'main' has no semantic_vad; server_vad is used, with a silence that fits eagerness '{eagerness}'"
    ]
    detection = sent(what).turn_detection
    assert isinstance(detection, ServerVad)
    assert detection.silence_duration_ms == SILENCE_FOR[eagerness]
    assert isinstance(sent(settings({}, {"vad": vad})).turn_detection, SemanticVad)


@pytest.mark.parametrize(
    ("value", "said", "lacking"),
    [
        ("idle_timeout_ms", 6000, {"capabilities": {"lacks": ["vad.idle_timeout_ms"]}}),
        ("idle_timeout_ms", 6000, {"protocol": "beta"}),
        ("threshold", 0.7, {"type": "tests.plugins.gemini_live:GeminiLive"}),
    ],
)
def test_a_value_of_turn_detection_that_the_endpoint_lacks_is_told(
    value: str, said: float, lacking: dict[str, Any]
) -> None:
    what = settings({**lacking, "vad": {"type": "server_vad", value: said}})
    assert shortfalls(what) == [
        f"endpoints.main.vad.{value}: endpoint 'main' has no such setting, so it is not sent; {_INSTEAD[f'vad.{value}']}"
    ]
    detection = sent(what).turn_detection
    assert isinstance(detection, ServerVad)
    assert detection.idle_timeout_ms is None


# --- audio, voice, transcription ---


def test_an_audio_format_that_the_endpoint_lacks_is_told_and_replaced() -> None:
    what = settings({"capabilities": {"audio": ["pcm24"]}, "audio": "pcmu"})
    assert shortfalls(what) == [
        "endpoints.main.audio: endpoint 'main' takes pcm16/24000 and gives pcm16/24000, so 'pcmu' is not used both ways; the gateway converts to what it has"
    ]
    assert (sent(what).input_format, sent(what).output_format) == (PCM16_24K, PCM16_24K)
    assert sent(settings({"audio": "pcma"})).input_format == PCMA_8K


def test_a_voice_that_can_not_be_chosen_is_told() -> None:
    what = settings({"capabilities": {"lacks": ["voice"]}}, {"voice": "ash"})
    assert shortfalls(what) == [
        "personas.clerk.voice: endpoint 'main' has no choice of voice, so it is not sent; the endpoint's own voice speaks"
    ]
    assert sent(what).voice is None


OPTIONS: dict[str, Any] = {
    "language": "en",
    "languages": ["en", "es"],
    "prompt": "menus",
    "keywords": ["pizza"],
    "delay": "low",
}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("who", ["endpoint", "transcriber"])
def test_an_option_that_endpoint_or_transcriber_lack_is_told_and_not_sent(option: str, who: str) -> None:
    transcription = {"model": "t", option: OPTIONS[option]}
    lacks: dict[str, Any] = {"capabilities": {"lacks": [f"transcription.{option}"]}}
    if who == "transcriber":
        transcription["lacks"], lacks = [option], {}
    what = settings({**lacks, "transcription": transcription})
    (line,) = shortfalls(what)
    whose = "endpoint 'main' has no such setting" if who == "endpoint" else "transcriber 't' refuses it"
    assert line == (
        f"endpoints.main.transcription.{option}: {whose}, so it is not sent; {_INSTEAD[f'transcription.{option}']}"
    )
    transcribed = sent(what).transcription
    assert transcribed is not None
    assert not getattr(transcribed, option)
    kept = sent(settings({"transcription": {"model": "t", option: OPTIONS[option]}})).transcription
    assert kept is not None
    assert getattr(kept, option)


def test_an_endpoint_that_writes_nothing_down_is_told() -> None:
    what = settings({"capabilities": {"lacks": ["transcription"]}, "transcription": {"model": "t"}})
    assert shortfalls(what) == [
        "endpoints.main.transcription: endpoint 'main' does not write down what it hears; the caller's words are not written down"
    ]
    assert sent(what).transcription is None


def test_options_for_a_transcription_that_is_off_are_told() -> None:
    what = settings({}, {"transcription": {"language": "es"}})
    assert shortfalls(what) == [
        "personas.clerk.transcription: endpoint 'main' has no transcription to change; name a transcription.model to switch it on"
    ]


# --- the table ---


def test_every_type_of_ours_has_capabilities() -> None:
    assert set(CAPABILITIES) == set(get_args(EndpointType))
    for kind in get_args(EndpointType):
        assert capabilities_of(EndpointSettings(type=kind)) == GA
        assert capabilities_of(EndpointSettings(type=kind, protocol="beta")) == BETA


def test_the_operator_lowers_and_never_raises() -> None:
    less = lowered(
        GA,
        CapabilitySettings(
            truncates=False,
            deletes_items=False,
            cancels=False,
            semantic_vad=False,
            out_of_band=False,
            audio=["pcmu"],
            lacks=["speed"],
            window_tokens=9000,
        ),
    )
    assert not any((less.truncates, less.deletes_items, less.cancels, less.semantic_vad, less.out_of_band))
    assert (less.input_formats, less.output_formats) == ((PCMU_8K,), (PCMU_8K,))
    assert less.lacks == {"temperature", "speed"}
    assert less.window_tokens == 9000
    assert lowered(less, CapabilitySettings(truncates=True, semantic_vad=True)) == less
    assert lowered(GA, CapabilitySettings()) == GA


def test_everything_that_can_be_lacking_has_its_means() -> None:
    assert set(get_args(Lack)) - set(_INSTEAD) == {"noise_reduction.strength", "images"}
    assert GA.lacks | BETA.lacks | GEMINI.lacks <= set(get_args(Lack)) | set(_INSTEAD)


def test_a_plug_in_says_itself_what_it_can_do_and_its_operator_lowers_that() -> None:
    plug_in = {"type": "tests.plugins.gemini_live:GeminiLive", "capabilities": {"lacks": ["voice"]}}
    what = settings(plug_in, {"vad": {"type": "semantic_vad"}, "session": {"temperature": 0.7, "speed": 1.2}})
    able = endpoints_able(what)["main"]
    assert not able.truncates
    assert {"voice", "speed"} <= able.lacks
    assert [line.partition(":")[0] for line in shortfalls(what)] == [
        "personas.clerk.session.speed",
        "personas.clerk.vad.type",
    ]
    assert sent(what).extras == {"temperature": 0.7}
    assert sent(what).input_format != sent(what).output_format
