"""What holds when no file says anything: timings, limits and the handlers that every flow has.

Words are the flow's own.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from gateway.flows.document import Entry, MapNode, Node, TextNode, read_source
from gateway.flows.issues import BUILT_IN, Findings

TEXT: Final = """\
defaults:
  say: {interrupt: allowed}
  menu: {limit: 3, interrupt: allowed, type_ahead: yes}
  ask: {limit: 3, interrupt: allowed, type_ahead: yes, style: one_by_one}
  confirm: {limit: 3, interrupt: allowed, type_ahead: no}
  talk: {interrupt: allowed}
  call: {timeout: 5s, retry: 0, filler_after: 700ms}
  transfer: {ring_for: 30s}
  voicemail: {max_time: 2m, silence: 5s, end_key: pound}
  pay: {attempts: 2}
  speech: {digit_gap: 3s, end_key: pound}
always:
  person: {press: "0", means: asks for a human being, go: agent_exit}
  repeat: {press: "*", means: asks to hear that again, do: repeat_step}
  silence: {after: 6s}
  error: {go: agent_exit}
"""


@cache
def built_in() -> MapNode:
    """Return the built-in ``defaults`` and ``always``."""
    root = _nowhere(read_source(TEXT, BUILT_IN.file, Findings()).root)
    assert isinstance(root, MapNode)
    return root


def _nowhere(node: Node) -> Node:
    """A node without a line: nobody can open the built-in file."""
    if isinstance(node, MapNode):
        entries = {key: Entry(TextNode(key, BUILT_IN), _nowhere(entry.value)) for key, entry in node}
        return MapNode(entries, BUILT_IN)
    assert isinstance(node, TextNode)
    return TextNode(node.value, BUILT_IN, quoted=node.quoted)
