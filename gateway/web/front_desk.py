"""What the doors ask of the house: may a call come in, here is one, here is how it ended.

``app.py`` implements it; the routes call it. Every method but :meth:`FrontDesk.take` returns at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from gateway.contracts.leg import Leg
from gateway.settings.schema import Settings

if TYPE_CHECKING:
    from gateway.legs.hand_over import HandOverDesk


@dataclass(frozen=True, slots=True)
class Ring:
    """A phone that rings: a verified webhook came, and was answered with ``token`` for its media stream.

    The stream of this call is the one whose leg has the same ``leg_id``; by then its token has been redeemed. A carrier
    may repeat a webhook: the later ring of a ``leg_id`` replaces the earlier.
    """

    leg_id: str
    caller_number: str = field(repr=False)
    dialed_number: str
    token: str = field(repr=False)


class FrontDesk(Protocol):
    """The house behind the doors."""

    settings: Settings

    def may_answer(self) -> str | None:
        """Return why no call can be taken now, ``draining`` or ``busy``, or None if one can."""
        ...

    def ringing(self, ring: Ring) -> None:
        """Note that a call is coming, and open its model session early if the number of early ones allows."""
        ...

    async def take(self, leg: Leg) -> None:
        """Run the whole call on this leg; returns when it is over."""
        ...

    def carrier_status(self, leg_id: str, status: str, duration_s: int | None) -> None:
        """Note what the carrier says of a call: its final status, or ``stream-error`` and the like of its stream."""
        ...

    def hands_over(self, desk: HandOverDesk) -> None:
        """Take what hands callers to colleagues, for calls on flows."""
        ...

    def ready(self) -> tuple[bool, Mapping[str, str]]:
        """Return whether calls should be sent here, and a word about each part that decides it."""
        ...
