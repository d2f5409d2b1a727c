"""Decides what of a run of digits is card data, in the light of what the talk is about.

Read top down: digits heard before are masked wherever they turn up; then whole card numbers; then, in what is left,
whatever the talk makes likely: a security code, an expiry date, a PIN, pieces of a card number. The nearest word before
a number outweighs what was asked earlier, and shapes that are no card's (amounts, dates, a leading plus) outweigh both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.lexicon.cues import CODE_WORDS, MONTHS, UNITS, Cue
from gateway.privacy.attention import NEAR_WORDS, REFERENCE_WORDS, TOPICS
from gateway.privacy.elements import (
    Atom,
    Element,
    Joint,
    Reading,
    compose,
    is_doubtful,
    is_plain,
    likeliest,
    parts,
    readings,
    settled,
    without_doubtful,
)
from gateway.privacy.memory import Memory, Mood, Role
from gateway.privacy.pan import MASK, MAX_DIGITS, MIN_DIGITS, fits_issuer, is_card_number, may_begin_card
from gateway.privacy.shapes import CURRENCIES, is_amount, is_date_or_time, is_expiry, is_year
from gateway.privacy.windows import corrected, find_cards

Kind = Literal["pan", "cvv", "expiry", "pin", "pattern"]
"""What was masked."""

HELD_DIGITS: Final = 7
"""From so many undecided digits at a turn's end on, the next turn of that role is waited for."""
PHONE_DIGITS: Final = 15
"""ITU-T E.164: no telephone number is longer."""

_BEFORE_YEARS: Final = frozenset(
    {
        "in",
        "since",
        "from",
        "until",
        "of",
        "year",
        "en",
        "desde",
        "de",
        "ano",
        "depuis",
        "annee",
        "seit",
        "im",
        "ab",
        "jahr",
    }
)
_EXPIRY_DIGITS: Final = range(2, 9)
CVV_LENGTH: Final = 4
"""The longest security code."""
_CVV_DIGITS: Final = range(3, CVV_LENGTH + 1)
_ALTERNATIVES: Final = frozenset({"or", "to", "than", "versus", "o", "ou", "oder", "bis"})
"""Words between two numbers that are not one."""
PIECE_DIGITS: Final = 4
"""Digits of the first piece of a card number that is told piece by piece."""
MOST_DIGITS: Final = 11
_UNNAMED: Final = frozenset({None, Cue.PAY, Cue.CARD})
"""What is said of a number of which nothing says that it is no card's."""
_READING_OUT: Final = frozenset({Mood.CARD, Mood.DONE, Mood.EXPIRY})
_AFTER_CODE: Final = _READING_OUT | {Mood.CVV}
"""Moods in which a code that was masked may be said again."""
_REFERENCES: Final = frozenset({Cue.PHONE, Cue.REFERENCE, Cue.DATE})


@dataclass(slots=True)
class Case:
    """The circumstances in which a run was said."""

    role: Role
    mood: Mood
    at_ms: int = 0
    """When it was said, in the call's audio."""
    cue: Cue | None = None
    """The nearest cue before it in its turn."""
    cue_ago: int = 0
    """Words between the cue and the run."""
    before_word: str = ""
    next_word: str = ""
    next_cue: Cue | None = None
    closed: bool = False
    """Nothing, or a mark of punctuation, follows."""
    ended: bool = False
    """The turn is over."""
    alone: bool = False
    """The turn has said nothing else so far."""
    lead: str = ""
    """What is written right before it: the last few marks and spaces."""
    after_code: bool = False
    """It goes on after letters and digits mixed, as an IBAN does."""
    open_front: bool = False
    """Its front has been decided and let go."""
    after_card: bool = False
    """A card number was masked just before in this turn."""
    joined_on: bool = False
    """Nothing but a pause stands between it and a card number before it."""
    tail: str = field(default="", repr=False)
    """Digits that this role said just before, and that were let go."""
    broken: bool = False
    """Words of this turn stand between those and the run."""
    talk: bool = True
    """It was said in the talk; else it stands in a text by itself."""
    corrected: bool = False
    """The run is followed by a word that takes something of it back."""


