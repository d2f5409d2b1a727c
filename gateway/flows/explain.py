"""What holds for a step and where each value was written: ``flow explain``."""

from __future__ import annotations

from gateway.flows.issues import BUILT_IN
from gateway.flows.model import Flow
from gateway.flows.steps import AnyStep, GoTo


def find_step(flow: Flow, name: str) -> list[AnyStep]:
    """Return the steps of a path, or of a name wherever it stands."""
    if name in flow.steps:
        return [flow.steps[name]]
    return [step for step in flow.steps.values() if step.name == name]


def explain(flow: Flow, step: AnyStep) -> str:
    """Return a step in full: its values with their places, its ways out, what leads to it, and what works besides."""
    lines = [f"{step.path}: {step.verb} ({step.origin})"]
    width = max((len(name) for name in step.effective), default=0)
    for name, value in step.effective.items():
        place = "built in" if value.origin.file == BUILT_IN.file else str(value.origin)
        lines.append(f"  {name:<{width}}  {value.value}  [{place}]")
    lines.append("ways out")
    lines += [f"  {way.name} → {way.target}  [{way.origin}]" for way in step.exits] or [
        "  none: the call or subflow ends here"
    ]
    lines.append("what leads here")
    came = [
        f"  {other.path} by {way.name}"
        for other in flow.steps.values()
        for way in other.exits
        if way.target == GoTo(step.path)
    ]
    came += [f"  always.{handler.name}" for handler in flow.handlers.values() if handler.target == GoTo(step.path)]
    if flow.start == step.path:
        came.insert(0, "  the start of the call")
    lines += came or ["  nothing"]
    lines.append("works here too")
    for handler in flow.handlers.values():
        if handler.works_in(step.path) and (handler.key or handler.means):
            key = f" (key {handler.key})" if handler.key else ""
            place = "built in" if handler.origin.file == BUILT_IN.file else str(handler.origin)
            does = handler.target or handler.run or ("says it again" if handler.repeats else "")
            lines.append(f"  {handler.name}{key} → {does}  [{place}]")
    return "\n".join(lines)
