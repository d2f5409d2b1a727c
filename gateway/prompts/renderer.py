"""Renders a flow's static prompts with its voice: once, verified, and kept.

Every text is asked for beside the conversation, word for word; what comes back is judged by transcript and duration and
tried again if it is not what was wanted. One session serves for a voice, as a voice can't change once it has spoken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Final

from gateway.audio.format import PCM16_24K, AudioFormat, AudioFrame, Encoding
from gateway.audio.transcode import Transcoder
from gateway.contracts.model import (
    ItemAudio,
    ItemDone,
    ModelConnector,
    ModelEvent,
    ModelSession,
    ResponseDone,
    ResponseRequest,
    ResponseStarted,
    SessionLost,
    SessionReady,
    SessionSetup,
)
from gateway.errors import ModelError
from gateway.flows.model import Flow
from gateway.flows.prompts import Prompt
from gateway.prompts.store import PromptStore, Rendering, Spoken
from gateway.prompts.verify import Verdict, verify

TRIES: Final = 3
"""How often a prompt is asked for before it is given up."""
RENDER_WITHIN_S: Final = 45.0
READY_WITHIN_S: Final = 10.0
CHARACTERS_A_SECOND: Final = 15.0
"""How fast prompts are told, for estimates."""
OUTPUT_TOKENS_A_SECOND: Final = 20
INPUT_TOKENS_A_PROMPT: Final = 60
CHARACTERS_A_TOKEN: Final = 4


@dataclass(frozen=True, slots=True)
class Estimate:
    """What rendering will use, about: tokens of text in and of audio out."""

    prompts: int
    characters: int
    input_text: int
    output_audio: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one prompt."""

    spoken: Spoken
    verdict: Verdict
    tries: int


def static_prompts(flow: Flow, model: str) -> list[Spoken]:
    """Return every text of a flow that has no values in it, as ``model`` says it, in the order of the file."""
    found: dict[Spoken, None] = {}
    for prompt in _prompts([flow.handlers, flow.slots, flow.steps]):
        for language, wording in prompt.all_wordings():
            if wording.text.is_constant and wording.audio is None and (text := str(wording.text).strip()):
                found[Spoken(text, language, flow.voices.get(language) or "", model)] = None
    return list(found)


def _prompts(things: Iterable[object]) -> Iterable[Prompt]:
    """Yield the prompts in compiled flows, wherever they stand."""
    for thing in things:
        if isinstance(thing, Prompt):
            yield thing
        elif isinstance(thing, dict) or hasattr(thing, "items"):
            yield from _prompts(thing.values())  # type: ignore[attr-defined]
        elif isinstance(thing, list | tuple | frozenset):
            yield from _prompts(thing)
        elif is_dataclass(thing):
            yield from _prompts(getattr(thing, field.name) for field in fields(thing))


def estimate(wanted: Iterable[Spoken]) -> Estimate:
    """Return what rendering these will use, about, if each succeeds at once."""
    texts = [spoken.text for spoken in wanted]
    characters = sum(len(text) for text in texts)
    spoken_s = characters / CHARACTERS_A_SECOND
    return Estimate(
        prompts=len(texts),
        characters=characters,
        input_text=len(texts) * INPUT_TOKENS_A_PROMPT + characters // CHARACTERS_A_TOKEN,
        output_audio=int(spoken_s * OUTPUT_TOKENS_A_SECOND),
    )


