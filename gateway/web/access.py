"""Who may come in, from where, and to do what: pages, programs and their sockets.

In order, each only after the one before: the host that was asked for (DNS rebinding), the page that asks (cross-site
requests and sockets), how often this address asks, the key or cookie, how often that key asks, and its role.

``server.auth: off`` asks for no key, and is for programs and pages of this machine alone: host and page are checked all
the same, and what came through a proxy is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import structlog
from starlette.requests import HTTPConnection

from gateway.clock import Clock
from gateway.errors import Forbidden
from gateway.settings.access import Role
from gateway.settings.schema import Settings
from gateway.web.audit import Action, AuditLog
from gateway.web.limits import Concurrency, RateLimit
from gateway.web.origin import PublicOrigin, host_of, is_loopback
from gateway.web.refusals import Refusal
from gateway.web.sessions import SessionCookies

log = structlog.get_logger()

RANKS: Final[dict[Role, int]] = {"viewer": 0, "operator": 1, "admin": 2}
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_PROXY_HEADERS: Final = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
_KEY_PROTOCOL: Final = "openai-insecure-api-key."
"""How browser clients of the Realtime API send a key, for they can't set headers on a socket."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is in."""

    name: str
    """Of the key; ``local`` where none is asked for."""
    role: Role
    address: str = field(default="", compare=False)


class Access:
    """The gateway's guard; one for each application.

    Args:
        settings: checked settings.
        secret: signs the cookies; the same on every worker and replica.
        clock: tells dates and rates.

    """

    def __init__(self, settings: Settings, secret: bytes, clock: Clock) -> None:
        self._settings = settings.access
        self._off = settings.server.auth == "off"
        self.origin = PublicOrigin(settings.server.public_url, settings.server.trusted_proxies)
        self.cookies = SessionCookies(secret, settings.access, clock)
        self.audit = AuditLog(settings.data_dir.expanduser().absolute(), clock)
        self.sockets = Concurrency(settings.access.sockets)
        self._by_key = RateLimit(settings.access.requests_per_minute, clock)
        self._by_address = RateLimit(settings.access.requests_per_minute, clock)
        tries = settings.access.sign_ins_per_minute
        self._sign_ins = RateLimit(tries, clock, burst=tries)
        self._hosts = _own_hosts(settings)
        self._pages = {_normal(url) for url in [settings.server.public_url, *settings.access.origins] if url}
        self._digests = {
            name: hashlib.sha256(key.key.get_secret_value().encode()).digest()
            for name, key in settings.access.keys.items()
        }

    # --- the checks ------------------------------------------------------------------------------------------------

    def admit(self, connection: HTTPConnection, role: Role) -> Identity:
        """Return who asks, if they may do what ``role`` may.

        Raises:
            Refusal: 403 for a wrong host, page or role, 429 for too many requests, 401 without a good key or cookie.

        """
        self.check_page(connection)
        address = self.origin.address(connection)
        self._by_address.take(address)
        identity = self._identity(connection, address)
        self._by_key.take(identity.name)
        if RANKS[identity.role] < RANKS[role]:
            raise Refusal(403, "role_too_low", f"This needs the role {role}; this key has the role {identity.role}.")
        return identity

    def check_page(self, connection: HTTPConnection) -> None:
        """Return if the request asks for a host of ours and does not come from somebody else's page.

        Raises:
            Refusal: 403.

        """
        host = host_of(f"//{self.origin.asked_host(connection)}")
        if not (_is_address(host) or host in self._hosts):
            log.warning("host_refused", host=host[:100], remedy="name it under access.hosts if it is yours")
            raise Refusal(403, "wrong_host", "This gateway is not known under that host name.")
        page = connection.headers.get("origin")
        if page is None:
            if _comes_from_elsewhere(connection):
                raise Refusal(403, "cross_site", "Another site's page may not ask this.")
        elif not self._is_ours(page, connection):
            log.warning("page_refused", origin=page[:100], remedy="name it under access.origins if it is yours")
            raise Refusal(403, "wrong_origin", "Another site's page may not ask this.")

    def _is_ours(self, page: str, connection: HTTPConnection) -> bool:
        given = _normal(page)
        if given is None:
            return False
        asked = _normal(f"{given[0]}://{self.origin.asked_host(connection)}")
        # A proxy that ends TLS need not be trusted for this: a page's host and port are what it was loaded from.
        return given == asked or given in self._pages

    # --- who it is -------------------------------------------------------------------------------------------------

    def _identity(self, connection: HTTPConnection, address: str) -> Identity:
        if self._off:
            self._expect_neighbour(connection)
            return Identity("local", "admin", address)
        key = _key_of(connection)
        if key is not None:
            name = self.name_of(key)
            if name is None:
                self._sign_ins.take(address)  # so that keys can't be tried out faster than by signing in
                raise _unknown("The API key is not known.")
            return self._known(name, address)
        try:
            name = self.cookies.read(connection)
        except Forbidden as refused:
            log.info("session_refused", why=refused.why)
            raise _unknown("The session is over; sign in again.") from None
        if name is None:
            raise _unknown(
                "Sign in, or send an API key as a bearer token."
                if self._settings.keys
                else "No API key is configured; name one under access.keys."
            )
        if connection.headers.get("origin") is None and not _is_safe(connection):
            # Browsers say where such a request comes from; a cookie without that is not a browser's.
            raise Refusal(403, "no_origin", "A browser's request must say which page it comes from.")
        return self._known(name, address)

    def name_of(self, key: str) -> str | None:
        """Return the name of an API key; None if there is none such. Takes as long for every key."""
        given = hashlib.sha256(key.encode("utf-8", "replace")).digest()
        found = [name for name, digest in self._digests.items() if hmac.compare_digest(digest, given)]
        return found[0] if found else None

    def _known(self, name: str, address: str) -> Identity:
        return Identity(name, self._settings.keys[name].role, address)

    def _expect_neighbour(self, connection: HTTPConnection) -> None:
        peer = connection.client.host if connection.client is not None else ""
        forwarded = any(header in connection.headers for header in _PROXY_HEADERS)
        if forwarded or not is_loopback(peer):
            raise Refusal(403, "not_local", "server.auth is off, so only programs of this machine may come in.")

    # --- signing in and writing down -------------------------------------------------------------------------------

    async def sign_in(self, connection: HTTPConnection, key: str) -> Identity:
        """Return whose key this is, and write it down.

        Raises:
            Refusal: 401 for a wrong key, 403 and 429 as :meth:`admit`.

        """
        self.check_page(connection)
        address = self.origin.address(connection)
        self._sign_ins.take(address)
        name = self.name_of(key)
        if name is None:
            await self.audit.note(Action.SIGN_IN_REFUSED, who="", address=address)
            raise _unknown("The API key is not known.")
        identity = self._known(name, address)
        await self.note(Action.SIGN_IN, identity)
        return identity

    async def note(self, action: Action, identity: Identity, call_id: str = "") -> None:
        """Write down what somebody does.

        Raises:
            Refusal: 503, it can't be written.

        """
        await self.audit.note(action, who=identity.name, role=identity.role, address=identity.address, call_id=call_id)


