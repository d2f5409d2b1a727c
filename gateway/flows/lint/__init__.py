"""``flow lint``: 69 rules over compiled flows, each a small function; :func:`lint` runs them all."""

from __future__ import annotations

from gateway.flows.issues import Finding, Findings
from gateway.flows.lint import handing_over, listening, structure, talking, values, ways, wording
from gateway.flows.lint.rules import RULES, Rule
from gateway.flows.lint.subject import LintOptions, Subject
from gateway.flows.load import Folder

__all__ = ["RULES", "LintOptions", "Rule", "Subject", "lint"]

ROOMS = (structure, ways, listening, values, handing_over, talking, wording)
"""The modules with rules."""


def lint(folder: Folder, options: LintOptions | None = None) -> list[Finding]:
    """Return everything that is wrong with a folder: what reading found, and what the rules find, in order.

    Args:
        folder: as it was loaded.
        options: what is known of where the flows will run.
    """
    findings = Findings(folder.findings)
    for compiled in folder.compiled.values():
        subject = Subject(folder, compiled, options or LintOptions())
        for number, rule in sorted(RULES.items()):
            for found in rule.check(subject) if rule.check else ():
                findings.note(rule.severity, number, found.origin, found.message, fix=found.fix, edits=found.edits)
    return findings.in_order()
