"""Values that are more than Python's own: money, and what must not be read."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn


@dataclass(frozen=True, slots=True)
class Money:
    """An amount and its currency (ISO 4217; empty if nobody said)."""

    amount: Decimal
    currency: str

    def __bool__(self) -> bool:
        return bool(self.amount)


class Secret:
    """Keys that a caller pressed for a ``secret`` slot; only a tool's ``secret`` argument opens it.

    It prints as stars, has no equality with text, and can't be pickled or copied.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: str) -> None:
        self._keys = keys

    def reveal(self) -> str:
        """Return the keys. For the tool's driver alone."""
        return self._keys

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled or copied")


class CardToken:
    """A card number, opaque but for its last four digits and its brand."""

    __slots__ = ("_pan", "brand", "last4")

    def __init__(self, pan: str, brand: str) -> None:
        self._pan = pan
        self.last4 = pan[-4:]
        self.brand = brand

    def reveal(self) -> str:
        """Return the number. For the payment's driver alone."""
        return self._pan

    def __repr__(self) -> str:
        return "CardToken(***)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a card number is not pickled or copied")
