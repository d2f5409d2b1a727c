"""What values are: the kinds that slots, variables, tool fields and expressions have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class KindName(StrEnum):
    """The names of kinds, as written in tool contracts and variables."""

    TEXT = "text"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DIGITS = "digits"
    DATE = "date"
    TIME = "time"
    DATETIME = "datetime"
    DURATION = "duration"
    AMOUNT = "amount"
    SECRET = "secret"  # noqa: S105 - the word, not one
    CARD = "card"
    LIST = "list"
    OBJECT = "object"
    ANY = "any"
    """Not known before the call; fits everywhere."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value.

    ``fields`` are those of an object, None if they are not declared; ``item`` is the kind of a list's entries;
    ``currency`` that of an amount.
    """

    name: KindName
    fields: Mapping[str, Kind] | None = None
    item: Kind | None = None
    currency: str = ""

    def __str__(self) -> str:
        return self.name.value

    def __hash__(self) -> int:
        return hash((self.name, tuple(self.fields or ()), self.currency))


TEXT: Final = Kind(KindName.TEXT)
NUMBER: Final = Kind(KindName.NUMBER)
BOOLEAN: Final = Kind(KindName.BOOLEAN)
DIGITS: Final = Kind(KindName.DIGITS)
DATE: Final = Kind(KindName.DATE)
TIME: Final = Kind(KindName.TIME)
DATETIME: Final = Kind(KindName.DATETIME)
DURATION: Final = Kind(KindName.DURATION)
AMOUNT: Final = Kind(KindName.AMOUNT)
SECRET: Final = Kind(KindName.SECRET)
CARD: Final = Kind(KindName.CARD)
ANY: Final = Kind(KindName.ANY)
OBJECT: Final = Kind(KindName.OBJECT)
LIST: Final = Kind(KindName.LIST)

_TEXTUAL: Final = {KindName.TEXT, KindName.DIGITS}
_NUMERIC: Final = {KindName.NUMBER, KindName.AMOUNT}
_DATED: Final = {KindName.DATE, KindName.DATETIME}


def fits(given: Kind, wanted: Kind) -> bool:
    """Whether a value of one kind may stand where another is wanted.

    Anything readable may become text; digits are text; amounts and numbers stand for one another. A secret fits
    nothing but a secret.
    """
    if KindName.ANY in (given.name, wanted.name):
        return KindName.SECRET not in (given.name, wanted.name) and given.name is not KindName.CARD
    if given.name is wanted.name:
        return True
    if KindName.SECRET in (given.name, wanted.name) or KindName.CARD in (given.name, wanted.name):
        return False
    if wanted.name is KindName.TEXT:
        return given.name not in (KindName.LIST, KindName.OBJECT)
    return _comparable(given, wanted) and wanted.name is not KindName.DIGITS


def comparable(left: Kind, right: Kind) -> bool:
    """Whether two kinds can be compared with ``==`` and ``<``."""
    if KindName.ANY in (left.name, right.name) or left.name is right.name:
        return True
    return _comparable(left, right)


def _comparable(left: Kind, right: Kind) -> bool:
    names = {left.name, right.name}
    return names <= _TEXTUAL or names <= _NUMERIC or names <= _DATED
