"""What must hold between settings: names that refer to something, and combinations that would fail on the first call.

Each check says what is wrong by path; ``load.py`` puts file, line and column to it. Notes are for what works but may
not be what was meant.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from gateway.settings import azure
from gateway.settings.document import Where
from gateway.settings.effective import answers, session_of
from gateway.settings.endpoint import is_plugin
from gateway.settings.endpoints import BESIDE_THE_KEY, BUILT_IN, KEY
from gateway.settings.finding import Finding
from gateway.settings.flow_checks import flow_findings
from gateway.settings.plugins import NotLoaded, load_plugin
from gateway.settings.schema import EndpointSettings, PersonaSettings, Settings
from gateway.settings.session import PLAIN_TOOL_CHOICES, SESSION_PATHS, SessionFields
from gateway.settings.tool_checks import persona_tool_findings, tool_findings, tool_notes
from gateway.settings.wording import nearest

_OWN_SETTING: Final = {
    "type": "type",
    "model": "model",
    "instructions": "the persona's instructions",
    "tools": "the persona's tools",
    "audio.input.format": "audio",
    "audio.output.format": "audio",
    "audio.output.voice": "voice",
    "audio.input.turn_detection": "vad",
    "audio.input.transcription": "transcription",
    **{path: f"session.{name}" for name, path in SESSION_PATHS.items()},
}
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}")
_DIALLED: Final = re.compile(r"\+?[A-Za-z0-9*#]+")


@dataclass(frozen=True, slots=True)
class Names:
    """What the file describes, be it right or not: a broken persona is still no unknown one."""

    endpoints: Set[str]
    personas: Set[str]
    endpoints_in_use: Set[str]


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a server that listens on ``host``."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def findings(settings: Settings, names: Names) -> Iterator[Finding]:
    """Yield what does not fit together."""
    yield from _server(settings)
    yield from _endpoints(settings, names)
    if settings.persona not in names.personas:
        yield Finding(("persona",), f"is not a persona{nearest(settings.persona, names.personas)}")
    for number, answer in settings.numbers.items():
        at: Where = ("numbers", number)
        compact = re.sub(r"[\s().-]", "", number)
        if not _DIALLED.fullmatch(number):
            better = f"; carriers send '{compact}'" if _DIALLED.fullmatch(compact) else ""
            yield Finding(at, f"is not a number as carriers write it, +442079460000{better}", "key")
        if answer.flow is None and answer.persona is None:
            yield Finding((*at, "persona"), f"name one{nearest('', names.personas)}", "missing")
        if answer.persona is not None and answer.persona not in names.personas:
            yield Finding((*at, "persona"), f"is not a persona{nearest(answer.persona, names.personas)}")
        if answer.endpoint is not None and answer.endpoint not in names.endpoints:
            yield Finding(
                (*at, "endpoint"), f"is not an endpoint{nearest(answer.endpoint, names.endpoints | BUILT_IN)}"
            )
        yield from _session((*at, "session"), answer.session)
    for name, persona in settings.personas.items():
        yield from _persona(("personas", name), persona, names)
        yield from persona_tool_findings(("personas", name), persona, settings.tools)
    yield from tool_findings(settings.tools)
    yield from flow_findings(settings.flows)
    if settings.privacy.redactor is not None and not re.fullmatch(r"[\w.]+:[\w.]+", settings.privacy.redactor):
        yield Finding(("privacy", "redactor"), "is not of the form package.module:callable")


def notes(settings: Settings, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what works but may not be what was meant."""
    twilio = settings.carriers.twilio
    if settings.server.auth == "off":
        yield "server.auth is off: whoever reaches this port may place calls; use it on your own machine only"
    elif twilio.auth_token is None:
        yield (
            "carriers.twilio.auth_token is not set: every Twilio webhook is refused; set TWILIO_AUTH_TOKEN, or for "
            "trials on this machine server.auth: off"
        )
    elif twilio.account_sid is None:
        yield "carriers.twilio.account_sid is not set: calls can't be transferred or hung up; set TWILIO_ACCOUNT_SID"
    if environ.get(BESIDE_THE_KEY["url"]) and not environ.get(KEY):
        yield f"{BESIDE_THE_KEY['url']} is set but {KEY} is not: it is not used"
    for name, endpoint in settings.endpoints.items():
        if endpoint.type == "azure":
            yield from azure.advice(name, endpoint)
    used = {settings.endpoint, *(answer.endpoint_name for answer in answers(settings))} | BUILT_IN
    used |= {persona.endpoint for persona in settings.personas.values()}
    yield from dict.fromkeys(_forced_tools(settings))
    for name in settings.endpoints:
        if name not in used:
            yield f"endpoints.{name} is described but not used; endpoint: {name} would make it the default"
    yield from tool_notes(settings.tools, settings.personas.values())


