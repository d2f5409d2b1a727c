"""How a timeline looks: its colours in light and dark, its letters, its hatching. No rules live here."""

from __future__ import annotations

from typing import Final

DEFS: Final = (
    '<pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect width="2.6" height="6" class="hatch"/></pattern>'
)

_LIGHT: Final = """
text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:#232a36}
.paper{fill:#fcfbf8}
.title{font-size:22px;font-weight:650;letter-spacing:-.2px}
.subtitle{font-size:13px;fill:#667085}
.badge.good{fill:#dcf3e8}.badge.bad{fill:#fbe1de}
.badge-text{font-size:13px;font-weight:600;text-anchor:middle}
.badge-text.good{fill:#0b6b50}.badge-text.bad{fill:#a82e25}
.chip{fill:#f1efe9}
.chip-figure{font-size:13px;font-weight:650}
.chip-text{font-size:12px;fill:#667085}
.lane{font-size:10px;font-weight:650;letter-spacing:.9px;text-anchor:end;fill:#98a1b0}
.lane.caller{fill:#2b62c4}.lane.agent{fill:#0b7d60}
.grid{stroke:#eceae3;stroke-width:1}
.axis{stroke:#d3d0c7;stroke-width:1}
.tick{font-size:10.5px;fill:#8b94a3;text-anchor:middle}
.wave.caller{fill:#4f8af0}.wave.agent{fill:#1fae88}
.card{stroke-width:1}
.card.caller{fill:#e9f1fe;stroke:#cfe0fb}.card.agent{fill:#e3f6ef;stroke:#c3e9dc}
.card.missing{fill:#f4f2ed;stroke:#e4e1d9}
.words{font-size:11.5px}
.words.caller{fill:#1b3f80}.words.agent{fill:#0a4d3c}
.words.missing{fill:#8b94a3;font-style:italic}
.bar.caller{fill:#2f6fde}.bar.agent{fill:#0f9d7a}.bar.missing{opacity:.5}
.unheard{fill:url(#hatch);stroke:#c9a29c;stroke-width:.7}
.hatch{fill:#d98d85}
.pole{stroke-width:1.2;stroke-dasharray:3 3}
.pole.barge,.pole.bad{stroke:#d6453d}.pole.plain{stroke:#b9c0cb}.pole.end{stroke:#0f9d7a}
.pole-key{fill:#d6453d}
.flag.barge,.flag.bad{fill:#d6453d}.flag.plain{fill:#e8e6df}.flag.end{fill:#0f9d7a}
.flag-text{font-size:10.5px;font-weight:600}
.flag-text.barge,.flag-text.bad,.flag-text.end{fill:#ffffff}.flag-text.plain{fill:#4a5362}
.wait{stroke:#c58a1b;stroke-width:1.4;fill:none}
.wait-key{fill:#c58a1b}
.wait-pill{fill:#fdf1d3}
.wait-text{font-size:10.5px;font-weight:650;text-anchor:middle;fill:#7c5406}
.tool{fill:#8a5fd0}.tool.failed{fill:#d6453d}
.tool-text{font-size:10.5px;fill:#5d3f95}
.before{text-anchor:end}
.legend{font-size:11.5px;fill:#667085}
"""

_DARK: Final = """
text{fill:#e6e9ef}
.paper{fill:#14171e}
.subtitle,.chip-text,.legend{fill:#98a2b3}
.badge.good{fill:#12392d}.badge.bad{fill:#4a1f1c}
.badge-text.good{fill:#7fe0bd}.badge-text.bad{fill:#ffaaa2}
.chip{fill:#20252f}
.lane{fill:#6f7a8b}.lane.caller{fill:#7fabf7}.lane.agent{fill:#54cfa9}
.grid{stroke:#20252f}.axis{stroke:#39414f}.tick{fill:#7b8696}
.card.caller{fill:#182a4a;stroke:#25406e}.card.agent{fill:#10332a;stroke:#1b5143}
.card.missing{fill:#1c2029;stroke:#2b313d}
.words.caller{fill:#c4d9ff}.words.agent{fill:#b6ecda}.words.missing{fill:#7b8696}
.flag.plain{fill:#2b313d}.flag-text.plain{fill:#c3cad5}.pole.plain{stroke:#465062}
.wait-pill{fill:#3d2f0d}.wait-text{fill:#f3cf7f}
.tool-text{fill:#c6aef3}
.hatch{fill:#9c4a43}.unheard{stroke:#6d3a35}
"""

STYLE: Final = (_LIGHT + "@media (prefers-color-scheme:dark){" + _DARK + "}").replace("\n", "")
"""The style sheet of the picture."""
