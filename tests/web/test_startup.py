"""What stops the start, word for word enough to know the cure."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from gateway.errors import ConfigurationError
from gateway.settings.schema import CarriersSettings, ServerSettings, Settings, TwilioSettings
from gateway.web.startup import check_startup, startup_faults, startup_warnings

BOTH = {"account_sid": "AC77", "auth_token": SecretStr("t" * 32)}


def _settings(server: dict[str, Any], twilio: dict[str, Any] | None = None) -> Settings:
    carriers = CarriersSettings(twilio=TwilioSettings(**(BOTH if twilio is None else twilio)))
    return Settings(server=ServerSettings(**server), carriers=carriers)


@pytest.mark.parametrize(
    "server",
    [
        {},
        {"auth": "off"},
        {"auth": "off", "host": "::1", "public_url": "http://localhost:8000"},
        {"host": "0.0.0.0", "public_url": "https://voice.example.net"},
        {"trusted_proxies": ["10.0.0.0/8", "::1", "10.0.0.7/8"]},
    ],
)
def test_these_may_start(server: dict[str, Any]) -> None:
    check_startup(_settings(server))


@pytest.mark.parametrize(
    ("server", "twilio", "words"),
    [
        (
            {"auth": "off", "host": "0.0.0.0", "public_url": "http://localhost"},
            None,
            "let anyone open calls; listen on 127",
        ),
        ({"auth": "off", "public_url": "https://x.ngrok.app"}, None, "'x.ngrok.app' can be reached from outside"),
        ({"host": "0.0.0.0"}, None, "server.public_url: required when server.host is '0.0.0.0'"),
        ({"public_url": "http://voice.example.net"}, None, "is not https; carriers open media streams over TLS"),
        ({"public_url": "voice.example.net"}, None, "wanted http or https and a host"),
        ({"public_url": "https://voice.example.net?x=1"}, None, "wanted http or https and a host"),
        ({"public_url": "https://me:pw@voice.example.net"}, None, "wanted http or https and a host"),
        ({"public_url": "https://voice.example.net:port"}, None, "server.public_url: is not a URL"),
        ({"trusted_proxies": ["proxy.local"]}, None, "server.trusted_proxies: 'proxy.local' is no address"),
        ({"token_secret": SecretStr("hunch")}, None, "server.token_secret: too short"),
        ({}, {"auth_token": SecretStr("t" * 32)}, "carriers.twilio.account_sid: missing"),
        ({}, {"account_sid": "AC77"}, "carriers.twilio.auth_token: missing"),
        ({}, {**BOTH, "api_base": "http://api.twilio.com"}, "carriers.twilio.api_base: http://api.twilio.com is not"),
        ({}, {**BOTH, "api_base": "https://me:pw@api.twilio.com"}, "carriers.twilio.api_base"),
    ],
)
def test_these_may_not(server: dict[str, Any], twilio: dict[str, Any] | None, words: str) -> None:
    (fault,) = startup_faults(_settings(server, twilio))
    assert words in fault
    assert "hunch" not in fault
    assert "pw" not in fault


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as error:
        check_startup(_settings({"host": "0.0.0.0", "trusted_proxies": ["a", "b"]}, {"account_sid": "AC77"}))
    assert len(error.value.faults) == 4


def test_a_stand_in_api_on_this_machine_may_be_plain_http() -> None:
    assert startup_faults(_settings({}, {**BOTH, "api_base": "http://127.0.0.1:9000"})) == []


def test_an_open_door_and_a_missing_token_are_warned_of() -> None:
    assert startup_warnings(_settings({})) == []
    (warning,) = startup_warnings(_settings({"auth": "off"}))
    assert warning.startswith("server.auth is off: any program on this machine")
    (warning,) = startup_warnings(_settings({}, {}))
    assert "refused with 503" in warning
