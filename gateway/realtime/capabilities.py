"""What each type of endpoint can do, as a table.

Source: the Realtime API reference (GA), read November 2026: formats are 24 kHz PCM and both G.711 laws, items can be
truncated and deleted, responses cancelled and asked for beside the conversation; no session can be resumed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal

from gateway.audio.format import PCM16_24K, PCMA_8K, PCMU_8K
from gateway.contracts.model import ModelCapabilities

EndpointType = Literal["openai", "compatible", "local"]
"""The types that ``endpoints.*.type`` may name."""

_GA_FORMATS: Final = (PCM16_24K, PCMU_8K, PCMA_8K)

_GA: Final = ModelCapabilities(input_formats=_GA_FORMATS, output_formats=_GA_FORMATS)

CAPABILITIES: Final[Mapping[EndpointType, ModelCapabilities]] = MappingProxyType(
    {
        "openai": _GA,
        # Whoever calls an endpoint compatible says that it speaks all of GA; what it refuses comes as a ModelFault.
        "compatible": _GA,
        # The embedded server takes every GA field; semantic VAD ends turns by loudness there.
        "local": _GA,
    }
)
"""Capabilities by endpoint type."""
