"""From a draft to files: what nothing leads to is left out, lint has its say, first tests are written."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import Final

from gateway.flows.importers.draft import EVERYDAY, UNKNOWN_QUEUE, Body, Draft
from gateway.flows.importers.notes import Notes, as_markdown
from gateway.flows.importers.starter import starter_tests
from gateway.flows.importers.yaml_text import Yaml
from gateway.flows.issues import Finding, Severity
from gateway.flows.lint import lint
from gateway.flows.load import load_texts

_UNSET: Final = re.compile(r"step '([a-z0-9_]+)': '([a-z0-9_]+)' may have no value here")


@dataclass(frozen=True, slots=True)
class Imported:
    """An import: files to write, what became of everything, and what lint says."""

    flow: str
    files: dict[str, str]
    """Path inside the flows folder → text: the flow, its tools, its tests, the report, and the shared file."""
    notes: Notes
    findings: list[Finding]

    @property
    def errors(self) -> list[Finding]:
        """What keeps the flow from going live."""
        return [finding for finding in self.findings if finding.severity is Severity.ERROR]


def finish(draft: Draft) -> Imported:
    """Return what an importer has drafted as files that were read back and checked."""
    _add_person(draft)
    for part in draft.parts:
        for name in part.drop_unreachable([draft.agent_exit] if part is draft.top else []):
            draft.notes.changed(f"step '{name}'", "no way leads to it; left out")
    _drop_unused(draft)
    shared = (resources.files("gateway.flows") / "templates" / "everyday.yaml").read_text(encoding="utf-8")
    files = draft.files() | {EVERYDAY: shared}
    findings = lint(load_texts(files))
    if _give_defaults(draft, findings):
        files = draft.files() | {EVERYDAY: shared}
        findings = lint(load_texts(files))
    loaded = load_texts(files)
    flow = loaded.flows.get(draft.flow)
    if flow is not None and not any(finding.severity is Severity.ERROR for finding in findings):
        files[f"{draft.flow}.test.yaml"] = starter_tests(flow)
        findings = lint(load_texts(files))
    else:
        draft.notes.needs_you("tests", "there are none yet, because the flow has errors; mend them and import again")
    report = as_markdown(draft.notes, draft.flow, draft.source, [str(finding) for finding in findings])
    return Imported(draft.flow, files | {f"{draft.flow}.import.md": report}, draft.notes, findings)


def _add_person(draft: Draft) -> None:
    """Give the flow a step behind "a person, please", if the source had none."""
    if draft.agent_exit:
        return
    top = draft.top
    person, sorry = top.free("to_agent"), top.free("nobody_there")
    draft.agent_exit = person
    after = ("timeout", "closed", "failed")
    top.steps[person] = {
        "transfer": {"to": UNKNOWN_QUEUE, "max_wait": "5m"},
        "then": {"answered": "end_call", **dict.fromkeys(after, sorry)},
    }
    top.steps[sorry] = {"hangup": "I am sorry, nobody can take your call just now. Goodbye."}
    draft.notes.needs_you(
        "people", f"the source names nobody to hand callers to; write whom to ring instead of {UNKNOWN_QUEUE}", person
    )


def _drop_unused(draft: Draft) -> None:
    """Take out slots and variables that no step, text or handler names."""
    used = "\n".join(
        Draft(draft.flow, "", "", top=draft.top, subflows=draft.subflows, always=draft.always).files().values()
    )
    for section in (draft.slots, draft.variables):
        for name in [name for name in section if not re.search(rf"\b{name}\b", used)]:
            del section[name]
            draft.notes.changed(f"'{name}'", "nothing uses it here; left out")


def _give_defaults(draft: Draft, findings: list[Finding]) -> bool:
    """Let a value that may be missing be said as nothing, as the source would; true if anything was changed."""
    changed = False
    for finding in findings:
        found = _UNSET.search(finding.message) if finding.rule == "F302" else None
        if found is None:
            continue
        step, name = found.groups()
        for part in draft.parts:
            if step in part.steps:
                before = part.steps[step]
                after: Body = {key: _mapped(value, partial(_or_nothing, name)) for key, value in before.items()}
                if after != before:
                    part.steps[step] = after
                    changed = True
                    draft.notes.changed(f"'{name}'", "may have no value here; nothing is said then", part.path(step))
    return changed


def _or_nothing(name: str, text: str) -> str:
    return re.sub(rf"\$\{{({name}(?:\.\w+)*)\}}", r"${\1|or('')}", text)


def _mapped(value: Yaml, change: Callable[[str], str]) -> Yaml:
    """Return a value with each of its texts changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, int):
        return value
    if isinstance(value, list | tuple):
        return [_mapped(item, change) for item in value]
    assert not isinstance(value, list | tuple)
    return {key: _mapped(entry, change) for key, entry in value.items()}  # type: ignore[union-attr]
