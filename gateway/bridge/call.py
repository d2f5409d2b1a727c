"""One call's driver: it owns the leg, the model session, the clock's timer and the tools, and holds no rules.

Caller audio goes the short way, leg → media chain → session, in the callback that brought it: no task, no queue, no
await. Everything else goes through the conversation, whose commands are carried out at once and in order. However a
call ends — the caller, the carrier, the model, the deadline, a drain — it ends in :meth:`Call._finish`, once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, assert_never

import structlog

from gateway.audio.format import AudioFormat, AudioFrame
from gateway.bridge.commands import (
    AddMessage,
    AnswerTool,
    CancelResponse,
    CancelTools,
    ClearPlayout,
    Command,
    DeleteItem,
    EndCall,
    PlaceMark,
    PlayAudio,
    Respond,
    RunTool,
    SpeakLocally,
    TransferCall,
    TruncateItem,
    Write,
)
from gateway.bridge.conversation import Conversation
from gateway.bridge.media import MediaChain
from gateway.bridge.plan import CallPlan
from gateway.bridge.playback import Playback
from gateway.bridge.tools import built_in_specs
from gateway.clock import Clock
from gateway.contracts.leg import FramesLost, Leg, LegEnded, LegEvent, TransferTarget
from gateway.contracts.model import ModelConnector, ModelEvent, ModelSession, SessionReady, SessionSetup, ToolSpec
from gateway.contracts.record import AudioTap, CallStarted, Sink
from gateway.contracts.text import Label
from gateway.errors import CarrierError, Ending, GatewayError, ModelError, Party, Unsupported
from gateway.privacy.redactor import Redactor

log = structlog.get_logger()

EARLY_AUDIO_MS: Final = 5000
"""Caller audio kept while the model session is being opened, so that an early word is not lost."""
FINISH_WITHIN_S: Final = 8.0
"""Time limit for saying goodbye to leg, session and sinks together."""


class LocalSpeech(Protocol):
    """A voice that needs no model: for apologies, and for a disclosure that no model says exactly."""

    async def render(self, text: str, purpose: str, language: str, format: AudioFormat) -> AudioFrame | None:
        """Return ``text`` as speech in ``format``; None if there is neither a voice nor a recording for ``purpose``."""
        ...


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a tool gave: text for the model, and whether it went well."""

    output: str
    ok: bool = True


