"""A conversation with a model from Python, without a telephone.

    async with open_session("main", instructions="Be brief.") as session:
        session.ask("What is the capital of Portugal?")
        async for event in session:
            match event:
                case Audio(pcm=pcm): speaker.play(pcm)
                case Words(speaker="model", text=text): print(text, end="")
                case AnswerDone(): break

Endpoints, voices, turn detection, transcription and redaction are those of the settings file, as for calls.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Final

from gateway.audio.format import PCM16_24K, AudioFormat, AudioFrame, Encoding
from gateway.audio.transcode import Transcoder
from gateway.bridge.plan import plan_call, session_setup
from gateway.contracts.leg import LegStarted
from gateway.contracts.model import (
    CallerTranscript,
    CallerTranscriptFailed,
    ItemAudio,
    ItemDone,
    ItemText,
    ModelEvent,
    ModelFault,
    ResponseDone,
    ResponseRequest,
    ResponseStarted,
    SessionLost,
    SessionReady,
    SessionSetup,
    SpeechStarted,
    SpeechStopped,
)
from gateway.errors import ModelError
from gateway.library.events import (
    AnswerDone,
    AnswerStarted,
    Audio,
    CallerStarted,
    CallerStopped,
    Event,
    Lost,
    Trouble,
    Words,
)
from gateway.library.reach import connector_to
from gateway.library.wording import ROLES, Wording
from gateway.privacy.custom import CallContext, CustomRedaction, CustomRedactor, load_custom
from gateway.privacy.patterns import load_patterns
from gateway.privacy.redactor import Redactor
from gateway.realtime.connector import RealtimeConnector
from gateway.realtime.session import RealtimeSession
from gateway.settings.endpoint import EndpointSettings, TranscriptionChanges
from gateway.settings.load import load_settings
from gateway.settings.persona import PersonaSettings
from gateway.settings.schema import Settings

SETUP_WITHIN_S: Final = 10.0
MOST_UNREAD_MS: Final = 600_000.0
"""Ten minutes of the model's speech; of a reader who is slower than that, the oldest is dropped and counted."""
TICK_S: Final = 1.0
"""How often digits are looked at that wait for more of them."""
_PIECE_MS: Final = 100
_READ_AHEAD_MS: Final = 1000.0
"""Audio that may wait for a slow endpoint before ``send_audio`` waits too; at 2 s it would be dropped."""
_LOOK_AGAIN_S: Final = 0.01


