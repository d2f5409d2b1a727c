"""``{argument}`` and ``{call.caller_number}`` in the texts of an HTTP tool."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

PLACEHOLDER: Final = re.compile(
    r"\{(call\.(?:caller_number|dialed_number|parameters\.[A-Za-z0-9_.-]{1,64})|[A-Za-z_][A-Za-z0-9_-]{0,63})\}"
)
"""Group 1 is the name."""


def arguments_in(text: str) -> Iterator[str]:
    """Yield the names of the arguments in a text; the call's facts are none."""
    for found in PLACEHOLDER.finditer(text):
        if not found[1].startswith("call."):
            yield found[1]
