"""What tokens cost: a price per million of each kind, and the arithmetic on a response's usage.

Money is :class:`~decimal.Decimal` throughout, so that a sum of many small amounts is the amount that a hand would get.
There is no price of nothing: whoever has no :class:`Price` has an unknown cost, which is not the same as none.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from gateway.contracts.model import TranscriptionUse, Usage

PER: Final = Decimal(1_000_000)
"""Tokens that a price is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million tokens of each kind cost, in one currency (ISO 4217, such as ``USD``)."""

    currency: str
    input_text: Decimal
    input_audio: Decimal
    cached_text: Decimal
    """Of input that the endpoint had from before."""
    cached_audio: Decimal
    output_text: Decimal
    output_audio: Decimal

    def cost(self, usage: Usage) -> Decimal:
        """Return what these tokens cost, exactly.

        Cached tokens are a part of the input and are paid at their own price instead (realtime.md, section 6). An
        endpoint that reports more cached than input is believed in the cached ones.
        """
        new_text = max(0, usage.input_text - usage.cached_text)
        new_audio = max(0, usage.input_audio - usage.cached_audio)
        return (
            new_text * self.input_text
            + new_audio * self.input_audio
            + usage.cached_text * self.cached_text
            + usage.cached_audio * self.cached_audio
            + usage.output_text * self.output_text
            + usage.output_audio * self.output_audio
        ) / PER


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriberPrice:
    """What a transcriber costs: by the minute of audio, or per million tokens; what it does not bill is 0."""

    currency: str
    per_minute: Decimal = Decimal(0)
    input_text: Decimal = Decimal(0)
    input_audio: Decimal = Decimal(0)
    output_text: Decimal = Decimal(0)

    def cost(self, use: TranscriptionUse) -> Decimal:
        """Return what one utterance's transcript costs, exactly."""
        tokens = (
            use.input_text * self.input_text + use.input_audio * self.input_audio + use.output_text * self.output_text
        )
        return tokens / PER + Decimal(str(use.seconds)) * self.per_minute / 60
