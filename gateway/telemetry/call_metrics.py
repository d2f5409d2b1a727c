"""From the records of one call to the figures of the gateway: a sink like the journal, but it only counts."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from gateway.contracts.record import (
    AgentSpoke,
    AnyRecord,
    BargeIn,
    CallEnded,
    CallStarted,
    Fault,
    IdlePrompt,
    KeyCount,
    TokensUsed,
    ToolReturned,
    TranscriptionUsed,
    Transferred,
)
from gateway.telemetry.metrics import Metrics

UNNAMED: Final = "unnamed"
"""Stands for the model of an endpoint whose settings name none."""


class CallMetrics:
    """Counts what one call's records tell (``contracts.record.Sink``).

    Args:
        metrics: of the application.
        endpoint: the endpoint's name in the settings.
        model: the model's name in the settings, if they have one.
        transcriber: the transcriber's.

    """

    def __init__(self, metrics: Metrics, *, endpoint: str, model: str | None, transcriber: str | None = None) -> None:
        self._metrics = metrics
        self._endpoint = endpoint
        self._model = model or UNNAMED
        self._transcriber = transcriber or UNNAMED

    def accept(self, record: AnyRecord) -> None:
        """Count a record; what has no figure is passed over."""
        metrics = self._metrics
        match record:
            case AgentSpoke(latency_ms=int(latency_ms)):
                metrics.answer_seconds.labels(self._endpoint).observe(latency_ms / 1000)
            case BargeIn(action=action):
                metrics.barge_ins.labels(action).inc()
            case TokensUsed():
                self._tokens(record)
            case TranscriptionUsed(cost=Decimal() as cost, currency=str(currency)):
                metrics.cost.labels(self._transcriber, currency).inc(float(cost))
            case TranscriptionUsed():
                metrics.unpriced.labels(self._transcriber).inc()
            case ToolReturned(name=name, ok=ok, took_ms=took_ms):
                tool = metrics.tool_word(name)
                metrics.tool_calls.labels(tool, "ok" if ok else "failed").inc()
                metrics.tool_seconds.labels(tool).observe(took_ms / 1000)
            case Fault(kind=kind):
                metrics.faults.labels(metrics.kind_word(kind)).inc()
            case IdlePrompt():
                metrics.idle_prompts.inc()
            case KeyCount(count=count):
                metrics.keys.inc(count)
            case Transferred(ok=ok):
                metrics.transfers.labels("ok" if ok else "failed").inc()
            case CallStarted(persona=persona):
                metrics.calls_started.labels(persona, self._endpoint).inc()
            case CallEnded():
                self._ended(record)
            case _:
                pass

    def _tokens(self, used: TokensUsed) -> None:
        kinds = {
            "input_text": max(0, used.input_text - used.cached_text),
            "input_audio": max(0, used.input_audio - used.cached_audio),
            "cached_text": used.cached_text,
            "cached_audio": used.cached_audio,
            "output_text": used.output_text,
            "output_audio": used.output_audio,
        }
        for kind, tokens in kinds.items():
            self._metrics.tokens.labels(self._endpoint, self._model, kind).inc(tokens)
        if used.cost is None or used.currency is None:
            self._metrics.unpriced.labels(self._model).inc()
        else:
            self._metrics.cost.labels(self._model, used.currency).inc(float(used.cost))

    def _ended(self, ended: CallEnded) -> None:
        metrics = self._metrics
        metrics.calls_ended.labels(ended.who, metrics.reason_word(ended.reason), "yes" if ended.ok else "no").inc()
        metrics.call_seconds.observe(ended.duration_ms / 1000)
        metrics.turns.inc(ended.turns)
        metrics.audio_dropped.inc(ended.caller_audio_dropped_ms / 1000)
        if ended.responses_unreported:
            metrics.unreported.labels(self._model).inc(ended.responses_unreported)

    async def close(self) -> None:
        """Nothing is kept back."""
