"""Text to speech, word for word: each passage is asked for beside any conversation, and its transcript is compared.

A model may answer a text in place of reading it, or round it off. Whole readings are therefore held back until they
were compared, a passage that differs is asked for once more, and one that differs again is an error. Streamed readings
leave at once, so a deviation can only be told at the end.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import structlog

from gateway.audio.format import PCM16_24K
from gateway.audio.transcode import Transcoder
from gateway.bridge.disclosure import same_words
from gateway.bridge.responses import word_for_word
from gateway.contracts.model import (
    ItemAudio,
    ItemDone,
    ModelEvent,
    ModelFault,
    ResponseDone,
    ResponseRequest,
    ResponseStarted,
    ResponseStatus,
    SessionLost,
    SessionSetup,
    Usage,
)
from gateway.contracts.price import Price
from gateway.privacy.redactor import Redactor
from gateway.realtime.session import RealtimeSession
from gateway.speech_service.answers import Deviation, Reading, money, of_responses
from gateway.speech_service.endpoint import SpeechEndpoint
from gateway.speech_service.problems import Problem, no_speech_made, session_lost
from gateway.speech_service.recognition import Redaction

log = structlog.get_logger()

TRIES: Final = 2


@dataclass(slots=True)
class _Take:
    """One try at a passage."""

    wanted: str
    said: list[str] = field(default_factory=list)
    status: ResponseStatus | None = None
    reason: str = ""
    has_sound: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether it was all said, and nothing else."""
        whole = self.status is ResponseStatus.COMPLETED and self.has_sound
        return whole and same_words(" ".join(self.said), self.wanted)


