"""What the user said: recognition of items, each expectation once, and the transcripts that come beside the talk.

An item's audio is kept, so the same words can be heard again under another expectation: the session's for the
transcript, a response's own tools for a forced choice.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.offline import events as wire
from gateway.offline.conversation import Conversation, Entry
from gateway.offline.faults import Faults
from gateway.offline.items import InputAudio, Message
from gateway.offline.mind import Listen, Wording
from gateway.offline.performance import written
from gateway.offline.speech_jobs import Expected, Job, JobFailed, Recognise, Recognised, Result
from gateway.offline.usage import transcription_usage

Heard = Callable[[Recognised | JobFailed, float], None]
"""Who wants to know; called with the time in milliseconds."""


class Jobs:
    """The speech work that is under way: who waits for which result."""

    def __init__(self, outbox: wire.Outbox) -> None:
        self._outbox = outbox
        self._waiting: dict[int, Callable[[Result, float], None]] = {}
        self._last_id = 0

    def ask(self, make: Callable[[int], Job], then: Callable[[Result, float], None]) -> None:
        """Put a job in the outbox; ``make`` is given its id, ``then`` its result and the time."""
        self._last_id += 1
        self._waiting[self._last_id] = then
        self._outbox.ask(make(self._last_id))

    def finish(self, job_id: int, result: Result, now_ms: float) -> None:
        """Hand a result to who waits for it; nobody may, any more."""
        then = self._waiting.pop(job_id, None)
        if then is not None:
            then(result, now_ms)


class Hearing:
    """Recognises items; asks the engine once for each item and expectation."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._known: dict[tuple[str, Expected], Recognised | JobFailed] = {}
        self._asked: dict[tuple[str, Expected], list[Heard]] = {}

    def hear(self, entry: Entry, expected: Expected, then: Heard, now_ms: float) -> None:
        """Have an item recognised and tell ``then``; at once if it is known already."""
        key = (entry.item.id, expected)
        if key in self._known:
            then(self._known[key], now_ms)
        elif key in self._asked:
            self._asked[key].append(then)
        elif not entry.audio:
            then(Recognised(text="", confidence=0.0, rejected=True), now_ms)
        else:
            self._asked[key] = [then]
            self._jobs.ask(
                lambda job_id: Recognise(job_id=job_id, audio=entry.audio, format=entry.format, expected=expected),
                lambda result, at_ms: self._tell(entry, key, result, at_ms),
            )

    def forget(self, item_id: str) -> None:
        """Forget what was heard in an item that is gone."""
        for key in [key for key in self._known if key[0] == item_id]:
            del self._known[key]

    def _tell(self, entry: Entry, key: tuple[str, Expected], result: Result, now_ms: float) -> None:
        assert isinstance(result, Recognised | JobFailed)
        self._known[key] = result
        if isinstance(result, Recognised) and (entry.heard is None or not result.rejected):
            entry.heard = result
        for then in self._asked.pop(key):
            then(result, now_ms)


@dataclass(slots=True)
class _Transcript:
    """A transcript under way: what is still to be sent, and when."""

    entry: Entry
    due: list[tuple[float, wire.ServerEvent]] = field(default_factory=list)


class Transcripts:
    """Sends each turn's words as deltas and a completion, or a failure, at their own time."""

    def __init__(self, outbox: wire.Outbox, conversation: Conversation, hearing: Hearing, faults: Faults) -> None:
        self._outbox = outbox
        self._conversation = conversation
        self._hearing = hearing
        self._faults = faults
        self._count = 0
        self._open: list[_Transcript] = []

    def begin(self, entry: Entry, source: Listen | Wording, now_ms: float) -> None:
        """Write a turn down, from listening or from words that are known."""
        self._count += 1
        if self._count == self._faults.fail_transcription:
            source = Wording(failed=self._faults.transcription_code)
        if isinstance(source, Wording):
            self._plan(entry, source, now_ms)
        else:
            self._hearing.hear(
                entry, source.expected, lambda result, at_ms: self._plan(entry, _wording(result), at_ms), now_ms
            )

    def next_wake_ms(self) -> float | None:
        """Return when the next piece is due, or None."""
        return min((transcript.due[0][0] for transcript in self._open), default=None)

    def wake(self, now_ms: float) -> None:
        """Send what is due."""
        for transcript in self._open:
            while transcript.due and transcript.due[0][0] <= now_ms:
                _, event = transcript.due.pop(0)
                if self._conversation.find(transcript.entry.item.id) is not None:
                    self._send(transcript.entry, event)
        self._open = [transcript for transcript in self._open if transcript.due]

    def _plan(self, entry: Entry, wording: Wording, now_ms: float) -> None:
        at_ms = now_ms + wording.delay_ms + self._faults.transcription_delay_ms
        item_id = entry.item.id
        transcript = _Transcript(entry)
        if wording.failed is not None:
            error = wire.ErrorBody(
                type="server_error", code=wording.failed, message="the audio could not be transcribed", param=None
            )
            transcript.due.append((at_ms, wire.TranscriptionFailed(item_id=item_id, error=error)))
        else:
            for piece in _cut(wording.text, wording.deltas):
                transcript.due.append((at_ms, wire.TranscriptionDelta(item_id=item_id, delta=piece)))
            bill = transcription_usage(entry.audio_ms, wording.text)
            done = wire.TranscriptionCompleted(item_id=item_id, transcript=wording.text, usage=bill)
            transcript.due.append((at_ms, done))
        self._open.append(transcript)
        self.wake(now_ms)

    def _send(self, entry: Entry, event: wire.ServerEvent) -> None:
        if isinstance(event, wire.TranscriptionCompleted) and isinstance(entry.item, Message):
            entry.item = Message(
                id=entry.item.id,
                role=entry.item.role,
                status=entry.item.status,
                content=[
                    InputAudio(transcript=event.transcript) if isinstance(part, InputAudio) else part
                    for part in entry.item.content
                ],
            )
        self._outbox.send(event)


def _wording(result: Recognised | JobFailed) -> Wording:
    return Wording(failed="transcription_failed") if isinstance(result, JobFailed) else Wording(text=result.text)


def _cut(text: str, deltas: int | None) -> list[str]:
    pieces = [piece for beat in written(text) for piece in beat.pieces]
    if deltas is None or not pieces:
        return pieces
    size = -(-len(pieces) // max(1, deltas))
    return ["".join(pieces[at : at + size]) for at in range(0, len(pieces), size)] if deltas else []
