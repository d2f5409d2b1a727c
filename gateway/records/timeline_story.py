"""What a timeline shows of a call: its journal as things that have a place on the time axis.

Pure. How they look is for :mod:`gateway.records.timeline`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from gateway.records.journal import JournalEntry
from gateway.records.summary import SILENCED_BECAUSE, Summary, clock, spoken, tool_uses

_ASSUMED_SPEECH_MS: Final = 600
"""Length of an utterance whose end is unknown."""


@dataclass(frozen=True, slots=True)
class Speech:
    """A stretch of speech of one side. Times are milliseconds since the leg started."""

    who: str
    """``caller`` or ``agent``."""
    start_ms: float
    end_ms: float
    """Where it ended for the caller's ear."""
    unheard_ms: float
    """Milliseconds after that which were made and never heard."""
    words: str
    missing: bool
    """No words are known."""
    latency_ms: int | None
    """The caller's wait before it, if it answers them."""
    hint: str
    """What shows under the mouse: everything that is known."""


class Flag(NamedTuple):
    """Something at one moment; ``kind`` is ``barge``, ``bad``, ``end`` or ``plain``."""

    at_ms: float
    words: str
    kind: str
    hint: str


class Tool(NamedTuple):
    """A tool at work; ``kind`` is its class in the style sheet."""

    start_ms: float
    end_ms: float
    words: str
    kind: str
    hint: str


def speeches_of(entries: Sequence[JournalEntry]) -> list[Speech]:
    """Return both sides' speech in the order in which it began."""
    return [_caller_speech(turn) if turn.event == "caller_spoke" else _agent_speech(turn) for turn in spoken(entries)]


def _caller_speech(entry: JournalEntry) -> Speech:
    stopped = entry.number("stopped_ms")
    end_ms = stopped if stopped is not None else entry.at_ms + _ASSUMED_SPEECH_MS
    words = entry.text("text")
    hint = f"caller, {clock(entry.at_ms)} to {clock(end_ms)}: {words or 'no transcript'}"
    return Speech("caller", entry.at_ms, end_ms, 0, words or "no transcript", not words, None, hint)


def _agent_speech(entry: JournalEntry) -> Speech:
    heard_ms, generated_ms = entry.count("heard_ms"), entry.count("generated_ms")
    unheard_ms = max(0, generated_ms - heard_ms) if entry.flag("interrupted") else 0
    words, purpose = entry.text("text"), entry.text("purpose")
    latency_ms = entry.number("latency_ms")
    facts = [purpose, clock(entry.at_ms), f"heard {heard_ms} of {generated_ms} ms"]
    if latency_ms is not None:
        facts.append(f"{latency_ms} ms after the caller")
    hint = f"agent, {', '.join(fact for fact in facts if fact)}: {words or 'nothing heard'}"
    shown = f"{words} —" if words and entry.flag("interrupted") else words or "nothing heard"
    if purpose not in ("", "answer"):
        shown = f"[{purpose}] {shown}"
    return Speech("agent", entry.at_ms, entry.at_ms + heard_ms, unheard_ms, shown, not words, latency_ms, hint)


def flags_of(entries: Sequence[JournalEntry], summary: Summary) -> list[Flag]:
    """Return what happened at one moment, in order of time."""
    flags = []
    for entry in entries:
        at_ms = entry.at_ms
        match entry.event:
            case "barge_in":
                heard, sent = entry.count("heard_ms"), entry.count("sent_ms")
                hint = f"{heard} of {sent} ms had been heard, {entry.text('action')}, at {clock(at_ms)}"
                flags.append(Flag(at_ms, f"barge-in {heard}/{sent} ms", "barge", hint))
            case "disclosure_heard":
                heard, of = entry.count("heard_ms"), entry.count("of_ms")
                whole = "disclosure heard" if heard >= of else f"disclosure: {heard} of {of} ms heard"
                flags.append(Flag(at_ms, whole, "plain" if heard >= of else "bad", f"{heard} of {of} ms heard"))
            case "keys_pressed":
                count = entry.count("count")
                words = "1 key" if count == 1 else f"{count} keys"
                flags.append(Flag(at_ms, words, "plain", f"{words} pressed at {clock(at_ms)}"))
            case "flow" if entry.text("name") == "step_entered":
                step = entry.text("step")
                flags.append(Flag(at_ms, f"step {step}", "plain", f"{entry.text('flow')}: {step} at {clock(at_ms)}"))
            case "idle_prompt":
                flags.append(Flag(at_ms, f"silent · prompt {entry.count('step')}", "plain", "the caller said nothing"))
            case "model_replaced":
                why, gap = entry.text("why"), entry.count("gap_ms")
                words = f"another session · {why}" + (f" {gap} ms" if gap else "")
                left_out = entry.count("left_out")
                hint = f"another model session was told {entry.count('replayed')} items" + (
                    f", and {left_out} were too much for it" if left_out else ""
                )
                flags.append(Flag(at_ms, words, "bad" if left_out else "plain", hint))
            case "context_folded":
                hint = f"{entry.count('items')} items of the conversation became a summary"
                flags.append(Flag(at_ms, "summarised", "plain", hint))
            case "transferred":
                words = "transferred" if entry.flag("ok") else "transfer refused"
                kind = "plain" if entry.flag("ok") else "bad"
                flags.append(Flag(at_ms, words, kind, f"{words}: {entry.text('target')}"))
            case "recording_silenced":
                why = SILENCED_BECAUSE.get(entry.text("why"), entry.text("why"))
                hint = f"the recording is silent until {clock(entry.count('until_ms'))}: {why}"
                flags.append(Flag(at_ms, f"not recorded · {why}", "plain", hint))
            case "fault":
                flags.append(Flag(at_ms, entry.text("kind"), "bad", f"{entry.text('kind')}: {entry.text('message')}"))
            case "call_ended":
                kind = "end" if summary.ok else "bad"
                flags.append(Flag(at_ms, summary.ending, kind, f"ended at {clock(at_ms)}: {summary.ending}"))
    return sorted(flags)


def tools_of(entries: Sequence[JournalEntry]) -> list[Tool]:
    """Return the tools that ran, in order of time."""
    drawn = []
    for tool in tool_uses(entries):
        took_ms = tool.took_ms or 0
        outcome = "no answer" if tool.took_ms is None else f"{took_ms} ms" + ("" if tool.ok else " · failed")
        hint = f"{tool.name} {tool.arguments} at {clock(tool.at_ms)}: {outcome} {tool.output}".strip()
        kind = "tool" if tool.ok or tool.ok is None else "tool failed"
        drawn.append(Tool(tool.at_ms, tool.at_ms + took_ms, f"{tool.name} · {outcome}", kind, hint))
    return sorted(drawn)
