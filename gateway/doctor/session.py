"""A real session, as a call would open it: let in, set up, and one sentence written down.

The sentence is sent to the model as a caller's, but no answer is asked for: it costs three seconds of audio input.
Whether the transcriber exists shows only then, because Azure refuses a wrong one not before the first turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Final, TypeVar

from gateway.audio.format import PCMU_8K, AudioFormat, AudioFrame
from gateway.bridge.plan import plan_call, session_setup
from gateway.clock import Clock
from gateway.contracts.leg import LegStarted
from gateway.contracts.model import (
    CallerTranscript,
    CallerTranscriptFailed,
    ModelEvent,
    ModelFault,
    ModelSession,
    SessionLost,
    SessionReady,
    SessionSetup,
)
from gateway.doctor.finding import Finding, Report, failed, failed_by, note, ok
from gateway.errors import GatewayError
from gateway.realtime.connector import RealtimeConnector
from gateway.realtime.listing import NotListed
from gateway.realtime.refusals import Cause, remedy_for
from gateway.settings.effective import Answer
from gateway.speech.spare import SpareVoice

SETUP_WITHIN_S: Final = 10.0
TRANSCRIPT_WITHIN_S: Final = 20.0
SPOKEN: Final = "Good morning. This is a test of the line."
SILENCE_MS: Final = 1500
"""Behind the sentence, so that the turn ends."""
_PIECE_MS: Final = 100

_Event = TypeVar("_Event", bound=ModelEvent)


@dataclass(slots=True)
class _Ear:
    """Hears a session, and can be waited on."""

    heard: asyncio.Queue[ModelEvent] = field(default_factory=asyncio.Queue)

    def on_model(self, event: ModelEvent) -> None:
        """Keep the event."""
        self.heard.put_nowait(event)

    async def first(self, *kinds: type[_Event], within_s: float) -> _Event | None:
        """Return the next event of these kinds; None if none comes in time."""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    event = await self.heard.get()
                    if isinstance(event, kinds):
                        return event
        except TimeoutError:
            return None


async def try_session(
    connector: RealtimeConnector, answer: Answer, report: Report, clock: Clock
) -> AsyncIterator[Finding]:
    """Yield how far a session gets; the first step that fails is the last."""
    name = connector.name
    began_ms = clock.now_ms()
    try:
        session = await connector.connect()
    except GatewayError as error:
        yield failed_by(f"{name}: session", error)
        return
    try:
        took_ms = report.figures[f"{name}.connect_ms"] = round(clock.now_ms() - began_ms, 1)
        yield ok(f"{name}: session", f"opened in {took_ms:.0f} ms at {connector.address}")
        async for finding in _use(session, connector, answer, report, clock):
            yield finding
    finally:
        await session.close()


async def _use(
    session: ModelSession, connector: RealtimeConnector, answer: Answer, report: Report, clock: Clock
) -> AsyncIterator[Finding]:
    name = connector.name
    setup = _setup(answer, connector)
    ear = _Ear()
    session.listen(ear)
    began_ms = clock.now_ms()
    session.configure(setup)
    event = await ear.first(SessionReady, ModelFault, SessionLost, within_s=SETUP_WITHIN_S)
    match event:
        case SessionReady():
            took_ms = report.figures[f"{name}.round_trip_ms"] = round(clock.now_ms() - began_ms, 1)
            yield ok(f"{name}: set-up", f"taken; round trip {took_ms:.0f} ms")
        case ModelFault():
            yield failed_by(f"{name}: set-up", connector.setup_refused(event))
            return
        case SessionLost():
            fix = "try again" if event.retryable else "check model, the session's fields and the account"
            yield failed(f"{name}: set-up", f"the session was lost: {event.reason}", fix)
            return
        case _:
            fix = "check url: is this a Realtime endpoint?"
            yield failed(f"{name}: set-up", f"no answer within {SETUP_WITHIN_S:g} s", fix)
            return
    yield await _transcription(session, ear, connector, setup)


async def _transcription(
    session: ModelSession, ear: _Ear, connector: RealtimeConnector, setup: SessionSetup
) -> Finding:
    check = f"{connector.name}: transcription"
    if setup.transcription is None:
        return note(check, "off: records will not have the caller's words", "set transcription.model")
    model = setup.transcription.model
    await _speak(session, setup.input_format)
    event = await ear.first(
        CallerTranscript, CallerTranscriptFailed, ModelFault, SessionLost, within_s=TRANSCRIPT_WITHIN_S
    )
    match event:
        case CallerTranscript():
            return ok(check, f"{model} writes down what is said")
        case CallerTranscriptFailed():
            fix = remedy_for(Cause.NO_TRANSCRIPTION, connector.address) + await _transcribers(connector, model)
            return failed(check, f"{model} failed: {event.code}", fix)
        case ModelFault():
            return failed_by(check, connector.setup_refused(event))
        case SessionLost():
            return failed(check, f"the session was lost: {event.reason}", "try again; see the endpoint's status page")
        case _:
            return note(
                check,
                f"no words from {model} within {TRANSCRIPT_WITHIN_S:g} s; the line may have been taken for noise",
                "place a call with --live, and look into its transcript",
            )


async def _transcribers(connector: RealtimeConnector, wanted: str) -> str:
    """Return what there is instead, to be put behind a fix."""
    try:
        return f"; {(await connector.list_models()).told(wanted, transcriber=True)}"
    except (NotListed, GatewayError) as error:
        return f"; {error}"


async def _speak(session: ModelSession, format: AudioFormat) -> None:
    """Send a sentence and silence, several times as fast as it is said."""
    spoken = await SpareVoice().render(SPOKEN, "apology", "en", format)
    assert spoken is not None, "an apology always has a recording"
    silence = _silence(format, SILENCE_MS)
    step = format.size_bytes(_PIECE_MS)
    sound = spoken.raw + silence
    for start in range(0, len(sound), step):
        session.append(AudioFrame(format, raw=sound[start : start + step]))
        await asyncio.sleep(_PIECE_MS / 10_000)


def _silence(format: AudioFormat, duration_ms: int) -> bytes:
    level = {"pcmu": b"\xff", "pcma": b"\xd5"}.get(format.encoding, b"\0")
    return level * format.size_bytes(duration_ms)


def _setup(answer: Answer, connector: RealtimeConnector) -> SessionSetup:
    """Return what a call to this answer tells its session, but for answers by itself."""
    started = LegStarted(leg_id="doctor", stream_id="doctor", from_caller=PCMU_8K, to_caller=PCMU_8K)
    plan = plan_call(
        answer.persona_name,
        answer.persona,
        started,
        endpoint=answer.endpoint,
        endpoint_name=connector.name,
        call_s=60,
        semantic_vad=connector.capabilities.semantic_vad,
    )
    setup = session_setup(plan, answer.persona, answer.endpoint, started, connector.capabilities)
    turns = setup.turn_detection
    return setup if turns is None else replace(setup, turn_detection=replace(turns, create_response=False))
