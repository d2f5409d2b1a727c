"""Inheritance: built-in, shared, ``defaults``, step. Lists and texts replace, maps merge, ``none`` removes."""

from __future__ import annotations

from gateway.flows.document import Entry, ListNode, MapNode, Node, TextNode
from gateway.flows.issues import BUILT_IN
from gateway.flows.shapes import SAID_KEYS

EMPTY = MapNode({}, BUILT_IN)
"""A map with nothing in it."""


def merge(base: Node | None, over: Node | None) -> Node | None:
    """Return what holds when ``over`` is written on top of ``base``; every value keeps the place it was written."""
    if over is None:
        return base
    if not isinstance(base, MapNode) or not isinstance(over, MapNode) or _is_wording(base) or _is_wording(over):
        return over
    return merge_maps(base, over)


def merge_maps(base: MapNode, over: MapNode) -> MapNode:
    """Return two maps as one; see :func:`merge`."""
    entries = dict(base.entries)
    for key, entry in over:
        if isinstance(entry.value, TextNode) and entry.value.is_none and key in entries:
            entries[key] = entry
            continue
        inner = merge(entries[key].value if key in entries else None, entry.value)
        assert inner is not None
        entries[key] = Entry(entry.key, inner)
    return MapNode(entries, over.origin if over.entries else base.origin, over.start, over.end, over.inline)


def as_map(node: Node | None) -> MapNode:
    """Return a map, or an empty one."""
    return node if isinstance(node, MapNode) else EMPTY


def show(node: Node, limit: int = 120) -> str:
    """Return a value in one line, for people."""
    if isinstance(node, TextNode):
        text = " ".join(node.value.split())
    elif isinstance(node, ListNode):
        text = "[" + ", ".join(show(item, limit) for item in node.items) + "]"
    else:
        text = "{" + ", ".join(f"{key}: {show(entry.value, limit)}" for key, entry in node) + "}"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _is_wording(node: MapNode) -> bool:
    return bool(node.entries) and set(node.entries) <= set(SAID_KEYS)
