"""Records on their way out: nothing accepted is lost, nobody waits, and what comes twice says so."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.contracts.record import AnyRecord
from gateway.records.courier import Courier, OutletDown, OutletRefused
from gateway.records.journal import encode_record
from gateway.records.retention import prepare_data_dir, sweep
from gateway.records.spool import REFUSED, Batch, Spool, SpoolSink
from tests.records.story import CALL

pytestmark = pytest.mark.usefixtures("leaves_nothing")


class Receiver:
    """An outlet that does as it is told: refuses, is down, or takes."""

    name = "receiver"

    def __init__(self, *moods: str, never: Sequence[str] = ()) -> None:
        self.moods = list(moods)
        self.never = set(never)
        self.got: list[Batch] = []
        self.news = threading.Event()
        self.closed = False

    async def deliver(self, batches: Sequence[Batch]) -> int:
        if self.moods and self.moods.pop(0) == "down":
            raise OutletDown("status 503")
        if any(batch.id in self.never for batch in batches):
            raise OutletRefused("status 400")
        self.got += batches
        self.news.set()
        return len(batches)

    async def tidy(self) -> None:
        """There is nothing to tidy."""

    async def close(self) -> None:
        self.closed = True

    async def wait_for(self, records: int) -> None:
        def wait() -> None:
            end = time.monotonic() + 10
            while sum(len(batch.records) for batch in self.got) < records and time.monotonic() < end:
                self.news.wait(0.5)
                self.news.clear()

        await asyncio.to_thread(wait)
        assert sum(len(batch.records) for batch in self.got) >= records


def encoded(records: Sequence[AnyRecord]) -> list[bytes]:
    return [encode_record(record) for record in records]


async def test_records_come_typed_numbered_and_in_order(tmp_path: Path) -> None:
    receiver, spool = Receiver(), Spool(tmp_path / "spool")
    courier = Courier([(spool, lambda: receiver)])
    sink = SpoolSink("bcdf", [spool], courier.wake)
    for record in CALL[:7]:
        sink.accept(record)
    await sink.close()
    for record in CALL[7:]:
        sink.accept(record)
    await sink.close()
    await receiver.wait_for(len(CALL))
    await courier.close(5)
    assert encoded([record for batch in receiver.got for record in batch.records]) == encoded(CALL)
    assert [batch.id for batch in receiver.got] == ["bcdf-0", "bcdf-7"]
    assert spool.waiting(10) == []
    assert receiver.closed


async def test_a_receiver_that_is_down_costs_time_and_no_record(tmp_path: Path) -> None:
    receiver, spool = Receiver("down", "down", "down"), Spool(tmp_path / "spool")
    courier = Courier([(spool, lambda: receiver)], first_retry_s=0.01)
    sink = SpoolSink("bcdf", [spool], courier.wake)
    for record in CALL:
        sink.accept(record)
    await sink.close()
    await receiver.wait_for(len(CALL))
    await courier.close(5)
    assert courier.failures == 3
    assert encoded([record for batch in receiver.got for record in batch.records]) == encoded(CALL)


async def test_what_a_process_left_is_delivered_by_the_next_one(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    dead = Courier([(spool, lambda: Receiver(*["down"] * 100))], first_retry_s=60)
    sink = SpoolSink("bcdf", [spool], dead.wake)
    for record in CALL:
        sink.accept(record)
    await sink.close()
    await dead.close(5)
    receiver = Receiver()
    courier = Courier([(Spool(tmp_path / "spool"), lambda: receiver)])
    assert courier.has_work()
    courier.wake()
    await receiver.wait_for(len(CALL))
    await courier.close(5)
    assert not courier.has_work()


async def test_one_batch_that_nobody_takes_is_put_aside_and_holds_nothing_up(tmp_path: Path) -> None:
    receiver, spool = Receiver(never=["bad-0"]), Spool(tmp_path / "spool")
    for call_id in ("good", "bad", "fine"):
        spool.put(call_id, 0, encode_record(CALL[0]) + b"\n")
    spool.put("cut", 0, b'{"event":"call_sta')
    courier = Courier([(spool, lambda: receiver)])
    courier.wake()
    await receiver.wait_for(2)
    await courier.close(5)
    assert [str(batch.call_id) for batch in receiver.got] == ["good", "fine"]
    aside = sorted(path.name.split("-", 1)[1] for path in (tmp_path / "spool" / REFUSED).iterdir())
    assert aside == ["bad-00000000.jsonl", "cut-00000000.jsonl"]


async def test_a_receiver_that_hangs_slows_nobody_and_is_left_behind_at_the_end(tmp_path: Path) -> None:
    let_go = threading.Event()

    class Hanging(Receiver):
        async def deliver(self, batches: Sequence[Batch]) -> int:
            await asyncio.to_thread(let_go.wait)
            return 0

    hanging, receiver = Hanging(), Receiver()
    spools = [Spool(tmp_path / "one"), Spool(tmp_path / "two")]
    courier = Courier([(spools[0], lambda: hanging), (spools[1], lambda: receiver)])
    sink = SpoolSink("bcdf", spools, courier.wake)
    for record in CALL:
        sink.accept(record)
    await sink.close()
    await receiver.wait_for(len(CALL))
    await courier.close(0.05)
    let_go.set()
    assert len(spools[0].waiting(10)) == 1, "it waits for the next start"


def test_raw_text_cannot_be_spooled(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put("bcdf", 0, b'{"event":"caller_spoke","at_ms":1,"turn":1,"stopped_ms":2,"text":"4111 1111 1111 1111"}\n')
    batch = spool.read(spool.waiting(1)[0])
    assert batch is not None
    assert "4111" not in str(batch.records[0].text)  # type: ignore[union-attr]
    assert (tmp_path / "spool").stat().st_mode & 0o077 == 0


# --- what is promised of the disk -------------------------------------------------------------------------------------

KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from gateway.records.spool import Spool, SpoolSink
from tests.records.story import CALL

async def main():
    sink = SpoolSink("bcdf", [Spool(Path(sys.argv[1]))], lambda: None)
    for record in CALL:
        sink.accept(record)
    await sink.close()
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_process_that_is_killed_loses_nothing_that_a_call_was_told_is_safe(tmp_path: Path) -> None:
    code = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, str(tmp_path / "spool"))
    assert await code.wait() == -signal.SIGKILL
    spool = Spool(tmp_path / "spool")
    batches = [spool.read(path) for path in spool.waiting(10)]
    assert encoded([record for batch in batches if batch is not None for record in batch.records]) == encoded(CALL)


def test_a_batch_and_its_name_are_synced_before_it_is_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, synced = Spool(tmp_path / "spool"), []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), [path.name for path in spool.waiting(9)]))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    spool.put("bcdf", 0, encode_record(CALL[0]) + b"\n")
    (path,) = spool.waiting(9)
    assert synced == [(False, []), (True, [path.name])], "the content under no name first, then the folder"


async def test_a_full_spool_accepts_no_more_keeps_what_it_has_and_says_so(tmp_path: Path) -> None:
    line = encode_record(CALL[0]) + b"\n"
    full, roomy = Spool(tmp_path / "full", limit_bytes=2 * len(line)), Spool(tmp_path / "roomy")
    for number in range(2):
        full.put("old", number, line)
    with pytest.raises(OSError, match="full is full, at"):
        full.put("old", 2, line)
    sink = SpoolSink("bcdf", [full, roomy], lambda: None)
    sink.accept(CALL[0])
    await sink.close()
    assert sink.lost == 1
    assert (len(full.waiting(9)), len(roomy.waiting(9))) == (2, 1), "the other outlet has it"
    assert not list((tmp_path / "full").glob("*.part"))
    full.delivered(full.waiting(1))
    full.put("bcdf", 0, line)
    assert len(full.waiting(9)) == 2


def test_refused_batches_go_when_the_calls_of_their_day_do(tmp_path: Path) -> None:
    data = prepare_data_dir(tmp_path / "data")
    spool, day_s = Spool(data.spool / "webhook"), 86_400
    spool.put("bcdf", 0, encode_record(CALL[0]) + b"\n")
    spool.put("bcdf", 1, encode_record(CALL[0]) + b"\n")
    first, second = spool.waiting(9)
    spool.refuse([first])
    aside = data.spool / "webhook" / REFUSED / first.name
    sweep(data, 30, time.time() + 30 * day_s)
    assert aside.exists()
    sweep(data, 30, time.time() + 32 * day_s)
    assert not aside.exists()
    assert second.exists(), "what waits to be delivered is not refused"