def _forced_tools(settings: Settings) -> Iterator[str]:
    for answer in answers(settings):
        choice = session_of(answer.persona, answer.endpoint).tool_choice
        if choice is not None and choice not in PLAIN_TOOL_CHOICES and choice not in answer.persona.tools:
            yield (
                f"session.tool_choice: '{choice}' is not among the tools of personas.{answer.persona_name}"
                f"{nearest(choice, [*PLAIN_TOOL_CHOICES, *answer.persona.tools])}"
            )


def _server(settings: Settings) -> Iterator[Finding]:
    server = settings.server
    loopback = is_loopback(server.host)
    if server.public_url is None:
        if not loopback:
            yield Finding(
                ("server", "public_url"),
                "server.host is not loopback, so say what carriers dial and sign: https://voice.example.net",
                "missing",
            )
    elif problem := _public_url_problem(server.public_url):
        yield Finding(("server", "public_url"), problem)
    if server.auth == "off" and not loopback:
        yield Finding(
            ("server", "auth"),
            "is for loopback only, which server.host is not; take it out, or set server.host: 127.0.0.1",
        )
    for position, network in enumerate(server.trusted_proxies):
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            yield Finding(
                ("server", "trusted_proxies", position), "is neither an address nor a network (10.0.0.0/8, 192.0.2.7)"
            )


def _public_url_problem(url: str) -> str | None:
    wanted = "is not of the form https://voice.example.net"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return wanted
    if parts.scheme not in ("http", "https", "ws", "wss") or not host or port == 0:
        return wanted
    if parts.query or parts.fragment or parts.username is not None:
        return f"{wanted}: no user, query or fragment"
    if parts.scheme in ("ws", "wss"):
        return f"{wanted}; the gateway makes the wss: address from it"
    if parts.scheme == "http" and not is_loopback(host):
        return f"{wanted}: carriers and callers need https"
    return None


def _endpoints(settings: Settings, names: Names) -> Iterator[Finding]:
    default = settings.endpoint
    if default is not None and default not in names.endpoints:
        yield Finding(("endpoint",), f"is not an endpoint{nearest(default, names.endpoints | BUILT_IN)}")
    for name, endpoint in settings.endpoints.items():
        yield from _endpoint(("endpoints", name), name, endpoint, used=name in names.endpoints_in_use)


def _endpoint(at: Where, name: str, endpoint: EndpointSettings, *, used: bool) -> Iterator[Finding]:
    if name in BUILT_IN and endpoint.type != name:
        yield Finding((*at, "type"), f"can't be the type of an endpoint called '{name}'; give it another name")
    if endpoint.type == "openai" and endpoint.api_key is None and used:
        yield Finding((*at, "api_key"), f"set the variable {KEY}, or write api_key: ${{NAME}}", "missing")
    if endpoint.type == "azure" and used:
        for setting, problem, of in azure.problems(endpoint):
            yield Finding((*at, setting), problem, of)
    if is_plugin(endpoint.type) and used:
        try:
            load_plugin(endpoint.type)
        except NotLoaded as error:
            yield Finding((*at, "type"), str(error))
    if endpoint.type == "compatible":
        if endpoint.url is None:
            yield Finding((*at, "url"), "name it, as wss://host/v1/realtime", "missing")
        if endpoint.model is None and "model=" not in (endpoint.url or ""):
            yield Finding((*at, "model"), "name one; a compatible endpoint has no default", "missing")
    if endpoint.url is not None:
        parts = urlsplit(endpoint.url)
        if parts.scheme not in ("http", "https", "ws", "wss") or not parts.hostname:
            yield Finding((*at, "url"), "is not a URL that begins with https://, wss://, http:// or ws://")
    yield from _session((*at, "session"), endpoint.session)


def _session(at: Where, session: SessionFields) -> Iterator[Finding]:
    truncation = session.truncation
    if truncation is not None and truncation.type != "retention_ratio":
        for ratio in ("retention_ratio", "token_limits"):
            if getattr(truncation, ratio) is not None:
                yield Finding((*at, "truncation", ratio), f"has no meaning beside type: {truncation.type}", "key")
    for path in session.extra:
        for taken, setting in _OWN_SETTING.items():
            if path == taken or path.startswith(f"{taken}."):
                yield Finding((*at, "extra", path), f"has a setting of its own: {setting}", "key")


def _persona(at: Where, persona: PersonaSettings, names: Names) -> Iterator[Finding]:
    known = names.endpoints | BUILT_IN
    if persona.endpoint is not None and persona.endpoint not in names.endpoints:
        yield Finding((*at, "endpoint"), f"is not an endpoint{nearest(persona.endpoint, known)}")
    yield from _session((*at, "session"), persona.session)
    if "transfer_call" in persona.tools and not persona.transfer_targets:
        yield Finding((*at, "transfer_targets"), "transfer_call needs one, as front_desk: tel:+442079460000", "missing")
    for target, uri in persona.transfer_targets.items():
        scheme, _, address = uri.partition(":")
        sip = scheme in ("sip", "sips") and "@" in address.strip("@")
        if not sip and not (scheme == "tel" and _E164.fullmatch(address)):
            yield Finding((*at, "transfer_targets", target), "is neither tel:+442079460000 nor sip:desk@example.net")
