"""The figures of a running gateway, as Prometheus reads them: every name, its labels, and the page of ``/metrics``.

Each application has a registry of its own, so that two in one process do not add up. What happens in a call comes
through ``telemetry.call_metrics``, what happens at the endpoints through ``telemetry.connects``; caller audio passes
neither. Labels hold names of the settings and fixed words of ours, never an id, a number or a stranger's text, and
:class:`Words` bounds those that grow with use.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

import gateway
from gateway.telemetry.counters import OTHER, REGISTRY, CounterRegistry

if TYPE_CHECKING:  # importing it takes 10 ms, so that is left to the first registry
    from prometheus_client.metrics_core import Metric

MAX_WORDS: Final = 64
"""Different values that one label may take; further ones are ``other``."""

LATENCY_S: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
"""Buckets of waits that a caller notices, in seconds: close together where they are pleasant, up to who hangs up."""
CONNECT_S: Final = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)
CALL_S: Final = (10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0)

EarlyOutcome = Literal["opened", "not_opened", "redeemed"]


class Words:
    """The values that a label may take: the first :data:`MAX_WORDS` that come, then ``other``."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, word: str) -> str:
        """Return the word, or ``other`` if there are too many already."""
        if word in self._seen:
            return word
        if len(self._seen) >= MAX_WORDS:
            return OTHER
        self._seen.add(word)
        return word


class Metrics:
    """The metrics of one application.

    Args:
        live: gives the number of calls of this moment.
        early: gives the number of model sessions that wait for their call.
        limit: calls that are taken at the same time at most.
        counters: the process's own counts, shown beside.

    """

    def __init__(
        self,
        *,
        live: Callable[[], int],
        early: Callable[[], int],
        limit: int,
        counters: CounterRegistry = REGISTRY,
    ) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector

        self.registry: Final = CollectorRegistry(auto_describe=True)
        counter = partial(Counter, namespace="gateway", registry=self.registry)
        gauge = partial(Gauge, namespace="gateway", registry=self.registry)
        histogram = partial(Histogram, namespace="gateway", registry=self.registry)
        ProcessCollector(registry=self.registry)
        self.registry.register(_Counts(counters))
        build = Info("gateway_build", "version of the gateway and of Python", registry=self.registry)
        build.info({"version": gateway.__version__, "python": platform.python_version()})

        gauge("calls_live", "calls of this moment").set_function(live)
        gauge("calls_limit", "calls that are taken at the same time at most").set(limit)
        gauge("early_sessions_waiting", "model sessions that wait for their call").set_function(early)

        self.calls_started = counter("calls_started", "calls whose leg is up", ("persona", "endpoint"))
        self.calls_ended = counter("calls_ended", "calls that are over, by who ended them", ("who", "reason", "ok"))
        self.calls_refused = counter("calls_refused", "calls that were not taken", ("why",))
        for why in ("busy", "draining"):  # shown as 0 from the start, so that the first one is seen as a rise
            self.calls_refused.labels(why)
        self.call_seconds = histogram("call_seconds", "how long calls last", buckets=CALL_S)
        self.turns = counter("turns", "turns of callers")
        self.barge_ins = counter("barge_ins", "callers who spoke while the model did, and won", ("action",))
        self.keys = counter("keys_pressed", "keys that callers pressed")
        self.idle_prompts = counter("idle_prompts", "prompts to callers who were silent for long")
        self.transfers = counter("transfers", "callers handed over, or not", ("outcome",))
        self.answer_seconds = histogram(
            "answer_seconds",
            "from the end of the caller's speech to the first audio sent",
            ("endpoint",),
            buckets=LATENCY_S,
        )
        self.audio_dropped = counter("caller_audio_dropped_seconds", "caller audio that no endpoint took")

        self.connects = counter("model_connects", "attempts to open a model session", ("endpoint", "result"))
        self.connect_seconds = histogram(
            "model_connect_seconds",
            "how long opening a session took",
            ("endpoint",),
            buckets=CONNECT_S,
        )
        self.early_sessions = counter("early_sessions", "model sessions opened while it rang", ("outcome",))

        self.tokens = counter("tokens", "tokens by kind, each in one kind only", ("endpoint", "model", "kind"))
        self.cost = counter("cost", "money for tokens, in the currency's unit", ("model", "currency"))
        self.unpriced = counter("unpriced_responses", "responses whose model has no price", ("model",))
        self.unreported = counter("unreported_responses", "responses that were cut off untold", ("model",))

        self.tool_calls = counter("tool_calls", "tools that have ended", ("tool", "outcome"))
        self.tool_seconds = histogram("tool_seconds", "how long tools take", ("tool",), buckets=LATENCY_S)
        self.faults = counter("faults", "what went wrong in calls", ("kind",))

        self.tool_word, self.kind_word, self.reason_word = Words(), Words(), Words()

    def call_refused(self, why: str) -> None:
        """Count a call that was not taken: ``busy`` or ``draining``."""
        self.calls_refused.labels(why).inc()

    def early_session(self, outcome: EarlyOutcome) -> None:
        """Count a model session that was, or was not, opened early, or that its call came for."""
        self.early_sessions.labels(outcome).inc()

    def page(self, accept: str = "") -> tuple[bytes, str]:
        """Return all figures and their content type, in the format that ``accept`` (an HTTP header) prefers.

        Safe to call in a thread. Takes a few milliseconds, for it looks at the process, too.
        """
        from prometheus_client.exposition import choose_encoder

        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


class _Counts:
    """Shows the counters of ``telemetry.counters`` beside the rest."""

    def __init__(self, counters: CounterRegistry) -> None:
        self._counters = counters

    def describe(self) -> list[Metric]:
        """Say that no name is known beforehand; without this, registering would collect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield each counter with all of its series."""
        from prometheus_client.metrics_core import CounterMetricFamily

        families: dict[str, CounterMetricFamily] = {}
        for sample in self._counters.samples():
            family = families.get(sample.name)
            if family is None:
                family = CounterMetricFamily(f"gateway_{sample.name}", sample.help, labels=tuple(sample.labels))
                families[sample.name] = family
            family.add_metric(tuple(sample.labels.values()), sample.value)
        yield from families.values()
