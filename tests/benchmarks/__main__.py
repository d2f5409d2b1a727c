"""``python -m tests.benchmarks``: the design's budgets, measured beside a reference relay.

Loopback only; bounded in calls, seconds and steps; whatever it starts, it ends. See ``README.md`` in this directory.
"""

from __future__ import annotations

import argparse
import json
import math
import signal
import statistics
import sys
from pathlib import Path
from typing import Any, Final, NoReturn, get_args

from tests.benchmarks.capacity import Capacity, search
from tests.benchmarks.figures import Figures
from tests.benchmarks.report import (
    LATENCY,
    TRUNCATION,
    capacity_table,
    machine,
    memory_table,
    side_by_side,
    slope,
    start_table,
)
from tests.benchmarks.run import MAX_CALLS, Plan, measure, measure_rounds
from tests.benchmarks.subject import (
    DEFAULT_COMMAND,
    REFERENCE_COMMAND,
    Audio,
    Cores,
    Subject,
    SubjectFailed,
    import_cost,
    wait_for_quiet,
)

DEADLINE_S: Final = 45 * 60
"""Whatever happens, the harness and its children are gone after this."""


class Session:
    """One invocation: the subjects, the machine, and everything found, for the tables and for JSON."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.cores = Cores.pick()
        self.rounds: int = arguments.rounds
        self.patience_s: float = arguments.patience
        self.only: str | None = arguments.only
        self.command: str = arguments.command
        self.records: frozenset[str] = arguments.records
        self.found: dict[str, Any] = {"machine": machine(), "records": sorted(self.records)}
        self.failed = False

    def subjects(self, audio: Audio) -> list[Subject]:
        """Return what to measure: the reference first. It passes G.711 through whatever the gateway does."""
        reference = Subject("reference", REFERENCE_COMMAND, import_module="tests.benchmarks.reference_relay")
        gateway = Subject("gateway", self.command, audio, self.records)
        return [subject for subject in (reference, gateway) if self.only in (None, subject.name)]

    def plan(self, calls: int, seconds: float, net_ms: float = 0.0) -> Plan:
        """Return a plan that waits for a quiet machine as long as was asked."""
        return Plan(calls, seconds, net_ms, self.patience_s)

    def say(self, title: str, table: str) -> None:
        """Print a section as soon as it is known."""
        print(f"\n## {title}\n\n{table}", flush=True)

    def fail(self, subject: Subject, failure: SubjectFailed) -> None:
        """Say that a subject was not measured; the exit code will tell too."""
        self.failed = True
        print(f"\n{subject.name}: not measured: {failure}", flush=True)

    def latency(self, plan: Plan, audio: Audio, *, truncation: bool = False) -> None:
        """Measure what a frame, an answer and a barge-in wait for."""
        subjects = self.subjects(audio)
        found = measure_rounds(subjects, plan, self.cores, self.rounds, self.fail)
        name = "truncation" if truncation else "latency"
        title = f"{name}: {plan.calls} calls, {plan.seconds:g} s x {self.rounds}, {audio}, {plan.net_ms:g} ms each way"
        self.found[title] = {subject: figures.summary() for subject, figures in found.items()}
        if found:
            self.say(title, side_by_side(found, TRUNCATION if truncation else LATENCY))

    def capacity(self, start: int, ceiling: int, seconds: float, audio: Audio) -> None:
        """Search the largest number of calls that one core carries."""
        found: dict[str, Capacity] = {}
        for subject in self.subjects(audio):

            def try_calls(calls: int, subject: Subject = subject) -> Figures:
                print(f"{subject.name}: trying {calls} calls", file=sys.stderr, flush=True)
                return measure(subject, self.plan(calls, seconds), self.cores)

            try:
                found[subject.name] = search(try_calls, start, ceiling)
            except SubjectFailed as failure:
                self.fail(subject, failure)
        title = f"capacity: {seconds:g} s a step, {audio}"
        self.found[title] = {
            name: {
                "largest": capacity.largest,
                "at_least": capacity.at_least,
                "steps": [
                    {
                        key: None if isinstance(value, float) and math.isnan(value) else value
                        for key, value in vars(step).items()
                    }
                    for step in capacity.steps
                ],
            }
            for name, capacity in found.items()
        }
        if found:
            self.say(title, capacity_table(found))

    def memory(self, points: list[int], seconds: float, audio: Audio) -> None:
        """Measure resident memory at several numbers of calls, each in a fresh process."""
        found: dict[str, dict[int, float]] = {}
        for subject in self.subjects(audio):
            try:
                by_calls = {
                    calls: measure(subject, self.plan(calls, seconds), self.cores).rss_bytes / 2**20 for calls in points
                }
            except SubjectFailed as failure:
                self.fail(subject, failure)
            else:
                found[subject.name] = by_calls
        title = f"memory: {seconds:g} s a point, {audio}"
        self.found[title] = {
            name: {"mib": by_calls, "kib_per_call": round(slope(by_calls) * 1024, 1)}
            for name, by_calls in found.items()
        }
        if found:
            self.say(title, memory_table(found))

    def start(self, rounds: int) -> None:
        """Measure the way from a command to a listening socket, and what the imports of it take."""
        found: dict[str, dict[str, float]] = {}
        for subject in self.subjects("pcmu"):
            try:
                wait_for_quiet(self.cores, self.patience_s)
                boots: list[float] = []
                for _ in range(rounds):
                    with subject.running("ws://127.0.0.1:9/v1/realtime", self.cores) as running:
                        boots.append(running.boot_s)
                took_s, mib = import_cost(subject.import_module, self.cores, rounds)
            except SubjectFailed as failure:
                self.fail(subject, failure)
                continue
            found[subject.name] = {
                "boot_best_s": min(boots),
                "boot_median_s": statistics.median(boots),
                "import_s": took_s,
                "import_mib": mib,
            }
        title = f"start: {rounds} rounds"
        self.found[title] = found
        if found:
            self.say(title, start_table(found))


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--command",
        default=DEFAULT_COMMAND,
        help="how the gateway is started; {python}, {config}, {port} are filled in",
    )
    common.add_argument("--only", choices=("reference", "gateway"), help="measure one subject")
    common.add_argument(
        "--audio", choices=get_args(Audio), default="pcmu", help="the gateway's wire format to the model"
    )
    common.add_argument(
        "--records", type=_records, default="journal", help="what calls leave: journal,timeline,recording,store or none"
    )
    common.add_argument(
        "--rounds",
        type=int,
        default=1,
        choices=range(1, 10),
        metavar="1..9",
        help="runs of each subject, in turn, pooled",
    )
    common.add_argument(
        "--patience", type=float, default=10.0, metavar="S", help="wait so long for a quiet machine before each run"
    )
    common.add_argument("--json", type=Path, metavar="FILE", help="write everything found there too")
    root = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    commands = root.add_subparsers(dest="what", required=True)
    for name, calls, net_ms, text in (
        ("latency", 50, 0.0, "uplink, first media, clear, leak, truncation, underruns, CPU"),
        ("truncation", 50, 60.0, "heard positions against the true playout, over a network"),
    ):
        command = commands.add_parser(name, parents=[common], help=text)
        command.add_argument("--calls", type=int, default=calls)
        command.add_argument("--seconds", type=float, default=10.0)
        command.add_argument(
            "--net-ms", type=float, default=net_ms, help="network between gateway and caller, each way"
        )
    command = commands.add_parser("capacity", parents=[common], help="the largest number of calls on one core")
    command.add_argument("--calls", type=int, default=150, help="where the search starts")
    command.add_argument("--max-calls", type=int, default=600)
    command.add_argument("--seconds", type=float, default=7.0, help="of each step")
    command = commands.add_parser("memory", parents=[common], help="resident memory and its slope per call")
    command.add_argument("--points", type=_points, default="10,50,100", help="numbers of calls")
    command.add_argument("--seconds", type=float, default=5.0)
    command = commands.add_parser("start", parents=[common], help="boot to listen, import time")
    command.add_argument("--times", type=int, default=5, choices=range(1, 21), metavar="1..20")
    command = commands.add_parser("all", parents=[common], help="everything, pass-through and transcoded")
    command.add_argument(
        "--quick", action="store_true", help="minutes instead of a quarter of an hour; figures are rougher"
    )
    return root


def _records(text: str) -> frozenset[str]:
    names = frozenset(name for name in text.split(",") if name and name != "none")
    known = ("journal", "timeline", "recording", "store")
    unknown = names - set(known)
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(sorted(unknown))}: not one of {', '.join(known)}, none")
    return names


def _points(text: str) -> list[int]:
    try:
        points = [int(word) for word in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of numbers such as 10,50") from None
    if not all(1 <= calls <= MAX_CALLS for calls in points):
        raise argparse.ArgumentTypeError(f"{text}: each must be within 1 and {MAX_CALLS}")
    return points


def everything(session: Session, *, quick: bool) -> None:
    """Run every measurement at the sizes that the README's table has."""
    seconds = 4.0 if quick else 10.0
    session.start(3 if quick else 5)
    for audio in ("pcmu", "pcm24"):
        session.latency(session.plan(50, seconds), audio)
        session.latency(session.plan(20 if quick else 50, seconds, 60.0), audio, truncation=True)
        session.memory([10, 50] if quick else [10, 50, 100], 2.0 if quick else 5.0, audio)
        session.capacity(200 if quick else 150, 600, 3.0 if quick else 7.0, audio)


