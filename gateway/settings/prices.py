"""What the settings say of prices: the table ``config/prices.yaml``, and the operator's own lines in gateway.yaml.

The table that comes with the gateway holds prices that were read on their maker's own pages, with the day and the
address. A model that is in no table has an unknown cost, shown as such.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field

from gateway.contracts.price import Price, TranscriberPrice
from gateway.settings.document import Document, Place
from gateway.settings.section import Section

PRICES_FILE: Final = "prices.yaml"
"""Read from beside the settings file if it is there, else the shipped one."""

PerMillion = Annotated[Decimal, Field(ge=0, le=1_000_000)]
"""Money for a million tokens."""


class ModelPriceSettings(Section):
    """What a model's tokens cost, per million, from a day on."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    """ISO 4217."""
    as_of: date
    """The day on which the price was looked up."""
    source: str
    """Where: a page's address, or words such as ``our contract``."""
    input_text: PerMillion
    cached_text: PerMillion
    """Text input that the endpoint had cached."""
    output_text: PerMillion
    input_audio: PerMillion
    cached_audio: PerMillion
    """Audio input that the endpoint had cached."""
    output_audio: PerMillion


class TranscriberPriceSettings(Section):
    """What a transcriber costs, from a day on: by the minute, or by tokens."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")] = "USD"
    """ISO 4217."""
    as_of: date
    """The day on which the price was looked up."""
    source: str
    """Where: a page's address, or words such as ``our contract``."""
    per_minute: Annotated[Decimal, Field(ge=0, le=1000)] = Decimal(0)
    """Money for a minute of the caller's speech."""
    input_text: PerMillion = Decimal(0)
    input_audio: PerMillion = Decimal(0)
    output_text: PerMillion = Decimal(0)


class PriceTable(Section):
    """Prices by model, and other names for the same models. ``config/prices.yaml`` is one."""

    models: dict[str, ModelPriceSettings] = {}
    """By the name that the endpoint's ``model`` has."""
    transcribers: dict[str, TranscriberPriceSettings] = {}
    """By the name that ``transcription.model`` has; billed beside the model."""
    aliases: dict[str, str] = {}
    """Another name → the name under ``models`` or ``transcribers``: a dated snapshot, or an Azure deployment's name."""

    def price_of(self, *names: str | None) -> Price | None:
        """Return the price of the first of these names that has one; None if none has, and then it is unknown."""
        for name in names:
            found = None if name is None else self.models.get(self.aliases.get(name, name))
            if found is not None:
                return Price(**found.model_dump(exclude={"as_of", "source"}))
        return None

    def transcriber_price_of(self, name: str | None) -> TranscriberPrice | None:
        """Return the price of a transcriber; None if it is unknown."""
        found = None if name is None else self.transcribers.get(self.aliases.get(name, name))
        return None if found is None else TranscriberPrice(**found.model_dump(exclude={"as_of", "source"}))

    def notes(self) -> Iterator[str]:
        """Yield what the operator should know: aliases that lead nowhere."""
        for alias, name in self.aliases.items():
            if name not in self.models and name not in self.transcribers:
                yield f"prices.aliases.{alias}: '{name}' is not under prices.models, so what it costs is unknown"


class PriceSettings(PriceTable):
    """What tokens cost; lines here come before those of the table's file."""

    file: Path | None = None
    """A table in place of the shipped ``prices.yaml``; a relative path starts beside this file."""


def add_table(document: Document, table: PriceTable) -> None:
    """Put a table's lines behind those that a settings file has of its own."""
    place = Place(f"in {PRICES_FILE}")
    lines = table.model_dump(mode="json")
    for section in ("models", "transcribers", "aliases"):
        own = document.get(("prices", section)) or {}
        if isinstance(own, dict):  # anything else is left to the schema
            for name, value in lines[section].items():
                if name not in own:
                    document.put(("prices", section, name), value, place)
