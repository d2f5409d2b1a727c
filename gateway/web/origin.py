"""The gateway's own address as carriers see it: what they sign, and what our documents tell them to call.

It is ``server.public_url`` when that is set. Otherwise it is what the request says of itself, where the forwarding
headers of a proxy count only if the proxy is trusted; a stranger who writes them changes nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HTTP_TWIN: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_SOCKET_TWIN: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


def socket_twin(url: str) -> str:
    """Return the WebSocket URL of the same place: ``https`` becomes ``wss`` and ``http`` becomes ``ws``."""
    scheme, separator, rest = url.partition("://")
    return f"{_SOCKET_TWIN[scheme]}{separator}{rest}"


def parse_networks(entries: Sequence[str]) -> tuple[Network, ...]:
    """Return addresses and networks as networks.

    Raises:
        ValueError: an entry is neither; its text has the entry.

    """
    return tuple(ipaddress.ip_network(entry, strict=False) for entry in entries)


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches ``host``: ``localhost`` or a loopback address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


class PublicOrigin:
    """Tells the public URL of any request.

    Args:
        public_url: scheme and host, with a path if the gateway lives under one; None to believe requests.
        trusted_proxies: addresses or networks whose ``X-Forwarded-Proto`` and ``X-Forwarded-Host`` are believed.

    Raises:
        ValueError: a trusted proxy is no address or network.

    """

    def __init__(self, public_url: str | None, trusted_proxies: Sequence[str] = ()) -> None:
        self._public_url = None if public_url is None else public_url.rstrip("/")
        self._trusted = parse_networks(trusted_proxies)

    def base_url(self, connection: HTTPConnection) -> str:
        """Return the gateway's ``http`` or ``https`` URL, without a trailing slash.

        Where it is mounted in another application, the mount's path is a part of it.
        """
        return self._origin(connection) + _mount(connection)

    def _origin(self, connection: HTTPConnection) -> str:
        """Return what stands before the request's path; ``public_url`` may name the mount or not."""
        if self._public_url is not None:
            return self._public_url.removesuffix(_mount(connection))
        scheme = _HTTP_TWIN[connection.scope.get("scheme", "http")]
        host = connection.headers.get("host", "")
        if self._is_trusted(connection):
            forwarded = _nearest(connection.headers.get("x-forwarded-proto", "")).lower()
            scheme = _HTTP_TWIN.get(forwarded, scheme)
            host = _nearest(connection.headers.get("x-forwarded-host", "")) or host
        return f"{scheme}://{host}"

    def url_of(self, connection: HTTPConnection) -> str:
        """Return the full URL that the other side called: ``wss`` for a WebSocket, query included, path as written."""
        scope = connection.scope
        path = scope.get("raw_path", scope["path"].encode()).decode("latin-1")
        query = scope.get("query_string", b"").decode("latin-1")
        base = self._origin(connection)
        url = f"{base}{path}?{query}" if query else f"{base}{path}"
        return socket_twin(url) if scope["type"] == "websocket" else url

    def asked_host(self, connection: HTTPConnection) -> str:
        """Return ``host[:port]`` as the other side wrote it, whatever ``public_url`` is."""
        host = connection.headers.get("host", "")
        if self._is_trusted(connection):
            host = _nearest(connection.headers.get("x-forwarded-host", "")) or host
        return host

    def address(self, connection: HTTPConnection) -> str:
        """Return the address of whoever asks: what the trusted proxy wrote of it, else the socket's other end."""
        if self._is_trusted(connection):
            forwarded = _nearest(connection.headers.get("x-forwarded-for", ""))
            if forwarded:
                return forwarded
        return connection.client.host if connection.client is not None else ""

    def _is_trusted(self, connection: HTTPConnection) -> bool:
        if not self._trusted or connection.client is None:
            return False
        try:
            peer = ipaddress.ip_address(connection.client.host)
        except ValueError:
            return False
        mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
        return any((mapped or peer) in network for network in self._trusted)


def _mount(connection: HTTPConnection) -> str:
    """Return the path under which the application around ours has mounted it; the request's path begins with it."""
    return str(connection.scope.get("root_path", "")).rstrip("/")


def host_of(url: str) -> str:
    """Return the host in a URL, or an empty string."""
    return urlsplit(url).hostname or ""


def _nearest(header: str) -> str:
    """Return the last value of a list header: what the nearest proxy, the trusted one, wrote."""
    return header.rpartition(",")[2].strip()
