"""Which names a part of a flow knows, and of what kind they are."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.flows.compile.contracts import slot_kind
from gateway.flows.expressions.kinds import ANY, TEXT, Kind, KindName
from gateway.flows.expressions.syntax import Field, Name, Node
from gateway.flows.model import Slot, Subflow, Tool, Variable
from gateway.flows.steps import AnyStep, Call, Menu, Pay, Run

PAYMENT = Kind(KindName.OBJECT, {"reference": TEXT, "last4": TEXT, "brand": TEXT})
"""What ``payment`` holds once a ``pay`` step ended in ``paid``."""


def kinds_of(
    steps: Mapping[str, AnyStep],
    subflows: Mapping[str, Subflow],
    *,
    variables: Mapping[str, Variable],
    declared: Mapping[str, Mapping[str, Variable]],
    slots: Mapping[str, Slot],
    tools: Mapping[str, Tool],
) -> dict[str, dict[str, Kind]]:
    """Return the names of each part with their kinds: ``""`` is the top (variables, slots, what is saved there)."""
    top = {name: slot_kind(slot) for name, slot in slots.items()}
    top |= {name: variable.kind for name, variable in variables.items()}
    found = {"": top}
    for name, subflow in subflows.items():
        found[name] = {
            **subflow.takes,
            **subflow.returns,
            **{own: variable.kind for own, variable in declared[name].items()},
        }
    for step in steps.values():
        own = found[step.subflow or ""]
        for name, kind in _given(step, subflows, tools, {**top, **own}).items():
            if own.get(name, ANY).name in (KindName.ANY, KindName.OBJECT, KindName.LIST):
                own[name] = kind if own.get(name) is None or kind.fields or kind.item else own[name]
    return found


def _given(
    step: AnyStep, subflows: Mapping[str, Subflow], tools: Mapping[str, Tool], known: Mapping[str, Kind]
) -> dict[str, Kind]:
    """What a step gives to variables, besides ``set``, which gives only to declared ones."""
    match step:
        case Call(save=str(name)):
            return {name: tools[step.tool].result if step.tool in tools else ANY}
        case Menu(save=str(name)):
            return {name: _entry(step.source.root if step.source else None, known)}
        case Run():
            returns = subflows[step.flow].returns if step.flow in subflows else {}
            return {variable: returns.get(given, ANY) for given, variable in step.gives.items()}
        case Pay():
            return {"payment": PAYMENT}
    return {}


def _entry(source: Node | None, known: Mapping[str, Kind]) -> Kind:
    """The kind of a list's entries."""
    match source:
        case Name(name=name):
            return known.get(name, ANY).item or ANY
        case Field(of=Name(name=name), name=field):
            return ((known.get(name, ANY).fields or {}).get(field, ANY)).item or ANY
    return ANY
