"""The gateway's own address: set, or read from the request, and proxies believed only if trusted."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import HTTPConnection

from gateway.web.origin import PublicOrigin, is_loopback, socket_twin


def _connection(
    headers: dict[str, str] | None = None, *, peer: str | None = "10.0.0.7", kind: str = "http", **scope: Any
) -> HTTPConnection:
    return HTTPConnection(
        {
            "type": kind,
            "scheme": "ws" if kind == "websocket" else "http",
            "path": "/twilio/voice",
            "raw_path": b"/twilio/voice",
            "query_string": b"",
            "client": None if peer is None else (peer, 40112),
            "headers": [(k.encode(), v.encode()) for k, v in ({"host": "inside:8000", **(headers or {})}).items()],
            **scope,
        }
    )


FORWARDED = {"x-forwarded-proto": "https", "x-forwarded-host": "gw.example.net"}


def test_the_public_url_is_believed_above_all() -> None:
    origin = PublicOrigin("https://voice.example.net/phones/", ["10.0.0.0/8"])
    assert origin.url_of(_connection(FORWARDED)) == "https://voice.example.net/phones/twilio/voice"
    assert origin.base_url(_connection()) == "https://voice.example.net/phones"


def test_without_it_the_request_says_where_it_went() -> None:
    assert PublicOrigin(None).url_of(_connection()) == "http://inside:8000/twilio/voice"


def test_an_upgrade_went_to_the_websocket_twin() -> None:
    upgrade = _connection(kind="websocket")
    assert PublicOrigin(None).url_of(upgrade) == "ws://inside:8000/twilio/voice"
    assert PublicOrigin("https://gw.example.net").url_of(upgrade) == "wss://gw.example.net/twilio/voice"
    assert PublicOrigin(None, ["10.0.0.7"]).url_of(_connection(FORWARDED, kind="websocket")).startswith("wss://gw.")


@pytest.mark.parametrize(
    ("peer", "trusted"), [("10.0.0.7", "10.0.0.0/8"), ("::1", "::1"), ("::ffff:10.0.0.7", "10.0.0.7")]
)
def test_a_trusted_proxy_is_believed(peer: str, trusted: str) -> None:
    assert PublicOrigin(None, [trusted]).base_url(_connection(FORWARDED, peer=peer)) == "https://gw.example.net"


@pytest.mark.parametrize("peer", ["192.0.2.9", "::1", None, "a unix socket"])
def test_a_stranger_is_not_believed(peer: str | None) -> None:
    assert PublicOrigin(None, ["10.0.0.0/8"]).base_url(_connection(FORWARDED, peer=peer)) == "http://inside:8000"


def test_of_several_proxies_the_nearest_counts() -> None:
    headers = {"x-forwarded-proto": "gopher, https", "x-forwarded-host": "evil.example.net, gw.example.net"}
    assert PublicOrigin(None, ["10.0.0.7"]).base_url(_connection(headers)) == "https://gw.example.net"
    assert (
        PublicOrigin(None, ["10.0.0.7"]).base_url(_connection({"x-forwarded-proto": "gopher"})) == "http://inside:8000"
    )


def test_path_and_query_are_kept_as_they_were_written() -> None:
    connection = _connection(path="/twilio/vöice", raw_path=b"/twilio/v%C3%B6ice", query_string=b"a=%2B1&b=")
    assert PublicOrigin("https://x").url_of(connection) == "https://x/twilio/v%C3%B6ice?a=%2B1&b="


def test_a_proxy_that_is_no_network_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="'not-an-address'"):
        PublicOrigin(None, ["not-an-address"])


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "LocalHost"])
def test_loopback_is_what_only_this_machine_reaches(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "localhost.example.net", ""])
def test_anything_else_is_not(host: str) -> None:
    assert not is_loopback(host)


def test_each_scheme_has_its_websocket_twin() -> None:
    assert socket_twin("https://x/y") == "wss://x/y"
    assert socket_twin("http://x") == socket_twin("ws://x") == "ws://x"
