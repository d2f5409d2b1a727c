"""Writes down one channel of speech while it arrives, faster than it was spoken, over as many sessions as it takes.

Audio goes to the endpoint in pieces of 100 ms and becomes an item at each pause; its words come back meanwhile. When a
session has had its share of audio or time, the next pause begins another, and the old one finishes beside it. What is
kept is the utterance's words, not its sound.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.audio.format import PCM16_24K, AudioFrame
from gateway.audio.transcode import Transcoder
from gateway.clock import Clock
from gateway.contracts.model import (
    CallerSegment,
    CallerTranscript,
    CallerTranscriptFailed,
    ModelEvent,
    ModelFault,
    SessionLost,
    SessionSetup,
    TranscriptionUse,
    UtteranceCommitted,
)
from gateway.realtime.session import RealtimeSession
from gateway.speech_service.endpoint import SpeechEndpoint
from gateway.speech_service.problems import Problem, no_transcript, session_lost
from gateway.speech_service.utterances import Ended, Piece, Utterances

MOST_UNWRITTEN: Final = 16
"""Utterances that may wait for their words; then the audio waits."""
_READ_AHEAD_MS: Final = 1000.0
"""Audio that may wait for a slow endpoint; at 2 s it would be dropped."""
_LOOK_AGAIN_S: Final = 0.01
_BEFORE_EXPIRY_S: Final = 60.0
"""How long before an endpoint ends a session no further utterance is begun on it."""


@dataclass(slots=True)
class Utterance:
    """One stretch of speech. Times are milliseconds in its channel."""

    relayed_from_ms: int
    """Where its item's audio begins."""
    start_ms: int
    end_ms: int
    text: str = ""
    failed: str = ""
    """The endpoint's code, where its words could not be written down."""
    item_id: str = ""
    speakers: list[CallerSegment] = field(default_factory=list)


OnWords = Callable[[str, str], None]
"""Takes a piece of raw words as it comes: the item's id, and the words; empty words end the item."""


class Scribe:
    """Writes down one stream of PCM16 at 24 kHz.

    Args:
        endpoint: opens sessions.
        clock: times sessions.
        language: what is spoken, ISO-639-1; None lets the transcriber guess.
        keywords: words to expect.
        answer_within_ms: how long the endpoint may take for its next words.
        session_s: how much audio, or time, one session gets.
        on_words: hears words as they come.

    """

    def __init__(
        self,
        endpoint: SpeechEndpoint,
        clock: Clock,
        *,
        language: str | None,
        keywords: Sequence[str],
        answer_within_ms: int,
        session_s: int,
        on_words: OnWords,
    ) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._language = language
        self._keywords = keywords
        self._answer_within_ms = answer_within_ms
        self._session_s = session_s
        self._on_words = on_words
        self._cutter = Utterances(PCM16_24K.rate_hz)
        self._lines: list[_Line] = []
        self._opening: asyncio.Task[_Line] | None = None
        self._in_utterance = False
        self.utterances: list[Utterance] = []
        self.used: list[TranscriptionUse] = []
        self.unreported = 0
        """Utterances of which the endpoint did not tell what they cost."""

    @property
    def heard_ms(self) -> int:
        """Milliseconds of audio so far."""
        return self._cutter.heard_ms

    def open(self) -> None:
        """Begin to connect, so that the first words need not wait for it."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open_line(), name="speech session")

    async def hear(self, pcm: bytes) -> None:
        """Relay a stretch of audio; returns once the endpoint keeps up.

        Raises:
            Problem: the endpoint refused, was lost, or writes nothing down.

        """
        for part in self._cutter.push(pcm):
            await self._relay(part)

    async def finish(self) -> None:
        """Relay the rest, and wait until all words are there.

        Raises:
            Problem: as :meth:`hear`; the code is ``no_transcript`` when they did not come in time.

        """
        for part in self._cutter.finish():
            await self._relay(part)
        for line in self._lines:
            await line.written(0, self._answer_within_ms)

    async def close(self) -> None:
        """Let go of all sessions, whatever state they are in."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await asyncio.gather(*(line.close() for line in self._lines))

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _relay(self, part: Piece | Ended) -> None:
        line = await self._line()
        if isinstance(part, Piece):
            self._in_utterance = True
            await line.append(part.pcm, self._answer_within_ms)
            return
        self._in_utterance = False
        utterance = Utterance(part.relayed_from_ms, part.start_ms, part.end_ms)
        self.utterances.append(utterance)
        line.commit(utterance)
        await line.written(MOST_UNWRITTEN, self._answer_within_ms)

    async def _line(self) -> _Line:
        """Return the session that is relayed to; between utterances another one may take over."""
        if self._lines and (self._in_utterance or not self._lines[-1].is_spent):
            return self._lines[-1]
        self._lines = [line for line in self._lines if not await line.retired()]
        self.open()
        assert self._opening is not None
        line = await self._opening
        self._opening = None
        self._lines.append(line)
        return line

    async def _open_line(self) -> _Line:
        line = _Line(self._on_words, self._clock, self)
        session, setup, expires_at_s = await self._endpoint.to_write_down(
            line, language=self._language, keywords=self._keywords
        )
        limit_s = self._endpoint.settings.session_limit_s or self._session_s
        if expires_at_s is not None:
            limit_s = min(limit_s, int(expires_at_s - self._clock.wall_s() - _BEFORE_EXPIRY_S))
        line.begin(session, setup, audio_s=self._session_s, time_s=min(limit_s, self._session_s))
        return line

    def note_use(self, used: TranscriptionUse | None) -> None:
        """Note what an utterance used."""
        if used is None:
            self.unreported += 1
        else:
            self.used.append(used)


