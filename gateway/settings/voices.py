"""The table of voice names, ``config/voices.yaml``: names that applications know, and voices that endpoints have.

Which built-in voices a kind of endpoint has stands in ``models.yaml``. Both files are read when the speech API first
needs them; one beside ``config/gateway.yaml`` of the working directory takes the place of the shipped one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal

import yaml
from pydantic import ValidationError

from gateway.errors import ConfigurationError
from gateway.settings.catalogue import ModelCatalogue
from gateway.settings.endpoint import EndpointSettings
from gateway.settings.load import MODELS_FILE, default_file, shipped_directory
from gateway.settings.section import Section

VOICES_FILE: Final = "voices.yaml"
Gender = Literal["female", "male"]
_LOCALE: Final = re.compile(r"^(?P<language>[a-z]{2,3})-[a-z]{2,4}(?:-[a-z0-9]{2,8})?-(?=[a-z]+neural$)")


class AliasSettings(Section):
    """A name that stands for a voice."""

    gender: Gender
    voices: list[str]
    """The first one that the endpoint has speaks."""


class VoiceTable(Section):
    """What ``voices.yaml`` says."""

    genders: dict[Gender, list[str]]
    """The endpoints' own voices."""
    azure_speech: dict[str, AliasSettings] = {}
    """By Azure Speech's short names."""
    others: dict[str, AliasSettings] = {}
    """By names of other APIs."""

    @property
    def aliases(self) -> Mapping[str, AliasSettings]:
        """All names that stand for a voice."""
        return {**self.azure_speech, **self.others}

    def gender_of(self, voice: str) -> Gender | None:
        """Return the gender of an endpoint's own voice, if it is known."""
        return next((gender for gender, voices in self.genders.items() if voice in voices), None)

    def voice_for(self, name: str, there: list[str]) -> str | None:
        """Return the voice that speaks for a name on an endpoint with the voices ``there``; None for an unknown name.

        Upper and lower case do not matter, and neither do an Azure name's locale and its ``Multilingual``.
        """
        asked = name.strip().lower()
        own = next((voice for voice in there if voice.lower() == asked), None)
        if own is not None:
            return own
        short = _LOCALE.sub("", asked).replace("multilingualneural", "neural")
        alias = next((alias for known, alias in self.aliases.items() if known.lower() == short), None)
        if alias is None:
            return None
        fitting = [*alias.voices, *self.genders.get(alias.gender, [])]
        return next((voice for voice in fitting if voice in there), None)


def language_in(name: str) -> str | None:
    """Return the language, ISO-639-1, that a full Azure Speech name names: ``es`` of ``es-ES-ElviraNeural``."""
    found = _LOCALE.match(name.strip().lower())
    return found["language"] if found else None


def built_in_voices(endpoint: EndpointSettings) -> list[str]:
    """Return the voices that are known of an endpoint's kind; none where nothing is known.

    Raises:
        ConfigurationError: ``models.yaml`` can't be read.

    """
    voices = _catalogue(_file(MODELS_FILE)).voices
    kind = "beta" if endpoint.protocol == "beta" else endpoint.type
    return list(voices.get(kind, []))


def read_voices() -> VoiceTable:
    """Return the table of voice names.

    Raises:
        ConfigurationError: it is missing or wrong; the message says where.

    """
    return _table(_file(VOICES_FILE))


def _file(name: str) -> Path:
    beside = default_file().parent / name
    return beside if beside.is_file() else shipped_directory() / name


@cache
def _table(path: Path) -> VoiceTable:
    try:
        return VoiceTable.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"{path} is no table of voices: {error}") from None


@cache
def _catalogue(path: Path) -> ModelCatalogue:
    try:
        return ModelCatalogue.model_validate({"voices": yaml.safe_load(path.read_text("utf-8")).get("voices", {})})
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"{path} can't be read: {error}") from None
