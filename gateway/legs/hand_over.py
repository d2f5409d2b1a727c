"""Hands a caller to a colleague over the carrier's conference: rung first, joined when they take the call.

The caller stays on our media stream while the colleague's phone rings, so that busy, no answer and "not now" come
back to the flow with the caller still there. A warm hand-over tells the colleague what it is about and waits for a key,
which no voicemail presses; a cold one joins both as soon as somebody answers. Both meet in a conference that ends with
the first who leaves it.

Requests are data (``carriers/twilio_calls.py``); Twilio tells what happens through webhooks (``web/colleagues.py``).
Sources: Twilio's Call resource (REST API 2010-04-01), ``<Gather>`` and ``<Conference>``, read November 2026.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from gateway.contracts.leg import Leg, TransferTarget
from gateway.errors import CarrierError, ConfigurationError, Unsupported
from gateway.flows.engine.commands import HandOver
from gateway.flows.engine.events import HandedOver
from gateway.legs.carrier_http import CarrierHttp
from gateway.legs.carriers.twilio_calls import TwilioCalls, colleague_document, refused_document, whisper_document
from gateway.settings.flows import FlowSettings

log = structlog.get_logger()

ANSWER_GRACE_S: Final = 15.0
"""Beyond the ringing: for the network, the whisper and the key."""
COLLEAGUE_PATH: Final = "/twilio/colleague"
ACCEPT_KEY: Final = "1"
_TELEPHONE: Final = re.compile(r"tel:(\+?[0-9*#]{1,24})")
_STATUSES: Final = {"busy": "busy", "no-answer": "no_answer", "failed": "failed", "canceled": "failed"}


@dataclass(slots=True)
class _Ringing:
    """A colleague whose phone rings."""

    command: HandOver
    summary: str
    outcome: asyncio.Future[str] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    asked: bool = False
    """The colleague has answered, and hears what it is about."""

    def settle(self, outcome: str) -> None:
        """Take the outcome, once."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class HandOverDesk:
    """Hand-overs of one process.

    Args:
        calls: makes the carrier's requests.
        http: sends them.
        flows: queues, and whom colleagues see calling.
        base_url: where the carrier reaches our webhooks; None as long as no call has told.

    """

    def __init__(
        self, calls: TwilioCalls, http: CarrierHttp, flows: FlowSettings, base_url: Callable[[], str | None]
    ) -> None:
        self._calls = calls
        self._http = http
        self._flows = flows
        self._base_url = base_url
        self._ringing: dict[str, _Ringing] = {}

    async def hand_over(self, command: HandOver, leg: Leg, summary: str) -> HandedOver:
        """Hand a caller over; never raises but when cancelled, and then the colleague's phone stops ringing."""
        try:
            outcome = await self._hand_over(command, leg, summary)
        except (CarrierError, Unsupported, ConfigurationError) as error:
            log.error("hand_over_failed", step=command.step, why=str(error))
            outcome = "failed"
        log.info("handed_over", step=command.step, mode=command.mode, outcome=outcome)
        return HandedOver(command.epoch, outcome)

    async def _hand_over(self, command: HandOver, leg: Leg, summary: str) -> str:
        target = self._target(command.to)
        telephone = _TELEPHONE.fullmatch(target)
        if telephone is None and not target.startswith(("sip:", "sips:")):
            # A queue of the carrier's own: once the caller is in it, it answers for them.
            await leg.transfer(TransferTarget(target))
            return "answered"
        base = self._base_url()
        if base is None:
            raise ConfigurationError("no address is known by which the carrier reaches us; set server.public_url")
        token = secrets.token_urlsafe(18)
        ringing = self._ringing[token] = _Ringing(command, summary)
        url, to = f"{base}{COLLEAGUE_PATH}/{token}", telephone[1] if telephone else target
        try:
            return await self._ring(ringing, leg, to, url, f"flow-{token}")
        finally:
            del self._ringing[token]

    async def _ring(self, ringing: _Ringing, leg: Leg, to: str, url: str, room: str) -> str:
        command = ringing.command
        caller_id = self._flows.caller_id or leg.started.dialed_number
        ring_s = max(5, command.ring_for_ms // 1000)
        reply = await self._http.send(self._calls.dial_request(to, caller_id, url, f"{url}/status", ring_s))
        if reply.sid is None:
            raise CarrierError("twilio: the colleague's call has no sid")
        limit_s = ring_s + ANSWER_GRACE_S
        if command.max_wait_ms is not None:
            limit_s = min(limit_s, command.max_wait_ms / 1000)
        try:
            async with asyncio.timeout(limit_s):
                outcome = await ringing.outcome
            if outcome == "answered":
                await leg.transfer(TransferTarget(f"conference:{room}"))
                return outcome
        except TimeoutError:
            outcome = "timeout" if command.max_wait_ms is not None else "no_answer"
        except BaseException:
            await self._stop(reply.sid)
            raise
        await self._stop(reply.sid)
        return outcome

    async def _stop(self, call_sid: str) -> None:
        """Let the colleague's phone ring no more."""
        try:
            await self._http.send(self._calls.hang_up_request(call_sid))
        except CarrierError as error:
            log.warning("colleague_not_hung_up", why=str(error))

    def _target(self, to: str) -> str:
        if not to.startswith("queue:"):
            return to
        name = to.removeprefix("queue:")
        queue = self._flows.queues.get(name)
        if queue is None:
            known = ", ".join(sorted(self._flows.queues)) or "none"
            raise ConfigurationError(f"flows.queues: there is no '{name}'; there are: {known}")
        if queue.to is not None:
            return queue.to
        return f"queue:{queue.enqueue}" if queue.enqueue is not None else f"workflow:{queue.workflow}"

    # --- what the carrier tells (web/colleagues.py) ---------------------------------------------------------------

    def answered(self, token: str) -> str:
        """A colleague has answered: return the document of what they hear; a stranger's token gets a hang-up."""
        ringing = self._ringing.get(token)
        if ringing is None:
            return refused_document()
        if ringing.command.mode == "cold":
            ringing.settle("answered")
            return colleague_document(f"flow-{token}")
        ringing.asked = True
        words = [text for text in (ringing.command.whisper, ringing.summary) if text]
        return whisper_document(" ".join(words), ringing.command.language, f"{token}/key", ACCEPT_KEY)

    def key(self, token: str, digits: str) -> str:
        """A colleague has pressed a key, or none: return the document of what follows."""
        ringing = self._ringing.get(token)
        if ringing is None or not ringing.asked:
            return refused_document()
        if digits != ACCEPT_KEY:
            ringing.settle("no_answer")
            return refused_document()
        ringing.settle("answered")
        return colleague_document(f"flow-{token}")

    def status(self, token: str, status: str) -> None:
        """A colleague's call has ended; before they took the caller that is the outcome."""
        ringing = self._ringing.get(token)
        if ringing is not None:
            ringing.settle(_STATUSES.get(status, "no_answer"))
