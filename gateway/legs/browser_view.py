"""What a page is shown of its conversation: records and live events as messages, in plain words.

    session_ready      message, call_id, rates, persona, and how to come back (``resume``)
    text_delta         text, item_id: the agent's words, ahead of its voice
    transcript         role (user, assistant), text, turn, interrupted: what was said, and heard
    speech_started, speech_stopped
    response_done      message, status
    tool_call, tool_result
    error              code, message
    call_ended         reason, message

All text is redacted by its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.contracts.live import AgentWords, AnswerOver, CallerSpeaks, LiveEvent
from gateway.contracts.record import AgentSpoke, AnyRecord, CallerSpoke, Fault, ToolCalled, ToolReturned

_ANSWERS: Final = {
    "completed": "The answer is complete.",
    "cancelled": "The answer was interrupted.",
    "failed": "The answer failed.",
    "incomplete": "The answer broke off.",
}
_FAULTS: Final = {
    "response_failed": "The model could not answer.",
    "answer_overdue": "The answer takes too long; it was asked for once more.",
    "model_silent": "The model does not answer.",
    "no_local_speech": "Something could not be spoken.",
    "image_refused": "The picture was not taken: the model takes none, or something secret is being asked for.",
    "text_refused": "Nothing can be written while something secret is being asked for; use the keys.",
    "transfer_failed": "A transfer is not possible from a page.",
    "model_fault": "The model reported a problem; the conversation goes on.",
    "model_lost": "The connection to the model was lost.",
}
"""Faults that the page's user is told of; others are for the record."""


def live_message(event: LiveEvent) -> Mapping[str, Any]:
    """Return the message that shows what has just happened."""
    match event:
        case CallerSpeaks(speaking):
            return {"type": "speech_started" if speaking else "speech_stopped"}
        case AgentWords(item_id, text):
            return {"type": "text_delta", "text": str(text), "item_id": item_id}
        case AnswerOver(status):
            word = str(status)
            return {"type": "response_done", "message": _ANSWERS.get(word, _ANSWERS["failed"]), "status": word}


def record_message(record: AnyRecord) -> Mapping[str, Any] | None:
    """Return the message that shows a record; None for one that is no business of the page."""
    match record:
        case CallerSpoke() if record.text is not None:
            return _transcript("user", str(record.text), record)
        case AgentSpoke():
            return _transcript("assistant", str(record.text), record) | {"interrupted": record.interrupted}
        case ToolCalled():
            return {"type": "tool_call", "name": str(record.name), "arguments": str(record.arguments)}
        case ToolReturned():
            return {"type": "tool_result", "name": str(record.name), "ok": record.ok, "took_ms": record.took_ms}
        case Fault() if str(record.kind) in _FAULTS:
            return {"type": "error", "code": str(record.kind), "message": _FAULTS[str(record.kind)]}
        case _:
            return None


def _transcript(role: str, text: str, record: CallerSpoke | AgentSpoke) -> dict[str, Any]:
    return {"type": "transcript", "role": role, "text": text, "turn": record.turn, "at_ms": record.at_ms}
