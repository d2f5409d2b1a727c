"""What Twilio's webhooks and its media socket share: who may come in, and by which address we are known."""

from __future__ import annotations

from typing import Final

import structlog
from starlette.requests import HTTPConnection

from gateway.clock import Clock, SystemClock
from gateway.errors import Forbidden
from gateway.legs.carrier_http import CarrierHttp
from gateway.legs.carriers.twilio_calls import TwilioCalls
from gateway.legs.pending_transfers import PendingTransfers
from gateway.legs.tickets import TicketOffice
from gateway.web.front_desk import FrontDesk
from gateway.web.origin import PublicOrigin, host_of, is_loopback
from gateway.web.twilio_signature import Form, SignatureCheck

log = structlog.get_logger()

MEDIA_PATH: Final = "/twilio/media"
VOICE_PATH: Final = "/twilio/voice"
AFTER_PATH: Final = "/twilio/after"
STATUS_PATH: Final = "/twilio/status"


class Closed(Exception):
    """The door stays shut; answer with ``status`` and say no more."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class TwilioDoor:
    """Checks who knocks, and keeps what the routes of Twilio share. One for each application.

    Raises:
        ValueError: a trusted proxy in the settings is no address or network.

    """

    def __init__(self, desk: FrontDesk, tickets: TicketOffice, http: CarrierHttp, clock: Clock | None = None) -> None:
        settings = desk.settings
        twilio = settings.carriers.twilio
        self.desk = desk
        self.tickets = tickets
        self.http = http
        self.clock = clock or SystemClock()
        self.pending = PendingTransfers(self.clock)
        self.origin = PublicOrigin(settings.server.public_url, settings.server.trusted_proxies)
        self.is_open_to_all = settings.server.auth == "off"
        """Whether neither signature nor token is asked for; on loopback only, which the start-up check sees to."""
        self.base_url: str | None = settings.server.public_url
        """Where the carrier reaches us: as settings say, else as its last webhook did."""
        self.calls: TwilioCalls | None = None
        self._check: SignatureCheck | None = None
        if twilio.auth_token is not None:
            self._check = SignatureCheck(twilio.auth_token.get_secret_value())
            if twilio.account_sid is not None:
                self.calls = TwilioCalls(account_sid=twilio.account_sid, api_base=twilio.api_base)

    def admit(self, connection: HTTPConnection, *, form: Form | None = None, body: bytes = b"") -> None:
        """Return if whoever sent this request may come in.

        Raises:
            Closed: 403 where the signature is missing or wrong; 503 where none can be verified.

        """
        path = connection.url.path
        try:
            if self.is_open_to_all:
                _expect_neighbour(connection)
            elif self._check is None:
                log.error(
                    "twilio_refused", path=path, why="no signature can be verified",
                    remedy="set carriers.twilio.auth_token",
                )  # fmt: skip
                raise Closed(503)
            else:
                self._check.verify(self.origin.url_of(connection), connection.headers, form=form, body=body)
        except Forbidden as refused:
            log.warning("twilio_refused", path=path, why=refused.why)
            raise Closed(403) from refused


def _expect_neighbour(connection: HTTPConnection) -> None:
    """Let in programs of this machine only: no tunnel that ends here, no web page in a browser that runs here.

    Raises:
        Forbidden: the request was forwarded, or a page from elsewhere sent it.

    """
    headers = connection.headers
    if "x-forwarded-for" in headers or "forwarded" in headers:
        raise Forbidden("server.auth is off and the request was forwarded, so it may come from anywhere")
    page = headers.get("origin")
    if page is not None and not is_loopback(host_of(page)):
        raise Forbidden("server.auth is off and a web page from elsewhere sent the request")
