"""Verifies that Twilio itself calls: ``X-Twilio-Signature`` on webhooks and on the WebSocket upgrade.

The signature is a MAC over the public URL, followed by the form's fields in the order of their names. Which URL Twilio
signed can't be known to the letter: the default port may be in it or not, so both are tried. The package's own
``validate`` is not used, because its default port for ``wss`` is 80; its ``compute_signature`` is.

Sources: Twilio's "Webhooks security" page; ``twilio.request_validator`` 9.13.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import ImmutableMultiDict
from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)

from gateway.errors import Forbidden

Form = ImmutableMultiDict[str, str]
"""A form's fields, in which a name may come more than once."""

_DEFAULT_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}


class SignatureCheck:
    """Verifies Twilio's signatures with the account's auth token."""

    def __init__(self, auth_token: str) -> None:
        self._validator = RequestValidator(auth_token)

    def verify(self, url: str, headers: Mapping[str, str], *, form: Form | None = None, body: bytes = b"") -> None:
        """Return if Twilio signed this request.

        Args:
            url: the public URL, ``wss`` for an upgrade, with its query.
            headers: the request's headers, found without regard to case.
            form: the fields of a form post; None for GET, an upgrade, or a body that is no form.
            body: the raw body where ``form`` is None; then the signed query must hold its hash as ``bodySHA256``.

        Raises:
            Forbidden: there is no signature or it does not hold; ``why`` is for the log alone.

        """
        signature = headers.get(SIGNATURE_HEADER)
        if not signature:
            raise Forbidden(f"there is no {SIGNATURE_HEADER}")
        if body and form is None:
            (digest,) = parse_qs(urlsplit(url).query).get("bodySHA256", [""])[:1]
            if not hmac.compare_digest(digest.lower().encode(), hashlib.sha256(body).hexdigest().encode()):
                raise Forbidden("the body is not the one whose hash was signed")
        algorithm = get_signature_algorithm(headers.get(SIGNATURE_SETTINGS_HEADER))
        try:
            expected = [
                self._validator.compute_signature(candidate, form, algorithm).encode()
                for candidate in _with_and_without_port(url)
            ]
        except ValueError:
            raise Forbidden("the signature's algorithm is unknown") from None
        given = signature.encode()
        if not any(hmac.compare_digest(one, given) for one in expected):
            raise Forbidden("the signature does not hold; check auth_token and public_url")


def _with_and_without_port(url: str) -> Iterator[str]:
    """Yield the URL as it is and, if its port is the scheme's own, written the other way."""
    yield url
    parts = urlsplit(url)
    default = f":{_DEFAULT_PORTS.get(parts.scheme, 0)}"
    if parts.netloc.endswith(default):
        yield parts._replace(netloc=parts.netloc.removesuffix(default)).geturl()
    elif parts.port is None:
        yield parts._replace(netloc=parts.netloc + default).geturl()
