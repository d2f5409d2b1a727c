"""Reading a caller's script from YAML; every complaint names file and line.

All scalars are read as text and turned into what the field wants, so that ``press: 0123`` keeps its nought. Duplicate
keys, aliases and merges are refused: they make a script say something else than it seems to.

    name: interrupter
    about: lets the agent talk for a moment and cuts in
    limit_ms: 60000
    line: {noise_dbfs: -45}
    steps:
      - wait_for_agent: to finish
      - say: "What are your opening hours?"
      - interrupt_after_ms: 800
      - say: {text: "No, wait.", speed: 1.2}
      - hang_up
    expect: {ended_by: caller, within_ms: 45000}
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import yaml

from gateway.errors import ConfigurationError
from gateway.simulator.carriers.twilio import KEYS
from gateway.simulator.line import Line
from gateway.simulator.script import (
    Agent,
    EndedBy,
    Expect,
    HangUp,
    InterruptAfter,
    PlayFile,
    Press,
    Say,
    Script,
    StaySilent,
    Step,
    WaitForAgent,
)

_LONGEST_MS: Final = 24 * 3600 * 1000


def load_script(path: Path | str) -> Script:
    """Return the script in a file; WAV files are looked for beside it.

    Raises:
        ConfigurationError: the file can't be read, or is no script; a line for the first fault, with its place.

    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"script {path}: {error}") from error
    return parse_script(text, str(path), path.parent)


