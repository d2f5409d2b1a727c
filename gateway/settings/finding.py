"""What a check between settings found; ``wording.py`` puts file, line and column to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gateway.settings.document import Where


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong: ``problem`` goes behind the value and its place, or behind the key, or says what is missing."""

    where: Where
    problem: str
    of: Literal["value", "key", "missing"] = "value"
