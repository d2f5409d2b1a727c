"""Somebody at the gateway's doors with a bare socket: asks for documents, opens streams, sends what it likes."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.simulator.carriers.twilio import TwilioStream
from gateway.simulator.carriers.twilio_webhook import SIGNATURE_HEADER, CallForm, sign
from tests.calls.rig import CREDENTIALS, PATIENCE_S, Rig

PARAMETER = re.compile(r'<Parameter name="([^"]+)" value="([^"]*)"')


@dataclass(slots=True)
class Stranger:
    """One caller's sid and what may be done with it."""

    house: Rig
    form: CallForm = field(default_factory=lambda: CallForm(CREDENTIALS.account_sid))

    @property
    def call_sid(self) -> str:
        return self.form.call_sid

    async def post(self, path: str, form: Mapping[str, str], *, signature: str | None = "right") -> httpx.Response:
        """Post a form; ``signature`` "right" makes the right one, None sends none."""
        url = self.house.base + path
        if signature == "right":
            return await post(url, form, CREDENTIALS.auth_token)
        headers = {} if signature is None else {SIGNATURE_HEADER: signature}
        async with httpx.AsyncClient(trust_env=False, verify=False) as http:
            return await http.post(url, data=dict(form), headers=headers)

    async def ring(self) -> dict[str, str]:
        """Ring, signed, and return the parameters that the document gives the stream."""
        answer = await self.post("/twilio/voice", self.form.voice())
        assert answer.status_code == 200, answer.text
        return dict(PARAMETER.findall(answer.text))

    async def status(self, status: str) -> int:
        """Tell how the call ended; return the answer's status."""
        return (await self.post("/twilio/status", self.form.ended(status, 0))).status_code

    @contextlib.asynccontextmanager
    async def stream(self, *, signature: str | None = "right") -> AsyncIterator[ClientConnection]:
        """Open the media socket."""
        url = self.house.base.replace("http:", "ws:") + "/twilio/media"
        if signature == "right":
            signature = sign(url, {}, CREDENTIALS.auth_token)
        headers = {} if signature is None else {SIGNATURE_HEADER: signature}
        async with connect(url, additional_headers=headers, proxy=None, compression=None) as socket:
            yield socket

    def words(self, parameters: Mapping[str, str]) -> TwilioStream:
        """Return what speaks the carrier's protocol for this call."""
        return TwilioStream(self.call_sid, CREDENTIALS.account_sid, parameters=parameters)


async def post(url: str, form: Mapping[str, str], auth_token: str) -> httpx.Response:
    """Post a form as the carrier does."""
    headers = {SIGNATURE_HEADER: sign(url, form, auth_token)}
    async with httpx.AsyncClient(trust_env=False, verify=False) as http:
        return await http.post(url, data=dict(form), headers=headers)


async def upgrade_status(stranger: Stranger, signature: str | None) -> int:
    """Return the HTTP status that an upgrade is answered with."""
    try:
        async with stranger.stream(signature=signature):
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


async def closing_code(socket: ClientConnection, until: str | None = None) -> int | None:
    """Read until the gateway closes; return its code, None if it just went or said ``until``."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await socket.recv()
                if until is not None and until in str(message):
                    return None
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else None
