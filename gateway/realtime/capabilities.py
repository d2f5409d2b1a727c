"""What each kind of endpoint can do, as a table, and what its operator lowers in it.

Source: the Realtime API reference (GA and beta), read November 2026. GA takes 24 kHz PCM and both G.711 laws; items can
be truncated and deleted, responses cancelled and asked for beside the conversation; no session can be resumed. The beta
protocol has a temperature and is without what came later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from gateway.audio.format import PCM16_24K, PCMA_8K, PCMU_8K, AudioFormat
from gateway.contracts.model import ModelCapabilities
from gateway.realtime.beta_setup import GA_ONLY
from gateway.settings.capability import CapabilitySettings
from gateway.settings.endpoint import EndpointSettings

WIRE_FORMATS: Final[Mapping[str, AudioFormat]] = {"pcm24": PCM16_24K, "pcmu": PCMU_8K, "pcma": PCMA_8K}
"""Audio formats by the word that the settings have for them."""

GA: Final = ModelCapabilities(
    input_formats=tuple(WIRE_FORMATS.values()),
    output_formats=tuple(WIRE_FORMATS.values()),
    commits=True,
    lacks=frozenset({"temperature"}),
)
"""The Realtime API as it is."""

BETA: Final = replace(
    GA,
    lacks=GA_ONLY
    | {"images", "noise_reduction.strength", "transcription.languages", "transcription.delay", "vad.idle_timeout_ms"},
)
"""The Realtime API before 2025: a flat session under other names. Keywords for its transcribers go into the prompt."""

CAPABILITIES: Final[Mapping[str, ModelCapabilities]] = MappingProxyType(
    {
        "openai": GA,
        "azure": GA,
        # Whoever calls an endpoint compatible says that it speaks all of GA; what it refuses comes as a ModelFault.
        "compatible": GA,
        # The embedded server takes every GA field; semantic VAD ends turns by loudness there.
        "local": GA,
    }
)
"""Capabilities by endpoint type, for the GA protocol."""


def capabilities_of(settings: EndpointSettings) -> ModelCapabilities:
    """Return what an endpoint of a type of ours can do, lowered as its settings say.

    Raises:
        KeyError: the type is a plug-in's, whose dialect says itself what it can do.

    """
    able = CAPABILITIES[settings.type]
    return lowered(BETA if settings.protocol == "beta" else able, settings.capabilities)


def lowered(able: ModelCapabilities, by: CapabilitySettings) -> ModelCapabilities:
    """Return capabilities without what the operator says that the endpoint can't do; doing it twice changes nothing."""
    formats = [WIRE_FORMATS[word] for word in by.audio] if by.audio is not None else None

    def still(formats_able: tuple[AudioFormat, ...]) -> tuple[AudioFormat, ...]:
        # Formats that the dialect never speaks can't be left over: then what it speaks holds.
        return tuple(one for one in formats_able if formats is None or one in formats) or formats_able

    return replace(
        able,
        truncates=able.truncates and by.truncates is not False,
        deletes_items=able.deletes_items and by.deletes_items is not False,
        cancels=able.cancels and by.cancels is not False,
        semantic_vad=able.semantic_vad and by.semantic_vad is not False,
        out_of_band=able.out_of_band and by.out_of_band is not False,
        input_formats=still(able.input_formats),
        output_formats=still(able.output_formats),
        lacks=able.lacks | frozenset(by.lacks or ()),
        window_tokens=by.window_tokens or able.window_tokens,
    )
