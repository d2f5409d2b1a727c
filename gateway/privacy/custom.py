"""An operator's own redactor (``privacy.redactor`` in the settings): it runs after ours and can only take away.

It sees texts that ours has been through, with the role and the call they belong to, and may be a plain function, which
gets a thread of its own, or a coroutine function. It has a time limit, and it never slows the call: records wait for it
in order behind :class:`CustomStage`, off the audio path. Whatever is late, fails, or gives back anything that cannot be
made by leaving out and masking, is not used, and the text is withheld.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Protocol, cast

import msgspec
import structlog

from gateway.contracts.record import AgentSpoke, AnyRecord, CallerSpoke, Sink
from gateway.contracts.text import RedactedText
from gateway.errors import ConfigurationError
from gateway.privacy.memory import Role
from gateway.privacy.redactor import refined_text, withheld_text

MAX_THREADS: Final = 16
"""So many plain functions that do not come back may be waited for; then no more are called and all text is withheld."""
MAX_WAITING: Final = 1000
"""Records that wait at most; text of newer ones is withheld rather than kept waiting."""
CLOSE_LIMIT_S: Final = 3.0
"""Longest that closing waits for the operator's redactor, in seconds; text that is left is withheld."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CallContext:
    """Which call a text belongs to."""

    call_id: str
    persona: str
    language: str


CustomRedactor = Callable[[str, Role, CallContext], str] | Callable[[str, Role, CallContext], Awaitable[str]]
"""Takes a text that ours has been through, whose words they are, and the call; returns the same or less."""


class Refiner(Protocol):
    """What :class:`CustomStage` needs of :class:`CustomRedaction`."""

    async def refine(self, text: RedactedText, role: Role, context: CallContext) -> RedactedText:
        """Return a text with more taken away; never raises."""
        ...


class CustomRedaction:
    """An operator's redactor within its limits; one for all calls.

    Args:
        custom: theirs.
        limit_ms: longest that it may take for one text, in milliseconds.

    """

    def __init__(self, custom: CustomRedactor, *, limit_ms: int = 200) -> None:
        self._custom = custom
        self._limit_s = limit_ms / 1000
        self._async = inspect.iscoroutinefunction(custom) or inspect.iscoroutinefunction(
            getattr(custom, "__call__", None)  # noqa: B004 - an object with an async __call__ counts, too
        )
        self._threads = 0
        self.failures = 0
        """Texts that were withheld because it was late, failed, or did more than take away."""

    async def refine(self, text: RedactedText, role: Role, context: CallContext) -> RedactedText:
        """Return the text with more taken away, or a mark in its place; never raises."""
        if not text:
            return text
        why = "not a removal"
        try:
            async with asyncio.timeout(self._limit_s):
                made = await (
                    self._ask(text.text, role, context) if self._async else self._thread(text.text, role, context)
                )
            refined = refined_text(text, made)
        except Exception as error:  # noqa: BLE001 - a stranger's code; its exception may quote the text, so only its kind is told
            refined, why = None, type(error).__name__
        if refined is not None:
            return refined
        self.failures += 1
        log.error("custom_redactor_failed", why=why, role=role, failures=self.failures)
        return withheld_text()

    async def _ask(self, text: str, role: Role, context: CallContext) -> object:
        return await cast("Awaitable[object]", self._custom(text, role, context))

    async def _thread(self, text: str, role: Role, context: CallContext) -> object:
        """Run a plain function in a thread; one that never returns is left behind, and does not keep us from ending."""
        if self._threads >= MAX_THREADS:
            raise TimeoutError
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[object] = loop.create_future()
        self._threads += 1

        def done(made: object, error: BaseException | None) -> None:
            self._threads -= 1
            if answer.done():
                return
            if error is None:
                answer.set_result(made)
            else:
                answer.set_exception(RuntimeError(type(error).__name__))

        def work() -> None:
            made, error = None, None
            try:
                made = self._custom(text, role, context)
            except BaseException as raised:  # noqa: BLE001 - handed over, whatever it is
                error = raised
            if not loop.is_closed():
                try:
                    loop.call_soon_threadsafe(done, made, error)
                except RuntimeError:
                    return  # the loop was closed meanwhile: nobody waits any more

        threading.Thread(target=work, name="custom-redactor", daemon=True).start()
        return await answer


class CustomStage:
    """A sink before the sinks: passes every record on, in order, once the operator's redactor has seen its texts.

    Args:
        sink: who gets the records.
        redaction: the operator's redactor.
        context: the call.

    """

    def __init__(self, sink: Sink, redaction: Refiner, context: CallContext) -> None:
        self._sink = sink
        self._redaction = redaction
        self._context = context
        self._queue: asyncio.Queue[AnyRecord | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._hurry = asyncio.Event()

    def accept(self, record: AnyRecord) -> None:
        """Queue a record; more than :data:`MAX_WAITING` of them lose their texts, none is lost."""
        if self._queue.qsize() >= MAX_WAITING:
            record = _without_texts(record)
        self._queue.put_nowait(record)
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="custom-redaction")

    async def close(self) -> None:
        """Pass on what waits, what is left after the limit without its texts, and close the sink."""
        if self._task is not None:
            self._queue.put_nowait(None)
            done, _ = await asyncio.wait([self._task], timeout=CLOSE_LIMIT_S)
            if not done:
                self._hurry.set()
                await self._task
        await self._sink.close()

    async def _work(self) -> None:
        while (record := await self._queue.get()) is not None:
            self._sink.accept(_without_texts(record) if self._hurry.is_set() else await self._refined(record))

    async def _refined(self, record: AnyRecord) -> AnyRecord:
        role: Role = (
            "caller" if isinstance(record, CallerSpoke) else "agent" if isinstance(record, AgentSpoke) else "tool"
        )
        changed = {
            name: await self._redaction.refine(value, role, self._context)
            for name in record.__struct_fields__
            if isinstance(value := getattr(record, name), RedactedText)
        }
        return msgspec.structs.replace(record, **changed) if changed else record


def _without_texts(record: AnyRecord) -> AnyRecord:
    names = [name for name in record.__struct_fields__ if isinstance(getattr(record, name), RedactedText)]
    return msgspec.structs.replace(record, **dict.fromkeys(names, withheld_text()))


def load_custom(name: str) -> CustomRedactor:
    """Return the redactor that ``privacy.redactor`` names as ``package.module:callable``.

    Raises:
        ConfigurationError: the name has another form, or there is nothing to call under it.

    """
    module_name, colon, attribute = name.partition(":")
    if not (colon and module_name and attribute):
        raise ConfigurationError(f"privacy.redactor: {name!r} is not of the form package.module:callable")
    try:
        found: object = importlib.import_module(module_name)
    except ImportError as error:
        raise ConfigurationError(
            f"privacy.redactor: module {module_name!r} can't be imported ({error}); install it or mend the name"
        ) from error
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        raise ConfigurationError(f"privacy.redactor: {attribute!r} in module {module_name!r} is not something to call")
    return cast("CustomRedactor", found)
