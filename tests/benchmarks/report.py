"""Markdown of what was found: the subjects side by side, their ratio, and design budgets where there are any."""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.capacity import Capacity
from tests.benchmarks.figures import Figures, percentile

REFERENCE: Final = "reference"
"""The subject that budgets do not judge: it is what others are held against."""


@dataclass(frozen=True)
class Row:
    """A line of the table: a figure, and the largest magnitude that the design allows it."""

    label: str
    value: Callable[[Figures], float]
    digits: int = 2
    limit: float | None = None
    inclusive: bool = False
    ratio: bool = False


def _at(samples: Callable[[Figures], list[float]], percent: float) -> Callable[[Figures], float]:
    return lambda figures: percentile(samples(figures), percent)


def _most(samples: Callable[[Figures], list[float]]) -> Callable[[Figures], float]:
    return lambda figures: max(samples(figures), default=math.nan)


LATENCY: Final = (
    Row("CPU, ms per call-second", lambda f: f.cpu_ms_per_call_s, ratio=True),
    Row("core used, %", lambda f: f.core_percent, 0),
    Row("added uplink latency p50, ms", _at(lambda f: f.uplink_ms, 50), ratio=True),
    Row("added uplink latency p99, ms", _at(lambda f: f.uplink_ms, 99), limit=1, ratio=True),
    Row("audio per append, ms", _at(lambda f: f.ms_per_append, 50), 0),
    Row("first delta in, first media out p50, ms", _at(lambda f: f.first_media_ms, 50), ratio=True),
    Row("first delta in, first media out p99, ms", _at(lambda f: f.first_media_ms, 99), limit=1, ratio=True),
    Row("speech_started in, clear out p50, ms", _at(lambda f: f.clear_ms, 50), ratio=True),
    Row("speech_started in, clear out p99, ms", _at(lambda f: f.clear_ms, 99), limit=2, ratio=True),
    Row("dead audio after the clear, most, ms", _most(lambda f: f.leak_ms), 0, limit=0, inclusive=True),
    Row("truncation error p1, ms", _at(lambda f: f.truncation_ms, 1), 1, limit=20, inclusive=True),
    Row("truncation error p50, ms", _at(lambda f: f.truncation_ms, 50), 1),
    Row("truncation error p99, ms", _at(lambda f: f.truncation_ms, 99), 1, limit=20, inclusive=True),
    Row("barge-ins", lambda f: f.barge_ins, 0),
    Row("barge-ins not cleared", lambda f: f.uncleared, 0, limit=0, inclusive=True),
    Row("barge-ins cleared, not truncated", lambda f: f.untruncated, 0, limit=0, inclusive=True),
    Row("underruns", lambda f: f.underruns, 0, limit=0, inclusive=True),
    Row("caller frames lost", lambda f: f.frames_lost, 0, limit=0, inclusive=True),
    Row("caller frames altered", lambda f: f.frames_altered, 0, limit=0, inclusive=True),
    Row("protocol faults", lambda f: f.faults, 0, limit=0, inclusive=True),
    Row("calls dropped", lambda f: f.dropped_calls, 0, limit=0, inclusive=True),
    Row("start to first append p50, ms", _at(lambda f: f.setup_ms, 50), 1),
    Row("start to first append p99, ms", _at(lambda f: f.setup_ms, 99), 1),
    Row("resident, MiB", lambda f: f.rss_bytes / 2**20, 1, ratio=True),
    Row("*harness: lag p99, ms*", _at(lambda f: f.lag_ms, 99)),
    Row("*harness: its core used, %*", lambda f: f.harness_percent, 0),
    Row("*disturbance: others on the subject's or the harness's core, %*", lambda f: f.disturbed_percent, 0),
)

TRUNCATION: Final = tuple(row for row in LATENCY if "trunc" in row.label or "clear" in row.label or row.label[0] == "*")


