"""How a call flow does, over many calls: containment, where callers drop off, retries, barge-ins and cost per step.

Made of the journals' flow events alone. They hold steps, exits and counts, never what a caller said or keyed, and so
neither does a report. Pure but for :func:`journals_between`, which reads the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Final

from gateway.errors import ConfigurationError
from gateway.records.journal import JournalEntry, read_journal

CONTAINED: Final = "contained"
HANDED_OVER: Final = "handed_over"
ABANDONED: Final = "abandoned"
UNFINISHED: Final = "unfinished"
"""How a call on a flow can end: it came to its end; a person took over; it ended before, because the caller hung up or
something broke; its journal breaks off."""
HUNG_UP: Final = "hung_up"
"""The reason of an abandoned call that the caller ended."""
_UNUSABLE: Final = ("no_input", "no_match", "invalid")
_OURS: Final = frozenset({
    "call_started", "step_entered", "exit_taken", "prompt_played", "prompt_lost", "heard", "slot_filled",
    "tool_result", "global_used", "guard_denied", "transfer_result", "payment_result", "call_ended",
    "stale_answer", "resumed", "corrected", "fault", "broke", "gave_up_on_flow",
    *_UNUSABLE,
})  # fmt: skip
"""Names of the engine's own events; any other is the designer's."""


@dataclass(slots=True)
class Cost:
    """Money over several responses; ``unknown`` counts those whose price is not known."""

    known: Decimal = Decimal(0)
    unknown: int = 0

    def add(self, cost: Decimal | None) -> None:
        """Add a response's cost, None for an unknown one."""
        if cost is None:
            self.unknown += 1
        else:
            self.known += cost

    @property
    def sum(self) -> Decimal | None:
        """The whole; None if a part of it is unknown."""
        return None if self.unknown else self.known


@dataclass(slots=True)
class StepReport:
    """What happened on one step, over all calls."""

    step: str
    """Its path."""
    visits: int = 0
    calls: int = 0
    """Calls that came by it."""
    dropped: int = 0
    """Calls that the caller ended while standing on it, before the flow's own end."""
    broken: int = 0
    """Calls that ended on it for another reason, such as a fault or the longest time."""
    unusable: Counter[str] = field(default_factory=Counter)
    """``no_input``, ``no_match`` and ``invalid`` answers."""
    exits: Counter[str] = field(default_factory=Counter)
    denied: int = 0
    """Times that its guard sent a call elsewhere."""
    cut_at_ms: list[int] = field(default_factory=list)
    """How much of a prompt had been heard at each barge-in, milliseconds."""
    took_ms: list[int] = field(default_factory=list)
    """How long each visit lasted."""
    cost: Cost = field(default_factory=Cost)

    @property
    def retries(self) -> int:
        """Answers that could not be used."""
        return self.unusable.total()

    @property
    def drop_off(self) -> float:
        """Share of the calls that came by and were left here, 0 to 1."""
        return self.dropped / self.calls if self.calls else 0.0

    @property
    def retries_per_visit(self) -> float:
        """Unusable answers per visit."""
        return self.retries / self.visits if self.visits else 0.0

    @property
    def barge_in_ms(self) -> int | None:
        """The middle point at which callers cut in, in milliseconds heard; None if nobody did."""
        return int(median(self.cut_at_ms)) if self.cut_at_ms else None

    @property
    def typical_ms(self) -> int | None:
        """The middle length of a visit; None if none was ended."""
        return int(median(self.took_ms)) if self.took_ms else None


@dataclass(slots=True)
class FlowReport:
    """A flow over many calls."""

    flow: str
    endings: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Why calls ended, as the engine says it: ``goodbye``, ``hung_up`` …"""
    bundles: Counter[str] = field(default_factory=Counter)
    """Versions, by the beginning of their digest, and the calls on each."""
    events: Counter[str] = field(default_factory=Counter)
    """The designer's own."""
    steps: dict[str, StepReport] = field(default_factory=dict)
    """By path, in the order in which calls first came by."""
    cost: Cost = field(default_factory=Cost)
    currency: str = ""

    @property
    def calls(self) -> int:
        """Calls on the flow."""
        return self.endings.total()

    @property
    def containment(self) -> float | None:
        """Share of the finished calls that came to an end of the flow, without a person; None without such calls."""
        finished = self.calls - self.endings[UNFINISHED]
        return self.endings[CONTAINED] / finished if finished else None

    def step(self, path: str) -> StepReport:
        """Return a step's part, a new one if it has none yet."""
        return self.steps.setdefault(path, StepReport(path))


def report_flow(flow: str, journals: Iterable[Sequence[JournalEntry]]) -> FlowReport:
    """Return how a flow did in these calls; calls on other flows do not count."""
    report = FlowReport(flow)
    for entries in journals:
        own = [entry for entry in entries if entry.event == "flow" and entry.text("flow") == flow]
        if own:
            _add_call(report, entries, own)
    return report


