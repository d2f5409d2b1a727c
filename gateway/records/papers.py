"""What is written of a call once it is over: its transcript for people and its timeline picture. Blocks; run it in a thread."""

from __future__ import annotations

import os
from pathlib import Path

import structlog

from gateway.records.journal import read_journal
from gateway.records.retention import CallPaths
from gateway.records.summary import render_summary, render_transcript, summarise
from gateway.records.timeline import draw_timeline

log = structlog.get_logger()


def write_call_papers(paths: CallPaths, *, timeline: bool) -> None:
    """Write transcript and, if wanted, timeline from a call's journal and recording.

    A disk that fails is logged and costs nothing but the papers: the journal has it all.
    """
    try:
        entries = read_journal(paths.journal)
        write_private(paths.transcript, render_transcript(entries) + "\n" + render_summary(summarise(entries)))
        if timeline:
            draw_timeline(paths.journal, paths.recording, paths.timeline)
    except OSError as error:
        log.error("call_papers_failed", why=error.strerror)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
