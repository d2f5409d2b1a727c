"""The way to an endpoint, step by step: its name, TCP, TLS, what proxies are set, and whether the clocks agree."""

from __future__ import annotations

import asyncio
import http.client
import socket
import ssl
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from gateway.clock import Clock
from gateway.doctor.finding import Finding, Report, failed, note, ok

WITHIN_S: Final = 5.0
MOST_SKEW_S: Final = 30.0
"""The ``Date`` header has whole seconds, and tokens forgive minutes; more than this is no accident of the network."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where an endpoint is reached: host, port, and whether through TLS."""

    host: str
    port: int
    secure: bool

    @classmethod
    def to(cls, url: str) -> Way:
        """Return the way to a ``ws(s)://`` URL."""
        parts = urlsplit(url)
        secure = parts.scheme == "wss"
        return cls(parts.hostname or "", parts.port or (443 if secure else 80), secure)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


async def walk(name: str, way: Way, report: Report, clock: Clock) -> AsyncIterator[Finding]:
    """Yield what each step found, and stop at the first that fails."""
    proxy = proxy_set_for(way)
    around = f"; {proxy} is set and not used, because sessions are dialled directly" if proxy else ""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(WITHIN_S):
            found = await loop.getaddrinfo(way.host, way.port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        yield failed(f"{name}: name", f"no address for {way.host}", f"check url and the name server{around}")
        return
    addresses = sorted({str(address[0]) for *_, address in found})
    yield ok(f"{name}: name", f"{way.host} is {', '.join(addresses[:3])}")
    began_ms = clock.now_ms()
    trouble = await _dial(way, None)
    if trouble is not None:
        fix = f"let this machine reach {way} directly{around}"
        yield failed(f"{name}: tcp", f"no connection to {way}: {trouble}", fix)
        return
    took_ms = clock.now_ms() - began_ms
    report.figures[f"{name}.tcp_ms"] = round(took_ms, 1)
    yield ok(f"{name}: tcp", f"{way} answers in {took_ms:.0f} ms")
    if way.secure:
        trouble = await _dial(way, ssl.create_default_context())
        if trouble is not None:
            fix = "check url; if a proxy opens TLS here, trust its authority (SSL_CERT_FILE)"
            yield failed(f"{name}: tls", f"no TLS with {way}: {trouble}", fix)
            return
        yield ok(f"{name}: tls", "the certificate is trusted")
    if proxy:
        yield note(f"{name}: proxy", f"{proxy} is set; sessions are dialled directly and do not use it")


async def clock_agrees(name: str, way: Way, path: str, report: Report, clock: Clock) -> Finding:
    """Return whether this machine's clock agrees with the ``Date`` of an endpoint's answer."""
    check = f"{name}: clock"
    try:
        async with asyncio.timeout(WITHIN_S):
            theirs, ours_s = await asyncio.to_thread(_date_of, way, path, clock)
    except (OSError, TimeoutError, http.client.HTTPException):
        theirs, ours_s = None, 0.0
    if theirs is None:
        return note(check, "the endpoint does not tell the time, so the clock was not compared")
    try:
        skew_s = ours_s - parsedate_to_datetime(theirs).timestamp()
    except ValueError:
        return note(check, "the endpoint tells the time in a way of its own, so the clock was not compared")
    report.figures[f"{name}.clock_skew_s"] = round(skew_s, 1)
    if abs(skew_s) <= MOST_SKEW_S:
        return ok(check, f"within {max(1.0, abs(skew_s)):.0f} s of the endpoint's")
    direction = "ahead of" if skew_s > 0 else "behind"
    return failed(
        check,
        f"this machine's clock is {abs(skew_s):.0f} s {direction} the endpoint's",
        "set the clock (timedatectl set-ntp true): tokens and certificates are judged by it",
    )


def proxy_set_for(way: Way) -> str | None:
    """Return the variable of a proxy that would be meant for this way; None if there is none."""
    proxies = urllib.request.getproxies_environment()
    if not proxies or urllib.request.proxy_bypass(str(way)):
        return None
    wanted = ["https", "all"] if way.secure else ["http", "all"]
    return next((f"{scheme.upper()}_PROXY" for scheme in wanted if scheme in proxies), None)


async def _dial(way: Way, tls: ssl.SSLContext | None) -> str | None:
    """Connect and let go; return what went wrong."""
    try:
        async with asyncio.timeout(WITHIN_S):
            _, writer = await asyncio.open_connection(way.host, way.port, ssl=tls)
    except TimeoutError:
        return f"nothing within {WITHIN_S:g} s"
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not trusted ({error.verify_message})"
    except ssl.SSLError as error:
        return f"it speaks no TLS ({error.reason})"
    except OSError as error:
        return (error.strerror or str(error)).lower()
    writer.transport.abort()
    return None


def _date_of(way: Way, path: str, clock: Clock) -> tuple[str | None, float]:
    """Return an answer's ``Date``, and our own time in the middle of asking. Blocks."""
    kind = http.client.HTTPSConnection if way.secure else http.client.HTTPConnection
    connection = kind(way.host, way.port, timeout=WITHIN_S)
    try:
        connection.connect()
        before_s = clock.wall_s()
        connection.request("GET", path)
        date = connection.getresponse().getheader("Date")
        return date, (before_s + clock.wall_s()) / 2
    finally:
        connection.close()
