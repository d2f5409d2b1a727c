"""Asking a gateway over HTTP as Twilio does, and finding the way to it.

Requests are signed over the addresses that the carrier has configured, which may be public ones; ``via`` takes the
connections where the gateway really listens, as the proxy before it would.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit, urlunsplit

import httpx

from gateway.errors import CarrierError
from gateway.simulator.carriers.twilio_webhook import SIGNATURE_HEADER, sign
from gateway.simulator.faults import Faults, Signing
from gateway.simulator.stream_socket import Address

WEBHOOK_LIMIT_S: Final = 15.0
"""Twilio's own limit for a webhook's answer."""
_WRONG_SIGNATURE: Final = "AAAAAAAAAAAAAAAAAAAAAAAAAAA="


@dataclass(frozen=True, slots=True, kw_only=True)
class CallTarget:
    """Where a call goes: to a voice webhook, or straight to a media stream.

    Raises:
        ValueError: neither or both of the two addresses, or ``via`` is no plain HTTP address.

    """

    voice_webhook_url: str | None = None
    """As the carrier has it configured, scheme and host included; signatures are made over it."""
    stream_url: str | None = None
    """Straight to the media stream, ``ws://`` or ``wss://``: no webhook comes first."""
    status_callback_url: str | None = None
    """Told of the call's end, if the number is configured so."""
    via: str | None = None
    """``http://host:port`` that really takes the connections, when the URLs name a public address: plays the proxy
    that ends TLS, and says so in ``X-Forwarded-Proto`` and ``X-Forwarded-Host``."""
    caller_number: str = "+15550001111"
    dialed_number: str = "+15550002222"
    parameters: Mapping[str, str] = field(default_factory=dict)
    """``customParameters`` of a direct media stream."""

    def __post_init__(self) -> None:
        if (self.voice_webhook_url is None) == (self.stream_url is None):
            raise ValueError("a call goes to one place: give voice_webhook_url or stream_url")
        if self.via is not None and (urlsplit(self.via).scheme != "http" or not urlsplit(self.via).hostname):
            raise ValueError(f"via: {self.via!r} is not http://host:port")


class WebhookClient:
    """The HTTP side of one call; enter it as an asynchronous context.

    Args:
        target: the gateway.
        auth_token: signs every request and upgrade; None signs nothing.
        faults: what is wrong with the signatures.

    """

    def __init__(self, target: CallTarget, auth_token: str | None, faults: Faults) -> None:
        self._target = target
        self._auth_token = auth_token
        self._faults = faults
        self._http = httpx.AsyncClient(trust_env=False, timeout=WEBHOOK_LIMIT_S, verify=_tls())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def ask(self, url: str, form: Mapping[str, str], method: str = "POST") -> tuple[int, bytes]:
        """Return the status and the TwiML document that the gateway answers with.

        Raises:
            CarrierError: no answer, or none that Twilio would run.

        """
        response = await self._request(url, form, method)
        if response.status_code != httpx.codes.OK:
            raise CarrierError(f"{url} answered {response.status_code}, wanted 200 with TwiML")
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type not in {"text/xml", "application/xml"}:
            raise CarrierError(f"{url} answered with {content_type or 'no content type'}, wanted text/xml")
        return response.status_code, response.content

    async def tell(self, url: str, form: Mapping[str, str], method: str = "POST") -> int:
        """Report something and return the status of the answer. Raises ``CarrierError`` when there is none."""
        return (await self._request(url, form, method)).status_code

    def stream_address(self, url: str) -> Address:
        """Return how to reach a media stream's URL, which is what the upgrade's signature is made over."""
        signature = self._signature(url, {}, self._faults.upgrade_signature)
        parts = urlsplit(url)
        plain = urlunsplit(parts._replace(scheme="ws"))
        if self._target.via is not None:
            proxy = urlsplit(self._target.via)
            forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": parts.netloc}
            return Address(plain, proxy.hostname, proxy.port or 80, signature, forwarded)
        webhook = urlsplit(self._target.voice_webhook_url or "")
        if parts.scheme == "wss" and webhook.scheme == "http" and webhook.netloc == parts.netloc:
            return Address(plain, signature=signature)  # the same server, and it speaks no TLS
        return Address(url, signature=signature)

    async def _request(self, url: str, form: Mapping[str, str], method: str) -> httpx.Response:
        if method == "GET":
            url, form = str(httpx.URL(url).copy_merge_params(form)), {}
        reached, headers = self._reached(url)
        signature = self._signature(url, form, self._faults.webhook_signature)
        if signature is not None:
            headers[SIGNATURE_HEADER] = signature
        for last_try in (False, True):
            try:
                return await self._http.request(method, reached, data=form or None, headers=headers)
            except httpx.HTTPError as error:
                if last_try or not isinstance(error, httpx.ConnectError):
                    raise CarrierError(f"{url}: {str(error) or type(error).__name__}") from error
        raise AssertionError("unreachable")

    def _reached(self, url: str) -> tuple[str, dict[str, str]]:
        if self._target.via is None:
            return url, {}
        parts, proxy = urlsplit(url), urlsplit(self._target.via)
        headers = {"Host": parts.netloc, "X-Forwarded-Proto": parts.scheme, "X-Forwarded-Host": parts.netloc}
        return urlunsplit(parts._replace(scheme=proxy.scheme, netloc=proxy.netloc)), headers

    def _signature(self, url: str, form: Mapping[str, str], signing: Signing) -> str | None:
        if self._auth_token is None or signing is Signing.MISSING:
            return None
        return sign(url, form, self._auth_token) if signing is Signing.RIGHT else _WRONG_SIGNATURE


@cache
def _tls() -> ssl.SSLContext:
    """Read the machine's certificates once: it takes tens of milliseconds, in which no caller could speak."""
    return ssl.create_default_context()
