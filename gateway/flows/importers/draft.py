"""A flow while it is being written by an importer: parts, steps, and the file that they become."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from gateway.flows.importers.notes import Notes, Verdict
from gateway.flows.importers.yaml_text import WIDTH, Yaml, lines_of
from gateway.flows.language import RESERVED, STEP_VERBS

Body = dict[str, Yaml]
"""A step as it will stand in the file."""

EVERYDAY: Final = "shared/everyday.yaml"
BY_KEYS: Final = "Please use your keypad."
"""Added to questions for secrets, which are taken by keys only."""
UNKNOWN_QUEUE: Final = "queue:agents"
"""Where a person is, when the source does not say it."""
_SECRET_WORDS: Final = re.compile(r"(^|_)(pin|password|passcode|cvv2?|cvc2?|security_code|otp|clave)(_|$)")
_CARD_WORDS: Final = re.compile(r"(^|_)(card_number|credit_card|pan)(_|$)")


def word(text: str, otherwise: str = "step") -> str:
    """Return a name of the language made of any text: ``Main Menu #2`` → ``main_menu_2``."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain)
    name = re.sub(r"[^a-z0-9]+", "_", spaced.lower()).strip("_")
    if not name:
        return otherwise
    name = name if name[0].isalpha() else f"{otherwise}_{name}"
    return f"{name}_step" if name in RESERVED else name


def humanized(name: str) -> str:
    """Return a name as words: ``pay_bill`` → ``pay bill``."""
    return name.replace("_", " ").strip()


def private_slot(name: str) -> Body | None:
    """Return the slot that a name like ``pin`` or ``card_number`` wants; None if it sounds harmless."""
    if _CARD_WORDS.search(name):
        return {"type": "card_number", "input": "keys_only", "privacy": "card"}
    if _SECRET_WORDS.search(name):
        return {"type": "digits", "min_length": 3, "max_length": 8, "input": "keys_only", "privacy": "secret"}
    return None


@dataclass
class Part:
    """The steps of a flow's top, or of one subflow."""

    name: str = ""
    """The subflow; empty: the top."""
    start: str = ""
    steps: dict[str, Body] = field(default_factory=dict)
    title: str = ""
    outcomes: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def free(self, wanted: str) -> str:
        """Return a name like the wanted one that no step has, and reserve it."""
        base = word(wanted)
        name, number = base, 2
        while name in self.taken:
            name, number = f"{base}_{number}", number + 1
        self.taken.add(name)
        return name

    def path(self, step: str) -> str:
        """Return a step's path."""
        return f"{self.name}.{step}" if self.name else step

    def drop_unreachable(self, also: Iterable[str] = ()) -> list[str]:
        """Take out steps that no way leads to from the start or from ``also``; returns their names."""
        reached: set[str] = set()
        waiting = [self.start, *also]
        while waiting:
            name = waiting.pop()
            if name in self.steps and name not in reached:
                reached.add(name)
                waiting += targets(self.steps[name])
        gone = [name for name in self.steps if name not in reached]
        for name in gone:
            del self.steps[name]
        return gone


def targets(body: Mapping[str, Yaml]) -> Iterator[str]:
    """Return the steps that a step leads to."""
    for key in ("next", "else", "go"):
        if isinstance(where := body.get(key), str):
            yield where
    for key in ("then", "listen_for"):
        if isinstance(ways := body.get(key), Mapping):
            yield from (where for where in ways.values() if isinstance(where, str))
    menu = body.get("menu")
    for inner in (body.get("guard"), *(menu.values() if isinstance(menu, Mapping) else ()), body.get("exits")):
        if isinstance(inner, Mapping):
            yield from targets(inner)
            for entry in inner.values():
                if isinstance(entry, Mapping):
                    yield from targets(entry)
    lines = body.get("decide")
    for line in lines if isinstance(lines, list) else ():
        yield from targets(line)