def main() -> int:
    """Run the command line; returns 1 if a subject could not be measured."""
    arguments = parser().parse_args()
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGALRM, _leave)
    signal.alarm(DEADLINE_S)
    session = Session(arguments)
    try:
        match arguments.what:
            case "latency" | "truncation":
                plan = session.plan(arguments.calls, arguments.seconds, arguments.net_ms)
                session.latency(plan, arguments.audio, truncation=arguments.what == "truncation")
            case "capacity":
                session.plan(arguments.max_calls, arguments.seconds)  # refuses before anything is started
                session.capacity(arguments.calls, arguments.max_calls, arguments.seconds, arguments.audio)
            case "memory":
                session.memory(arguments.points, arguments.seconds, arguments.audio)
            case "start":
                session.start(arguments.times)
            case "all":
                everything(session, quick=arguments.quick)
    except ValueError as unusable:
        print(f"benchmarks: {unusable}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    if arguments.json:
        arguments.json.write_text(json.dumps(session.found, indent=2) + "\n")
    return int(session.failed)


def _leave(number: int, _frame: object) -> NoReturn:
    for also in (signal.SIGTERM, signal.SIGALRM, signal.SIGINT):
        signal.signal(also, signal.SIG_IGN)  # once is enough: a second must not stop the unwinding
    sys.exit(128 + number)  # unwinds, and so ends what was started


if __name__ == "__main__":
    sys.exit(main())
