"""What is written of a call once it is over: its transcript for people and its timeline picture.

Drawing half an hour of speech takes half a second of the interpreter, which live calls would notice. So it is done in
a process of its own, one at a time and with low priority: ``python -m gateway.records.papers JOURNAL …``.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import structlog

from gateway.errors import GatewayError
from gateway.records.journal import read_journal
from gateway.records.retention import CallPaths
from gateway.records.summary import render_summary, render_transcript, summarise
from gateway.records.timeline import draw_timeline

log = structlog.get_logger()

WITHIN_S: Final = 60.0
_NICE: Final = 10


class PaperDesk:
    """Writes the papers of ended calls, one call at a time; belongs to one event loop."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Semaphore(1)

    async def write(self, paths: CallPaths, *, timeline: bool) -> None:
        """Write transcript and, if wanted, timeline from a call's journal and recording.

        What fails is logged and costs nothing but the papers: the journal has it all.
        """
        wanted = [paths.journal, paths.recording, paths.transcript, *([paths.timeline] if timeline else [])]
        async with self._one_at_a_time:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway.records.papers",
                *map(str, wanted),
                stdin=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                async with asyncio.timeout(WITHIN_S):
                    _, words = await child.communicate()
            except BaseException:
                child.kill()
                await child.wait()
                raise
        if child.returncode:
            log.error("call_papers_failed", why=words.decode(errors="replace")[-300:].strip())


def write_papers(journal: Path, recording: Path, transcript: Path, timeline: Path | None) -> None:
    """Write a call's papers here and now; blocks.

    Raises:
        ConfigurationError: journal or recording are damaged.
        OSError: the disk fails.

    """
    entries = read_journal(journal)
    text = render_transcript(entries) + "\n" + render_summary(summarise(entries))
    with open(os.open(transcript, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    if timeline is not None:
        draw_timeline(journal, recording if recording.exists() else None, timeline)


def main(arguments: list[str]) -> int:
    """Write the papers named on the command line; what goes wrong is one line on standard error."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
    journal, recording, transcript, *rest = map(Path, arguments)
    try:
        write_papers(journal, recording, transcript, rest[0] if rest else None)
    except (GatewayError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
