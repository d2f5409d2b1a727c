"""The carrier's own playout buffer, and the truth about what the caller's ear got from it.

A carrier queues the audio it is sent and plays it at the rate of speech: 8000 bytes a second. A mark comes back when
everything that was queued before it has been *played*; a clear drops the queue and brings every pending mark back at
once, in order, looking exactly as if played (which is why a gateway must not trust it). This model is fluid: a byte's
instant is known to the fraction of a millisecond, not to a frame.

Because the queue is only ever appended to or dropped whole, every media message has a planned beginning from the
moment it arrives: the later of its arrival and the end of what is before it. Nothing has to be stepped; a clear cuts
the plan.

Sans-IO: time is an argument, milliseconds of the simulated call, and never runs backwards.

**Items.** The gateway names its marks ``<item seq>:<ms>``: so many milliseconds of the call's n-th item were sent
before this mark, and ``n:0`` stands before the item's first byte. From these the truth knows whose audio each byte
is. After a clear an item may go on from its middle (a held answer): its place is then taken from the mark before the
audio, else from the first mark behind it, else it is assumed to go on where the ear left off.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.audio import g711

BYTES_PER_MS: Final = 8
"""Telephone mu-law: 8000 one-byte samples a second."""
_ITEM_MARK: Final = re.compile(r"(\d{1,9}):(\d{1,9})", re.ASCII)
_ROUNDING_BYTES: Final = BYTES_PER_MS
"""A mark tells whole milliseconds; the position that it stands for may be this far off and still be right."""
_EPSILON_BYTES: Final = 1e-6
"""What floating point may have taken from a whole number of bytes."""


class Fate(StrEnum):
    """What became of a media message or a mark."""

    QUEUED = "queued"
    """Not through yet."""
    PLAYED = "played"
    """Heard to its end; for a mark: everything before it was."""
    CLEARED = "cleared"
    """Dropped by a clear, maybe after a part of it was heard."""
    CUT = "cut"
    """The media stream ended first; a mark never came back."""


@dataclass(slots=True)
class Heard:
    """One media message's audio and how much of it the ear got."""

    start_byte: int
    """Of everything that was ever sent on this media stream, cleared or not."""
    payload: bytes
    """Mu-law as it was sent."""
    arrived_ms: float
    begins_ms: float
    """When its first byte was played, or would have been."""
    item: int | None = None
    item_byte: int = 0
    """Where in its item it begins."""
    fate: Fate = Fate.QUEUED
    cut_ms: float | None = None
    """When a clear or the end of the stream stopped it."""

    @property
    def end_byte(self) -> int:
        """One past its last byte, counted like ``start_byte``."""
        return self.start_byte + len(self.payload)

    @property
    def ends_ms(self) -> float:
        """When its last byte is through, or when it was cut off."""
        return self.begins_ms + len(self.payload) / BYTES_PER_MS if self.cut_ms is None else self.cut_ms

    def played_by(self, at_ms: float) -> int:
        """Return how many of its bytes were heard by ``at_ms``."""
        until_ms = at_ms if self.cut_ms is None else min(at_ms, self.cut_ms)
        return max(0, min(len(self.payload), int((until_ms - self.begins_ms) * BYTES_PER_MS + _EPSILON_BYTES)))


@dataclass(slots=True)
class Mark:
    """A mark that the gateway set."""

    name: str
    position_bytes: int
    """Of everything sent before it on this media stream, cleared or not."""
    arrived_ms: float
    due_ms: float
    """When everything before it is through, if nothing is cleared."""
    fate: Fate = Fate.QUEUED
    returned_ms: float | None = None
    """When the carrier sent it back; the network's delay comes on top."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A mark that the carrier sends back now. ``played`` is what the carrier knows and does not tell."""

    name: str
    at_ms: float
    played: bool


@dataclass(frozen=True, slots=True)
class Clear:
    """A clear that reached the carrier, and what had been heard at that instant."""

    at_ms: float
    played_bytes: int
    """Of the whole call so far."""
    dropped_bytes: int
    heard: Mapping[int, float]
    """Milliseconds heard of every item that the truth knows of at this instant."""
    marks: tuple[str, ...]
    """The pending marks that it brought back."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A silence between two stretches of agent audio that no clear made."""

    at_ms: float
    duration_ms: float
    within_item: bool
    """Audio of one item ran dry: an underrun, heard as a break inside a sentence."""


@dataclass(frozen=True, slots=True)
class MarkSlip:
    """A mark whose name does not agree with the audio sent before it."""

    name: str
    expected_ms: float


