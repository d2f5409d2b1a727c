"""The story of a call in figures and in words, from its journal alone.

Pure: entries in, figures or plain text out. What is said comes in the order in which it was *begun*, whenever its text
arrived, and an interrupted turn shows what was heard of it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import median
from typing import Final

from gateway.records.bill import Bill, bill, render_bill
from gateway.records.journal import JournalEntry


@dataclass(frozen=True, slots=True)
class TurnLatency:
    """How long the caller waited for an answer: from the end of their speech to the first audio sent."""

    turn: int
    at_ms: int
    """When the answer began."""
    latency_ms: int


@dataclass(frozen=True, slots=True)
class Interruption:
    """A barge-in: of ``sent_ms`` of an item, ``heard_ms`` had been heard."""

    turn: int
    at_ms: int
    heard_ms: int
    sent_ms: int
    action: str


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool from the question to its answer; ``took_ms`` and ``ok`` are None when none came."""

    name: str
    at_ms: int
    arguments: str
    took_ms: int | None = None
    ok: bool | None = None
    output: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is worth knowing of a call at a glance. Times are milliseconds."""

    call_id: str
    started_at_s: float | None
    """Unix seconds; None for a journal without a beginning."""
    duration_ms: int
    ending: str
    """``who/reason``; empty for a journal without an end."""
    ok: bool
    latencies: tuple[TurnLatency, ...]
    latency_p50_ms: int | None
    latency_max_ms: int | None
    interruptions: tuple[Interruption, ...]
    tools: tuple[ToolUse, ...]
    caller_turns: int
    agent_turns: int
    disclosure_heard_ms: int | None
    disclosure_of_ms: int | None
    faults: tuple[str, ...]
    bill: Bill


def summarise(entries: Sequence[JournalEntry]) -> Summary:
    """Return the figures of a call; a journal that breaks off gives what it holds."""
    started = _first(entries, "call_started")
    ended = _first(entries, "call_ended")
    disclosure = _first(entries, "disclosure_heard")
    latencies = tuple(
        TurnLatency(entry.count("turn"), entry.at_ms, latency_ms)
        for entry in spoken(entries)
        if entry.event == "agent_spoke" and (latency_ms := entry.number("latency_ms")) is not None
    )
    waits = [latency.latency_ms for latency in latencies]
    last_ms = max((entry.at_ms for entry in entries), default=0)
    return Summary(
        call_id=started.text("call_id") if started else "",
        started_at_s=_seconds(started),
        duration_ms=ended.count("duration_ms") if ended else last_ms,
        ending=f"{ended.text('who')}/{ended.text('reason')}" if ended else "",
        ok=ended.flag("ok") if ended else False,
        latencies=latencies,
        latency_p50_ms=int(median(waits)) if waits else None,
        latency_max_ms=max(waits, default=None),
        interruptions=tuple(
            Interruption(
                entry.count("turn"), entry.at_ms, entry.count("heard_ms"), entry.count("sent_ms"), entry.text("action")
            )
            for entry in entries
            if entry.event == "barge_in"
        ),
        tools=tool_uses(entries),
        caller_turns=sum(entry.event == "caller_spoke" for entry in entries),
        agent_turns=sum(entry.event == "agent_spoke" for entry in entries),
        disclosure_heard_ms=disclosure.number("heard_ms") if disclosure else None,
        disclosure_of_ms=disclosure.number("of_ms") if disclosure else None,
        faults=tuple(entry.text("kind") for entry in entries if entry.event == "fault"),
        bill=bill(entries),
    )


def spoken(entries: Sequence[JournalEntry]) -> list[JournalEntry]:
    """Return both sides' turns in the order in which they began to speak."""
    turns = [entry for entry in entries if entry.event in ("caller_spoke", "agent_spoke")]
    return sorted(turns, key=lambda entry: entry.at_ms)


def tool_uses(entries: Sequence[JournalEntry]) -> tuple[ToolUse, ...]:
    """Return every tool call with its answer; answers of one tool come in the order of its calls."""
    open_calls: dict[str, deque[int]] = defaultdict(deque)
    uses: list[ToolUse] = []
    for entry in entries:
        name = entry.text("name")
        if entry.event == "tool_called":
            open_calls[name].append(len(uses))
            uses.append(ToolUse(name, entry.at_ms, entry.text("arguments")))
        elif entry.event == "tool_returned":
            took_ms = entry.count("took_ms")
            if open_calls[name]:
                index = open_calls[name].popleft()
                asked = uses[index]
            else:  # the line that asked is lost
                index = len(uses)
                asked = ToolUse(name, entry.at_ms - took_ms, "")
                uses.append(asked)
            uses[index] = ToolUse(name, asked.at_ms, asked.arguments, took_ms, entry.flag("ok"), entry.text("output"))
    return tuple(uses)


SILENCED_BECAUSE: Final = {
    "card_data": "card data",
    "no_words": "what was said was not written down",
    "words_late": "what was said was not written down in time",
}
"""Why a stretch of the recording is silent, for people."""


