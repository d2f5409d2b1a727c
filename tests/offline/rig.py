"""A session core on a bench: hand-turned time, ears that hear any sound, a voice that hums, and a checker on the wire.

Every event of either side is held against the official types, the ranges and the order of the protocol, so each test of
a rule is a test of conformance as well.
"""

from __future__ import annotations

import base64
import itertools
import json
from array import array
from collections.abc import Callable
from typing import Any

from gateway.offline.brain import Brain
from gateway.offline.events import Close, Ids, Output, Send, to_frame
from gateway.offline.faults import Faults
from gateway.offline.mind import Mind, Utter
from gateway.offline.performance import without_voice
from gateway.offline.script import ScriptMind, read_script
from gateway.offline.session import Session, SessionOptions
from gateway.offline.speech_jobs import Job, JobFailed, Recognise, Recognised, Result
from gateway.offline.turns import SpeechBegan, SpeechEnded, TurnChange, VadValues
from tests.conformance.official import check
from tests.conformance.order import OrderChecker
from tests.conformance.ranges import check_ranges

WINDOW_MS = 20
QUIET = 100
Event = dict[str, Any]


class SoundEars:
    """Ears for which all but silence is speech; exact to 20 ms."""

    def __init__(self, rate_hz: int, values: VadValues) -> None:
        self.values = values
        self._window_bytes = rate_hz * WINDOW_MS // 1000 * 2
        self._pending = b""
        self._at_ms = 0
        self._speaking = False
        self._loud_until_ms = 0

    def push(self, pcm: bytes) -> list[TurnChange]:
        self._pending += pcm
        changes: list[TurnChange] = []
        while len(self._pending) >= self._window_bytes:
            window, self._pending = self._pending[: self._window_bytes], self._pending[self._window_bytes :]
            self._at_ms += WINDOW_MS
            if max(map(abs, array("h", window))) > QUIET:
                self._loud_until_ms = self._at_ms
                if not self._speaking:
                    self._speaking = True
                    changes.append(SpeechBegan(max(0, self._at_ms - WINDOW_MS - self.values.prefix_padding_ms)))
            elif self._speaking and self._at_ms - self._loud_until_ms >= self.values.silence_duration_ms:
                self._speaking = False
                changes.append(SpeechEnded(self._at_ms))
        return changes

    def configure(self, values: VadValues) -> None:
        self.values = values

    def abandon(self) -> None:
        self._speaking = False


def hum(job: Job) -> Result:
    """Speak in a hum of 300 ms a word; hear nothing that makes sense."""
    if isinstance(job, Recognise):
        return Recognised(text="mumble", confidence=0.1, rejected=True)
    return without_voice(Utter(text=job.text, sound="tone"))


def hears(phrase: str | None = None, *, digits: str | None = None) -> Callable[[Job], Result]:
    """Return speech work that hears one thing, always."""

    def do(job: Job) -> Result:
        if isinstance(job, Recognise):
            return Recognised(text=phrase or digits or "", phrase=phrase, digits=digits)
        return hum(job)

    return do


def broken(job: Job) -> Result:
    """Fail at all speech work."""
    return JobFailed(reason="no engine")


