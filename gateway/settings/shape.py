"""Walks the schema by path: which section, which field, which words are possible at a place in the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gateway.settings.document import Where

KEY: Final = "[key]"
"""What pydantic writes behind the path of a mapping's key that does not fit."""


@dataclass(frozen=True, slots=True)
class Spot:
    """What the schema says of one place."""

    where: Where
    """The path as the file has it: without the names of union members that pydantic puts in."""
    annotation: Any
    """The type wanted there; ``Any`` where everything goes, None where nothing is known."""
    field: FieldInfo | None = None

    def sections(self) -> list[type[BaseModel]]:
        """Return the sections that can stand there, one of several where a ``type`` tells them apart."""
        return [kind for kind in _members(self.annotation) if _is_section(kind)]

    @property
    def secret(self) -> bool:
        """Whether a value there must not be shown."""
        return SecretStr in _members(self.annotation)

    @property
    def container(self) -> bool:
        """Whether a section, mapping or list belongs there, so that leaving it empty means its default."""
        members = _members(self.annotation)
        several = any(_is_section(kind) or get_origin(kind) in (dict, list) for kind in members)
        return self.field is not None and NoneType not in members and several

    @property
    def free(self) -> bool:
        """Whether anything goes there, so that unquoted numbers are numbers."""
        return self.annotation is Any

    def words(self) -> list[str]:
        """Return the words that can stand there: those of a fixed choice, or the keys of a section."""
        members = _members(self.annotation)
        fixed = [str(word) for kind in members if get_origin(kind) is Literal for word in get_args(kind)]
        if fixed:
            return fixed
        return list(dict.fromkeys(name for kind in self.sections() for name in kind.model_fields))

    def bounds(self) -> tuple[Any, Any]:
        """Return the least and the greatest number that can stand there, None where there is no bound."""
        marks = self.field.metadata if self.field else []
        low = next((mark.ge for mark in marks if hasattr(mark, "ge")), None)
        high = next((mark.le for mark in marks if hasattr(mark, "le")), None)
        return low, high


def spot(root: type[BaseModel], where: Where) -> Spot:
    """Return what the schema says of a place; ``where`` may be pydantic's ``loc``."""
    found = Spot((), root)
    for key in where:
        found = _step(found, key)
    return found


def leaves(root: type[BaseModel], value: Any, where: Where = ()) -> Iterator[tuple[Spot, Any]]:
    """Yield every place in ``value`` that is neither a mapping nor a list, with what the schema says of it."""
    match value:
        case Mapping():
            for key, inner in value.items():
                yield from leaves(root, inner, (*where, str(key)))
        case list():
            for position, inner in enumerate(value):
                yield from leaves(root, inner, (*where, position))
        case _:
            yield spot(root, where), value


def _step(at: Spot, key: str | int) -> Spot:
    members = _members(at.annotation)
    deeper = (*at.where, key)
    for kind in members:
        if _is_section(kind) and key in kind.model_fields:
            field = kind.model_fields[str(key)]
            return Spot(deeper, field.annotation, field)
        if get_origin(kind) is dict:
            return Spot(deeper if key != KEY else at.where, get_args(kind)[1])
        if get_origin(kind) is list and isinstance(key, int):
            return Spot(deeper, get_args(kind)[0])
    sections = at.sections()
    for kind in sections if len(sections) > 1 else []:
        tag = kind.model_fields.get("type")
        if tag is not None and key in get_args(tag.annotation):
            return Spot(at.where, kind, at.field)
    if key == KEY:
        return at
    return Spot(deeper, Any if at.free else None)


def _members(annotation: Any) -> list[Any]:
    """Return the types that an annotation allows, taken out of unions and ``Annotated``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _members(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return [member for part in get_args(annotation) for member in _members(part)]
    return [annotation]


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
