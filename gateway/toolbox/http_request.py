"""What an HTTP tool sends: a request made of settings, checked arguments and the call's facts. No I/O.

The host is the operator's and nobody else's: values go into path, query, headers and body, percent-encoded or as JSON,
and a value that would climb out of its place in the path is refused (RFC 3986 sections 3.3 and 5.2.4).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urljoin, urlsplit

from gateway.contracts.tool import CallFacts
from gateway.errors import ToolError
from gateway.settings.placeholders import PLACEHOLDER, arguments_in
from gateway.settings.tools import HttpToolSettings

IN_QUERY: Final = frozenset({"GET", "DELETE"})
"""Methods whose remaining arguments go into the query, for they have no body."""
_NOT_IN_HEADER: Final = re.compile(r"[^\x20-\x7e]")


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request, ready to be sent. Its ``repr`` shows nothing that a caller or the operator's secrets put in."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None = None

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {origin(self.url)}/…)"


def origin(url: str) -> str:
    """Return ``scheme://host:port``, the port always written out."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return f"{parts.scheme}://{parts.hostname}:{port}"


def redirected(request: HttpRequest, location: str) -> HttpRequest:
    """Return the request that follows a redirect.

    Raises:
        ToolError: it leads to another host, scheme or port, or the request was no GET.

    """
    target = ""
    try:
        target = urljoin(request.url, location)
        same = origin(target) == origin(request.url)
    except ValueError:
        same = False
    if request.method != "GET" or not same:
        raise ToolError("the service sends its callers elsewhere, which is not followed", kind="redirected")
    return HttpRequest("GET", target, request.headers)


class RequestTemplate:
    """The requests of one tool."""

    def __init__(self, settings: HttpToolSettings) -> None:
        self._settings = settings
        self._base, self._path, self._query = _split(settings.url)
        headers = [secret.get_secret_value() for secret in settings.headers.values()]
        texts = [settings.url, *headers, *texts_of(settings.body)]
        self._used = {name for text in texts for name in arguments_in(text)}

    def fill(
        self,
        arguments: Mapping[str, Any],
        facts: CallFacts,
        *,
        headers: Mapping[str, str] | None = None,
        key: str | None = None,
    ) -> HttpRequest:
        """Return the request for these arguments; ``headers`` are the operator's, ``key`` is its idempotency key.

        Raises:
            ToolError: a value does not fit its place, or the caller's number is wanted and withheld.

        """
        values = _Values(arguments, facts)
        rest = {name: value for name, value in arguments.items() if name not in self._used}
        url = self._base + "/".join(_segment(segment, values) for segment in self._path.split("/"))
        query = PLACEHOLDER.sub(lambda found: quote(values.text(found[1]), safe=""), self._query)
        sent = {"Accept": "application/json"}
        sent |= {name: _header(name, text, values) for name, text in (headers or {}).items()}
        if key is not None:
            sent["Idempotency-Key"] = key
        body = None
        if self._settings.method in IN_QUERY:
            query = "&".join(filter(None, (query, urlencode(_plain(rest), doseq=True))))
        else:
            filled = rest if self._settings.body is None else _filled(self._settings.body, values)
            body = json.dumps(filled, ensure_ascii=False).encode()
            sent["Content-Type"] = "application/json"
        return HttpRequest(self._settings.method, f"{url}?{query}" if query else url, sent, body)


class _Values:
    """What can be filled in."""

    def __init__(self, arguments: Mapping[str, Any], facts: CallFacts) -> None:
        self._arguments = arguments
        self._facts = facts

    def value(self, name: str) -> Any:
        """Return an argument as it is, None if it was not given; facts are text."""
        if not name.startswith("call."):
            return self._arguments.get(name)
        match name.removeprefix("call."):
            case "caller_number":
                return self._facts.caller_number
            case "dialed_number":
                return self._facts.dialed_number
            case parameter:
                return self._facts.parameters.get(parameter.removeprefix("parameters."), "")

    def text(self, name: str) -> str:
        """Return a value as text; nothing for one that was not given."""
        value = self.value(name)
        if value is None:
            return ""
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def texts_of(body: Any) -> Iterator[str]:
    """Yield every text in a JSON body."""
    match body:
        case str():
            yield body
        case dict():
            for value in body.values():
                yield from texts_of(value)
        case list():
            for value in body:
                yield from texts_of(value)


def _split(url: str) -> tuple[str, str, str]:
    """Return ``scheme://host``, path and query; ``{`` and ``?`` of placeholders are left alone."""
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("#")[0].partition("?")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host}", f"{slash}{path}", query


def _header(name: str, text: str, values: _Values) -> str:
    filled = PLACEHOLDER.sub(lambda found: values.text(found[1]), text)
    if _NOT_IN_HEADER.search(filled):
        raise ToolError(f"a value for {name} has characters that a header can't hold", kind="bad_arguments")
    return filled


def _segment(segment: str, values: _Values) -> str:
    def fill(found: re.Match[str]) -> str:
        value = values.text(found[1])
        if not value:
            raise ToolError(f"{found[1]} is not known, and nothing can be asked without it", kind="bad_arguments")
        if {".", ".."} & set(re.split(r"[/\\]", value)):
            raise ToolError(f"{found[1]} is not possible", kind="bad_arguments")
        return quote(value, safe="")

    filled = PLACEHOLDER.sub(fill, segment)
    if filled != segment and filled in {".", ".."}:
        raise ToolError("the arguments together are not possible", kind="bad_arguments")
    return filled


def _filled(body: Any, values: _Values) -> Any:
    match body:
        case str():
            whole = PLACEHOLDER.fullmatch(body)
            if whole:
                return values.value(whole[1])
            return PLACEHOLDER.sub(lambda found: values.text(found[1]), body)
        case dict():
            return {key: _filled(value, values) for key, value in body.items()}
        case list():
            return [_filled(value, values) for value in body]
        case _:
            return body


def _plain(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments as a query has them: ``true``, numbers, a list as the same name again and again."""

    def one(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

    return {
        name: [one(inner) for inner in value] if isinstance(value, list) else one(value)
        for name, value in arguments.items()
        if value is not None
    }
