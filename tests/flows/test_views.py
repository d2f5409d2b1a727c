"""Pictures, schema, explanations, differences and new flows."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
import yaml

from gateway.errors import ConfigurationError
from gateway.flows.diff import diff
from gateway.flows.explain import explain, find_step
from gateway.flows.graph import BOX_H, BOX_W, Overlay, mermaid, svg
from gateway.flows.lint import lint
from gateway.flows.load import load_folder, load_texts
from gateway.flows.model import Flow
from gateway.flows.new import TEMPLATES, new_flow
from gateway.flows.schema import schema
from gateway.flows.steps import GoTo
from tests.flows.lint.cases import ANY_FILE, edited
from tests.flows.lint.service import FILES

EXAMPLES = Path(__file__).parents[2] / "ivr_flows"
FLOWS = load_folder(EXAMPLES).flows
FLOW_FILES = sorted(path for path in EXAMPLES.rglob("*.yaml") if not path.name.endswith(".test.yaml"))


@pytest.mark.parametrize("name", FLOWS)
def test_mermaid_has_every_step_and_every_way(name: str):
    text, flow = mermaid(FLOWS[name]), FLOWS[name]
    for step in flow.steps.values():
        node = "s_" + step.path.replace(".", "__")
        assert re.search(rf'^  {node}\W+"{step.name}<br/>', text, re.MULTILINE)
        for way in step.exits:
            if isinstance(way.target, GoTo):
                target = "s_" + way.target.step.replace(".", "__")
                arrows = re.findall(rf'^  {node} -\.?->(?:\|"([^"]*)"\|)? {target}$', text, re.MULTILINE)
                assert any(way.name in label.split(", ") or (not label and way.name == "next") for label in arrows)
    assert "always" in text


def boxes(picture: str) -> list[tuple[str, float, float]]:
    root = ElementTree.fromstring(picture)
    space = {"s": "http://www.w3.org/2000/svg"}
    found = []
    for part in root.findall("s:g", space):
        dx, dy = map(float, re.findall(r"[\d.]+", part.get("transform", "")))
        for box in part.findall("s:g", space):
            title, rect = box.find("s:title", space), box.find("s:rect", space)
            assert title is not None
            assert rect is not None
            found.append((title.text or "", float(rect.get("x", 0)) + dx, float(rect.get("y", 0)) + dy))
    return found


@pytest.mark.parametrize("name", FLOWS)
def test_svg_has_a_box_for_every_step_and_none_overlap(name: str):
    picture = svg(FLOWS[name])
    found = boxes(picture)
    assert sorted(path for path, _, _ in found) == sorted(FLOWS[name].steps)
    for (one, x1, y1), (other, x2, y2) in itertools.combinations(found, 2):
        assert abs(x1 - x2) >= BOX_W or abs(y1 - y2) >= BOX_H, (one, other)
    root = ElementTree.fromstring(picture)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    assert all(0 <= x <= width - BOX_W and 0 <= y <= height - BOX_H for _, x, y in found)


def test_pictures_can_leave_out_subflows_and_show_coverage():
    flow = FLOWS["clinic_reception"]
    assert not [path for path, _, _ in boxes(svg(flow, collapse=True)) if "." in path]
    assert "subgraph" not in mermaid(flow, collapse=True)
    overlay = Overlay({"welcome": 3, "welcome>next": 3})
    text = mermaid(flow, overlay=overlay)
    assert "style s_welcome stroke:#2f8f4e" in text
    assert "style s_main stroke:#c0392b" in text
    assert "#2f8f4e" in svg(flow, overlay=overlay)


def test_texts_in_pictures_are_escaped():
    flow = load_texts(edited((("title: A small service", "title: A <b>&"),))).flows["service"]
    ElementTree.fromstring(svg(flow))


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    made = schema()
    jsonschema.Draft202012Validator.check_schema(made)
    return jsonschema.Draft202012Validator(made)


class AsEditors(yaml.SafeLoader):
    """YAML as editors read it: numbers and truth values are such, dates stay text (YAML 1.2)."""


AsEditors.yaml_implicit_resolvers = {
    mark: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for mark, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@pytest.mark.parametrize("path", FLOW_FILES, ids=lambda path: path.stem)
def test_the_schema_takes_the_shipped_files(validator: jsonschema.Draft202012Validator, path: Path):
    read = yaml.load(path.read_text(encoding="utf-8"), AsEditors)
    assert [error.message[:200] for error in validator.iter_errors(read)] == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    next: forget\n", "    nxt: forget\n"),
        ("max_turns: 5", "max_turns: many"),
        ("mode: warm", "mode: hot"),
        ("flow: service\n", ""),
    ],
)
def test_the_schema_refuses_mistakes(validator: jsonschema.Draft202012Validator, old: str, new: str):
    read = yaml.load(edited(((old, new),))[ANY_FILE], AsEditors)
    assert not validator.is_valid(read)


def test_a_workspace_schema_offers_the_folders_own_names():
    made = json.dumps(schema(load_texts(FILES)))
    assert '"say_balance"' in made
    assert '"enum": ["desk"]' in made
    assert "say_balance" not in json.dumps(schema())
    read = yaml.load(FILES[ANY_FILE], AsEditors)
    check = jsonschema.Draft202012Validator(schema(load_texts(FILES)))
    assert check.is_valid(read)
    read["steps"]["visit_done"]["next"] = "nowhere"
    assert not check.is_valid(read)


def test_a_step_is_explained_with_the_place_of_every_value():
    flow = FLOWS["clinic_reception"]
    (step,) = find_step(flow, "ask_mobile")
    told = explain(flow, step)
    assert told.startswith(f"ask_mobile: ask ({step.origin})")
    assert re.search(r"limit +3  \[shared/everyday\.yaml:\d+:\d+\]", told)
    assert re.search(r"style +one_by_one  \[built in\]", told)
    assert re.search(r"filled → book_sure  \[clinic_reception\.yaml:\d+:\d+\]", told)
    assert "offer by chosen" in told
    assert re.search(r"person \(key 0\) → to_reception", told)
    assert [one.path for one in find_step(flow, "choose")] == ["offer_slots.choose"]


def flow_of(edits: tuple[tuple[str, str], ...] = ()) -> dict[str, Flow]:
    return load_texts(edited(edits)).flows


@pytest.mark.parametrize(
    ("edits", "wanted"),
    [
        ((("    next: forget\n", "    next: main\n"),), "  service: step visit_done: exit 'next' led to forget and leads to main"),  # noqa: E501 - a row of a table
        ((("es: Adiós.", "es: Hasta luego."),), "  service: step bye: prompt in es-ES: 'Adiós.' → 'Hasta luego.'"),
        ((("length: 4, privacy: personal", "length: 4, privacy: public"),), "! service: slot last4: privacy: personal → public"),  # noqa: E501 - a row of a table
        ((("length: 4, privacy: personal", "length: 4, privacy: sensitive"),), "  service: slot last4: privacy: personal → sensitive"),  # noqa: E501 - a row of a table
        ((("    guard: {need: verified, else: ask_last4}\n", ""),), "! service: step main: guard: verified → none"),
        ((("      max_turns: 5\n", "      max_turns: 7\n"),), "  service: step chat: talk.max_turns: 5 → 7"),
        ((("between: [1, 500]", "between: [1, 900]"),), "  service: slot amount: between: 1 … 500 → 1 … 900"),
        ((("  forget:\n", "  forgotten:\n"), ("    next: forget\n", "    next: forgotten\n")), "  service: step forget: is called forgotten now"),  # noqa: E501 - a row of a table
        ((("recording: {mode: on, notice: first_prompt}\n", ""),), "! service: recording: "),
        ((("not_from: [paying]", "not_from: [paying, main]"),), "  service: always.lost: not_from: paying → main, paying"),  # noqa: E501 - a row of a table
        ((("  bye:\n    hangup", "  extra:\n    hangup: none\n  bye:\n    hangup"),), "  service: step extra: is new (hangup)"),  # noqa: E501 - a row of a table
        ((("version: 3", "version: 4"),), "  service: version: 3 → 4"),
    ],
)  # fmt: skip
def test_a_change_is_told_in_the_words_of_flows(edits: tuple[tuple[str, str], ...], wanted: str):
    told = [str(change) for change in diff(flow_of(), flow_of(edits))]
    assert any(line.startswith(wanted) for line in told), told


def test_a_renamed_step_is_not_told_as_changed_exits():
    told = diff(
        flow_of(), flow_of((("  forget:\n", "  forgotten:\n"), ("    next: forget\n", "    next: forgotten\n")))
    )
    assert [change.kind for change in told] == ["renamed"]


def test_the_same_flows_have_no_difference():
    assert diff(flow_of(), flow_of()) == []


def test_flows_come_and_go():
    assert [(change.kind, change.grave) for change in diff(flow_of(), {})] == [("removed", True)]
    assert [(change.kind, change.grave) for change in diff({}, flow_of())] == [("added", False)]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_new_flow_has_no_finding_and_fits_the_schema(
    tmp_path: Path, template: str, validator: jsonschema.Draft202012Validator
):
    written = new_flow(tmp_path, "my_flow", template, "My flow")
    assert tmp_path / "my_flow.yaml" in written
    assert lint(load_folder(tmp_path)) == []
    text = (tmp_path / "my_flow.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=flow.schema.json")
    assert "NAME" not in text
    assert validator.is_valid(yaml.load(text, AsEditors))
    jsonschema.Draft202012Validator.check_schema(
        json.loads((tmp_path / "flow.schema.json").read_text(encoding="utf-8"))
    )


def test_nothing_is_overwritten(tmp_path: Path):
    new_flow(tmp_path, "my_flow", "menu")
    (tmp_path / "shared/everyday.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigurationError, match="exists already"):
        new_flow(tmp_path, "my_flow", "menu")
    new_flow(tmp_path, "other", "menu")
    assert (tmp_path / "shared/everyday.yaml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("name", "template", "why"), [("My Flow", "menu", "is no name for a flow"), ("a", "manu", "nearest: 'menu'")]
)
def test_a_bad_name_or_template_is_refused(tmp_path: Path, name: str, template: str, why: str):
    with pytest.raises(ConfigurationError, match=why):
        new_flow(tmp_path, name, template)


def test_the_template_of_shared_texts_is_the_shipped_one():
    template = Path(new_flow.__code__.co_filename).parent / "templates/everyday.yaml"
    assert template.read_text(encoding="utf-8") == (EXAMPLES / "shared/everyday.yaml").read_text(encoding="utf-8")
