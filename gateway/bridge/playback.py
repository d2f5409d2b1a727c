"""The playout ledger: what of the model's speech the caller has *heard*, item by item, to the byte.

The model speaks faster than the ear, so audio waits at the carrier. What was sent is never what was heard, and a
truncation at the wrong place leaves words in the model's memory that nobody ever heard (or cuts some that were).

**The clock.** A carrier that buffers starts to play when audio reaches it and then plays in real time. So a local clock
that starts when the first byte is sent and stops when all sent bytes are played tells the position. The way to the
carrier delays audio and a later clear alike, and the two delays cancel: at the instant when a clear *takes effect*,
exactly what the local clock says has been played.

**The marks.** A mark comes back one round trip after the clock passed it. The shortest such lag seen is the round trip.
A carrier that stalls makes every later mark late by the same amount: the least excess of the last few marks moves the
clock back. Between marks the clock may not run further ahead than the next outstanding mark plus a round trip. A mark
that was outstanding when the playout was cleared says nothing, whenever it comes back (carriers.md, facts 3 and 4).

**The position.** A leg that is told how far the playout is (a web page's own clock) needs no round trip: what it
reports is the ear's place, and the clock only bridges the time between two reports.

**The tail.** Every unheard byte is kept as the leg's payload, at most 60 s of it, so that a held answer can be sent
again from the exact sample.

Positions are bytes of the leg's format along one stream per call that a clear cuts back; times are the call's
milliseconds, given by the caller of each method.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gateway.audio.format import AudioFormat, AudioFrame
from gateway.contracts.leg import HeardSignal, LegCapabilities, MarkFate, MarksOnClear

MARK_EVERY_MS: Final = 180
"""A multiple of 60 ms: whole 20 ms frames of G.711 and whole base64 groups at once, so nothing is decoded to be cut."""
MARK_AT_MOST_MS: Final = 200
UNHEARD_CAP_MS: Final = 60_000
JITTER_SLACK_MS: Final = 20.0
UNREPORTED_MS: Final = 1000.0
"""How far the clock may run past the last report of a leg that reports: a page that is gone plays nothing more."""
_EXCESS_WINDOW: Final = 3
"""Marks that must all be late before the clock is moved back: jitter delays one, a stall delays all that follow."""


class UnknownItem(KeyError):
    """No audio of that item was ever sent to the caller."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Unheard audio of one item that a clear took back, ready to be sent again."""

    item_id: str
    frame: AudioFrame


@dataclass(frozen=True, slots=True)
class Send:
    """What to hand to the leg next: audio (with the moment the ear gets it) or a mark."""

    frame: AudioFrame | None = None
    plays_at_ms: float = 0.0
    mark: str = ""


@dataclass(slots=True)
class _Piece:
    """A sent piece: its item, where it starts in the stream, and its payload until heard."""

    item_id: str
    start: int
    end: int
    frame: AudioFrame


@dataclass(slots=True)
class _Item:
    run: int
    """Number that marks carry: each unbroken run of an item's audio has its own."""
    sent: int = 0
    run_sent: int = 0
    heard_before: int = 0
    """Bytes heard of pieces that were already dropped from the ledger."""


@dataclass(slots=True)
class _Mark:
    name: str
    position: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """What a clear found: the marks it will bring back, and the unheard rest in order."""

    awaited: frozenset[str]
    tail: tuple[Stretch, ...]
    at_ms: float
    unheard_ms: float


