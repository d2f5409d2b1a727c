"""Slots made of figures: digits, numbers, amounts, accounts, cards, expiry dates, IBANs."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Final

from gateway.flows.expressions.spoken import say_value
from gateway.flows.expressions.values import CardToken, Money
from gateway.flows.model import SlotType
from gateway.flows.slots.cardinals import parse_number, tongue
from gateway.flows.slots.reading import UNREADABLE, Reading, bare, plain_words, refused, strip_fillers
from gateway.flows.slots.spelling import spelled
from gateway.flows.words import words
from gateway.lexicon.numbers import parse_digits

_BRANDS: Final = (
    ("visa", re.compile(r"4\d{12}(?:\d{3}){0,2}")),
    ("mastercard", re.compile(r"(?:5[1-5]\d{2}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720))\d{12}")),
    ("amex", re.compile(r"3[47]\d{13}")),
    ("discover", re.compile(r"6(?:011|5\d\d|4[4-9]\d)\d{12,15}")),
    ("diners", re.compile(r"3(?:0[0-5]|[68]\d)\d{11,16}")),
    ("maestro", re.compile(r"(?:5[06-9]|6\d)\d{10,17}")),
)
_IBAN_LENGTHS: Final = {
    "AD": 24, "AT": 20, "BE": 16, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24, "FI": 18,
    "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27, "LI": 21, "LT": 20, "LU": 20,
    "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19,
    "SK": 24, "SM": 27,
}  # fmt: skip


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, mark in enumerate(reversed(digits)):
        value = int(mark) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def mod97(text: str) -> bool:
    """Whether an IBAN's check digits hold (ISO 13616)."""
    moved = text[4:] + text[:4]
    return int("".join(str(int(mark, 36)) for mark in moved)) % 97 == 1


def digits_of(text: str, language: str) -> str | None:
    """Return the digits that were said or written; pairs such as "twenty-one thirty-four" count as read."""
    known = words(language)
    said = strip_fillers(plain_words(text), known)
    if re.fullmatch(r"[\d .\-/]+", said) and any(mark.isdigit() for mark in said):
        return re.sub(r"\D", "", said)
    language = tongue(language)
    if (whole := parse_digits(said, language)) is not None:
        return whole
    return _in_groups(said.replace("-", " ").split(), language)


def read_digits(kind: SlotType, text: str, language: str) -> Reading:
    """Read digits."""
    found = digits_of(text, language)
    return UNREADABLE if found is None else check_digits(kind, found)


def check_digits(kind: SlotType, digits: str) -> Reading:
    """Check digits against their length, check digit and pattern."""
    digits = re.sub(r"[ \-]", "", digits)
    if not digits.isascii() or not digits.isdigit():
        return UNREADABLE
    if kind.min_length is not None and len(digits) < kind.min_length:
        return refused("too_short")
    if kind.max_length is not None and len(digits) > kind.max_length:
        return refused("too_long")
    if "luhn" in kind.checks and not luhn(digits):
        return refused("luhn")
    if "mod97" in kind.checks and int(digits) % 97 != 1:
        return refused("mod97")
    return Reading(digits) if _matches(kind, digits) else refused("pattern")


def read_number(kind: SlotType, text: str, language: str) -> Reading:
    """Read a number."""
    said = strip_fillers(plain_words(text), words(language))
    return write_number(kind, parse_number(said, language))


def write_number(kind: SlotType, number: Decimal | None) -> Reading:
    """Check a number's decimals."""
    if number is None:
        return UNREADABLE
    places = -int(number.normalize().as_tuple().exponent)
    return Reading(number) if places <= max(kind.decimals, 0) else refused("pattern")


def keyed_number(kind: SlotType, keys: str) -> Reading:
    """Read a number from keys; ``*`` is the decimal point."""
    if not re.fullmatch(r"\d+(\*\d+)?", keys):
        return UNREADABLE
    return write_number(kind, Decimal(keys.replace("*", ".")))


