"""The call store, on SQLite and on PostgreSQL: what goes in, what can't, and what comes out again."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import inspect, text
from sqlalchemy.exc import StatementError

from gateway.contracts import record
from gateway.contracts.mint import mint
from gateway.contracts.record import AnyRecord
from gateway.contracts.text import Label
from gateway.errors import ConfigurationError
from gateway.records.courier import OutletDown
from gateway.records.journal import encode_record
from gateway.records.spool import Batch, Spool
from gateway.records.store.database import CallStore, file_of, store_url
from gateway.records.store.migrations import STEPS, migrate
from gateway.records.store.tables import CALLS, METADATA, TURNS
from gateway.settings.store import StoreSettings
from tests.records.story import CALL

STARTED_S = 1_795_208_400.0
POSTGRES = pytest.mark.peer(
    "postgres", also="/usr/lib/postgresql/*/bin/postgres", install="apt-get install -y postgresql"
)


def _programs() -> Path:
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
    return Path(found[-1]) if found else Path(shutil.which("postgres") or "").resolve().parent


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A server of PostgreSQL for these tests alone, on a socket in a folder of its own."""
    programs, folder = _programs(), Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    user: dict[str, Any] = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}

    def run(*command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder, **user)
        assert done.returncode == 0, done.stdout + done.stderr

    data = folder / "data"
    run(str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "gateway", "--no-sync", "-E", "UTF8")
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    run(str(programs / "pg_ctl"), "-D", str(data), "-w", "-o", options, "-l", str(folder / "log"), "start")
    try:
        yield f"postgresql://gateway@/postgres?host={folder}"
    finally:
        run(str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=POSTGRES)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'calls.sqlite'}"
    server: str = request.getfixturevalue("postgres")
    folder = server.rpartition("=")[2]
    command = "DROP SCHEMA public CASCADE; CREATE SCHEMA public"
    subprocess.run(
        [str(_programs() / "psql"), "-h", folder, "-U", "gateway", "-d", "postgres", "-qc", command],
        check=True,
        capture_output=True,
    )
    return server


def batch(records: list[AnyRecord] = CALL, first: int = 0, call_id: str = "c-7f3a") -> Batch:
    return Batch(Path("none"), Label(call_id), first, tuple(records))


USED = record.TokensUsed(
    at_ms=5, turn=1, input_text=1, input_audio=2, cached_text=0, cached_audio=0, output_text=3, output_audio=4,
    cost=Decimal("0.0000012345"), currency=Label("USD"),
)  # fmt: skip


async def test_a_call_is_found_again_with_its_turns_tools_costs_and_ending(url: str) -> None:
    store = CallStore(url)
    assert await store.deliver([batch([*CALL, USED])]) == 1
    (latest,) = await store.latest(10)
    assert (latest["call_id"], latest["persona"], latest["who"], latest["reason"]) == (
        "c-7f3a",
        "receptionist",
        "agent",
        "goodbye",
    )
    rows = await store.rows_of("c-7f3a")
    spoken = [one for one in CALL if isinstance(one, record.CallerSpoke | record.AgentSpoke)]
    assert [row["text"] for row in rows["turns"]] == [None if one.text is None else str(one.text) for one in spoken]
    assert [(row["name"], row["ok"]) for row in rows["tools"]] == [
        ("check_table", None),
        ("check_table", True),
        ("end_call", None),
    ]
    assert rows["costs"][0]["cost"] == Decimal("0.0000012345")
    assert [row["duration_ms"] for row in rows["endings"]] == [19300]
    await store.close()


async def test_what_is_delivered_twice_is_there_once(url: str) -> None:
    store = CallStore(url)
    await store.deliver([batch(CALL[:6])])
    await store.deliver([batch(CALL[:6]), batch(CALL[6:], first=6)])
    await store.deliver([batch(CALL[6:], first=6)])
    rows = await store.rows_of("c-7f3a")
    assert len(rows["turns"]) == sum(isinstance(one, record.CallerSpoke | record.AgentSpoke) for one in CALL)
    assert len(rows["calls"]) == len(rows["endings"]) == 1
    await store.close()


async def test_nothing_but_redacted_text_and_labels_gets_into_a_column(url: str) -> None:
    store = CallStore(url)
    await store.open()
    call = {"call_id": Label("x"), "number": 1, "at_ms": 1, "turn": 1, "speaker": Label("caller")}
    async with store._engine.connect() as connection:
        for wrong in ({**call, "text": "4111 1111 1111 1111"}, {**call, "text": mint("fine"), "speaker": "caller"}):
            with pytest.raises(StatementError, match="this column takes") as caught:
                await connection.execute(TURNS.insert().values(wrong))
            assert "4111" not in str(caught.value)
            await connection.rollback()
    await store.close()


