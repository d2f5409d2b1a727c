"""Whatever is wired to whatever: an import never breaks, what it writes can be read, and tests that it writes pass."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.flows.importers.finish import Imported
from gateway.flows.importers.rasa import import_rasa
from gateway.flows.importers.studio import import_studio
from tests.flows.importers.rehearsed import rehearse, told

NAMES = ["menu_1", "Say Hi", "say-hi", "split", "call_shop", "end_call", "fetch", "0day", "ask PIN"]
TEXTS = ["", "Hello.", "Press 1 for sales: or 2!", "{{flow.variables.x}} # {", "{{widgets.fetch.parsed.a}}", "{{ oops"]
EVENTS = {
    "say-play": ["audioComplete"],
    "gather-input-on-call": ["keypress", "speech", "timeout"],
    "split-based-on": ["noMatch"],
    "connect-call-to": ["callCompleted", "hangup"],
    "enqueue-call": ["callComplete", "failedToEnqueue", "callFailure"],
    "record-voicemail": ["recordingComplete", "noAudio", "hangup"],
    "make-http-request": ["success", "failed"],
    "set-variables": ["next"],
    "run-subflow": ["completed", "failed"],
    "send-message": ["sent", "failed"],
}
KINDS = ["equal_to", "matches_any_of", "contains", "is_blank", "less_than", "regex", "is_before_time"]
MANY = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def condition() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "type": st.sampled_from(KINDS),
            "value": st.sampled_from(["1", "2, 3", "it's", "", "#"]),
            "arguments": st.sampled_from([[], ["{{widgets.menu_1.Digits}}"], ["{{flow.variables.x}}"], ["plain"]]),
        }
    )


@st.composite
def studio_flow(draw: st.DrawFn) -> dict[str, Any]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    where = st.sampled_from([*names, None])
    states = [{"name": "Trigger", "type": "trigger", "transitions": [{"event": "incomingCall", "next": draw(where)}]}]
    for name in names:
        kind = draw(st.sampled_from(sorted(EVENTS)))
        ways = [{"event": event, "next": draw(where)} for event in EVENTS[kind]]
        if kind == "split-based-on":
            matches = draw(st.lists(condition(), max_size=3))
            ways += [{"event": "match", "next": draw(where), "conditions": [one]} for one in matches]
        properties = {
            "say": draw(st.sampled_from(TEXTS)),
            "input": "{{widgets.menu_1.Digits}}",
            "to": draw(st.sampled_from(["+441632960001", "0800", "{{flow.variables.x}}", ""])),
            "url": draw(st.sampled_from(["", "https://a:b@example.com/{{flow.variables.x}}?key=1", "nonsense"])),
            "variables": [{"key": "x", "value": draw(st.sampled_from(["1", "{{flow.variables.x | plus: 1}}", "a"]))}],
            "number_of_digits": draw(st.sampled_from([None, 1, 6])),
        }
        states.append({"name": name, "type": kind, "transitions": ways, "properties": properties})
    return {"states": states, "initial_state": "Trigger"}


@st.composite
def rasa_steps(draw: st.DrawFn, depth: int = 2) -> list[dict[str, Any]]:
    steps = []
    where = st.sampled_from(["END", "one", "two", "nowhere"])
    for _ in range(draw(st.integers(1, 4))):
        step = dict(
            draw(
                st.sampled_from(
                    [
                        {"collect": "city"}, {"collect": "pin"}, {"collect": "days", "ask_before_filling": True},
                        {"action": "utter_hi"}, {"action": "utter_gone"}, {"action": "action_look"},
                        {"set_slots": [{"city": "Leeds"}, {"days": None}]}, {"link": "other"}, {"call": "other"},
                        {"noop": True}, {"dance": 1},
                    ]
                )
            )
        )  # fmt: skip
        if draw(st.booleans()):
            step["id"] = draw(st.sampled_from(["one", "two"]))
        if draw(st.booleans()) and "link" not in step:
            inner = rasa_steps(depth=depth - 1) if depth else where
            text = st.sampled_from(["slots.days > 1", "slots.found", "slots.city is null", "slots.city matches 'x'"])
            step["next"] = draw(
                st.one_of(where, st.just([{"if": draw(text), "then": draw(inner)}, {"else": draw(where)}]))
            )
        if draw(st.booleans()) and "collect" in step:
            step["rejections"] = [{"if": "slots.days < 1", "utter": "utter_hi"}]
        steps.append(step)
    return steps


DOMAIN = {
    "slots": {
        "city": {"type": "text"}, "days": {"type": "float"},
        "found": {"type": "bool", "mappings": [{"type": "controlled"}]},
    },
    "responses": {"utter_hi": [{"text": "Hi in {city}, {pin}."}], "utter_ask_days": [{"text": "How many?"}]},
}  # fmt: skip


def check(imported: Imported) -> None:
    unreadable = [
        str(finding) for finding in imported.findings if finding.rule in ("F001", "F002", "F101", "F102", "F103")
    ]
    assert not unreadable, imported.files[f"{imported.flow}.yaml"]
    if f"{imported.flow}.test.yaml" in imported.files:
        result = asyncio.run(rehearse(imported.files))
        assert told(result) == [], imported.files[f"{imported.flow}.test.yaml"]


@MANY
@given(studio_flow())
def test_any_studio_flow(definition: dict[str, Any]):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "flow.json"
        file.write_text(json.dumps(definition), encoding="utf-8")
        check(import_studio(file, "some_flow"))


@MANY
@given(rasa_steps(), rasa_steps())
def test_any_rasa_flows(steps: list[dict[str, Any]], others: list[dict[str, Any]]):
    flows = {"first": {"description": "First", "steps": steps}, "other": {"description": "Other", "steps": others}}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "all.yml"
        file.write_text(yaml.safe_dump({"flows": flows, **DOMAIN}), encoding="utf-8")
        check(import_rasa([file], "some_flow"))
