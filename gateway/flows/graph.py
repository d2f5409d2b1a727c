"""A flow as a picture: Mermaid text, or SVG drawn here.

The layout is layered: a step stands one layer below the step that leads to it first (breadth first from the start),
and the order within a layer follows the middle of what leads there, swept a few times. Subflows are boxes of their
own, handlers a list at the side. Steps can be coloured by how tests covered them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import pairwise
from typing import Final

from gateway.flows.model import Flow
from gateway.flows.steps import AnyStep, GoTo, Hangup, Return, Run
from gateway.flows.steps import Exit as StepExit

BOX_W: Final = 168
BOX_H: Final = 46
GAP_X: Final = 60
GAP_Y: Final = 70
MARGIN: Final = 28
_END: Final = "·end"
_FILL: Final = {
    "say": "#e8f1fb", "hangup": "#e8f1fb", "menu": "#fff3d6", "ask": "#fff3d6", "confirm": "#fff3d6", "talk": "#f1e6fb",
    "call": "#e3f5e8", "decide": "#f3f3f3", "hours": "#f3f3f3", "set": "#f3f3f3", "clear": "#f3f3f3",
    "language": "#f3f3f3",
    "transfer": "#fde7e2", "voicemail": "#fde7e2", "pay": "#fde7e2", "run": "#e4f3f5", "return": "#e4f3f5",
}  # fmt: skip
_MERMAID: Final = {
    "decide": ("{", "}"), "hours": ("{", "}"), "menu": ("{{", "}}"), "ask": ("[/", "/]"), "confirm": ("{{", "}}"),
    "talk": ("([", "])"), "call": ("[[", "]]"), "run": ("[[", "]]"), "transfer": (">", "]"), "hangup": ("((", "))"),
    "return": ("((", "))"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is known of each step and exit: how often tests or callers came by. Keys: ``path`` and ``path>exit``."""

    counts: Mapping[str, int] = field(default_factory=dict)

    def colour(self, key: str) -> str:
        """Return green where somebody came by, red where nobody did."""
        return "#2f8f4e" if self.counts.get(key) else "#c0392b"


def mermaid(flow: Flow, *, overlay: Overlay | None = None, collapse: bool = False) -> str:
    """Return a flow as a Mermaid flowchart.

    Args:
        flow: what to draw.
        overlay: colours steps by how often somebody came by.
        collapse: leave the insides of subflows out.
    """
    lines = ["flowchart TD", f"  start((start)) --> {_id(flow.start)}"]
    for sub in (None, *flow.subflows):
        if sub is not None:
            if collapse:
                continue
            lines.append(f'  subgraph {_id("sub." + sub)}["{sub}"]')
        for step in flow.steps_of(sub):
            before, after = _MERMAID.get(step.verb, ("[", "]"))
            lines.append(f'  {_id(step.path)}{before}"{_label(step)}"{after}')
        if sub is not None:
            lines.append("  end")
    ends = False
    for step in flow.steps.values():
        if collapse and step.subflow:
            continue
        for target, names in _edges(step).items():
            ends = ends or target == _END
            arrow = "-.->" if names == ["guard"] else "-->"
            label = "" if names == ["next"] else f'|"{", ".join(names)}"|'
            lines.append(f"  {_id(step.path)} {arrow}{label} {'hung_up' if target == _END else _id(target)}")
        if isinstance(step, Run) and step.flow in flow.subflows and not collapse:
            lines.append(f"  {_id(step.path)} -.-> {_id(flow.subflows[step.flow].start)}")
    if ends:
        lines.append("  hung_up((end of call))")
    works = [
        f"{handler.name}{f' ({handler.key})' if handler.key else ''}: {handler.target}"
        for handler in flow.handlers.values()
        if isinstance(handler.target, GoTo)
    ]
    if works:
        lines.append(f'  always["always<br/>{"<br/>".join(works)}"]')
    if overlay:
        lines += [
            f"  style {_id(step.path)} stroke:{overlay.colour(step.path)},stroke-width:3px"
            for step in flow.steps.values()
            if not (collapse and step.subflow)
        ]
    return "\n".join(lines) + "\n"