class Rig:
    """A session, what it sent, and the hands of its clock."""

    def __init__(
        self,
        mind: Mind | None = None,
        *,
        script: str | None = None,
        faults: Faults | None = None,
        pace: float = 8.0,
        transcription_only: bool = False,
        expires_after_s: float = 3600,
        do: Callable[[Job], Result] = hum,
    ) -> None:
        if script is not None:
            mind = ScriptMind(read_script(script).sessions[0])
        self.mind = mind or Brain()
        self.now_ms = 0.0
        self.events: list[Event] = []
        self.sent: list[Event] = []
        self.closed: Close | None = None
        self.jobs: list[Job] = []
        self.hold_jobs = False
        self.order = OrderChecker()
        self.do = do
        counter = itertools.count(1)
        options = SessionOptions(
            model="local",
            pace=pace,
            transcription_only=transcription_only,
            expires_after_s=expires_after_s,
            faults=faults or Faults(),
        )
        self.session = Session(
            options,
            self.mind,
            wall_s=1_800_000_000,
            ids=Ids(lambda: f"{next(counter):06d}"),
            make_activity=SoundEars,
        )
        self._carry_out(self.session.open(self.now_ms))

    # --- what a client does -----------------------------------------------------------------------------------------

    def send(self, type: str, **fields: Any) -> list[Event]:
        """Send a client event that must be official; return what came at once."""
        event = {"type": type, **fields}
        check(event, "client")
        check_ranges(event)
        return self.send_raw(event)

    def send_raw(self, event: Event | str) -> list[Event]:
        """Send anything at all."""
        before = len(self.events)
        if isinstance(event, dict):
            self.sent.append(event)
            if isinstance(event.get("type"), str):
                self.order.client(event)
        self._carry_out(self.session.receive(event if isinstance(event, str) else json.dumps(event), self.now_ms))
        return self.events[before:]

    def update(self, **session: Any) -> Event:
        """Update the session; return the answer."""
        return self.send("session.update", session={"type": "realtime", **session})[-1]

    def append(self, ms: int, *, loud: bool = True, frame_ms: int = 20) -> list[Event]:
        """Append sound or silence in frames, at real time; return what came meanwhile."""
        before = len(self.events)
        kind = type(self.session.config.audio.input.format).__name__
        size = {"Pcm": 48, "Pcmu": 8, "Pcma": 8}[kind] * frame_ms
        silence = {"Pcm": b"\0", "Pcmu": b"\xff", "Pcma": b"\xd5"}[kind]
        frame = b"\x11\x22" * (size // 2) if loud else silence * size
        for _ in range(ms // frame_ms):
            self.send("input_audio_buffer.append", audio=base64.b64encode(frame).decode())
            self.run(frame_ms)
        return self.events[before:]

    def speak_turn(self, ms: int = 600) -> list[Event]:
        """Append an utterance and the silence that ends it."""
        before = len(self.events)
        self.append(ms)
        self.append(800, loud=False)
        return self.events[before:]

    # --- time -------------------------------------------------------------------------------------------------------

    def run(self, ms: float) -> list[Event]:
        """Let time pass, waking the session whenever it asks; return what came."""
        before = len(self.events)
        end = self.now_ms + ms
        while (at := self.session.next_wake_ms()) is not None and at <= end:
            self.now_ms = max(self.now_ms, at)
            self._carry_out(self.session.wake(self.now_ms))
        self.now_ms = end
        return self.events[before:]

    def run_out(self) -> list[Event]:
        """Let a minute pass."""
        return self.run(60_000)

    def release(self, result: Result | None = None) -> list[Event]:
        """Finish the jobs that were held."""
        before = len(self.events)
        self.hold_jobs = False
        jobs, self.jobs = self.jobs, []
        for job in jobs:
            self._carry_out(self.session.finish(job.job_id, result or self.do(job), self.now_ms))
        return self.events[before:]

    def _carry_out(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                event = json.loads(to_frame(output.event))
                self.events.append(event)
                if "scent" not in event:  # the future event is unofficial on purpose
                    check(event, "server")
                    check_ranges(event)
                    self.order.server(event)
            elif isinstance(output, Close):
                self.closed = output
            else:
                self.jobs.append(output)
        if self.jobs and not self.hold_jobs:
            self.release()

    # --- questions --------------------------------------------------------------------------------------------------

    def types(self) -> list[str]:
        """Return the types of all server events."""
        return [event["type"] for event in self.events]

    def of(self, type: str) -> list[Event]:
        """Return all server events of a type."""
        return [event for event in self.events if event["type"] == type]

    def last(self, type: str) -> Event:
        """Return the newest server event of a type."""
        return self.of(type)[-1]

    def said(self) -> str:
        """Return the words of the newest finished response."""
        output = self.last("response.done")["response"]["output"]
        return " ".join(
            part.get("transcript") or part.get("text") or "" for item in output for part in item.get("content", ())
        )

    def called(self) -> tuple[str, Any]:
        """Return the newest response's tool call: name and arguments."""
        call = next(i for i in self.last("response.done")["response"]["output"] if i["type"] == "function_call")
        return call["name"], json.loads(call["arguments"])


def collapsed(types: list[str]) -> list[str]:
    """Return event types with runs of deltas made one, prefixes shortened."""
    kept = [name for name, _ in itertools.groupby(types)]
    out: list[str] = []
    for name in kept:
        if name.endswith(".delta") and name in out[-2:]:
            continue
        out.append(name)
    return out