@dataclass(slots=True)
class Hit:
    """A stretch of a turn's text to be masked."""

    start: int
    end: int
    kind: Kind
    mask: str = MASK
    certain: bool = True
    """It is what it is taken for; else it was masked because it may be."""


@dataclass(slots=True)
class Verdict:
    """What became of a run."""

    hits: list[Hit] = field(default_factory=list)
    undecided: bool = False
    """It may be part of a card number of which the rest comes in the next turn."""
    digits: str = field(default="", repr=False)
    """Digits that are let go, for the next turn to be seen together with them."""


def judge(atoms: Sequence[Atom], case: Case, memory: Memory) -> Verdict:
    """Decide a run that is over; what is masked is remembered in ``memory``, and so is what the talk is about now."""
    plain = is_plain(atoms)
    kept = atoms if plain else settled(atoms, closed=case.closed)
    elements = kept if plain else compose(kept)
    if not elements:
        return Verdict()
    reading = likeliest(elements)
    digits = reading.digits
    if memory.reads_back(digits):
        memory.keep_card(digits, case.role)
        return Verdict([Hit(elements[0].start, elements[-1].end, "pan")])
    foreign = _is_foreign(len(digits), case)
    # The words or marks before it say that it is something else than a piece of card data.
    guarded = foreign or case.cue in _REFERENCES or (case.cue is None and case.mood in TOPICS)
    if len(digits) + len(case.tail) >= MIN_DIGITS:
        tellings = [reading] if plain else _tellings(atoms, kept, elements)
        likely = [reading] if plain else readings(elements)
        verdict = _cards(tellings, likely, case, memory, foreign=foreign and case.mood is not Mood.CARD)
        if verdict is not None:
            return verdict
    return _rest(elements, reading.groups, case, memory, guarded=guarded)


def _is_foreign(length: int, case: Case) -> bool:
    """Whether so many digits are another number than a card's, so clearly that no check digit counts against it."""
    if case.after_code:
        return True
    if "+" in case.lead[-2:]:
        return length <= PHONE_DIGITS
    if case.cue_ago > REFERENCE_WORDS:
        return False
    return case.cue is Cue.REFERENCE or (case.cue is Cue.PHONE and length <= PHONE_DIGITS)


# --- whole card numbers ---


def _tellings(atoms: Sequence[Atom], kept: Sequence[Atom], elements: Sequence[Element]) -> Iterator[Reading]:
    """Yield every way to read a run, the likely ones first: with and without the words that may be no digits."""
    yield from readings(elements)
    if is_doubtful(atoms):
        for other in (settled(atoms, closed=True), without_doubtful(atoms)):
            if len(other) != len(kept):
                yield from readings(compose(other))


def _cards(
    tellings: Iterable[Reading], likely: Iterable[Reading], case: Case, memory: Memory, *, foreign: bool
) -> Verdict | None:
    """Return the verdict if whole card numbers are found in any way of reading the run, else ``None``.

    ``likely`` are those of its ways in which corrections are carried out, too. ``foreign``: it begins with another
    number, so that only what stands behind a word counts ("order 12 and 4242 …").
    """
    count_behind = case.next_word in UNITS
    for reading in tellings:
        found = find_cards(reading, open_front=case.open_front, count_behind=count_behind)
        if foreign:
            found = [place for place in found if place[0] and parts(reading.elements[place[0]].joint)]
        if found:
            return _mask_cards(reading, found, case, memory)
    for reading in likely if not foreign else ():
        hit = _corrected(reading, case) or _joined(reading, case)
        if hit is not None:
            memory.keep_card(reading.digits, case.role)
            memory.turn_to(Mood.DONE, case.at_ms)
            return Verdict([hit])
    return None


