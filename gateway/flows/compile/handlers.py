"""``always`` handlers out of nodes."""

from __future__ import annotations

from gateway.flows.compile import nodes
from gateway.flows.compile.contracts import read_value
from gateway.flows.compile.merge import as_map
from gateway.flows.compile.places import Places
from gateway.flows.compile.steps import Surroundings
from gateway.flows.compile.texts import read_prompt, read_words
from gateway.flows.document import ListNode, MapNode, Node
from gateway.flows.issues import Origin
from gateway.flows.model import Handler, HangupAction
from gateway.flows.steps import Value

REPEAT = "repeat_step"


def read_handler(name: str, origin: Origin, node: MapNode, places: Places, around: Surroundings) -> Handler:
    """Return a handler; ``repeat`` and others inherit what shared files and the built-in ones say."""
    does = node.get("do")
    go = node.get("go")
    run = nodes.text(node, "run")
    only = node.get("only_from")
    means = nodes.text(node, "means") or ""
    takes = around.subflow_takes.get(around.subflow_names.get(run or "", run or ""), {})
    return Handler(
        name=name,
        origin=origin,
        means=means,
        words=read_words(node.get("words"), around.languages),
        key=nodes.key_of(node, "press"),
        say=read_prompt(node.get("say"), around.languages),
        target=places.target(go, go.origin) if go is not None and nodes.text(node, "go") else None,
        run=around.subflow_names.get(run, run) if run else None,
        arguments=_values(node.get("with"), takes),
        repeats=nodes.text(node, "do") == REPEAT,
        actions=tuple(_action(as_map(item), around) for item in (does.items if isinstance(does, ListNode) else ())),
        after_ms=nodes.span(node, "after"),
        returns=nodes.text(node, "returns") or ("resume" if run else None),  # type: ignore[arg-type]
        not_from=frozenset(_paths(node.get("not_from"), places)),
        only_from=frozenset(_paths(only, places)) if only is not None else None,
    )


def _paths(node: Node | None, places: Places) -> list[str]:
    return [places.step_path(item.value, item.origin) for item in nodes.texts(node)]


def _values(node: Node | None, kinds: object) -> dict[str, Value]:
    wanted = kinds if isinstance(kinds, dict) else {}
    return {
        key: value for key, entry in as_map(node) if (value := read_value(entry.value, wanted.get(key))) is not None
    }


def _action(node: MapNode, around: Surroundings) -> HangupAction:
    tool = nodes.text(node, "call")
    contract = around.tools.get(tool) if tool else None
    sends = contract.sends if contract else {}
    return HangupAction(
        event=nodes.text(node, "event"),
        tool=tool,
        arguments=_values(node.get("with"), {key: field.kind for key, field in sends.items()}),
        sets=_values(node.get("set"), {name: variable.kind for name, variable in around.variables.items()}),
    )
