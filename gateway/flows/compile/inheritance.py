"""What holds for a step: its own values over its verb's defaults, and where each was written."""

from __future__ import annotations

from typing import Final

from gateway.flows.compile.merge import as_map, merge_maps, show
from gateway.flows.document import Entry, MapNode, TextNode
from gateway.flows.language import VERBS
from gateway.flows.steps import Effective

_NESTED: Final = frozenset({"talk", "transfer", "voicemail", "pay"})
"""Verbs whose defaults belong inside the verb's own section."""
_GENERAL: Final = ("no_input", "no_match", "invalid")
_LISTENS: Final = frozenset({"menu", "ask", "confirm", "talk", "pay"})


def verb_of(node: MapNode) -> str | None:
    """Return a step's verb, None unless it has exactly one; ``set`` beside a verb is none."""
    found = [verb for verb in VERBS if verb in node]
    if len(found) > 1 and "set" in found:
        found.remove("set")
    return found[0] if len(found) == 1 else None


def inherited(verb: str, node: MapNode, defaults: MapNode) -> MapNode:
    """Return a step's node with everything it inherits in it."""
    base: dict[str, Entry] = {}
    if verb in _LISTENS:
        base |= {key: defaults.entries[key] for key in _GENERAL if key in defaults}
        base |= {key: entry for key, entry in as_map(defaults.get("speech")) if key != "wait_for_caller"}
    own = as_map(defaults.get(verb))
    if verb in _NESTED:
        inner = {key: entry for key, entry in own if key not in ("interrupt", "limit", *_GENERAL)}
        outer = {key: entry for key, entry in own if key not in inner}
        base |= outer
        section = MapNode(inner, own.origin)
        base[verb] = Entry(TextNode(verb, own.origin), section)
    else:
        base = merge_maps(MapNode(base, own.origin), own).entries
    return merge_maps(MapNode(base, node.origin), node)


def effective(verb: str, node: MapNode) -> dict[str, Effective]:
    """Return every value that holds for a step, in one line each, with its place."""
    found: dict[str, Effective] = {}
    for key, entry in node:
        if key == verb and isinstance(entry.value, MapNode) and verb in ("menu", *_NESTED):
            found |= {
                f"{verb}.{inner}": Effective(show(value.value), value.value.origin) for inner, value in entry.value
            }
        else:
            found[key] = Effective(show(entry.value), entry.value.origin)
    return found
