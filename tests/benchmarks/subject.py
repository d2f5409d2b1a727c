"""The process under test: started pinned to a core of its own, watched through ``/proc``, always ended.

Two subjects can be started: the gateway, by a command in which ``{config}``, ``{port}`` and ``{python}`` are filled
in, and the reference relay beside it.
"""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from tests.benchmarks.hub import free_port

DEFAULT_COMMAND: Final = "{python} -m gateway serve --config {config} --port {port}"
REFERENCE_COMMAND: Final = "{python} -m tests.benchmarks.reference_relay --port {port} --model {model_url}"
ROOT: Final = Path(__file__).resolve().parents[2]
BOOT_LIMIT_S: Final = 20.0
STOP_LIMIT_S: Final = 5.0
QUIET_S: Final = 1.0
QUIET_BUSY: Final = 0.05
"""Share of that second that others may use of each core."""
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_LIBC: Final = ctypes.CDLL(None)
_PR_SET_PDEATHSIG: Final = 1
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")

Audio = Literal["pcmu", "pcm24", "auto"]
"""The endpoint's audio setting: pass-through G.711, transcoding to PCM16 at 24 kHz, or the gateway's own choice."""


class SubjectFailed(Exception):
    """The process under test did not start, or ended in the middle of a run; the message holds its last words."""


class NotStarted(SubjectFailed):
    """It never listened: no smaller load will help."""


@dataclass(frozen=True)
class Cores:
    """Which core plays carrier and model, and which runs the subject."""

    harness: int
    subject: int

    @classmethod
    def pick(cls) -> Cores:
        """Take the first and the last core that this process may use; with one core they share it."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(usable[0], usable[-1])


def busy_s(core: int) -> float:
    """Return for how long a core has been busy since the machine started, with whatever.

    Raises:
        SubjectFailed: there is no such core.
    """
    for line in Path("/proc/stat").read_text().splitlines():
        words = line.split()
        if words[0] == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, words[1:9])
            return (user + nice + system + irq + softirq + steal) * _TICK_S
    raise SubjectFailed(f"/proc/stat has no cpu{core}")


def wait_for_quiet(cores: Cores, patience_s: float) -> bool:
    """Wait until both cores idled for a second, or until ``patience_s`` is over; returns whether they did."""
    deadline_s = time.monotonic() + patience_s
    while time.monotonic() < deadline_s:
        before = [busy_s(core) for core in (cores.harness, cores.subject)]
        time.sleep(QUIET_S)
        after = [busy_s(core) for core in (cores.harness, cores.subject)]
        if all(b - a <= QUIET_BUSY * QUIET_S for a, b in zip(before, after, strict=True)):
            return True
    return False


@dataclass(frozen=True)
class Subject:
    """What is to be measured, and how to start it."""

    name: str
    command: str
    audio: Audio = "pcmu"
    records: frozenset[str] = field(default_factory=lambda: frozenset({"journal"}))
    """Of ``journal``, ``timeline``, ``recording``."""
    import_module: str = "gateway.cli.server"

    def settings(self, port: int, model_url: str, data_dir: Path) -> dict[str, object]:
        """Return the gateway's settings: everything that a call costs is on, nothing that only this machine could."""
        transcription = {"model": "bench-transcribe"}
        return {
            "data_dir": str(data_dir),
            "server": {"host": "127.0.0.1", "port": port, "auth": "off", "drain_s": 0},
            "endpoint": "bench",
            "endpoints": {
                "bench": {
                    "type": "compatible",
                    "url": model_url,
                    "model": "bench",
                    "api_key": "bench",
                    "audio": self.audio,
                    "append_ms": 20,
                    "transcription": transcription,
                },
            },
            "persona": "bench",
            "personas": {"bench": {"instructions": "Talk about orders.", "greeting": None}},
            "limits": {"calls": 1000},
            "records": {
                **{name: name in self.records for name in ("journal", "timeline", "recording")},
                "store": {"enabled": "store" in self.records},
            },
            "log": {"level": "warning", "form": "json"},
        }

    @contextmanager
    def running(self, model_url: str, cores: Cores) -> Iterator[Running]:
        """Start it, wait until it listens, and end it whatever happens.

        Raises:
            NotStarted: it ended, or did not listen within 20 s.
        """
        port = free_port()
        with tempfile.TemporaryDirectory(prefix="bench-") as directory:
            config, log = Path(directory, "gateway.yaml"), Path(directory, "output.log")
            config.write_text(json.dumps(self.settings(port, model_url, Path(directory, "data")), indent=2))
            words = {"python": sys.executable, "config": str(config), "port": str(port), "model_url": model_url}
            arguments = [word.format(**words) for word in shlex.split(self.command)]
            with log.open("wb") as output:
                process, started_s = _spawn_on(cores, arguments, output.fileno())
            running = Running(self.name, process, port, log)
            try:
                running.wait_until_listening(started_s)
                yield running
            finally:
                running.stop()


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """Run this process, and what it starts meanwhile, on one core: a child inherits its parent's affinity."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _die_with_parent() -> None:
    """Have the kernel kill this child when the harness is gone, however that came about (Linux ``prctl``)."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _spawn_on(cores: Cores, arguments: list[str], output: int) -> tuple[subprocess.Popen[bytes], float]:
    """Start a process that is born on the subject's core."""
    with on_core(cores.subject):
        started_s = time.monotonic()
        process = subprocess.Popen(
            arguments,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )
    return process, started_s


