"""Reads a page of metrics as Prometheus would, for tests to ask in its words."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from gateway.contracts.mint import mint
from gateway.contracts.record import CallEnded, CallStarted
from gateway.contracts.text import Label
from gateway.telemetry.counters import CounterRegistry
from gateway.telemetry.metrics import Metrics


def some_metrics(*, live: int = 0, early: int = 0) -> Metrics:
    return Metrics(live=lambda: live, early=lambda: early, limit=200, counters=CounterRegistry())


def families(metrics: Metrics) -> Iterator[Metric]:
    """Yield what the page holds, parsed by Prometheus' own library."""
    page, content_type = metrics.page()
    assert content_type.startswith("text/plain")
    yield from text_string_to_metric_families(page.decode())


def value(metrics: Metrics, sample: str, **labels: str) -> float | None:
    """Return one sample's value; None if it is not on the page."""
    found = [
        one.value
        for family in families(metrics)
        for one in family.samples
        if one.name == sample and one.labels == labels
    ]
    assert len(found) <= 1
    return found[0] if found else None


def call_started(persona: str = "receptionist") -> CallStarted:
    return CallStarted(
        at_ms=0,
        call_id=Label("c-7f3a"),
        leg=Label("inbound"),
        leg_id=mint("CA…9f2c"),
        started_at_s=1_795_208_400.0,
        caller_number=mint("…1234"),
        dialed_number=mint("…9876"),
        persona=Label(persona),
        endpoint=Label("main"),
        from_caller=Label("pcmu at 8 kHz"),
        to_model=Label("pcmu at 8 kHz"),
        passthrough=True,
    )


def call_ended(who: str = "agent", reason: str = "goodbye", *, ok: bool = True, unreported: int = 0) -> CallEnded:
    return CallEnded(
        at_ms=61_000,
        who=Label(who),
        reason=Label(reason),
        ok=ok,
        duration_ms=61_000,
        turns=3,
        barge_ins=1,
        tools=1,
        latency_p50_ms=640,
        latency_max_ms=700,
        heard_ms=9000,
        sent_ms=9400,
        caller_audio_dropped_ms=1500,
        responses_unreported=unreported,
    )