@dataclass
class Draft:
    """A flow, as far as it is written."""

    flow: str
    title: str
    source: str
    """What it was made of, for the file's first line."""
    languages: list[str] = field(default_factory=lambda: ["en-US"])
    persona: str = "Friendly and brief."
    top: Part = field(default_factory=Part)
    agent_exit: str = ""
    slots: dict[str, Body] = field(default_factory=dict)
    variables: dict[str, Body] = field(default_factory=dict)
    always: dict[str, Body] = field(default_factory=dict)
    recording: Body = field(default_factory=dict)
    subflows: dict[str, Part] = field(default_factory=dict)
    tools: dict[str, Body] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)

    @property
    def parts(self) -> list[Part]:
        """The top and the subflows."""
        return [self.top, *self.subflows.values()]

    @property
    def tools_file(self) -> str:
        """Where the contracts of its tools go."""
        return f"shared/{self.flow}_tools.yaml"

    def files(self) -> dict[str, str]:
        """Return the flow's own files: path inside the flows folder → text."""
        found = {f"{self.flow}.yaml": self._flow_text()}
        if self.tools:
            found[self.tools_file] = self._tools_text()
        return found

    def _flow_text(self) -> str:
        lines = [
            "# yaml-language-server: $schema=flow.schema.json",
            f"# Imported from {self.source}.",
            f"# {self.flow}.import.md tells what was kept, what changed and what needs you.",
        ]
        header: Body = {"flow": self.flow, "format": 1, "version": 1, "title": self.title, "languages": self.languages}
        header["use"] = [EVERYDAY, *([self.tools_file] if self.tools else [])]
        lines += [line for key, value in header.items() for line in lines_of(key, value, 0)]
        lines += ["", *lines_of("persona", self.persona, 0)]
        if self.recording:
            lines += lines_of("recording", self.recording, 0)
        for key, section in (("slots", self.slots), ("variables", self.variables), ("always", self.always)):
            if section:
                lines += ["", f"{key}:", *(line for name, body in section.items() for line in lines_of(name, body, 2))]
        lines += ["", *([f"agent_exit: {self.agent_exit}"] if self.agent_exit else []), f"start: {self.top.start}"]
        lines += ["steps:", *self._steps(self.top, 2)]
        if self.subflows:
            lines += ["", "subflows:"]
            for part in self.subflows.values():
                lines += [f"  {part.name}:"]
                lines += lines_of("title", part.title, 4) if part.title else []
                lines += [*lines_of("outcomes", part.outcomes, 4), f"    start: {part.start}", "    steps:"]
                lines += [*self._steps(part, 6), ""]
        return "\n".join(lines).rstrip() + "\n"

    def _steps(self, part: Part, indent: int) -> list[str]:
        lines: list[str] = []
        for name, body in part.steps.items():
            remarks = [str(note) for note in self.notes.of(Verdict.NEEDS_YOU) if note.step == part.path(name)]
            lines += [line for remark in remarks for line in _todo(remark, " " * indent)]
            lines += [f"{' ' * indent}{name}:"]
            lines += [line for key in _in_order(body) for line in lines_of(key, body[key], indent + 2)]
            lines += [""]
        return lines[:-1]

    def _tools_text(self) -> str:
        lines = [
            f"# What {self.flow} calls. TODO: check each address, what is sent and what comes back; mark tools that",
            "# change something with 'changes_data: yes', and those that tell about a person with 'personal: yes'.",
            "format: 1",
            "kind: tools",
            "tools:",
        ]
        for name, body in self.tools.items():
            lines += [
                f"  {name}:",
                *(line for key, value in body.items() if value != {} for line in lines_of(key, value, 4)),
                "",
            ]
        return "\n".join(lines).rstrip() + "\n"


def _todo(remark: str, pad: str) -> list[str]:
    return textwrap.wrap(
        f"TODO: {' '.join(remark.split())}", WIDTH, initial_indent=f"{pad}# ", subsequent_indent=f"{pad}#   "
    )


def _in_order(body: Body) -> list[str]:
    """Return a step's keys as designers write them: guard, verb, the verb's own, ways out last."""
    last = ("then", "exits", "next")
    return sorted(body, key=lambda key: (key in last, key != "guard", key not in STEP_VERBS))
