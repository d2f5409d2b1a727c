"""What a call has done beside the media path: local speech, transfers, tools, and the works of a flow.

Each is a task; what comes of it goes back into the conversation. None outlives the call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, assert_never

import structlog

from gateway.bridge.commands import CancelTools, Command, DoAside, RunTool, SpeakLocally, StopAside, TransferCall
from gateway.bridge.conversation import Conversation
from gateway.bridge.parts import CallParts
from gateway.contracts.leg import Leg, TransferTarget
from gateway.contracts.tool import Tool, ToolOutcome
from gateway.errors import CarrierError, GatewayError, Unsupported

if TYPE_CHECKING:
    from gateway.bridge.flow.plan import Work

log = structlog.get_logger()

Errand = SpeakLocally | TransferCall | RunTool | CancelTools | DoAside | StopAside


class Errands:
    """The tasks of one call.

    Args:
        conversation: hears what comes of them.
        leg: hands the caller over.
        parts: of the call.
        tools: what the model may call, by name.
        carry_out: takes the commands that a result makes necessary.
        now_ms: the call's clock.

    """

    def __init__(
        self,
        conversation: Conversation,
        leg: Leg,
        parts: CallParts,
        *,
        tools: Mapping[str, Tool],
        carry_out: Callable[[list[Command]], None],
        now_ms: Callable[[], float],
    ) -> None:
        self._conversation = conversation
        self._leg = leg
        self._parts = parts
        self._tools = tools
        self._do = carry_out
        self._now_ms = now_ms
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, errand: Errand) -> None:
        """Begin an errand, or stop those that it names."""
        match errand:
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
            case DoAside(name, work):
                self._start(f"aside:{name}", self._do_aside(name, work))
            case StopAside(name):
                if (aside := self._tasks.get(f"aside:{name}")) is not None:
                    aside.cancel()
            case _:
                assert_never(errand)

    def stop(self) -> list[asyncio.Task[None]]:
        """Cancel everything that is under way, and return it to be waited for."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        return tasks

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
        try:
            outcome = await self._tools[name].run(arguments)
        except Exception as error:  # noqa: BLE001 - a tool is the operator's code: whatever it does, the call goes on
            log.error("tool_failed", tool=name, error=type(error).__name__)
            outcome = ToolOutcome('{"error": "the tool failed"}', ok=False)
        self._do(self._conversation.tool_finished(tool_call_id, outcome.output, self._now_ms(), ok=outcome.ok))

    async def _do_aside(self, name: str, work: Work) -> None:
        from gateway.bridge.flow.conversation import FlowConversation
        from gateway.bridge.flow.plan import do

        assert self._parts.flow is not None
        assert isinstance(self._conversation, FlowConversation)
        outcome = None
        try:
            outcome = await do(work, self._parts.flow.help, self._leg)
        except Exception as error:  # noqa: BLE001 - it may be the operator's code: the flow goes on by its ``failed`` way
            log.error("flow_work_failed", work=name, error=type(error).__name__)
        self._do(self._conversation.done_aside(name, outcome, self._now_ms()))