def bearer(connection: HTTPConnection) -> str | None:
    """Return the bearer token of a request; None if there is none."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def key_protocol(connection: HTTPConnection) -> str | None:
    """Return the key among a socket's subprotocols, where browser clients of the Realtime API put it."""
    offered = [one.strip() for one in connection.headers.get("sec-websocket-protocol", "").split(",")]
    return next((one.removeprefix(_KEY_PROTOCOL) for one in offered if one.startswith(_KEY_PROTOCOL)), None)


def _key_of(connection: HTTPConnection) -> str | None:
    return bearer(connection) or connection.headers.get("api-key") or key_protocol(connection)


def _unknown(message: str) -> Refusal:
    return Refusal(401, "not_signed_in", message, {"www-authenticate": "Bearer"})


def _is_safe(connection: HTTPConnection) -> bool:
    return connection.scope["type"] == "http" and connection.scope["method"] in SAFE_METHODS


def _comes_from_elsewhere(connection: HTTPConnection) -> bool:
    """Whether a browser says, without naming the page, that another site's page makes a request that does something."""
    return not _is_safe(connection) and connection.headers.get("sec-fetch-site") in {"cross-site", "same-site"}


def _is_address(host: str) -> bool:
    """Whether a host is a literal address: no name stands in it that could be made to point at us."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _own_hosts(settings: Settings) -> frozenset[str]:
    own = socket.gethostname().lower()
    hosts: Iterable[str] = (
        "localhost",
        own,
        f"{own.partition('.')[0]}.local",
        settings.server.host.lower(),
        host_of(settings.server.public_url or ""),
        *(host.lower() for host in settings.access.hosts),
    )
    return frozenset(host for host in hosts if host)


def _normal(url: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an origin, the scheme's own port filled in; None if it is none."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            return None
        return parts.scheme, parts.hostname.lower(), parts.port or _DEFAULT_PORTS[parts.scheme]
    except ValueError:
        return None
