"""Where flows will run, as far as it keeps them from going live: what is rendered, and what the settings have.

Lint asks; the settings and the prompt store answer. A flow's ``exact`` words go live when the voice of every endpoint
that may answer it has been verified to say them, or when the settings let the local voice read them.
"""

from __future__ import annotations

from gateway.flows.lint import LintOptions
from gateway.flows.model import Flow
from gateway.flows.prompts import Wording
from gateway.prompts.store import PromptStore, Spoken
from gateway.settings.effective import answer_to
from gateway.settings.endpoint import EndpointSettings
from gateway.settings.schema import Settings

TEST_PROCESSOR = "test"
"""The processor of payments that is there without being named."""


def exactness(settings: Settings, store: PromptStore) -> LintOptions:
    """Return what keeps ``exact`` words from going live: what was verified, and what the local voice may read."""

    def is_rendered(flow: Flow, language: str, way: Wording) -> bool:
        text, voice = str(way.text).strip(), flow.voices.get(language) or ""
        return all(store.has(Spoken(text, language, voice, model)) for model in models_of(settings, flow))

    return LintOptions(is_rendered=is_rendered, reads_exactly=settings.flows.exact == "read")


def surroundings(settings: Settings, store: PromptStore) -> LintOptions:
    """Return all that lint can know of where flows will run.

    A recording that the gateway makes is silent while a caller keys in a secret; one that somebody else makes
    (``records.recording: false``, and a flow that says it is recorded) can't be paused from here.
    """
    exact, twilio = exactness(settings, store), settings.carriers.twilio
    lacks = {lack for endpoint in _endpoints(settings) for lack in _lacks(endpoint)}
    if twilio.account_sid is None or twilio.auth_token is None:
        lacks.add("warm_transfer")
    return LintOptions(
        queues=frozenset(settings.flows.queues),
        processors=frozenset({TEST_PROCESSOR, *settings.flows.payments}),
        lacks=frozenset(lacks),
        recording_pauses=settings.records.recording,
        reads_exactly=exact.reads_exactly,
        is_rendered=exact.is_rendered,
    )


def models_of(settings: Settings, flow: Flow) -> frozenset[str]:
    """Return the models whose voices may say a flow's prompts: of its numbers, and of all that are not listed."""
    named = [number for number, answer in settings.numbers.items() if answer.flow == flow.id]
    anywhere = [""] if flow.numbers or not named else []
    return frozenset(model_of(answer_to(settings, number).endpoint) for number in (*named, *anywhere))


def model_of(endpoint: EndpointSettings) -> str:
    """Return the name under which an endpoint's renderings are kept."""
    return endpoint.model or endpoint.deployment or endpoint.type


def _endpoints(settings: Settings) -> list[EndpointSettings]:
    return [answer_to(settings, number).endpoint for number in ("", *settings.numbers)]


def _lacks(endpoint: EndpointSettings) -> list[str]:
    able, found = endpoint.capabilities, []
    if endpoint.protocol == "beta" or "reasoning" in (able.lacks or ()):
        found.append("effort")
    if able.semantic_vad is False:
        found.append("semantic_vad")
    return found
