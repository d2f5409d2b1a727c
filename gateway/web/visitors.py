"""A conversation that a page asks for: what it may choose, and who it becomes for the house.

What a page says at its start is checked by the very schema that the operator's ``numbers`` are checked by, after the
policy under ``browser`` has let the field through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from pydantic import ValidationError

from gateway.contracts.live import LiveView
from gateway.contracts.record import Sink
from gateway.legs.browser_leg import BrowserLeg
from gateway.legs.browser_wire import BadMessage
from gateway.settings.schema import NumberSettings, Settings

_ENVELOPE: Final = frozenset({"type", "rate"})
_OFF: Final = "off"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a page wants of its conversation."""

    line: NumberSettings = field(default_factory=NumberSettings)
    """As if a number had been dialled that says this."""
    rate_hz: int = 24_000
    push_to_talk: bool = False
    """Nothing listens for the end of speech: the page says when a turn is over."""


class View(LiveView, Sink, Protocol):
    """Who is shown a conversation: live events and records."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """A page that is in: a leg, what it wants, and who is shown the conversation."""

    leg: BrowserLeg
    wish: Wish
    view: View


class VisitorDesk(Protocol):
    """The house, as the door for pages sees it."""

    settings: Settings

    def may_answer(self) -> str | None:
        """Return why no conversation can be taken now, ``draining`` or ``busy``, or None if one can."""
        ...

    def has_flow(self, flow: str) -> bool:
        """Return whether there is a call flow of that id."""
        ...

    async def visit(self, visitor: Visitor) -> None:
        """Run the whole conversation; returns when it is over."""
        ...


def wish_of(said: Mapping[str, Any], desk: VisitorDesk) -> Wish:
    """Return what a ``start`` message, or a socket's query, asks for.

    Raises:
        BadMessage: a field is not allowed here, or its value can't be meant; told to the page.

    """
    policy = desk.settings.browser
    fields = {name: value for name, value in said.items() if name not in _ENVELOPE}
    for name in fields:
        if name not in policy.allow:
            raise BadMessage("not_allowed", f"{name[:40]!r} can't be set here; these can: {', '.join(policy.allow)}.")
    push_to_talk = fields.get("vad") == _OFF
    if push_to_talk:
        del fields["vad"]
    if isinstance(fields.get("vad"), str):
        fields["vad"] = {"type": fields["vad"]}
    if "speed" in fields:
        fields["session"] = {"speed": fields.pop("speed")}
    try:
        line = NumberSettings.model_validate(fields)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadMessage("bad_setting", f"{where}: {first['msg']}.") from None
    _check_names(line, desk, push_to_talk=push_to_talk)
    return Wish(line, _rate(said.get("rate", 24_000)), push_to_talk)


def _check_names(line: NumberSettings, desk: VisitorDesk, *, push_to_talk: bool) -> None:
    settings = desk.settings
    if line.persona is not None:
        there = settings.browser.personas if settings.browser.personas is not None else list(settings.personas)
        if line.persona not in there or line.persona not in settings.personas:
            raise BadMessage("unknown_persona", f"There is no persona {line.persona!r}; there are: {', '.join(there)}.")
    if line.flow is not None and push_to_talk:
        raise BadMessage("not_allowed", "A call flow listens for turns by itself; leave vad out.")
    if line.flow is not None and not desk.has_flow(line.flow):
        raise BadMessage("unknown_flow", f"There is no call flow {line.flow!r} here.")


def _rate(rate: object) -> int:
    try:
        return int(rate) if isinstance(rate, int | str) and not isinstance(rate, bool) else 0
    except ValueError:
        return 0
