"""What came of a simulated call: its events, the truth about its audio, and whether it was what the script wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.audio.wav import write_wav
from gateway.simulator.carriers.twilio import Warned
from gateway.simulator.playout import Truth
from gateway.simulator.script import EndedBy, Script
from gateway.simulator.voices import RATE_HZ, audible_spans


@dataclass(frozen=True, slots=True)
class CallEvent:
    """Something that happened. ``at_ms`` counts from the media stream's first instant; dialling comes before it."""

    at_ms: float
    kind: str
    """A fixed word: ``webhook`` (its fact ``purpose`` is ``document`` or ``callback``), ``verb``, ``stream_opened``,
    ``stream_refused``, ``agent_started``, ``agent_stopped``, ``speech_started``, ``speech_stopped``, ``interrupting``,
    ``pressed``, ``cleared``, ``warning``, ``step_failed``, ``fault``, ``rest``, ``hung_up``, ``stream_ended``,
    ``ended``."""
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class SpeechSpan:
    """One utterance of the caller, from its first audible sample to its last, as the carrier sent them."""

    text: str
    start_ms: float
    stop_ms: float
    wants_answer: bool
    """The script waits for the agent next."""


@dataclass(frozen=True, slots=True)
class Response:
    """How the agent answered an utterance of the caller, as the ear has it."""

    utterance: str
    stop_ms: float
    """The caller's last audible sample."""
    heard_ms: float | None
    """The first sample that the ear got of the agent's next audio; None: none began between the
    utterance's end and the caller's next; an agent that talks into the utterance has not answered it."""
    wants_answer: bool

    @property
    def latency_ms(self) -> float | None:
        """From the caller's last sample to the agent's first."""
        return None if self.heard_ms is None else self.heard_ms - self.stop_ms


@dataclass(frozen=True, slots=True)
class Check:
    """One demand on the call, and what was found."""

    name: str
    passed: bool
    wanted: str
    found: str


@dataclass(slots=True, kw_only=True)
class CallOutcome:
    """A call that is over. Times are milliseconds from the media stream's first instant."""

    script: Script
    call_sid: str
    stream_sid: str = ""
    ended_by: EndedBy = EndedBy.GATEWAY
    ended_ms: float = 0.0
    """When the call ended; the media stream may have ended before."""
    why: str = ""
    """A short sentence on how it ended."""
    events: list[CallEvent] = field(default_factory=list)
    truth: Truth = field(default_factory=Truth)
    warnings: list[Warned] = field(default_factory=list)
    """What Twilio would have warned of, each time."""
    verbs: list[str] = field(default_factory=list)
    """The TwiML verbs that were carried out, in order."""
    transferred_to: str | None = None
    caller_pcm: bytes = b""
    """What the carrier sent to the gateway, silence where a frame was lost: PCM16, 8000 Hz."""
    caller_speech_spans: list[SpeechSpan] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    handshake_status: int | None = None
    """HTTP status of the upgrade, 101 when it was taken; None: nobody answered."""
    close_code: int | None = None
    """The code with which the gateway closed the media stream; None if it did not close it."""
    reuse_close_code: int | None = None
    """What the second socket with the same parameters was closed with (``Faults.reuse_token``)."""
    late_max_ms: float = 0.0
    """By how much the latest frame left after its time: the simulator's own share in what was measured."""
    late_p99_ms: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for check in self.checks)

    @property
    def heard_pcm(self) -> bytes:
        """What the caller's ear got: PCM16, 8000 Hz, in time with ``caller_pcm``."""
        return self.truth.heard_pcm

    @property
    def agent_heard_spans(self) -> list[tuple[float, float]]:
        """The stretches of agent speech that the ear got, (start, stop)."""
        return audible_spans(self.heard_pcm)

    @property
    def responses(self) -> list[Response]:
        """How each utterance was answered."""
        return responses(self.caller_speech_spans, self.truth.onsets_ms)

    def write_wav(self, path: Path | str) -> None:
        """Write both sides as one stereo file, 8000 Hz: the caller left, what the caller heard right. Blocks."""
        sides = (self.caller_pcm, self.heard_pcm)
        longest = max(len(side) for side in sides)
        write_wav(Path(path), [side.ljust(longest, b"\0") for side in sides], RATE_HZ)

    def write_caller_wav(self, path: Path | str) -> None:
        """Write what the gateway was sent, mono. Blocks."""
        write_wav(Path(path), [self.caller_pcm], RATE_HZ)

    def write_agent_wav(self, path: Path | str) -> None:
        """Write what the caller heard, mono. Blocks."""
        write_wav(Path(path), [self.heard_pcm], RATE_HZ)


