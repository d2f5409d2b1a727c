"""What callers say and key in, as values: one entry per slot type, spoken and keypad form side by side.

Pure functions of the words, the language and today's date. :func:`understand` reads a caller's words and a normalised
value alike (``1980-05-04``, ``12.50``, ``+44…``, an option's id), so that what a model proposes is read by the same
rules as what it heard.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from gateway.flows.expressions.spoken import say_value
from gateway.flows.model import SlotKind, SlotType
from gateway.flows.slots import contact, figures, moments, options
from gateway.flows.slots.options import match_option, option_place, says_unknown
from gateway.flows.slots.reading import NO_KEYPAD, UNREADABLE, Reading

__all__ = [
    "SLOT_FORMS",
    "Keypad",
    "Reading",
    "SlotForm",
    "keyed",
    "keypad",
    "match_option",
    "option_place",
    "read_back",
    "says_unknown",
    "understand",
]


@dataclass(frozen=True, slots=True)
class Keypad:
    """How a value is keyed in: the fewest and the most keys, and marks that belong to it besides digits."""

    least: int
    most: int
    also: str = ""


@dataclass(frozen=True, slots=True)
class SlotForm:
    """How one type of slot is heard, keyed in and said."""

    spoken: Callable[[SlotType, str, str, dt.date], Reading]
    """Type, words, language, today."""
    keyed: Callable[[SlotType, str, dt.date], Reading] | None
    """Type, keys, today; None: it can't be keyed in."""
    said: Callable[[SlotType, object, str], str]
    """Type, value, language."""
    keypad: Callable[[SlotType], Keypad | None]


def understand(kind: SlotType, text: str, language: str, today: dt.date) -> Reading:
    """Return what a caller's words, or a normalised value, mean for a slot of a type."""
    text = text.strip()
    return SLOT_FORMS[kind.kind].spoken(kind, text, language, today) if text else UNREADABLE


def keyed(kind: SlotType, keys: str, today: dt.date) -> Reading:
    """Return what keys mean for a slot of a type; the end key is not among them."""
    form = SLOT_FORMS[kind.kind]
    return NO_KEYPAD if form.keyed is None else form.keyed(kind, keys, today) if keys else UNREADABLE


def keypad(kind: SlotType) -> Keypad | None:
    """Return how a type is keyed in, or None if it can't be."""
    return SLOT_FORMS[kind.kind].keypad(kind)


def read_back(kind: SlotType, value: object, language: str, *, spell: bool = False) -> str:
    """Return a value as it is read back to the caller; ``spell`` letter by letter."""
    return (
        say_value(value, language, "spell")
        if spell and isinstance(value, str)
        else SLOT_FORMS[kind.kind].said(kind, value, language)
    )


def _figures(_: SlotType, value: object, language: str) -> str:
    return figures.say_figures(value, language)


def _plain(_: SlotType, value: object, language: str) -> str:
    return say_value(value, language)


def _expiry(_: SlotType, value: object, language: str) -> str:
    text = str(value)
    return f"{say_value(Decimal(text[:2]), language)}, {say_value(Decimal(text[2:]), language)}"


def _digit_keys(kind: SlotType) -> Keypad:
    return Keypad(kind.min_length or 1, kind.max_length or 24)


def _fixed(least: int, most: int, also: str = "") -> Callable[[SlotType], Keypad]:
    return lambda _: Keypad(least, most, also)


def _nothing(_: SlotType) -> None:
    return None


def _postcode_keys(kind: SlotType) -> Keypad | None:
    return Keypad(5, 5) if kind.region in ("ES", "DE", "FR", "IT", "US", "MX") else None


def _keyed_postcode(kind: SlotType, keys: str, _: dt.date) -> Reading:
    return contact.check_postcode(kind, keys) if _postcode_keys(kind) else NO_KEYPAD


def _choice_keys(kind: SlotType) -> Keypad | None:
    count = len(kind.options)
    return Keypad(1, len(str(count))) if count or kind.of_tool else None


def _spoken_amount(kind: SlotType, text: str, language: str, _: dt.date) -> Reading:
    written = figures.written_amount(kind, text)
    return written if written.ok else figures.read_amount(kind, text, language)


