"""The register of rules: what each number means, how grave it is, and who finds it.

A rule is a function of a :class:`~gateway.flows.lint.subject.Subject` (one flow) or of a whole folder, registered with
``@rule``. Some rules are found while a file is read and need no function here: ``@rule`` knows their numbers too, so
that the list is complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.flows.issues import Edit, Origin, Severity

if TYPE_CHECKING:
    from gateway.flows.lint.subject import Subject


@dataclass(frozen=True, slots=True)
class Found:
    """Something a rule found."""

    origin: Origin
    message: str
    fix: str = ""
    edits: tuple[Edit, ...] = ()


Check = Callable[["Subject"], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: its number, how grave a finding is, what it is about, and its function, if it is not found on reading."""

    id: str
    severity: Severity
    summary: str
    check: Check | None = None


RULES: Final[dict[str, Rule]] = {}
"""Every rule by number."""

_E, _W = Severity.ERROR, Severity.WARNING

ON_READING: Final = {
    "F001": (_E, "the file can't be read: no YAML, a key given twice, a flow that exists already"),
    "F002": (_E, "a value is missing, or is not of the wanted kind"),
    "F101": (_E, "a key or an outcome is not known"),
    "F102": (_E, "a step without a verb, or with several"),
    "F103": (_E, "a target, slot, tool, calendar, subflow or file does not exist"),
    "F109": (_E, "a word of the language is used as a step's name"),
    "F117": (_E, "an anchor, alias, merge key or tag of YAML's"),
    "F118": (_E, "'agent_exit' is needed and missing"),
    "F205": (_E, "a key that YAML takes for a comment or an alias"),
    "F301": (_E, "a name that is not a slot, a variable or built in"),
    "F303": (_E, "kinds of values do not go together"),
    "F305": (_E, "a field that its contract does not have"),
    "F306": (_E, "an expression that can't be read, or uses what is not in the language"),
    "F307": (_E, "a secret in a text, log, event, whisper, summary or fact"),
    "F309": (_E, "'secret.' outside of a file of tools"),
    "F606": (_E, "a text that YAML did not take for one"),
}
"""Rules that other parts of the package report, too."""

for _id, (_severity, _summary) in ON_READING.items():
    RULES[_id] = Rule(_id, _severity, _summary)


def rule(number: str, severity: Severity, summary: str) -> Callable[[Check], Check]:
    """Register a function as a rule."""

    def register(check: Check) -> Check:
        RULES[number] = Rule(number, severity, summary, check)
        return check

    return register


def also(number: str) -> Callable[[Check], Check]:
    """Register a function for a rule that is found on reading, too."""

    def register(check: Check) -> Check:
        known = RULES[number]
        RULES[number] = Rule(number, known.severity, known.summary, check)
        return check

    return register


def error(number: str, summary: str) -> Callable[[Check], Check]:
    """Register a rule that keeps a folder from going live."""
    return rule(number, _E, summary)


def warning(number: str, summary: str) -> Callable[[Check], Check]:
    """Register a rule that is worth a look."""
    return rule(number, _W, summary)


def nothing() -> Iterator[Found]:
    """Return no findings."""
    return iter(())
