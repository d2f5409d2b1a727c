"""Findings for people and for machines: text, JSON and SARIF 2.1.0; and their cure by editing the files.

Edits change the text at the marks of nodes, so that comments and layout survive.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from gateway.flows.issues import Edit, Finding, Severity
from gateway.flows.lint.rules import RULES

SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"


def as_text(findings: Sequence[Finding]) -> str:
    """Return findings one a line, and a last line that counts them."""
    errors = sum(finding.severity is Severity.ERROR for finding in findings)
    lines = [str(finding) for finding in findings]
    warnings = len(findings) - errors
    lines.append(f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding]) -> str:
    """Return findings as a JSON list of objects."""
    return json.dumps(
        [
            {
                "rule": finding.rule,
                "severity": finding.severity.value,
                "file": finding.file,
                "line": finding.line,
                "column": finding.column,
                "message": finding.message,
                "fix": finding.fix,
                "fixable": bool(finding.edits),
            }
            for finding in findings
        ],
        indent=2,
        ensure_ascii=False,
    )


def as_sarif(findings: Sequence[Finding], version: str) -> str:
    """Return findings in the Static Analysis Results Interchange Format, for CI systems.

    Source: OASIS SARIF 2.1.0, sections 3.13 to 3.28.
    """
    used = sorted({finding.rule for finding in findings})
    driver = {
        "name": "gateway flow lint",
        "version": version,
        "rules": [
            {
                "id": number,
                "shortDescription": {"text": RULES[number].summary},
                "defaultConfiguration": {"level": RULES[number].severity.value},
            }
            for number in used
        ],
    }
    results = [_result(finding, used.index(finding.rule)) for finding in findings]
    whole = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [{"tool": {"driver": driver}, "results": results}]}
    return json.dumps(whole, indent=2, ensure_ascii=False)


def _result(finding: Finding, index: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": finding.file}}
    if finding.line:
        place["region"] = {"startLine": finding.line, "startColumn": max(finding.column, 1)}
    cure = f"; {finding.fix}" if finding.fix else ""
    return {
        "ruleId": finding.rule,
        "ruleIndex": index,
        "level": finding.severity.value,
        "message": {"text": f"{finding.message}{cure}"},
        "locations": [{"physicalLocation": place}],
    }


def apply(edits: Iterable[Edit], texts: Mapping[str, str]) -> dict[str, str]:
    """Return the texts that change, after edits; of edits that overlap only the first is made."""
    by_file: dict[str, list[Edit]] = {}
    for edit in edits:
        by_file.setdefault(edit.file, []).append(edit)
    changed: dict[str, str] = {}
    for file, many in by_file.items():
        text = texts[file]
        pieces: list[str] = []
        at = 0
        for edit in sorted(set(many), key=lambda edit: (edit.start, edit.end)):
            if edit.start < at:
                continue
            pieces += [text[at : edit.start], edit.text]
            at = edit.end
        changed[file] = "".join(pieces) + text[at:]
    return changed


def fix_folder(root: Path, findings: Sequence[Finding]) -> list[Path]:
    """Cure what can be cured, in the files; returns those that were changed. Line ends stay as they are."""
    edits = [edit for finding in findings for edit in finding.edits]
    texts = {}
    for name in {edit.file for edit in edits}:
        path = (root / name).resolve()
        if path.is_relative_to(root.resolve()) and path.is_file():
            with path.open(encoding="utf-8-sig", newline="") as file:
                texts[name] = file.read()
    usable = [edit for edit in edits if edit.file in texts and "\r" not in texts[edit.file]]
    changed: list[Path] = []
    for name, text in apply(usable, texts).items():
        if text != texts[name]:
            (root / name).write_text(text, encoding="utf-8", newline="")
            changed.append(root / name)
    return sorted(changed)