class Synthesis:
    """One text read aloud, as PCM16 at 24 kHz. :meth:`open` it, take :meth:`whole` or :meth:`stream`, :meth:`close` it.

    Args:
        endpoint: opens the session.
        passages: the text, cut.
        redaction: how deviations are redacted.
        price: of the model; None is unknown.
        voice: one that the endpoint has; None is the endpoint's own.
        language: what the text is written in, if it is known.
        answer_within_ms: how long the endpoint may be silent.

    """

    def __init__(
        self,
        endpoint: SpeechEndpoint,
        passages: list[str],
        *,
        redaction: Redaction,
        price: Price | None,
        voice: str | None,
        language: str | None,
        answer_within_ms: int,
    ) -> None:
        self._endpoint = endpoint
        self._passages = passages
        self._redaction = redaction
        self._price = price
        self._voice = voice
        self._language = language
        self._within_ms = answer_within_ms
        self._events: asyncio.Queue[ModelEvent] = asyncio.Queue()
        self._session: RealtimeSession | None = None
        self._setup: SessionSetup | None = None
        self._asked = 0
        self._uses: list[Usage | None] = []
        self._deviations: list[Deviation] = []
        self._size_bytes = 0
        self._finished = False
        self._problem: str | None = None

    async def open(self) -> None:
        """Open the session.

        Raises:
            Problem: the endpoint refused, or can't be reached.

        """
        self._session, self._setup = await self._endpoint.to_read(self, voice=self._voice, language=self._language)

    async def whole(self) -> bytes:
        """Return the whole reading, word for word.

        Raises:
            Problem: the endpoint failed, or read something else twice.

        """
        made = [await self._exact(passage) for passage in self._passages]
        self._finished = True
        return b"".join(made)

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """Yield the reading as it is made; :meth:`report` tells afterwards whether it was word for word.

        Raises:
            Problem: the endpoint failed.

        """
        try:
            for passage in self._passages:
                take = _Take(passage)
                async for pcm in self._take(take):
                    self._size_bytes += len(pcm)
                    yield pcm
                if take.status is ResponseStatus.FAILED:
                    raise _failed(take)
                if not take.is_exact:
                    self._deviates(take)
        except Problem as problem:
            self._problem = problem.code
            raise
        self._finished = True

    async def close(self) -> None:
        """End the session."""
        if self._session is not None:
            await self._session.close()

    def report(self) -> Reading:
        """Return how it went, as far as it went."""
        costs: list[Decimal | None] = [
            None if self._price is None or use is None else self._price.cost(use) for use in self._uses
        ]
        cost = money(costs)
        return Reading(
            exact=self._finished and not self._deviations,
            finished=self._finished,
            deviations=list(self._deviations),
            duration_ms=round(PCM16_24K.duration_ms(self._size_bytes)),
            usage=of_responses(self._uses),
            cost=cost,
            currency=self._price.currency if self._price is not None and cost is not None else None,
            problem=self._problem,
        )

    def on_model(self, event: ModelEvent) -> None:
        """Take an event of the session."""
        self._events.put_nowait(event)

    # --- inside ----------------------------------------------------------------------------------------------------

    async def _exact(self, passage: str) -> bytes:
        take = _Take(passage)
        for _ in range(TRIES):
            take = _Take(passage)
            pcm = b"".join([piece async for piece in self._take(take)])
            if take.is_exact:
                self._size_bytes += len(pcm)
                return pcm
            log.info("reading_differs", endpoint=self._endpoint.name, status=str(take.status), reason=take.reason)
        if take.status is ResponseStatus.FAILED:
            raise _failed(take)
        raise Problem(
            502,
            "not_word_for_word",
            f"the model did not read a passage of {len(passage)} characters word for word, twice",
            "write it as it is spoken, numbers and abbreviations in words, in shorter sentences; or try another voice",
        )

    async def _take(self, take: _Take) -> AsyncIterator[bytes]:
        """Ask for a passage and yield its sound; what was said, and how it ended, is in ``take`` afterwards."""
        session, setup = self._session, self._setup
        assert session is not None
        assert setup is not None
        self._asked += 1
        tag = f"reading-{self._asked}"
        session.respond(
            ResponseRequest(
                tag=tag,
                instructions=word_for_word(take.wanted),
                tools=(),
                tool_choice="none",
                out_of_band=session.capabilities.out_of_band,
                without_history=session.capabilities.out_of_band,
            )
        )
        transcoder = Transcoder(setup.output_format, PCM16_24K)
        response_id: str | None = None
        while take.status is None:
            match await self._next():
                case ResponseStarted(started, told, _) if told in {tag, None}:
                    response_id = started
                case ItemAudio(about, _, frame) if about == response_id:
                    pcm = transcoder.push(frame.raw)
                    if pcm:
                        take.has_sound = True
                        yield pcm
                case ItemDone(about, _, text, _) if about == response_id:
                    take.said.append(text)
                case ResponseDone(about, status, reason, usage) if about == response_id:
                    take.status, take.reason = status, reason
                    self._uses.append(usage)
                case ModelFault(code, message, "respond", about) if about == tag:
                    raise Problem(502, code, f"the endpoint refused to read: {self._clean(message)}", "try again")
                case SessionLost(reason, retryable):
                    raise session_lost(reason, retryable=retryable)
                case _:
                    pass
        rest = transcoder.flush()
        if rest:
            yield rest

    async def _next(self) -> ModelEvent:
        try:
            async with asyncio.timeout(self._within_ms / 1000):
                return await self._events.get()
        except TimeoutError:
            raise no_speech_made(self._within_ms) from None

    def _deviates(self, take: _Take) -> None:
        self._deviations.append(Deviation(wanted=self._clean(take.wanted), said=self._clean(" ".join(take.said))))

    def _clean(self, text: str) -> str:
        return str(Redactor(self._redaction.patterns).whole("agent", text))


def _failed(take: _Take) -> Problem:
    return Problem(
        502,
        "reading_failed",
        f"the endpoint broke the reading off: {take.reason or 'it gave no reason'}",
        "send it again; if it stays so, run: gateway doctor",
    )
