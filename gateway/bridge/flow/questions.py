"""What did the caller mean: a closed question to the model beside the conversation, answered by one forced call.

The request's beginning is the same from step to step (the brief, without what is known), so that the endpoint's prompt
cache works; what changes comes last, in the input: what is known, what the caller was told, and what they said.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gateway.bridge.responses import Purpose, Responses
from gateway.contracts.model import InputItem, InputText, ResponseStarted, ToolAsked, ToolSpec
from gateway.flows.engine.commands import AskModel
from gateway.flows.engine.events import Answered, FlowEvent, NotAnswered


@dataclass(slots=True)
class _Question:
    command: AskModel
    tag: str
    response_id: str | None = None


class Questions:
    """One call's closed questions; the latest is the one that counts, older ones are stopped.

    Args:
        told: takes the answers.
        able: whether the endpoint answers beside the conversation.

    """

    def __init__(self, *, responses: Responses, told: Callable[[FlowEvent], None], able: bool) -> None:
        self._responses = responses
        self._told = told
        self._able = able
        self._open: _Question | None = None
        self.count = 0
        """Questions that were put to the model."""

    @property
    def waiting(self) -> bool:
        """Whether an answer is waited for."""
        return self._open is not None

    def ask(self, command: AskModel, now_ms: float) -> None:
        """Put a question."""
        self._drop_open()
        if not self._able or self._responses.suspended:
            self._told(NotAnswered(command.epoch))
            return
        self.count += 1
        stable, _, known = command.brief.partition("\n" + KNOWN)
        given: list[InputText | InputItem] = [InputText("system", KNOWN + known)] if known else []
        if command.said:
            given.append(InputText("assistant", command.said))
        tag = self._responses.ask(
            Purpose.QUESTION,
            now_ms,
            instructions=stable,
            tools=(ToolSpec(name=command.function, description=command.description, parameters=command.parameters),),
            tool_choice=command.function,
            input=(*given, InputItem(command.item)),
            out_of_band=True,
            text_only=True,
        )
        self._open = _Question(command, tag)

    def drop(self, epoch: int) -> None:
        """Stop waiting for an answer, if it is still waited for."""
        if self._open is not None and self._open.command.epoch <= epoch:
            self._drop_open()

    def _drop_open(self) -> None:
        question, self._open = self._open, None
        if question is not None:
            self._responses.drop(question.tag, question.response_id)

    def response_started(self, event: ResponseStarted) -> None:
        """The model begins to answer."""
        if self._open is not None and self._open.tag == event.tag:
            self._open.response_id = event.response_id

    def tool_asked(self, event: ToolAsked) -> None:
        """Take the answer: the arguments of the function that had to be called."""
        question = self._open
        if question is None or question.response_id != event.response_id:
            return
        self._open = None
        arguments = _object(event.arguments)
        if event.name != question.command.function or arguments is None:
            self._told(NotAnswered(question.command.epoch))
        else:
            self._told(Answered(question.command.epoch, arguments))

    def response_done(self, response_id: str) -> None:
        """The response has ended; without a call it was no answer."""
        if self._open is not None and self._open.response_id == response_id:
            question, self._open = self._open, None
            self._told(NotAnswered(question.command.epoch))

    def rejected(self, tag: str) -> None:
        """The endpoint refuses the question, e.g. because it no longer has the caller's words."""
        if self._open is not None and self._open.tag == tag:
            question, self._open = self._open, None
            self._told(NotAnswered(question.command.epoch))

    def session_gone(self) -> None:
        """The session is gone: another one hears the caller's words again, or the engine's own limit ends the wait."""
        self._open = None


KNOWN = "Known so far: "
"""Begins the last line of a brief, which changes as the call goes on (``flows.engine.questions.brief``)."""


def _object(arguments: str) -> dict[str, Any] | None:
    """Return a function's arguments; None if they are anything but a JSON object, or too much of one."""
    if len(arguments) > 20_000:
        return None
    try:
        found = json.loads(arguments)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
