"""Opens sessions on one named endpoint: name lookup, TCP, TLS, the upgrade, and the endpoint's first word.

All of it together has one time limit, and every way in which it can fail becomes one sentence that names the endpoint,
what happened and what to do. Nothing is left behind when it fails or is cancelled.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import socket
import ssl
from dataclasses import dataclass

import structlog
from websockets.exceptions import InvalidURI
from websockets.uri import WebSocketURI, parse_uri

from gateway.clock import Clock
from gateway.contracts.model import ModelCapabilities, ModelFault, SessionLost
from gateway.errors import ConfigurationError, ModelError, ModelRefused
from gateway.realtime.capabilities import lowered
from gateway.realtime.client import SocketClient, SocketLimits, Upgrade
from gateway.realtime.credentials import Credential, NoCredential, Secret, without_secrets
from gateway.realtime.dialect import ConnectRequest, DialectFactory
from gateway.realtime.ga_url import shown
from gateway.realtime.kinds import kind_of
from gateway.realtime.listing import Listing, list_models, with_what_exists
from gateway.realtime.refusals import ended_at_once, refusal, setup_refused
from gateway.realtime.session import RealtimeSession
from gateway.settings.schema import EndpointSettings
from gateway.telemetry.wire import WireTrace

log = structlog.get_logger()


class RealtimeConnector:
    """Opens sessions on one endpoint (``contracts.model.ModelConnector``).

    Args:
        name: the endpoint's name in the settings.
        settings: what they say of it; ``url`` must be filled in for the local server.
        clock: times the connecting.
        dialect: makes each session's dialect; that of the endpoint's kind unless another is given.
        credential: gives the secret; what the settings say of key or Entra ID unless another is given.
        limits: time and size limits of the sockets; those of the settings unless others are given.
        trace: sees every message (:func:`gateway.telemetry.wire.tracer`).
        tls: for ``wss://``; the system's trusted certificates unless another is given.

    Raises:
        ConfigurationError: the settings can't be meant for this type of endpoint, or its plug-in can't be loaded.

    """

    def __init__(
        self,
        name: str,
        settings: EndpointSettings,
        *,
        clock: Clock,
        dialect: DialectFactory | None = None,
        credential: Credential | None = None,
        limits: SocketLimits | None = None,
        trace: WireTrace | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock
        kind = kind_of(name, settings)
        self._make_dialect = dialect or kind.dialect
        self._credential = credential if credential is not None else kind.credential(name, settings)
        self._limits = limits if limits is not None else _limits(settings)
        self._trace = trace
        self._has_explained = False
        trial = self._make_dialect(name, settings)
        self._capabilities = lowered(trial.capabilities, settings.capabilities)
        uri = _parsed(name, trial.connect_request(None).url)
        # Loading the trusted certificates takes tens of milliseconds of disk and CPU: now, and not within a call.
        self._tls = (tls if tls is not None else _system_tls()) if uri.secure else None
        if not uri.secure and not isinstance(self._credential, NoCredential) and not _is_loopback(uri.host):
            log.warning("model_key_in_clear", endpoint=name, host=uri.host, remedy="use https:// or wss:// in url")

    @property
    def name(self) -> str:
        """The endpoint's name in the settings."""
        return self._name

    @property
    def capabilities(self) -> ModelCapabilities:
        """What the endpoint can do."""
        return self._capabilities

    async def connect(self) -> RealtimeSession:
        """Open a session; it is not yet configured.

        Raises:
            ModelRefused: the endpoint said no; the message has the remedy.
            ModelError: it could not be reached, is no Realtime endpoint, or said nothing within
                ``connect_timeout_ms``.

        """
        dialect = self._make_dialect(self._name, self._settings)
        session = RealtimeSession(self._name, dialect, trace=self._trace)
        attempt = _Attempt(self._name, shown(dialect.connect_request(None).url))
        limit_ms = self._settings.connect_timeout_ms
        began_ms = self._clock.now_ms()
        try:
            async with asyncio.timeout(limit_ms / 1000):
                secret = await self._credential.secret()
                attempt.secret = secret
                attempt.stage = "no connection was made"
                attempt.request = dialect.connect_request(secret)
                client = await self._dial(attempt.request, session, attempt)
                attempt.stage = "the upgrade to a WebSocket was not answered"
                attempt.judge(await client.upgraded)
                attempt.stage = "the socket is open and the endpoint says nothing"
                session.attach(client)
                attempt.welcome(await session.welcomed(), session)
        except TimeoutError:
            session.abort()
            attempt.drop()
            raise ModelError(
                f"{attempt.where} did not answer within {limit_ms} ms: {attempt.stage}; "
                "check the network and url, or raise connect_timeout_ms"
            ) from None
        except ModelRefused as refused:
            session.abort()
            attempt.drop()
            raise await self._explained(refused, attempt.request) from None
        except BaseException:
            session.abort()
            attempt.drop()
            raise
        log.debug("model_connected", endpoint=self._name, took_ms=round(self._clock.now_ms() - began_ms))
        return session

    async def close(self) -> None:
        """Let go of what connecting needed; live sessions go on, and no further one is opened."""
        await self._credential.close()

    async def list_models(self) -> Listing:
        """Return what the endpoint has, by name.

        Raises:
            NotListed: it does not say (:mod:`gateway.realtime.listing`).
            ModelError: there is no credential to ask with.

        """
        dialect = self._make_dialect(self._name, self._settings)
        return await list_models(dialect.connect_request(await self._credential.secret()), tls=self._tls)

    @property
    def address(self) -> str:
        """Where sessions are opened: a ``ws(s)://`` URL without its query, which may hold a key."""
        return shown(self._make_dialect(self._name, self._settings).connect_request(None).url)

    def setup_refused(self, fault: ModelFault) -> ModelRefused:
        """Return what it means, and what to do, that the endpoint refused a session's set-up."""
        return setup_refused(f"endpoint {self._name!r} ({self.address})", fault, url=self.address)

    async def _explained(self, refused: ModelRefused, request: ConnectRequest | None) -> ModelRefused:
        """Return the first refusal for a wrong model together with what there is; the next ones need no repetition."""
        if request is None or self._has_explained:
            return refused
        self._has_explained = True
        return await with_what_exists(refused, request, self._tls)

    async def _dial(self, request: ConnectRequest, session: RealtimeSession, attempt: _Attempt) -> SocketClient:
        uri = _parsed(self._name, request.url)
        loop = asyncio.get_running_loop()

        def make() -> SocketClient:
            attempt.client = SocketClient(uri, request.headers, session, self._limits)
            return attempt.client

        try:
            _, client = await loop.create_connection(
                make,
                uri.host,
                uri.port,
                ssl=self._tls,
                server_hostname=uri.host if self._tls is not None else None,
            )
        except OSError as error:
            raise ModelError(f"{attempt.where} can't be reached at {uri.host}:{uri.port}: {_trouble(error)}") from None
        return client

    def __repr__(self) -> str:
        return f"RealtimeConnector({self._name!r})"


