"""What a call cost, turn by turn, from its journal alone.

A cost that is not known is said to be unknown; it is never shown as nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from gateway.records.journal import JournalEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnBill:
    """What the responses of one turn used and cost. Turn 0 is what was said before the caller spoke."""

    turn: int
    input_tokens: int
    cached_tokens: int
    """A part of the input."""
    output_tokens: int
    cost: Decimal | None
    """None if it is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What a call used and cost."""

    turns: tuple[TurnBill, ...]
    cost: Decimal | None
    """None if it is unknown."""
    currency: str
    unreported: int
    """Responses of which the endpoint never told what they used: with any, the cost is at least the sum."""
    transcripts: int
    """Utterances of the caller whose writing down was billed."""
    transcription_cost: Decimal | None
    """Beside ``cost``; None if it is unknown."""


def bill(entries: Sequence[JournalEntry]) -> Bill:
    """Return what a call cost; a journal that breaks off gives what it holds."""
    used = [entry for entry in entries if entry.event == "tokens_used"]
    written = [entry for entry in entries if entry.event == "transcription_used"]
    by_turn: dict[int, list[JournalEntry]] = {}
    for entry in used:
        by_turn.setdefault(entry.count("turn"), []).append(entry)
    ended = next((entry for entry in entries if entry.event == "call_ended"), None)
    currencies = [entry.text("currency") for entry in (*used, *written) if entry.text("currency")]
    return Bill(
        turns=tuple(_turn(turn, by_turn[turn]) for turn in sorted(by_turn)),
        cost=_money(ended) if ended else _sum([_money(entry) for entry in used]),
        currency=currencies[0] if currencies else "",
        unreported=ended.count("responses_unreported") if ended else 0,
        transcripts=len(written),
        transcription_cost=_sum([_money(entry) for entry in written]),
    )


def render_bill(of: Bill) -> list[str]:
    """Return the bill as lines of plain text, the sum first, then a line a turn; none for a call without responses."""
    if not of.turns and not of.unreported:
        return []
    lines = [f"cost          {told_sum(of)}"]
    for turn in of.turns:
        tokens = f"{turn.input_tokens} tokens in ({turn.cached_tokens} cached), {turn.output_tokens} out"
        lines.append(f"  turn {turn.turn:<3}    {told_cost(turn.cost, of.currency)}, {tokens}")
    if of.transcripts:
        lines.append(
            f"  transcripts {told_cost(of.transcription_cost, of.currency)}, {of.transcripts} of the caller's turns"
        )
    return lines


def told_sum(of: Bill) -> str:
    """Return the cost of the whole call in words."""
    cost = told_cost(of.cost, of.currency)
    if not of.unreported:
        return cost
    responses = "1 response" if of.unreported == 1 else f"{of.unreported} responses"
    at_least = f"at least {cost}" if of.cost is not None else cost
    return f"{at_least} ({responses} not reported)"


def told_cost(cost: Decimal | None, currency: str) -> str:
    """Return money as text, ``0.0123 USD``, or ``unknown``."""
    return "unknown" if cost is None else f"{cost:.4f} {currency}".rstrip()


def _turn(turn: int, entries: Sequence[JournalEntry]) -> TurnBill:
    def tokens(kind: str) -> int:
        return sum(entry.count(f"{kind}_text") + entry.count(f"{kind}_audio") for entry in entries)

    return TurnBill(
        turn=turn,
        input_tokens=tokens("input"),
        cached_tokens=tokens("cached"),
        output_tokens=tokens("output"),
        cost=_sum([_money(entry) for entry in entries]),
    )


def _money(entry: JournalEntry) -> Decimal | None:
    value = entry.fields.get("cost")
    # By its shortest decimal form, which is what the journal's line had.
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _sum(costs: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum; unknown if any part of it is, or if there is none."""
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(costs) else None
