"""The model's tool calls: the built-in ones that end or hand over a call, and the operator's, run off the media path.

A tool that can't be understood is answered with an error that the model can act on, never with an exception. When a
response and all tools that it asked for are done, one follow-up response is asked for; if the caller has spoken since,
theirs is the next word and none is.
"""

from __future__ import annotations

import json
from typing import Any, Final

from gateway.bridge.closing import Closing
from gateway.bridge.commands import AnswerTool, CancelTools, Command, RunTool, Write
from gateway.bridge.plan import CallPlan
from gateway.bridge.responses import Live, Purpose, Responses
from gateway.contracts.model import ToolAsked, ToolSpec
from gateway.contracts.record import ToolCalled, ToolReturned
from gateway.contracts.text import Label
from gateway.errors import Ending, Party
from gateway.privacy.redactor import Redactor

END_CALL: Final = "end_call"
TRANSFER_CALL: Final = "transfer_call"
_TRANSFERRING: Final = "I am putting you through now. One moment, please."


def built_in_specs(plan: CallPlan) -> tuple[ToolSpec, ...]:
    """Return the built-in tools that a persona may use, as the model sees them.

    A description begins with what callers say, in short pieces, which is what a recogniser can listen for.
    """
    specs = []
    if END_CALL in plan.tools:
        specs.append(
            ToolSpec(
                name=END_CALL,
                description="goodbye, thank you goodbye, bye bye, that is all: the caller is done, so hang up.",
                parameters={"type": "object", "properties": {}, "additionalProperties": False},
            )
        )
    if TRANSFER_CALL in plan.tools and plan.transfer_targets:
        target = {
            "type": "string",
            "enum": sorted(plan.transfer_targets),
            "description": "; ".join(f"{name} = {name.replace('_', ' ')}" for name in sorted(plan.transfer_targets)),
        }
        specs.append(
            ToolSpec(
                name=TRANSFER_CALL,
                description="put me through, speak to a person: the caller wants somebody, so hand them over.",
                parameters={
                    "type": "object",
                    "properties": {"target": target},
                    "required": ["target"],
                    "additionalProperties": False,
                },
            )
        )
    return tuple(specs)


class Tools:
    """The tool calls of one call.

    Args:
        plan: what the persona may use.
        custom: names of the operator's tools that the driver can run.
    """

    def __init__(
        self,
        *,
        plan: CallPlan,
        custom: frozenset[str],
        closing: Closing,
        responses: Responses,
        redactor: Redactor,
        out: list[Command],
    ) -> None:
        self._plan = plan
        self._custom = custom
        self._closing = closing
        self._responses = responses
        self._redactor = redactor
        self._out = out
        self._running: dict[str, tuple[str, str, float]] = {}
        self._owed: dict[str, int] = {}
        self.count = 0

    @property
    def running(self) -> bool:
        """Whether a tool of the operator's runs."""
        return bool(self._running)

    def asked(self, event: ToolAsked, live: Live, now_ms: float) -> None:
        """Take a tool call of a living response."""
        self.count += 1
        arguments = self._redactor.whole("tool", event.arguments)
        name = event.name if event.name in self._plan.tools or event.name in self._custom else "unknown"
        self._out.append(Write(ToolCalled(at_ms=int(now_ms), name=Label(name), arguments=arguments)))
        if name == END_CALL:
            self._answer(event, {"status": "ending the call"}, now_ms)
            ending = Ending(Party.AGENT, "goodbye")
            self._closing.goodbye(ending, now_ms, say=self._plan.goodbye, spoken=live.spoke)
        elif name == TRANSFER_CALL:
            self._transfer(event, live, now_ms)
        elif name != "unknown":
            self._running[event.tool_call_id] = (event.name, event.response_id, now_ms)
            self._owed[event.response_id] = self._responses.epoch
            self._out.append(RunTool(event.tool_call_id, event.name, event.arguments))
        else:
            self._refuse(event, f"there is no tool of that name; there are: {self._names()}", now_ms)

    def _transfer(self, event: ToolAsked, live: Live, now_ms: float) -> None:
        wanted = _argument(event.arguments, "target")
        target = self._plan.transfer_targets.get(wanted)
        if target is None:
            known = ", ".join(sorted(self._plan.transfer_targets)) or "none"
            self._refuse(event, f"target must be one of: {known}", now_ms)
            return
        self._answer(event, {"status": "the caller is being put through"}, now_ms)
        self._closing.transfer(target, now_ms, say=_TRANSFERRING, spoken=live.spoke)

    def _refuse(self, event: ToolAsked, why: str, now_ms: float) -> None:
        self._answer(event, {"error": why}, now_ms, ok=False)
        self._owed[event.response_id] = self._responses.epoch

    def _answer(self, event: ToolAsked, output: dict[str, str], now_ms: float, *, ok: bool = True) -> None:
        text = json.dumps(output)
        self._out.append(AnswerTool(event.tool_call_id, text))
        name = Label(event.name if event.name in self._plan.tools else "unknown")
        redacted = self._redactor.whole("tool", text)
        self._out.append(Write(ToolReturned(at_ms=int(now_ms), name=name, ok=ok, took_ms=0, output=redacted)))

    def finished(self, tool_call_id: str, output: str, now_ms: float, *, ok: bool) -> None:
        """Take the end of an operator's tool; one that was cancelled or is unknown is dropped."""
        run = self._running.pop(tool_call_id, None)
        if run is None:
            return
        name, response_id, began_ms = run
        self._out.append(AnswerTool(tool_call_id, output))
        redacted = self._redactor.whole("tool", output)
        took_ms = int(now_ms - began_ms)
        self._out.append(
            Write(ToolReturned(at_ms=int(now_ms), name=Label(name), ok=ok, took_ms=took_ms, output=redacted))
        )
        self.follow_up(response_id, now_ms)

    def follow_up(self, response_id: str, now_ms: float) -> None:
        """Ask for the answer that a response's tools owe, once it and all of them are done."""
        if response_id not in self._owed or self._responses.get(response_id) is not None:
            return
        if any(owner == response_id for _, owner, _ in self._running.values()):
            return
        epoch = self._owed.pop(response_id)
        if epoch == self._responses.epoch and not self._closing.begun:
            self._responses.ask(Purpose.ANSWER, now_ms)

    def cancel_all(self) -> None:
        """The call ends: no tool outlives it."""
        if self._running:
            self._running.clear()
            self._out.append(CancelTools())

    def _names(self) -> str:
        return ", ".join(sorted(self._plan.tools | self._custom)) or "none"


def _argument(arguments: str, name: str) -> str:
    """Return a text argument out of a model's JSON, or nothing if the JSON or the argument is broken."""
    try:
        parsed: Any = json.loads(arguments)
    except ValueError:
        return ""
    value = parsed.get(name) if isinstance(parsed, dict) else None
    return value if isinstance(value, str) else ""
