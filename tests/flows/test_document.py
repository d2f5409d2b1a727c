"""YAML's traps are found, and said in words that help."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.flows.document import MapNode, TextNode, read_source
from gateway.flows.issues import Findings


def read(text: str) -> tuple[MapNode, list[str]]:
    findings = Findings()
    source = read_source(text, "x.yaml", findings)
    return source.root, [str(finding) for finding in findings.in_order()]


def test_every_scalar_stays_the_text_that_was_written():
    root, findings = read("a: +442079460000\nb: 0042\nc: 1.10\nd: no\ne: 2025-01-01\nf: 010\ng: 1_000\nh: 0x1F\n")
    values = [entry.value.value for _, entry in root if isinstance(entry.value, TextNode)]
    assert values == ["+442079460000", "0042", "1.10", "no", "2025-01-01", "010", "1_000", "0x1F"]
    assert findings == []


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("a: 1\na: 2\n", "x.yaml:2:1 error F001: 'a' is given twice; first in line 1; keep one of the two"),
        ("a: &x 1\n", "x.yaml:1:4 error F117: '&x' is an anchor of YAML's; use 'defaults' or a shared file"),
        ("a: *x\n", "x.yaml:1:4 error F117: '*x' is an alias of YAML's; write the value out; the star key is \"*\" or star"),  # noqa: E501 - a row of a table
        ("<<: {a: 1}\n", "x.yaml:1:1 error F117: '<<' merges maps in YAML; use 'defaults', or a shared file"),
        ("a: !!int 3\n", "x.yaml:1:4 error F117: 'tag:yaml.org,2002:int' is a tag of YAML's; take it away"),
        ("say: Hello: there\n", 'x.yaml:1:11 error F606: a second \': \' in one line; YAML takes the text before it for a key; write say: "Hello: there"'),  # noqa: E501 - a row of a table
        ("say: {{ name }}\n", "x.yaml:1:7 error F606: a map stands where a name is wanted; '{{ name }}' is not how values are inserted; write ${name}"),  # noqa: E501 - a row of a table
        ("*: x\n", "x.yaml:1:2 error F205: '*' begins an alias in YAML; write \"*\" in quotes, or star"),
        ("#: x\na: b\n", "x.yaml:1:1 error F205: '#:' begins a comment, so this line does nothing; write \"#\": or pound:"),  # noqa: E501 - a row of a table
        ("press: #\nb: x\n", "x.yaml:1:8 error F205: '#' begins a comment, so no key is named here; write \"#\" in quotes, or pound"),  # noqa: E501 - a row of a table
        ("a:\n\tb: c\n", "x.yaml:2:1 error F001: a tab stands in the indentation; indent with spaces"),
        ("'': x\n", "x.yaml:1:1 error F101: a key without a name; put \"#\" and other marks in quotes"),
        ("a: [b, c\n", "x.yaml:2:1 error F001: a bracket is not closed, or a comma is missing; put texts in quotes"),
        ("a: {b: How much?, c: d}\n", "x.yaml:1:16 error F001: a '?' in a text inside brackets; put texts in quotes"),
        ("a: @b\n", "x.yaml:1:4 error F001: the character '@' that cannot start any token; write a: \"@b\""),
        ("- a\n", "x.yaml:1:1 error F001: 'key: value' lines are wanted at the top of a file"),
        ("", "x.yaml:1:1 error F001: the file is empty; begin with 'flow: name' or 'kind: shared'"),
        ("a: \x07\n", "x.yaml error F001: a character at position 3 can't stand in YAML"),
    ],
)  # fmt: skip
def test_a_trap_is_explained(text: str, finding: str):
    assert finding in read(text)[1]


def test_places_point_into_a_value():
    root, _ = read('a: {b: "one ${two}"}\n')
    inner = root.get("a")
    assert isinstance(inner, MapNode)
    text = inner.get("b")
    assert isinstance(text, TextNode)
    assert str(text.origin) == "x.yaml:1:8"
    assert str(text.at(text.value.index("two"))) == "x.yaml:1:15"


@given(st.text(max_size=200))
def test_no_text_brings_the_reader_down(text: str):
    findings = Findings()
    source = read_source(text, "x.yaml", findings)
    assert source.readable or findings
