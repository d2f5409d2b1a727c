"""How many calls one core carries: a stepped search that believes no single bad run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.benchmarks.figures import Figures, percentile
from tests.benchmarks.subject import NotStarted, SubjectFailed

UPLINK_P99_MS: Final = 20.0
"""A core carries N calls if 99 % of frames get through within a frame's time, none is lost and no playout runs dry."""
GROWTH: Final = 1.35
RESOLUTION: Final = 0.05
MAX_STEPS: Final = 18


@dataclass(frozen=True)
class Step:
    """One try; ``verdict`` is empty for a pass."""

    calls: int
    uplink_p99_ms: float
    core_percent: float
    harness_percent: float
    lag_p99_ms: float
    verdict: str
    void: bool = False
    """The harness was late or others used a core: a failure that says nothing about the subject."""


@dataclass
class Capacity:
    """The largest number of calls that passed; ``at_least`` if only the harness or the ceiling ended the search."""

    largest: int = 0
    at_least: bool = False
    steps: list[Step] = field(default_factory=list)


def search(try_calls: Callable[[int], Figures], start: int, ceiling: int) -> Capacity:
    """Search the largest N within 5 %, up from ``start``, at most ``ceiling``, in at most 18 steps.

    A step that fails is tried once more before it counts, and twice more if it was the machine's fault.

    Raises:
        NotStarted: the subject can't be started at all.
    """
    found = Capacity(at_least=True)
    bad = ceiling + 1
    calls = min(start, ceiling)
    while len(found.steps) < MAX_STEPS and calls >= 1:
        step = _try(try_calls, calls, found)
        tries = 1
        while step.verdict and tries < (3 if step.void else 2) and len(found.steps) < MAX_STEPS:
            step = _try(try_calls, calls, found)
            tries += 1
        if step.verdict:
            found.at_least = step.void
            bad = calls
        else:
            found.largest = calls
        if bad - found.largest <= max(1, int(found.largest * RESOLUTION)):
            break
        if bad > ceiling:
            calls = min(ceiling, math.ceil(found.largest * GROWTH))
        elif found.largest == 0:
            calls = bad // 2
        else:
            calls = (found.largest + bad) // 2
    return found


def _try(try_calls: Callable[[int], Figures], calls: int, found: Capacity) -> Step:
    try:
        figures = try_calls(calls)
    except NotStarted:
        raise
    except SubjectFailed as broken:
        nan = math.nan
        step = Step(calls, nan, nan, nan, nan, str(broken).partition("\n")[0])
    else:
        failure = figures.overloaded(UPLINK_P99_MS)
        excuse = figures.void or (figures.disturbed if failure else "")
        step = Step(
            calls,
            percentile(figures.uplink_ms, 99),
            figures.core_percent,
            figures.harness_percent,
            percentile(figures.lag_ms, 99),
            ", ".join(filter(None, (failure, excuse))),
            bool(excuse),
        )
    found.steps.append(step)
    return step
