"""What an HTTP tool's answer means: a result for the model, an error for it, or a reason to try again. No I/O."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from gateway.errors import ToolError

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
OVERLOADED: Final = frozenset({429, 502, 503, 504})
"""Worth another try, where a try may be repeated."""
_KINDS: Final = {401: "refused", 403: "refused", 404: "not_found", 409: "conflict", 410: "not_found", 429: "overloaded"}


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back."""

    status: int
    body: bytes
    location: str | None = None
    json_type: bool = False
    """Whether the answer calls itself JSON."""

    def __repr__(self) -> str:
        return f"HttpAnswer({self.status}, {len(self.body)} bytes)"


def result_of(answer: HttpAnswer, pick: Sequence[str]) -> object:
    """Return what the model may see of an answer.

    Raises:
        ToolError: the service refused or failed, with what ``pick`` names of its words; or its JSON is broken.

    """
    if 200 <= answer.status < 300:
        return None if not answer.body.strip() else picked(_content(answer), pick)
    raise ToolError(
        f"the service answered {_named(answer.status)}{_reason(answer, pick)}",
        kind=_KINDS.get(answer.status, "unavailable" if answer.status >= 500 else "refused"),
        retry=answer.status in OVERLOADED,
    )


def picked(found: Any, paths: Sequence[str]) -> Any:
    """Return what ``paths`` name of a JSON value, in its own shape; all of it if there are none.

    ``items.name`` keeps the ``name`` of every one of ``items``. What is not there is left out.
    """
    if not paths:
        return found
    tree: dict[str, Any] = {}
    for path in sorted(paths, key=lambda path: path.count(".")):
        at: dict[str, Any] | None = tree
        *above, last = path.split(".")
        for name in above:
            at = at.setdefault(name, {}) if at is not None else None
        if at is not None:
            at[last] = None  # all of it
    return _kept(found, tree)


def _kept(found: Any, tree: dict[str, Any] | None) -> Any:
    if tree is None:
        return found
    match found:
        case list():
            return [_kept(one, tree) for one in found]
        case dict():
            return {name: _kept(found[name], below) for name, below in tree.items() if name in found}
        case _:
            return None


def _content(answer: HttpAnswer) -> Any:
    looks = answer.body.lstrip()[:1] in (b"{", b"[")
    if not answer.json_type and not looks:
        return answer.body.decode("utf-8", "replace")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        raise ToolError("the service's answer is broken JSON", kind="broken_answer") from None


def _reason(answer: HttpAnswer, pick: Sequence[str]) -> str:
    """Return what of an error's own words may be told: what ``pick`` names, and nothing where it names nothing."""
    if not pick:
        return ""
    try:
        told = picked(json.loads(answer.body), pick)
    except (ValueError, RecursionError):
        return ""
    return f": {json.dumps(told, ensure_ascii=False)[:500]}" if told else ""


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