def read_amount(kind: SlotType, text: str, language: str) -> Reading:
    """Read an amount of money."""
    amount = _amount(text, language, kind.currency)
    return UNREADABLE if amount is None else check_amount(kind, amount[0], sure=amount[1])


def check_amount(kind: SlotType, amount: Decimal, *, sure: bool = True) -> Reading:
    """Check an amount's decimals and give it its currency."""
    if -int(amount.normalize().as_tuple().exponent) > kind.decimals:
        return refused("pattern")
    return Reading(Money(amount, kind.currency), sure=sure)


def written_amount(kind: SlotType, text: str) -> Reading:
    """Read ``12.50`` or ``12.50 EUR``."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(?: ?([A-Z]{3}))?", text.strip())
    if not found or (found[2] and found[2] != kind.currency):
        return UNREADABLE
    return check_amount(kind, Decimal(found[1]))


def keyed_amount(kind: SlotType, keys: str) -> Reading:
    """Read an amount from keys; ``*`` is the decimal point."""
    if not re.fullmatch(r"\d+(\*\d+)?", keys):
        return UNREADABLE
    return check_amount(kind, Decimal(keys.replace("*", ".")))


def check_card(kind: SlotType, digits: str) -> Reading:
    """Check a card number; the value is opaque."""
    digits = re.sub(r"[ \-]", "", digits)
    if not digits.isascii() or not digits.isdigit():
        return UNREADABLE
    if not 12 <= len(digits) <= 19:
        return refused("too_short" if len(digits) < 12 else "too_long")
    if not luhn(digits):
        return refused("luhn")
    brand = next((name for name, pattern in _BRANDS if pattern.fullmatch(digits)), "")
    return Reading(CardToken(digits, brand)) if _matches(kind, digits) else refused("pattern")


def read_card(kind: SlotType, text: str, language: str) -> Reading:
    """Read a card number that was said; lint keeps such slots to the keypad."""
    found = digits_of(text, language)
    return UNREADABLE if found is None else check_card(kind, found)


def check_expiry(text: str, today: dt.date) -> Reading:
    """Read ``MMYY`` or ``MM/YY``; a card is good until its month ends. The value is ``MMYY``."""
    found = re.fullmatch(r"\s*(\d{1,2})\s*[/\- ]?\s*(?:20)?(\d{2})\s*", text)
    if not found or not 1 <= int(found[1]) <= 12:
        return UNREADABLE
    month, year = int(found[1]), 2000 + int(found[2])
    if (year, month) < (today.year, today.month):
        return refused("expired")
    if year > today.year + 20:
        return refused("too_late")
    return Reading(f"{month:02}{year % 100:02}")


def read_expiry(text: str, language: str, today: dt.date) -> Reading:
    """Read an expiry date: ``04 27``, "April twenty twenty-seven", "four twenty-seven"."""
    known = words(language)
    said = bare(strip_fillers(plain_words(text), known)).replace("-", " ").split()
    months = [bare(month) for month in known.months]
    if said and said[0] in months:
        rest = _pair_of_years(said[1:], language)
        return UNREADABLE if rest is None else check_expiry(f"{months.index(said[0]) + 1:02}{rest}", today)
    written = check_expiry(" ".join(said), today)
    if written.ok or written.reason != "unreadable":
        return written
    found = digits_of(text, language)
    if found is not None and len(found) in (3, 4, 6):
        return check_expiry(found if len(found) != 3 else "0" + found, today)
    return UNREADABLE


def read_account(kind: SlotType, text: str, language: str) -> Reading:
    """Read an account: digits, or letters and digits."""
    found = digits_of(text, language) or spelled(text, language)
    return UNREADABLE if not found else check_account(kind, found)


def check_account(kind: SlotType, text: str) -> Reading:
    """Check an account's length, check digits and pattern; letters are capitals."""
    text = re.sub(r"[ \-]", "", text).upper()
    if not text.isascii() or not text.isalnum():
        return UNREADABLE
    if text.isdigit():
        return check_digits(kind, text)
    if kind.min_length is not None and len(text) < kind.min_length:
        return refused("too_short")
    if kind.max_length is not None and len(text) > kind.max_length:
        return refused("too_long")
    return Reading(text) if _matches(kind, text) else refused("pattern")