class Running:
    """A started subject; figures are those of the process and all its descendants."""

    def __init__(self, name: str, process: subprocess.Popen[bytes], port: int, log: Path) -> None:
        self.name = name
        self.port = port
        self._process = process
        self._log = log
        self.boot_s = 0.0
        """From spawning to the first accepted connection."""

    def wait_until_listening(self, started_s: float) -> None:
        """Try to connect every 2 ms until it works."""
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if self._process.poll() is not None:
                    raise NotStarted(f"{self.name} ended before it listened\n{self.last_words()}") from None
                if time.monotonic() - started_s > BOOT_LIMIT_S:
                    raise NotStarted(
                        f"{self.name} does not listen after {BOOT_LIMIT_S:.0f} s\n{self.last_words()}"
                    ) from None
                time.sleep(0.002)
            else:
                self.boot_s = time.monotonic() - started_s
                return

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        return self._process.pid

    def check_alive(self) -> None:
        """Raise SubjectFailed if it has ended."""
        status = self._process.poll()
        if status is not None:
            raise SubjectFailed(f"{self.name} ended with status {status}\n{self.last_words()}")

    def last_words(self) -> str:
        """Return the end of what it wrote to stdout and stderr."""
        return self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""

    def cpu_s(self) -> float:
        """Return user and system seconds used so far; resolution 10 ms."""
        return sum(int(stat[11]) + int(stat[12]) for stat in self._stats()) * _TICK_S

    def rss_bytes(self) -> int:
        """Return resident memory."""
        return sum(int(stat[21]) for stat in self._stats()) * _PAGE_BYTES

    def _stats(self) -> list[list[str]]:
        """Return the fields of ``/proc/PID/stat`` from the third on, of it and its descendants."""
        stats: dict[int, list[str]] = {}
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                text = path.read_text()
            except OSError:
                continue
            stats[int(path.parent.name)] = text.rpartition(")")[2].split()
        family = {self._process.pid}
        grown = True
        while grown:
            children = {pid for pid, stat in stats.items() if int(stat[1]) in family}
            grown = not children <= family
            family |= children
        return [stats[pid] for pid in family if pid in stats]

    def stop(self) -> None:
        """End it and its process group: asked first, then killed, also when this wait itself is interrupted."""
        try:
            with suppress(ProcessLookupError, subprocess.TimeoutExpired):
                os.killpg(self._process.pid, signal.SIGTERM)
                self._process.wait(STOP_LIMIT_S)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # it, or descendants that outlived it
            self._process.wait(STOP_LIMIT_S)


def import_cost(module: str, cores: Cores, rounds: int) -> tuple[float, float]:
    """Return the seconds that importing ``module`` takes and the resident MiB after it, best of ``rounds``.

    Raises:
        SubjectFailed: it can't be imported.
    """
    program = (
        "import time; started = time.perf_counter()\n"
        f"import {module}\n"
        "took = time.perf_counter() - started\n"
        "pages = int(open('/proc/self/statm').read().split()[1])\n"
        "print(took, pages)"
    )
    best = (float("inf"), float("inf"))
    with on_core(cores.subject):
        for _ in range(rounds):
            done = subprocess.run(
                [sys.executable, "-c", program],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=BOOT_LIMIT_S,
                check=False,
            )
            if done.returncode:
                raise SubjectFailed(f"{module} can't be imported\n{done.stderr[-2000:]}")
            took, pages = done.stdout.split()
            best = min(best, (float(took), int(pages) * _PAGE_BYTES / 2**20))
    return best
