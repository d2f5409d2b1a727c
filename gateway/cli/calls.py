"""``gateway calls``: what calls have left on this machine, and whether any card data is among it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli.console import FAILED, err, errors_for_humans, out
from gateway.cli.serve import ConfigOption

if TYPE_CHECKING:
    from gateway.records.encryption import Key
    from gateway.settings.schema import Settings

calls_app = typer.Typer(no_args_is_help=True, help="What calls have left: list, show, sweep.")

CallArgument = Annotated[str, typer.Argument(help="The call's id.", metavar="CALL")]


@calls_app.command("list")
def list_calls(
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The most calls that are shown.")] = 20,
) -> None:
    """List the latest calls, the newest first: from the call store, or from the journals where there is none."""
    from rich.table import Table

    with errors_for_humans():
        settings = _settings(config)
        calls = _stored(settings, limit) if settings.records.store.enabled else None
        calls = _journalled(settings, limit) if calls is None else calls
    table = Table("call", "began (UTC)", "from", "to", "persona", "seconds", "turns", "ended", box=None, pad_edge=False)
    for one in calls:
        began = datetime.fromtimestamp(one["started_at_s"], UTC).strftime("%Y-%m-%d %H:%M:%S")
        duration_ms = one.get("duration_ms")
        table.add_row(
            one["call_id"], began, one["caller_number"], one["dialed_number"], one["persona"],
            "" if duration_ms is None else f"{duration_ms / 1000:.0f}", str(one.get("turns") or ""),
            f"{one['who']}/{one['reason']}" if one.get("who") else "not yet",
        )  # fmt: skip
    out.print(table)


@calls_app.command()
def show(
    call: CallArgument,
    config: ConfigOption = None,
    recording: Annotated[
        Path | None, typer.Option("--recording", help="Write the call's recording here, unsealed, as a WAV file.")
    ] = None,
) -> None:
    """Show a call: its story and its talk, as they were written down."""
    from gateway.records.journal import read_journal
    from gateway.records.summary import render_summary, render_transcript, summarise

    with errors_for_humans():
        settings = _settings(config)
        journal = _file(settings, call, ".jsonl")
        if journal is None:
            err.print(f"no journal of a call {call!r} under {settings.data_dir}", markup=False)
            raise typer.Exit(FAILED)
        entries = read_journal(journal)
        out.print(render_summary(summarise(entries)), markup=False, soft_wrap=True)
        out.print(render_transcript(entries), markup=False, soft_wrap=True)
        if recording is not None:
            _write_recording(settings, call, recording)


@calls_app.command()
def sweep(
    config: ConfigOption = None,
    language: Annotated[str, typer.Option("--language", help="Which digits are listened for: en, es.")] = "en",
    listen: Annotated[
        bool, typer.Option("--listen/--no-listen", help="Listen to recordings, which takes time.")
    ] = True,
) -> None:
    """Read again all that calls have left and report what looks like card data: where, never what.

    What ``privacy.patterns`` are to mask counts like card data. Looks into every file in the data directory, the call
    store, and recordings. Exit status 1 if anything was found.
    """
    from gateway.privacy.patterns import load_patterns
    from gateway.records.sweep import sweep_files, sweep_rows

    with errors_for_humans():
        settings = _settings(config)
        swept = sweep_files(
            settings.data_dir.expanduser(),
            key=_key(settings),
            language=language,
            hear=listen,
            patterns=load_patterns(settings.privacy.patterns),
        )
        if settings.records.store.enabled:
            rows = _query(settings, "texts")
            if rows is not None:
                sweep_rows(swept, rows)
    for finding in swept.findings:
        out.print(f"[red]{finding.kind}[/red] ", end="")
        out.print(finding.where, markup=False, soft_wrap=True)
    for note in swept.unread:
        err.print(f"not looked into: {note}", markup=False, soft_wrap=True)
    out.print(
        f"{len(swept.findings)} findings in {swept.texts} texts of {swept.files} files, "
        f"{swept.recordings} recordings listened to",
        markup=False,
    )
    if swept.findings:
        raise typer.Exit(FAILED)


def _settings(config: Path | None) -> Settings:
    from gateway.settings.load import load_settings

    return load_settings(config).settings


def _key(settings: Settings) -> Key | None:
    from gateway.records.encryption import load_key

    return None if settings.records.encryption is None else load_key(settings.records.encryption)


def _stored(settings: Settings, limit: int) -> list[dict[str, Any]] | None:
    found: list[dict[str, Any]] | None = _query(settings, "latest", limit)
    return found


def _query(settings: Settings, question: str, *values: Any) -> Any:
    """Ask the store something; None if there is no database yet."""
    from gateway.records.courier import OutletDown
    from gateway.records.store.database import CallStore, file_of, store_url

    url = store_url(settings.records.store, settings.data_dir.expanduser().absolute())
    file = file_of(url)
    if file is not None and not file.exists():
        return None

    async def ask() -> Any:
        store = CallStore(url)
        try:
            await store.open()
            return await getattr(store, question)(*values)
        finally:
            await store.close()

    try:
        return asyncio.run(ask())
    except OutletDown as error:
        err.print(f"records.store: the database can't be reached: {error}", markup=False)
        raise typer.Exit(FAILED) from None


def _journalled(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """Return the latest calls as their journals tell of them."""
    from gateway.records.journal import read_journal

    journals = list((settings.data_dir.expanduser() / "calls").glob("*/*.jsonl"))
    found: list[dict[str, Any]] = []
    for journal in journals:
        entries = read_journal(journal)
        started = next((entry for entry in entries if entry.event == "call_started"), None)
        ended = next((entry for entry in entries if entry.event == "call_ended"), None)
        if started is not None:
            found.append({**(ended.fields if ended is not None else {}), **started.fields})
    return sorted(found, key=lambda one: float(one["started_at_s"]), reverse=True)[:limit]


def _file(settings: Settings, call: str, suffix: str) -> Path | None:
    if not call.replace("-", "").replace("_", "").isalnum():
        return None
    return next((settings.data_dir.expanduser() / "calls").glob(f"*/{call}{suffix}"), None)


def _write_recording(settings: Settings, call: str, target: Path) -> None:
    from gateway.records.encryption import SUFFIX, plain_bytes

    plain, sealed = _file(settings, call, ".wav"), _file(settings, call, SUFFIX)
    key = _key(settings)
    if plain is not None:
        content = plain.read_bytes()
    elif sealed is not None and key is not None:
        content = plain_bytes(sealed, key)
    else:
        err.print("there is no recording" if sealed is None else "the recording is sealed; set records.encryption")
        raise typer.Exit(FAILED)
    target.touch(mode=0o600)
    target.write_bytes(content)