async def render(
    wanted: Iterable[Spoken],
    store: PromptStore,
    connector: ModelConnector,
    *,
    say: Callable[[str], str],
    told: Callable[[Outcome], None],
    clock: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> int:
    """Render prompts that the store lacks; return how many could not be verified.

    Args:
        wanted: what to render.
        store: where verified renderings go.
        connector: opens sessions, one for each voice.
        say: gives the instructions that make a model say a text word for word.
        told: takes each outcome.
        clock: waits between tries.

    Raises:
        ModelError: the endpoint can't be reached, or was lost.

    """
    by_voice: dict[str, list[Spoken]] = {}
    for spoken in wanted:
        by_voice.setdefault(spoken.voice, []).append(spoken)
    failed = 0
    for voice, prompts in by_voice.items():
        session = await connector.connect()
        try:
            studio = _Studio(session, voice or None)
            await studio.ready()
            for spoken in prompts:
                outcome = await _render_one(studio, spoken, store, say, clock)
                failed += not outcome.verdict.ok
                told(outcome)
        finally:
            await session.close()
    return failed


async def _render_one(
    studio: _Studio,
    spoken: Spoken,
    store: PromptStore,
    say: Callable[[str], str],
    clock: Callable[[float], Awaitable[object]],
) -> Outcome:
    verdict = Verdict(False, "it was not tried")
    for tried in range(1, TRIES + 1):
        transcript, pcm = await studio.take(say(spoken.text))
        verdict = verify(spoken.text, transcript, pcm, studio.rate_hz)
        if verdict.ok:
            duration_ms = len(pcm) * 1000 // (2 * studio.rate_hz)
            rendering = Rendering(
                text=spoken.text,
                language=spoken.language,
                voice=spoken.voice,
                duration_ms=duration_ms,
                transcript=transcript,
                model=spoken.model,
            )
            await asyncio.to_thread(store.add, spoken, pcm, studio.rate_hz, rendering)
            return Outcome(spoken, verdict, tried)
        await clock(0.2 * tried)
    return Outcome(spoken, verdict, TRIES)


class _Studio:
    """One session that says texts, one after the other."""

    def __init__(self, session: ModelSession, voice: str | None) -> None:
        able = session.capabilities.output_formats
        self._format: AudioFormat = PCM16_24K if PCM16_24K in able else able[0]
        self._session = session
        self._voice = voice
        self._events: asyncio.Queue[ModelEvent] = asyncio.Queue()
        self._takes = 0
        self.rate_hz = self._format.rate_hz
        session.listen(self)

    def on_model(self, event: ModelEvent) -> None:
        """Take an event."""
        self._events.put_nowait(event)

    async def ready(self) -> None:
        """Set the session up, and wait until it is.

        Raises:
            ModelError: it would not be.

        """
        able = self._session.capabilities.input_formats
        setup = SessionSetup(
            instructions="You read texts aloud, word for word, in a friendly, even voice.",
            voice=self._voice,
            input_format=PCM16_24K if PCM16_24K in able else able[0],
            output_format=self._format,
            turn_detection=None,
            transcription=None,
        )
        self._session.configure(setup)
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                while not isinstance(event := await self._events.get(), SessionReady):
                    _check(event)
        except TimeoutError:
            raise ModelError(f"the session did not take its set-up within {READY_WITHIN_S:g} s") from None

    async def take(self, instructions: str) -> tuple[str, bytes]:
        """Have a text said; return the transcript, and 16-bit mono samples.

        Raises:
            ModelError: the session was lost, or said nothing in time.

        """
        self._takes += 1
        tag = f"render-{self._takes}"
        out_of_band = self._session.capabilities.out_of_band
        request = ResponseRequest(
            tag=tag,
            instructions=instructions,
            tools=(),
            tool_choice="none",
            out_of_band=out_of_band,
            without_history=out_of_band,
            metadata={"purpose": "render"},
        )
        self._session.respond(request)
        transcript, frames, response_id = "", list[AudioFrame](), None
        try:
            async with asyncio.timeout(RENDER_WITHIN_S):
                while True:
                    match event := await self._events.get():
                        case ResponseStarted() if event.tag == tag:
                            response_id = event.response_id
                        case ItemAudio() if event.response_id == response_id:
                            frames.append(event.frame)
                        case ItemDone() if event.response_id == response_id:
                            transcript += event.text
                        case ResponseDone() if event.response_id == response_id:
                            return transcript, self._pcm(frames)
                        case _:
                            _check(event)
        except TimeoutError:
            raise ModelError(f"a prompt was not said within {RENDER_WITHIN_S:g} s") from None

    def _pcm(self, frames: list[AudioFrame]) -> bytes:
        transcoder = Transcoder(self._format, AudioFormat(Encoding.PCM16, self.rate_hz))
        return b"".join(transcoder.push(frame.raw) for frame in frames) + transcoder.flush()


def _check(event: ModelEvent) -> None:
    if isinstance(event, SessionLost):
        raise ModelError(f"the session was lost: {event.reason}")