class Session:
    """A live session; made by :func:`open_session`. Iterate it once: events come in order, from the beginning.

    ``dropped_ms`` counts milliseconds of the model's speech that nobody read in time.
    """

    def __init__(
        self,
        session: RealtimeSession,
        setup: SessionSetup,
        *,
        rate_hz: int,
        redactor: Redactor,
        custom: CustomRedaction | None,
        language: str,
    ) -> None:
        self._session = session
        self._setup = setup
        self._wording = Wording(redactor, self._tell, in_one=custom is not None)
        self._custom = custom
        self._context = CallContext(call_id="library", persona="library", language=language)
        self._target = AudioFormat(Encoding.PCM16, rate_hz)
        self._from_model: dict[str, Transcoder] = {}
        self._to_model: Transcoder | None = None
        self._ready: asyncio.Future[ModelFault | SessionLost | None] = asyncio.get_running_loop().create_future()
        self._events: deque[Event] = deque()
        self._news = asyncio.Event()
        self._unread_ms = 0.0
        self._asked = 0
        self._answering = ""
        self._item_id = ""
        self._silenced: set[str] = set()
        self._over = False
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        self._ticking = self._loop.call_later(TICK_S, self._tick)
        self.dropped_ms = 0.0

    # --- what is said to the model ---------------------------------------------------------------------------------

    async def send_audio(self, pcm: bytes, *, rate_hz: int = PCM16_24K.rate_hz) -> None:
        """Send what the caller says, in pieces of any length and at any speed; returns once the endpoint keeps up.

        Args:
            pcm: 16-bit signed little-endian, mono.
            rate_hz: its samples per second, the same throughout a stream; another one begins a new stream.

        """
        source = AudioFormat(Encoding.PCM16, rate_hz)
        if self._to_model is None or self._to_model.source != source:
            self._to_model = Transcoder(source, self._setup.input_format)
        step = source.size_bytes(_PIECE_MS)
        for start in range(0, len(pcm), step):
            raw = self._to_model.push(pcm[start : start + step])
            if raw:
                self._session.append(AudioFrame(self._setup.input_format, raw=raw))
            # A poll: an event for this would cost the audio path of calls, which never waits here.
            while self._session.waiting_ms > _READ_AHEAD_MS and not self._over:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_AGAIN_S)

    def ask(self, text: str) -> None:
        """Say something in writing and have it answered; the answer comes as events."""
        self._session.add_message("user", text)
        self.answer()

    def answer(self, instructions: str | None = None) -> None:
        """Have the model speak now, by instructions for this once if any are given."""
        self._asked += 1
        self._session.respond(ResponseRequest(tag=f"library-{self._asked}", instructions=instructions))

    def interrupt(self, heard_ms: int | None = None) -> None:
        """Stop the answer, and drop what of it was not yet read.

        Args:
            heard_ms: how much of the item that was playing was heard; the rest leaves the model's memory. None leaves
                it there.

        """
        if self._answering:
            self._session.cancel(self._answering)
            self._silenced.add(self._answering)
        unread = [event for event in self._events if not isinstance(event, Audio)]
        self._events, self._unread_ms = deque(unread), 0.0
        if heard_ms is not None and self._item_id and self._session.capabilities.truncates:
            self._session.truncate(self._item_id, heard_ms)

    async def close(self) -> None:
        """End the session; iterating it then ends as well."""
        self._finish()
        await self._session.close()

    # --- what comes back -------------------------------------------------------------------------------------------

    def __aiter__(self) -> AsyncIterator[Event]:
        return self

    async def __anext__(self) -> Event:
        while not self._events:
            if self._over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        event = first = self._events[0]
        if isinstance(event, Words) and self._custom is not None:
            # It stays in the queue meanwhile: whoever gives up waiting for it gets it the next time.
            event = replace(event, text=await self._custom.refine(event.text, ROLES[event.speaker], self._context))
        self._events.remove(first)
        if isinstance(event, Audio):
            self._unread_ms -= event.duration_ms
        return event

    def on_model(self, event: ModelEvent) -> None:
        """Take an event of the model session (``contracts.model.ModelListener``); not for users of the library."""
        match event:
            case SessionReady():
                self._settle(None)
            case ModelFault():
                self._settle(event)
                self._tell(Trouble(event.code, self._wording.whole(event.message)))
            case SessionLost():
                self._settle(event)
                self._finish(Lost(event.reason, event.retryable))
            case SpeechStarted():
                self._tell(CallerStarted(event.item_id, event.audio_ms))
            case SpeechStopped():
                self._tell(CallerStopped(event.item_id, event.audio_ms))
            case CallerTranscript():
                self._caller_words(event)
            case CallerTranscriptFailed():
                self._wording.end("caller", event.item_id, self._at_ms, failed=True)
            case ResponseStarted():
                self._answering = event.response_id
                self._tell(AnswerStarted(event.response_id))
            case ItemText():
                self._wording.piece("model", event.item_id, event.text, self._at_ms)
            case ItemAudio():
                self._audio(event)
            case ItemDone():
                self._item_done(event)
            case ResponseDone():
                self._answering = "" if self._answering == event.response_id else self._answering
                self._silenced.discard(event.response_id)
                self._tell(AnswerDone(event.response_id, str(event.status)))
            case _:
                pass  # confirmations, and tools, of which none are offered

    async def _until_ready(self, connector: RealtimeConnector) -> None:
        """Wait for the endpoint to take the set-up."""
        try:
            async with asyncio.timeout(SETUP_WITHIN_S):
                problem = await self._ready
        except TimeoutError:
            raise ModelError(
                f"endpoint {connector.name!r} did not answer the session's set-up within {SETUP_WITHIN_S:g} s; "
                "check url: is it a Realtime endpoint?"
            ) from None
        if isinstance(problem, ModelFault):
            raise connector.setup_refused(problem)
        if problem is not None:
            raise ModelError(
                f"endpoint {connector.name!r} ended the session at its set-up: {problem.reason}; try again"
            )

    def _settle(self, problem: ModelFault | SessionLost | None) -> None:
        if not self._ready.done():
            self._ready.set_result(problem)

    def _caller_words(self, event: CallerTranscript) -> None:
        if not event.final or not self._wording.has_begun(event.item_id):
            self._wording.piece("caller", event.item_id, event.text, self._at_ms)
        if event.final:
            self._wording.end("caller", event.item_id, self._at_ms)

    def _item_done(self, event: ItemDone) -> None:
        if event.text and not self._wording.has_begun(event.item_id):
            self._wording.piece("model", event.item_id, event.text, self._at_ms)
        self._wording.end("model", event.item_id, self._at_ms)
        transcoder = self._from_model.pop(event.item_id, None)
        if transcoder is not None and event.response_id not in self._silenced:
            self._tell_audio(event.item_id, transcoder.flush())

    def _audio(self, event: ItemAudio) -> None:
        if event.response_id in self._silenced:
            return
        self._item_id = event.item_id
        transcoder = self._from_model.get(event.item_id)
        if transcoder is None:
            transcoder = self._from_model[event.item_id] = Transcoder(event.frame.format, self._target)
        self._tell_audio(event.item_id, transcoder.push(event.frame.raw))

    def _tell_audio(self, item_id: str, pcm: bytes) -> None:
        if not pcm:
            return
        audio = Audio(item_id, pcm, self._target.rate_hz)
        self._unread_ms += audio.duration_ms
        self._tell(audio)
        while self._unread_ms > MOST_UNREAD_MS:
            oldest = next(event for event in self._events if isinstance(event, Audio))
            self._events.remove(oldest)
            self._unread_ms -= oldest.duration_ms
            self.dropped_ms += oldest.duration_ms

    def _tell(self, event: Event) -> None:
        self._events.append(event)
        self._news.set()

    @property
    def _at_ms(self) -> int:
        """Milliseconds into the session."""
        return int((self._loop.time() - self._began_s) * 1000)

    def _tick(self) -> None:
        self._wording.tick(self._at_ms)
        self._ticking = self._loop.call_later(TICK_S, self._tick)

    def _finish(self, *last: Event) -> None:
        """Tell what is still held back, then how it ended; iterating ends behind that."""
        if self._over:
            return
        self._ticking.cancel()
        self._wording.close()
        for event in last:
            self._tell(event)
        self._over = True
        self._news.set()

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


