"""Azure OpenAI in the settings: the variables of the environment that describe an endpoint, and what must fit together.

The variables are one group: an address, a deployment, perhaps a key and a version. Several spellings are in use; two
that say different things are a fault, and so is a group of which only a half is there, because whoever set a part of
it wanted Azure and would wonder at another model's voice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from gateway.settings.endpoint import EndpointSettings, preview_version

ADDRESS: Final = "AZURE_OPENAI_ENDPOINT"
VARIABLES: Final[Mapping[str, tuple[str, ...]]] = {
    "url": (ADDRESS,),
    "deployment": ("AZURE_OPENAI_REALTIME_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT"),
    "api_key": ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_KEY"),
    "api_version": ("AZURE_OPENAI_API_VERSION",),
}
"""Setting of an endpoint → the variables that fill it, in this order."""

LAST_PREVIEW: Final = "2025-04-01-preview"
"""The last version of the preview, taken where none is named."""
_VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}(-preview)?")
_NAMED_IN_URL: Final = re.compile(r"[?&](?:deployment|model)=[^&]|/openai/deployments/[^/]")


@dataclass(frozen=True, slots=True)
class AzureGroup:
    """What the environment says of Azure OpenAI. ``given``: setting → the variable that it is taken from."""

    given: Mapping[str, str]
    faults: tuple[tuple[str, str], ...]
    """Setting, and what is wrong with its variables, in a sentence without their values."""

    @property
    def is_set(self) -> bool:
        """Whether any variable of the group is set."""
        return bool(self.given)

    def origin(self) -> str:
        """Return in words what is taken and from which variables."""
        deployment = self.given.get("deployment")
        words = [f"{ADDRESS} is set"]
        words.append(f"deployment from {deployment}" if deployment else "deployment as the address says")
        words.append(f"key from {self.given['api_key']}" if "api_key" in self.given else "no key, so Entra ID")
        if "api_version" in self.given:
            words.append(f"preview because of {self.given['api_version']}")
        return ", ".join(words)


def azure_group(environ: Mapping[str, str]) -> AzureGroup:
    """Return what the environment says of Azure OpenAI; an empty variable is none."""
    given: dict[str, str] = {}
    faults: list[tuple[str, str]] = []
    for setting, variables in VARIABLES.items():
        there = [name for name in variables if environ.get(name)]
        if there:
            given[setting] = there[0]
        if len({environ[name] for name in there}) > 1:
            faults.append((setting, f"{' and '.join(there)} say different things; unset one of them"))
    if given and "url" not in given:
        faults.append(("url", f"{', '.join(given.values())} set, but not {ADDRESS}; set it, or unset the others"))
    elif given and "deployment" not in given and not _NAMED_IN_URL.search(environ[ADDRESS]):
        wanted = " nor ".join(VARIABLES["deployment"])
        faults.append(
            ("deployment", f"{ADDRESS} is set, but neither {wanted}; set one to the deployment of a realtime model")
        )
    return AzureGroup(given, tuple(faults))


def problems(endpoint: EndpointSettings) -> Iterator[tuple[str, str, Literal["value", "missing"]]]:
    """Yield what does not fit in an endpoint of type ``azure``: the setting, the problem, and how it is told."""
    url = endpoint.url or ""
    if not url:
        yield "url", f"name it, as https://NAME.openai.azure.com, or set {ADDRESS}", "missing"
    elif not (endpoint.deployment or endpoint.model or _NAMED_IN_URL.search(url)):
        yield "deployment", "name the deployment of a realtime model", "missing"
    if "api-key=" in (urlsplit(url).query if "://" in url else ""):
        yield "url", "holds a key; write it as api_key", "value"
    if endpoint.api_version is not None:
        if not _VERSION.fullmatch(endpoint.api_version):
            yield "api_version", f"is not a version such as {LAST_PREVIEW}", "value"
        elif endpoint.protocol == "ga":
            yield "api_version", "is for the preview: GA takes none; take it out, or set protocol: beta", "value"
    if endpoint.auth == "key" and endpoint.api_key is None:
        yield "api_key", "auth is key; write one, or auth: entra", "missing"


def advice(name: str, endpoint: EndpointSettings) -> Iterator[str]:
    """Yield what the operator should know of an endpoint of type ``azure``."""
    if endpoint.auth is None and endpoint.api_key is None:
        yield f"endpoints.{name} has no api_key: Entra ID is asked for a token at each connect"
    if endpoint.auth == "entra" and endpoint.api_key is not None:
        yield f"endpoints.{name}.api_key is not used, because auth is entra"
    if endpoint.protocol == "beta":
        version = endpoint.api_version or preview_version(endpoint.url or "") or LAST_PREVIEW
        older = f" {version} is older than {LAST_PREVIEW}." if version < LAST_PREVIEW else ""
        yield (
            f"endpoints.{name} speaks Azure's preview ({version}), deprecated since 2026-04-30.{older} "
            "GA is protocol: ga without api_version"
        )
