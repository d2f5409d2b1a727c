"""The text of one turn that has not left yet, and how it leaves: masked where it was decided so.

All places are counted in characters from the turn's start. What was taken over from the role's turn before stands at
negative places, and goes out apart from the turn's own text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.privacy.judge import Hit


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a turn's text that was taken over into a later turn of that role."""

    turn_id: str
    start: int
    """Its place in that turn's text."""
    length: int


class Outlet:
    """Holds text until it is free."""

    __slots__ = ("_hits", "_pieces", "free", "late", "start", "text")

    def __init__(self) -> None:
        self.text = ""
        """What has not left yet."""
        self.start = 0
        """The place of its first character: up to here, text has left."""
        self.free = 0
        """Up to this place text may leave."""
        self.late: list[tuple[str, str]] = []
        """What was decided of earlier turns, by turn; whoever takes it empties it."""
        self._hits: list[Hit] = []
        self._pieces: Sequence[Piece] = ()

    def __repr__(self) -> str:
        return f"Outlet({self.start}+{len(self.text)} characters)"

    def take_over(self, text: str, pieces: Sequence[Piece]) -> None:
        """Begin with the text that earlier turns have left behind."""
        self.text, self.start, self.free = text, -len(text), -len(text)
        self._pieces = pieces

    def mask(self, hit: Hit) -> None:
        """Have a stretch leave as its mask; what of it has left already stays so."""
        self._hits.append(hit)

    def cut_off(self, place: int, turn_id: str) -> tuple[str, list[Piece]]:
        """Take the text from a place on away, for a later turn; the turn is over."""
        held = self.text[place - self.start :]
        own = max(place, 0)
        pieces = [*self.origins(place, 0), Piece(turn_id, own, place + len(held) - own)]
        self.text, self.free = self.text[: place - self.start], place
        return held, pieces

    def released(self) -> str:
        """Return what has become free of this turn; what has of earlier turns goes into ``late``."""
        free, start = self.free, self.start
        if free <= start:
            return ""
        text, size = self.text, free - start
        if start < 0:
            for piece in self.origins(start, free):
                self.late.append((piece.turn_id, self._rendered(start, start + piece.length)))
                start += piece.length
        if self._hits:
            out = self._rendered(start, free)
            self._hits.clear()
        else:
            out = text[start - self.start : size]
        self.text, self.start = text[size:], free
        return out

    def origins(self, start: int, end: int) -> list[Piece]:
        """Return of which earlier turns' texts a stretch at negative places is made."""
        found: list[Piece] = []
        place = -sum(piece.length for piece in self._pieces)
        for piece in self._pieces:
            low, high = max(start, place), min(end, place + piece.length)
            if low < high:
                found.append(Piece(piece.turn_id, piece.start + low - place, high - low))
            place += piece.length
        return found

    def _rendered(self, start: int, end: int) -> str:
        """Return a stretch with its hits masked; a hit that reaches beyond it leaves a mask on each side."""
        out: list[str] = []
        at = start
        for hit in self._hits:
            if hit.end > start and hit.start < end:
                out.append(self.text[at - self.start : max(hit.start, at) - self.start])
                out.append(hit.mask)
                at = min(hit.end, end)
        out.append(self.text[at - self.start : end - self.start])
        return "".join(out)