@dataclass(slots=True)
class _Attempt:
    """How far one attempt to connect has come, and what to say if it goes no further."""

    endpoint: str
    url: str
    stage: str = "the credential was not given"
    secret: Secret | None = None
    request: ConnectRequest | None = None
    client: SocketClient | None = None

    @property
    def where(self) -> str:
        """The endpoint by name and URL; never its query, which may hold a key."""
        return f"endpoint {self.endpoint!r} ({self.url})"

    @property
    def _asked_at(self) -> str:
        return self.request.url if self.request is not None else ""

    def judge(self, upgrade: Upgrade) -> None:
        """Raise unless the upgrade was granted."""
        if upgrade.status == 101:
            return
        if upgrade.status:
            raise refusal(
                self.where,
                upgrade.status,
                upgrade.body,
                location=upgrade.location,
                secret=self.secret,
                url=self._asked_at,
            )
        fault = without_secrets(upgrade.fault, self.secret)
        raise ModelError(f"{self.where} is no WebSocket: {fault}; check url")

    def welcome(self, lost: SessionLost | None, session: RealtimeSession) -> None:
        """Raise if the session was lost before it began."""
        if lost is None:
            return
        raise ended_at_once(self.where, lost, session.first_fault, secret=self.secret, url=self._asked_at)

    def drop(self) -> None:
        """Let go of a connection that came to nothing."""
        if self.client is not None:
            self.client.abort()


def _limits(settings: EndpointSettings) -> SocketLimits:
    return SocketLimits(ping_every_ms=settings.ws_ping_s * 1000, pong_within_ms=settings.ws_pong_timeout_s * 1000)


def _parsed(name: str, url: str) -> WebSocketURI:
    try:
        return parse_uri(url)
    except InvalidURI as error:
        raise ConfigurationError(f"endpoints.{name}.url: {shown(url)!r} can't be dialled: {error.msg}") from None


@functools.cache
def _system_tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _trouble(error: OSError) -> str:
    """Return what went wrong below the WebSocket, and what to do about it."""
    match error:
        case socket.gaierror():
            return "the name of the host is unknown; check url and the name server"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted ({error.verify_message}); check url, or trust its authority"
        case ssl.SSLError():
            return f"TLS failed ({error.reason}); check that url is meant to be https or wss"
        case ConnectionRefusedError():
            return "the connection was refused; check that the server runs there"
        case ConnectionError():
            return "the connection broke off; check url, above all whether it should begin with https or http"
        case _:
            return f"{error.strerror or error}; check url and the network"
