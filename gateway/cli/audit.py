"""``gateway audit``: who looked at which call, signed in, ended, transferred or said something."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.console import err, errors_for_humans, out


def audit(
    config: Annotated[
        Path | None, typer.Option("--config", "-c", help="Settings file; else config/gateway.yaml here.")
    ] = None,
    who: Annotated[str | None, typer.Option(help="Only what this key did.")] = None,
    call: Annotated[str | None, typer.Option(help="Only what was done with this call.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this, such as recording_seen.")] = None,
    last: Annotated[int, typer.Option(min=0, help="Only so many, the latest; 0 is all.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List who looked at or did what, oldest first. Exit code 0 also where nothing was written down yet."""
    import msgspec

    from gateway.settings.load import load_settings
    from gateway.web.audit import AUDIT_FILE, read_audit

    with errors_for_humans():
        path = load_settings(config).settings.data_dir.expanduser().absolute() / AUDIT_FILE
    if not path.is_file():
        err.print(f"nothing is written down yet in {path}", markup=False, soft_wrap=True)
        return
    wanted = {"who": who, "call_id": call, "action": action}
    found = [
        entry
        for entry in read_audit(path)
        if all(value is None or getattr(entry, name) == value for name, value in wanted.items())
    ]
    for entry in found[-last:]:
        if as_json:
            line = msgspec.json.encode(entry).decode()
        else:
            line = f"{entry.at}  {entry.who or '?':<16} {entry.role:<9} {entry.action:<18} "
            line += f"{entry.call_id:<14} {entry.address}"
        out.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)
