"""Signed session cookies: a browser that showed a key once is known for some hours, without any state here.

Form: ``v1.<name>.<expiry>.<nonce>.<mac>``. The MAC's own key is made from the gateway's secret and from the API key
that was shown, so that changing or removing that key signs every browser out.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from typing import Final

from starlette.requests import HTTPConnection
from starlette.responses import Response

from gateway.clock import Clock
from gateway.errors import Forbidden
from gateway.settings.access import AccessSettings, KeySettings

COOKIE: Final = "gateway_session"
SECURE_COOKIE: Final = "__Host-gateway_session"
"""Over TLS: browsers take this name only from us, for this host and with ``Secure``."""
_FORM: Final = re.compile(r"v1\.([a-z][a-z0-9_-]{0,63})\.([0-9]{1,12})\.([A-Za-z0-9_-]{22})\.([0-9a-f]{64})")


class SessionCookies:
    """Makes the cookies and reads them.

    Args:
        secret: the same on every worker and replica.
        settings: which keys there are, and how long a session lasts.
        clock: tells the date.

    """

    def __init__(self, secret: bytes, settings: AccessSettings, clock: Clock) -> None:
        self._secret = secret
        self._keys: Mapping[str, KeySettings] = settings.keys
        self._session_s = settings.session_s
        self._clock = clock

    def sign_in(self, response: Response, name: str, *, secure: bool) -> int:
        """Put a cookie for the key of that name on an answer; return when it expires, in Unix seconds."""
        expires_s = int(self._clock.wall_s()) + self._session_s
        nonce = secrets.token_urlsafe(16)
        value = f"v1.{name}.{expires_s}.{nonce}.{self._mac(name, str(expires_s), nonce)}"
        response.set_cookie(
            SECURE_COOKIE if secure else COOKIE,
            value,
            max_age=self._session_s,
            path="/",
            secure=secure,
            httponly=True,
            samesite="strict",
        )
        return expires_s

    def sign_out(self, response: Response) -> None:
        """Take the cookie back."""
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
        response.delete_cookie(SECURE_COOKIE, path="/", secure=True, httponly=True, samesite="strict")

    def read(self, connection: HTTPConnection) -> str | None:
        """Return the name of the key that a browser signed in with; None without a cookie.

        Raises:
            Forbidden: the cookie is not ours, has expired, or its key is gone.

        """
        value = connection.cookies.get(SECURE_COOKIE) or connection.cookies.get(COOKIE)
        if not value:
            return None
        form = _FORM.fullmatch(value)
        if form is None:
            raise Forbidden("the session cookie is malformed")
        name, expiry, nonce, mac = form.groups()
        if name not in self._keys:
            raise Forbidden("the key of the session is gone")
        if not hmac.compare_digest(mac, self._mac(name, expiry, nonce)):
            raise Forbidden("the session cookie is not ours, or its key was changed")
        if self._clock.wall_s() > int(expiry):
            raise Forbidden("the session has expired")
        return name

    def _mac(self, name: str, expiry: str, nonce: str) -> str:
        shown = hashlib.sha256(self._keys[name].key.get_secret_value().encode()).digest()
        key = hmac.new(self._secret, b"browser session|" + shown, hashlib.sha256).digest()
        return hmac.new(key, f"v1|{name}|{expiry}|{nonce}".encode(), hashlib.sha256).hexdigest()
