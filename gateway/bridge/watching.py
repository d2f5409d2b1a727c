"""Lets somebody look on while the model speaks: its events become words that may leave the call.

The record is written once an item was heard; a page wants the words as they come. They pass a redactor of their own
here, which is fed both sides, so that it knows what the record's knows. Words that nobody will hear (of an answer that
was interrupted, of a summary, of a flow's question) are not shown.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.bridge.responses import Live, Purpose
from gateway.contracts.live import AgentWords, AnswerOver, CallerSpeaks, LiveView
from gateway.contracts.model import (
    CallerTranscript,
    ItemDone,
    ItemText,
    ModelEvent,
    ResponseDone,
    SpeechStarted,
    SpeechStopped,
)
from gateway.contracts.text import Label, RedactedText
from gateway.privacy.redactor import Redactor

_UNHEARD = frozenset({Purpose.SUMMARY, Purpose.QUESTION})


class Watching:
    """One call's looker-on.

    Args:
        view: who looks on.
        redactor: for this view alone.
        response: tells of a response that the model is making.
    """

    def __init__(self, view: LiveView, redactor: Redactor, response: Callable[[str], Live | None]) -> None:
        self._view = view
        self._redactor = redactor
        self._response = response
        self._items: set[str] = set()
        redactor.on_late = self._late

    def before(self, event: ModelEvent, now_ms: float) -> None:
        """Look at an event that the conversation is about to take, while its response is still known."""
        match event:
            case ItemText(response_id, item_id, text):
                if self._is_heard(response_id):
                    self._items.add(item_id)
                    self._show(item_id, self._redactor.feed(item_id, "agent", text, int(now_ms)))
            case ItemDone(response_id, item_id):
                if self._is_heard(response_id):
                    self._show(item_id, self._redactor.end_turn(item_id, int(now_ms)))
            case ResponseDone(response_id, status):
                live = self._response(response_id)
                if live is None or live.purpose not in _UNHEARD:
                    self._view.on_live(AnswerOver(Label(status)))
            case CallerTranscript(item_id, text, final):
                if final:
                    # Not shown, for the record has it; but what the agent repeats of it is recognised.
                    self._redactor.said(item_id, "caller", text, int(now_ms), int(now_ms))
            case SpeechStarted():
                self._view.on_live(CallerSpeaks(speaking=True))
            case SpeechStopped():
                self._view.on_live(CallerSpeaks(speaking=False))
            case _:
                pass

    def _is_heard(self, response_id: str) -> bool:
        live = self._response(response_id)
        return live is not None and not live.dead and live.purpose not in _UNHEARD

    def _late(self, item_id: str, text: RedactedText) -> None:
        if item_id in self._items:
            self._show(item_id, text)

    def _show(self, item_id: str, text: RedactedText) -> None:
        if text:
            self._view.on_live(AgentWords(item_id, text))
