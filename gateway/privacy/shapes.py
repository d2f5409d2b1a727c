"""Shapes of numbers that are no cards', and the shape of an expiry date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.privacy.elements import Element, Joint

CURRENCIES: Final = frozenset("$€£¥₹₽¢")
_YEARS: Final = range(1900, 2100)
_EXPIRY_GROUPS: Final = 4
_CARD_YEARS: Final = range(15, 50)
"""Two-digit years that stand on cards in use, or lately in use."""


def is_amount(elements: Sequence[Element], groups: Sequence[str]) -> bool:
    """Return whether figures are written as an amount: ``415.99``, ``1,250.00``, ``1.250,00``."""
    if len(groups) < 2 or not all(element.written for element in elements):
        return False
    marks = [element.glue for element in elements[1:]]
    if any(mark not in {".", ",", "'"} for mark in marks):
        return False
    thousands = all(len(group) == 3 for group in groups[1:-1]) and len(groups[0]) <= 4
    return thousands and len(groups[-1]) in {2, 3}


def is_date_or_time(elements: Sequence[Element], groups: Sequence[str]) -> bool:
    """Return whether figures are written as a full date or a time: ``03/04/2024``, ``2024-03-04``, ``10:30``."""
    if len(groups) not in {2, 3, 4, 5, 6} or not all(element.written for element in elements):
        return False
    marks = [element.glue.strip() for element in elements[1:]]
    if marks[0] == ":" and len(groups) <= 3:
        return int(groups[0]) < 25 and int(groups[1]) < 60
    if len(groups) < 3 or marks[0] != marks[1] or marks[0] not in {"/", "-", "."}:
        return False
    one, two, three = (int(group) for group in groups[:3])
    day_first = one <= 31 and two <= 31 and min(one, two) <= 12 and (len(groups[2]) == 2 or three in _YEARS)
    short = max(len(group) for group in groups[:2]) <= 2
    return (day_first and short) or (one in _YEARS and two <= 12 and three <= 31)


def is_year(groups: Sequence[str]) -> bool:
    """Return whether digits are a year, said or written: ``2026``, "twenty twenty-six", "nineteen ninety-nine"."""
    digits = "".join(groups)
    return len(digits) == 4 and int(digits) in _YEARS and all(len(group) in {2, 4} for group in groups)


def is_expiry(elements: Sequence[Element], groups: Sequence[str]) -> bool:
    """Return whether a run is an expiry date, and nothing else.

    A month and a year: ``08/27``, ``0827``, ``08 2027``, "eight twenty-seven", "oh eight two seven", "June 2028".
    """
    if len(groups) > _EXPIRY_GROUPS or not is_month_and_year("".join(groups), groups, slashed=len(groups) == 2):
        return False
    return not any(element.joint is Joint.CORRECTION for element in elements[1:])


def is_month_and_year(digits: str, parts: Sequence[str], *, slashed: bool) -> bool:
    """Return whether digits are a month and a year of two or four digits; a month of one digit stands apart."""
    for month, year in ((digits[:2], digits[2:]), (digits[:1], digits[1:])):
        if len(month) == 1 and not (slashed and parts[0] == month):
            continue
        fits = (len(year) == 2 and int(year) in _CARD_YEARS) or (len(year) == 4 and int(year) - 2000 in _CARD_YEARS)
        if 1 <= int(month or "0") <= 12 and fits:
            return True
    return False
