"""A model's arguments, checked before a tool sees them.

They come from a model that may have been told anything: broken JSON, missing names and wrong types are answered with
what is wrong, so that the model can mend its call. The schema is either declared or taken from a function's
annotations; then values come converted (an ISO date as ``date``).
"""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.fields import FieldInfo

from gateway.contracts.tool import CallFacts
from gateway.errors import ConfigurationError, ToolError

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

MAX_ARGUMENT_CHARS: Final = 65_536
_TOLD_AT_MOST: Final = 5
_PREFIX: Final = "argument_"
"""Before the names of a made model's fields, so that none shadows an attribute of pydantic's."""


class Arguments(Protocol):
    """What a tool takes."""

    @property
    def schema(self) -> Mapping[str, Any]:
        """JSON Schema, for the model."""
        ...

    def read(self, text: str) -> dict[str, Any]:
        """Return the arguments in ``text``.

        Raises:
            ToolError: of kind ``bad_arguments``; the message says what is wrong.

        """
        ...


class DeclaredArguments:
    """Arguments by a JSON Schema (draft 2020-12) that the operator, or an MCP server, has written."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema

    def read(self, text: str) -> dict[str, Any]:
        """Return the arguments in ``text``; see :class:`Arguments`."""
        found = _json_object(text)
        errors = sorted(self._validator.iter_errors(found), key=lambda error: error.json_path)
        if errors:
            raise _bad(f"{error.json_path.removeprefix('$.')}: {error.message}" for error in errors)
        return found

    @cached_property
    def _validator(self) -> Validator:
        # Late: it takes a tenth of a second, and the gateway starts without it.
        from jsonschema import Draft202012Validator
        from referencing import Registry

        # A registry of our own, which fetches nothing.
        return Draft202012Validator(self.schema, registry=Registry())


class AnnotatedArguments:
    """Arguments by a function's annotations.

    A parameter of type :class:`~gateway.contracts.tool.CallFacts` is none of them: the gateway gives it.

    Args:
        function: what is called.
        setting: the path of the setting, for messages.

    Raises:
        ConfigurationError: a parameter has no annotation, or one that has no form in JSON.

    """

    def __init__(self, function: Callable[..., Any], setting: str) -> None:
        fields: dict[str, Any] = {}
        for name, (annotation, default) in _parameters(function, setting).items():
            field = Field(default, alias=name, description=_description(annotation))
            fields[f"{_PREFIX}{name}"] = (annotation, field)
        try:
            self._model: type[BaseModel] = create_model(
                "Arguments", __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=False), **fields
            )
            self.schema: Mapping[str, Any] = _untitled(self._model.model_json_schema(by_alias=True))
        except Exception as error:
            # pydantic has many ways to say that a type has no schema.
            why = str(error).splitlines()[0]
            raise ConfigurationError(
                f"{setting}: the annotations of {_name(function)} can't be told to a model ({why}); "
                "use plain types, or write parameters:"
            ) from error

    def read(self, text: str) -> dict[str, Any]:
        """Return the arguments in ``text``, converted; see :class:`Arguments`."""
        found = _json_object(text)
        try:
            made = self._model.model_validate(found)
        except ValidationError as error:
            problems = error.errors(include_url=False, include_context=False, include_input=False)
        else:
            return {
                name.removeprefix(_PREFIX): getattr(made, name)
                for name in type(made).model_fields
                if name in made.model_fields_set
            }
        raise _bad(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}" for problem in problems)


def facts_parameter(function: Callable[..., Any]) -> str | None:
    """Return the name of the parameter that wants :class:`~gateway.contracts.tool.CallFacts`, if there is one."""
    hints = _hints(function)
    return next((name for name, hint in hints.items() if hint is CallFacts and name != "return"), None)


def _parameters(function: Callable[..., Any], setting: str) -> dict[str, tuple[Any, Any]]:
    """Return a function's parameters by name: annotation, and default or ``...``."""
    hints = _hints(function)
    found: dict[str, tuple[Any, Any]] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if hints.get(name) is CallFacts:
            continue
        if name not in hints or parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ConfigurationError(
                f"{setting}: parameter {name!r} of {_name(function)} has no annotation or can't be given by name; "
                "annotate it, or write parameters:"
            )
        found[name] = (hints[name], ... if parameter.default is parameter.empty else parameter.default)
    return found


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    plain = function if inspect.isroutine(function) else type(function).__call__
    try:
        return typing.get_type_hints(plain, include_extras=True)
    except (NameError, TypeError):
        return {}


def _description(annotation: Any) -> str | None:
    """Return the words of ``Annotated[str, "the order's number"]``."""
    if typing.get_origin(annotation) is not Annotated:
        return None
    marks = typing.get_args(annotation)[1:]
    told = [mark.description for mark in marks if isinstance(mark, FieldInfo) and mark.description]
    return next((mark for mark in (*told, *marks) if isinstance(mark, str)), None)


def _untitled(schema: Any) -> Any:
    """Take out the titles that pydantic makes of names: they tell a model nothing."""
    match schema:
        case dict():
            rest = {key: value for key, value in schema.items() if not (key == "title" and isinstance(value, str))}
            return {
                key: {name: _untitled(inner) for name, inner in value.items()}
                if key in ("properties", "$defs")
                else _untitled(value)
                for key, value in rest.items()
            }
        case list():
            return [_untitled(inner) for inner in schema]
        case _:
            return schema


def _json_object(text: str) -> dict[str, Any]:
    if len(text) > MAX_ARGUMENT_CHARS:
        raise _bad([f"they have {len(text)} characters; at most {MAX_ARGUMENT_CHARS} are taken"])
    try:
        found = json.loads(text or "{}")
        # Half a character may be escaped in JSON, but can be sent nowhere.
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise _bad(["they are not JSON"]) from None
    if not isinstance(found, dict):
        raise _bad(["they are not a JSON object"])
    return found


def _bad(problems: typing.Iterable[str]) -> ToolError:
    told = [problem[:200] for problem in problems]
    more = f" (and {len(told) - _TOLD_AT_MOST} more)" if len(told) > _TOLD_AT_MOST else ""
    return ToolError(
        f"the arguments do not fit: {'; '.join(told[:_TOLD_AT_MOST])}{more}", kind="bad_arguments", retry=True
    )


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)