def read_iban(text: str, language: str) -> Reading:
    """Read an IBAN that was said or written."""
    written = check_iban(text)
    return written if written.reason != "unreadable" else check_iban(spelled(text, language) or "")


def check_iban(text: str) -> Reading:
    """Check an IBAN: its country's length and its check digits."""
    text = re.sub(r"[ \-]", "", text).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{8,30}", text):
        return UNREADABLE
    wanted = _IBAN_LENGTHS.get(text[:2])
    if wanted is not None and len(text) != wanted:
        return refused("too_short" if len(text) < wanted else "too_long")
    return Reading(text) if mod97(text) else refused("mod97")


def say_figures(value: object, language: str) -> str:
    """Read digits back one by one, in groups."""
    text = str(value)
    size = 4 if len(text) > 6 and len(text) % 4 == 0 else 3 if len(text) > 4 else len(text) or 1
    groups = [text[at : at + size] for at in range(0, len(text), size)]
    return ", ".join(say_value(group, language, "spell" if not group.isdigit() else "digits") for group in groups)


def _matches(kind: SlotType, text: str) -> bool:
    return kind.pattern is None or re.fullmatch(kind.pattern, text) is not None


def _in_groups(said: list[str], language: str) -> str | None:
    """Digits read in numbers: "twenty-one thirty four" is 2134, "doble cero siete" 007."""
    digits = ""
    at = 0
    while at < len(said):
        for size in (3, 2, 1):
            piece = said[at : at + size]
            if len(piece) < size or piece[0] in ("and", "y"):
                continue
            single = parse_digits(piece, language)
            number = parse_number(" ".join(piece), language) if single is None else None
            if single is not None or (number is not None and 10 <= number <= 999):
                digits += single if single is not None else str(number)
                at += size
                break
        else:
            return None
    return digits or None


def _pair_of_years(said: list[str], language: str) -> str | None:
    from gateway.flows.slots.cardinals import parse_year

    found = parse_year(" ".join(word for word in said if word not in ("de", "del", "of")), language)
    return None if found is None else f"{found % 100:02}"


def _amount(text: str, language: str, currency: str) -> tuple[Decimal, bool] | None:
    known = words(language)
    named = known.currencies.get(currency)
    said = bare(strip_fillers(plain_words(text), known))
    for symbol in ("€", "£", "$"):
        said = said.replace(symbol, " ")
    said = " ".join(said.split())
    wholes = {bare(word) for word in (named.one, named.many, *named.symbols)} if named else set()
    cents = {bare(word) for word in (named.cent, named.cents)} if named else set()
    wholes |= {currency.lower()}
    tokens = said.split()
    joints = {"and", "y", "con", "de"}
    for at, token in enumerate(tokens):
        if token in wholes:
            left = [word for word in tokens[:at] if word != "de"]
            right = [word for word in tokens[at + 1 :] if word not in cents]
            while right and right[0] in joints:
                right = right[1:]
            whole = parse_number(" ".join(left), language)
            part = parse_number(" ".join(right), language) if right else Decimal(0)
            if whole is None or part is None or part != int(part) or part >= 100:
                return None
            return whole + part / 100, True
    if tokens and tokens[-1] in cents:
        part = parse_number(" ".join(tokens[:-1]), language)
        return None if part is None or part >= 100 else (part / 100, True)
    if (number := parse_number(said, language)) is not None:
        return number, True
    for at in range(1, len(tokens)):
        left, right = tokens[:at], [word for word in tokens[at:] if word not in joints]
        whole, part = parse_number(" ".join(left), language), parse_number(" ".join(right), language)
        if whole is not None and part is not None and 10 <= part < 100 and part == int(part):
            return whole + part / 100, "con" in tokens
    return None
