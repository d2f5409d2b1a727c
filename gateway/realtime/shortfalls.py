"""Settings that the endpoint behind them has not: each is told at the start, with what will be instead.

Judged for every way in which a call can be answered (``settings/effective.py``), so that a persona's field is measured
against the endpoint that a number gives it. What is told here is what ``bridge/plan.py`` leaves out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.contracts.model import ModelCapabilities
from gateway.realtime.capabilities import CAPABILITIES, WIRE_FORMATS, capabilities_of, lowered
from gateway.settings.effective import Answer, answers, session_of, transcription_of, vad_of
from gateway.settings.schema import (
    EndpointSettings,
    NumberSettings,
    PersonaSettings,
    ServerVadSettings,
    Settings,
)

_INSTEAD: Final[Mapping[str, str]] = {
    "speed": "say in the instructions how fast to speak",
    "max_output_tokens": "ask for short answers in the instructions",
    "noise_reduction": "raise vad.threshold on noisy lines",
    "reasoning": "name a model that reasons",
    "tool_choice": "say in the instructions when to use a tool",
    "parallel_tool_calls": "say in the instructions to use one tool at a time",
    "truncation": "keep fewer turns with the persona's context.keep_turns",
    "temperature": "say in the instructions how freely to speak",
    "include": "there are no such facts to be had; leave it out",
    "tracing": "the gateway's own journal of each call has what was said, redacted",
    "prompt": "write the prompt's text into the instructions",
    "voice": "the endpoint's own voice speaks",
    "transcription": "the caller's words are not written down",
    "transcription.model": "the endpoint's own transcriber writes",
    "transcription.language": "the transcriber guesses the language",
    "transcription.languages": "name one as transcription.language",
    "transcription.prompt": "name the words to expect as transcription.keywords",
    "transcription.keywords": "name the words to expect in transcription.prompt",
    "transcription.delay": "it waits as long as it always does",
    "vad.threshold": "its own loudness decides; noise_reduction may help on noisy lines",
    "vad.prefix_padding_ms": "its own padding holds",
    "vad.silence_duration_ms": "its own silence ends a turn",
    "vad.idle_timeout_ms": "the persona's idle prompts count from what was heard",
}

_OPTIONS: Final = ("model", "language", "languages", "prompt", "keywords", "delay")
_VAD_VALUES: Final = ("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms")
_Part = EndpointSettings | PersonaSettings | NumberSettings


def endpoints_able(settings: Settings) -> dict[str, ModelCapabilities]:
    """Return what each endpoint that a call can reach is able to do, by name.

    Raises:
        ConfigurationError: a plug-in can't be loaded or can't be meant.

    """
    names = dict.fromkeys(answer.endpoint_name for answer in answers(settings))
    return {name: _able(name, settings.endpoints[name]) for name in names}


def shortfalls(settings: Settings) -> list[str]:
    """Return a sentence for each setting that its endpoint has not; none is right.

    Raises:
        ConfigurationError: as :func:`endpoints_able`.

    """
    able = endpoints_able(settings)
    told = (line for answer in answers(settings) for line in _shortfalls(settings, answer, able[answer.endpoint_name]))
    return list(dict.fromkeys(told))


def _able(name: str, endpoint: EndpointSettings) -> ModelCapabilities:
    if endpoint.type in CAPABILITIES:
        return capabilities_of(endpoint)
    from gateway.realtime.kinds import kind_of

    return lowered(kind_of(name, endpoint).dialect(name, endpoint).capabilities, endpoint.capabilities)


def _shortfalls(settings: Settings, answer: Answer, able: ModelCapabilities) -> Iterator[str]:
    levels = _levels(settings, answer)
    whose = f"endpoint '{answer.endpoint_name}'"
    for field, value in session_of(answer.persona, answer.endpoint).given.items():
        if field in able.lacks:
            path = _said_at(levels, "session", field)
            yield f"{path}: {whose} has no such setting, so it is not sent; {_INSTEAD[field]}"
        elif field == "noise_reduction" and "strength" in value and "noise_reduction.strength" in able.lacks:
            path = _said_at(levels, "session", field)
            yield f"{path}.strength: {whose} has no such setting, so it is not sent; its own strength holds"
    if "voice" in able.lacks and (path := _said_at(levels, "voice")):
        yield f"{path}: {whose} has no choice of voice, so it is not sent; {_INSTEAD['voice']}"
    yield from _turn_detection(levels, answer, able, whose)
    yield from _formats(answer, able, whose)
    yield from _transcription(levels, answer, able, whose)


def _turn_detection(
    levels: list[tuple[str, _Part]], answer: Answer, able: ModelCapabilities, whose: str
) -> Iterator[str]:
    vad = vad_of(answer.persona, answer.endpoint)
    path = _said_at(levels, "vad")
    if path is None:
        return
    if not isinstance(vad, ServerVadSettings):
        if not able.semantic_vad:
            yield (
                f"{path}.type: {whose} has no semantic_vad; server_vad is used, with a silence that fits "
                f"eagerness '{vad.eagerness}'"
            )
        return
    for value in _VAD_VALUES:
        if f"vad.{value}" in able.lacks and value in vad.model_fields_set and getattr(vad, value) is not None:
            yield f"{path}.{value}: {whose} has no such setting, so it is not sent; {_INSTEAD[f'vad.{value}']}"


def _formats(answer: Answer, able: ModelCapabilities, whose: str) -> Iterator[str]:
    wanted = answer.endpoint.audio
    if wanted == "auto" or "audio" not in answer.endpoint.model_fields_set:
        return
    if WIRE_FORMATS[wanted] not in able.input_formats or WIRE_FORMATS[wanted] not in able.output_formats:
        takes, gives = (" or ".join(map(str, formats)) for formats in (able.input_formats, able.output_formats))
        yield (
            f"endpoints.{answer.endpoint_name}.audio: {whose} takes {takes} and gives {gives}, so '{wanted}' is not "
            "used both ways; the gateway converts to what it has"
        )


def _transcription(
    levels: list[tuple[str, _Part]], answer: Answer, able: ModelCapabilities, whose: str
) -> Iterator[str]:
    wanted = transcription_of(answer.persona, answer.endpoint)
    if wanted is None:
        path = _said_at(levels, "transcription")
        if path is not None and answer.persona.transcription is not None:
            yield f"{path}: {whose} has no transcription to change; name a transcription.model to switch it on"
        return
    if "transcription" in able.lacks:
        path = _said_at(levels, "transcription") or f"endpoints.{answer.endpoint_name}.transcription"
        yield f"{path}: {whose} does not write down what it hears; {_INSTEAD['transcription']}"
        return
    for option in _OPTIONS:
        path = _said_at(levels, "transcription", option)
        if path is None or not getattr(wanted, option):
            continue
        name = f"transcription.{option}"
        if name in able.lacks:
            yield f"{path}: {whose} has no such setting, so it is not sent; {_INSTEAD[name]}"
        elif option in (wanted.lacks or ()):
            yield f"{path}: transcriber '{wanted.model}' refuses it, so it is not sent; {_INSTEAD[name]}"


def _levels(settings: Settings, answer: Answer) -> list[tuple[str, _Part]]:
    """Return what may say something of a call, by path, the one that wins first."""
    persona = settings.personas[answer.persona_name]
    found: list[tuple[str, _Part]] = [
        (f"personas.{answer.persona_name}", persona),
        (f"endpoints.{answer.endpoint_name}", answer.endpoint),
    ]
    return [(f"numbers.'{answer.number}'", settings.numbers[answer.number]), *found] if answer.number else found


def _said_at(levels: list[tuple[str, _Part]], setting: str, inner: str = "") -> str | None:
    """Return where a setting that holds was said, or None if it is a default; a null is none and lets others hold."""
    for path, part in levels:
        value = getattr(part, setting)
        if setting not in part.model_fields_set or value is None:
            continue
        if not inner:
            return f"{path}.{setting}"
        if inner in value.model_fields_set and getattr(value, inner) is not None:
            return f"{path}.{setting}.{inner}"
    return None