def svg(flow: Flow, *, overlay: Overlay | None = None, collapse: bool = False) -> str:
    """Return a flow as an SVG picture; arguments as for :func:`mermaid`."""
    drawings = [_Drawing(flow, None, overlay)]
    if not collapse:
        drawings += [_Drawing(flow, name, overlay) for name in flow.subflows]
    width = max(drawing.width for drawing in drawings) + 2 * MARGIN + _HANDLER_W
    pieces: list[str] = []
    top = MARGIN + 28
    for drawing in drawings:
        if drawing.subflow is not None:
            pieces.append(
                f'<rect x="{MARGIN / 2}" y="{top - 34}" width="{drawing.width + MARGIN}" '
                f'height="{drawing.height + 50}" rx="10" '
                f'fill="none" stroke="#9aa5b1" stroke-dasharray="6 4"/>'
                f'<text x="{MARGIN}" y="{top - 16}" class="title">{escape(drawing.subflow)}</text>'
            )
        pieces.append(f'<g transform="translate({MARGIN},{top})">{drawing.body()}</g>')
        top += drawing.height + 70
    pieces.append(_handler_box(flow, width - _HANDLER_W))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {top:.0f}" '
        f'width="{width:.0f}" height="{top:.0f}" '
        f'role="img" aria-label="{escape(flow.title)}">'
    )
    style = (
        "<style>text{font:12px system-ui,sans-serif;fill:#1f2933}.title{font-weight:600;font-size:14px}"
        ".small{font-size:10px;fill:#3e4c59}</style>"
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto-start-reverse">'
        '<path d="M0 0 8 4 0 8z" fill="#7b8794"/></marker></defs><rect width="100%" height="100%" fill="#fff"/>'
    )
    title = f'<text x="{MARGIN}" y="{MARGIN}" class="title">{escape(flow.title)}</text>'
    return f"{head}{style}{title}{''.join(pieces)}</svg>\n"


_HANDLER_W: Final = 230


def _id(path: str) -> str:
    return "s_" + path.replace(".", "__")


def _label(step: AnyStep) -> str:
    detail = {
        "return": getattr(step, "outcome", ""),
        "run": getattr(step, "flow", ""),
        "call": getattr(step, "tool", ""),
    }
    more = detail.get(step.verb, "")
    return f"{step.name}<br/>{step.verb}{f' {more}' if more else ''}"


def _edges(step: AnyStep) -> dict[str, list[str]]:
    """Return where a step leads, and by which exits."""
    found: dict[str, list[str]] = {}
    for way in step.exits:
        found.setdefault(_where(way), []).append(way.name)
    return {target: names for target, names in found.items() if target}


def _where(way: StepExit) -> str:
    if isinstance(way.target, GoTo):
        return way.target.step
    return _END if str(way.target) == "end_call" else ""


def _handler_box(flow: Flow, x: float) -> str:
    lines: list[str] = []
    for handler in flow.handlers.values():
        key = f" [{handler.key}]" if handler.key else ""
        does = handler.target or handler.run or ("repeat" if handler.repeats else "…")
        lines.append(f"{handler.name}{key} → {does}")
    texts = "".join(
        f'<text x="{x + 10}" y="{MARGIN + 44 + at * 17}">{escape(line)}</text>' for at, line in enumerate(lines)
    )
    return (
        f'<rect x="{x}" y="{MARGIN}" width="{_HANDLER_W - MARGIN}" height="{36 + len(lines) * 17}" rx="8" '
        'fill="#fafafa" stroke="#cbd2d9"/>'
        f'<text x="{x + 10}" y="{MARGIN + 22}" class="title">always</text>{texts}'
    )


