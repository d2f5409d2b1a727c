"""Where an Azure OpenAI endpoint is dialled, from whatever a portal or a sample shows of it.

Operators copy the resource's address, an SDK's base URL, the target URI of a deployment (of this protocol or another),
or a Foundry project's endpoint, on any of Azure's host suffixes or behind a gateway of their own. Of all of them the
host and what stands before ``/openai`` are kept, and deployment and version are read where the settings name none.

    GA       wss://HOST/openai/v1/realtime?model=DEPLOYMENT                        an api-version is refused there
    preview  wss://HOST/openai/realtime?api-version=DATE-preview&deployment=DEPLOYMENT

Source: Microsoft's Realtime documents and its guide from preview to GA, read November 2026.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode

from gateway.errors import ConfigurationError
from gateway.realtime.ga_url import Base, base_of
from gateway.settings.azure import LAST_PREVIEW
from gateway.settings.endpoint import EndpointSettings, preview_version

_OURS: Final = frozenset({"api-version", "deployment", "model"})
_KEY_PARAMETER: Final = "api-key"
_OPENAI: Final = re.compile(r"/openai(?:/deployments/(?P<deployment>[^/]+))?(?:/.*)?$")
_BARE_TAIL: Final = re.compile(r"(?:/v1)?(?:/realtime)?$")
_PROJECT: Final = re.compile(r"/api/projects/[^/]+$")


def azure_realtime_url(endpoint: str, settings: EndpointSettings) -> str:
    """Return the ``ws(s)://`` URL of a session on an ``azure`` endpoint, GA or preview as ``protocol`` says.

    Raises:
        ConfigurationError: there is no URL or no deployment, or one of them can't be meant.

    """
    at = f"endpoints.{endpoint}"
    if not settings.url:
        raise ConfigurationError(f"{at}.url is missing; give the resource's address, https://NAME.openai.azure.com")
    base = base_of(settings.url, endpoint=endpoint)
    prefix, in_path = _prefix(base.path)
    query = dict(parse_qsl(base.query, keep_blank_values=True))
    if _KEY_PARAMETER in query:
        raise ConfigurationError(f"{at}.url holds a key; put it into api_key instead")
    deployment = settings.deployment or settings.model or query.get("deployment") or query.get("model") or in_path
    if not deployment:
        raise ConfigurationError(f"{at}.deployment is missing; give the name of a deployment of a realtime model")
    kept = [(name, value) for name, value in query.items() if name not in _OURS]
    if settings.protocol == "beta":
        version = settings.api_version or preview_version(settings.url) or LAST_PREVIEW
        return _url(base, f"{prefix}/openai/realtime", [*kept, ("api-version", version), ("deployment", deployment)])
    if settings.api_version:
        raise ConfigurationError(
            f"{at}.api_version is {settings.api_version!r}, and GA takes none; take it out, or set protocol: beta"
        )
    return _url(base, f"{prefix}/openai/v1/realtime", [*kept, ("model", deployment)])


def _prefix(path: str) -> tuple[str, str]:
    """Return what stands before the API's own part of a path, and the deployment that is named in it, if one is."""
    path = path.rstrip("/")
    own = _OPENAI.search(path)
    if own is not None:
        before, deployment = path[: own.start()], unquote(own["deployment"] or "")
    else:
        before, deployment = _BARE_TAIL.sub("", path), ""
    return _PROJECT.sub("", before), deployment


def _url(base: Base, path: str, query: list[tuple[str, str]]) -> str:
    return f"{base.origin}{quote(path, safe=base.SAFE)}?{urlencode(query, quote_via=quote)}"
