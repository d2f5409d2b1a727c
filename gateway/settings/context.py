"""What the settings say of a long conversation: how much of it the model keeps in mind."""

from __future__ import annotations

from pydantic import Field

from gateway.settings.section import Section


class ContextSettings(Section):
    """How a conversation is kept within what the model can keep in mind, beyond the endpoint's own ``truncation``.

    The endpoint's own way is ``session: {truncation: …}``: it forgets the oldest items without a word. Here the oldest
    are summarised first, by the model itself, and the summary is kept.
    """

    keep_turns: int | None = Field(None, ge=2, le=500)
    """The caller's latest turns that are kept word for word. Whenever there are twice as many, those before them are
    replaced by a summary. None leaves it to ``truncation``."""
