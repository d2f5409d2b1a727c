"""Calls into the database and out of it again: SQLite in the data directory, or PostgreSQL by URL.

Rows are made of typed records. Every row has the number of its record in the call, so a batch that is delivered a
second time, after a crash in between, changes nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Table, delete, event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from gateway.contracts.record import (
    AgentSpoke,
    AnyRecord,
    CallEnded,
    CallerSpoke,
    CallStarted,
    TokensUsed,
    ToolCalled,
    ToolReturned,
)
from gateway.contracts.text import Label
from gateway.errors import ConfigurationError
from gateway.records.courier import OutletDown, OutletRefused
from gateway.records.spool import Batch
from gateway.records.store.migrations import migrate
from gateway.records.store.tables import CALLS, COSTS, ENDINGS, OF_CALLS, TOOLS, TURNS

if TYPE_CHECKING:
    from gateway.settings.store import StoreSettings

_DRIVERS: Final = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}
_SECONDS_A_DAY: Final = 86_400.0
_BUSY_S: Final = 10
"""How long SQLite waits for another process that writes."""


def store_url(settings: StoreSettings, data_dir: Path) -> str:
    """Return the database's URL; it may hold a password."""
    if settings.url is not None:
        return settings.url.get_secret_value()
    return f"sqlite:///{data_dir / 'calls.sqlite'}"


