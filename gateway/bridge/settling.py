"""Writes each item of the agent's speech once, as soon as no more of it will be heard."""

from __future__ import annotations

from gateway.bridge.commands import Command, Write
from gateway.bridge.disclosure import Disclosure
from gateway.bridge.playback import Playback, UnknownItem
from gateway.bridge.responses import Purpose, Responses
from gateway.bridge.speaker import Speaker
from gateway.bridge.transcript import Item, Transcript
from gateway.contracts.record import DisclosureHeard


class Settling:
    """The items of one call that are being heard."""

    def __init__(
        self,
        *,
        transcript: Transcript,
        playback: Playback,
        speaker: Speaker,
        responses: Responses,
        disclosure: Disclosure,
        out: list[Command],
    ) -> None:
        self._transcript = transcript
        self._playback = playback
        self._speaker = speaker
        self._responses = responses
        self._disclosure = disclosure
        self._out = out

    def check(self, now_ms: float) -> None:
        """Write the items that were heard to their end; called after every event."""
        for item in self._transcript.open_items():
            if not item.done or self._speaker.holding:
                continue
            if item.started_ms is None:
                if self._responses.get(item.response_id) is None and not self._disclosure.pending:
                    self._transcript.forget(item.item_id)
                continue
            if self._heard_whole(item, now_ms):
                self._close(item, self._heard_ms(item, now_ms), now_ms, interrupted=False)

    def finish(self, now_ms: float) -> None:
        """Write all that is left, as far as it was heard: the call is over."""
        for item in self._transcript.open_items():
            whole = item.done and self._heard_whole(item, now_ms)
            self._close(item, self._heard_ms(item, now_ms), now_ms, interrupted=not whole)

    def _close(self, item: Item, heard_ms: int, now_ms: float, *, interrupted: bool) -> None:
        if item.purpose is Purpose.DISCLOSURE and item.started_ms is not None:
            of_ms = int(item.received_ms)
            self._out.append(Write(DisclosureHeard(at_ms=int(now_ms), heard_ms=heard_ms, of_ms=of_ms)))
        self._transcript.close_item(item, heard_ms, interrupted=interrupted)

    def _heard_whole(self, item: Item, now_ms: float) -> bool:
        """Tell whether all that was made of an item was sent and heard; the resampler's rest of a sample aside."""
        sent_ms = self._playback.sent_ms(item.item_id)
        return sent_ms + 1 >= int(item.received_ms) and self._heard_ms(item, now_ms) >= min(
            sent_ms, int(item.received_ms)
        )

    def _heard_ms(self, item: Item, now_ms: float) -> int:
        try:
            return min(self._playback.heard_ms(item.item_id, now_ms), int(item.received_ms))
        except UnknownItem:
            return 0