@dataclass(slots=True)
class Truth:
    """What the carrier knows for certain: the log of a playout. All of it is as of ``now_ms``."""

    now_ms: float = 0.0
    log: list[Heard] = field(default_factory=list)
    """Every media message in the order sent."""
    marks: list[Mark] = field(default_factory=list)
    clears: list[Clear] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    onsets_ms: list[float] = field(default_factory=list)
    """When agent audio began to sound after nothing had been playing."""
    slips: list[MarkSlip] = field(default_factory=list)
    plan: list[Heard] = field(default_factory=list)
    """The messages of which something was or will be heard, one after the other."""
    items: list[int] = field(default_factory=list)
    """The items that marks have named, in the order of their first mark."""

    @property
    def sent_bytes(self) -> int:
        """Everything the gateway sent."""
        return self.log[-1].end_byte if self.log else 0

    @property
    def played_bytes(self) -> int:
        """Everything the ear got."""
        return sum(heard.played_by(self.now_ms) for heard in self.plan)

    @property
    def dropped_bytes(self) -> int:
        """Everything that a clear or the end of the stream kept from the ear."""
        return sum(len(heard.payload) - heard.played_by(self.now_ms) for heard in self.log if heard.cut_ms is not None)

    @property
    def underruns(self) -> list[Gap]:
        """The gaps inside one item's audio."""
        return [gap for gap in self.gaps if gap.within_item]

    def heard_ms(self, seq: int) -> float:
        """Return how far into the call's item ``seq`` the ear got, in milliseconds.

        Audio that was sent twice counts once. 0 for an item of which nothing was heard, known or not.
        """
        return self.heard_by_item().get(seq, 0.0)

    def heard_by_item(self) -> dict[int, float]:
        """Return :meth:`heard_ms` of every item that marks have named."""
        reached = dict.fromkeys(self.items, 0)
        for heard in self.plan:
            if heard.item is not None and (played := heard.played_by(self.now_ms)):
                reached[heard.item] = max(reached.get(heard.item, 0), heard.item_byte + played)
        return {item: reached_bytes / BYTES_PER_MS for item, reached_bytes in reached.items()}

    def sent_ms(self, seq: int) -> float:
        """Return how far into the call's item ``seq`` the gateway sent, in milliseconds."""
        ends = (heard.item_byte + len(heard.payload) for heard in self.log if heard.item == seq)
        return max(ends, default=0) / BYTES_PER_MS

    def position_bytes(self, name: str) -> int:
        """Return where the last mark of this name stands in the bytes sent.

        Raises:
            KeyError: no such mark was set.

        """
        for mark in reversed(self.marks):
            if mark.name == name:
                return mark.position_bytes
        raise KeyError(f"mark {name!r} was never set; the last one is {self.marks[-1].name if self.marks else None!r}")

    def ulaw_between(self, from_ms: float, to_ms: float) -> bytes:
        """Return what the ear got between two instants as mu-law, silence where nothing was playing."""
        first, last = round(from_ms * BYTES_PER_MS), round(to_ms * BYTES_PER_MS)
        if last <= first:
            return b""
        ear = bytearray(g711.ULAW_SILENCE * (last - first))
        index = bisect_right(self.plan, from_ms, key=lambda heard: heard.ends_ms)
        for heard in self.plan[index:]:
            begin = round(heard.begins_ms * BYTES_PER_MS)
            if begin >= last:
                break
            sound = heard.payload[max(0, first - begin) : min(heard.played_by(self.now_ms), last - begin)]
            place = max(0, begin - first)
            ear[place : place + len(sound)] = sound
        return bytes(ear)

    @property
    def heard_pcm(self) -> bytes:
        """What the ear got from the first instant of the stream to now: PCM16, 8000 Hz, mono."""
        return g711.decode_ulaw(self.ulaw_between(0.0, self.now_ms))


