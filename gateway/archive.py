"""What calls leave behind: where it lies, who writes it, and when it goes.

Journals and recordings in the data directory, papers drawn from them after the call, the call store and the webhook
behind a spool on disk, and retention. Nothing here is on a call's way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from gateway.clock import Clock
from gateway.contracts.leg import LegStarted
from gateway.contracts.record import AudioTap, CarrierStatus, Sink
from gateway.privacy.patterns import Pattern
from gateway.privacy.redactor import Redactor
from gateway.records.courier import Courier
from gateway.records.encryption import SUFFIX, Key, load_key
from gateway.records.journal import JournalSink
from gateway.records.outlets import open_courier
from gateway.records.papers import PaperDesk
from gateway.records.recording import Recorder
from gateway.records.retention import CallPaths, DataDir, prepare_data_dir, sweep
from gateway.records.spool import SpoolSink
from gateway.settings.schema import Settings

log = structlog.get_logger()

SWEEP_EVERY_S: Final = 3600.0
COURIER_WITHIN_S: Final = 5.0
"""How long records may still be delivered when the gateway stops; what is left waits on the disk."""
CALLS_REMEMBERED: Final = 1000
"""Ended calls to whose journal a carrier's late word is still added."""


class Archive:
    """Keeps what calls leave.

    Args:
        settings: checked settings.
        clock: dates it.
        patterns: what is redacted beside cards.

    """

    def __init__(self, settings: Settings, clock: Clock, patterns: Sequence[Pattern]) -> None:
        self._settings = settings
        self._clock = clock
        self._patterns = patterns
        self._data_dir: DataDir | None = None
        self._papers = PaperDesk()
        self._sweeper: asyncio.Task[None] | None = None
        self._courier: Courier | None = None
        self._recording_key: Key | None = None
        self._latest: dict[str, tuple[CallPaths, float]] = {}
        """Where the latest calls left their traces and when they began, by the carrier's id."""
        self._notes: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        """Whether there is a data directory to write into."""
        return self._data_dir is not None

    @property
    def data_dir(self) -> DataDir | None:
        """The data directory, once the archive is open."""
        return self._data_dir

    async def open(self) -> DataDir:
        """Prepare the data directory, and begin to deliver and to sweep.

        Raises:
            ConfigurationError: the directory, the key or the store can't be used.

        """
        data_dir = self._data_dir = await asyncio.to_thread(prepare_data_dir, self._settings.data_dir)
        records = self._settings.records
        if records.encryption is not None and records.recording:
            self._recording_key = await asyncio.to_thread(load_key, records.encryption)
        self._courier = open_courier(records, data_dir.root, self._clock.wall_s)
        self._sweeper = asyncio.create_task(self._sweep(data_dir), name="retention")
        return data_dir

    def warm_up(self) -> None:
        """Make what delivers records: the store's library takes long to load, and no call shall share that moment."""
        if self._courier is not None:
            self._courier.wake()

    async def close(self) -> None:
        """Finish what is being written, within limits."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._courier is not None:
            await self._courier.close(COURIER_WITHIN_S)
        await asyncio.gather(*self._notes)
        await self.papers_written()

    # --- one call -------------------------------------------------------------------------------------------------

    async def paths(self, call_id: str, started_at_s: float) -> CallPaths | None:
        """Return where a call's traces go; None if it leaves none."""
        records = self._settings.records
        if self._data_dir is None or not (records.journal or records.recording):
            return None
        return await asyncio.to_thread(self._data_dir.call_paths, call_id, started_at_s)

    def sinks(self, call_id: str, paths: CallPaths | None) -> list[Sink]:
        """Return who writes a call's records down: journal, store and webhook."""
        sinks: list[Sink] = []
        if paths is not None and self._settings.records.journal:
            sinks.append(JournalSink(paths.journal))
        if self._courier is not None:
            sinks.append(SpoolSink(call_id, self._courier.spools, self._courier.wake))
        return sinks

    def tap(self, started: LegStarted, paths: CallPaths | None) -> AudioTap | None:
        """Return who records a call's sound; None if nobody does."""
        if paths is None or not self._settings.records.recording:
            return None
        key = self._recording_key
        return Recorder(
            paths.recording if key is None else paths.recording.with_suffix(SUFFIX),
            started.from_caller,
            started.to_caller,
            card_protection=self._settings.records.card_protection == "on",
            key=key,
        )

    def file(self, paths: CallPaths | None) -> None:
        """Have the papers of an ended call drawn from its journal."""
        if paths is not None and self._settings.records.journal:
            self._papers.order(paths, timeline=self._settings.records.timeline)

    async def papers_written(self) -> None:
        """Wait until the papers of all calls that have ended are written."""
        await self._papers.close()

    # --- a carrier's late word --------------------------------------------------------------------------------------

    def remember(self, leg_id: str, paths: CallPaths | None, started_at_s: float) -> None:
        """Remember where a call's journal lies, for what its carrier says later."""
        if paths is None or not self._settings.records.journal:
            return
        while len(self._latest) >= CALLS_REMEMBERED:
            self._latest.pop(next(iter(self._latest)))
        self._latest[leg_id] = (paths, started_at_s)

    def note_status(self, leg_id: str, status: str, duration_s: int | None) -> None:
        """Add a carrier's last word to a call's journal, if the call was ours."""
        if leg_id in self._latest:
            note = asyncio.create_task(self._note(leg_id, status, duration_s))
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)

    async def _note(self, leg_id: str, status: str, duration_s: int | None) -> None:
        paths, started_at_s = self._latest[leg_id]
        at_ms = int((self._clock.wall_s() - started_at_s) * 1000)
        journal = JournalSink(paths.journal)
        journal.accept(
            CarrierStatus(at_ms=at_ms, status=Redactor(self._patterns).whole("tool", status), duration_s=duration_s)
        )
        await journal.close()

    async def _sweep(self, data_dir: DataDir) -> None:
        while True:
            days = self._settings.records.retention_days
            deleted = await asyncio.to_thread(sweep, data_dir, days, self._clock.wall_s())
            if deleted:
                log.info("calls_expired", deleted=deleted, retention_days=days)
            if self._courier is not None and await asyncio.to_thread(self._courier.has_work):
                self._courier.wake()
            await asyncio.sleep(SWEEP_EVERY_S)
