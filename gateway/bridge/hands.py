"""What a caller does by hand and not by voice: write a turn, stop the agent, end a turn, show a picture.

Only some legs bring it, such as a web page. A written turn is a turn like a spoken one: it takes the floor, stands in
the record and in the model's memory, and is answered.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.bridge.commands import AddImage, AddMessage, Command, CommitInput
from gateway.bridge.responses import Purpose
from gateway.bridge.rooms import Rooms
from gateway.contracts.model import ModelCapabilities

IMAGES = "images"
"""What an endpoint lacks that takes no pictures."""


class Hands:
    """The caller's hands in one call.

    Args:
        rooms: those of the conversation.
        capabilities: what the endpoint can do.
        out: where commands go.
        fault: notes what could not be done.
    """

    def __init__(
        self,
        rooms: Rooms,
        *,
        capabilities: ModelCapabilities,
        out: list[Command],
        fault: Callable[[float, str, str], None],
    ) -> None:
        self._rooms = rooms
        self._capabilities = capabilities
        self._out = out
        self._fault = fault
        self._written = 0
        self.may_show: Callable[[], bool] = lambda: True
        """Whether a picture may be shown now; a flow says no in a step that asks for a secret."""

    def wrote(self, text: str, now_ms: float) -> None:
        """Take a turn in writing, and have it answered."""
        self.note(text, now_ms)
        self._ask(now_ms)

    def note(self, text: str, now_ms: float, shown: Callable[[str, str], str] = lambda _, text: text) -> str:
        """Take the floor with a turn in writing, and return its item's id; nobody is asked to answer.

        ``shown`` gives what records may show of it, by item id and words.
        """
        self.take_floor(now_ms)
        self._written += 1
        item_id = f"written_{self._written}"
        transcript = self._rooms.transcript
        transcript.caller_started(item_id, now_ms).stopped_ms = now_ms
        self._out.append(AddMessage("user", text, item_id))
        transcript.caller_text(item_id, shown(item_id, text), final=True, now_ms=now_ms)
        return item_id

    def take_floor(self, now_ms: float) -> None:
        """Stop the agent, unless it says what nobody may talk over."""
        rooms = self._rooms
        if rooms.barge_in.protected_until_ms(now_ms) is None:
            rooms.barge_in.commit(now_ms)
        rooms.closing.reopen()
        rooms.idle.caller_active()
        rooms.watchdog.caller_speaks()
        rooms.resume.answer_begins()

    def ended_turn(self, now_ms: float) -> None:
        """Make a turn of what the model has heard, and have it answered: push-to-talk."""
        self.take_floor(now_ms)
        self._out.append(CommitInput())
        self._ask(now_ms)

    def showed(self, data_uri: str, now_ms: float) -> None:
        """Put a picture before the model; what is said or written next is about it."""
        if IMAGES in self._capabilities.lacks:
            self._fault(now_ms, "image_refused", "this endpoint takes no images")
        elif not self.may_show():
            self._fault(now_ms, "image_refused", "no images are taken while something secret is asked for")
        else:
            self._rooms.idle.caller_active()
            self._out.append(AddImage(data_uri))

    def _ask(self, now_ms: float) -> None:
        self._rooms.speaking.caller_stopped(now_ms)
        self._rooms.resume.caller_stopped()
        self._rooms.responses.ask(Purpose.ANSWER, now_ms)
        self._rooms.watchdog.wait(now_ms)
