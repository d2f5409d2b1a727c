"""Drawing SVG by hand: shapes with classes, text that fits its room, waveforms as one path.

Knows nothing of calls. All text is escaped, and numbers are rounded to a tenth of a pixel. Colours and fonts belong to
the style sheet of who draws.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

ELLIPSIS = "…"

# As wide as DejaVu Sans, the widest of the usual sans-serif fonts: in every other one the text fits as well.
_NARROW = frozenset("iljtfrI.,:;'|!()[]{} -·/")
_WIDE = frozenset("mwMW@%—…→⇄")
_BOLD = 1.13


class Pen:
    """Collects SVG elements in the order in which they are painted."""

    def __init__(self) -> None:
        self._elements: list[str] = []

    def rect(
        self, x: float, y: float, width: float, height: float, kind: str, *, radius: float = 0, hint: str = ""
    ) -> None:
        """Draw a rectangle of class ``kind``; ``hint`` shows when the mouse rests on it."""
        corners = f' rx="{_number(radius)}"' if radius else ""
        self._add(
            "rect",
            f'x="{_number(x)}" y="{_number(y)}" width="{_number(max(0.0, width))}" height="{_number(height)}"{corners}',
            kind,
            hint,
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str, *, hint: str = "") -> None:
        """Draw a straight line."""
        self._add("line", f'x1="{_number(x1)}" y1="{_number(y1)}" x2="{_number(x2)}" y2="{_number(y2)}"', kind, hint)

    def path(self, steps: str, kind: str, *, hint: str = "") -> None:
        """Draw a path from its steps, as SVG writes them."""
        self._add("path", f'd="{steps}"', kind, hint)

    def text(self, x: float, y: float, words: str, kind: str, *, hint: str = "") -> None:
        """Write a line with its baseline at ``y``; the class says where ``x`` is and how large the letters are."""
        title = f"<title>{_escaped(hint)}</title>" if hint else ""
        body = f"{title}{_escaped(words)}"
        self._elements.append(f'<text x="{_number(x)}" y="{_number(y)}" class={quoteattr(kind)}>{body}</text>')

    def waveform(
        self, x: float, middle: float, heights: Sequence[float], kind: str, *, width: float, half: float
    ) -> None:
        """Draw heights of 0 to 1 as a shape mirrored at ``middle``, spread over ``width``."""
        if not heights:
            return
        step = width / len(heights)
        edge = [(x + (index + 0.5) * step, max(0.4, height * half)) for index, height in enumerate(heights)]
        upper = [f"{_number(at)} {_number(middle - height)}" for at, height in edge]
        lower = [f"{_number(at)} {_number(middle + height)}" for at, height in reversed(edge)]
        self.path(f"M{_number(x)} {_number(middle)}L{'L'.join(upper)}L{'L'.join(lower)}Z", kind)

    def svg(self, width: float, height: float, *, title: str, about: str, style: str, defs: str = "") -> str:
        """Return the whole picture; ``title`` and ``about`` are read to who can't see it."""
        size = f"{_number(width)} {_number(height)}"
        box = f'width="{_number(width)}" height="{_number(height)}"'
        roles = 'role="img" aria-labelledby="title about"'
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" {box} {roles}>',
                f'<title id="title">{_escaped(title)}</title>',
                f'<desc id="about">{_escaped(about)}</desc>',
                f"<style>{style}</style>",
                f"<defs>{defs}</defs>",
                *self._elements,
                "</svg>",
                "",
            ]
        )

    def _add(self, element: str, shape: str, kind: str, hint: str) -> None:
        head = f"<{element} {shape} class={quoteattr(kind)}"
        self._elements.append(f"{head}><title>{_escaped(hint)}</title></{element}>" if hint else f"{head}/>")


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """Return about how wide a sans-serif text is at a letter size, both in pixels; rather too wide than too narrow."""
    return size * sum(map(_relative_width, text)) * (_BOLD if bold else 1.0)


def fitted(text: str, width: float, size: float) -> str:
    """Return the text, or as much of it as fits with an ellipsis; empty when not even that does."""
    text = " ".join(text.split())
    if text_width(text, size) <= width:
        return text
    room = width - text_width(ELLIPSIS, size)
    kept = ""
    for letter in text:
        room -= text_width(letter, size)
        if room < 0:
            break
        kept += letter
    kept = kept.rstrip()
    return kept + ELLIPSIS if kept else ""


def wrapped(text: str, width: float, size: float, lines: int) -> list[str]:
    """Return the text on at most so many lines that fit; the last ends in an ellipsis if words are left over."""
    words = text.split()
    made: list[str] = []
    line = ""
    while words:
        longer = f"{line} {words[0]}".strip()
        if text_width(longer, size) <= width:
            line = longer
            words.pop(0)
        elif len(made) == lines - 1 or not line:  # the last line, or a word longer than any line
            break
        else:
            made.append(line)
            line = ""
    rest = " ".join([line, *words]).strip()
    if rest and (last := fitted(rest, width, size)):
        made.append(last)
    elif words and made:
        made[-1] = fitted(made[-1] + ELLIPSIS, width, size)
    return made


def _relative_width(letter: str) -> float:
    if letter in _NARROW:
        return 0.36
    if letter in _WIDE or unicodedata.east_asian_width(letter) in "WF":
        return 0.98
    if letter.isupper():
        return 0.72
    return 0.62


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _escaped(text: str) -> str:
    """Escape text for XML, and leave out what XML can't hold at all: control characters and lone surrogates."""
    return escape("".join(letter for letter in text if letter >= " " and unicodedata.category(letter) != "Cs"))