ToolFunction = Callable[[str], Awaitable[ToolOutcome]]
"""Takes the model's JSON arguments; off the media path, cancelled when the call ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallParts:
    """What the door hands to a call: everything that is not the leg."""

    call_id: str
    plan: CallPlan
    setup: SessionSetup
    """Without the built-in tools, which the call adds."""
    connector: ModelConnector
    session: Awaitable[ModelSession] | None = None
    """A session opened while the phone rang."""
    append_ms: int = 20
    clock: Clock
    redactor: Redactor
    sink: Sink
    tap: AudioTap | None = None
    local_speech: LocalSpeech | None = None
    tools: Mapping[str, tuple[ToolSpec, ToolFunction]] = field(default_factory=dict)


class Call:
    """A leg, a session and the conversation between them. ``await call.run()`` lasts as long as the call."""

    def __init__(self, leg: Leg, parts: CallParts) -> None:
        self._leg = leg
        self._parts = parts
        self._started_ms = parts.clock.now_ms()
        self._session: ModelSession | None = None
        self._early: deque[AudioFrame] = deque()
        self._early_ms = 0.0
        self._ended: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._wake_ms: float | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._connected_ms: float | None = None
        started = leg.started
        self.setup = self._complete(parts.setup)
        self._media = MediaChain(
            from_caller=started.from_caller,
            to_model=self.setup.input_format,
            from_model=self.setup.output_format,
            to_caller=started.to_caller,
            append_ms=parts.append_ms,
        )
        self._conversation = Conversation(
            parts.plan,
            playback=Playback(started.to_caller, leg.capabilities),
            media=self._media,
            capabilities=parts.connector.capabilities,
            redactor=parts.redactor,
            custom_tools=frozenset(parts.tools),
        )

    def _complete(self, setup: SessionSetup) -> SessionSetup:
        tools = (*built_in_specs(self._parts.plan), *(spec for spec, _ in self._parts.tools.values()))
        return SessionSetup(
            instructions=setup.instructions,
            voice=setup.voice,
            input_format=setup.input_format,
            output_format=setup.output_format,
            turn_detection=setup.turn_detection,
            transcription=setup.transcription,
            tools=(*setup.tools, *tools),
            extras=setup.extras,
        )

    # --- the life of a call ----------------------------------------------------------------------------------------

    async def run(self) -> Ending:
        """Hold the call from its first frame to its end, and return why it ended. Never raises but when cancelled."""
        self._write_start()
        self._leg.listen(self)
        deadline = asyncio.get_running_loop().call_later(
            self._parts.plan.deadline_ms / 1000, self.end, Ending(Party.GATEWAY, "deadline", ok=False)
        )
        try:
            await self._connect()
            ending = await self._ended
        except asyncio.CancelledError:
            ending = Ending(Party.GATEWAY, "cancelled", ok=False)
            await self._finish(ending)
            raise
        finally:
            deadline.cancel()
        await self._finish(ending)
        return ending

    def end(self, ending: Ending) -> None:
        """End the call; the first reason counts."""
        if not self._ended.done():
            self._ended.set_result(ending)

    async def _connect(self) -> None:
        connecting = asyncio.ensure_future(self._open_session())
        self._ended.add_done_callback(lambda _: connecting.cancel())
        try:
            session = self._session = await connecting
        except ModelError as error:
            log.error("model_unreachable", endpoint=self._parts.connector.name, why=str(error))
            self._do(self._conversation.model_unreachable(str(error), self._now_ms()))
            return
        except asyncio.CancelledError:
            if not self._ended.done():
                connecting.cancel()
                raise
            return
        if self._ended.done():
            return
        self._connected_ms = self._now_ms()
        session.listen(self)
        session.configure(self.setup)
        self._do(self._conversation.begin(self._now_ms()))
        early, self._early = self._early, deque()
        for frame in early:
            self.on_audio(frame)

    async def _open_session(self) -> ModelSession:
        if self._parts.session is not None:
            try:
                return await self._parts.session
            except ModelError as error:
                log.warning("early_session_failed", endpoint=self._parts.connector.name, why=str(error))
        return await self._parts.connector.connect()

    async def _finish(self, ending: Ending) -> None:
        if self._timer is not None:
            self._timer.cancel()
        session = self._session
        dropped_ms = 0.0 if session is None else session.dropped_ms
        self._do(self._conversation.ended(ending, self._now_ms(), dropped_ms=dropped_ms))
        for task in self._tasks.values():
            task.cancel()
        parts: list[Awaitable[object]] = [self._part_with_leg(ending), *self._tasks.values()]
        if session is not None:
            parts.append(session.close())
        if self._parts.tap is not None:
            parts.append(self._parts.tap.close(self._now_ms()))
        await self._within_limit(parts)
        await self._within_limit([self._parts.sink.close()])

    async def _part_with_leg(self, ending: Ending) -> None:
        if ending.reason == "transferred":
            await self._leg.close()
            return
        try:
            await self._leg.hang_up()
        except (CarrierError, Unsupported) as error:
            log.error("hang_up_unconfirmed", why=str(error))

    async def _within_limit(self, parts: Sequence[Awaitable[object]]) -> None:
        tasks = [asyncio.ensure_future(part) for part in parts]
        done, late = await asyncio.wait(tasks, timeout=FINISH_WITHIN_S)
        for task in late:
            task.cancel()
            log.error("call_part_stuck", after_s=FINISH_WITHIN_S, part=task.get_name())
        for task in done:
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("call_part_failed", error=type(error).__name__, why=str(error))

    # --- what the banks say ----------------------------------------------------------------------------------------

    def on_audio(self, frame: AudioFrame) -> None:
        """Take a frame from the caller: the short way."""
        session = self._session
        if session is None:
            self._keep_early(frame)
            return
        try:
            for piece in self._media.from_caller(frame):
                session.append(piece)
        except ValueError:
            self.end(Ending(Party.CARRIER, "protocol", ok=False))
            return
        if self._parts.tap is not None:
            self._parts.tap.from_caller(frame, self._now_ms() - frame.duration_ms)

    def _keep_early(self, frame: AudioFrame) -> None:
        self._early.append(frame)
        self._early_ms += frame.duration_ms
        while self._early_ms > EARLY_AUDIO_MS:
            self._early_ms -= self._early.popleft().duration_ms

    def on_leg(self, event: LegEvent) -> None:
        """Take any other event of the leg."""
        if isinstance(event, LegEnded):
            self.end(event.ending)
        elif isinstance(event, FramesLost):
            self.on_audio(self._media.silence(event.lost_ms))
        else:
            self._do(self._conversation.receive(event, self._now_ms()))

    def on_model(self, event: ModelEvent) -> None:
        """Take an event of the model session."""
        now_ms = self._now_ms()
        if isinstance(event, SessionReady) and self._connected_ms is not None:
            self._do(self._conversation.session_ready(now_ms, event.session_id, now_ms))
            self._connected_ms = None
            return
        self._do(self._conversation.receive(event, now_ms))

    # --- what the conversation wants -------------------------------------------------------------------------------

    def _do(self, commands: list[Command]) -> None:
        for command in commands:
            self._carry_out(command)
        self._set_timer()

    def _carry_out(self, command: Command) -> None:
        leg, session, tap = self._leg, self._session, self._parts.tap
        match command:
            case PlayAudio(frame, plays_at_ms):
                leg.send_audio(frame)
                if tap is not None:
                    tap.to_caller(frame, plays_at_ms)
            case PlaceMark(name):
                leg.send_mark(name)
            case ClearPlayout(cut_at_ms):
                leg.clear()
                if tap is not None:
                    tap.cut(cut_at_ms)
            case Write(record):
                self._parts.sink.accept(record)
            case EndCall(ending):
                self.end(ending)
            case SpeakLocally(text, purpose):
                self._start(f"speak:{purpose}", self._speak_locally(text, purpose))
            case TransferCall(target):
                self._start("transfer", self._transfer(target))
            case RunTool(tool_call_id, name, arguments):
                self._start(f"tool:{tool_call_id}", self._run_tool(tool_call_id, name, arguments))
            case CancelTools():
                for name, task in self._tasks.items():
                    if name.startswith("tool:"):
                        task.cancel()
            case Respond() | CancelResponse() | TruncateItem() | DeleteItem() | AddMessage() | AnswerTool():
                if session is not None:
                    self._tell_model(session, command)
            case _:
                assert_never(command)

    @staticmethod
    def _tell_model(
        session: ModelSession,
        command: Respond | CancelResponse | TruncateItem | DeleteItem | AddMessage | AnswerTool,
    ) -> None:
        match command:
            case Respond(request):
                session.respond(request)
            case CancelResponse(response_id):
                session.cancel(response_id)
            case TruncateItem(item_id, heard_ms):
                session.truncate(item_id, heard_ms)
            case DeleteItem(item_id):
                session.delete_item(item_id)
            case AddMessage(role, text):
                session.add_message(role, text)
            case AnswerTool(tool_call_id, output):
                session.tool_result(tool_call_id, output)

    def _start(self, name: str, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._tasks.pop(name, None))

    async def _speak_locally(self, text: str, purpose: str) -> None:
        frame = None
        if self._parts.local_speech is not None:
            try:
                wanted, language = self._leg.started.to_caller, self._parts.plan.language
                frame = await self._parts.local_speech.render(text, purpose, language, wanted)
            except GatewayError as error:
                log.error("local_speech_failed", why=str(error))
        self._do(self._conversation.local_speech(text, purpose, frame, self._now_ms()))

    async def _transfer(self, target: TransferTarget) -> None:
        why = None
        try:
            await self._leg.transfer(target)
        except (CarrierError, Unsupported) as error:
            why = str(error)
        self._do(self._conversation.transfer_finished(target.uri, why, self._now_ms()))

    async def _run_tool(self, tool_call_id: str, name: str, arguments: str) -> None:
        _, function = self._parts.tools[name]
        try:
            outcome = await function(arguments)
        except Exception as error:  # noqa: BLE001 - a tool is the operator's code: whatever it does, the call goes on
            log.error("tool_failed", tool=name, error=type(error).__name__)
            outcome = ToolOutcome('{"error": "the tool failed"}', ok=False)
        self._do(self._conversation.tool_finished(tool_call_id, outcome.output, self._now_ms(), ok=outcome.ok))

    # --- time ------------------------------------------------------------------------------------------------------

    def _now_ms(self) -> float:
        return self._parts.clock.now_ms() - self._started_ms

    def _set_timer(self) -> None:
        wake_ms = self._conversation.next_wake_ms()
        if wake_ms == self._wake_ms:
            return
        self._wake_ms = wake_ms
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wake_ms is not None and not self._ended.done():
            delay_s = max(0.0, wake_ms - self._now_ms()) / 1000
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._wake)

    def _wake(self) -> None:
        self._timer = self._wake_ms = None
        self._do(self._conversation.wake(self._now_ms()))

    def _write_start(self) -> None:
        started, plan, redactor = self._leg.started, self._parts.plan, self._parts.redactor
        self._parts.sink.accept(
            CallStarted(
                at_ms=0,
                call_id=Label(self._parts.call_id),
                leg=Label("inbound" if started.inbound else "outbound"),
                leg_id=redactor.whole("caller", started.leg_id),
                started_at_s=self._parts.clock.wall_s(),
                caller_number=redactor.shorten_number(started.caller_number),
                dialed_number=redactor.shorten_number(started.dialed_number),
                persona=Label(plan.persona),
                endpoint=Label(plan.endpoint),
                from_caller=_format_label(started.from_caller),
                to_model=_format_label(self.setup.input_format),
                passthrough=self._media.passthrough,
            )
        )


def _format_label(format: AudioFormat) -> Label:
    return Label(f"{format.encoding} at {format.rate_hz // 1000} kHz")