def machine() -> dict[str, Any]:
    """Return what the figures depend on: processor, cores, Python and the packages on the audio path."""
    from importlib.metadata import PackageNotFoundError, version

    def of(package: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return "-"

    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    packages = {name: of(name) for name in ("uvicorn", "starlette", "websockets", "uvloop", "msgspec", "numpy")}
    return {"processor": model, "cores": os.cpu_count(), "python": platform.python_version(), **packages}


def number(value: float, digits: int) -> str:
    """Return a figure for a table; a dash for what was not measured."""
    if math.isnan(value):
        return "-"
    return f"{round(value, digits) + 0.0:.{digits}f}"


def side_by_side(found: dict[str, Figures], rows: tuple[Row, ...]) -> str:
    """Return a table of rows by subjects; the ratio is the last subject to the first, the budget judges the last."""
    names = list(found)
    pair = len(names) > 1
    heads = ["", *names, *([f"{names[-1]} / {names[0]}"] if pair else []), "budget"]
    lines = [_line(heads), _line(["---", *["---:"] * (len(heads) - 1)])]
    for row in rows:
        values = [row.value(figures) for figures in found.values()]
        cells = [row.label, *(number(value, row.digits) for value in values)]
        if pair:
            cells.append(number(values[-1] / values[0], 2) if row.ratio and values[0] else "")
        cells.append(_verdict(row, values[-1] if names[-1] != REFERENCE else math.nan))
        lines.append(_line(cells))
    for name, figures in found.items():
        if figures.void:
            lines.append(f"\n**{name}: void** ({figures.void}); run it again on a quieter machine.")
        elif figures.disturbed:
            lines.append(f"\n{name}: {figures.disturbed}.")
    return "\n".join(lines)


def _verdict(row: Row, value: float) -> str:
    if row.limit is None:
        return ""
    sign = "within ±" if row.limit == 20 else ("" if row.limit == 0 else "< ")
    met = abs(value) <= row.limit if row.inclusive else abs(value) < row.limit
    limit = f"{sign}{row.limit:g}"
    return limit if math.isnan(value) else f"{limit}: {'met' if met else 'MISSED'}"


def capacity_table(found: dict[str, Capacity]) -> str:
    """Return every step of each subject's search, and the result."""
    heads = ["", "calls", "uplink p99, ms", "core, %", "harness core, %", "harness lag p99, ms", "verdict"]
    lines = [_line(heads), _line(["---", *["---:"] * 5, "---"])]
    for name, capacity in found.items():
        for step in capacity.steps:
            figures = (step.uplink_p99_ms, step.core_percent, step.harness_percent, step.lag_p99_ms)
            cells = [name, str(step.calls), *(number(value, 1) for value in figures), step.verdict or "carried"]
            lines.append(_line(cells))
    for name, capacity in found.items():
        sign = ">= " if capacity.at_least else ""
        lines.append(f"\n{name}: **{sign}{capacity.largest} calls** on one core")
    names = list(found)
    if len(names) > 1 and found[names[0]].largest:
        ratio = found[names[-1]].largest / found[names[0]].largest
        lines.append(f"\n{names[-1]} / {names[0]}: {ratio:.2f}")
    return "\n".join(lines)


def memory_table(found: dict[str, dict[int, float]]) -> str:
    """Return resident MiB by calls, and the slope in KiB per call."""
    points = sorted({calls for by_calls in found.values() for calls in by_calls})
    heads = ["", *(f"{calls} calls, MiB" for calls in points), "KiB per call", "budget"]
    lines = [_line(heads), _line(["---", *["---:"] * (len(heads) - 1)])]
    for name, by_calls in found.items():
        per_call = slope(by_calls) * 1024
        verdict = _judge("< 100", name, per_call < 100)
        lines.append(_line([name, *(number(by_calls[calls], 1) for calls in points), number(per_call, 0), verdict]))
    return "\n".join(lines)


def slope(by_calls: dict[int, float]) -> float:
    """Return the least-squares slope of values over calls; nan with fewer than two points."""
    if len(by_calls) < 2:
        return math.nan
    mean_x = sum(by_calls) / len(by_calls)
    mean_y = sum(by_calls.values()) / len(by_calls)
    spread = sum((x - mean_x) ** 2 for x in by_calls)
    return sum((x - mean_x) * (y - mean_y) for x, y in by_calls.items()) / spread


def start_table(found: dict[str, dict[str, float]]) -> str:
    """Return seconds until listening, and the price of the imports."""
    lines = [
        _line(["", "boot to listen, best, s", "median, s", "import, best, s", "resident after import, MiB", "budget"]),
        _line(["---", *["---:"] * 5]),
    ]
    for name, figures in found.items():
        cells = [name, *(number(figures[key], 3) for key in ("boot_best_s", "boot_median_s", "import_s"))]
        verdict = _judge("< 0.5 s to listen", name, figures["boot_median_s"] < 0.5)
        lines.append(_line([*cells, number(figures["import_mib"], 1), verdict]))
    return "\n".join(lines)


def _judge(limit: str, name: str, met: bool) -> str:
    return limit if name == REFERENCE else f"{limit}: {'met' if met else 'MISSED'}"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
