"""Inside a talk the model has the word: set up for the step, confirmed, then answering by itself until it leaves.

The session is told what it is on entering and on leaving, and nothing is asked of it in between until it has confirmed
(a function call or an answer of the step before can't pass for one of this step). ``leave`` is a request that the
engine answers. Side effects are not among the tools.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any, Final, Literal

from gateway.bridge.commands import AnswerTool, Command, ConfigureSession, DeleteItem
from gateway.bridge.memory import Memory, ToolUse
from gateway.bridge.responses import Live, Purpose, Responses
from gateway.contracts.model import SemanticVad, SessionSetup, ToolAsked, ToolSpec, TurnDetection
from gateway.flows.engine.commands import AnswerLeave, EndTalk, MustLeave, StartTalk
from gateway.flows.engine.events import FlowEvent, LeaveAsked, TalkTurn
from gateway.flows.expressions.kinds import KindName
from gateway.flows.model import Tool

LEAVE: Final = "leave"
KEPT_ITEMS: Final = 8
"""Items of a talk that the model keeps in mind after it."""
_EAGERNESS: Final[dict[str, Literal["low", "auto", "high"]]] = {"quick": "high", "normal": "auto", "patient": "low"}
_JSON_KINDS: Final = {
    KindName.NUMBER: "number",
    KindName.AMOUNT: "number",
    KindName.BOOLEAN: "boolean",
    KindName.LIST: "array",
    KindName.OBJECT: "object",
}


class Talking:
    """One call's talks.

    Args:
        setup: what the session is outside talks.
        told: takes what the engine has to know.
        lacks: settings that the endpoint has not.

    """

    def __init__(
        self,
        *,
        setup: SessionSetup,
        responses: Responses,
        memory: Memory,
        out: list[Command],
        told: Callable[[FlowEvent], None],
        lacks: frozenset[str] = frozenset(),
    ) -> None:
        self._setup = setup
        self._lacks = lacks
        self._responses = responses
        self._memory = memory
        self._out = out
        self._told = told
        self._talk: StartTalk | None = None
        self._unconfirmed = 0
        """Set-ups that the endpoint has not confirmed."""
        self._owed = False
        """The model is to speak as soon as it may."""
        self._must_leave = False
        self._entered = 0
        """Items that were there when the talk began."""

    # --- what is so ------------------------------------------------------------------------------------------------

    @property
    def active(self) -> bool:
        """Whether the model has the word."""
        return self._talk is not None

    @property
    def confirmed(self) -> bool:
        """Whether the session is what it was last told to be."""
        return self._unconfirmed == 0

    @property
    def step(self) -> str | None:
        """The step that is talked on."""
        return self._talk.step if self._talk is not None else None

    # --- what the engine wants ------------------------------------------------------------------------------------

    def configure(self, **changes: object) -> None:
        """Tell the session what it is, and expect its word on it."""
        self._unconfirmed += 1
        self._out.append(ConfigureSession(changes))

    def start(self, command: StartTalk) -> None:
        """Let the model speak."""
        self._talk, self._must_leave = command, False
        leave = ToolSpec(name=LEAVE, description=command.leave_description, parameters=command.leave)
        tools = (leave, *(spec_of(tool) for tool in command.tools))
        self.configure(
            instructions=command.instructions,
            tools=tools,
            turn_detection=self._detection(answers=True, patience=command.model.wait_for_caller),
            extras=self._extras(command.model.effort),
        )
        self._owed = command.speaks_first
        self._entered = len(self._memory)

    def answer_leave(self, command: AnswerLeave, now_ms: float) -> None:
        """Grant a request, or refuse it: then the model goes on, or has to choose again."""
        if command.granted:
            self._out.append(AnswerTool(command.request, json.dumps({"status": "leaving"})))
            return
        self._out.append(AnswerTool(command.request, json.dumps({"error": command.why})))
        if self._talk is not None and not self._must_leave:
            self._responses.ask(Purpose.ANSWER, now_ms)

    def must_leave(self, command: MustLeave, now_ms: float) -> None:
        """Make the model choose an exit now."""
        if self._talk is not None and command.epoch >= self._talk.epoch:
            self._must_leave = True
            self._responses.ask(Purpose.ANSWER, now_ms, tool_choice=LEAVE)

    def end(self, command: EndTalk) -> None:
        """Take the word back: what the model has not begun to say it says no more."""
        talk = self._talk
        if talk is None:
            return
        self._talk, self._owed = None, False
        self._responses.withdraw(Purpose.ANSWER)
        setup = self._setup
        self.configure(
            instructions=setup.instructions,
            tools=setup.tools,
            turn_detection=self._detection(answers=False, patience=talk.model.wait_for_caller),
            extras=self._extras(None),
        )
        self._forget(command.memory)

    def _forget(self, memory: str) -> None:
        """Take items out of the model's memory, the oldest first and in one go: the prompt cache survives it best."""
        known = self._memory.known()
        gone = known[:-KEPT_ITEMS] if memory == "keep" else known[self._entered :] if memory == "facts" else known
        for item_id, entry in gone:
            self._out.append(DeleteItem(item_id))
            if isinstance(entry, ToolUse) and entry.output_item_id is not None:
                self._out.append(DeleteItem(entry.output_item_id))

    # --- what happens ---------------------------------------------------------------------------------------------

    def session_ready(self, now_ms: float, *, caller_speaking: bool) -> None:
        """The endpoint took a set-up; the model may speak now, if it is its turn."""
        self._unconfirmed = max(0, self._unconfirmed - 1)
        if self._talk is not None and self._owed and self.confirmed:
            self._owed = False
            if not caller_speaking:
                self._responses.ask(Purpose.ANSWER, now_ms)

    def session_replaced(self) -> None:
        """Another session is in use, and is told once more what it is."""
        self._unconfirmed = 1

    def spoke(self) -> None:
        """The caller has said something: before the set-up is confirmed the endpoint does not answer by itself."""
        if self._talk is not None and not self.confirmed:
            self._owed = True

    def tool_asked(self, event: ToolAsked, arguments: dict[str, Any]) -> None:
        """The model asks to leave."""
        if self._talk is not None:
            self._told(LeaveAsked(self._talk.epoch, event.tool_call_id, arguments))

    def response_done(self, live: Live) -> None:
        """The model has answered once."""
        if self._talk is not None and live.spoke and not live.dead and not live.asked_tool:
            self._told(TalkTurn(self._talk.epoch))

    def neutral(self, event: ToolAsked) -> None:
        """A call from before, or from outside a talk, has no effect and is answered so."""
        self._out.append(AnswerTool(event.tool_call_id, json.dumps({"status": "this part of the call is over"})))

    def _detection(self, *, answers: bool, patience: str | None = None) -> TurnDetection | None:
        detection = patient(self._setup.turn_detection, patience)
        return None if detection is None else dataclasses.replace(detection, create_response=answers)

    def _extras(self, effort: str | None) -> dict[str, Any]:
        """Return the session's further fields, with how long a step's model may think."""
        extras = dict(self._setup.extras)
        if effort is not None and "reasoning" not in self._lacks:
            extras["reasoning"] = {"effort": effort}
        return extras


def patient(detection: TurnDetection | None, patience: str | None) -> TurnDetection | None:
    """Return how turns are detected for a caller who is given so much time; only an ear for meaning can be."""
    if patience is None or not isinstance(detection, SemanticVad):
        return detection
    return dataclasses.replace(detection, eagerness=_EAGERNESS[patience])


def spec_of(tool: Tool) -> ToolSpec:
    """Return a flow's tool as the model sees it."""
    properties = {
        name: {"type": _JSON_KINDS.get(field.kind.name, "string"), "description": name.replace("_", " ")}
        for name, field in tool.sends.items()
        if not field.secret
    }
    required = [name for name, field in tool.sends.items() if field.required and not field.secret]
    return ToolSpec(
        name=tool.name,
        description=tool.description or tool.name.replace("_", " "),
        parameters={"type": "object", "properties": properties, "required": required, "additionalProperties": False},
    )
