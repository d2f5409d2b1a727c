"""The books of one call: what it used, what that cost, and its whole story in one record at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from decimal import Decimal

from gateway.contracts.model import ResponseDone, ResponseStatus, TranscriptionUse, Usage
from gateway.contracts.price import Price, TranscriberPrice
from gateway.contracts.record import CallEnded, TokensUsed, TranscriptionUsed
from gateway.contracts.text import Label
from gateway.errors import Ending


class Story:
    """Counts that no other room keeps.

    Args:
        price: of the model that answers; None if it is unknown.
        transcriber_price: of what writes down the caller's words; None if it is unknown.

    """

    def __init__(self, price: Price | None = None, transcriber_price: TranscriberPrice | None = None) -> None:
        self.keys = 0
        self.usage = Usage()
        self._price = price
        self._transcriber_price = transcriber_price
        self._transcripts = 0
        self._transcription_cost = Decimal(0)
        self._cost = Decimal(0)
        self._turns: dict[str, int] = {}
        self._steps: dict[str, str] = {}
        """The turns of responses that are not done, by response id."""
        self._reported = 0
        self._unreported = 0

    def response_started(self, response_id: str, turn: int, step: str | None = None) -> None:
        """Note to which turn, and step, a response belongs; it ends, perhaps, in the caller's next one."""
        self._turns[response_id] = turn
        if step is not None:
            self._steps[response_id] = step

    def response_done(self, event: ResponseDone, now_ms: float, turn: int) -> TokensUsed | None:
        """Enter what a response used; None if the endpoint does not say. ``turn`` is now's, if its own is unknown."""
        turn = self._turns.pop(event.response_id, turn)
        step = self._steps.pop(event.response_id, None)
        usage = event.usage
        if usage is None:
            self._unreported += event.status is not ResponseStatus.FAILED
            return None
        self._reported += 1
        self.usage = Usage(
            **{field.name: getattr(self.usage, field.name) + getattr(usage, field.name) for field in fields(Usage)}
        )
        cost = None if self._price is None else self._price.cost(usage)
        self._cost += cost or 0
        return TokensUsed(
            at_ms=int(now_ms),
            turn=turn,
            step=None if step is None else Label(step),
            input_text=usage.input_text,
            input_audio=usage.input_audio,
            cached_text=usage.cached_text,
            cached_audio=usage.cached_audio,
            output_text=usage.output_text,
            output_audio=usage.output_audio,
            cost=cost,
            currency=self._currency(cost),
        )

    def transcript_made(self, use: TranscriptionUse, now_ms: float, turn: int) -> TranscriptionUsed:
        """Enter what the transcript of one utterance used."""
        price = self._transcriber_price
        cost = None if price is None else price.cost(use)
        self._transcripts += 1
        self._transcription_cost += cost or 0
        return TranscriptionUsed(
            at_ms=int(now_ms),
            turn=turn,
            input_tokens=use.input_text + use.input_audio,
            output_tokens=use.output_text,
            seconds=use.seconds,
            cost=cost,
            currency=None if price is None else Label(price.currency),
        )

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
        unreported = self._unreported + len(self._turns)
        cost = self._total(unreported)
        return CallEnded(
            at_ms=int(now_ms),
            who=Label(ending.who),
            reason=Label(ending.reason),
            ok=ending.ok,
            duration_ms=int(now_ms),
            turns=turns,
            barge_ins=barge_ins,
            tools=tools,
            latency_p50_ms=int(_median(latencies_ms)) if latencies_ms else None,
            latency_max_ms=int(max(latencies_ms)) if latencies_ms else None,
            heard_ms=heard_sent_ms[0],
            sent_ms=heard_sent_ms[1],
            caller_audio_dropped_ms=int(dropped_ms),
            input_text_tokens=self.usage.input_text,
            input_audio_tokens=self.usage.input_audio,
            cached_tokens=self.usage.cached_text + self.usage.cached_audio,
            output_text_tokens=self.usage.output_text,
            output_audio_tokens=self.usage.output_audio,
            cost=cost,
            currency=self._currency(cost),
            responses_unreported=unreported,
            transcription_cost=self._transcription_total(),
        )

    def _total(self, unreported: int) -> Decimal | None:
        """Return what is known of the cost: nothing at all if responses were made and none was accounted for."""
        if self._price is None or (unreported and not self._reported):
            return None
        return self._cost

    def _transcription_total(self) -> Decimal | None:
        """Return what transcripts cost: nothing if there were none, unknown without a price."""
        return self._transcription_cost if self._transcriber_price is not None or not self._transcripts else None

    def _currency(self, cost: Decimal | None) -> Label | None:
        return None if cost is None or self._price is None else Label(self._price.currency)


def _median(values: Sequence[float]) -> float:
    """Return the middle value; ``statistics`` takes 10 ms to import, which every start would pay for."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