def _mask_cards(reading: Reading, found: Sequence[tuple[int, int]], case: Case, memory: Memory) -> Verdict:
    """Mask what was found, and of what was said beside it all that belongs to a card."""
    verdict = Verdict()
    memory.turn_to(Mood.DONE, case.at_ms)
    done = 0
    last = len(reading.groups)
    for first, end in [*found, (last, last)]:
        if first > done:
            # What stands behind a card number may be its date and code; what stands before it is judged by itself.
            beside = Case(
                role=case.role,
                mood=Mood.DONE if done else case.mood,
                at_ms=case.at_ms,
                cue=None if done else case.cue,
                cue_ago=case.cue_ago,
                before_word=case.before_word,
                next_word=case.next_word if end == last else "",
                next_cue=case.next_cue if end == last else None,
                closed=case.closed,
                talk=case.talk,
                after_card=bool(done),
                joined_on=bool(done) and reading.elements[done].joint <= Joint.PAUSE,
            )
            part = reading.elements[done:first]
            again = find_cards(Reading(part, reading.groups[done:first]))
            if again or (done and part[0].joint is Joint.CORRECTION):
                memory.keep_card("".join(reading.groups[done:first]), case.role)
                verdict.hits.append(Hit(part[0].start, part[-1].end, "pan"))
            else:
                verdict.hits += _rest(part, reading.groups[done:first], beside, memory).hits
        if end > first:
            memory.keep_card("".join(reading.groups[first:end]), case.role)
            verdict.hits.append(Hit(reading.elements[first].start, reading.elements[end - 1].end, "pan"))
        done = end
    return verdict


def _corrected(reading: Reading, case: Case) -> Hit | None:
    """Return the stretch to mask if the digits make a card number once a correction is carried out."""
    if case.corrected and fits_issuer(reading.digits):
        return Hit(reading.elements[0].start, reading.elements[-1].end, "pan")  # "… 4243, sorry, the last one is 2"
    for meant, keep in corrected(reading):
        for first, end in find_cards(meant):
            if first <= keep < end or first == keep:
                start = meant.elements[first].start if first < keep else reading.elements[keep].start
                return Hit(start, meant.elements[end - 1].end, "pan")
    return None


def _joined(reading: Reading, case: Case) -> Hit | None:
    """Return the stretch to mask if the digits complete a card number that the last turn began."""
    if not case.tail:
        return None
    length = 0
    for element, group in zip(reading.elements, reading.groups, strict=True):
        length += len(group)
        if is_card_number(case.tail + reading.digits[:length]):
            return Hit(reading.elements[0].start, element.end, "pan")
    return None


# --- pieces, codes and dates ---


def _rest(
    elements: Sequence[Element], groups: Sequence[str], case: Case, memory: Memory, *, guarded: bool = False
) -> Verdict:
    """Decide digits that make no whole card number."""
    if case.next_word in UNITS and len(groups[-1]) <= 4:
        # "… two cards", "… 415.99 dollars": the last number counts something.
        amount = 2 if len(groups) > 1 and elements[-1].glue in {".", ","} else 1
        elements, groups = elements[:-amount], groups[:-amount]
    digits = "".join(groups)
    if not digits:
        return Verdict()
    if _is_ordinary(elements, groups, case):
        return Verdict()
    kind = _kind(elements, groups, case, memory, guarded=guarded)
    if kind is not None:
        _remember(kind, digits, case, memory)
        return Verdict([Hit(elements[0].start, elements[-1].end, kind)])
    so_far = case.tail + digits
    undecided = (
        case.ended
        and not guarded
        and case.cue is not Cue.LAST
        and HELD_DIGITS <= len(so_far) < MAX_DIGITS
        and may_begin_card(so_far[:6])
    )
    loose = not guarded and case.cue in _UNNAMED and len(digits) >= PIECE_DIGITS
    return Verdict(undecided=undecided, digits=so_far if loose else "")


def _is_ordinary(elements: Sequence[Element], groups: Sequence[str], case: Case) -> bool:
    """Whether digits are an amount, a date, a time or a year, as far as their form and the marks around them say."""
    if not CURRENCIES.isdisjoint(case.lead[-2:]) or (case.cue is Cue.MONEY and sum(map(len, groups)) <= 7):
        return True
    if is_amount(elements, groups) or is_date_or_time(elements, groups):
        return True
    return is_year(groups) and (case.before_word in _BEFORE_YEARS or case.before_word in MONTHS)


