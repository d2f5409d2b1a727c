"""A call as a picture: both waveforms on one time axis, who said what, and what the machine did in between.

Top to bottom in each row: flags (barge-ins, keys, faults, the ending), the caller's words and sound, the waits between
the caller's last sound and the answer's first, the agent's sound and words, tools. Speech that was sent but never heard
is hatched. Calls over a minute wrap into rows. The picture is one SVG file without anything outside of it; light, and
dark where the viewer prefers that. Words too long for their room end in an ellipsis and show in full under the mouse.

:func:`timeline_svg` is pure; :func:`draw_timeline` reads and writes files and blocks.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from gateway.audio.level import envelope
from gateway.audio.wav import read_wav
from gateway.records.drawing import ELLIPSIS, Pen, fitted, text_width, wrapped
from gateway.records.journal import JournalEntry, read_journal
from gateway.records.summary import Summary, clock, summarise
from gateway.records.timeline_story import Flag, Speech, Tool, flags_of, speeches_of, tools_of
from gateway.records.timeline_style import DEFS, STYLE

_ROW_MS: Final = 60_000
"""Longest stretch on one row."""
_WIDTH: Final = 1440.0
_LEFT: Final = 92.0
_PLOT: Final = _WIDTH - _LEFT - 40.0
_HEAD: Final = 118.0
_FOOT: Final = 44.0

_LINE: Final = 14.5
_LETTER: Final = 11.5
_SMALL: Final = 10.5
_CARD_LINES: Final = 5
_WAVE: Final = 56.0
_WAITS: Final = 30.0
_FLAG: Final = 22.0
_LANE: Final = 21.0
_LEAST_BAR: Final = 4.0
_LEAST_LETTERS: Final = 6
"""A card that would show less of its words is left out; the bar's hint has them."""
_CARD_WISH: Final = 190.0
"""Width that a card may take beyond its speech before it begins a second line."""
_SILENT_PEAK: Final = 0.02
"""A channel quieter than this is not blown up: its noise would look like speech."""


