"""The instruction block: the few lines of instructions that the local brain understands.

    SAY: exact words            said when the response begins
    FACTS: topic = sentence     a caller who says the topic hears the sentence
    GOAL: sentence              what this assistant is for; said when a caller was not understood

Each starts a line. ``FACTS:`` may also stand alone above lines ``- topic = sentence``; a topic may name several phrases
divided by ``|``. ``say exactly: "…"``, in any case, is another way to write ``SAY:``. All else is prose for larger
models and is not read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_LINE: Final = re.compile(r"^\s*(?P<word>SAY|FACTS|GOAL):\s*(?P<rest>.*?)\s*$")
_SAY_EXACTLY: Final = re.compile(r"^\s*say exactly:\s*(?P<rest>.*?)\s*$", re.IGNORECASE)
_LISTED: Final = re.compile(r"^\s*[-*]\s+(?P<rest>.+?)\s*$")
_QUOTES: Final = {'"': '"', "'": "'", "“": "”", "«": "»"}


@dataclass(frozen=True, slots=True)
class Fact:
    """What can be answered: the phrases that ask for it, the first being its name, and the answer."""

    phrases: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class Block:
    """What the brain read in instructions; ``say`` is None without such a line."""

    say: str | None = None
    facts: tuple[Fact, ...] = ()
    goal: str | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no line was understood."""
        return self.say is None and not self.facts and self.goal is None


def read_block(instructions: str) -> Block:
    """Return the block in ``instructions``; lines of the same kind add up."""
    say: list[str] = []
    facts: list[Fact] = []
    goal: list[str] = []
    in_facts = False
    for line in instructions.splitlines():
        if exactly := _SAY_EXACTLY.match(line):
            say.append(_unquoted(exactly["rest"]))
            in_facts = False
        elif known := _LINE.match(line):
            word, rest = known["word"], known["rest"]
            in_facts = word == "FACTS"
            if word == "SAY":
                say.append(_unquoted(rest))
            elif word == "GOAL":
                goal.append(rest)
            elif fact := _fact(rest):
                facts.append(fact)
        elif in_facts and (listed := _LISTED.match(line)) and (fact := _fact(listed["rest"])):
            facts.append(fact)
        elif line.strip():
            in_facts = False
    return Block(" ".join(filter(None, say)) or None, tuple(facts), " ".join(filter(None, goal)) or None)


def _fact(text: str) -> Fact | None:
    topic, equals, sentence = text.partition("=")
    phrases = tuple(phrase.strip() for phrase in topic.split("|") if phrase.strip())
    return Fact(phrases, sentence.strip()) if equals and phrases and sentence.strip() else None


def _unquoted(text: str) -> str:
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        return text[1:-1]
    return text
