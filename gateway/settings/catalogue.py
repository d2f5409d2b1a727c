"""Model names and voices: data in ``config/models.yaml``, so that no name of a model stands in the code."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any, Literal

from pydantic import Field

from gateway.settings.schema import Section, Settings
from gateway.settings.wording import nearest

EndpointType = Literal["openai", "compatible", "local"]


class ModelCatalogue(Section):
    """What ``config/models.yaml`` says."""

    defaults: dict[EndpointType, dict[str, Any]] = Field(default_factory=dict)
    """By type of endpoint: settings that an endpoint of that type takes where its own section says nothing."""
    shutdown: dict[str, date] = Field(default_factory=dict)
    """Models that their maker has said will end, and when."""
    voices: dict[EndpointType, list[str]] = Field(default_factory=dict)
    """Built-in voices, to notice a slip of the pen. Others may exist: an unknown one is a note, not a fault."""

    def notes(self, settings: Settings) -> Iterator[str]:
        """Yield what the operator should know of the models and voices that are set."""
        for name, endpoint in settings.endpoints.items():
            models = {"model": endpoint.model}
            if endpoint.transcription is not None:
                models["transcription.model"] = endpoint.transcription.model
            for key, model in models.items():
                if model in self.shutdown:
                    ours = self.defaults.get(endpoint.type, {})
                    other = ours.get("model") if key == "model" else (ours.get("transcription") or {}).get("model")
                    advice = f"; '{other}' follows it" if other else ""
                    yield f"endpoints.{name}.{key}: '{model}' is switched off on {self.shutdown[model]}{advice}"
            yield from self._unknown_voice(f"endpoints.{name}.voice", endpoint.voice, endpoint.type)
        for name, persona in settings.personas.items():
            endpoint_name = persona.endpoint or settings.endpoint
            if endpoint_name in settings.endpoints:
                kind = settings.endpoints[endpoint_name].type
                yield from self._unknown_voice(f"personas.{name}.voice", persona.voice, kind)

    def _unknown_voice(self, path: str, voice: str | None, kind: EndpointType) -> Iterator[str]:
        known = self.voices.get(kind, [])
        if known and voice is not None and voice not in known and not voice.startswith("voice_"):
            yield f"{path}: not one of the built-in voices{nearest(voice, known)}"
