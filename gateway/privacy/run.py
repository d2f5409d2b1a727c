"""A number while it is being said: its atoms, where and when it began, and how much of it must be held back."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from gateway.lexicon import cues
from gateway.lexicon.spoken import Part, Surety
from gateway.privacy.elements import Atom, Joint, compose, parts
from gateway.privacy.memory import Role
from gateway.privacy.outlet import Piece
from gateway.privacy.pan import MAX_DIGITS, PREFIX_DIGITS, may_begin_card

MAX_FILLERS: Final = 10
"""So many words that say nothing, one after another, and the number is over."""
FEW_FILLERS: Final = 3
"""So many while only a digit or two were said: "one of the …"."""


@dataclass(slots=True)
class Carry:
    """Undecided digits at a turn's end, with the text that stands behind them."""

    pieces: list[Piece]
    """Where the text comes from: the last piece is of the turn that has just ended."""
    role: Role
    text: str = field(repr=False)
    atoms: list[Atom] = field(repr=False)
    """Places are counted in ``text``."""
    since_ms: int
    alone: bool
    tail: str = field(repr=False)


@dataclass(slots=True)
class Run:
    """Number words and figures that nothing but fillers and marks part; there is at least one."""

    atoms: list[Atom]
    since_ms: int
    """When the first was said."""
    lead: str = ""
    """What is written right before it: the last few marks and spaces."""
    before: str = ""
    """The word before it."""
    flows: bool = False
    """It was announced as an order's or a telephone's number: see :meth:`held_from`."""
    open_front: bool = False
    """It goes on to the left of what is left of it."""

    def __repr__(self) -> str:
        return f"Run({self.atoms})"

    @property
    def start(self) -> int:
        """The place of its first character."""
        return self.atoms[0].start

    @property
    def end(self) -> int:
        """The place behind its last digit."""
        return self.atoms[-1].end

    def held_from(self) -> int:
        """Return from which place on its text is held back.

        All of it, but for a number that flows: of that, six digits may leave, as they may of a card's, and more as long
        as no card number begins so. Depends on nothing that comes later.
        """
        if not self.flows:
            return self.atoms[0].start
        digits = ""
        for at, atom in enumerate(self.atoms):
            simple = atom.what is None or atom.what.part is Part.UNIT
            if not simple or (at and parts(atom.joint)):
                return atom.start
            digits += atom.digits
            if len(digits) > PREFIX_DIGITS and may_begin_card(digits[:PREFIX_DIGITS]):
                return atom.start
        return self.end

    def may_go_on(self, fillers: int) -> bool:
        """Return whether one more word that says nothing, after so many, still leaves it one number."""
        first = self.atoms[0]
        if len(self.atoms) > 1 or len(first.digits) > 2:
            return fillers < (MAX_FILLERS if len(self.atoms) > 2 or len(first.digits) > 2 else FEW_FILLERS)
        if first.surety is not Surety.SURE or (
            first.what is not None and first.what.part in {Part.REPEAT, Part.PLURAL}
        ):
            return False  # "oh, well …", "double check that …": no number has begun
        return fillers < FEW_FILLERS

    def ends_in_one(self) -> bool:
        """Return whether its last word is a one, or an article."""
        last = self.atoms[-1].what
        return last is not None and last.value == 1

    def length(self) -> int:
        """Return how many digits it has, as it is likely meant."""
        return sum(len(element.readings[0]) for element in compose(self.atoms))

    def drop_front(self) -> None:
        """Let go of what stands in front of the last nineteen digits: no card number that goes on begins there."""
        elements = compose(self.atoms)
        ends = list(accumulate((len(element.readings[0]) for element in reversed(elements)), initial=0))
        kept = elements[len(elements) - bisect_right(ends, MAX_DIGITS) + 1].start
        self.atoms = [atom for atom in self.atoms if atom.start >= kept]
        self.open_front = True

    def shift(self, by: int) -> list[Atom]:
        """Move all its places, and return its atoms."""
        for atom in self.atoms:
            atom.start += by
            atom.end += by
        return self.atoms


def joint_of(word: str, *, corrected: bool) -> Joint | None:
    """Return how a word parts what is said around it, if it may stand within a number; else ``None``."""
    if word in cues.CORRECTIONS:
        return Joint.CORRECTION
    if word in cues.ANDS:
        return Joint.AND
    within = word in cues.FILLERS or word in cues.WAITS or word in cues.ORDINALS
    return Joint.FILLER if within or (corrected and word in cues.RESTARTS) else None
