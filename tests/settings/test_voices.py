"""The table of voice names that is shipped."""

from __future__ import annotations

import pytest

from gateway.settings.endpoint import EndpointSettings
from gateway.settings.voices import built_in_voices, language_in, read_voices

KINDS = [("openai", "ga"), ("azure", "ga"), ("azure", "beta"), ("openai", "beta")]


@pytest.mark.parametrize(("kind", "protocol"), KINDS)
def test_every_alias_is_spoken_by_a_voice_of_its_gender_on_every_kind_of_endpoint(kind: str, protocol: str) -> None:
    table = read_voices()
    there = built_in_voices(EndpointSettings(type=kind, protocol=protocol))  # type: ignore[arg-type]
    assert there
    for name, alias in table.aliases.items():
        voice = table.voice_for(name, there)
        assert voice in there
        assert table.gender_of(voice or "") == alias.gender


@pytest.mark.parametrize(
    "name", ["JennyNeural", "en-US-JennyNeural", "EN-us-jennyneural", "en-US-JennyMultilingualNeural"]
)
def test_short_and_full_names_are_one(name: str) -> None:
    assert read_voices().voice_for(name, ["cedar", "coral", "marin"]) == "marin"


def test_where_the_first_choice_is_missing_gender_is_kept() -> None:
    assert read_voices().voice_for("onyx", ["marin", "verse"]) == "verse"
    assert read_voices().voice_for("nova", ["cedar", "sage"]) == "sage"
    assert read_voices().voice_for("nova", ["cedar"]) is None


def test_an_unknown_name_has_no_voice() -> None:
    assert read_voices().voice_for("Nobody", ["marin"]) is None


@pytest.mark.parametrize(
    ("name", "language"),
    [("es-ES-ElviraNeural", "es"), ("JennyNeural", None), ("marin", None), ("zh-CN-liaoning-XNeural", "zh")],
)
def test_a_full_name_names_a_language(name: str, language: str | None) -> None:
    assert language_in(name) == language


def test_every_name_of_the_tables_is_a_voice_of_some_endpoint() -> None:
    table = read_voices()
    voices = {voice for group in table.genders.values() for voice in group}
    assert {voice for alias in table.aliases.values() for voice in alias.voices} <= voices
