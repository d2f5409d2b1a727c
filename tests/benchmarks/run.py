"""One measured run: start a subject, put calls on it, watch a window, end everything.

Calls are set up one after the other, each once the one before has its model session, so that the n-th session belongs
to the n-th call whatever the subject tells the model. Their 20 ms clocks and their conversations are spread evenly.
"""

from __future__ import annotations

import gc
import socket
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Final

from tests.benchmarks.carrier_load import CarrierCall
from tests.benchmarks.figures import Figures
from tests.benchmarks.hub import Hub, Listener
from tests.benchmarks.mock_model import PATH, PERIOD_S, ModelSession
from tests.benchmarks.probe import FRAME_S, CallProbe
from tests.benchmarks.subject import Cores, Running, Subject, SubjectFailed, busy_s, on_core, wait_for_quiet
from tests.benchmarks.websocket import BrokenPeer

MAX_CALLS: Final = 1000
MAX_SECONDS: Final = 60.0
MAX_PATIENCE_S: Final = 600.0
WARM_UP_S: Final = 3.0
"""From the last call's set-up to the window: more than a turn, so that every caller has been answered."""
DRAIN_S: Final = 0.5
"""After the window, for what is still on its way."""
SETUP_LIMIT_S: Final = 5.0
"""For one call's model session."""
ALL_SETUPS_LIMIT_S: Final = 60.0


@dataclass(frozen=True)
class Plan:
    """How much to measure. Bounded: at most 1000 calls for at most 60 s."""

    calls: int
    seconds: float
    net_ms: float = 0.0
    """Network between gateway and caller, each way."""
    patience_s: float = 0.0
    """How long to wait for a quiet machine before starting."""

    def __post_init__(self) -> None:
        if not 1 <= self.calls <= MAX_CALLS:
            raise ValueError(f"calls: {self.calls} is not within 1 and {MAX_CALLS}")
        if not 0 < self.seconds <= MAX_SECONDS:
            raise ValueError(f"seconds: {self.seconds} is not within 0 and {MAX_SECONDS:.0f}")
        if not 0 <= self.patience_s <= MAX_PATIENCE_S:
            raise ValueError(f"patience: {self.patience_s} is not within 0 and {MAX_PATIENCE_S:.0f}")
        if not 0 <= self.net_ms <= 1000:
            raise ValueError(f"net-ms: {self.net_ms} is not within 0 and 1000")


class _Line:
    """The calls of one run and both their ends."""

    def __init__(self, hub: Hub, plan: Plan) -> None:
        self._hub = hub
        self._plan = plan
        self.probes: list[CallProbe] = []
        self.carriers: list[CarrierCall] = []
        self.models: list[ModelSession] = []
        self.lag_s = array("d")
        self.listener = Listener(hub, self._accept)

    def _accept(self, sock: socket.socket) -> ModelSession:
        if len(self.models) >= len(self.probes):
            raise SubjectFailed(f"model session {len(self.models) + 1} was opened with only {len(self.probes)} calls")
        session = ModelSession(self._hub, sock, self.probes[len(self.models)])
        self.models.append(session)
        return session

    def set_up(self, running: Running) -> None:
        """Bring the calls up one by one."""
        origin_s, limit_s = monotonic(), monotonic() + ALL_SETUPS_LIMIT_S
        for call in range(self._plan.calls):
            probe = CallProbe(call, self._plan.net_ms)
            self.probes.append(probe)
            carrier = CarrierCall(self._hub, running.port, probe, self.lag_s)
            self.carriers.append(carrier)
            if self._hub.run(monotonic() + SETUP_LIMIT_S, partial(self._has_started, call)) and not carrier.closed:
                phase_s = origin_s + FRAME_S * call / self._plan.calls
                frames = (monotonic() - phase_s) // FRAME_S + 1
                carrier.talk(phase_s + frames * FRAME_S)
            up = self._hub.run(monotonic() + SETUP_LIMIT_S, partial(self._is_up, call))
            if not up or carrier.closed or monotonic() > limit_s:
                running.check_alive()
                raise SubjectFailed(
                    f"{running.name}: call {call + 1} has no model session in time\n{running.last_words()}"
                )

    def _has_started(self, call: int) -> bool:
        return self.carriers[call].closed or self.probes[call].started_s is not None

    def _is_up(self, call: int) -> bool:
        return self.carriers[call].closed or (len(self.models) > call and self.models[call].ready)

    def begin(self, at_s: float) -> None:
        """Let the conversations begin, spread over a turn."""
        for call, model in enumerate(self.models):
            model.begin(at_s + PERIOD_S * call / self._plan.calls)

    def dropped(self) -> int:
        """How many calls lost one of their ends."""
        return sum(carrier.closed or model.closed for carrier, model in zip(self.carriers, self.models, strict=True))

    def close(self) -> None:
        """Hang up, and close what is left."""
        for carrier in self.carriers:
            carrier.hang_up()
        self._hub.run(monotonic() + DRAIN_S, lambda: all(model.closed for model in self.models))
        for model in self.models:
            model.close()
        self.listener.close()