class Playback:
    """One call's playout ledger; pure bookkeeping, no I/O.

    Args:
        format: the leg's format to the caller.
        capabilities: how this leg learns what was heard.
    """

    def __init__(self, format: AudioFormat, capabilities: LegCapabilities) -> None:
        self.format = format
        self._marks_used = capabilities.heard in {HeardSignal.NAMED_MARKS, HeardSignal.POSITION}
        self._reports = capabilities.heard is HeardSignal.POSITION
        self._passed: _Mark | None = None
        """The latest mark that the ear has passed, where the leg reports positions."""
        self._marks_after_clear = capabilities.marks_on_clear is not MarksOnClear.DROPPED
        self._lead = format.size_bytes(capabilities.lead_ms) if capabilities.heard is HeardSignal.SELF_PACED else 0
        self._bytes_per_ms = format.bytes_per_ms
        self._mark_every = format.size_bytes(MARK_EVERY_MS)
        self._mark_at_most = format.size_bytes(MARK_AT_MOST_MS)
        self._cap = format.size_bytes(UNHEARD_CAP_MS)
        self._end = 0
        self._anchor = 0
        self._anchor_ms = 0.0
        self._moved_ms = 0.0
        """How far stalls have moved the clock back since the playout last started."""
        self._pieces: deque[_Piece] = deque()
        self._items: dict[str, _Item] = {}
        self._marks: deque[_Mark] = deque()
        self._void: set[str] = set()
        self._proved = 0
        self._runs = 0
        self._since_mark = 0
        self._excess: deque[float] = deque(maxlen=_EXCESS_WINDOW)
        self._heard_total = 0
        self._sent_total = 0
        self.round_trip_ms: float | None = None

    @property
    def by_clock(self) -> bool:
        """Whether nothing need come back from the leg for something to count as heard."""
        return not self._marks_used or self._reports

    # --- sending ---------------------------------------------------------------------------------------------------

    def send(self, item_id: str, frame: AudioFrame, now_ms: float) -> list[Send]:
        """Enter audio of an item and return what to hand to the leg: pieces with a mark at least every 200 ms.

        Raises:
            OverflowError: more than 60 s would be unheard; nothing was entered.
        """
        if self._end - self.position(now_ms) + frame.size_bytes > self._cap:
            raise OverflowError(f"more than {UNHEARD_CAP_MS} ms of unheard audio")
        out: list[Send] = []
        item = self._items.get(item_id)
        last = self._pieces[-1].item_id if self._pieces else None
        if item is None or (last is not None and last != item_id) or item.run_sent == 0:
            self._runs += 1
            if item is None:
                item = self._items[item_id] = _Item(self._runs)
            else:
                item.run, item.run_sent = self._runs, 0
            self._place(out, item)
        whole = self._since_mark + frame.size_bytes <= self._mark_at_most
        for piece in (frame,) if whole else split(frame, self._mark_every):
            size = piece.size_bytes
            if self._since_mark and self._since_mark + size > self._mark_at_most:
                self._place(out, item)
            out.append(Send(piece, plays_at_ms=self._enter(item_id, item, piece, size, now_ms)))
            if self._since_mark >= self._mark_every:
                self._place(out, item)
        self._forget_heard(now_ms)
        return out

    def finish(self, item_id: str) -> list[Send]:
        """Return the mark that closes an item whose audio is complete; nothing if one stands there already."""
        item = self._items.get(item_id)
        if item is None or not self._since_mark:
            return []
        out: list[Send] = []
        self._place(out, item)
        return out

    def _enter(self, item_id: str, item: _Item, frame: AudioFrame, size: int, now_ms: float) -> float:
        if self.position(now_ms) >= self._end:
            # The ear has caught up (or nothing was ever sent): the playout starts anew with this piece.
            self._anchor, self._anchor_ms, self._moved_ms = self._end, now_ms, 0.0
            self._excess.clear()
        plays_at_ms = self._anchor_ms + (self._end - self._anchor) / self._bytes_per_ms
        self._pieces.append(_Piece(item_id, self._end, self._end + size, frame))
        self._end += size
        item.sent += size
        item.run_sent += size
        self._since_mark += size
        self._sent_total += size
        return plays_at_ms

    def _place(self, out: list[Send], item: _Item) -> None:
        self._since_mark = 0
        if not self._marks_used:
            return
        name = f"{item.run}:{int(item.run_sent / self._bytes_per_ms)}"
        if self._marks and self._marks[-1].name == name:
            return
        self._marks.append(_Mark(name, self._end))
        out.append(Send(mark=name))

    # --- hearing ---------------------------------------------------------------------------------------------------

    def position(self, now_ms: float) -> int:
        """Return how far the ear is along the stream, in bytes: the clock, clamped by what marks prove."""
        clock = self._anchor + int((now_ms - self._anchor_ms) * self._bytes_per_ms) - self._lead
        if self._reports and self._passed is not None:
            clock = min(clock, self._proved + int(UNREPORTED_MS * self._bytes_per_ms))
        elif self._marks and self.round_trip_ms is not None:
            for mark in self._marks:
                if mark.position > self._proved:
                    reach = mark.position + int((self.round_trip_ms + JITTER_SLACK_MS) * self._bytes_per_ms)
                    clock = min(clock, reach)
                    break
        return max(self._proved, min(clock, self._end), 0)

    def mark_returned(self, name: str, now_ms: float, fate: MarkFate = MarkFate.UNKNOWN, past_ms: float = 0.0) -> bool:
        """Take a mark that came back; tell whether it proves anything.

        A mark of a cleared playout, one that was never placed, and one that says it was cleared prove nothing.
        ``past_ms`` is how far past it the ear is, where the leg reports positions.
        """
        if name in self._void:
            self._void.discard(name)
            return False
        if self._reports:
            return self._reported(name, past_ms, now_ms)
        position = next((mark.position for mark in self._marks if mark.name == name), None)
        if position is None or fate is MarkFate.CLEARED:
            return False
        while self._marks and self._marks[0].position <= position:
            passed = self._marks.popleft()
            if passed.name == name:
                break
        self._proved = max(self._proved, position)
        if position > self._anchor:
            self._correct(position, now_ms)
        self._forget_heard(now_ms)
        return True

    def _reported(self, name: str, past_ms: float, now_ms: float) -> bool:
        """Take the ear's place in the leg's own words; the clock follows if it is off by more than jitter."""
        if any(mark.name == name for mark in self._marks):
            while self._passed is None or self._passed.name != name:
                self._passed = self._marks.popleft()
        if self._passed is None or self._passed.name != name:
            return False
        position = min(self._passed.position + int(past_ms * self._bytes_per_ms), self._end)
        if position < self._proved:
            return False
        clock = self._anchor + (now_ms - self._anchor_ms) * self._bytes_per_ms
        if abs(clock - position) > JITTER_SLACK_MS * self._bytes_per_ms:
            self._anchor, self._anchor_ms = position, now_ms
        self._proved = position
        self._forget_heard(now_ms)
        return True

    def _correct(self, position: int, now_ms: float) -> None:
        """Learn the round trip from a mark, and move the clock back if the carrier has stalled."""
        lag_ms = now_ms - (self._anchor_ms + (position - self._anchor) / self._bytes_per_ms)
        trip_ms = self.round_trip_ms
        if trip_ms is None or (lag_ms < trip_ms and not self._moved_ms):
            trip_ms = self.round_trip_ms = max(0.0, lag_ms)
        if lag_ms < trip_ms:
            # The clock was moved back too far, or the carrier skips: the mark is proof, so the clock follows it.
            forward_ms = trip_ms - lag_ms
            self._anchor_ms -= forward_ms
            self._moved_ms = max(0.0, self._moved_ms - forward_ms)
            self._excess.clear()
            return
        self._excess.append(lag_ms - trip_ms)
        least = min(self._excess)
        if len(self._excess) == self._excess.maxlen and least > JITTER_SLACK_MS:
            self._anchor_ms += least
            self._moved_ms += least
            self._excess.clear()

    def heard_ms(self, item_id: str, now_ms: float) -> int:
        """Return how much of an item the caller has heard, in whole milliseconds, rounded down: 0 <= heard <= sent.

        Raises:
            UnknownItem: no audio of that item was ever sent to the caller.
        """
        item = self._items.get(item_id)
        if item is None:
            raise UnknownItem(item_id)
        position = self.position(now_ms)
        heard = item.heard_before
        for piece in self._pieces:
            if piece.item_id == item_id:
                heard += max(0, min(piece.end, position) - piece.start)
        return int(heard / self._bytes_per_ms)

    def sent_ms(self, item_id: str) -> int:
        """Return how much of an item was sent and not taken back, in whole milliseconds; 0 for an unknown item."""
        item = self._items.get(item_id)
        return int(item.sent / self._bytes_per_ms) if item else 0

    def unheard_ms(self, now_ms: float) -> float:
        """Return the milliseconds that wait to be heard."""
        return (self._end - self.position(now_ms)) / self._bytes_per_ms

    def unheard_items(self, now_ms: float) -> list[str]:
        """Return the items of which something is not yet heard, in order of playing."""
        position = self.position(now_ms)
        return list(dict.fromkeys(piece.item_id for piece in self._pieces if piece.end > position))

    def ends_at_ms(self, now_ms: float) -> float:
        """Return when all that was sent will have been heard; ``now_ms`` if it has."""
        return now_ms + self.unheard_ms(now_ms) + (self._lead / self._bytes_per_ms if self._end else 0)

    def all_proved(self, now_ms: float) -> bool:
        """Tell whether everything sent is known to be heard: by its last mark, or by the clock where marks are not."""
        if self._marks_used and not self._reports:
            return not self._marks and self.position(now_ms) >= self._end
        return self.position(now_ms) >= self._end

    @property
    def totals_ms(self) -> tuple[int, int]:
        """Heard and sent milliseconds of the whole call; call it after :meth:`settle`."""
        return int(self._heard_total / self._bytes_per_ms), int(self._sent_total / self._bytes_per_ms)

    # --- clearing --------------------------------------------------------------------------------------------------

    def clear(self, now_ms: float) -> Cleared:
        """Cut the stream at the ear and void every outstanding mark; returns the unheard tail.

        Afterwards ``sent_ms`` of an item is what was heard of it.
        """
        position = self.position(now_ms)
        unheard_ms = (self._end - position) / self._bytes_per_ms
        tail: list[Stretch] = []
        self._forget_heard(now_ms)
        for piece in self._pieces:
            item = self._items[piece.item_id]
            lost = piece.end - max(piece.start, position)
            item.sent -= lost
            kept = max(0, position - piece.start)
            item.heard_before += kept
            self._heard_total += kept
            frame = piece.frame if not kept else AudioFrame(self.format, raw=piece.frame.raw[kept:])
            tail.append(Stretch(piece.item_id, frame))
            item.run_sent = 0
        awaited = frozenset(mark.name for mark in self._marks if mark.position > position)
        if not self._reports:
            self._void.update(mark.name for mark in self._marks)
        self._passed = None
        self._marks.clear()
        self._pieces.clear()
        self._end = self._anchor = self._proved = position
        self._anchor_ms, self._moved_ms = now_ms, 0.0
        self._since_mark = 0
        self._excess.clear()
        return Cleared(awaited if self._marks_after_clear else frozenset(), tuple(tail), now_ms, unheard_ms)

    def settle(self, now_ms: float) -> None:
        """Count what was heard so far into the totals; the call is over."""
        self._forget_heard(now_ms)
        position = self.position(now_ms)
        for piece in self._pieces:
            self._heard_total += max(0, min(piece.end, position) - piece.start)
        self._pieces.clear()

    def _forget_heard(self, now_ms: float) -> None:
        position = self.position(now_ms)
        while self._pieces and self._pieces[0].end <= position:
            piece = self._pieces.popleft()
            size = piece.end - piece.start
            self._items[piece.item_id].heard_before += size
            self._heard_total += size


def split(frame: AudioFrame, size_bytes: int) -> Iterator[AudioFrame]:
    """Cut a frame into pieces of ``size_bytes``, a multiple of 3; base64 is cut as text and never decoded."""
    total = frame.size_bytes
    if total <= size_bytes:
        yield frame
        return
    if frame.holds_base64:
        text, step = frame.base64, size_bytes // 3 * 4
        for start in range(0, len(text), step):
            yield AudioFrame(frame.format, base64=text[start : start + step])
        return
    raw = frame.raw
    for start in range(0, total, size_bytes):
        yield AudioFrame(frame.format, raw=raw[start : start + size_bytes])
