"""Finds what ``package.module:callable`` names, and makes each class once per process."""

from __future__ import annotations

import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Found:
    """What is called, and the object that has to be opened before and closed after, if there is one."""

    function: Callable[..., Any]
    owner: object | None

    @property
    def is_async(self) -> bool:
        """Whether calling it gives a coroutine."""
        function = self.function
        plain = function if inspect.isroutine(function) else type(function).__call__
        return inspect.iscoroutinefunction(plain)


class Importer:
    """Imports the operator's code; two tools that name the same class with the same options share its object."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], object] = {}

    def find(self, setting: str, name: str, options: Mapping[str, Any]) -> Found:
        """Return what ``name`` names.

        Args:
            setting: the path of the setting, for messages.
            name: ``package.module:function``, ``:Class``, ``:Class.method``, ``:object`` or ``:object.method``.
            options: what a class is made with.

        Raises:
            ConfigurationError: nothing is there, it can't be called, or the class would not be made.

        """
        module_name, _, path = name.partition(":")
        found = _module(setting, module_name)
        owner: object | None = None
        made = False
        for part in path.split("."):
            below = getattr(found, part, None)
            if below is None:
                raise ConfigurationError(f"{setting}: {name!r}: there is no {part!r} in {_told(found)}; mend the name")
            found = below
            if inspect.isclass(found):
                found, made = self._instance(setting, f"{module_name}:{path}", found, options), True
            if not inspect.isroutine(found) and not inspect.ismodule(found):
                owner = found
        if options and not made:
            raise ConfigurationError(f"{setting}: {name!r} names no class, so there is nothing to give options to")
        if not callable(found):
            raise ConfigurationError(f"{setting}: {name!r} is not something to call; name a function or a method")
        return Found(found, owner)

    def _instance(self, setting: str, name: str, kind: type[Any], options: Mapping[str, Any]) -> object:
        key = (f"{kind.__module__}.{kind.__qualname__}", json.dumps(options, sort_keys=True, default=repr))
        if key not in self._made:
            try:
                self._made[key] = kind(**options)
            except Exception as error:
                raise ConfigurationError(
                    f"{setting}: {name!r}: {kind.__qualname__} could not be made ({type(error).__name__}: {error}); "
                    "check its options"
                ) from error
        return self._made[key]


def _module(setting: str, name: str) -> object:
    try:
        return importlib.import_module(name)
    except Exception as error:
        # A module of the operator's may raise anything while it is imported.
        why = f"{type(error).__name__}: {error}"
        raise ConfigurationError(
            f"{setting}: module {name!r} can't be imported ({why}); install it or mend the name"
        ) from error


def _told(found: object) -> str:
    return getattr(found, "__name__", type(found).__qualname__)
