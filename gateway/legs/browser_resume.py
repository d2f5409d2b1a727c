"""A page that lost its socket comes back: what it has not got yet, and by which token it is let in again.

What is sent waits here until the page is known to have it, so that another socket goes on where the last one broke off.
The page says how far its audio reaches; from there on it gets the rest, once. Where it does not say, what was written
to the lost socket counts as received: rather a gap than the same words twice.

A token opens one conversation, once, for whoever opened it, within seconds. It lives in this process alone.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import deque
from typing import TYPE_CHECKING, Final

from gateway.errors import Forbidden
from gateway.legs.browser_wire import Sent

if TYPE_CHECKING:
    from gateway.legs.browser_leg import BrowserLeg

BACKOFF_MS: Final = (250, 500, 1000, 2000, 4000, 4000)
"""When a page tries again, one after the other; told to it at the start."""
WAITING_MS: Final = 120_000
"""Audio that may wait for a page that does not read, as for a carrier (``stream_queues``)."""
WAITING_MESSAGES: Final = 10_000
"""Messages likewise."""
WRITTEN_MS: Final = 60_000
"""Audio that is kept after it was written: all that the bridge ever lets be unheard."""


class Outbox:
    """Messages to one page in order, over all of its sockets.

    Audio stays after it was written until the page is known to have it, or is a minute old.
    """

    def __init__(self) -> None:
        self._waiting: deque[Sent] = deque()
        self._waiting_ms = 0.0
        self._written: deque[Sent] = deque()
        self._written_ms = 0.0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def is_overfull(self) -> bool:
        """Whether more waits than a page that reads, or comes back, would ever let wait."""
        return self._waiting_ms > WAITING_MS or len(self._waiting) > WAITING_MESSAGES

    def put(self, message: Sent) -> None:
        """Queue a message."""
        self._waiting.append(message)
        self._waiting_ms += message.length_ms

    def next(self) -> str | None:
        """Return what is to be written now; None if nothing waits."""
        if not self._waiting:
            return None
        message = self._waiting.popleft()
        if message.from_ms is not None:
            self._waiting_ms -= message.length_ms
            self._written.append(message)
            self._written_ms += message.length_ms
            while self._written_ms > WRITTEN_MS:
                self._written_ms -= self._written.popleft().length_ms
        return message.text

    def has_to(self, at_ms: float) -> None:
        """The page has the audio up to ``at_ms``."""
        while self._written and self._written[0].to_ms <= at_ms:
            self._written_ms -= self._written.popleft().length_ms

    def drop_audio(self) -> None:
        """Forget all audio: it was cleared."""
        self._written.clear()
        self._written_ms = 0.0
        self._waiting = deque(message for message in self._waiting if message.from_ms is None)
        self._waiting_ms = 0.0

    def go_on_from(self, received_ms: float | None) -> None:
        """Another socket takes over: what the page lacks waits again, before what waits already."""
        if received_ms is not None:
            self.has_to(received_ms)
            self._waiting.extendleft(reversed(self._written))
            self._waiting_ms += self._written_ms
        self._written.clear()
        self._written_ms = 0.0


class Cloakroom:
    """The conversations whose pages may come back."""

    def __init__(self) -> None:
        self._legs: dict[str, tuple[BrowserLeg, str]] = {}

    def ticket(self, leg: BrowserLeg, owner: str) -> str:
        """Return a token by which ``owner`` takes up this conversation; the one before it is void."""
        self.forget(leg)
        token = secrets.token_urlsafe(24)
        self._legs[_digest(token)] = (leg, owner)
        return token

    def claim(self, token: str, owner: str) -> BrowserLeg:
        """Return the conversation that a token is for; it never works again.

        Raises:
            Forbidden: there is none, it was used, or it is somebody else's.

        """
        found = self._legs.pop(_digest(token), None)
        if found is None:
            raise Forbidden("the resume token is unknown, was used, or its time is over")
        leg, wanted = found
        if not hmac.compare_digest(owner.encode(), wanted.encode()):
            raise Forbidden("the resume token is somebody else's")
        return leg

    def forget(self, leg: BrowserLeg) -> None:
        """Void the token of a conversation."""
        self._legs = {digest: found for digest, found in self._legs.items() if found[0] is not leg}


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
