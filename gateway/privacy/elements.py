"""From words and figures to digits: what was said as a number, read in every way that it may have been meant.

An :class:`Atom` is one number word or one written group of digits with its place in the text. A run of atoms is
composed into :class:`Element` s, each with one or more readings ("forty two" is 42 or 40 2, *quatre vingt* 80 or 4 20),
and those into whole readings of the run (:func:`readings`). Nothing here knows what the digits are for.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import chain, combinations, islice
from typing import Final

from gateway.lexicon.spoken import NumberWord, Part, Surety

MAX_READINGS: Final = 32
"""Most ways in which one run is read; the likely ones come first."""


class Joint(IntEnum):
    """What stands between an atom and the one before it; the stronger, the more it parts."""

    TIGHT = 0
    """Nothing that can be seen."""
    PLAIN = 1
    """Spaces, hyphens, mark-up."""
    AND = 2
    """A word that joins the parts of one number: *and*, *y*, *et*, *und*."""
    PAUSE = 3
    """A comma, a full stop, a line's end."""
    FILLER = 4
    """A word that says nothing."""
    CORRECTION = 5
    """A word after which what was said before may not count."""
    START = 6
    """Nothing was said before, or it does not belong here."""


TIGHT, PLAIN, AND, PAUSE, FILLER, CORRECTION, START = Joint
# By themselves for what runs at every word: to look a member up in an Enum takes longer than to call a function.
_SURE, _ARTICLE, _SOUND = Surety
_UNIT: Final = Part.UNIT


def parts(joint: Joint) -> bool:
    """Return whether one number may end and another begin at a joint, whatever the others of the run are."""
    return joint is AND or joint >= FILLER or joint is TIGHT