class _Drawing:
    """One part of a flow: the top, or a subflow."""

    def __init__(self, flow: Flow, subflow: str | None, overlay: Overlay | None) -> None:
        self.subflow = subflow
        self._overlay = overlay
        self._steps = {step.path: step for step in flow.steps_of(subflow)}
        start = flow.start if subflow is None else flow.subflows[subflow].start
        self._layers = _layers(self._steps, start)
        self._place = _places(self._layers)
        most = max((len(layer) for layer in self._layers), default=1)
        self.width = most * (BOX_W + GAP_X) - GAP_X
        self.height = len(self._layers) * (BOX_H + GAP_Y) - GAP_Y

    def body(self) -> str:
        """Return the arrows, their labels over them, and the boxes on top."""
        arrows: list[str] = []
        labels: list[str] = []
        for step in self._steps.values():
            for target, names in _edges(step).items():
                if target in self._place:
                    arrow, label = self._arrow(step, target, names)
                    arrows.append(arrow)
                    labels.append(label)
        return "".join(arrows + labels) + "".join(self._box(step) for step in self._steps.values())

    def _centre(self, path: str) -> tuple[float, float]:
        layer, column = self._place[path]
        own = len(self._layers[layer]) * (BOX_W + GAP_X) - GAP_X
        return (self.width - own) / 2 + column * (BOX_W + GAP_X) + BOX_W / 2, layer * (BOX_H + GAP_Y) + BOX_H / 2

    def _arrow(self, step: AnyStep, target: str, names: Sequence[str]) -> tuple[str, str]:
        """Return an arrow and its label: down in a curve, to a neighbour straight, back up around the side."""
        x1, y1 = self._centre(step.path)
        x2, y2 = self._centre(target)
        side = 1 if x2 >= x1 else -1
        near = 0.64
        if y2 > y1:
            y1, y2 = y1 + BOX_H / 2, y2 - BOX_H / 2
            middle = (y1 + y2) / 2
            curve = ((x1, y1), (x1, middle), (x2, middle), (x2, y2))
        elif y2 == y1 and 0 < abs(x2 - x1) < 1.5 * (BOX_W + GAP_X):
            x1, x2 = x1 + side * BOX_W / 2, x2 - side * BOX_W / 2
            curve = ((x1, y1), (x1, y1), (x2, y2), (x2, y2))
            near = 0.5
        else:
            x1, x2 = x1 + side * BOX_W / 2, x2 + side * BOX_W / 2
            out = max(x1 * side, x2 * side) * side + side * 30
            curve = ((x1, y1), (out, y1), (out, y2), (x2, y2))
            near = 0.12
        keys = [f"{step.path}>{name}" for name in names]
        colour = "#7b8794"
        if self._overlay:
            colour = self._overlay.colour(next((key for key in keys if self._overlay.counts.get(key)), keys[0]))
        dash = ' stroke-dasharray="4 3"' if list(names) == ["guard"] else ""
        start, *rest = (f"{x:.0f} {y:.0f}" for x, y in curve)
        path = f"M{start}C{' '.join(rest)}"
        arrow = f'<path d="{path}" fill="none" stroke="{colour}"{dash} marker-end="url(#tip)"/>'
        label = "" if list(names) == ["next"] else ", ".join(names)
        if not label:
            return arrow, ""
        x, y = _on_curve(curve, near)
        shown = label if len(label) <= 30 else label[:29] + "…"
        half = len(shown) * 2.7 + 2
        back = (
            f'<rect x="{x - half:.0f}" y="{y - 7:.0f}" width="{2 * half:.0f}" height="13" fill="#fff" opacity="0.85"/>'
        )
        text = f'<text x="{x:.0f}" y="{y + 3:.0f}" class="small" text-anchor="middle">{escape(shown)}</text>'
        return arrow, back + text

    def _box(self, step: AnyStep) -> str:
        x, y = self._centre(step.path)
        left, top = x - BOX_W / 2, y - BOX_H / 2
        stroke = self._overlay.colour(step.path) if self._overlay else "#7b8794"
        radius = 23 if isinstance(step, (Hangup, Return)) else 3 if step.verb in ("decide", "hours") else 8
        name = step.name if len(step.name) <= 24 else step.name[:23] + "…"
        return (
            f'<g><title>{escape(step.path)}</title><rect x="{left:.0f}" y="{top:.0f}" width="{BOX_W}" height="{BOX_H}" '
            f'rx="{radius}" fill="{_FILL.get(step.verb, "#fff")}" stroke="{stroke}"/>'
            f'<text x="{x:.0f}" y="{y - 2:.0f}" text-anchor="middle">{escape(name)}</text>'
            f'<text x="{x:.0f}" y="{y + 14:.0f}" text-anchor="middle" class="small">{escape(step.verb)}</text></g>'
        )


def _on_curve(curve: Sequence[tuple[float, float]], at: float) -> tuple[float, float]:
    """Return a point of a cubic curve; ``at`` goes from 0 to 1."""
    weights = ((1 - at) ** 3, 3 * at * (1 - at) ** 2, 3 * at**2 * (1 - at), at**3)
    x = sum(weight * point[0] for weight, point in zip(weights, curve, strict=True))
    y = sum(weight * point[1] for weight, point in zip(weights, curve, strict=True))
    return x, y


def _layers(steps: Mapping[str, AnyStep], start: str) -> list[list[str]]:
    """Return step paths by layer: breadth first from the start; what nothing leads to comes last."""
    layer: dict[str, int] = {}
    open_ = [start] if start in steps else []
    layer.update(dict.fromkeys(open_, 0))
    while open_:
        path = open_.pop(0)
        for target in _edges(steps[path]):
            if target in steps and target not in layer:
                layer[target] = layer[path] + 1
                open_.append(target)
    for path in steps:
        if path not in layer:
            layer[path] = max(layer.values(), default=-1) + 1
            open_ = [path]
            while open_:
                current = open_.pop(0)
                for target in _edges(steps[current]):
                    if target in steps and target not in layer:
                        layer[target] = layer[current] + 1
                        open_.append(target)
    found: list[list[str]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for path in steps:
        found[layer[path]].append(path)
    for _ in range(4):
        _sweep(found, steps)
    return found


def _sweep(layers: list[list[str]], steps: Mapping[str, AnyStep]) -> None:
    """Order each layer by the middle of what leads to its steps."""
    leads: dict[str, list[str]] = {path: [] for path in steps}
    for path, step in steps.items():
        for target in _edges(step):
            if target in leads:
                leads[target].append(path)
    for above, layer in pairwise(layers):
        at = {path: place / max(len(above) - 1, 1) for place, path in enumerate(above)}

        def middle(path: str, at: Mapping[str, float] = at) -> float:
            near = [at[other] for other in leads[path] if other in at]
            return sum(near) / len(near) if near else 1.0

        layer.sort(key=middle)


def _places(layers: Sequence[Sequence[str]]) -> dict[str, tuple[int, int]]:
    return {path: (depth, column) for depth, layer in enumerate(layers) for column, path in enumerate(layer)}