def journals_between(
    data_dir: Path, since: datetime | None = None, until: datetime | None = None
) -> Iterator[list[JournalEntry]]:
    """Yield the journals of calls that began in a span of time, the oldest day first; blocks.

    Args:
        data_dir: the gateway's data directory.
        since: the first moment, with a zone; None: no bound.
        until: the moment after the last, with a zone; None: no bound.

    Raises:
        ConfigurationError: there are no calls at all, or a journal is damaged.

    """
    calls = data_dir / "calls"
    if not calls.is_dir():
        raise ConfigurationError(f"there are no calls in {data_dir}; is it the gateway's data_dir?")
    for journal in sorted(calls.glob("*/*.jsonl")):
        if not _day_may_matter(journal.parent.name, since, until):
            continue
        entries = read_journal(journal)
        began_s = next((entry.fields.get("started_at_s") for entry in entries if entry.event == "call_started"), None)
        if not isinstance(began_s, int | float):
            continue
        began = datetime.fromtimestamp(began_s, UTC)
        if (since is None or began >= since) and (until is None or began < until):
            yield entries


def as_data(report: FlowReport) -> dict[str, object]:
    """Return a report for programs; shares are 0 to 1, money is text with all of its digits, None is unknown."""
    return {
        "flow": report.flow,
        "calls": report.calls,
        "endings": dict(report.endings),
        "reasons": dict(report.reasons),
        "containment": report.containment,
        "bundles": dict(report.bundles),
        "events": dict(report.events),
        "cost": _money(report.cost),
        "currency": report.currency or None,
        "steps": [
            {
                "step": step.step,
                "calls": step.calls,
                "visits": step.visits,
                "drop_off": step.drop_off,
                "dropped": step.dropped,
                "broken": step.broken,
                "unusable": dict(step.unusable),
                "retries_per_visit": step.retries_per_visit,
                "exits": dict(step.exits),
                "guard_denied": step.denied,
                "barge_ins": len(step.cut_at_ms),
                "barge_in_ms": step.barge_in_ms,
                "typical_ms": step.typical_ms,
                "cost": _money(step.cost),
            }
            for step in report.steps.values()
        ],
    }


def _money(cost: Cost) -> str | None:
    return None if cost.sum is None else f"{cost.sum:f}"


def _add_call(report: FlowReport, entries: Sequence[JournalEntry], own: Sequence[JournalEntry]) -> None:
    report.bundles[own[0].text("bundle")] += 1
    seen: set[str] = set()
    standing: StepReport | None = None
    since_ms = 0
    for entry in entries:
        if entry.event == "tokens_used":
            cost = _cost_of(entry)
            report.cost.add(cost)
            report.currency = report.currency or entry.text("currency")
            if standing is not None:
                standing.cost.add(cost)
        if entry.event != "flow" or entry.text("flow") != report.flow:
            continue
        name, path = entry.text("name"), entry.text("step")
        if name in ("step_entered", "call_ended") and standing is not None:
            standing.took_ms.append(max(0, entry.at_ms - since_ms))
        if name == "step_entered":
            standing, since_ms = report.step(path), entry.at_ms
            standing.visits += 1
            standing.calls += path not in seen
            seen.add(path)
        elif name == "call_ended":
            standing = None
        _count(report, name, path, entry)
    _end(report, next((one for one in reversed(own) if one.text("name") == "call_ended"), None))


def _count(report: FlowReport, name: str, path: str, entry: JournalEntry) -> None:
    facts = _facts(entry)
    match name:
        case "no_input" | "no_match" | "invalid":
            report.step(path).unusable[name] += 1
        case "exit_taken":
            report.step(path).exits[str(facts.get("exit", ""))] += 1
        case "guard_denied":
            report.step(path).denied += 1
        case "prompt_played":
            cut = facts.get("cut_at_ms")
            if isinstance(cut, int):
                report.step(path).cut_at_ms.append(cut)
        case _ if name not in _OURS:
            report.events[name] += 1


def _end(report: FlowReport, ended: JournalEntry | None) -> None:
    if ended is None:
        report.endings[UNFINISHED] += 1
        return
    facts = _facts(ended)
    ending, reason = str(facts.get("containment", CONTAINED)), str(facts.get("reason", ""))
    report.endings[ending] += 1
    report.reasons[reason] += 1
    if ending == ABANDONED:
        step = report.step(ended.text("step"))
        step.dropped += reason == HUNG_UP
        step.broken += reason != HUNG_UP


def _facts(entry: JournalEntry) -> Mapping[str, object]:
    facts = entry.fields.get("facts")
    return facts if isinstance(facts, dict) else {}


def _cost_of(entry: JournalEntry) -> Decimal | None:
    value = entry.fields.get("cost")
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _day_may_matter(name: str, since: datetime | None, until: datetime | None) -> bool:
    """Whether a day's folder may hold calls of the span; a folder of another name may not."""
    try:
        begins = datetime.fromisoformat(name).replace(tzinfo=UTC)
    except ValueError:
        return False
    return (since is None or begins + timedelta(days=1) > since) and (until is None or begins < until)
