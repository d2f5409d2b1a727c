"""The operator's own prices, and what is said of wrong ones."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from gateway.contracts.model import Usage
from gateway.errors import ConfigurationError
from gateway.settings.load import load_settings

PERSONA = "personas: {receptionist: {instructions: Be brief.}}\n"
OWN = (
    "{currency: EUR, as_of: 2026-10-01, source: our contract, input_text: 1, cached_text: 0.10, output_text: 2, "
    "input_audio: 3, cached_audio: 0.30, output_audio: 4}"
)


def loaded(tmp_path: Path, text: str, **files: str) -> tuple[object, tuple[str, ...]]:
    for name, content in files.items():
        (tmp_path / f"{name}.yaml").write_text(content)
    file = tmp_path / "gateway.yaml"
    file.write_text(PERSONA + text)
    found = load_settings(file, {})
    return found.settings.prices, found.notes


def test_without_a_word_the_shipped_table_holds(tmp_path: Path) -> None:
    prices, notes = loaded(tmp_path, "")
    assert prices.price_of("gpt-realtime-2.1").currency == "USD"
    assert not [note for note in notes if "prices" in note]


def test_a_line_of_ones_own_comes_before_the_table_and_leaves_the_rest(tmp_path: Path) -> None:
    prices, _ = loaded(tmp_path, f"prices: {{models: {{gpt-realtime-2.1: {OWN}}}}}\n")
    price = prices.price_of("gpt-realtime-2.1")
    assert (price.currency, price.cost(Usage(output_audio=1_000_000))) == ("EUR", Decimal(4))
    assert prices.price_of("gpt-realtime-2.1-mini").currency == "USD"


def test_a_deployment_is_priced_by_the_model_behind_it(tmp_path: Path) -> None:
    prices, _ = loaded(tmp_path, "prices: {aliases: {front-desk: gpt-realtime-2.1-mini}}\n")
    assert prices.price_of(None, "front-desk") == prices.price_of("gpt-realtime-2.1-mini")


def test_an_alias_that_leads_nowhere_is_noted_at_the_start(tmp_path: Path) -> None:
    prices, notes = loaded(tmp_path, "prices: {aliases: {front-desk: gpt-realtime-3}}\n")
    assert prices.price_of("front-desk") is None
    assert (
        "prices.aliases.front-desk: 'gpt-realtime-3' is not under prices.models, so what it costs is unknown" in notes
    )


@pytest.mark.parametrize(
    ("text", "files"),
    [
        ("", {"prices": f"models: {{mine: {OWN}}}"}),
        ("prices: {file: ours.yaml}\n", {"ours": f"models: {{mine: {OWN}}}"}),
    ],
)
def test_a_file_of_ones_own_takes_the_place_of_the_shipped_one(
    tmp_path: Path, text: str, files: dict[str, str]
) -> None:
    prices, _ = loaded(tmp_path, text, **files)
    assert list(prices.models) == ["mine"]


@pytest.mark.parametrize(
    ("text", "files", "words"),
    [
        ("prices: {file: nowhere.yaml}\n", {}, "nowhere.yaml can't be read"),
        ("", {"prices": "models: {mine: {as_of: 2026-10-01, source: us}}"}, "models.mine.input_text"),
        ("", {"prices": f"models: {{mine: {OWN.replace('EUR', 'euro')}}}"}, "models.mine.currency"),
        (f"prices: {{models: {{mine: {OWN.replace('input_text: 1', 'input_text: -1')}}}}}\n", {}, "mine.input_text"),
    ],
)
def test_a_wrong_price_stops_the_start_and_is_named(
    tmp_path: Path, text: str, files: dict[str, str], words: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, text, **files)
    assert any(words in fault for fault in caught.value.faults), caught.value.faults