class Playout:
    """A carrier's queue of audio towards one ear.

    Tell it what arrives and when; ask :meth:`wake` for the marks that are due back, at the latest when
    :meth:`next_wake_ms` says so. ``truth`` may be read at any time.
    """

    __slots__ = (
        "_cleared",
        "_ended",
        "_free_at_ms",
        "_item",
        "_item_byte",
        "_pending",
        "_through",
        "_unplaced",
        "truth",
    )

    def __init__(self) -> None:
        self.truth = Truth()
        self._free_at_ms = 0.0
        self._pending: deque[Mark] = deque()
        self._item: int | None = None
        self._item_byte: int = 0
        self._cleared = False
        self._unplaced: list[Heard] = []
        self._through = 0
        self._ended = False

    def playing(self, now_ms: float) -> bool:
        """Return whether audio is sounding or waiting at ``now_ms``."""
        return not self._ended and bool(self.truth.plan) and self._free_at_ms > now_ms

    def play(self, payload: bytes, now_ms: float) -> None:
        """Queue mu-law that arrived at ``now_ms``."""
        if self._ended or not payload:
            return
        truth = self._advance(now_ms)
        begins_ms = max(now_ms, self._free_at_ms)
        heard = Heard(truth.sent_bytes, payload, now_ms, begins_ms, self._item, self._item_byte)
        self._note_silence_before(heard)
        truth.log.append(heard)
        truth.plan.append(heard)
        self._free_at_ms = heard.ends_ms
        self._item_byte += len(payload)
        if self._cleared:
            self._unplaced.append(heard)

    def mark(self, name: str, now_ms: float) -> None:
        """Take a mark; it is due when everything before it is through, at once if nothing is waiting."""
        if self._ended:
            return
        truth = self._advance(now_ms)
        mark = Mark(name, truth.sent_bytes, now_ms, max(now_ms, self._free_at_ms))
        truth.marks.append(mark)
        self._pending.append(mark)
        if found := _ITEM_MARK.fullmatch(name):
            self._place(name, int(found[1]), int(found[2]) * BYTES_PER_MS)

    def clear(self, now_ms: float) -> list[Returned]:
        """Drop what was not heard; return the marks that were due and then all the others."""
        if self._ended:
            return []
        returned = self.wake(now_ms)
        truth = self.truth
        dropped = self._cut(now_ms, Fate.CLEARED)
        names = tuple(mark.name for mark in self._pending)
        for mark in self._pending:
            mark.fate, mark.returned_ms = Fate.CLEARED, now_ms
            returned.append(Returned(mark.name, now_ms, played=False))
        self._pending.clear()
        self._cleared, self._unplaced = True, []
        if self._item is not None:
            self._item_byte = round(truth.heard_ms(self._item) * BYTES_PER_MS)
        truth.clears.append(Clear(now_ms, truth.played_bytes, dropped, truth.heard_by_item(), names))
        return returned

    def end(self, now_ms: float) -> None:
        """End the stream: what is still waiting is never heard, and no mark comes back any more."""
        if self._ended:
            return
        self.wake(now_ms)
        self._cut(now_ms, Fate.CUT)
        for mark in self._pending:
            mark.fate = Fate.CUT
        self._pending.clear()
        self._ended = True

    def next_wake_ms(self) -> float | None:
        """Return when the next mark is due back, None when none is pending."""
        return self._pending[0].due_ms if self._pending else None

    def wake(self, now_ms: float) -> list[Returned]:
        """Return the marks that were played through by ``now_ms``, in order, each with its instant."""
        self._advance(now_ms)
        returned = []
        while self._pending and self._pending[0].due_ms <= now_ms:
            mark = self._pending.popleft()
            mark.fate, mark.returned_ms = Fate.PLAYED, mark.due_ms
            returned.append(Returned(mark.name, mark.due_ms, played=True))
        return returned

    # --- the plan ------------------------------------------------------------------------------------------------

    def _advance(self, now_ms: float) -> Truth:
        if self._ended:
            return self.truth
        if now_ms < self.truth.now_ms:
            raise ValueError(f"playout: time ran backwards from {self.truth.now_ms} to {now_ms} ms")
        self.truth.now_ms = now_ms
        plan = self.truth.plan
        while self._through < len(plan) and plan[self._through].ends_ms <= now_ms:
            if plan[self._through].fate is Fate.QUEUED:
                plan[self._through].fate = Fate.PLAYED
            self._through += 1
        return self.truth

    def _cut(self, now_ms: float, fate: Fate) -> int:
        """Stop everything that is not through; return the bytes that the ear will never get."""
        dropped = 0
        plan = self.truth.plan
        for heard in plan[self._through :]:
            heard.fate, heard.cut_ms = fate, now_ms
            dropped += len(heard.payload) - heard.played_by(now_ms)
        while plan and plan[-1].cut_ms is not None and not plan[-1].played_by(now_ms):
            plan.pop()
        self._free_at_ms = min(self._free_at_ms, now_ms)
        return dropped

    def _note_silence_before(self, heard: Heard) -> None:
        truth = self.truth
        previous = truth.log[-1] if truth.log else None
        cleared = previous is not None and bool(truth.clears) and truth.clears[-1].at_ms >= previous.arrived_ms
        if previous is None or cleared or self._free_at_ms < heard.begins_ms:
            truth.onsets_ms.append(heard.begins_ms)
        if previous is None or cleared or self._free_at_ms >= heard.begins_ms:
            return
        within = heard.item is not None and heard.item == previous.item and self._item_byte > 0
        truth.gaps.append(Gap(self._free_at_ms, heard.begins_ms - self._free_at_ms, within))

    # --- whose audio it is ---------------------------------------------------------------------------------------

    def _place(self, name: str, item: int, item_byte: int) -> None:
        """Take a mark's word for the place of the audio around it."""
        if self._cleared:
            self._place_backwards(item, item_byte)
        elif item == self._item and item_byte != 0 and abs(item_byte - self._item_byte) < _ROUNDING_BYTES:
            item_byte = self._item_byte  # it agrees; the bytes know better than whole milliseconds
        elif item == self._item and item_byte != self._item_byte:
            self.truth.slips.append(MarkSlip(name, self._item_byte / BYTES_PER_MS))
        self._cleared = False
        self._item, self._item_byte = item, item_byte
        if item not in self.truth.items:
            self.truth.items.append(item)

    def _place_backwards(self, item: int, item_byte: int) -> None:
        """Give the audio since the last clear its place in the item that the first mark behind it names."""
        size = sum(len(heard.payload) for heard in self._unplaced)
        if 0 < size <= item_byte + _ROUNDING_BYTES:
            place = max(0, item_byte - size)
            for heard in self._unplaced:
                heard.item, heard.item_byte = item, place
                place += len(heard.payload)
        self._unplaced = []
