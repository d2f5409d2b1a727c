"""An operator's own redactor: after ours, off the call's path, within its limits, and only ever less."""

from __future__ import annotations

import asyncio
import sys
import threading
from types import ModuleType

import pytest

from gateway.contracts.record import AnyRecord, CallerSpoke, KeyCount, ToolReturned
from gateway.contracts.text import Label
from gateway.errors import ConfigurationError
from gateway.privacy import custom as room
from gateway.privacy.custom import CallContext, CustomRedaction, CustomStage, load_custom
from gateway.privacy.memory import Role
from gateway.privacy.redactor import FAILED, Redactor

CONTEXT = CallContext("bcdf", "receptionist", "en")


def spoke(text: str) -> CallerSpoke:
    return CallerSpoke(at_ms=0, turn=1, stopped_ms=1, text=Redactor().whole("caller", text), failed=False)


class Shelf:
    """A sink that keeps what it gets."""

    def __init__(self) -> None:
        self.records: list[AnyRecord] = []
        self.closed = False

    def accept(self, record: AnyRecord) -> None:
        self.records.append(record)

    async def close(self) -> None:
        self.closed = True

    @property
    def texts(self) -> list[str]:
        return [str(record.text) for record in self.records if isinstance(record, CallerSpoke)]


async def refined(redaction: CustomRedaction, text: str) -> str:
    return str(await redaction.refine(Redactor().whole("caller", text), "caller", CONTEXT))


async def test_it_sees_what_ours_left_with_the_role_and_the_call() -> None:
    seen: list[tuple[str, Role, CallContext]] = []

    def theirs(text: str, role: Role, context: CallContext) -> str:
        seen.append((text, role, context))
        return text.replace("Smith", "***")

    assert await refined(CustomRedaction(theirs), "Smith, 4242 4242 4242 4242") == "***, [CARD]"
    assert seen == [("Smith, [CARD]", "caller", CONTEXT)]


async def test_it_may_be_a_coroutine_function() -> None:
    async def theirs(text: str, role: Role, context: CallContext) -> str:
        await asyncio.sleep(0)
        return text.removeprefix("Mr ")

    assert await refined(CustomRedaction(theirs), "Mr Smith") == "Smith"


async def test_it_may_be_an_object_that_is_called() -> None:
    class Theirs:
        async def __call__(self, text: str, role: Role, context: CallContext) -> str:
            return ""

    assert await refined(CustomRedaction(Theirs()), "Mr Smith") == ""


def _longer(text: str, role: Role, context: CallContext) -> str:
    return text + "!"


def _other(text: str, role: Role, context: CallContext) -> str:
    return text[::-1]


def _raises(text: str, role: Role, context: CallContext) -> str:
    raise RuntimeError(text)


def _leaves(text: str, role: Role, context: CallContext) -> str:
    raise SystemExit(text)


def _nothing(text: str, role: Role, context: CallContext) -> str:
    return None  # type: ignore[return-value]


async def _raises_later(text: str, role: Role, context: CallContext) -> str:
    raise RuntimeError(text)


async def _hangs_later(text: str, role: Role, context: CallContext) -> str:
    await asyncio.Event().wait()
    return text


@pytest.mark.parametrize("theirs", [_longer, _other, _raises, _leaves, _nothing, _raises_later, _hangs_later])
async def test_one_that_misbehaves_closes_the_door(theirs: room.CustomRedactor) -> None:
    redaction = CustomRedaction(theirs, limit_ms=30)
    assert await refined(redaction, "some words") == FAILED
    assert redaction.failures == 1


async def test_one_that_never_comes_back_is_left_behind() -> None:
    stuck = threading.Event()

    def theirs(text: str, role: Role, context: CallContext) -> str:
        stuck.wait()
        return text

    redaction = CustomRedaction(theirs, limit_ms=10)
    try:
        for _ in range(room.MAX_THREADS + 2):
            assert await refined(redaction, "words") == FAILED
        assert sum(thread.name == "custom-redactor" for thread in threading.enumerate()) == room.MAX_THREADS
    finally:
        stuck.set()
    while redaction._threads:
        await asyncio.sleep(0)


async def test_records_pass_in_order_and_only_their_texts_change() -> None:
    async def theirs(text: str, role: Role, context: CallContext) -> str:
        await asyncio.sleep(0.001 if text == "first" else 0)
        return text.replace("first", "f").replace("out", "")

    shelf = Shelf()
    stage = CustomStage(shelf, CustomRedaction(theirs), CONTEXT)
    output = Redactor().whole("tool", "put out")
    returned = ToolReturned(at_ms=2, name=Label("end_call"), ok=True, took_ms=1, output=output)
    for record in (spoke("first"), KeyCount(at_ms=1, count=2), returned, spoke("second")):
        stage.accept(record)
    await stage.close()
    assert shelf.closed
    assert shelf.texts == ["f", "second"]
    assert shelf.records[1] == KeyCount(at_ms=1, count=2)
    assert str(shelf.records[2].output) == "put "  # type: ignore[union-attr]


async def test_closing_does_not_wait_for_one_that_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "CLOSE_LIMIT_S", 0.01)
    shelf = Shelf()
    stage = CustomStage(shelf, CustomRedaction(_hangs_later, limit_ms=50), CONTEXT)
    for word in ("one", "two", "three"):
        stage.accept(spoke(word))
    await stage.close()
    assert shelf.texts == [FAILED] * 3


async def test_a_flood_loses_texts_and_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    async def theirs(text: str, role: Role, context: CallContext) -> str:
        return text

    monkeypatch.setattr(room, "MAX_WAITING", 2)
    shelf = Shelf()
    stage = CustomStage(shelf, CustomRedaction(theirs), CONTEXT)
    for word in ("one", "two", "three"):
        stage.accept(spoke(word))
    await stage.close()
    assert shelf.texts == ["one", "two", FAILED]


async def test_closing_a_stage_that_had_nothing_closes_the_sink() -> None:
    shelf = Shelf()
    await CustomStage(shelf, CustomRedaction(_longer), CONTEXT).close()
    assert shelf.closed


def test_it_is_named_in_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("their_redactor")
    module.redact = _longer  # type: ignore[attr-defined]
    module.number = 1  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "their_redactor", module)
    assert load_custom("their_redactor:redact") is _longer
    for name, message in {
        "their_redactor": "is not of the form package.module:callable",
        "no_such_module_here:redact": "can't be imported",
        "their_redactor:number": "is not something to call",
        "their_redactor:nothing.at.all": "is not something to call",
    }.items():
        with pytest.raises(ConfigurationError, match=message):
            load_custom(name)