async def test_the_steps_lead_to_the_tables_that_the_code_knows(url: str) -> None:
    store = CallStore(url)
    await store.open()

    def columns(connection: Any) -> dict[str, dict[str, bool]]:
        found = inspect(connection)
        return {
            name: {column["name"]: column["nullable"] for column in found.get_columns(name)}
            for name in found.get_table_names()
            if name != "gateway_schema"
        }

    async with store._engine.connect() as connection:
        assert await connection.run_sync(columns) == {
            table.name: {column.name: bool(column.nullable) for column in table.columns}
            for table in METADATA.tables.values()
        }
    async with store._engine.begin() as connection:
        assert await migrate(connection) == 0, "a second start has nothing to do"
    await store.close()


async def test_a_database_of_a_newer_gateway_is_left_alone(url: str) -> None:
    store = CallStore(url)
    await store.open()
    async with store._engine.begin() as connection:
        await connection.execute(text(f"INSERT INTO gateway_schema (step) VALUES ({len(STEPS) + 1})"))
        with pytest.raises(ConfigurationError, match="run the newer gateway"):
            await migrate(connection)
    await store.close()
    again = CallStore(url)
    with pytest.raises(OutletDown, match="newer gateway"):
        await again.deliver([batch()])
    await again.close()


async def test_old_calls_are_deleted_with_all_that_belongs_to_them(url: str) -> None:
    now = STARTED_S
    store = CallStore(url, retention_days=30, wall_s=lambda: now)
    await store.deliver([batch()])
    await store.tidy()
    assert len(await store.latest(10)) == 1
    now += 32 * 86_400
    await store.tidy()
    assert await store.latest(10) == []
    assert not any((await store.rows_of("c-7f3a")).values())
    await store.close()


async def test_the_sweep_sees_every_word_of_every_row(url: str) -> None:
    store = CallStore(url)
    await store.deliver([batch()])
    texts = {value for _, _, value in await store.texts()}
    assert {"No wait, make it three.", '{"guests": 3}', '{"free": true}', "…1234", "receptionist"} <= texts
    await store.close()


async def test_records_pass_the_disk_and_reach_the_database(url: str, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put("c-7f3a", 0, b"".join(encode_record(one) + b"\n" for one in CALL))
    read = spool.read(spool.waiting(1)[0])
    assert read is not None
    store = CallStore(url)
    assert await store.deliver([read]) == 1
    spoken = [one for one in CALL if isinstance(one, record.CallerSpoke | record.AgentSpoke)]
    assert len((await store.rows_of("c-7f3a"))["turns"]) == len(spoken)
    await store.close()


async def test_a_database_that_is_away_is_tried_again(tmp_path: Path) -> None:
    store = CallStore(f"sqlite:///{tmp_path}/calls.sqlite")
    (tmp_path / "calls.sqlite").unlink()
    (tmp_path / "calls.sqlite").mkdir()
    with pytest.raises(OutletDown):
        await store.deliver([batch()])
    (tmp_path / "calls.sqlite").rmdir()
    assert await store.deliver([batch()]) == 1
    await store.close()


@POSTGRES
async def test_a_server_that_is_away_is_tried_again() -> None:
    store = CallStore("postgresql://gateway:hidden@127.0.0.1:1/none")
    with pytest.raises(OutletDown) as caught:
        await store.deliver([batch()])
    assert "hidden" not in str(caught.value)
    await store.close()


def test_the_default_is_a_file_for_its_owner_in_the_data_directory(tmp_path: Path) -> None:
    url = store_url(StoreSettings(), tmp_path)
    assert file_of(url) == tmp_path / "calls.sqlite"
    assert CALLS.name == "calls"
    assert file_of("postgresql://gateway@host/db") is None


@pytest.mark.parametrize("url", ["mysql://x", "calls.sqlite", "postgres"])
def test_other_databases_are_refused_without_showing_the_url(url: str) -> None:
    with pytest.raises(ValidationError) as caught:
        StoreSettings.model_validate({"url": f"{url}-hunter2"})
    (fault,) = caught.value.errors(include_input=False)
    assert fault["msg"] == "Value error, does not begin with postgresql:// or sqlite:///"
    assert "hunter2" not in str(fault)