SLOT_FORMS: Final[Mapping[SlotKind, SlotForm]] = {
    SlotKind.DIGITS: SlotForm(
        lambda kind, text, tag, _: figures.read_digits(kind, text, tag),
        lambda kind, keys, _: figures.check_digits(kind, keys),
        _figures,
        _digit_keys,
    ),
    SlotKind.NUMBER: SlotForm(
        lambda kind, text, tag, _: figures.read_number(kind, text, tag),
        lambda kind, keys, _: figures.keyed_number(kind, keys),
        _plain,
        _fixed(1, 12, "*"),
    ),
    SlotKind.AMOUNT: SlotForm(
        _spoken_amount, lambda kind, keys, _: figures.keyed_amount(kind, keys), _plain, _fixed(1, 12, "*")
    ),
    SlotKind.DATE: SlotForm(
        lambda _, text, tag, today: moments.read_date(text, tag, today),
        lambda _, keys, today: moments.keyed_date(keys, today),
        _plain,
        _fixed(4, 8),
    ),
    SlotKind.TIME: SlotForm(
        lambda _, text, tag, __: moments.read_time(text, tag),
        lambda _, keys, __: moments.keyed_time(keys),
        _plain,
        _fixed(4, 4),
    ),
    SlotKind.DATETIME: SlotForm(
        lambda _, text, tag, today: moments.read_datetime(text, tag, today),
        lambda _, keys, today: moments.keyed_datetime(keys, today),
        _plain,
        _fixed(8, 12),
    ),
    SlotKind.DURATION: SlotForm(
        lambda _, text, tag, __: moments.read_duration(text, tag),
        lambda _, keys, __: moments.keyed_duration(keys),
        _plain,
        _fixed(1, 6, "*"),
    ),
    SlotKind.PHONE: SlotForm(
        lambda kind, text, tag, _: contact.read_phone(kind, text, tag),
        lambda kind, keys, _: contact.check_phone(kind, keys),
        lambda _, value, tag: contact.say_phone(value, tag),
        _fixed(6, 17),
    ),
    SlotKind.POSTCODE: SlotForm(
        lambda kind, text, tag, _: contact.read_postcode(kind, text, tag),
        _keyed_postcode,
        lambda _, value, tag: say_value(value, tag, "spell"),
        _postcode_keys,
    ),
    SlotKind.CARD_NUMBER: SlotForm(
        lambda kind, text, tag, _: figures.read_card(kind, text, tag),
        lambda kind, keys, _: figures.check_card(kind, keys),
        lambda _, value, tag: say_value(str(getattr(value, "last4", "")), tag, "digits"),
        _fixed(12, 19),
    ),
    SlotKind.EXPIRY: SlotForm(
        lambda _, text, tag, today: figures.read_expiry(text, tag, today),
        lambda _, keys, today: figures.check_expiry(keys, today),
        _expiry,
        _fixed(4, 4),
    ),
    SlotKind.IBAN: SlotForm(
        lambda _, text, tag, __: figures.read_iban(text, tag),
        None,
        lambda _, value, tag: say_value(value, tag, "spell"),
        _nothing,
    ),
    SlotKind.ACCOUNT: SlotForm(
        lambda kind, text, tag, _: figures.read_account(kind, text, tag),
        lambda kind, keys, _: figures.check_account(kind, keys),
        _figures,
        _digit_keys,
    ),
    SlotKind.EMAIL: SlotForm(
        lambda _, text, tag, __: contact.read_email(text, tag),
        None,
        lambda _, value, tag: contact.say_email(value, tag),
        _nothing,
    ),
    SlotKind.NAME: SlotForm(lambda kind, text, tag, _: contact.read_name(kind, text, tag), None, _plain, _nothing),
    SlotKind.CHOICE: SlotForm(
        lambda kind, text, tag, _: options.read_choice(kind, text, tag),
        lambda kind, keys, _: options.keyed_choice(kind, keys),
        options.say_choice,
        _choice_keys,
    ),
    SlotKind.YES_NO: SlotForm(
        lambda _, text, tag, __: options.read_yes_no(text, tag),
        lambda _, keys, __: options.keyed_yes_no(keys),
        lambda _, value, tag: say_value(value, tag, "yesno"),
        _fixed(1, 1),
    ),
    SlotKind.TEXT: SlotForm(lambda kind, text, _, __: options.read_text(kind, text), None, _plain, _nothing),
    SlotKind.OBJECT: SlotForm(lambda *_: UNREADABLE, None, _plain, _nothing),
}
"""Every type of slot."""
