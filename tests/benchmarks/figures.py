"""What a run found: samples kept raw, so that rounds can be pooled, and their percentiles."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from tests.benchmarks.probe import CallProbe

LAG_LIMIT_MS: Final = 5.0
"""A run is void when 1 % of the harness's own frames were later than this."""
DISTURBED_PERCENT: Final = 3.0
"""A run is disturbed when others used more than this of the subject's or the harness's core."""


def percentile(samples: list[float], percent: float) -> float:
    """Return the nearest-rank percentile, a value that did occur; nan of nothing."""
    if not samples:
        return math.nan
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)]


@dataclass
class Figures:
    """One run, or several pooled. Lists are samples in milliseconds; the rest are sums unless they say otherwise."""

    calls: int = 0
    call_s: float = 0.0
    """Calls times the seconds of the window: what costs are divided by."""
    window_s: float = 0.0
    cpu_s: float = 0.0
    other_cpu_s: float = 0.0
    """What else kept a core busy in the window, the more disturbed of subject's and harness's."""
    harness_cpu_s: float = 0.0
    rss_bytes: int = 0
    """At the end of the window; the largest of pooled rounds."""
    boot_s: float = math.nan
    """The best of pooled rounds."""
    uplink_ms: list[float] = field(default_factory=list)
    ms_per_append: list[float] = field(default_factory=list)
    first_media_ms: list[float] = field(default_factory=list)
    clear_ms: list[float] = field(default_factory=list)
    leak_ms: list[float] = field(default_factory=list)
    truncation_ms: list[float] = field(default_factory=list)
    """Reported less true, at each barge-in."""
    setup_ms: list[float] = field(default_factory=list)
    """From ``start`` to the first append."""
    lag_ms: list[float] = field(default_factory=list)
    """How late the harness itself sent its frames."""
    barge_ins: int = 0
    uncleared: int = 0
    untruncated: int = 0
    underruns: int = 0
    frames_lost: int = 0
    frames_altered: int = 0
    dropped_calls: int = 0
    faults: int = 0
    """Truncations of a wrong item, events the endpoint would refuse, messages the carrier would warn about."""

    def add_call(self, probe: CallProbe, start_s: float, end_s: float) -> None:
        """Take what one call saw in the window."""
        latencies, lost = probe.uplink.latencies_ms(start_s, end_s)
        self.uplink_ms += latencies
        self.frames_lost += lost
        self.frames_altered += probe.uplink.altered
        self.faults += probe.wrong_items + probe.refused + probe.carrier_faults
        self.ms_per_append.append(probe.uplink.ms_per_append)
        if probe.started_s is not None and probe.uplink.first_append_s is not None:
            self.setup_ms.append((probe.uplink.first_append_s - probe.started_s) * 1000)
        for turn in probe.turns:
            if turn.first_media_s is not None and start_s <= turn.first_delta_s < end_s:
                self.first_media_ms.append((turn.first_media_s - turn.first_delta_s) * 1000)
            self.underruns += sum(start_s <= at_s < end_s for at_s in turn.dry_s)
            if turn.barged_s is None or not start_s <= turn.barged_s < end_s:
                continue
            self.barge_ins += 1
            if turn.clear_s is None:
                self.uncleared += 1
                continue
            self.clear_ms.append((turn.clear_s - turn.barged_s) * 1000)
            self.leak_ms.append(turn.leaked_bytes / 8)
            if turn.truncated_ms is None:
                self.untruncated += 1
            else:
                self.truncation_ms.append(turn.truncated_ms - turn.heard_ms)

    def pool(self, other: Figures) -> None:
        """Take another round of the same plan in."""
        self.calls = other.calls
        self.rss_bytes = max(self.rss_bytes, other.rss_bytes)
        self.boot_s = other.boot_s if math.isnan(self.boot_s) else min(self.boot_s, other.boot_s)
        for part in fields(self):
            if part.name not in ("calls", "rss_bytes", "boot_s"):
                setattr(self, part.name, getattr(self, part.name) + getattr(other, part.name))

    @property
    def cpu_ms_per_call_s(self) -> float:
        """The subject's CPU for one second of one call."""
        return self.cpu_s * 1000 / self.call_s if self.call_s else math.nan

    @property
    def core_percent(self) -> float:
        """How much of its core the subject used."""
        return self.cpu_s * 100 / self.window_s if self.window_s else math.nan

    @property
    def disturbed_percent(self) -> float:
        """How much of the more disturbed core others used."""
        return self.other_cpu_s * 100 / self.window_s if self.window_s else math.nan

    @property
    def harness_percent(self) -> float:
        """How much of its own core the harness used."""
        return self.harness_cpu_s * 100 / self.window_s if self.window_s else math.nan

    @property
    def void(self) -> str:
        """Why the figures do not count, or an empty text."""
        lag_ms = percentile(self.lag_ms, 99)
        if math.isnan(lag_ms):
            return "no frame was sent"
        return f"harness late: lag p99 {lag_ms:.1f} ms" if lag_ms > LAG_LIMIT_MS else ""

    @property
    def disturbed(self) -> str:
        """What others did to the run, or an empty text."""
        percent = self.disturbed_percent
        return f"disturbed: others used {percent:.0f} % of a core" if percent > DISTURBED_PERCENT else ""

    def overloaded(self, uplink_p99_ms: float) -> str:
        """Return why the subject does not carry this many calls, or an empty text."""
        if self.dropped_calls:
            return f"{self.dropped_calls} calls dropped"
        if self.frames_lost:
            return f"{self.frames_lost} frames lost"
        if self.underruns:
            return f"{self.underruns} underruns"
        p99_ms = percentile(self.uplink_ms, 99)
        if not p99_ms < uplink_p99_ms:
            return f"uplink p99 {p99_ms:.1f} ms"
        return ""

    def summary(self) -> dict[str, Any]:
        """Return JSON-ready figures: percentiles in place of samples."""
        result: dict[str, Any] = {}
        for name, value in asdict(self).items():
            if isinstance(value, list):
                result[name] = {
                    "count": len(value),
                    **{f"p{percent}": _plain(percentile(value, percent)) for percent in (1, 50, 99)},
                    "max": _plain(max(value, default=math.nan)),
                }
            else:
                result[name] = _plain(value)
        for name in ("cpu_ms_per_call_s", "core_percent", "disturbed_percent", "harness_percent"):
            result[name] = _plain(getattr(self, name))
        result["void"] = self.void
        return result


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