def render_transcript(entries: Sequence[JournalEntry]) -> str:
    """Return a call as plain text: a head line, then who said what when, with interruptions and tools marked."""
    return "\n".join([*_head(entries), "", *_body(entries), ""])


def render_summary(summary: Summary) -> str:
    """Return the figures as plain text: a line each, the latency of every turn among them."""
    lines = [
        f"ending        {summary.ending or 'none: the journal breaks off'}{'' if summary.ok else '  (not ok)'}",
        f"duration      {summary.duration_ms / 1000:.1f} s",
        f"turns         {summary.caller_turns} of the caller, {summary.agent_turns} of the agent",
    ]
    if summary.latency_p50_ms is not None:
        lines.append(f"latency       p50 {summary.latency_p50_ms} ms, max {summary.latency_max_ms} ms")
        lines += [
            f"  turn {latency.turn:<3}    {latency.latency_ms:>5} ms  at {clock(latency.at_ms)}"
            for latency in summary.latencies
        ]
    lines += [
        f"barge-in      at {clock(each.at_ms)}: {each.heard_ms} of {each.sent_ms} ms heard, {each.action}"
        for each in summary.interruptions
    ]
    lines += [f"tool          {tool.name} at {clock(tool.at_ms)}: {_outcome(tool)}" for tool in summary.tools]
    if summary.disclosure_of_ms is not None:
        lines.append(f"disclosure    {summary.disclosure_heard_ms} of {summary.disclosure_of_ms} ms heard")
    lines += [f"fault         {kind}" for kind in summary.faults]
    lines += render_bill(summary.bill)
    return "\n".join([*lines, ""])


def clock(at_ms: int) -> str:
    """Return a time of the call as ``minutes:seconds.tenths``, rounded down."""
    tenths = at_ms // 100
    return f"{tenths // 600}:{tenths // 10 % 60:02}.{tenths % 10}"


def _first(entries: Sequence[JournalEntry], event: str) -> JournalEntry | None:
    return next((entry for entry in entries if entry.event == event), None)


def _seconds(started: JournalEntry | None) -> float | None:
    value = started.fields.get("started_at_s") if started else None
    return float(value) if isinstance(value, int | float) else None


def _head(entries: Sequence[JournalEntry]) -> list[str]:
    started = _first(entries, "call_started")
    if started is None:
        return ["a call without a beginning"]
    at_s = _seconds(started)
    when = datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at_s is not None else "unknown time"
    numbers = f"{started.text('caller_number') or 'withheld'} → {started.text('dialed_number') or 'unknown'}"
    return [
        f"call {started.text('call_id')}, {when}",
        f"{numbers} by {started.text('leg')}, {started.text('persona')} on {started.text('endpoint')}",
    ]


def _body(entries: Sequence[JournalEntry]) -> list[str]:
    lines = [
        (tool.at_ms, _line(tool.at_ms, "tool", f"{tool.name} {tool.arguments} → {_outcome(tool)}"))
        for tool in tool_uses(entries)
    ]
    lines += [(entry.at_ms, said) for entry in entries if (said := _said(entry)) is not None]
    lines.sort(key=lambda line: line[0])
    return [line for _, line in lines]


def _said(entry: JournalEntry) -> str | None:
    """Return the line of one entry; None for what a transcript leaves out."""
    match entry.event:
        case "caller_spoke":
            return _line(entry.at_ms, "caller", entry.text("text") or "(no transcript)")
        case "agent_spoke":
            words = entry.text("text") or "(nothing heard)"
            if entry.flag("interrupted"):
                words += f" — [interrupted: {entry.count('heard_ms')} of {entry.count('generated_ms')} ms heard]"
            elif (purpose := entry.text("purpose")) not in ("", "answer"):
                words += f" [{purpose}]"
            return _line(entry.at_ms, "agent", words)
        case "flow" if entry.text("name") == "step_entered":
            return _line(entry.at_ms, "step", entry.text("step"))
        case "keys_pressed":
            return _line(entry.at_ms, "keys", f"{entry.count('count')} pressed")
        case "transferred":
            outcome = "transferred" if entry.flag("ok") else "transfer refused"
            return _line(entry.at_ms, "transfer", f"{outcome}: {entry.text('target')}")
        case "recording_silenced":
            why = SILENCED_BECAUSE.get(entry.text("why"), entry.text("why"))
            return _line(entry.at_ms, "recording", f"silent until {clock(entry.count('until_ms'))}: {why}")
        case "fault":
            return _line(entry.at_ms, "fault", f"{entry.text('kind')}: {entry.text('message')}")
        case "call_ended":
            return _line(entry.at_ms, "ended", f"{entry.text('who')}/{entry.text('reason')}")
        case _:
            return None


def _line(at_ms: int, who: str, what: str) -> str:
    one_line = " ".join(what.split())
    return f"{clock(at_ms):>8}  {who:<8}  {one_line}"


def _outcome(tool: ToolUse) -> str:
    if tool.took_ms is None:
        return "no answer"
    return f"{'ok' if tool.ok else 'failed'} in {tool.took_ms} ms {tool.output}".rstrip()
