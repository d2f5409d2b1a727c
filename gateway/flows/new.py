"""A flow to begin with: ``flow new`` copies a template, its tests, and the shared files that it uses."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Final

from gateway.errors import ConfigurationError
from gateway.flows.expressions.syntax import nearest
from gateway.flows.schema import schema
from gateway.flows.shapes import NAME

TEMPLATES: Final = {
    "hours": "opening hours, a transfer and a message",
    "menu": "a menu by voice and key",
    "faq": "questions answered from a file of facts",
    "appointment": "an appointment out of a diary, booked once the caller says yes",
    "verification": "who is calling, by customer number and PIN, and what only they may hear",
}
SHARED: Final = "shared/everyday.yaml"
SCHEMA_FILE: Final = "flow.schema.json"


def new_flow(folder: Path, name: str, template: str, title: str = "") -> list[Path]:
    """Write a new flow into a folder, with what it needs; returns the files that were written.

    Raises:
        ConfigurationError: the name is none, is taken, or there is no such template.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"'{name}' is no name for a flow; small letters, digits and _ are wanted, such as my_flow"
        )
    if template not in TEMPLATES:
        hint = nearest(template, TEMPLATES) or f"known: {', '.join(TEMPLATES)}"
        raise ConfigurationError(f"there is no template '{template}'; {hint}")
    target = folder / f"{name}.yaml"
    if target.exists():
        raise ConfigurationError(f"{target} exists already; choose another name")
    title = title or name.replace("_", " ").capitalize()
    text = _filled(f"{template}.yaml", name, title, folder)
    files = {target: text, folder / SCHEMA_FILE: json.dumps(schema(), indent=1) + "\n"}
    files[folder / f"{name}.test.yaml"] = _filled(f"{template}.test.yaml", name, title, folder)
    if f"shared/{name}_tools.yaml" in text:
        files[folder / "shared" / f"{name}_tools.yaml"] = _filled(f"{template}.tools.yaml", name, title, folder)
    files[folder / SHARED] = _text("everyday.yaml")
    if f"files/{name}.md" in text:
        files[folder / "files" / f"{name}.md"] = f"# Facts\n\n- {title}: write here what callers may be told.\n"
    written: list[Path] = []
    for path, content in files.items():
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
            written.append(path)
    return written


def _filled(file: str, name: str, title: str, folder: Path) -> str:
    """Return a template's file with its placeholders filled."""
    return _text(file).replace("TITLE", title).replace("NAME", name).replace("FOLDER", folder.as_posix())


def _text(name: str) -> str:
    return (resources.files("gateway.flows") / "templates" / name).read_text(encoding="utf-8")
