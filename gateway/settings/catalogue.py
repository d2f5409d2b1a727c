"""What is known of models, transcribers and voices: data in ``config/models.yaml``, so that no name stands in the code.

The file is read once per process, and again only when it has changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field

from gateway.settings.capability import Lack, TranscriptionOption
from gateway.settings.document import Document, Place, Where
from gateway.settings.effective import answers
from gateway.settings.endpoint import EndpointSettings, EndpointType
from gateway.settings.schema import Settings
from gateway.settings.section import Section, word_for
from gateway.settings.wording import nearest

WARNED_BEFORE: Final = timedelta(days=90)
"""How long before its end a model is warned of."""
_FROM: Final = Place("in models.yaml")


class ModelFacts(Section):
    """What is known of a speech-to-speech model."""

    window_tokens: int | None = Field(None, ge=1)
    """The most tokens that it can keep in mind."""
    lacks: list[Lack] = []
    """Settings that it has not."""


class TranscriberFacts(Section):
    """What is known of a transcriber."""

    lacks: list[TranscriptionOption] = []
    """Options that it refuses."""


class Ending(Section):
    """The announced end of a model or of a field of the session."""

    date: date
    successor: str | None = None
    """What to name in its place, or to do."""


class ModelCatalogue(Section):
    """What ``config/models.yaml`` says."""

    defaults: dict[EndpointType, dict[str, Any]] = Field(default_factory=dict)
    """By type of endpoint: settings that an endpoint of that type takes where its own section says nothing."""
    models: dict[str, ModelFacts] = Field(default_factory=dict)
    transcribers: dict[str, TranscriberFacts] = Field(default_factory=dict)
    shutdown: dict[str, Annotated[Ending, BeforeValidator(word_for("date"))]] = Field(default_factory=dict)
    """Models and transcribers that their maker has said will end."""
    ending_fields: dict[str, Annotated[Ending, BeforeValidator(word_for("date"))]] = Field(default_factory=dict)
    """Fields of the session that their maker has said will end."""
    voices: dict[str, list[str]] = Field(default_factory=dict)
    """Built-in voices by type of endpoint, and of the beta protocol under ``beta``, to notice a slip of the pen.
    Others may exist: an unknown one is a note, not a fault."""

    def fill_in(self, document: Document) -> None:
        """Put what is known of the models and transcribers that a settings document names behind what it says."""
        for where, section in _sections(document, "endpoints"):
            facts = self.models.get(str(section.get("model")))
            if facts is not None:
                known = {"window_tokens": facts.window_tokens, "lacks": list(facts.lacks) or None}
                _put_behind(document, (*where, "capabilities"), known)
        for part in ("endpoints", "personas", "numbers"):
            for where, section in _sections(document, part):
                transcription = section.get("transcription")
                named = transcription.get("model") if isinstance(transcription, dict) else None
                if str(named) in self.transcribers:
                    lacks = list(self.transcribers[str(named)].lacks) or None
                    _put_behind(document, (*where, "transcription"), {"lacks": lacks})

    def notes(self, settings: Settings, today: date) -> Iterator[str]:
        """Yield what the operator should know of the models, fields and voices that are set."""
        for name, endpoint in settings.endpoints.items():
            yield from self._model_ends(f"endpoints.{name}.model", endpoint.model, today)
        for path, part in _parts(settings):
            transcription = part.transcription
            if transcription is not None:
                yield from self._model_ends(f"{path}.transcription.model", transcription.model, today)
            for field in part.session.given:
                if field in self.ending_fields:
                    yield from _ends(f"{path}.session.{field}", "this field", self.ending_fields[field], today)
        for name, endpoint in settings.endpoints.items():
            yield from self._unknown_voice(f"endpoints.{name}.voice", endpoint.voice, endpoint)
        told = set()
        for answer in answers(settings):
            for path, voice in (
                (f"personas.{answer.persona_name}.voice", settings.personas[answer.persona_name].voice),
                (f"numbers.'{answer.number}'.voice", settings.numbers[answer.number].voice if answer.number else None),
            ):
                if path not in told:
                    told.add(path)
                    yield from self._unknown_voice(path, voice, answer.endpoint)

    def _model_ends(self, path: str, model: str | None, today: date) -> Iterator[str]:
        if model in self.shutdown:
            yield from _ends(path, f"'{model}'", self.shutdown[model], today)

    def _unknown_voice(self, path: str, voice: str | None, endpoint: EndpointSettings) -> Iterator[str]:
        known = self.voices.get(endpoint.type, [])
        if endpoint.protocol == "beta":
            known = self.voices.get("beta", known)
        if known and voice is not None and voice not in known and not voice.startswith("voice_"):
            yield f"{path}: not one of the built-in voices{nearest(voice, known)}"


def _ends(path: str, what: str, ending: Ending, today: date) -> Iterator[str]:
    advice = f"; '{ending.successor}' follows it" if ending.successor else ""
    if ending.date <= today:
        yield f"{path}: {what} was switched off on {ending.date}{advice}"
    elif ending.date - today <= WARNED_BEFORE:
        yield f"{path}: {what} is switched off on {ending.date}{advice}"


def _parts(settings: Settings) -> Iterator[tuple[str, Any]]:
    """Yield every part that says something of sessions: endpoints, personas and numbers."""
    for name, endpoint in settings.endpoints.items():
        yield f"endpoints.{name}", endpoint
    for name, persona in settings.personas.items():
        yield f"personas.{name}", persona
    for name, number in settings.numbers.items():
        yield f"numbers.'{name}'", number


def _sections(document: Document, part: str) -> Iterator[tuple[Where, dict[str, Any]]]:
    sections = document.get((part,))
    for name, section in list(sections.items()) if isinstance(sections, dict) else []:
        if isinstance(section, dict):
            yield (part, name), section


def _put_behind(document: Document, where: Where, known: dict[str, Any]) -> None:
    """Put values where nothing is said; a section that is something else is left to the schema to complain of."""
    given = document.get(where)
    if given is None or isinstance(given, dict):
        for key, value in known.items():
            if value is not None and key not in (given or {}):
                document.put((*where, key), value, _FROM)
