"""Where in a run of digits card numbers stand.

A number must begin and end where digits were grouped or the speaker paused: sixteen digits in the middle of thirty are
no card number, and neither is every stretch of a long reference that meets the check digit by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Final

from gateway.privacy.elements import Element, Joint, Reading, parts
from gateway.privacy.pan import MAX_DIGITS, MIN_DIGITS, fits_issuer, is_card_number, passes_luhn, usual_length

MAX_DROPPED: Final = 8
"""Most digits that a correction takes back."""


def find_cards(reading: Reading, *, open_front: bool = False, count_behind: bool = False) -> list[tuple[int, int]]:
    """Return the card numbers in a reading as ranges of its elements, from left to right.

    Args:
        reading: one way to read a run.
        open_front: the run goes on to the left of what is left of it.
        count_behind: the last element is a count ("… two times"): a number may end before it.

    """
    digits = reading.digits
    if len(digits) < MIN_DIGITS:
        return []
    last = len(reading.groups)
    if not open_front and is_card_number(digits):
        return [(0, last)]
    starts = list(accumulate(map(len, reading.groups), initial=0))
    breaks = _breaks(reading.elements, open_front=open_front, count_behind=count_behind)
    found: list[tuple[int, int]] = []
    first = 0
    while first < last:
        end = _card_from(first, digits, starts, breaks, reading.groups)
        if end:
            found.append((first, end))
        first = end or first + 1
    return found


def _card_from(first: int, digits: str, starts: Sequence[int], breaks: Sequence[bool], groups: Sequence[str]) -> int:
    """Return after which element the longest card number ends that begins at one; 0 if none does."""
    begin, last = starts[first], len(groups)
    usual = usual_length(digits[begin : begin + 6])
    if not usual:
        return 0
    smallest = min(len(group) for group in groups[first:])
    for end in range(last, first, -1):
        length = starts[end] - begin
        if length > MAX_DIGITS:
            continue
        if length < MIN_DIGITS:
            break
        grouped = smallest >= 3 or all(len(group) >= 3 for group in groups[first:end])
        parted = breaks[first] and (breaks[end] or length == usual)
        if (grouped or parted) and fits_issuer(window := digits[begin : starts[end]]) and passes_luhn(window):
            return end
    return 0


def _breaks(elements: Sequence[Element], *, open_front: bool, count_behind: bool) -> list[bool]:
    """Return for each place between elements, both ends included, whether one number may end and another begin."""
    joints = [element.joint for element in elements[1:]]
    pauses = 2 * sum(joint is Joint.PAUSE for joint in joints) <= len(joints)
    breaks = [not open_front]
    for before, after in pairwise(elements):
        breaks.append(parts(after.joint) or (after.joint is Joint.PAUSE and pauses) or before.written != after.written)
    breaks.append(True)
    if count_behind and len(breaks) > 2:
        breaks[-2] = True
    return breaks


def corrected(reading: Reading) -> Iterator[tuple[Reading, int]]:
    """Yield what was meant if a correction takes back the digits before it, and the element at which it was made.

    "… four two four three, no sorry, four two four two": one to eight digits before the correction are dropped.
    """
    for at, element in enumerate(reading.elements):
        if element.joint is not Joint.CORRECTION or at == 0:
            continue
        dropped = 0
        for keep in range(at - 1, -1, -1):
            dropped += len(reading.groups[keep])
            if dropped > MAX_DROPPED:
                break
            elements = [*reading.elements[:keep], *reading.elements[at:]]
            yield Reading(elements, [*reading.groups[:keep], *reading.groups[at:]]), keep
