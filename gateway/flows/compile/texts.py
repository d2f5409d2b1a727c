"""Prompts out of nodes, in every language of a flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gateway.flows.compile import nodes
from gateway.flows.document import ListNode, MapNode, Node, TextNode
from gateway.flows.expressions.syntax import Template
from gateway.flows.prompts import Prompt, Wording
from gateway.flows.shapes import SAID_KEYS
from gateway.flows.words import primary


def match_language(tag: str, written: Sequence[str]) -> str | None:
    """Return which of the tags that were written serves a language: itself, its language, or a sibling."""
    if tag in written:
        return tag
    if primary(tag) in written:
        return primary(tag)
    return next((other for other in written if primary(other) == primary(tag)), None)


def read_prompt(node: Node | None, languages: tuple[str, ...]) -> Prompt | None:
    """Return something said; None if nothing is written, or ``none``.

    A text without a language is the default language's; with several languages the others are then missing, unless
    there is nothing to translate in it.
    """
    if node is None or (isinstance(node, TextNode) and (node.is_empty or node.is_none)):
        return None
    if isinstance(node, MapNode) and not set(node.entries) <= set(SAID_KEYS):
        written = {tag: _wordings(entry.value) for tag, entry in node}
        written = {tag: ways for tag, ways in written.items() if ways}
        found = {tag: match_language(tag, list(written)) for tag in languages}
        if not written:
            return None
        spare = written[found[languages[0]] or next(iter(written))]
        return Prompt(
            wordings={tag: written[source] if source else spare for tag, source in found.items()},
            missing=frozenset(tag for tag, source in found.items() if source is None),
            origin=node.origin,
        )
    ways = _wordings(node)
    if not ways:
        return None
    needs_words = any(
        isinstance(part, str) and any(mark.isalpha() for mark in part) for way in ways for part in way.text.parts
    )
    return Prompt(
        wordings=dict.fromkeys(languages, ways),
        missing=frozenset(languages[1:]) if needs_words else frozenset(),
        origin=node.origin,
    )


def read_goal(node: Node | None, languages: tuple[str, ...]) -> Mapping[str, Template]:
    """Return a text for the model per language; one text serves all."""
    if isinstance(node, MapNode):
        written = {tag: read for tag, entry in node if (read := nodes.template(entry.value))}
        if not written:
            return {}
        first = next(iter(written.values()))
        return {tag: written.get(match_language(tag, list(written)) or "", first) for tag in languages}
    read = nodes.template(node)
    return dict.fromkeys(languages, read) if read else {}


def read_words(node: Node | None, languages: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return what callers say literally, lower case, per language; a list without languages serves all."""
    if isinstance(node, MapNode):
        written = {tag: _lower(nodes.words_of(entry.value)) for tag, entry in node}
        return {tag: written.get(match_language(tag, list(written)) or "", ()) for tag in languages}
    return dict.fromkeys(languages, _lower(nodes.words_of(node)))


def _lower(words: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word.strip().lower() for word in words)


def _wordings(node: Node) -> tuple[Wording, ...]:
    match node:
        case TextNode():
            read = nodes.template(node)
            return (Wording(text=read, origin=node.origin),) if read else ()
        case ListNode():
            return tuple(way for item in node.items for way in _wordings(item))
        case MapNode():
            inner = node.get("text")
            exact, audio = nodes.flag(node, "exact"), nodes.text(node, "audio")
            return tuple(
                Wording(text=way.text, exact=exact, audio=audio, origin=way.origin)
                for way in (_wordings(inner) if inner is not None and not isinstance(inner, MapNode) else ())
            )