def measure(subject: Subject, plan: Plan, cores: Cores) -> Figures:
    """Run ``plan`` on ``subject`` once.

    Raises:
        SubjectFailed: it did not start, ended in between, or broke the WebSocket protocol.
    """
    wait_for_quiet(cores, plan.patience_s)
    hub = Hub()
    line = _Line(hub, plan)
    gc.collect()
    gc.disable()
    try:
        with on_core(cores.harness), subject.running(f"ws://127.0.0.1:{line.listener.port}{PATH}", cores) as running:
            try:
                line.set_up(running)
                figures = _watch(hub, line, plan, running, cores)
                running.check_alive()
            except BrokenPeer as broken:
                raise SubjectFailed(f"{subject.name}: {broken}\n{running.last_words()}") from broken
            finally:
                line.close()
        return figures
    finally:
        gc.enable()
        hub.close()


def _watch(hub: Hub, line: _Line, plan: Plan, running: Running, cores: Cores) -> Figures:
    line.begin(monotonic())
    hub.run(monotonic() + WARM_UP_S)
    lag_start = len(line.lag_s)
    theirs_s, ours_s = busy_s(cores.subject), busy_s(cores.harness)
    cpu_s, own_s = running.cpu_s(), time.process_time()
    start_s = monotonic()
    hub.run(start_s + plan.seconds)
    end_s = monotonic()
    figures = Figures(calls=plan.calls, window_s=end_s - start_s, call_s=plan.calls * (end_s - start_s))
    figures.harness_cpu_s = time.process_time() - own_s
    figures.cpu_s = running.cpu_s() - cpu_s
    others_s = [
        busy_s(cores.subject) - theirs_s - figures.cpu_s,
        busy_s(cores.harness) - ours_s - figures.harness_cpu_s,
    ]
    if cores.subject == cores.harness:
        others_s = [others_s[0] - figures.harness_cpu_s]
    figures.other_cpu_s = max(0.0, *others_s)
    figures.rss_bytes = running.rss_bytes()
    figures.boot_s = running.boot_s
    figures.lag_ms = [lag_s * 1000 for lag_s in line.lag_s[lag_start:]]
    figures.dropped_calls = line.dropped()
    hub.run(monotonic() + DRAIN_S)
    for probe in line.probes:
        figures.add_call(probe, start_s, end_s)
    return figures


def measure_rounds(
    subjects: list[Subject],
    plan: Plan,
    cores: Cores,
    rounds: int,
    fail: Callable[[Subject, SubjectFailed], None],
) -> dict[str, Figures]:
    """Run ``plan`` on each subject in turn, ``rounds`` times, and pool each subject's rounds.

    In turn, so that a slow change of the machine meets all alike. A subject that fails is left out.
    """
    pooled: dict[str, Figures] = {}
    failed: set[str] = set()
    for _ in range(rounds):
        for subject in subjects:
            if subject.name in failed:
                continue
            try:
                figures = measure(subject, plan, cores)
            except SubjectFailed as failure:
                failed.add(subject.name)
                pooled.pop(subject.name, None)
                fail(subject, failure)
            else:
                pooled.setdefault(subject.name, Figures()).pool(figures)
    return pooled
