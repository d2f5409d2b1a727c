"""A house behind the doors, in the test's hands, and Twilio in front of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette
from twilio.request_validator import RequestValidator

from gateway.clock import SystemClock
from gateway.contracts.leg import Leg
from gateway.legs.carrier_http import CarrierHttp
from gateway.legs.tickets import SpentStore, TicketOffice
from gateway.settings.schema import CarriersSettings, LimitSettings, ServerSettings, Settings, TwilioSettings
from gateway.web.front_desk import Ring
from gateway.web.routes import routes
from tests.legs.fakes import Remembering

TOKEN = "0123456789abcdef0123456789abcdef"
PUBLIC = "https://gw.example.net"
RING = {
    "CallSid": "CA90",
    "AccountSid": "AC77",
    "From": "+15550001111",
    "To": "+15550002222",
    "CallStatus": "ringing",
    "CallerName": "",
}


class Desk:
    """A front desk that notes what it is told and runs calls as the test says."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.refusal: str | None = None
        self.rings: list[Ring] = []
        self.legs: list[Leg] = []
        self.statuses: list[tuple[str, str, int | None]] = []
        self.readiness: tuple[bool, Mapping[str, str]] = (True, {"calls": "0 of 200"})
        self.heard = Remembering()
        self.call: Callable[[Leg], Awaitable[None]] = self.until_it_ends

    def may_answer(self) -> str | None:
        return self.refusal

    def ringing(self, ring: Ring) -> None:
        self.rings.append(ring)

    async def take(self, leg: Leg) -> None:
        self.legs.append(leg)
        await self.call(leg)

    def carrier_status(self, leg_id: str, status: str, duration_s: int | None) -> None:
        self.statuses.append((leg_id, status, duration_s))

    def ready(self) -> tuple[bool, Mapping[str, str]]:
        return self.readiness

    async def until_it_ends(self, leg: Leg) -> None:
        """Listen, say one thing, and stay until the leg has ended."""
        over = asyncio.Event()
        heard = self.heard

        class Waiting:
            on_audio = staticmethod(heard.on_audio)

            @staticmethod
            def on_leg(event: Any) -> None:
                heard.on_leg(event)
                if heard.endings:
                    over.set()

        leg.listen(Waiting())
        leg.send_mark("here")
        await over.wait()


class House:
    """Settings, desk, tickets and application of one gateway."""

    def __init__(self, data_dir: Path, *, auth: str = "on", token: str | None = TOKEN, **server: Any) -> None:
        values = {"public_url": PUBLIC if auth == "on" else None, "auth": auth, **server}
        self.settings = Settings(
            data_dir=data_dir,
            server=ServerSettings(**values),
            carriers=CarriersSettings(
                twilio=TwilioSettings(
                    account_sid="AC77" if token else None, auth_token=SecretStr(token) if token else None
                )
            ),
            limits=LimitSettings(parameter_bytes=2000),
        )
        self.desk = Desk(self.settings)
        clock = SystemClock()
        self.tickets = TicketOffice(bytes(32), 30, SpentStore(data_dir / "spent", clock), clock)
        self.api: list[httpx.Request] = []
        self.http = CarrierHttp(self.settings.carriers, transport=httpx.MockTransport(self._answer))
        self.app = Starlette(routes=routes(self.desk, self.tickets, self.http))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.api.append(request)
        return httpx.Response(200, json={})


def signature(
    url: str, form: Mapping[str, str] | None = None, *, token: str = TOKEN, algorithm: str = "HMAC_SHA1"
) -> str:
    return str(RequestValidator(token).compute_signature(url, dict(form or {}), algorithm))


def signed_post(path: str, form: Mapping[str, str], *, base: str = PUBLIC) -> dict[str, Any]:
    """Return the keyword arguments of a client's ``post`` for what Twilio would send."""
    return {
        "url": path,
        "content": urlencode(form).encode(),
        "headers": {
            "content-type": "application/x-www-form-urlencoded",
            "x-twilio-signature": signature(base + path, form),
        },
    }


def signed_upgrade(base: str = "wss://gw.example.net") -> dict[str, str]:
    return {"x-twilio-signature": signature(f"{base}/twilio/media")}