class CallStore:
    """The database; an :class:`~gateway.records.courier.Outlet`, and what the command line reads.

    Args:
        url: ``sqlite:///path`` or ``postgresql://…``.
        retention_days: after so many whole days a call's rows are deleted.
        wall_s: tells Unix seconds.

    Raises:
        ConfigurationError: the driver of that database is not installed.

    """

    name = "store"

    def __init__(self, url: str, *, retention_days: int = 30, wall_s: Callable[[], float] = time.time) -> None:
        self._retention_days = retention_days
        self._wall_s = wall_s
        self._engine = _engine(url)
        self._ready = False

    async def deliver(self, batches: Sequence[Batch]) -> int:
        """Write batches in one transaction; see :class:`~gateway.records.courier.Outlet`."""
        await self.open()
        try:
            async with self._engine.begin() as connection:
                for batch in batches:
                    for table, row in _rows(batch):
                        await connection.execute(_insert(self._engine, table).values(row).on_conflict_do_nothing())
        except (OSError, PoolTimeoutError) as error:
            raise OutletDown(type(error).__name__) from None
        except DBAPIError as error:
            if error.connection_invalidated or not _is_data(error):
                raise OutletDown(type(error.orig).__name__) from None
            raise OutletRefused(type(error.orig).__name__) from None
        return len(batches)

    async def open(self) -> None:
        """Make or bring up the tables, once.

        Raises:
            OutletDown: the database can't be reached, or a newer gateway has changed it.

        """
        if self._ready:
            return
        try:
            async with self._engine.begin() as connection:
                await migrate(connection)
        except (OSError, SQLAlchemyError) as error:
            raise OutletDown(type(getattr(error, "orig", None) or error).__name__) from None
        except ConfigurationError as error:
            raise OutletDown(str(error)) from None
        self._ready = True

    async def tidy(self) -> None:
        """Delete what is older than it may be."""
        await self.open()
        oldest_s = (self._wall_s() // _SECONDS_A_DAY - self._retention_days) * _SECONDS_A_DAY
        expired = select(CALLS.c.call_id).where(CALLS.c.started_at_s < oldest_s)
        try:
            async with self._engine.begin() as connection:
                for table in reversed(OF_CALLS):
                    await connection.execute(delete(table).where(table.c.call_id.in_(expired)))
        except (OSError, SQLAlchemyError) as error:
            raise OutletDown(type(error).__name__) from None

    async def latest(self, limit: int) -> list[dict[str, Any]]:
        """Return the latest calls with their endings, the newest first."""
        wanted = (
            select(CALLS, ENDINGS.c.who, ENDINGS.c.reason, ENDINGS.c.ok, ENDINGS.c.duration_ms, ENDINGS.c.turns)
            .outerjoin(ENDINGS, ENDINGS.c.call_id == CALLS.c.call_id)
            .order_by(CALLS.c.started_at_s.desc())
            .limit(limit)
        )
        async with self._engine.connect() as connection:
            return [dict(row._mapping) for row in await connection.execute(wanted)]  # noqa: SLF001 - SQLAlchemy's public name

    async def rows_of(self, call_id: str) -> dict[str, list[dict[str, Any]]]:
        """Return all rows of a call by table; empty lists if there is no such call."""
        found: dict[str, list[dict[str, Any]]] = {}
        async with self._engine.connect() as connection:
            for table in OF_CALLS:
                wanted = select(table).where(table.c.call_id == Label(call_id))
                if "number" in table.c:
                    wanted = wanted.order_by(table.c.number)
                rows = await connection.execute(wanted)
                found[table.name] = [dict(row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name
        return found

    async def texts(self) -> list[tuple[str, str, str]]:
        """Return every value of every row as text, with its place, ``table.column`` and call: for the sweep."""
        found = []
        async with self._engine.connect() as connection:
            for table in OF_CALLS:
                for row in await connection.execute(select(table)):
                    fields = row._mapping  # noqa: SLF001 - SQLAlchemy's public name
                    found += [
                        (fields["call_id"], f"{table.name}.{name}", value)
                        for name, value in fields.items()
                        if isinstance(value, str) and name != "call_id"
                    ]
        return found

    async def close(self) -> None:
        """Let go of all connections."""
        await self._engine.dispose()


def _engine(url: str) -> AsyncEngine:
    parsed = make_url(url)
    parsed = parsed.set(drivername=_DRIVERS[parsed.get_backend_name()])
    local = parsed.get_backend_name() == "sqlite"
    if local and parsed.database:
        Path(parsed.database).touch(mode=0o600)
    try:
        options: dict[str, Any] = {"connect_args": {"timeout": _BUSY_S}} if local else {"pool_pre_ping": True}
        engine = create_async_engine(parsed, hide_parameters=True, **options)
    except ModuleNotFoundError as error:
        extra = "postgresql" if not local else "store"
        raise ConfigurationError(
            f"records.store: {error.name} is not installed; `pip install 'twobanks[{extra}]'`"
        ) from error
    if local:
        event.listen(engine.sync_engine, "connect", _durable)
    return engine


def _durable(connection: Any, _: object) -> None:
    """Let readers and the writer not wait for one another."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA secure_delete=ON")
    cursor.close()


def _insert(engine: AsyncEngine, table: Table) -> Any:
    return sqlite.insert(table) if engine.dialect.name == "sqlite" else postgresql.insert(table)


def _is_data(error: DBAPIError) -> bool:
    """Whether the rows themselves are at fault, so that another try would fail in the same way."""
    state = str(getattr(error.orig, "sqlstate", "") or "")
    return state.startswith(("22", "23"))


def _rows(batch: Batch) -> Iterator[tuple[Table, dict[str, Any]]]:
    for number, record in enumerate(batch.records, start=batch.first):
        row = _row(record)
        if row is None:
            continue
        table, fields = row
        place = {} if table is CALLS else {"number": number, "at_ms": record.at_ms}
        yield table, {"call_id": batch.call_id, **place, **fields}


def _row(record: AnyRecord) -> tuple[Table, dict[str, Any]] | None:
    """Return a record's row; None for those that only the journal has."""
    match record:
        case CallStarted():
            return CALLS, _fields(record, CALLS)
        case CallerSpoke():
            return TURNS, _fields(record, TURNS) | {"speaker": Label("caller"), "ended_ms": record.stopped_ms}
        case AgentSpoke():
            ended_ms = record.at_ms + record.heard_ms
            return TURNS, _fields(record, TURNS) | {"speaker": Label("agent"), "ended_ms": ended_ms}
        case ToolCalled() | ToolReturned():
            return TOOLS, _fields(record, TOOLS)
        case TokensUsed():
            return COSTS, _fields(record, COSTS)
        case CallEnded():
            return ENDINGS, _fields(record, ENDINGS)
        case _:
            return None


def _fields(record: AnyRecord, table: Table) -> dict[str, Any]:
    """Return what a record and a table have in common."""
    return {name: getattr(record, name) for name in record.__struct_fields__ if name in table.c and name != "at_ms"}


def file_of(url: str) -> Path | None:
    """Return the file of a SQLite database; None for a server's."""
    parsed = make_url(url)
    return Path(os.fspath(parsed.database)) if parsed.get_backend_name() == "sqlite" and parsed.database else None