@dataclass(slots=True)
class Element:
    """Digits that were said as one. ``start`` and ``end`` are places in the turn's text."""

    readings: tuple[str, ...]
    """What it may be, likeliest first."""
    start: int
    end: int
    joint: Joint
    """What stands between it and the one before."""
    written: bool
    """In figures, not in words."""
    glue: str = ""
    """The marks and spaces between it and the one before, if there are no words."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.start}-{self.end}, {self.joint.name})"


@dataclass(slots=True, repr=False)
class Atom(Element):
    """One number word or one written group of digits: an element by itself, unless it joins others in one."""

    word: str = ""
    """Folded; empty for written digits."""
    what: NumberWord | None = None
    """None for written digits."""
    surety: Surety = Surety.SURE
    """How surely it is meant as a number."""
    counted: bool = False
    """It stands right after "first", "next", "last": it may say how many digits follow."""

    @property
    def digits(self) -> str:
        """The written digits as ASCII; for a word what it stands for by itself."""
        return self.readings[0]


class Reading:
    """One way of reading a run: its digits, and the element to which each belongs."""

    __slots__ = ("digits", "elements", "groups")

    def __init__(self, elements: Sequence[Element], groups: list[str]) -> None:
        self.elements = elements
        self.groups = groups
        """The digits of each element in this reading."""
        self.digits = "".join(groups)
        """All digits in order."""

    def __repr__(self) -> str:
        return f"Reading({len(self.groups)} groups)"


def ascii_digits(written: str) -> str:
    """Return digits of any script as ASCII."""
    return "".join(str(unicodedata.digit(mark)) for mark in written)


def is_plain(atoms: Sequence[Atom]) -> bool:
    """Return whether all atoms are single digits for sure, or written groups: there is one way to read them."""
    for atom in atoms:  # a loop: most numbers are plain, and any() makes a generator of it
        what = atom.what
        if atom.surety is not _SURE or atom.counted or (what is not None and what.part is not _UNIT):
            return False
    return True


def settled(atoms: Sequence[Atom], *, closed: bool) -> list[Atom]:
    """Return the atoms that count as numbers in the likeliest reading.

    A word that only sounds like a number counts between two others. One that is mostly an article also counts at the
    front if a number follows at once ("oh seven"), and at the end if nothing more is said (``closed``). A small number
    after "the next" is a count if a word or a pause follows it.
    """
    if not is_doubtful(atoms):
        return list(atoms)
    kept = [
        atom
        for place, atom in enumerate(atoms)
        if not (
            atom.counted
            and place + 1 < len(atoms)
            and (atoms[place + 1].joint in (FILLER, PAUSE) or _counts(atom, atoms[place + 1 :]))
        )
    ]
    kept = [atom for at, atom in enumerate(kept) if atom.surety is not _SOUND or _between_words(kept, at)]
    first, last = 0, len(kept)
    while first < last and kept[first].surety is not _SURE:
        follows = first + 1 < last and kept[first + 1].joint <= PLAIN
        if kept[first].surety is _ARTICLE and follows:
            break
        first += 1
    while last > first + 1 and kept[last - 1].surety is not _SURE:
        if kept[last - 1].surety is _ARTICLE and (closed or _is_zero(kept[last - 1])):
            break
        last -= 1
    return kept[first:last] if any(atom.surety is _SURE for atom in kept[first:last]) else []


def is_doubtful(atoms: Sequence[Atom]) -> bool:
    """Return whether some atoms may be no digits: words that are mostly something else, and counts."""
    return any(atom.counted or atom.surety is not _SURE for atom in atoms)


def _between_words(atoms: Sequence[Atom], at: int) -> bool:
    """Whether a word that only sounds like a number stands between number words, said in one go."""
    if not 0 < at < len(atoms) - 1:
        return False
    before, after = atoms[at - 1], atoms[at + 1]
    return before.what is not None and after.what is not None and max(atoms[at].joint, after.joint) <= Joint.PAUSE


def _is_zero(atom: Atom) -> bool:
    return atom.what is not None and atom.what.value == 0 and atom.joint <= Joint.PLAIN


def _counts(count: Atom, rest: Sequence[Atom]) -> bool:
    """Whether a small number says how many digits follow right after it: "the last four 0109", "last two one four"."""
    value = int(count.digits) if count.what is None else count.what.value
    if rest[0].what is None:
        return value == len(rest[0].digits)
    return value == len(rest) and all(atom.what is not None and atom.what.part is Part.UNIT for atom in rest)


def without_doubtful(atoms: Sequence[Atom]) -> list[Atom]:
    """Return the atoms that are digits for sure, and the zeros that are said "oh": no articles, sounds and counts."""
    return [
        atom
        for atom in atoms
        if not atom.counted and (atom.surety is Surety.SURE or (atom.surety is Surety.ARTICLE and _is_zero(atom)))
    ]


def compose(atoms: Sequence[Atom]) -> list[Element]:
    """Return the elements that a run of atoms makes."""
    for atom in atoms:
        if atom.what is not None and atom.what.part is not _UNIT:
            break
    else:
        return list(atoms)
    elements: list[Element] = []
    at = 0
    last = len(atoms)
    while at < last:
        first = atoms[at]
        if _is_alone(first) and (at + 1 == last or _is_alone(atoms[at + 1])):
            elements.append(first)
            at += 1
            continue
        digits, end = _read(atoms, at)
        if digits:
            elements.append(
                Element(digits, first.start, atoms[end - 1].end, first.joint, first.what is None, first.glue)
            )
        at = end
    return elements


def _is_alone(atom: Atom) -> bool:
    """Whether an atom is a number by itself, if nothing else claims it."""
    return len(atom.digits) > 2 if atom.what is None else atom.what.part is _UNIT


def readings(elements: Sequence[Element]) -> Iterator[Reading]:
    """Yield the ways to read these elements: first the likeliest of each, then the others, a bounded number."""
    likely = [element.readings[0] for element in elements]
    yield Reading(elements, likely)
    open_ones = [place for place, element in enumerate(elements) if len(element.readings) > 1]
    if len(open_ones) < 1:
        return
    # Speakers hold on to one way of counting, or slip once or twice: few of all the ways have to be tried.
    yield Reading(elements, [element.readings[-1] for element in elements])
    slips = chain(combinations(open_ones, 1), combinations(open_ones, 2))
    for slip in islice(slips, MAX_READINGS):
        yield Reading(elements, [elements[at].readings[-1] if at in slip else group for at, group in enumerate(likely)])


def likeliest(elements: Sequence[Element]) -> Reading:
    """Return the first reading of each element."""
    return Reading(elements, [element.readings[0] for element in elements])


def _read(atoms: Sequence[Atom], at: int) -> tuple[tuple[str, ...], int]:
    """Return the readings of the element that begins at an atom, and where the next one begins."""
    atom = atoms[at]
    if atom.what is None:
        scaled = _cardinal(atoms, at) if len(atom.digits) <= 2 else None
        return scaled or ((atom.digits,), at + 1)
    match atom.what.part:
        case Part.REPEAT:
            return _repeated(atoms, at + 1, atom.what.value)
        case Part.TIMES:
            return (), at + 1
        case Part.PLURAL:
            return (str(atom.what.value),), at + 1
        case Part.UNIT if atom.what.value >= 2 and _part(atoms, at + 1) is Part.TIMES:
            return _repeated(atoms, at + 2, atom.what.value)
        case Part.UNIT if atom.what.value >= 2 and _part(atoms, at + 1) is Part.PLURAL and _joins(atoms, at + 1):
            after = atoms[at + 1].what
            assert after is not None
            digit = str(after.value)
            return (digit * atom.what.value, f"{atom.what.value}{digit}"), at + 2
        case _:
            return _cardinal(atoms, at) or ((str(atom.what.value),), at + 1)


def _repeated(atoms: Sequence[Atom], at: int, times: int) -> tuple[tuple[str, ...], int]:
    """Read what stands after "double"; nothing if it is no number."""
    if at >= len(atoms) or atoms[at].joint is Joint.CORRECTION:
        return (), at
    atom = atoms[at]
    if atom.what is None:
        digits = atom.digits
        return ((digits * times,) if len(digits) == 1 else (digits * times, digits)), at + 1
    if atom.what.part in {Part.UNIT, Part.PLURAL, Part.PAIR, Part.TENS}:
        return (str(atom.what.value) * times,), at + 1
    inner, end = _read(atoms, at)
    return tuple(digits * times for digits in inner), end


def _part(atoms: Sequence[Atom], at: int) -> Part | None:
    what = atoms[at].what if at < len(atoms) else None
    return None if what is None else what.part


def _joins(atoms: Sequence[Atom], at: int) -> bool:
    """Whether an atom may belong to the same number as the one before it."""
    return at < len(atoms) and atoms[at].joint <= Joint.AND


@dataclass(slots=True)
class _Sum:
    """A number as it grows, and the same words as separate numbers."""

    value: int
    apart: str
    end: int


def _cardinal(atoms: Sequence[Atom], at: int) -> tuple[tuple[str, ...], int] | None:
    """Read a number up to 999,999 that begins at an atom; ``None`` if none does."""
    total = _below_thousand(atoms, at)
    if _part(atoms, at) is Part.THOUSAND:
        total = _Sum(1, "", at)
    if total is None:
        return None
    if _part(atoms, total.end) is Part.THOUSAND and (total.end == at or _joins(atoms, total.end)):
        total = _Sum(total.value * 1000, str(total.value * 1000), total.end + 1)
        rest = _below_thousand(atoms, total.end) if _joins(atoms, total.end) else None
        if rest is not None and rest.value:
            total = _Sum(total.value + rest.value, total.apart + rest.apart, rest.end)
    whole = str(total.value)
    return ((whole,) if total.apart in {whole, ""} else (whole, total.apart)), total.end


def _below_thousand(atoms: Sequence[Atom], at: int) -> _Sum | None:
    if at >= len(atoms):
        return None
    part = _part(atoms, at)
    total = _Sum(1, "", at) if part is Part.HUNDRED else _below_hundred(atoms, at)
    if part is Part.WHOLE:
        what = atoms[at].what
        assert what is not None
        total = _Sum(what.value, str(what.value), at + 1)
    elif (
        total is not None and _part(atoms, total.end) is Part.HUNDRED and (total.end == at or _joins(atoms, total.end))
    ):
        total = _Sum(total.value * 100, str(total.value * 100), total.end + 1)
    else:
        return total
    if total.value % 100 == 0 and _joins(atoms, total.end):
        rest = _below_hundred(atoms, total.end)
        if rest is not None and rest.value:
            total = _Sum(total.value + rest.value, total.apart + rest.apart, rest.end)
    return total


def _below_hundred(atoms: Sequence[Atom], at: int) -> _Sum | None:
    if at >= len(atoms):
        return None
    atom = atoms[at]
    what = atom.what
    if what is None:
        return _Sum(int(atom.digits), atom.digits, at + 1) if len(atom.digits) <= 2 else None
    if what.part is Part.UNIT and what.value == 4 and atom.word == "quatre" and _joins(atoms, at + 1):
        after = atoms[at + 1].what
        if after is not None and atoms[at + 1].word in {"vingt", "vingts"}:
            return _with_rest(atoms, _Sum(80, "420", at + 2), teens=True)
    if what.part in {Part.UNIT, Part.PAIR}:
        return _Sum(what.value, str(what.value), at + 1)
    if what.part is Part.TENS:
        return _with_rest(atoms, _Sum(what.value, str(what.value), at + 1), teens=atom.word == "soixante")
    return None


def _with_rest(atoms: Sequence[Atom], tens: _Sum, *, teens: bool) -> _Sum:
    """Add the unit that follows; in French after *soixante* and *quatre-vingt* also 10 to 19."""
    if not _joins(atoms, tens.end):
        return tens
    what = atoms[tens.end].what
    if what is None:
        return tens
    if teens and ((what.part is Part.PAIR and what.value < 20) or (what.part is Part.TENS and what.value == 10)):
        rest = _below_hundred(atoms, tens.end)
        assert rest is not None
        return _Sum(tens.value + rest.value, tens.apart + rest.apart, rest.end)
    lowest = 6 if tens.value == 10 else 1
    if what.part is Part.UNIT and lowest <= what.value:
        return _Sum(tens.value + what.value, f"{tens.apart}{what.value}", tens.end + 1)
    return tens
