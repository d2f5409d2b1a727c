"""The books of one call: what it used, and its whole story in one record at the end."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import fields

from gateway.contracts.model import Usage
from gateway.contracts.record import CallEnded
from gateway.contracts.text import Label
from gateway.errors import Ending


class Story:
    """Counts that no other room keeps."""

    def __init__(self) -> None:
        self.keys = 0
        self.usage = Usage()

    def add_usage(self, usage: Usage | None) -> None:
        """Add a response's tokens."""
        if usage is not None:
            was = self.usage
            sums = {field.name: getattr(was, field.name) + getattr(usage, field.name) for field in fields(Usage)}
            self.usage = Usage(**sums)

    def told(
        self,
        ending: Ending,
        now_ms: float,
        *,
        turns: int,
        barge_ins: int,
        tools: int,
        latencies_ms: Sequence[float],
        heard_sent_ms: tuple[int, int],
        dropped_ms: float,
    ) -> CallEnded:
        """Return the record that closes the call."""
        return CallEnded(
            at_ms=int(now_ms),
            who=Label(ending.who),
            reason=Label(ending.reason),
            ok=ending.ok,
            duration_ms=int(now_ms),
            turns=turns,
            barge_ins=barge_ins,
            tools=tools,
            latency_p50_ms=int(statistics.median(latencies_ms)) if latencies_ms else None,
            latency_max_ms=int(max(latencies_ms)) if latencies_ms else None,
            heard_ms=heard_sent_ms[0],
            sent_ms=heard_sent_ms[1],
            caller_audio_dropped_ms=int(dropped_ms),
            input_text_tokens=self.usage.input_text,
            input_audio_tokens=self.usage.input_audio,
            cached_tokens=self.usage.cached_text + self.usage.cached_audio,
            output_text_tokens=self.usage.output_text,
            output_audio_tokens=self.usage.output_audio,
        )