class _Line:
    """One session that writes down: it knows which words belong to which utterance."""

    def __init__(self, on_words: OnWords, clock: Clock, scribe: Scribe) -> None:
        self._on_words = on_words
        self._clock = clock
        self._scribe = scribe
        self._session: RealtimeSession | None = None
        self._unwritten: list[Utterance] = []
        self._speakers: dict[str, list[CallerSegment]] = {}
        self._begun: set[str] = set()
        self._audio_left_ms = 0.0
        self._until_ms = 0.0
        self._lost: SessionLost | None = None
        self._news = asyncio.Event()

    def begin(self, session: RealtimeSession, setup: SessionSetup, *, audio_s: int, time_s: int) -> None:
        """Take the session, which may have so much audio and time."""
        self._session = session
        self._format = setup.input_format
        self._transcoder = Transcoder(PCM16_24K, setup.input_format)
        self._audio_left_ms = audio_s * 1000.0
        self._until_ms = self._clock.now_ms() + time_s * 1000.0

    @property
    def is_spent(self) -> bool:
        """Whether the next utterance belongs to another session."""
        return self._lost is not None or self._audio_left_ms <= 0 or self._clock.now_ms() >= self._until_ms

    async def append(self, pcm: bytes, within_ms: int) -> None:
        """Send audio; returns once the endpoint keeps up."""
        session = self._session
        assert session is not None
        self._check()
        raw = self._transcoder.push(pcm)
        if raw:
            session.append(AudioFrame(self._format, raw=raw))
        self._audio_left_ms -= PCM16_24K.duration_ms(len(pcm))
        try:
            async with asyncio.timeout(within_ms / 1000):
                # A poll: an event for this would cost the audio path of calls, which never waits here.
                while session.waiting_ms > _READ_AHEAD_MS and not session.over:  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_AGAIN_S)
        except TimeoutError:
            raise Problem(
                504, "endpoint_stalled", f"the endpoint has read nothing for {within_ms} ms", "send the request again"
            ) from None
        self._check()

    def commit(self, utterance: Utterance) -> None:
        """End the utterance: what was sent since the last one is its audio."""
        session = self._session
        assert session is not None
        self._unwritten.append(utterance)
        session.commit_input()

    async def written(self, at_most: int, within_ms: int) -> None:
        """Wait until no more than so many utterances are without words."""
        while len(self._unwritten) > at_most:
            self._check()
            self._news.clear()
            try:
                async with asyncio.timeout(within_ms / 1000):
                    await self._news.wait()
            except TimeoutError:
                raise no_transcript(within_ms) from None

    async def retired(self) -> bool:
        """Close the session if nothing is expected of it any more, and tell whether that was so."""
        if self._unwritten:
            return False
        await self.close()
        return True

    async def close(self) -> None:
        """End the session."""
        if self._session is not None:
            await self._session.close()

    def on_model(self, event: ModelEvent) -> None:
        """Take an event of the session."""
        match event:
            case UtteranceCommitted(item_id, _):
                waiting = next((one for one in self._unwritten if not one.item_id), None)
                if waiting is not None:
                    waiting.item_id = item_id
            case CallerTranscript(item_id, text, final):
                self._words(item_id, text, final=final)
                if final:
                    self._scribe.note_use(event.used)
            case CallerSegment():
                self._speakers.setdefault(event.item_id, []).append(event)
            case CallerTranscriptFailed(item_id, code):
                self._on_words(item_id, "")
                self._settle(item_id, failed=code)
            case ModelFault(code, _, "commit_input", _):
                # It names no item: the oldest commit that was not confirmed is the one that was refused.
                waiting = next((one for one in self._unwritten if not one.item_id), None)
                if waiting is not None:
                    waiting.failed = code
                    self._unwritten.remove(waiting)
            case SessionLost():
                self._lost = event
            case _:
                return
        self._news.set()

    def _words(self, item_id: str, text: str, *, final: bool) -> None:
        if not final:
            self._begun.add(item_id)
            self._on_words(item_id, text)
            return
        if item_id not in self._begun and text:
            self._on_words(item_id, text)
        self._on_words(item_id, "")
        self._begun.discard(item_id)
        self._settle(item_id, text=text)

    def _settle(self, item_id: str, *, text: str = "", failed: str = "") -> None:
        """Give words, or the lack of them, to their utterance; an item that was never announced is the oldest one."""
        known = next((one for one in self._unwritten if one.item_id == item_id), None)
        utterance = known or next((one for one in self._unwritten if not one.item_id), None)
        if utterance is None:
            return
        utterance.item_id, utterance.text, utterance.failed = item_id, text.strip(), failed
        utterance.speakers = self._speakers.setdefault(item_id, [])  # a segment that comes later is still its own
        self._unwritten.remove(utterance)

    def _check(self) -> None:
        """Raise if the session is gone in the middle of an utterance, or before its words came."""
        if self._lost is not None:
            raise session_lost(self._lost.reason, retryable=self._lost.retryable)
