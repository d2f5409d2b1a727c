"""Fields of the session at endpoint, persona and number; and what ``models.yaml`` says of models near their end."""

# ruff: noqa: E501 - each message stands on one line, as it is read

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.settings.effective import answer_to, session_of, transcription_of, vad_of
from gateway.settings.load import LoadedSettings, check, load_settings
from gateway.settings.schema import Settings
from gateway.settings.session import SESSION_PATHS, SessionFields, layered

PERSONA = "personas:\n  receptionist: {instructions: Be kind.}\n"
KEY = {"OPENAI_API_KEY": "key"}


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work where no settings and no .env lie."""
    monkeypatch.chdir(tmp_path)


def load(yaml: str, environ: Mapping[str, str] = KEY, **more: Any) -> LoadedSettings:
    """Load settings that consist of a persona and these lines."""
    Path("gateway.yaml").write_text(PERSONA + yaml, "utf-8")
    return load_settings(Path("gateway.yaml"), environ, **more)


# --- each field ---


@pytest.mark.parametrize(
    ("yaml", "given"),
    [
        ("speed: 1.1", {"speed": 1.1}),
        ("max_output_tokens: 400", {"max_output_tokens": 400}),
        ("max_output_tokens: inf", {}),
        ("noise_reduction: far_field", {"noise_reduction": {"type": "far_field"}}),
        (
            "noise_reduction: {type: near_field, strength: 0.5}",
            {"noise_reduction": {"type": "near_field", "strength": 0.5}},
        ),
        ("reasoning: low", {"reasoning": {"effort": "low"}}),
        ("reasoning: {effort: xhigh}", {"reasoning": {"effort": "xhigh"}}),
        ("tool_choice: required", {"tool_choice": "required"}),
        ("tool_choice: end_call", {"tool_choice": {"type": "function", "name": "end_call"}}),
        ("parallel_tool_calls: false", {"parallel_tool_calls": False}),
        ("truncation: auto", {"truncation": "auto"}),
        ("truncation: {type: disabled}", {"truncation": "disabled"}),
        ("truncation: retention_ratio", {"truncation": {"type": "retention_ratio", "retention_ratio": 0.8}}),
        (
            "truncation: {retention_ratio: 0.6, token_limits: {post_instructions: 8000}}",
            {
                "truncation": {
                    "type": "retention_ratio",
                    "retention_ratio": 0.6,
                    "token_limits": {"post_instructions": 8000},
                }
            },
        ),
        ("temperature: 0.8", {"temperature": 0.8}),
        (
            "include: [item.input_audio_transcription.logprobs]",
            {"include": ["item.input_audio_transcription.logprobs"]},
        ),
        ("tracing: auto", {"tracing": "auto"}),
        (
            "tracing: {workflow_name: calls, metadata: {site: 7}}",
            {"tracing": {"workflow_name": "calls", "metadata": {"site": 7}}},
        ),
        ("prompt: pmpt_1", {"prompt": {"id": "pmpt_1"}}),
        (
            "prompt: {id: pmpt_1, version: 3, variables: {city: Leeds}}",
            {"prompt": {"id": "pmpt_1", "version": "3", "variables": {"city": "Leeds"}}},
        ),
        ("speed: null", {}),
    ],
)
def test_each_field_is_written_as_the_api_wants_it(yaml: str, given: dict[str, Any]) -> None:
    session = (
        load(f"endpoints: {{openai: {{type: openai, session: {{{yaml}}}}}}}\n").settings.endpoints["openai"].session
    )
    assert session.given == given


def test_every_field_but_the_free_ones_has_a_path() -> None:
    assert set(SessionFields.model_fields) - {"extra"} == set(SESSION_PATHS)


def test_free_fields_take_yamls_own_types() -> None:
    session = load(
        "endpoints: {local: {type: local, session: {extra: {audio.output.new: 1.1, n: 3, on: true, off: null, "
        "text: '3', more: {deep: [1, two]}, old: 0042}}}}"
    ).settings.endpoints["local"].session  # fmt: skip
    assert session.extra == {
        "audio.output.new": 1.1,
        "n": 3,
        "on": True,
        "off": None,
        "text": "3",
        "more": {"deep": [1, "two"]},
        "old": "0042",
    }


@pytest.mark.parametrize(
    ("yaml", "fault"),
    [
        ("speed: 3", "speed: '3' in gateway.yaml line 3 column 51 is not a number from 0.25 to 1.5"),
        (
            "max_output_tokens: 9999",
            "max_output_tokens: '9999' in gateway.yaml line 3 column 63 is not a number from 1 to 4096",
        ),
        (
            "noise_reduction: farfield",
            "noise_reduction.type: 'farfield' in gateway.yaml line 3 column 61 is not one of 'near_field', 'far_field'; nearest: 'far_field'",
        ),
        (
            "reasoning: much",
            "reasoning.effort: 'much' in gateway.yaml line 3 column 55 is not one of 'minimal', 'low', 'medium', 'high', 'xhigh'",
        ),
        (
            "truncation: {type: auto, retention_ratio: 0.5}",
            "truncation: 'retention_ratio' in gateway.yaml line 3 column 69 has no meaning beside type: auto",
        ),
        (
            "extra: {audio.output.speed: 1.1}",
            "extra: 'audio.output.speed' in gateway.yaml line 3 column 52 has a setting of its own: session.speed",
        ),
        (
            "extra: {audio.input.turn_detection.threshold: 1}",
            "extra: 'audio.input.turn_detection.threshold' in gateway.yaml line 3 column 52 has a setting of its own: vad",
        ),
    ],
)
def test_a_field_that_does_not_fit_is_a_fault_with_its_place(yaml: str, fault: str) -> None:
    head = "endpoints: {local: {type: local, session: {"
    Path("gateway.yaml").write_text(f"{PERSONA}{head}{yaml}}}}}}}\n", "utf-8")
    assert check(Path("gateway.yaml"), {}) == [f"endpoints.local.session.{fault}"]


@pytest.mark.parametrize(
    ("yaml", "path"),
    [
        ("numbers: {+441: {persona: receptionist, session: {sped: 1}}}", "numbers.'+441'.session"),
        (
            "numbers: {+441: {persona: receptionist, session: {extra: {voice: x, tools: []}}}}",
            "numbers.'+441'.session.extra",
        ),
    ],
)
def test_a_numbers_fields_are_judged_as_well(yaml: str, path: str) -> None:
    Path("gateway.yaml").write_text(f"{PERSONA}{yaml}\n", "utf-8")
    (fault,) = check(Path("gateway.yaml"), {})
    assert fault.startswith(f"{path}: '")


# --- which level wins ---


def test_the_number_wins_over_the_persona_and_that_over_the_endpoint_field_by_field() -> None:
    Path("gateway.yaml").write_text(
        """
