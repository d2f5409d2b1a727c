"""What holds for one call, where endpoint, persona and number each may say it: the number wins, then the persona.

Every way that a call can take is one :class:`Answer`. The bridge asks these functions for a call; the checks at the
start ask them for all calls that can come, and so judge exactly what will be.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.settings.endpoint import EndpointSettings, TranscriptionChanges, TranscriptionSettings, VadSettings
from gateway.settings.persona import PersonaSettings
from gateway.settings.schema import NumberSettings, Settings
from gateway.settings.session import SessionFields, layered

_OF_A_NUMBER = ("endpoint", "voice", "language", "greeting", "vad")
"""What a number may say in its persona's place."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One way in which a call can be answered; ``number`` None is every number that is not listed."""

    number: str | None
    persona_name: str
    persona: PersonaSettings
    """With what the number says put in."""
    endpoint_name: str
    endpoint: EndpointSettings


def answer_to(settings: Settings, dialed_number: str) -> Answer:
    """Return how a call to a number is answered; the settings must have been checked."""
    number = settings.numbers.get(dialed_number)
    name = (number and number.persona) or settings.persona
    persona = settings.personas[name] if number is None else persona_on(settings.personas[name], number)
    endpoint = persona.endpoint or settings.endpoint
    assert endpoint is not None, "loaded settings name their default endpoint"
    listed = dialed_number if number is not None else None
    return Answer(listed, name, persona, endpoint, settings.endpoints[endpoint])


def answers(settings: Settings) -> Iterator[Answer]:
    """Yield every way in which a call can be answered by a persona and an endpoint that are there."""
    for number in ["", *settings.numbers]:
        try:
            yield answer_to(settings, number)
        except KeyError:
            continue  # the checks tell of a name that refers to nothing


def any_flow(settings: Settings) -> bool:
    """Tell whether any call may run a flow, so that flows have to be loaded."""
    named = any(number.flow is not None for number in settings.numbers.values())
    return named or "folder" in settings.flows.model_fields_set


def persona_on(persona: PersonaSettings, number: NumberSettings) -> PersonaSettings:
    """Return a persona as it answers one number."""
    said = {name: getattr(number, name) for name in _OF_A_NUMBER if name in number.model_fields_set}
    if "transcription" in number.model_fields_set:
        said["transcription"] = _changed_twice(persona.transcription, number.transcription)
    return persona.model_copy(update={**said, "session": layered(persona.session, number.session)})


def vad_of(persona: PersonaSettings, endpoint: EndpointSettings) -> VadSettings:
    """Return how turns are detected: the persona's way, else the endpoint's."""
    return persona.vad or endpoint.vad


def session_of(persona: PersonaSettings, endpoint: EndpointSettings) -> SessionFields:
    """Return the session's further fields."""
    return layered(endpoint.session, persona.session)


def transcription_of(persona: PersonaSettings, endpoint: EndpointSettings) -> TranscriptionSettings | None:
    """Return how the caller's words are written down; None if they are not."""
    if "transcription" in persona.model_fields_set and persona.transcription is None:
        return None
    if persona.transcription is None:
        return endpoint.transcription
    changes = _given(persona.transcription)
    if endpoint.transcription is None:
        # Options alone do not switch on what the endpoint has off, but a transcriber of one's own does.
        return TranscriptionSettings.model_validate(changes) if changes.get("model") else None
    return TranscriptionSettings.model_validate({**_known(endpoint.transcription, changes), **changes})


def _changed_twice(
    first: TranscriptionChanges | None, second: TranscriptionChanges | None
) -> TranscriptionChanges | None:
    if first is None or second is None:
        return second
    later = _given(second)
    return TranscriptionChanges.model_validate({**_known(first, later), **later})


def _given(section: TranscriptionChanges | TranscriptionSettings) -> dict[str, object]:
    """Return what a section says; a transcriber that is null is not named."""
    said = {name: getattr(section, name) for name in section.model_fields_set}
    return said if said.get("model", "") is not None else {key: said[key] for key in said if key != "model"}


def _known(section: TranscriptionChanges | TranscriptionSettings, changes: dict[str, object]) -> dict[str, object]:
    """Return what stays of a section: another transcriber does not inherit what the former one lacks."""
    said = _given(section)
    if "model" in changes:
        said.pop("lacks", None)
    return said