def _kind(
    elements: Sequence[Element], groups: Sequence[str], case: Case, memory: Memory, *, guarded: bool
) -> Kind | None:
    """Return what kind of card data digits are here, or ``None``."""
    digits = "".join(groups)
    length = len(digits)
    mood = case.mood if case.cue in _UNNAMED else Mood.NONE
    if case.cue is Cue.LAST or mood is Mood.LAST or "*" in case.lead or "\u2022" in case.lead:
        if length <= 4:
            return None
        mood = case.mood
    if length in _CVV_DIGITS and (case.next_cue is Cue.CVV or (case.next_word in CODE_WORDS and mood in _READING_OUT)):
        return "cvv"
    if case.cue is Cue.CVV or mood is Mood.CVV:
        enough = length >= 2 if case.cue is Cue.CVV else case.role == "caller" or length in _CVV_DIGITS
        if enough and length <= 8:
            return "cvv"
    if (case.cue is Cue.PIN or mood is Mood.PIN) and 3 <= length <= 12:
        return "pin"
    if guarded:
        return None
    date = is_expiry(elements, groups)
    if case.cue is Cue.EXPIRY and memory.card_seen and length in _EXPIRY_DIGITS:
        return "expiry"
    if mood is Mood.EXPIRY and (date or (case.role == "caller" and length in _EXPIRY_DIGITS)):
        return "expiry"
    if case.next_cue is Cue.EXPIRY and date and memory.card_seen:
        return "expiry"
    if mood in _AFTER_CODE and case.cue is None and memory.is_code(digits):
        return "cvv"
    if mood is Mood.DONE or (case.after_card and mood is not Mood.CARD):
        return _after_card(date, length, case, digits, memory)
    if _is_piece(mood, length, digits, case, memory):
        return "pan"
    return "pan" if case.talk and (_goes_on(digits, case) or _is_most(elements, groups, case)) else None


def _is_most(elements: Sequence[Element], groups: Sequence[str], case: Case) -> bool:
    """Whether digits that go over into other words are most of a card number, told in its groups of four."""
    digits = "".join(groups)
    if case.ended or len(digits) < MOST_DIGITS or digits[0] not in "23456" or not may_begin_card(digits[:6]):
        return False
    sizes = [0]
    for element, group in zip(elements, groups, strict=True):
        if element.joint >= Joint.PAUSE or element.joint is Joint.AND or (element.written and len(group) > 1):
            sizes.append(0)
        sizes[-1] += len(group)
    return all(size == PIECE_DIGITS for size in sizes[:-1] if size) and sizes[-1] <= PIECE_DIGITS


def _goes_on(digits: str, case: Case) -> bool:
    """Whether digits are the second piece of a number whose first four were said some words before, card fashion."""
    said = case.tail
    return (
        case.broken
        and case.cue in {None, Cue.PAY}
        and len(said) == PIECE_DIGITS
        and len(digits) in {4, 6, 8, 10, 11, 12}
        and said[0] in "23456"
        and may_begin_card((said + digits)[:6])
        and case.before_word not in _ALTERNATIVES
        and not digits.endswith("00")
    )


def _after_card(date: bool, length: int, case: Case, digits: str, memory: Memory) -> Kind | None:
    """Judge digits that follow a card number, unasked."""
    if case.after_card or case.alone:
        if date:
            return "expiry"
        if length in _CVV_DIGITS or (case.after_card and length in {7, 8}):
            return "cvv"
        if case.joined_on and length > CVV_LENGTH:
            return "pan"
    return "pan" if memory.echoes(digits) and case.role != "tool" else None


def _is_piece(mood: Mood, length: int, digits: str, case: Case, memory: Memory) -> bool:
    """Whether digits are a piece of a card number: all that a caller says who is reading one out."""
    if mood is Mood.CARD:
        if case.role == "caller":
            return length >= 2 or case.alone
        return length >= HELD_DIGITS - 2 or memory.echoes(digits)
    if case.cue is Cue.CARD and case.cue_ago < NEAR_WORDS and length >= 3:
        return True
    return length >= 6 and (case.cue is Cue.CARD or mood in {Mood.MENTIONED, Mood.LAST})


def _remember(kind: Kind, digits: str, case: Case, memory: Memory) -> None:
    if kind == "pan":
        memory.keep_card(digits, case.role)
        memory.turn_to(Mood.DONE if len(digits) >= MIN_DIGITS + 1 else Mood.CARD, case.at_ms)
    else:
        memory.keep_code(digits)
        whole = kind == "expiry" or len(digits) >= 3
        if case.mood is not Mood.PIN and whole:
            memory.turn_to(Mood.DONE, case.at_ms)
