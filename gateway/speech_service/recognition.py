"""Speech to text: a recording with one or two channels, written down while it arrives, and redacted.

Each channel is a speaker with a scribe of its own. What leaves is redacted as a call's words are: pieces as they come
by one redactor, the whole at the end by another, which sees all segments in the order in which they were said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.audio.format import PCM16_24K, AudioFormat, Encoding
from gateway.audio.transcode import Transcoder
from gateway.clock import Clock
from gateway.contracts.price import TranscriberPrice
from gateway.contracts.text import RedactedText
from gateway.privacy.custom import CallContext, CustomRedaction
from gateway.privacy.memory import Role
from gateway.privacy.patterns import Pattern
from gateway.privacy.redactor import Redactor
from gateway.settings.speech_api import SpeechApiSettings
from gateway.speech_service.answers import Segment, Transcript, money, of_transcripts
from gateway.speech_service.endpoint import SpeechEndpoint
from gateway.speech_service.problems import Problem
from gateway.speech_service.scribe import Scribe, Utterance

MOST_CHANNELS: Final = 2
_ROLES: Final[tuple[Role, ...]] = ("caller", "agent")
"""Whose words a channel has, in the redactor's terms: what one side asks for, the other side says."""

OnDelta = Callable[[int, RedactedText], None]
"""Takes a channel and a piece of what is said in it, as it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redaction:
    """How text is redacted for this service."""

    patterns: Sequence[Pattern] = ()
    custom: CustomRedaction | None = None


@dataclass(slots=True)
class _Said:
    """A segment before it was redacted, and the pieces that may leave."""

    turn_id: str
    role: Role
    raw: str
    segment: Segment
    clean: list[RedactedText] = field(default_factory=list)


class Recognition:
    """One recording. Feed it, then :meth:`finish`; :meth:`close` in any case.

    Args:
        endpoint: opens sessions.
        settings: limits.
        clock: times sessions.
        redaction: how text is redacted.
        price: of the transcriber; None is unknown.
        language: what is spoken, ISO-639-1; None lets the transcriber guess.
        keywords: words to expect.
        on_delta: hears redacted words as they come; nothing comes where the operator's redactor wants them whole.

    """

    def __init__(
        self,
        endpoint: SpeechEndpoint,
        settings: SpeechApiSettings,
        clock: Clock,
        *,
        redaction: Redaction,
        price: TranscriberPrice | None,
        language: str | None = None,
        keywords: Sequence[str] = (),
        on_delta: OnDelta | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._settings = settings
        self._clock = clock
        self._redaction = redaction
        self._price = price
        self._language = language
        self._keywords = keywords
        self._on_delta = on_delta if redaction.custom is None else None
        self._live = Redactor(redaction.patterns)
        self._scribes = [self._scribe(0)]
        self._scribes[0].open()  # most recordings have one channel: its session is there when the first sound is
        self._to_24k: list[Transcoder] = []
        self._source: AudioFormat | None = None

    async def push(self, channels: Sequence[bytes], rate_hz: int) -> None:
        """Take a stretch of the recording: PCM16 for each channel, at a rate that stays the same.

        Raises:
            Problem: too many channels, too long, or the endpoint failed.

        """
        if self._source is None:
            self._begin(len(channels), rate_hz)
        await asyncio.gather(
            *(
                scribe.hear(to_24k.push(pcm))
                for scribe, to_24k, pcm in zip(self._scribes, self._to_24k, channels, strict=True)
            )
        )
        if self._scribes[0].heard_ms > self._settings.audio_s * 1000:
            raise Problem(
                413,
                "recording_too_long",
                f"the recording is longer than {self._settings.audio_s} s",
                "send it in parts, or raise speech_api.audio_s",
            )

    async def finish(self) -> Transcript:
        """Return everything that was said.

        Raises:
            Problem: the endpoint failed, or wrote nothing down in time.

        """
        for scribe, to_24k in zip(self._scribes, self._to_24k, strict=False):
            await scribe.hear(to_24k.flush())
        await asyncio.gather(*(scribe.finish() for scribe in self._scribes))
        return await self._transcript()

    async def close(self) -> None:
        """Let go of all sessions."""
        await asyncio.gather(*(scribe.close() for scribe in self._scribes))

    # --- inside ----------------------------------------------------------------------------------------------------

    def _begin(self, channels: int, rate_hz: int) -> None:
        if channels > MOST_CHANNELS:
            raise Problem(
                400,
                "too_many_channels",
                f"the recording has {channels} channels; one or two are written down, one speaker each",
                "mix it first: ffmpeg -i IN -ac 1 OUT.wav",
            )
        self._source = AudioFormat(Encoding.PCM16, rate_hz)
        self._scribes += [self._scribe(channel) for channel in range(1, channels)]
        for scribe in self._scribes:
            scribe.open()
        self._to_24k = [Transcoder(self._source, PCM16_24K) for _ in self._scribes]

    def _scribe(self, channel: int) -> Scribe:
        def on_words(item_id: str, text: str) -> None:
            if self._on_delta is None:
                return
            turn_id = f"{channel}:{item_id}"
            if text:
                clean = self._live.feed(turn_id, _ROLES[channel], text, self._scribes[channel].heard_ms)
            else:
                clean = self._live.end_turn(turn_id, self._scribes[channel].heard_ms)
            if clean:
                self._on_delta(channel, clean)

        return Scribe(
            self._endpoint,
            self._clock,
            language=self._language,
            keywords=self._keywords,
            answer_within_ms=self._settings.answer_within_ms,
            session_s=self._settings.session_s,
            on_words=on_words,
        )

    async def _transcript(self) -> Transcript:
        said = self._said()
        if said and all(one.segment.failed for one in said):
            raise Problem(
                502,
                "not_transcribed",
                f"the endpoint could not write any of it down: {said[0].segment.failed}",
                f"check endpoints.{self._endpoint.name}.transcription.model; to see more, run: gateway doctor",
            )
        segments = await self._redacted(said)
        uses = [use for scribe in self._scribes for use in scribe.used]
        unreported = sum(scribe.unreported for scribe in self._scribes)
        cost = None if self._price is None or unreported else money(map(self._price.cost, uses))
        spoken = [segment.text for segment in segments if segment.text]
        return Transcript(
            text=("\n" if len(self._scribes) > 1 else " ").join(spoken),
            duration_ms=self._scribes[0].heard_ms,
            segments=segments,
            complete=not any(segment.failed for segment in segments),
            usage=of_transcripts(uses, unreported=unreported),
            cost=cost,
            currency=self._price.currency if self._price is not None and cost is not None else None,
        )

    def _said(self) -> list[_Said]:
        """Return all segments, raw, in the order in which they were said."""
        found = [
            _Said(f"{channel}:{number}:{part}", _ROLES[channel], text, segment)
            for channel, scribe in enumerate(self._scribes)
            for number, utterance in enumerate(scribe.utterances)
            for part, (text, segment) in enumerate(_segments(utterance, channel))
        ]
        return sorted(found, key=lambda one: (one.segment.start_ms, one.segment.channel))

    async def _redacted(self, said: Sequence[_Said]) -> list[Segment]:
        by_turn = {one.turn_id: one for one in said}
        redactor = Redactor(self._redaction.patterns, on_late=lambda turn_id, text: by_turn[turn_id].clean.append(text))
        for one in said:
            one.clean.append(redactor.said(one.turn_id, one.role, one.raw, one.segment.start_ms, one.segment.end_ms))
        for turn_id, text in redactor.close().items():
            by_turn[turn_id].clean.append(text)
        return [await self._segment(one) for one in said]

    async def _segment(self, one: _Said) -> Segment:
        text = "".join(str(piece) for piece in one.clean)
        if self._redaction.custom is not None:
            context = CallContext(call_id="speech", persona="speech", language=self._language or "")
            whole = Redactor(self._redaction.patterns).whole(one.role, text)
            text = str(await self._redaction.custom.refine(whole, one.role, context))
        shown = one.segment
        return Segment(
            text=text,
            start_ms=shown.start_ms,
            end_ms=shown.end_ms,
            channel=shown.channel,
            speaker=shown.speaker,
            failed=shown.failed,
        )


def _segments(utterance: Utterance, channel: int) -> list[tuple[str, Segment]]:
    """Return an utterance's segments with their raw words: one for each speaker's stretch, else one for all of it."""
    if not utterance.speakers:
        segment = Segment(
            text="",
            start_ms=utterance.start_ms,
            end_ms=utterance.end_ms,
            channel=channel,
            failed=utterance.failed or None,
        )
        return [(utterance.text, segment)]
    return [
        (
            part.text.strip(),
            Segment(
                text="",
                start_ms=utterance.relayed_from_ms + part.start_ms,
                end_ms=utterance.relayed_from_ms + part.end_ms,
                channel=channel,
                speaker=part.speaker or None,
            ),
        )
        for part in utterance.speakers
    ]
