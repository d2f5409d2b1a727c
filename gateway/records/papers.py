"""What is written of a call once it is over: its transcript for people and its timeline picture.

Drawing half an hour of speech takes half a second of the interpreter, which live calls would notice. So it is done in
a process of its own with low priority (``python -m gateway.records.papers``, jobs on standard input), one at a time and
as many calls as have gathered. A call's line is free before its papers are written.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

import msgspec
import structlog

from gateway.errors import GatewayError
from gateway.records.journal import read_journal
from gateway.records.retention import CallPaths
from gateway.records.summary import render_summary, render_transcript, summarise

log = structlog.get_logger()

CLOSE_WITHIN_S: Final = 20.0
"""How long the last papers may take when the gateway stops; what is left can be drawn again from the journal."""
_NICE: Final = 10


class _Job(msgspec.Struct):
    journal: str
    recording: str
    transcript: str
    timeline: str | None


class PaperDesk:
    """Writes the papers of ended calls; belongs to one event loop."""

    def __init__(self) -> None:
        self._waiting: list[_Job] = []
        self._writing: asyncio.Task[None] | None = None

    def order(self, paths: CallPaths, *, timeline: bool) -> None:
        """Have transcript and, if wanted, timeline made from a call's journal and recording; returns at once.

        What fails is logged and costs nothing but the papers: the journal has it all.
        """
        drawing = str(paths.timeline) if timeline else None
        self._waiting.append(_Job(str(paths.journal), str(paths.recording), str(paths.transcript), drawing))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="call papers")

    async def close(self) -> None:
        """Wait for what was ordered, within ``CLOSE_WITHIN_S``."""
        if self._writing is None:
            return
        _, late = await asyncio.wait({self._writing}, timeout=CLOSE_WITHIN_S)
        for task in late:
            log.error("call_papers_late", after_s=CLOSE_WITHIN_S, calls=len(self._waiting))
            task.cancel()
            await asyncio.wait({task})

    async def _write(self) -> None:
        while self._waiting:
            jobs, self._waiting = self._waiting, []
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway.records.papers",
                stdin=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                _, words = await child.communicate(b"\n".join(map(msgspec.json.encode, jobs)))
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
        from gateway.records.timeline import draw_timeline  # not needed in the process that takes calls

        draw_timeline(journal, recording if recording.exists() else None, timeline)


def main() -> int:
    """Do the jobs on standard input, a line each; what goes wrong is a line on standard error and costs only itself."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
    failed = 0
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=_Job)
        timeline = None if job.timeline is None else Path(job.timeline)
        try:
            write_papers(Path(job.journal), Path(job.recording), Path(job.transcript), timeline)
        except (GatewayError, OSError) as error:
            failed = 1
            sys.stderr.write(f"{error}\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