@asynccontextmanager
async def open_session(
    endpoint: str | None = None,
    *,
    settings: Settings | Path | str | None = None,
    instructions: str = "",
    voice: str | None = None,
    language: str = "en",
    keywords: Sequence[str] = (),
    answers: bool = True,
    rate_hz: int = PCM16_24K.rate_hz,
    redactor: CustomRedactor | str | None = None,
) -> AsyncIterator[Session]:
    """Open a session on a named endpoint, ready to be spoken to; it is closed at the end of the block.

    Args:
        endpoint: its name in the settings; None is the default one.
        settings: loaded settings, or their file; None reads ``config/gateway.yaml`` as the command line does.
        instructions: what the model is told.
        voice: whose voice the model has; None is the endpoint's.
        language: what is spoken, ISO-639-1, for the transcriber.
        keywords: words that the transcriber should expect; the local server hears little else.
        answers: whether the model answers each turn by itself; without, it answers when asked.
        rate_hz: samples per second of the audio that comes back.
        redactor: ``(text, role, context) -> text``, sync or async, or ``package.module:callable``. It runs after ours,
            on whole items, and can only remove more. None takes ``privacy.redactor`` of the settings.

    Raises:
        ConfigurationError: the settings or the redactor's name are wrong, or there is no such endpoint.
        ModelRefused: the endpoint said no; the message has the remedy.
        ModelError: it can't be reached.
        SpeechError: the local server is wanted and its engines are not installed.

    """
    loaded = (
        settings
        if isinstance(settings, Settings)
        else load_settings(None if settings is None else Path(settings)).settings
    )
    custom = redactor or loaded.privacy.redactor
    if isinstance(custom, str):
        custom = load_custom(custom)
    redaction = None if custom is None else CustomRedaction(custom, limit_ms=loaded.privacy.redactor_limit_ms)
    ours = Redactor(load_patterns(loaded.privacy.patterns))
    name = endpoint or loaded.endpoint
    assert name is not None, "loaded settings name their default endpoint"
    async with connector_to(name, loaded) as connector:
        setup = _setup(
            loaded.endpoints[name],
            connector,
            instructions=instructions,
            voice=voice,
            language=language,
            keywords=keywords,
            answers=answers,
        )
        model = await connector.connect()
        async with Session(
            model, setup, rate_hz=rate_hz, redactor=ours, custom=redaction, language=language
        ) as session:
            model.listen(session)
            model.configure(setup)
            await session._until_ready(connector)  # noqa: SLF001 - its own maker
            yield session


def _setup(
    endpoint: EndpointSettings,
    connector: RealtimeConnector,
    *,
    instructions: str,
    voice: str | None,
    language: str,
    keywords: Sequence[str],
    answers: bool,
) -> SessionSetup:
    """Return what the session is told: what a call on this endpoint would tell it, without greeting and tools."""
    persona = PersonaSettings(
        instructions=instructions,
        voice=voice,
        language=language,
        tools=[],
        transcription=TranscriptionChanges(language=language, keywords=list(keywords)),
    )
    started = LegStarted(leg_id="library", stream_id="library", from_caller=PCM16_24K, to_caller=PCM16_24K)
    capabilities = connector.capabilities
    plan = plan_call(
        "library",
        persona,
        started,
        endpoint=endpoint,
        endpoint_name=connector.name,
        call_s=60,
        semantic_vad=capabilities.semantic_vad,
    )
    setup = session_setup(plan, persona, endpoint, started, capabilities)
    turns = setup.turn_detection
    return setup if turns is None or answers else replace(setup, turn_detection=replace(turns, create_response=False))
