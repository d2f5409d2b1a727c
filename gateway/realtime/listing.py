"""What an endpoint has: its models, or the deployments of an Azure resource, so that a wrong name finds the right one.

Asked for by the doctor, and once by a connector whose model was refused. Nobody waits for it on a call that works.

OpenAI and its likes answer ``GET …/models``. Azure's ``/models`` names what could be deployed, which helps nobody; its
data plane has an older ``GET /openai/deployments``, and where that is switched off, the command that lists them is
told instead.

Source: OpenAI API reference, "List models"; Azure OpenAI REST reference 2023-03-15-preview, "Deployments - List".
"""

from __future__ import annotations

import asyncio
import importlib
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qs, urlsplit, urlunsplit

import msgspec

from gateway.errors import ModelRefused
from gateway.realtime.dialect import ConnectRequest
from gateway.realtime.refusals import Cause
from gateway.settings.wording import nearest

WITHIN_S: Final = 1.5
"""A caller may be waiting for the apology."""
MAX_BYTES: Final = 1024 * 1024
SHOWN: Final = 8
"""Names in a sentence; the most likely ones come first."""
AZURE_LISTING_VERSION: Final = "2023-03-15-preview"
"""The last version with which Azure's data plane lists deployments."""

_SCHEMES: Final = {"wss": "https", "ws": "http"}
_REALTIME: Final = re.compile(r"realtime|voice|live(?!.*transcri)", re.IGNORECASE)
_AZURE: Final = re.compile(r"/openai(/v1)?/realtime$")
_TRANSCRIBER: Final = re.compile(r"transcri|whisper", re.IGNORECASE)


class _Entry(msgspec.Struct):
    id: str
    model: str = ""


class _Answer(msgspec.Struct):
    data: list[_Entry]


@dataclass(frozen=True, slots=True)
class Listing:
    """What there is, by name; ``models`` has the model behind each deployment, where names are deployments'."""

    kind: Literal["models", "deployments"]
    names: tuple[str, ...]
    models: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Return whether there is one of that name, exactly."""
        return name in self.names

    def told(self, wanted: str, *, transcriber: bool = False) -> str:
        """Return in words what there is, the nearest name to ``wanted`` first named.

        ``transcriber``: whether a transcriber is looked for, not a realtime model.
        """
        fitting = _TRANSCRIBER if transcriber else _REALTIME
        about = dict(zip(self.names, self.models, strict=False))
        likely = [name for name in self.names if fitting.search(f"{name} {about.get(name, '')}")]
        what = "transcription" if transcriber else "realtime"
        if not likely:
            return f"it has {len(self.names)} {self.kind} and none for {what}"
        shown = [f"{name} ({model})" if (model := about.get(name)) else name for name in likely[:SHOWN]]
        more = f" and {len(likely) - SHOWN} more" if len(likely) > SHOWN else ""
        near = nearest(wanted, likely) if wanted else ""
        return f"its {what} {self.kind}: {', '.join(shown)}{more}{near if near.startswith('; nearest') else ''}"


class NotListed(Exception):
    """The endpoint does not say what it has; the text is a sentence on why, or on who does."""


async def list_models(
    request: ConnectRequest, *, tls: ssl.SSLContext | None = None, within_s: float = WITHIN_S
) -> Listing:
    """Ask an endpoint what it has, with the headers of a session.

    Args:
        request: where and how a session is opened there.
        tls: for ``wss``; the system's trusted certificates if None.
        within_s: how long it may take.

    Raises:
        NotListed: it does not say.

    """
    url, kind = listing_url(request.url)
    try:
        async with asyncio.timeout(within_s):
            status, body = await _get(url, request.headers, tls)
    except TimeoutError:
        raise NotListed(f"the list of {kind} did not come within {within_s:g} s") from None
    try:
        entries = msgspec.json.decode(body, type=_Answer).data if status == 200 else None
    except (msgspec.DecodeError, UnicodeDecodeError):
        entries = None
    if entries is None:
        raise NotListed(_who_knows(kind, url, status))
    named = sorted((entry.id, entry.model) for entry in entries)
    return Listing(kind, tuple(name for name, _ in named), tuple(model for _, model in named if kind == "deployments"))


def listing_url(url: str) -> tuple[str, Literal["models", "deployments"]]:
    """Return where an endpoint lists what it has, given its session URL, and what is listed there."""
    parts = urlsplit(url)
    scheme = _SCHEMES[parts.scheme]
    azure = _AZURE.search(parts.path)
    if azure is not None:
        path, query = f"{parts.path[: azure.start()]}/openai/deployments", f"api-version={AZURE_LISTING_VERSION}"
        return urlunsplit((scheme, parts.netloc, path, query, "")), "deployments"
    return urlunsplit((scheme, parts.netloc, f"{parts.path.removesuffix('/realtime')}/models", "", "")), "models"


def wanted_model(url: str) -> str:
    """Return the model or deployment that a session URL asks for; empty if it names none."""
    query = parse_qs(urlsplit(url).query)
    return (query.get("deployment") or query.get("model") or [""])[0]


async def with_what_exists(
    refused: ModelRefused, request: ConnectRequest, tls: ssl.SSLContext | None = None
) -> ModelRefused:
    """Return a refusal that also says what the endpoint has, if the model's name was its cause."""
    if refused.cause not in {Cause.UNKNOWN_MODEL, Cause.TRANSCRIPTION_ONLY}:
        return refused
    try:
        said = (await list_models(request, tls=tls)).told(wanted_model(request.url))
    except NotListed as error:
        if listing_url(request.url)[1] == "models":
            return refused
        said = str(error)
    return ModelRefused(
        f"{refused}; {said}",
        status=refused.status,
        retryable=refused.retryable,
        cause=refused.cause,
        remedy=f"{refused.remedy}; {said}",
    )


async def _get(url: str, headers: Sequence[tuple[str, str]], tls: ssl.SSLContext | None) -> tuple[int, bytes]:
    """Return status and body of a GET. It goes the way that sessions go: past the proxies of the environment."""
    httpx = await asyncio.to_thread(
        importlib.import_module, "httpx"
    )  # its import is longer than a call may stand still
    verify = False if url.startswith("http:") else tls if tls is not None else True
    try:
        async with (
            httpx.AsyncClient(verify=verify, trust_env=False, timeout=None) as client,
            client.stream("GET", url, headers=list(headers)) as response,
        ):
            body = b""
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MAX_BYTES:
                    raise NotListed(f"the list at {url.partition('?')[0]} is longer than {MAX_BYTES} bytes")
            return int(response.status_code), body
    except httpx.HTTPError as error:
        raise NotListed(f"{url.partition('?')[0]} gives no list ({type(error).__name__})") from None


def _who_knows(kind: str, url: str, status: int) -> str:
    if kind == "models":
        return f"{url} gives no list (HTTP {status})"
    resource = (urlsplit(url).hostname or "").partition(".")[0]
    return f"list them with: az cognitiveservices account deployment list -g GROUP -n {resource} -o table"