def responses(spans: Sequence[SpeechSpan], onsets_ms: Sequence[float]) -> list[Response]:
    """Match each utterance with the first agent audio that began after it and before the next utterance."""
    found = []
    for index, span in enumerate(spans):
        until_ms = spans[index + 1].start_ms if index + 1 < len(spans) else float("inf")
        heard_ms = next((onset for onset in onsets_ms if span.stop_ms <= onset < until_ms), None)
        found.append(Response(span.text, span.stop_ms, heard_ms, span.wants_answer))
    return found


def judge(outcome: CallOutcome, *, steps_done: int, failures: Sequence[str]) -> list[Check]:
    """Return the checks of a call against its script.

    Args:
        outcome: the call.
        steps_done: how many of the script's steps were carried out.
        failures: a sentence for each step that did not get what it waited for.

    """
    script, expect = outcome.script, outcome.script.expect
    checks = [Check("step", passed=False, wanted="what the step waits for", found=failure) for failure in failures]
    steps = len(script.steps)
    checks.append(Check("script", steps_done == steps, f"{steps} steps carried out", f"{steps_done} of them"))
    if expect.ended_by is not None:
        checks.append(Check("ended_by", outcome.ended_by is expect.ended_by, expect.ended_by, outcome.ended_by))
    elif outcome.ended_by is EndedBy.LIMIT:
        checks.append(Check("ended_by", passed=False, wanted=f"an end within {script.limit_ms} ms", found="none"))
    if (target := expect.transferred_to) is not None:
        found = outcome.transferred_to
        checks.append(Check("transferred_to", _same_party(found, target), target, found or "nobody"))
    if (within := expect.within_ms) is not None:
        length = f"{outcome.ended_ms:.0f} ms"
        checks.append(Check("within_ms", outcome.ended_ms <= within, f"at most {within} ms", length))
    if (clears := expect.clears_at_least) is not None:
        count = len(outcome.truth.clears)
        checks.append(Check("clears_at_least", count >= clears, f"at least {clears} clears", str(count)))
    if (limit := expect.answered_within_ms) is not None:
        checks += [_answered(response, limit) for response in outcome.responses if response.wants_answer]
    return checks


def describe(outcome: CallOutcome) -> str:
    """Return a report of the call for a human, several lines, without a final newline."""
    truth = outcome.truth
    lines = [
        f"{outcome.script.name}: {'passed' if outcome.passed else 'FAILED'}",
        f"  ended by {outcome.ended_by} after {outcome.ended_ms / 1000:.1f} s ({outcome.why})",
    ]
    if outcome.transferred_to:
        lines.append(f"  put through to {outcome.transferred_to}")
    lines.append(
        f"  agent audio: {truth.sent_bytes / 8000:.1f} s sent, {truth.played_bytes / 8000:.1f} s heard, "
        f"{truth.dropped_bytes / 8000:.1f} s dropped, {len(truth.underruns)} underruns"
    )
    for clear in truth.clears:
        item = max(clear.heard, default=None)
        heard = f", item {item} heard to {clear.heard[item]:.0f} ms" if item is not None else ""
        lines.append(f"  cleared at {_clock(clear.at_ms)}: {clear.dropped_bytes / 8:.0f} ms dropped{heard}")
    for response in outcome.responses:
        latency = "no answer" if response.latency_ms is None else f"answered after {response.latency_ms:.0f} ms"
        lines.append(f"  {_clock(response.stop_ms)} caller: {response.utterance!r}, {latency}")
    lines += [f"  Twilio would warn: {warning}" for warning in outcome.warnings]
    if outcome.late_p99_ms > 10:
        lines.append(f"  this machine was late: p99 {outcome.late_p99_ms:.0f} ms, at most {outcome.late_max_ms:.0f} ms")
    for check in outcome.checks:
        verdict = "ok  " if check.passed else "FAIL"
        lines.append(f"  {verdict} {check.name}: wanted {check.wanted}, found {check.found}")
    return "\n".join(lines)


def _answered(response: Response, limit_ms: int) -> Check:
    latency = response.latency_ms
    found = "no answer" if latency is None else f"{latency:.0f} ms"
    name = f"answer to {response.utterance!r}"
    return Check(name, latency is not None and latency <= limit_ms, f"within {limit_ms} ms", found)


def _same_party(found: str | None, wanted: str) -> bool:
    return found is not None and found.removeprefix("tel:") == wanted.removeprefix("tel:")


def _clock(at_ms: float) -> str:
    return f"{at_ms / 1000:.2f} s"