def parse_script(text: str, source: str = "script", folder: Path | None = None) -> Script:
    """Return the script in ``text``.

    Args:
        text: YAML, as the module's first lines show it.
        source: what complaints call it, usually the file's name.
        folder: where ``play`` looks for WAV files; None is the working directory.

    Raises:
        ConfigurationError: it is no script; says where and what was wanted.

    """
    reader = _Reader(source, folder or Path())
    try:
        for token in yaml.scan(text, Loader=yaml.BaseLoader):
            if isinstance(token, yaml.AliasToken):
                line = token.start_mark.line + 1
                raise ConfigurationError(f"{source} line {line}: *{token.value} is a YAML alias; write the value out")
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"{source}{where}: not YAML: {getattr(error, 'problem', None) or error}") from error
    if root is None:
        raise ConfigurationError(f"{source} line 1: the script is empty; wanted at least 'steps:'")
    return reader.script(root)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns composed YAML nodes into a script, complaining with their places."""

    source: str
    folder: Path

    def script(self, root: yaml.Node) -> Script:
        entries = self.mapping(root, "script", [field.name for field in fields(Script)])
        given = self.values(
            {name: node for name, node in entries.items() if name not in {"steps", "expect", "line"}},
            {
                "name": self.text,
                "about": self.text,
                "language": self.text,
                "voice": self.text,
                "speed": self.speed,
                "limit_ms": self.milliseconds,
            },
        )
        if steps := entries.get("steps"):
            if not isinstance(steps, yaml.SequenceNode):
                raise self.fault(steps, "steps: wanted a list, a step on each line behind a dash")
            given["steps"] = tuple(self.step(node) for node in steps.value)
        if expect := entries.get("expect"):
            given["expect"] = self.expect(expect)
        if line := entries.get("line"):
            given["line"] = self.line(line)
        return Script(**given)

    def expect(self, node: yaml.Node) -> Expect:
        entries = self.mapping(node, "expect", [field.name for field in fields(Expect)])
        read: dict[str, Callable[[yaml.Node], object]] = {
            "ended_by": lambda node: EndedBy(self.one_of(node, list(EndedBy))),
            "transferred_to": self.text,
            "within_ms": self.milliseconds,
            "answered_within_ms": self.milliseconds,
            "clears_at_least": self.whole,
        }
        return Expect(**self.values(entries, read))

    def line(self, node: yaml.Node) -> Line:
        entries = self.mapping(node, "line", [field.name for field in fields(Line)])
        read: dict[str, Callable[[yaml.Node], object]] = {
            "second_voice": self.text,
            "loss_pattern": self.pattern,
            "seed": self.whole,
            "echo_delay_ms": self.milliseconds,
        }
        read |= {field.name: self.number for field in fields(Line) if field.name not in read}
        try:
            return Line(**self.values(entries, read))
        except ValueError as error:
            raise self.fault(node, str(error)) from error

    def step(self, node: yaml.Node) -> Step:
        line = node.start_mark.line + 1
        names = [*_STEPS, "hang_up"]
        if isinstance(node, yaml.ScalarNode):
            word = self.one_of(node, names, "step")
            if word != "hang_up":
                raise self.fault(node, f"step {word!r} wants a value: write '{word}: …'")
            return HangUp(line)
        if not isinstance(node, yaml.MappingNode) or len(node.value) != 1:
            raise self.fault(node, f"a step has one name; wanted one of {', '.join(names)}")
        ((name, value),) = self.mapping(node, "step", names).items()
        if name == "hang_up":
            if not isinstance(value, yaml.ScalarNode) or value.value not in {"", "true"}:
                raise self.fault(value, "hang_up takes no value")
            return HangUp(line)
        kind, main, readers = _STEPS[name]
        if not isinstance(value, yaml.MappingNode):
            return kind(**{main: readers[main](self, value)}, line=line)
        options = {_OPTION_NAMES.get((name, option), option): option for option in readers}
        entries = self.mapping(value, name, options)
        given = {options[option]: readers[options[option]](self, node) for option, node in entries.items()}
        if main not in given:
            raise self.fault(value, f"{name}: wanted {_OPTION_NAMES.get((name, main), main)!r} among its options")
        return kind(**given, line=line)

    # --- values --------------------------------------------------------------------------------------------------

    def values(
        self, entries: Mapping[str, yaml.Node], read: Mapping[str, Callable[[yaml.Node], object]]
    ) -> dict[str, Any]:
        return {name: read[name](node) for name, node in entries.items()}

    def text(self, node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode):
            raise self.fault(node, "wanted a text")
        if not (text := str(node.value).strip()):
            raise self.fault(node, "the text is empty")
        return text

    def whole(self, node: yaml.Node) -> int:
        try:
            return int(self.text(node))
        except ValueError:
            raise self.fault(node, f"{node.value!r} is not a whole number") from None

    def number(self, node: yaml.Node) -> float:
        try:
            value = float(self.text(node))
        except ValueError:
            value = float("nan")
        if not -1e9 < value < 1e9:
            raise self.fault(node, f"{node.value!r} is not a number")
        return value

    def milliseconds(self, node: yaml.Node) -> int:
        value = self.whole(node)
        if not 0 <= value <= _LONGEST_MS:
            raise self.fault(node, f"{value} ms; wanted 0 to {_LONGEST_MS}")
        return value

    def speed(self, node: yaml.Node) -> float:
        value = self.number(node)
        if not 0.5 <= value <= 2.5:
            raise self.fault(node, f"speed {value}; wanted 0.5 to 2.5")
        return value

    def keys(self, node: yaml.Node) -> str:
        keys = self.text(node)
        if wrong := sorted(set(keys) - KEYS):
            raise self.fault(node, f"key {wrong[0]!r} is on no telephone; wanted 0-9 * # A-D")
        return keys

    def agent(self, node: yaml.Node) -> Agent:
        return Agent(self.one_of(node, list(Agent)))

    def wav(self, node: yaml.Node) -> Path:
        path = self.folder / self.text(node)
        if not path.is_file():
            raise self.fault(node, f"play: there is no file {path}")
        return path

    def pattern(self, node: yaml.Node) -> tuple[bool, ...]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self.fault(node, "loss_pattern: wanted a list such as [true, false, false]")
        return tuple(self.one_of(part, ["true", "false"]) == "true" for part in node.value)

    def one_of(self, node: yaml.Node, words: Iterable[str], what: str = "") -> str:
        words = [str(word) for word in words]
        text = self.text(node)
        if text not in words:
            raise self.fault(node, f"{what + ' ' if what else ''}{text!r} is unknown; {_nearest(text, words)}")
        return text

    # --- nodes ---------------------------------------------------------------------------------------------------

    def mapping(self, node: yaml.Node, what: str, names: Iterable[str]) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            raise self.fault(node, f"{what}: wanted names with values")
        known = list(names)
        entries: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self.text(key)
            if name not in known:
                raise self.fault(key, f"{what} has no {name!r}; {_nearest(name, known)}")
            if name in entries:
                raise self.fault(key, f"{what}: {name!r} stands here twice")
            entries[name] = value
        return entries

    def fault(self, node: yaml.Node, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self.source} line {node.start_mark.line + 1}: {what}")


_Read = Callable[[_Reader, yaml.Node], Any]
_STEPS: Final[Mapping[str, tuple[Callable[..., Step], str, Mapping[str, _Read]]]] = {
    "say": (
        Say,
        "text",
        {"text": _Reader.text, "language": _Reader.text, "voice": _Reader.text, "speed": _Reader.speed},
    ),
    "play": (PlayFile, "path", {"path": _Reader.wav}),
    "wait_for_agent": (
        WaitForAgent,
        "agent",
        {"agent": _Reader.agent, "settle_ms": _Reader.milliseconds, "within_ms": _Reader.milliseconds},
    ),
    "interrupt_after_ms": (
        InterruptAfter,
        "heard_ms",
        {"heard_ms": _Reader.milliseconds, "within_ms": _Reader.milliseconds},
    ),
    "press": (Press, "keys", {"keys": _Reader.keys, "gap_ms": _Reader.milliseconds}),
    "silent_ms": (StaySilent, "duration_ms", {"duration_ms": _Reader.milliseconds}),
}
_OPTION_NAMES: Final[Mapping[tuple[str, str], str]] = {
    ("wait_for_agent", "agent"): "for",
    ("play", "path"): "file",
    ("silent_ms", "duration_ms"): "ms",
}
"""What YAML calls a field where the field's own name would read badly."""


def _nearest(word: str, words: Iterable[str]) -> str:
    known = list(words)
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"nearest: {near[0]!r}" if near else f"wanted one of {', '.join(known)}"
