"""Reads values out of nodes; whatever is missing or of the wrong kind is None or empty."""

from __future__ import annotations

from gateway.flows.document import ListNode, MapNode, Node, TextNode
from gateway.flows.expressions.parser import parse_expression, parse_template
from gateway.flows.expressions.syntax import Expression, ExpressionError, Template, plain
from gateway.flows.shapes import NO, YES, condition_text, keypad, span_ms


def text(node: MapNode, key: str) -> str | None:
    """Return a text; None if it is missing, empty or ``none``."""
    value = node.get(key)
    return value.value if isinstance(value, TextNode) and not value.is_empty and not value.is_none else None


def word(node: MapNode, key: str, words: tuple[str, ...], default: str) -> str:
    """Return one of a few words."""
    found = text(node, key)
    return found if found in words else default


def flag(node: MapNode, key: str, default: bool = False) -> bool:
    """Return yes or no."""
    found = (text(node, key) or "").lower()
    return True if found in YES else False if found in NO else default


def count(node: MapNode, key: str) -> int | None:
    """Return a whole number."""
    found = text(node, key)
    return int(found) if found and found.isascii() and found.isdigit() and len(found) < 10 else None


def span(node: MapNode, key: str) -> int | None:
    """Return a length of time in milliseconds."""
    found = text(node, key)
    return span_ms(found) if found else None


def key_of(node: MapNode, key: str) -> str | None:
    """Return a telephone key."""
    found = text(node, key)
    return keypad(found) if found else None


def words_of(value: Node | None) -> tuple[str, ...]:
    """Return a list of texts; a single text is a list of one."""
    if isinstance(value, TextNode):
        return () if value.is_empty or value.is_none else (value.value,)
    if isinstance(value, ListNode):
        return tuple(item.value for item in value.items if isinstance(item, TextNode) and not item.is_empty)
    return ()


def texts(value: Node | None) -> tuple[TextNode, ...]:
    """Return the text nodes of a list, or a single one."""
    if isinstance(value, TextNode):
        return () if value.is_empty else (value,)
    return tuple(item for item in value.items if isinstance(item, TextNode)) if isinstance(value, ListNode) else ()


def template(value: Node | None) -> Template | None:
    """Return a text with ``${…}``; one that can't be read is returned as plain text."""
    if not isinstance(value, TextNode) or value.is_empty:
        return None
    try:
        return parse_template(value.value)
    except ExpressionError:
        return plain(value.value)


def condition(value: Node | None) -> Expression | None:
    """Return a condition, or None if it can't be read."""
    if not isinstance(value, TextNode) or value.is_empty:
        return None
    try:
        return parse_expression(condition_text(value.value))
    except ExpressionError:
        return None


def expression(value: Node | None) -> Expression | None:
    """Return the expression of a ``${…}``, or of a text without; None if it can't be read."""
    read = template(value)
    return None if read is None else read.only or condition(value)
