"""What a tool is to a call: how the model sees it, how it is run, and how the caller waits for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.contracts.model import ToolSpec
from gateway.contracts.text import Label


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What a tool gave: text for the model, and whether it went well."""

    output: str
    ok: bool = True

    def __repr__(self) -> str:
        return f"ToolOutcome({len(self.output)} characters, ok={self.ok})"


ToolFunction = Callable[[str], Awaitable[ToolOutcome]]
"""Takes the model's JSON arguments; off the media path, cancelled when the call ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """What a tool may know of the call that it works for; from the carrier, never from the model.

    A tool that acts for "this caller" takes the number from here: what a model writes, a caller may have told it.
    """

    call_id: str
    caller_number: str = ""
    """As the carrier wrote it; empty when withheld."""
    dialed_number: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the carrier's document or the SIP headers passed on; a stranger wrote it."""

    def __repr__(self) -> str:
        return f"CallFacts({self.call_id})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filler:
    """What is said when a caller would wait in silence for a tool. No ``say`` is no filler."""

    say: tuple[str, ...] = ()
    """Said in turn; the last one again and again."""
    after_ms: int = 700
    """Silence before the first."""
    again_ms: int = 4000
    """Silence before each further one."""


NO_FILLER: Final = Filler()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool of one call.

    Raises:
        ValueError: the name holds what no record may hold (:class:`~gateway.contracts.text.Label`).

    """

    spec: ToolSpec
    run: ToolFunction
    background: bool = False
    """The model is answered at once and the call goes on; the result is told when it is there."""
    filler: Filler | None = None
    """None takes the persona's."""

    def __post_init__(self) -> None:
        Label(self.spec.name)
