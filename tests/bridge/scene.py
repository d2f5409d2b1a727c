"""A call on a stage: a conversation with a scripted model, a hand-turned clock, and questions in the field's words."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gateway.audio.format import PCMU_8K, AudioFormat, AudioFrame
from gateway.bridge.commands import ClearPlayout, Command, HearAgain, PlaceMark, PlayAudio, Respond, UseSession, Write
from gateway.bridge.conversation import Conversation
from gateway.bridge.media import MediaChain
from gateway.bridge.plan import CallPlan, IdlePlan
from gateway.bridge.playback import Playback
from gateway.bridge.tail import Tail
from gateway.contracts.leg import HeardSignal, LegCapabilities, LegEvent, MarkReturned, TransferTarget
from gateway.contracts.model import (
    ItemAudio,
    ItemDone,
    ItemText,
    ModelCapabilities,
    ModelEvent,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SessionLost,
    SpeechStarted,
    SpeechStopped,
    ToolSpec,
)
from gateway.contracts.record import AnyRecord
from gateway.contracts.tool import Tool, ToolOutcome
from gateway.privacy.redactor import Redactor

PLAN = CallPlan(
    persona="receptionist",
    endpoint="local",
    instructions="Be kind.",
    greeting=None,
    disclosure=None,
    goodbye="Goodbye.",
    apology="Sorry.",
    language="en",
    tools=frozenset({"end_call", "transfer_call"}),
    transfer_targets={"desk": TransferTarget("tel:+442079460000")},
    idle=IdlePlan(after_ms=8000, prompts=("Are you there?",), goodbye="Bye."),
    interruption="gateway",
    min_barge_in_ms=0,
    silence_window_ms=500,
    deadline_ms=60_000,
)
TWILIO = LegCapabilities(heard=HeardSignal.NAMED_MARKS, transfers=True)
MODEL = ModelCapabilities(input_formats=(PCMU_8K,), output_formats=(PCMU_8K,))


def as_tool(tool: str | Tool) -> Tool:
    """Return a tool of this name that a conversation can ask for; nobody runs it."""

    async def never(arguments: str) -> ToolOutcome:
        raise AssertionError("a conversation runs nothing")

    if isinstance(tool, Tool):
        return tool
    return Tool(spec=ToolSpec(name=tool, description="does it", parameters={"type": "object"}), run=never)


class Scene:
    """Feeds a conversation and remembers what it wanted done."""

    def __init__(
        self,
        *,
        leg: LegCapabilities = TWILIO,
        model: ModelCapabilities = MODEL,
        format: AudioFormat = PCMU_8K,
        tools: Iterable[str | Tool] = (),
        **plan: Any,
    ) -> None:
        self.now_ms = 0.0
        self.commands: list[Command] = []
        self.marks: list[tuple[str, float]] = []
        self.media = MediaChain(from_caller=format, to_model=format, from_model=format, to_caller=format)
        self.format = format
        self.tail = Tail()
        self.tail.take()
        self.live = True
        """Whether there is a session that hears the caller."""
        self.heard_again_ms = 0.0
        self.conversation = Conversation(
            replace(PLAN, **plan),
            playback=Playback(format, leg),
            media=self.media,
            tail=self.tail,
            capabilities=model,
            redactor=Redactor(),
            custom_tools={tool.spec.name: tool for tool in map(as_tool, tools)},
        )
        self._take(self.conversation.begin(0))

    # --- what happens ----------------------------------------------------------------------------------------------

    def event(self, event: LegEvent | ModelEvent) -> list[Command]:
        return self._take(self.conversation.receive(event, self.now_ms))

    def wait(self, ms: float) -> list[Command]:
        """Let time pass; alarms ring when they are due."""
        end_ms, seen = self.now_ms + ms, []
        while (wake_ms := self.conversation.next_wake_ms()) is not None and wake_ms <= end_ms:
            self.now_ms = max(self.now_ms, wake_ms)
            seen += self._take(self.conversation.wake(self.now_ms))
        self.now_ms = end_ms
        return seen

    def _take(self, commands: list[Command]) -> list[Command]:
        self.commands += commands
        for command in commands:
            if isinstance(command, UseSession):
                self.live = True
            elif isinstance(command, HearAgain):
                self.media.begin_again()
                self.heard_again_ms = sum(frame.duration_ms for frame in self.tail.take())
                self.media.from_caller(AudioFrame(self.format, raw=bytes(self.format.size_bytes(self.heard_again_ms))))
        return commands

    def lost(self, reason: str = "connection_lost", *, retryable: bool = True) -> list[Command]:
        """The model's session is gone."""
        self.live = False
        return self.event(SessionLost(reason, retryable))

    def another_session(self, *, lasts_ms: float | None = None) -> list[Command]:
        """The next session is set up; return what comes of it."""
        return self._take(self.conversation.session_opened("sess_2", lasts_ms, self.now_ms))

    def tag(self, purpose: str) -> str:
        """The tag of the last response that was asked for with this purpose."""
        tags = [c.request.tag for c in self.commands if isinstance(c, Respond) and c.request.tag.startswith(purpose)]
        assert tags, f"no response was asked for as {purpose}: {self.commands}"
        return tags[-1]

    def response(self, response_id: str, tag: str | None = None, *, out_of_band: bool = False) -> None:
        self.event(ResponseStarted(response_id, tag, out_of_band))

    def speech(self, response_id: str, item_id: str, ms: int, text: str = "", *, done: bool = False) -> list[Command]:
        frame = AudioFrame(self.format, raw=random.Random(ms).randbytes(self.format.size_bytes(ms)))
        commands = self.event(ItemText(response_id, item_id, text)) if text and not done else []
        commands += self.event(ItemAudio(response_id, item_id, frame))
        if done:
            commands += self.event(ItemDone(response_id, item_id, text))
        return commands

    def response_done(self, response_id: str, status: ResponseStatus = ResponseStatus.COMPLETED) -> list[Command]:
        return self.event(ResponseDone(response_id, status))

    def answer(
        self, ms: int, text: str, *, response_id: str = "r1", item_id: str = "i1", tag: str | None = None
    ) -> None:
        """The model gives a whole answer at once, faster than it is heard."""
        self.response(response_id, tag)
        self.speech(response_id, item_id, ms, text, done=True)
        self.response_done(response_id)

    def caller_speaks(self, item_id: str = "u1") -> list[Command]:
        return self.event(SpeechStarted(item_id, int(self.media.appended_ms)))

    def caller_stops(self, item_id: str = "u1") -> list[Command]:
        return self.event(SpeechStopped(item_id, int(self.media.appended_ms)))

    def hear(self, ms: float) -> None:
        """Let the caller listen: audio is appended meanwhile, and marks come back as they are passed."""
        pending = [name for name in self.placed_marks if name not in {name for name, _ in self.marks}]
        self.line(ms)
        for name in pending:
            if self._position(name) <= self.now_ms:
                self.marks.append((name, self.now_ms))
                self.event(MarkReturned(name))

    def line(self, ms: float) -> None:
        """Let time pass in which the line brings audio."""
        end_ms = self.now_ms + ms
        while self.now_ms < end_ms:
            step_ms = min(20.0, end_ms - self.now_ms)
            frame = AudioFrame(self.format, raw=bytes(self.format.size_bytes(step_ms)))
            self.tail.push(frame)
            if self.live:
                self.media.from_caller(frame)
            self.wait(step_ms)

    def _position(self, name: str) -> float:
        """When a carrier without delay has played up to a mark, from the commands alone."""
        busy_until = 0.0
        for command in self.commands:
            if isinstance(command, PlayAudio):
                busy_until = max(busy_until, command.plays_at_ms) + command.frame.duration_ms
            elif isinstance(command, PlaceMark) and command.name == name:
                return busy_until
        raise AssertionError(f"no mark {name}")

    @staticmethod
    def quiet() -> IdlePlan:
        """A ladder that nobody climbs."""
        return IdlePlan(after_ms=10_000_000, prompts=(), goodbye="Bye.")

    # --- what can be asked -----------------------------------------------------------------------------------------

    @property
    def placed_marks(self) -> list[str]:
        return [command.name for command in self.commands if isinstance(command, PlaceMark)]

    def wanted(self, kind: type) -> list[Any]:
        return [command for command in self.commands if isinstance(command, kind)]

    def records(self, kind: type) -> list[Any]:
        written: list[AnyRecord] = [command.record for command in self.commands if isinstance(command, Write)]
        return [record for record in written if isinstance(record, kind)]

    @property
    def cleared(self) -> bool:
        return bool(self.wanted(ClearPlayout))

    def played(self) -> bytes:
        return b"".join(command.frame.raw for command in self.wanted(PlayAudio))
