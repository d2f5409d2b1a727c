"""Tools that are the operator's Python: how one is called, and when its object is opened and closed."""

from __future__ import annotations

import asyncio
import functools
import inspect
from typing import Any, Final

import structlog

from gateway.contracts.tool import CallFacts
from gateway.errors import ConfigurationError
from gateway.settings.tools import PythonToolSettings
from gateway.toolbox.arguments import AnnotatedArguments, Arguments, DeclaredArguments, facts_parameter
from gateway.toolbox.imports import Found
from gateway.toolbox.workshop import Lane, Workshop

log = structlog.get_logger()

START_WITHIN_S: Final = 30.0
STOP_WITHIN_S: Final = 5.0


class PythonTool:
    """The work of one Python tool (:data:`~gateway.toolbox.guard.Work`).

    Raises:
        ConfigurationError: its parameters can't be told to a model, or the function does not take them.

    """

    def __init__(self, name: str, settings: PythonToolSettings, found: Found, workshop: Workshop) -> None:
        self.found = found
        self.description = settings.description or _summary(found.function)
        self.arguments = _arguments(name, settings, found)
        self._facts = facts_parameter(found.function)
        self._workshop = workshop
        self._lane = Lane(name, settings.threads)
        if not self.description:
            raise ConfigurationError(
                f"tools.{name}.description: missing; the function has no docstring, so say here what it does"
            )

    async def __call__(self, arguments: dict[str, Any], facts: CallFacts) -> object:
        """Call the function: a coroutine on the workshop's loop, anything else in a thread."""
        given = arguments if self._facts is None else {**arguments, self._facts: facts}
        call = functools.partial(self.found.function, **given)
        if self.found.is_async:
            return await self._workshop.run(call)
        return await self._lane.run(call)


class Owners:
    """The objects behind Python tools: each started once, in the order of the settings, and stopped in reverse."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self._started: list[tuple[str, object]] = []

    async def start(self, name: str, owner: object | None) -> None:
        """Start the object behind the tool ``name``, unless it has no ``start`` or is started already.

        Raises:
            ConfigurationError: it failed, or took longer than :data:`START_WITHIN_S`.

        """
        if owner is None or any(started is owner for _, started in self._started):
            return
        try:
            async with asyncio.timeout(START_WITHIN_S):
                await self._workshop.run(functools.partial(_called, owner, "start"))
        except Exception as error:
            # It is the operator's code: whatever it raises, the start stops here and says why.
            why = f"{type(error).__name__}: {error}".rstrip(": ")
            raise ConfigurationError(f"tools.{name}: {type(owner).__qualname__}.start failed ({why})") from error
        self._started.append((name, owner))

    async def stop(self) -> None:
        """Stop all that were started; what fails is logged."""
        while self._started:
            name, owner = self._started.pop()
            try:
                async with asyncio.timeout(STOP_WITHIN_S):
                    await self._workshop.run(functools.partial(_called, owner, "stop"))
            except Exception as error:  # noqa: BLE001 - the operator's code; the others are stopped all the same
                log.error("tool_stop_failed", tool=name, error=type(error).__name__)


async def _called(owner: object, name: str) -> None:
    method = getattr(owner, name, None)
    result = method() if callable(method) else None
    if inspect.isawaitable(result):
        await result


def _arguments(name: str, settings: PythonToolSettings, found: Found) -> Arguments:
    if settings.parameters is None:
        return AnnotatedArguments(found.function, f"tools.{name}.call")
    taken = inspect.signature(found.function).parameters
    anything = any(parameter.kind is parameter.VAR_KEYWORD for parameter in taken.values())
    for wanted in settings.parameters.get("properties", {}):
        if wanted not in taken and not anything:
            raise ConfigurationError(
                f"tools.{name}.parameters: the function takes no {wanted!r}; it takes: {', '.join(taken) or 'nothing'}"
            )
    return DeclaredArguments(settings.parameters)


def _summary(function: object) -> str:
    """Return the first paragraph of a docstring on one line, of the object's own where it is called itself."""
    text = inspect.getdoc(function) or ""
    return " ".join(text.partition("\n\n")[0].split())
