"""Which endpoint is the default, and what endpoints get beyond what the file says.

In this order: the endpoint that ``endpoint:`` names; ``azure`` if a variable of Azure's group is set (:mod:`azure
<gateway.settings.azure>`); ``openai`` if ``OPENAI_API_KEY`` is set; ``local``, the embedded server. These three need no
section of their own. An endpoint of type ``openai`` or ``azure`` with neither ``api_key`` nor ``url`` takes both, and
what belongs to them, from the variables of the official clients; a key never goes to an address of another source.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, Final

from gateway.settings.azure import ADDRESS, azure_group
from gateway.settings.document import Document, Fault, Place, Where, spell
from gateway.settings.endpoint import EndpointType
from gateway.settings.environment import Environment

KEY: Final = "OPENAI_API_KEY"
BESIDE_THE_KEY: Final = {
    "url": "OPENAI_BASE_URL",
    "organization": "OPENAI_ORG_ID",
    "project": "OPENAI_PROJECT_ID",
}
"""Settings of an endpoint, and the variable that fills them together with the key."""
BUILT_IN: Final = frozenset({"openai", "azure", "local"})
"""Endpoints that exist without a section: their name is their type."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The default endpoint, and in words why it is."""

    name: str
    origin: str
    place: Place


def choose(document: Document, environ: Mapping[str, str], *, ignore_keys: bool) -> Chosen:
    """Return the default endpoint; ``ignore_keys``: only a name decides, no variable."""
    named = document.get(("endpoint",))
    if isinstance(named, str):
        place = document.place(("endpoint",))
        return Chosen(named, f"'{named}', named {place}", place)
    if ignore_keys:
        return Chosen("local", "'local', the embedded server, whatever keys are set", Place("by default"))
    azure = azure_group(environ)
    if azure.is_set:
        first = next(iter(azure.given.values()))
        origin = f"'azure', because {azure.origin()} ({origin_of(environ, first)})"
        return Chosen("azure", origin, Place(f"from {first}"))
    if environ.get(KEY):
        base = f" with {BESIDE_THE_KEY['url']}" if environ.get(BESIDE_THE_KEY["url"]) else ""
        origin = f"{KEY} is set{base} ({origin_of(environ, KEY)})"
        return Chosen("openai", f"'openai', because {origin}", Place(f"from {KEY}"))
    origin = f"'local', the embedded server, because neither {ADDRESS} nor {KEY} is set"
    return Chosen("local", origin, Place("by default"))


def complete(
    document: Document,
    chosen: Chosen,
    environ: Mapping[str, str],
    defaults: Mapping[EndpointType, Mapping[str, Any]],
) -> None:
    """Fill in what the endpoints of a document leave open; values of another form than wanted are left to the schema.

    ``defaults`` are settings by type of endpoint (``models.yaml``).
    """
    if document.get(("endpoint",)) is None:
        document.put(("endpoint",), chosen.name, chosen.place)
    described = document.get(("endpoints",)) or {}
    if chosen.name in BUILT_IN and isinstance(described, dict) and described.get(chosen.name) is None:
        document.put(("endpoints", chosen.name), {"type": chosen.name}, chosen.place)
    by_type = {str(kind): given for kind, given in defaults.items()}
    for name, endpoint in _sections(document, "endpoints"):
        at: Where = ("endpoints", name)
        for setting, variable in _variables(endpoint, environ).items():
            document.put((*at, setting), environ[variable], Place(f"from {variable}"))
        for setting, default in by_type.get(str(endpoint.get("type")), {}).items():
            given = endpoint.get(setting)
            if setting not in endpoint:
                document.put((*at, setting), default, Place("in models.yaml"))
            elif isinstance(given, dict) and isinstance(default, dict):
                for key, value in default.items():
                    if key not in given:
                        document.put((*at, setting, key), value, Place("in models.yaml"))


def _variables(endpoint: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, str]:
    """Return which settings of an endpoint come from which variables."""
    if _has_its_own(endpoint):
        return {}
    match endpoint.get("type"):
        case "openai" if environ.get(KEY):
            beside = {name: variable for name, variable in BESIDE_THE_KEY.items() if environ.get(variable)}
            fills = {"api_key": KEY, **beside}
        case "azure":
            fills = dict(azure_group(environ).given)
            if endpoint.get("auth") == "entra":
                fills.pop("api_key", None)
            if endpoint.get("protocol") == "ga":
                fills.pop("api_version", None)
        case _:
            fills = {}
    return {setting: variable for setting, variable in fills.items() if setting not in endpoint}


def _has_its_own(endpoint: Mapping[str, Any]) -> bool:
    """Return whether an endpoint names key or address, so that no variable may add to them."""
    return bool(endpoint.keys() & {"api_key", "url"})


def variable_faults(document: Document, environ: Mapping[str, str], in_use: Set[str]) -> Iterator[tuple[Where, Fault]]:
    """Yield what is wrong with the variables that fill endpoints in use; asked before :func:`complete` fills them."""
    for setting, problem in azure_group(environ).faults:
        for name in sorted(in_use):
            endpoint = document.get(("endpoints", name)) or {"type": name}
            if not isinstance(endpoint, dict) or endpoint.get("type") != "azure" or _has_its_own(endpoint):
                continue
            if setting not in endpoint:
                where: Where = ("endpoints", name, setting)
                text = f"{spell(where)}: {problem}, or describe the endpoint in the settings"
                yield where, Fault(text, Place("from the environment"))


def personas_in_use(document: Document, default_persona: str) -> set[str]:
    """Return the personas that a caller can reach."""
    used = {str(answer.get("persona")) for _, answer in _sections(document, "numbers")}
    return used | {str(document.get(("persona",)) or default_persona)}


def endpoints_in_use(document: Document, chosen: Chosen, personas: set[str]) -> set[str]:
    """Return the endpoints that a caller can reach through these personas, or by a number that names its own."""
    named = {persona.get("endpoint") for name, persona in _sections(document, "personas") if name in personas}
    named |= {number.get("endpoint") for _, number in _sections(document, "numbers")}
    return {str(name) for name in named if name is not None} | {chosen.name}


def origin_of(environ: Mapping[str, str], name: str) -> str:
    """Return in words where a variable comes from."""
    return environ.origin(name) if isinstance(environ, Environment) else "environment"


def _sections(document: Document, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
    sections = document.get((key,))
    for name, section in list(sections.items()) if isinstance(sections, dict) else []:
        if isinstance(section, dict):
            yield name, section
