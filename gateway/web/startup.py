"""What must be right before the doors open, told all at once and with the cure.

``settings/load.py`` checks each setting by itself; these are the rules that hold between settings, and they are about
who can reach the gateway.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from gateway.errors import ConfigurationError
from gateway.legs.tickets import SECRET_BYTES
from gateway.settings.schema import Settings
from gateway.web.origin import host_of, is_loopback, parse_networks


def check_startup(settings: Settings) -> None:
    """Return if the doors may open.

    Raises:
        ConfigurationError: with a line for each thing that is wrong.

    """
    faults = startup_faults(settings)
    if faults:
        raise ConfigurationError(faults)


def startup_faults(settings: Settings) -> list[str]:
    """Return a line for each thing that forbids opening the doors; none is right."""
    return [*_reach_faults(settings), *_proxy_faults(settings), *_twilio_faults(settings), *_name_faults(settings)]


def startup_warnings(settings: Settings) -> list[str]:
    """Return a line for each thing that the operator should see at every start."""
    warnings = []
    if settings.server.auth == "off":
        warnings.append(
            "server.auth is off: any program on this machine may open a call without signature or token, "
            "and use the pages and the API without a key; "
            "never do this where callers' data is"
        )
    elif settings.carriers.twilio.auth_token is None:
        warnings.append(
            "carriers.twilio.auth_token is not set: calls from Twilio are refused with 503 until it is, "
            "because their signatures can't be verified"
        )
    return warnings


def _reach_faults(settings: Settings) -> list[str]:
    server = settings.server
    faults = []
    listens_outside = not is_loopback(server.host)
    if server.auth == "off" and listens_outside:
        faults.append(
            f"server.auth: 'off' with server.host {server.host!r} would let anyone open calls; "
            "listen on 127.0.0.1, or set auth to 'on'"
        )
    if listens_outside and server.public_url is None:
        faults.append(
            f"server.public_url: required when server.host is {server.host!r}, since carriers sign that URL; "
            "set it to the address that the carrier calls, such as https://voice.example.net"
        )
    if server.public_url is not None:
        faults += _public_url_faults(server.public_url, auth=server.auth)
    if server.token_secret is not None and len(server.token_secret.get_secret_value()) < SECRET_BYTES:
        faults.append(
            f"server.token_secret: too short; wanted at least {SECRET_BYTES} characters, "
            "such as the output of: openssl rand -hex 32"
        )
    return faults


def _public_url_faults(url: str, *, auth: str) -> list[str]:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        _ = parts.port
    except ValueError:
        return ["server.public_url: is not a URL; wanted the form https://voice.example.net"]
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or parts.username:
        fault = (
            f"server.public_url: {parts.scheme}://{host} is not usable; wanted http or https and a host, "
            "without user, query or fragment, such as https://voice.example.net"
        )
        return [fault]
    if is_loopback(host):
        return []
    if auth == "off":
        fault = (
            f"server.public_url: {host!r} can be reached from outside, and server.auth is 'off'; "
            "set auth to 'on', or leave public_url out"
        )
        return [fault]
    if parts.scheme != "https":
        return [f"server.public_url: {url!r} is not https; carriers open media streams over TLS only"]
    return []


def _proxy_faults(settings: Settings) -> list[str]:
    faults = []
    for entry in settings.server.trusted_proxies:
        try:
            parse_networks([entry])
        except ValueError:
            faults.append(
                f"server.trusted_proxies: {entry!r} is no address or network; wanted the form 10.0.0.7 or 10.0.0.0/8"
            )
    return faults


def _name_faults(settings: Settings) -> list[str]:
    """Return what under ``browser`` and ``proxy`` names nothing."""
    faults = [
        f"browser.personas: {name!r} is no persona; there are: {', '.join(settings.personas)}"
        for name in settings.browser.personas or []
        if name not in settings.personas
    ]
    endpoint = settings.proxy.endpoint
    if endpoint is not None and endpoint not in settings.endpoints:
        faults.append(f"proxy.endpoint: {endpoint!r} is no endpoint; there are: {', '.join(settings.endpoints)}")
    return faults


def _twilio_faults(settings: Settings) -> list[str]:
    twilio = settings.carriers.twilio
    faults = []
    if (twilio.account_sid is None) != (twilio.auth_token is None):
        missing = "account_sid" if twilio.account_sid is None else "auth_token"
        faults.append(f"carriers.twilio.{missing}: missing, but its twin is set; hang-up and transfer need both")
    parts = urlsplit(twilio.api_base)
    host = host_of(twilio.api_base)
    if not host or parts.username or (parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host))):
        faults.append(
            f"carriers.twilio.api_base: {parts.scheme}://{host} is not usable; wanted https and a host "
            "(http on loopback only), since the account's credentials go there"
        )
    return faults
