"""What a model writes is checked before a tool sees it."""

from __future__ import annotations

import datetime
import json
import socket
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from gateway.contracts.tool import CallFacts
from gateway.errors import ConfigurationError, ToolError
from gateway.toolbox.arguments import AnnotatedArguments, DeclaredArguments, facts_parameter

ORDER = DeclaredArguments(
    {
        "type": "object",
        "properties": {"order": {"type": "string", "pattern": "^[0-9]{4}$"}, "express": {"type": "boolean"}},
        "required": ["order"],
        "additionalProperties": False,
    }
)


def book(
    day: datetime.date,
    size: Literal["small", "large"],
    note: Annotated[str, "what the caller wants to add"] = "",
    seats: Annotated[int, Field(ge=1, le=8, description="how many come")] = 2,
    *,
    call: CallFacts,
) -> str:
    """Book a table."""
    return f"{day}{size}{note}{seats}{call}"


ANNOTATED = AnnotatedArguments(book, "tools.book.call")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "they are not JSON"),
        ("[" * 100_000, "they have 100000 characters; at most 65536 are taken"),
        ("[" * 60_000, "they are not JSON"),
        ('["order"]', "they are not a JSON object"),
        ("null", "they are not a JSON object"),
        ('{"order": "\\ud83d"}', "they are not JSON"),
        ("", "$: 'order' is a required property"),
        ('{"order": 4711}', "order: 4711 is not of type 'string'"),
        ('{"order": "4711", "rush": 1}', "$: Additional properties are not allowed ('rush' was unexpected)"),
        ('{"order": "47", "express": "yes"}', "express: 'yes' is not of type 'boolean'; order: '47' does not match"),
    ],
)
def test_what_does_not_fit_is_told_to_the_model(text: str, why: str) -> None:
    with pytest.raises(ToolError) as caught:
        ORDER.read(text)
    assert caught.value.kind == "bad_arguments"
    assert caught.value.retry
    assert str(caught.value).startswith(f"the arguments do not fit: {why}")


def test_what_fits_comes_through_as_it_is() -> None:
    assert ORDER.read('{"order": "4711", "express": true}') == {"order": "4711", "express": True}


def test_only_a_few_of_many_problems_are_told() -> None:
    many = DeclaredArguments({"type": "object", "required": [f"field_{number}" for number in range(9)]})
    with pytest.raises(ToolError, match=r"\(and 4 more\)"):
        many.read("{}")


@given(st.text() | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner)).map(json.dumps))
def test_nothing_that_a_model_writes_raises_anything_else(text: str) -> None:
    for arguments in (ORDER, ANNOTATED):
        with pytest.raises(ToolError):
            arguments.read(text)


def test_the_schema_comes_from_the_annotations_and_the_calls_facts_are_no_part_of_it() -> None:
    assert ANNOTATED.schema == {
        "type": "object",
        "properties": {
            "day": {"type": "string", "format": "date"},
            "size": {"type": "string", "enum": ["small", "large"]},
            "note": {"type": "string", "default": "", "description": "what the caller wants to add"},
            "seats": {"type": "integer", "default": 2, "minimum": 1, "maximum": 8, "description": "how many come"},
        },
        "required": ["day", "size"],
        "additionalProperties": False,
    }
    assert facts_parameter(book) == "call"


def test_values_come_converted_to_what_the_function_is_annotated_with() -> None:
    read = ANNOTATED.read('{"day": "2026-11-21", "size": "small"}')
    assert read == {"day": datetime.date(2026, 11, 21), "size": "small"}


def test_a_value_that_the_annotation_forbids_is_told_to_the_model() -> None:
    with pytest.raises(ToolError, match="seats: Input should be less than or equal to 8"):
        ANNOTATED.read('{"day": "2026-11-21", "size": "small", "seats": 9}')


def test_a_parameter_may_be_called_anything() -> None:
    def odd(schema: str, model_config: int, copy: bool) -> None:
        """Take names that pydantic uses itself."""

    read = AnnotatedArguments(odd, "tools.odd.call").read('{"schema": "a", "model_config": 1, "copy": true}')
    assert read == {"schema": "a", "model_config": 1, "copy": True}


def test_a_title_among_the_parameters_stays() -> None:
    def write(title: str) -> None:
        """Write."""

    assert AnnotatedArguments(write, "tools.write.call").schema["properties"] == {"title": {"type": "string"}}


def unannotated(order):
    """Look it up."""


def several(*orders: str) -> None:
    """Look them up."""


def impossible(handle: socket.socket) -> None:
    """Take what has no form in JSON."""


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (unannotated, "parameter 'order' of unannotated has no annotation"),
        (several, "parameter 'orders' of several has no annotation or can't be given by name"),
        (impossible, "the annotations of impossible can't be told to a model"),
    ],
)
def test_a_function_that_cant_be_told_to_a_model_stops_the_start(function: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why) as caught:
        AnnotatedArguments(function, "tools.it.call")
    assert str(caught.value).startswith("tools.it.call: ")
    assert "write parameters:" in str(caught.value)


def test_no_schema_fetches_anything_from_elsewhere() -> None:
    foreign = DeclaredArguments({"type": "object", "$ref": "http://127.0.0.1:9/schema.json"})
    with pytest.raises(Exception, match=r"Unresolvable"):
        foreign.read("{}")
