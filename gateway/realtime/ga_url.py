"""Where a Realtime endpoint (GA) is dialled: from what operators write to the URL of the WebSocket.

They copy it from a browser, an SDK's ``base_url`` or a server's log, so http and ws, with or without ``/realtime``, a
last slash and a query are all taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from gateway.errors import ConfigurationError

OPENAI_BASE_URL: Final = "https://api.openai.com/v1"
"""OpenAI's own endpoint, where none is named."""

_SOCKET_SCHEMES: Final = {"https": "wss", "wss": "wss", "http": "ws", "ws": "ws"}


@dataclass(frozen=True, slots=True)
class Base:
    """What an operator wrote, checked and taken apart."""

    SAFE: ClassVar[str] = "/%:@~!$&()*+,;=-._"
    """Characters of a path that stay as they are."""

    origin: str
    """``ws(s)://host:port``."""
    path: str
    query: str


def base_of(written: str, *, endpoint: str) -> Base:
    """Return a URL that an operator wrote, with the scheme of its WebSocket.

    Raises:
        ConfigurationError: it is not a URL that a WebSocket can be opened on, or holds a password.

    """
    where = f"endpoints.{endpoint}.url"
    try:
        parts = urlsplit(written.strip())
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"{where}: {_shown(written)!r} is not a URL: {error}") from None
    scheme = _SOCKET_SCHEMES.get(parts.scheme.lower())
    if scheme is None or not host:
        raise ConfigurationError(
            f"{where}: {_shown(written)!r} should begin with https://, wss://, http:// or ws:// and name a host"
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"{where} holds a user name or password; put the key into api_key instead")
    authority = f"[{host}]" if ":" in host else host
    if port is not None:
        authority += f":{port}"
    return Base(f"{scheme}://{authority}", parts.path, parts.query)


def realtime_url(base: str, model: str | None, *, endpoint: str) -> str:
    """Return the ``ws(s)://`` URL of a session with ``model``.

    A model that is named replaces one in the query; none is added beside ``call_id``, which attaches to a call that
    has its model already.

    Raises:
        ConfigurationError: ``base`` is not a URL that a WebSocket can be opened on, or holds a password.

    """
    parts = base_of(base, endpoint=endpoint)
    path = parts.path.rstrip("/")
    if not path.endswith("/realtime"):
        path += "/realtime"
    query = parse_qsl(parts.query, keep_blank_values=True)
    if model is not None and not any(key == "call_id" for key, _ in query):
        query = [(key, value) for key, value in query if key != "model"] + [("model", model)]
    tail = f"?{urlencode(query, quote_via=quote)}" if query else ""
    return f"{parts.origin}{quote(path, safe=Base.SAFE)}{tail}"


def shown(url: str) -> str:
    """Return a URL for messages and logs: without its query, which may hold a key."""
    return url.partition("?")[0]


def _shown(base: str) -> str:
    """Return what an operator wrote, without user, password and query."""
    scheme, separator, rest = base.partition("://")
    return shown(f"{scheme}{separator}{rest.rpartition('@')[2]}")
