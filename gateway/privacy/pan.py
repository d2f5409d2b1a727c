"""What a card number is: its length, its check digit and its issuer's range.

A *card number* (PAN) has 13 to 19 digits, 12 for a few Maestro ranges, passes the Luhn check (ISO/IEC 7812-1 annex B)
and begins like an issuer's range of that length. Where its digits stand in a text is ``elements``' business.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

MASK: Final = "[CARD]"
"""The one mask for card data, everywhere; it keeps no digit, and does not tell what it stands for."""

MIN_DIGITS: Final = 12
MAX_DIGITS: Final = 19
"""ISO/IEC 7812-1: no card number is longer."""
PREFIX_DIGITS: Final = 6
"""So many digits tell the issuer, and may be kept of any card number (PCI DSS 3.4.1)."""

# First six digits, from and to (both inclusive), and the lengths in use: public issuer tables, read November 2026.
# Sorted, and none overlaps another: where issuers share a range, it takes the lengths of all of them.
_RANGES: Final[tuple[tuple[int, int, range], ...]] = (
    (100000, 199999, range(15, 16)),  # UATP
    (220000, 220499, range(16, 20)),  # Mir
    (220500, 220599, range(16, 17)),  # Borica
    (222100, 272099, range(16, 17)),  # Mastercard
    (300000, 305999, range(14, 20)),  # Diners Club
    (309500, 309599, range(14, 20)),  # Diners Club
    (340000, 349999, range(15, 16)),  # American Express
    (352800, 358999, range(16, 20)),  # JCB
    (360000, 369999, range(14, 20)),  # Diners Club
    (370000, 379999, range(15, 16)),  # American Express
    (380000, 399999, range(14, 20)),  # Diners Club, Discover
    (400000, 499999, range(13, 20, 3)),  # Visa: 13, 16, 19
    (500000, 509999, range(13, 20)),  # Maestro, Elo, Verve, RuPay
    (510000, 559999, range(16, 17)),  # Mastercard
    (560000, 699999, range(13, 20)),  # Maestro, Discover, UnionPay, RuPay, Hipercard
    (810000, 829999, range(16, 20)),  # UnionPay, RuPay
    (860000, 860099, range(16, 17)),  # Uzcard
    (979200, 979299, range(16, 17)),  # Troy
    (986000, 986099, range(16, 17)),  # Humo
)
_SHORT: Final = (5018, 5020, 5038, 5612, 5893, 6304, 6390, 6759, 6761, 6762, 6763, 6767)
"""First four digits of the Maestro cards that may have 12 digits: anything wider would meet too many other numbers."""
_STARTS: Final = [low for low, _, _ in _RANGES]

_DOUBLED: Final = bytes.maketrans(b"0123456789", b"0246813579")
"""Twice each digit, the digits of that added up."""
_ZERO: Final = ord("0")


def passes_luhn(digits: str) -> bool:
    """Return whether the last digit is the right check digit (ISO/IEC 7812-1 annex B); an empty run never passes."""
    codes = digits.encode()  # to sum up bytes is six times as quick as to read each digit
    total = sum(codes[-1::-2]) + sum(codes[-2::-2].translate(_DOUBLED)) - _ZERO * len(codes)
    return digits != "" and total % 10 == 0


def issuer_lengths(digits: str) -> range:
    """Return how long a card number that begins with these six or more digits may be; empty if no issuer's does."""
    prefix = int(digits[:6] or 0)
    place = bisect_right(_STARTS, prefix) - 1
    if len(digits) < 6 or place < 0 or prefix > _RANGES[place][1]:
        return range(0)
    return _RANGES[place][2]


def is_card_number(digits: str) -> bool:
    """Return whether these digits are a card number by length, issuer's range and check digit."""
    return fits_issuer(digits) and passes_luhn(digits)


def fits_issuer(digits: str) -> bool:
    """Return whether some issuer gives out numbers that begin and are as long as these digits."""
    if len(digits) == MIN_DIGITS:
        return int(digits[:4]) in _SHORT
    return len(digits) in issuer_lengths(digits)


def usual_length(digits: str) -> int:
    """Return how long nearly all cards are that begin so: 16, for American Express 15, for Diners Club 14; 0: none."""
    lengths = issuer_lengths(digits)
    if not lengths:
        return 0
    return 14 if lengths[0] == 14 else 15 if lengths[-1] == 15 else 16


def may_begin_card(digits: str) -> bool:
    """Return whether a card number may begin with these digits, of which there may be fewer than six."""
    if len(digits) >= 6:
        return len(issuer_lengths(digits)) > 0
    low = int(digits or 0) * 10 ** (6 - len(digits))
    high = low + 10 ** (6 - len(digits)) - 1
    return any(start <= high and end >= low for start, end, _ in _RANGES)