personas:
  receptionist: {instructions: x, voice: ash, greeting: Hi., session: {speed: 1.1, reasoning: low}}
  night: {instructions: x, transcription: {keywords: [night]}}
endpoints:
  openai:
    type: openai
    vad: {type: server_vad, silence_duration_ms: 300}
    session: {speed: 0.9, max_output_tokens: 800, tracing: auto, extra: {a: 1, b: 1}}
    transcription: {model: gpt-live-transcribe, language: en, keywords: [day]}
  other: {type: local}
numbers:
  +441: {persona: receptionist, session: {speed: 1.3, tracing: null, extra: {b: 2}}, voice: coral, language: es,
         greeting: null, vad: {type: semantic_vad}, transcription: {language: es}}
  +442: {persona: night, endpoint: other}
  +443: {persona: night, transcription: {language: null}}
  +444: {persona: receptionist, transcription: null}
""",
        "utf-8",
    )
    settings = load_settings(Path("gateway.yaml"), KEY).settings

    spanish = answer_to(settings, "+441")
    fields = session_of(spanish.persona, spanish.endpoint)
    assert fields.given == {"speed": 1.3, "max_output_tokens": 800, "reasoning": {"effort": "low"}}
    assert fields.extra == {"a": 1, "b": 2}
    assert (spanish.persona.voice, spanish.persona.language, spanish.persona.greeting) == ("coral", "es", None)
    assert vad_of(spanish.persona, spanish.endpoint).type == "semantic_vad"
    transcription = transcription_of(spanish.persona, spanish.endpoint)
    assert transcription is not None
    assert (transcription.language, transcription.keywords) == ("es", ["day"])

    unlisted = answer_to(settings, "+449")
    assert (unlisted.number, unlisted.persona.voice, unlisted.persona.greeting) == (None, "ash", "Hi.")
    assert session_of(unlisted.persona, unlisted.endpoint).given["speed"] == 1.1
    assert session_of(unlisted.persona, unlisted.endpoint).given["tracing"] == "auto"
    assert vad_of(unlisted.persona, unlisted.endpoint).type == "server_vad"

    assert answer_to(settings, "+442").endpoint_name == "other"
    night = answer_to(settings, "+443")
    transcription = transcription_of(night.persona, night.endpoint)
    assert transcription is not None
    assert (transcription.language, transcription.keywords) == (None, ["night"])
    silent = answer_to(settings, "+444")
    assert transcription_of(silent.persona, silent.endpoint) is None


def test_nothing_said_changes_nothing() -> None:
    one = SessionFields.model_validate({"speed": 1.2, "extra": {"a": 1}})
    assert layered(one, SessionFields()).given == layered(SessionFields(), one).given == one.given
    assert layered().given == {}


def test_a_transcriber_of_ones_own_does_not_inherit_what_the_former_lacks() -> None:
    settings = load(
        "endpoints: {openai: {type: openai, transcription: {model: gpt-realtime-whisper, delay: low}}}\n"
        "numbers: {+441: {persona: receptionist, transcription: {model: gpt-transcribe}},"
        " +442: {persona: receptionist, transcription: {model: mine}}}\n"
    ).settings
    lacks = {}
    for number in ("+441", "+442", "+449"):
        answer = answer_to(settings, number)
        transcription = transcription_of(answer.persona, answer.endpoint)
        assert transcription is not None
        assert transcription.delay == "low"
        lacks[transcription.model] = transcription.lacks
    assert lacks == {
        "gpt-transcribe": ["delay"],
        "mine": None,
        "gpt-realtime-whisper": ["languages", "prompt", "keywords"],
    }


def test_options_alone_do_not_switch_a_transcription_on() -> None:
    settings = Settings.model_validate(
        {
            "endpoint": "local",
            "endpoints": {"local": {"type": "local"}},
            "personas": {
                "receptionist": {"instructions": "x", "transcription": {"language": "es"}},
                "own": {"instructions": "x", "transcription": {"model": "m", "language": "es"}},
            },
            "numbers": {"+441": {"persona": "own"}},
        }
    )
    off, on = answer_to(settings, ""), answer_to(settings, "+441")
    assert transcription_of(off.persona, off.endpoint) is None
    transcription = transcription_of(on.persona, on.endpoint)
    assert transcription is not None
    assert transcription.model == "m"


# --- numbers and endpoints ---


def test_an_endpoint_that_only_a_number_names_is_in_use() -> None:
    yaml = (
        "endpoints: {main: {type: openai, api_key: '${MAIN_KEY}'}}\n"
        "numbers: {+441: {persona: receptionist, endpoint: main}}\n"
    )
    Path("gateway.yaml").write_text(PERSONA + yaml, "utf-8")
    assert "MAIN_KEY, which is not set" in check(Path("gateway.yaml"), {})[0]
    loaded = load(yaml, {"MAIN_KEY": "key"})
    assert not any("main is described but not used" in note for note in loaded.notes)
    # A demonstration stays with the local server.
    assert answer_to(load(yaml, {}, ignore_keys=True).settings, "+441").endpoint_name == "local"


def test_a_number_with_an_unknown_endpoint_is_a_fault() -> None:
    Path("gateway.yaml").write_text(
        PERSONA + "numbers: {+441: {persona: receptionist, endpoint: locale}}\n", encoding="utf-8"
    )
    assert check(Path("gateway.yaml"), {}) == [
        "numbers.'+441'.endpoint: 'locale' in gateway.yaml line 3 column 51 is not an endpoint; nearest: 'local'"
    ]


def test_a_forced_tool_that_nobody_has_is_noted() -> None:
    loaded = load("endpoints: {openai: {type: openai, session: {tool_choice: endcall}}}\n")
    assert (
        "session.tool_choice: 'endcall' is not among the tools of personas.receptionist; nearest: 'end_call'"
    ) in loaded.notes


# --- models.yaml ---

OLD = "endpoints: {openai: {type: openai, model: gpt-realtime, transcription: {model: whisper-1}, session: {prompt: p}}}\n"


@pytest.mark.parametrize(
    ("today", "told"),
    [
        (date(2026, 8, 31), []),
        (
            date(2026, 9, 1),
            ["endpoints.openai.session.prompt: this field is switched off on 2026-11-30; 'instructions' follows it"],
        ),
        (
            date(2026, 10, 22),
            [
                "endpoints.openai.model: 'gpt-realtime' is switched off on 2027-01-20; 'gpt-realtime-2.1' follows it",
                "endpoints.openai.session.prompt: this field is switched off on 2026-11-30; 'instructions' follows it",
            ],
        ),
        (
            date(2027, 2, 26),
            [
                "endpoints.openai.model: 'gpt-realtime' was switched off on 2027-01-20; 'gpt-realtime-2.1' follows it",
                "endpoints.openai.transcription.model: 'whisper-1' was switched off on 2027-02-26; 'gpt-transcribe' follows it",
                "endpoints.openai.session.prompt: this field was switched off on 2026-11-30; 'instructions' follows it",
            ],
        ),
    ],
)
def test_models_transcribers_and_fields_are_warned_of_from_90_days_before_their_end(
    today: date, told: list[str]
) -> None:
    notes = load(OLD, today=today).notes
    assert [note for note in notes if "switched off" in note] == told


def test_a_transcriber_that_a_number_names_is_warned_of_there() -> None:
    yaml = "numbers: {+441: {persona: receptionist, transcription: {model: whisper-1}}}\n"
    notes = load(yaml, today=date(2027, 1, 1)).notes
    assert any(note.startswith("numbers.'+441'.transcription.model: 'whisper-1' is switched off") for note in notes)


def test_what_is_known_of_a_model_stands_behind_what_the_operator_says() -> None:
    named = load("endpoints: {openai: {type: openai, model: gpt-realtime-1.5}}\n").settings.endpoints["openai"]
    assert named.capabilities.lacks == ["reasoning", "parallel_tool_calls"]
    assert named.capabilities.window_tokens == 32000
    told = load(
        "endpoints: {openai: {type: openai, model: gpt-realtime-1.5, capabilities: {lacks: [speed], truncates: false}}}\n"
    ).settings.endpoints["openai"]
    assert told.capabilities.lacks == ["speed"]
    assert (told.capabilities.truncates, told.capabilities.window_tokens) == (False, 32000)


def test_the_table_of_models_is_read_anew_once_it_has_changed() -> None:
    Path("models.yaml").write_text("shutdown: {mine: 2027-01-01}\n", "utf-8")
    yaml = "endpoints: {c: {type: compatible, url: 'wss://h/v1', model: mine}}\nendpoint: c\n"
    (note,) = [note for note in load(yaml, today=date(2027, 1, 2)).notes if "mine" in note]
    assert note == "endpoints.c.model: 'mine' was switched off on 2027-01-01"
    Path("models.yaml").write_text("shutdown: {mine: {date: 2027-01-01, successor: newer}}\n", "utf-8")
    (note,) = [note for note in load(yaml, today=date(2027, 1, 2)).notes if "mine" in note]
    assert note == "endpoints.c.model: 'mine' was switched off on 2027-01-01; 'newer' follows it"


def test_a_voice_that_beta_has_not_is_noted_for_the_endpoint_that_speaks_it() -> None:
    yaml = "endpoints: {openai: {type: openai, protocol: beta, voice: marin}}\nnumbers: {+441: {persona: receptionist, voice: mrin}}\n"
    notes = [note for note in load(yaml).notes if "built-in" in note]
    assert notes[0].startswith("endpoints.openai.voice: not one of the built-in voices")
    assert any(note.startswith("numbers.'+441'.voice: not one of the built-in voices") for note in notes)