def draw_timeline(journal_path: Path, wav_path: Path | None, out_svg: Path) -> None:
    """Draw the picture of a finished call into ``out_svg`` (mode 0600); without a recording it has no waveforms.

    Raises:
        ConfigurationError: the journal or the recording is damaged.
        OSError: a file can't be read or written.

    """
    channels, rate_hz = read_wav(wav_path) if wav_path is not None and wav_path.exists() else ([], 8000)
    picture = timeline_svg(read_journal(journal_path), channels, rate_hz)
    descriptor = os.open(out_svg, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(picture)


def timeline_svg(entries: Sequence[JournalEntry], channels: Sequence[bytes], rate_hz: int) -> str:
    """Return the picture as SVG text.

    Args:
        entries: the call's journal.
        channels: PCM16 of the caller and of what they heard, from the leg's start on; fewer leave waveforms out.
        rate_hz: samples per second of ``channels``.

    """
    summary = summarise(entries)
    waves = [_Wave.of(channel, rate_hz) for channel in channels[:2]]
    call = _Call(speeches_of(entries), flags_of(entries, summary), tools_of(entries), waves)
    total_ms = max(summary.duration_ms, *call.ends_ms())

    pen = Pen()
    pen.rect(0, 0, _WIDTH, 100_000, "paper")
    _draw_head(pen, entries, summary, total_ms)
    top = _HEAD
    for row in _rows(total_ms):
        top = _draw_row(pen, row, top, call)
    _draw_foot(pen, top)
    name = f"call {summary.call_id}" if summary.call_id else "a call"
    return pen.svg(
        _WIDTH,
        top + _FOOT,
        title=f"Timeline of {name}",
        about=f"{total_ms / 1000:.0f} s, {summary.caller_turns} turns of the caller, {summary.agent_turns} of the "
        f"agent, {len(summary.interruptions)} barge-ins, ended {summary.ending or 'without a record of its end'}",
        style=STYLE,
        defs=DEFS,
    )


# --- sound and time ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Wave:
    """One channel, with what its drawing is scaled by."""

    pcm: bytes
    rate_hz: int
    peak: float

    @classmethod
    def of(cls, pcm: bytes, rate_hz: int) -> _Wave:
        return cls(pcm, rate_hz, max(_SILENT_PEAK, *envelope(pcm, 1000)))

    @property
    def length_ms(self) -> float:
        return len(self.pcm) / 2 * 1000 / self.rate_hz

    def heights(self, start_ms: float, end_ms: float, room: float) -> tuple[list[float], float]:
        """Return heights for a stretch, one for every 1.5 pixels, and the part of ``room`` that they fill."""
        first, last = (2 * round(at_ms * self.rate_hz / 1000) for at_ms in (start_ms, end_ms))
        piece = self.pcm[first:last]
        width = room * len(piece) / max(2, last - first)
        if width < 1.5:
            return [], 0.0
        # Quiet sounds count too: the eye gets a little of the ear's compression.
        return [(height / self.peak) ** 0.75 for height in envelope(piece, int(width / 1.5))], width


class _Call(NamedTuple):
    """Everything that has a place on the time axis, each in order of time."""

    speeches: list[Speech]
    flags: list[Flag]
    tools: list[Tool]
    waves: list[_Wave]

    def ends_ms(self) -> list[float]:
        """Return where each thing ends; a journal that broke off does not say where the call did."""
        things = [*(speech.end_ms for speech in self.speeches), *(tool.end_ms for tool in self.tools)]
        return [1000.0, *things, *(wave.length_ms for wave in self.waves)]


@dataclass(frozen=True, slots=True)
class _Row:
    start_ms: float
    end_ms: float

    def x(self, at_ms: float) -> float:
        """Return where a time stands, kept within the row."""
        inside = min(max(at_ms, self.start_ms), self.end_ms)
        return _LEFT + (inside - self.start_ms) / (self.end_ms - self.start_ms) * _PLOT

    def meets(self, start_ms: float, end_ms: float) -> bool:
        return start_ms < self.end_ms and end_ms >= self.start_ms


def _rows(total_ms: float) -> list[_Row]:
    """Cut the call into rows of one length, a whole number of seconds each; its very end lies within the last."""
    count = math.ceil(total_ms / _ROW_MS)
    length_ms = (total_ms / count // 1000 + 1) * 1000.0
    return [_Row(index * length_ms, (index + 1) * length_ms) for index in range(count)]


# --- drawing it ----------------------------------------------------------------------------------------------------


def _draw_head(pen: Pen, entries: Sequence[JournalEntry], summary: Summary, total_ms: float) -> None:
    started = next((entry for entry in entries if entry.event == "call_started"), None)
    pen.text(32, 42, f"Call {summary.call_id}".strip(), "title")
    if started is not None:
        when = ""
        if summary.started_at_s is not None:
            moment = datetime.fromtimestamp(summary.started_at_s, UTC)
            when = f"{moment.day} {moment:%B %Y, %H:%M:%S} UTC"
        numbers = f"{started.text('caller_number') or 'withheld'} → {started.text('dialed_number') or 'unknown'}"
        formats = f"{started.text('from_caller')} ⇄ {started.text('to_model')}"
        who = f"{started.text('persona')} on {started.text('endpoint')}"
        facts = [when, f"{numbers} by {started.text('leg')}", who, formats]
        pen.text(32, 64, fitted("   ·   ".join(fact for fact in facts if fact), _WIDTH - 64, 13), "subtitle")
    ending = summary.ending or "no record of the end"
    width = text_width(ending, 13, bold=True) + 28
    pen.rect(_WIDTH - 32 - width, 22, width, 28, f"badge {'good' if summary.ok else 'bad'}", radius=14)
    pen.text(_WIDTH - 32 - width / 2, 40.5, ending, f"badge-text {'good' if summary.ok else 'bad'}")
    x = 32.0
    for figure, what in _figures(summary, total_ms):
        figure_width = text_width(figure, 13, bold=True)
        width = figure_width + text_width(what, 12) + 29
        pen.rect(x, 78, width, 26, "chip", radius=13)
        pen.text(x + 12, 95.5, figure, "chip-figure")
        pen.text(x + 17 + figure_width, 95.5, what, "chip-text")
        x += width + 8


def _figures(summary: Summary, total_ms: float) -> list[tuple[str, str]]:
    figures = [
        (clock(round(total_ms)), "long"),
        (str(summary.caller_turns + summary.agent_turns), "turns"),
        (str(len(summary.interruptions)), "barge-in" if len(summary.interruptions) == 1 else "barge-ins"),
        (str(len(summary.tools)), "tool call" if len(summary.tools) == 1 else "tool calls"),
    ]
    if summary.latency_p50_ms is not None:
        figures.append((f"{summary.latency_p50_ms} ms", "median wait for an answer"))
        figures.append((f"{summary.latency_max_ms} ms", "longest"))
    if summary.faults:
        figures.append((str(len(summary.faults)), "fault" if len(summary.faults) == 1 else "faults"))
    return figures


def _draw_row(pen: Pen, row: _Row, top: float, call: _Call) -> float:
    """Draw one row and return where the next begins."""
    flags = [flag for flag in call.flags if row.meets(flag.at_ms, flag.at_ms)]
    tools = [tool for tool in call.tools if row.meets(tool.start_ms, tool.end_ms)]
    flag_levels = _levels([_flag_span(row, flag) for flag in flags])
    tool_levels = _levels([_tool_span(row, tool) for tool in tools])
    upper, lower = (_cards(row, [each for each in call.speeches if each.who == who]) for who in ("caller", "agent"))

    cards = top + 8 + _FLAG * (1 + max(flag_levels, default=0))
    wave = cards + _height(upper) + 10
    waits = wave + _WAVE
    lower_wave = waits + _WAITS
    lower_cards = lower_wave + _WAVE + 10
    lanes = lower_cards + _height(lower) + 10
    axis = lanes + _LANE * (1 + max(tool_levels, default=-1)) + 4

    _draw_axis(pen, row, cards - 4, axis)
    for label, y in (("CALLER", wave + _WAVE / 2), ("AGENT", lower_wave + _WAVE / 2)):
        pen.text(_LEFT - 16, y + 4, label, f"lane {label.lower()}")
    pen.text(_LEFT - 16, waits + _WAITS / 2 + 4, "WAIT", "lane")
    if tools:
        pen.text(_LEFT - 16, lanes + 13, "TOOLS", "lane")
    for side, y, channel in zip(("caller", "agent"), (wave, lower_wave), call.waves, strict=False):
        heights, width = channel.heights(row.start_ms, row.end_ms, _PLOT)
        pen.waveform(_LEFT, y + _WAVE / 2, heights, f"wave {side}", width=width, half=_WAVE / 2)
    for flag, level in zip(flags, flag_levels, strict=True):
        _draw_flag(pen, row, flag, cards - _FLAG * (level + 1) - 2, lower_cards)
    for card in upper:
        _draw_card(pen, card, wave - 12 - card.height, wave - 9)
    for card in lower:
        _draw_card(pen, card, lower_cards + 2, lower_cards - 5)
    for speech in call.speeches:
        if speech.latency_ms is not None and row.start_ms <= speech.start_ms < row.end_ms:
            _draw_wait(pen, row, speech, waits + _WAITS / 2)
    for tool, level in zip(tools, tool_levels, strict=True):
        _draw_tool(pen, row, tool, lanes + level * _LANE)
    return axis + 40


@dataclass(frozen=True, slots=True)
class _Card:
    """A speech as it stands on a row, in pixels."""

    speech: Speech
    left: float
    right: float
    """Where it ended for the ear."""
    unheard: float
    """Where what was never heard would have ended."""
    width: float
    lines: list[str]

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + 8


def _cards(row: _Row, speeches: Sequence[Speech]) -> list[_Card]:
    """Lay out one side's words on a row: each as wide as it needs, from its start to the next one's at most."""
    cards = []
    for index, speech in enumerate(speeches):
        if not row.meets(speech.start_ms, speech.end_ms + speech.unheard_ms):
            continue
        following = speeches[index + 1].start_ms if index + 1 < len(speeches) else math.inf
        limit = (row.x(following) if following < row.end_ms else _LEFT + _PLOT + 30) - 5
        left, right = row.x(speech.start_ms), row.x(speech.end_ms)
        unheard = min(row.x(speech.end_ms + speech.unheard_ms), limit)
        lines = _words(speech, max(right - left, min(limit - left, _CARD_WISH)))
        if lines and lines[-1].endswith(ELLIPSIS):
            lines = _words(speech, max(right, limit) - left)
        width = max([right - left, *(text_width(line, _LETTER) + 14 for line in lines)])
        cards.append(_Card(speech, left, right, max(right, unheard), width, lines))
    return cards


def _words(speech: Speech, width: float) -> list[str]:
    lines = wrapped(speech.words, width - 14, _LETTER, _CARD_LINES)
    shown = sum(map(len, lines))
    return lines if shown >= min(_LEAST_LETTERS, len(speech.words)) else []


def _height(cards: Sequence[_Card]) -> float:
    return max((card.height for card in cards if card.lines), default=0.0)


def _levels(spans: Sequence[tuple[float, float]]) -> list[int]:
    """Give each span, from its left to its right edge, the lowest level on which it meets no other."""
    taken: list[list[tuple[float, float]]] = []
    levels = []
    for left, right in spans:
        free = (index for index, level in enumerate(taken) if all(right < at or end < left for at, end in level))
        level = next(free, len(taken))
        if level == len(taken):
            taken.append([])
        taken[level].append((left - 6, right + 6))
        levels.append(level)
    return levels


def _draw_axis(pen: Pen, row: _Row, top: float, bottom: float) -> None:
    seconds = (row.end_ms - row.start_ms) / 1000
    step = next(each for each in (1, 2, 5, 10) if seconds / each <= 30 or each == 10)
    pen.line(_LEFT, bottom, _LEFT + _PLOT, bottom, "axis")
    for second in range(math.ceil(row.start_ms / 1000 / step) * step, int(row.end_ms / 1000) + 1, step):
        x = row.x(second * 1000)
        pen.line(x, top, x, bottom, "grid")
        pen.text(x, bottom + 16, f"{second // 60}:{second % 60:02}", "tick")


def _draw_flag(pen: Pen, row: _Row, flag: Flag, y: float, bottom: float) -> None:
    x = row.x(flag.at_ms)
    left, right = _flag_span(row, flag)
    pen.line(x, y + 16, x, bottom, f"pole {flag.kind}", hint=flag.hint)
    pen.rect(left, y, right - left, 17, f"flag {flag.kind}", radius=4, hint=flag.hint)
    pen.text(left + 7, y + 12.3, flag.words, f"flag-text {flag.kind}", hint=flag.hint)


def _flag_span(row: _Row, flag: Flag) -> tuple[float, float]:
    """Return the edges of a flag: right of its pole, unless the picture ends there."""
    width = text_width(flag.words, _SMALL, bold=True) + 14
    left = min(row.x(flag.at_ms), _LEFT + _PLOT + 32 - width)
    return left, left + width


def _draw_card(pen: Pen, card: _Card, top: float, bar: float) -> None:
    """Draw words, and beside the waveform a bar as long as they were really heard."""
    speech = card.speech
    kind = f"{speech.who} missing" if speech.missing else speech.who
    if card.lines:
        pen.rect(card.left, top, card.width, card.height, f"card {kind}", radius=5, hint=speech.hint)
    for number, line in enumerate(card.lines):
        pen.text(card.left + 7, top + 14.5 + number * _LINE, line, f"words {kind}", hint=speech.hint)
    if speech.unheard_ms:
        pen.rect(card.right, bar - 1, card.unheard - card.right, 6, "unheard", hint=_unheard(speech))
    pen.rect(card.left, bar, max(_LEAST_BAR, card.right - card.left), 4, f"bar {kind}", radius=2, hint=speech.hint)


def _unheard(speech: Speech) -> str:
    return f"{speech.unheard_ms:.0f} ms were sent and never heard"


def _draw_wait(pen: Pen, row: _Row, speech: Speech, y: float) -> None:
    assert speech.latency_ms is not None
    start, end = row.x(speech.start_ms - speech.latency_ms), row.x(speech.start_ms)
    words = f"{speech.latency_ms} ms"
    hint = f"{words} from the caller's last sound to the answer's first"
    width = text_width(words, _SMALL, bold=True) + 14
    pen.path(f"M{start:.1f} {y - 7:.1f}V{y + 7:.1f}M{start:.1f} {y:.1f}H{end:.1f}M{end:.1f} {y - 7:.1f}V{y + 7:.1f}",
             "wait", hint=hint)  # fmt: skip
    inside = (start + end - width) / 2 if end - start >= width + 8 else end + 5
    pen.rect(inside, y - 8.5, width, 17, "wait-pill", radius=8.5, hint=hint)
    pen.text(inside + width / 2, y + 3.8, words, "wait-text", hint=hint)


def _draw_tool(pen: Pen, row: _Row, tool: Tool, y: float) -> None:
    left, right = row.x(tool.start_ms), row.x(tool.end_ms)
    pen.rect(left, y + 3, max(_LEAST_BAR, right - left), 13, tool.kind, radius=3, hint=tool.hint)
    if _tool_span(row, tool)[0] < left:
        pen.text(left - 6, y + 13.3, tool.words, "tool-text before", hint=tool.hint)
    else:
        pen.text(max(right, left + _LEAST_BAR) + 6, y + 13.3, tool.words, "tool-text", hint=tool.hint)


def _tool_span(row: _Row, tool: Tool) -> tuple[float, float]:
    """Return the edges of a tool's bar and its words, which stand behind it, or before it at the picture's edge."""
    left = row.x(tool.start_ms)
    right = max(row.x(tool.end_ms), left + _LEAST_BAR)
    words = text_width(tool.words, _SMALL) + 6
    return (left, right + words) if right + words <= _WIDTH - 4 else (left - words, right)


def _draw_foot(pen: Pen, top: float) -> None:
    x = _LEFT
    for kind, words in (
        ("bar caller", "the caller, as received"),
        ("bar agent", "the agent, as heard"),
        ("unheard", "sent, never heard"),
        ("pole-key", "barge-in"),
        ("wait-key", "caller stopped → first audio sent"),
    ):
        pen.rect(x, top + 8, 18, 6, kind, radius=2)
        pen.text(x + 25, top + 15, words, "legend")
        x += 25 + text_width(words, 11.5) + 26
