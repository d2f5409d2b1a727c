"""What every part of the settings is made of: strict sections and the names that operators give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,63}$")]
"""A name given by the operator: lower case, digits, ``_`` and ``-``, starting with a letter."""


class Section(BaseModel):
    """A part of the settings: immutable, and strict about unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def word_for(key: str) -> Callable[[Any], Any]:
    """Return what lets one word stand for a section that has little more: ``far_field`` for ``{type: far_field}``."""

    def section(value: Any) -> Any:
        return {key: value} if isinstance(value, str) else value

    return section
