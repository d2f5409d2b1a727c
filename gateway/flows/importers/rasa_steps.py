"""The steps of one Rasa flow, rewritten as a subflow: what falls through there names its next step here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gateway.flows.importers.draft import BY_KEYS, Body, Draft, Part, humanized, word
from gateway.flows.importers.rasa_conditions import slots_in
from gateway.flows.importers.rasa_project import RasaFlow, RasaProject, maps_of, steps_within
from gateway.flows.importers.rasa_slots import ASK_FOR, Domain
from gateway.flows.importers.yaml_text import Yaml

DONE: Final = "done"
STUCK: Final = "stuck"
"""How every imported subflow can end: it came to its end, or a person has to take over."""
_GIVE_UP: Final[Body] = {"return": STUCK}
_HANDOFF: Final = "pattern_human_handoff"
_TRIES: Final = 3

RasaStep = Mapping[str, Any]


class FlowWriter:
    """Writes one flow's subflow."""

    def __init__(self, project: RasaProject, draft: Draft, domain: Domain, flow: RasaFlow) -> None:
        self._project = project
        self._draft = draft
        self._notes = draft.notes
        self._domain = domain
        self._flow = flow
        self._part = Part(name=word(flow.id, "flow"), title=flow.name, taken={DONE, "finish"}, outcomes=[DONE, STUCK])
        self._names: dict[int, str] = {}
        self._ids: dict[str, str] = {}
        self._given = self._given_by_actions()
        self._end = DONE

    def write(self) -> Part:
        """Return the subflow."""
        for step in steps_within(self._flow.steps):
            name = self._part.free(str(step.get("id") or _name_of(step)))
            self._names[id(step)] = name
            if "id" in step:
                self._ids[str(step["id"])] = name
        forgotten = self._forgotten()
        self._end = "finish" if forgotten else DONE
        self._part.start = self._sequence(self._flow.steps, self._end)
        if forgotten:
            self._part.steps["finish"] = {"clear": forgotten, "next": DONE}
        self._part.steps[DONE] = {"return": DONE}
        self._notes.kept(f"flow '{self._flow.id}'", f"subflow '{self._part.name}'")
        return self._part

    def _forgotten(self) -> list[str]:
        """Return what Rasa forgets when the flow ends: what was asked for and is not persisted."""
        kept = self._flow.persisted | {
            str(step["collect"])
            for step in steps_within(self._flow.steps)
            if "collect" in step and step.get("reset_after_flow_ends") is False
        }
        asked = [str(step["collect"]) for step in steps_within(self._flow.steps) if "collect" in step]
        return [word(name, "slot") for name in dict.fromkeys(asked) if name not in kept]

    def _given_by_actions(self) -> dict[int, list[str]]:
        """Return, for each action, the slots that it seems to fill: those read after it that nothing else fills."""
        given: dict[int, list[str]] = {}
        action: RasaStep | None = None
        for step in steps_within(self._flow.steps):
            if "action" in step and not str(step["action"]).startswith("utter_"):
                action = step
            for slot in self._read_by(step):
                if not self._domain.from_actions(slot):
                    continue
                if action is None:
                    self._notes.needs_you(
                        f"slot '{slot}'", f"is read in flow '{self._flow.id}', and nothing there fills it"
                    )
                elif slot not in given.setdefault(id(action), []):
                    given[id(action)].append(slot)
        return given

    def _read_by(self, step: RasaStep) -> list[str]:
        ways = step.get("next")
        found = [slot for way in maps_of(ways) for slot in slots_in(str(way.get("if", "")))]
        utter = str(step.get("action") or step.get("utter") or f"utter_ask_{step.get('collect', '')}")
        for response in self._domain.responses(utter):
            found += [name for name in self._project.slots if f"{{{name}}}" in response.text]
            found += [name for name, _ in response.conditions]
        return found

    # --- sequences and ways ----------------------------------------------------------------------------------------

    def _sequence(self, steps: Sequence[RasaStep], after: str) -> str:
        """Write steps that follow one another; returns the first one's name."""
        names = [*(self._names[id(step)] for step in steps), after]
        for step, name, following in zip(steps, names, names[1:], strict=False):
            self._write(step, name, following)
        return names[0]

    def _next(self, step: RasaStep, name: str, following: str) -> str:
        """Return where a step leads; conditions become a step of their own."""
        ways = step.get("next")
        if isinstance(ways, list):
            chooser = self._part.free(f"after_{name}")
            self._part.steps[chooser] = {}
            self._part.steps[chooser] = {"decide": self._branches(ways, chooser)}
            return chooser
        return following if ways is None else self._where(ways, name)

    def _branches(self, ways: Sequence[Any], name: str) -> list[Yaml]:
        lines: list[Yaml] = []
        otherwise: str | None = None
        for way in maps_of(ways):
            if "if" in way:
                condition = self._domain.condition(str(way["if"]), self._part.path(name))
                lines.append({"if": condition, "go": self._branch(way.get("then"), name)})
            elif "else" in way:
                otherwise = self._branch(way["else"], name)
        if otherwise is None:
            self._note_missing(name, "no 'else' is written; the flow ends there")
        return [*lines, {"else": otherwise or self._end}]

    def _branch(self, then: Any, name: str) -> str:
        if not isinstance(then, list):
            return self._where(then, name)
        steps = [step for step in then if isinstance(step, dict)]
        if steps and "next" not in steps[-1] and "link" not in steps[-1]:
            self._note_missing(
                self._names[id(steps[-1])], "the branch's last step names no next one; the flow ends there"
            )
        return self._sequence(steps, self._end)

    def _where(self, target: Any, name: str) -> str:
        wanted = str(target)
        if wanted == "END":
            return self._end
        if wanted not in self._ids:
            self._note_missing(name, f"leads to '{wanted}', which is not there; the flow ends instead")
        return self._ids.get(wanted, self._end)

    def _note_missing(self, name: str, message: str) -> None:
        self._notes.needs_you(f"flow '{self._flow.id}'", message, self._part.path(name))

    # --- steps -----------------------------------------------------------------------------------------------------

    def _write(self, step: RasaStep, name: str, following: str) -> None:
        self._part.steps[name] = {}  # keeps the order of the source: what belongs to a step comes after it
        if "collect" in step:
            self._collect(step, name, following)
        elif "action" in step:
            self._action(step, name, following)
        elif "set_slots" in step:
            self._set_slots(step, name, self._next(step, name, following))
        elif "link" in step:
            self._link(str(step["link"]), name)
        elif "call" in step:
            self._call(step, name, self._next(step, name, following))
        elif isinstance(step.get("next"), list):
            self._part.steps[name] = {"decide": self._branches(step["next"], name)}
        else:
            self._part.steps[name] = {"decide": [{"else": self._next(step, name, following)}]}
            if "noop" not in step:
                kind = next((str(key) for key in step if key not in ("id", "next")), "step")
                self._notes.needs_you(f"step '{kind}'", "is not known; calls pass through", self._part.path(name))

    def _collect(self, step: RasaStep, name: str, following: str) -> None:
        slot, path = str(step["collect"]), self._part.path(name)
        utters = [str(step["utter"])] if "utter" in step else []
        utters += [f"utter_ask_{self._flow.id}_{slot}", f"utter_ask_{slot}"]
        known = [utter for utter in utters if self._domain.responses(utter)] or [utters[-1]]
        prompt = self._domain.prompt(known, path, ASK_FOR.format(name=humanized(word(slot, "slot"))))
        if self._domain.is_private(slot):
            prompt = [f"{text} {BY_KEYS}" for text in prompt]
        rejections = [*maps_of(step.get("rejections")), *self._project.slots[slot].rejections]
        check = self._part.free(f"check_{name}") if rejections else ""
        self._part.steps[name] = {
            "ask": word(slot, "slot"),
            "prompt": prompt[0] if len(prompt) == 1 else prompt,
            "then": {"filled": check, "failed": _GIVE_UP},
        }
        if rejections:
            self._reject(rejections, name, check, slot)
        going_on = self._next(step, name, following)
        if check:
            lines = self._part.steps[check]["decide"]
            assert isinstance(lines, list)
            lines.append({"else": going_on})
        else:
            self._part.steps[name]["then"] = {"filled": going_on, "failed": _GIVE_UP}
        if step.get("force_slot_filling"):
            self._notes.changed(f"slot '{slot}'", "'force_slot_filling': what works everywhere still works here", path)

    def _reject(self, rejections: Sequence[RasaStep], name: str, check: str, slot: str) -> None:
        """Write what refuses a value: say why, forget it, ask again, and give up in the end."""
        self._part.steps[check] = {}
        forget = self._part.free(f"forget_{slot}")
        lines: list[Yaml] = []
        for number, rejection in enumerate(rejections, start=1):
            refused = self._part.free(f"{name}_refused" + (f"_{number}" if number > 1 else ""))
            condition = self._domain.condition(str(rejection.get("if", "")), self._part.path(check))
            lines.append({"if": condition, "go": refused})
            utter = str(rejection.get("utter", ""))
            texts = self._domain.prompt([utter], self._part.path(refused), "TODO: say why this was refused.")
            self._part.steps[refused] = {"say": texts[0], "next": forget}
        again = self._part.free(f"again_{slot}")
        self._part.steps[forget] = {"clear": [word(slot, "slot")], "next": again}
        self._part.steps[again] = {
            "decide": [{"if": f"visits('{again}') >= {_TRIES}", "go": dict(_GIVE_UP)}, {"else": name}]
        }
        self._part.steps[check] = {"decide": lines}
        self._notes.changed(f"slot '{slot}'", f"refused values are asked for {_TRIES} times, then a person takes over")

    def _action(self, step: RasaStep, name: str, following: str) -> None:
        action = str(step["action"])
        if action.startswith("utter_"):
            self._say(action, name, self._next(step, name, following))
        elif action in ("action_hangup", "action_end_call"):
            self._part.steps[name] = {"hangup": "Goodbye."}
        elif action in ("action_listen", "action_restart", "action_session_start"):
            self._part.steps[name] = {"decide": [{"else": self._next(step, name, following)}]}
            self._notes.changed(f"action '{action}'", "is built in here; calls pass through", self._part.path(name))
        else:
            self._tool(step, action, name, following)

    def _say(self, utter: str, name: str, next_: str) -> None:
        responses, path = self._domain.responses(utter), self._part.path(name)
        special = [one for one in responses if one.conditions and one.text]
        if not special:
            text = self._domain.prompt([utter], path, f"TODO: {humanized(utter.removeprefix('utter_'))}.")
            self._part.steps[name] = {"say": text if len(text) > 1 else text[0], "next": next_}
            return
        lines: list[Yaml] = []
        for one in special:
            told = self._part.free(f"{name}_special")
            wanted = " and ".join(f"{word(slot, 'slot')} == {_constant(value)}" for slot, value in one.conditions)
            lines.append({"if": wanted, "go": told})
            self._part.steps[told] = {"say": self._domain.text(one.text, path), "next": next_}
        plain = next((one.text for one in responses if not one.conditions and one.text), "")
        otherwise = next_
        if plain:
            otherwise = self._part.free(f"{name}_otherwise")
            self._part.steps[otherwise] = {"say": self._domain.text(plain, path), "next": next_}
        self._part.steps[name] = {"decide": [*lines, {"else": otherwise}]}
        self._notes.kept(f"response '{utter}'", "its conditions are a decide step", path)

    def _tool(self, step: RasaStep, action: str, name: str, following: str) -> None:
        tool, path = word(action.removeprefix("action_"), "tool"), self._part.path(name)
        sent = self._asked_before(step)
        given = self._given.get(id(step), [])
        contract = self._draft.tools.setdefault(
            tool,
            {"description": f"Rasa's {action}", "http": f"POST ${{secret.actions_url}}/{action}", "send": {},
             "outcomes": {"ok": "2xx"}, "returns": {}},
        )  # fmt: skip
        sends, returns = contract["send"], contract["returns"]
        assert isinstance(sends, dict)
        assert isinstance(returns, dict)
        for slot in sent:
            sends.setdefault(word(slot, "slot"), f"optional {self._domain.kind(slot)}")
        returns |= {word(slot, "slot"): self._domain.kind(slot) for slot in given}
        body: Body = {"call": tool, "with": {word(slot, "slot"): f"${{{word(slot, 'slot')}}}" for slot in sent}}
        keep = self._part.free(f"keep_{name}") if given else ""
        if given:
            self._part.steps[keep] = {}
        going_on = self._next(step, name, following)
        if given:
            body["save"] = f"{tool}_result"
            self._part.steps[keep] = {
                "set": {word(slot, "slot"): f"${{{tool}_result.{word(slot, 'slot')}}}" for slot in given},
                "next": going_on,
            }
            going_on = keep
        body["then"] = {"ok": going_on, "failed": _GIVE_UP}
        self._part.steps[name] = {key: value for key, value in body.items() if value != {}}
        filled = f"; it seems to fill {', '.join(given)}" if given else ""
        self._notes.needs_you(f"action '{action}'", f"is a tool here: write its address and contract{filled}", path)

    def _asked_before(self, step: RasaStep) -> list[str]:
        asked: list[str] = []
        for other in steps_within(self._flow.steps):
            if other is step:
                break
            if "collect" in other:
                asked.append(str(other["collect"]))
        return list(dict.fromkeys(asked))

    def _set_slots(self, step: RasaStep, name: str, next_: str) -> None:
        assigned = {str(slot): value for one in maps_of(step["set_slots"]) for slot, value in one.items()}
        empty = [word(slot, "slot") for slot, value in assigned.items() if value is None]
        given = {word(slot, "slot"): self._value(value, name) for slot, value in assigned.items() if value is not None}
        if given and empty:
            clear = self._part.free(f"{name}_clear")
            self._part.steps[clear] = {"clear": empty, "next": next_}
            next_ = clear
        self._part.steps[name] = {"set": given, "next": next_} if given else {"clear": empty, "next": next_}

    def _value(self, value: Any, name: str) -> Yaml:
        text = str(value)
        if "{{" in text or "{%" in text:
            self._notes.needs_you(f"value '{text}'", "is computed there; write it as ${…}", self._part.path(name))
            return "TODO"
        return value if isinstance(value, bool) else text

    def _link(self, flow: str, name: str) -> None:
        """A link ends this flow and starts another: the top does that, so that no subflow runs itself."""
        if flow == _HANDOFF:
            self._part.steps[name] = {"return": STUCK}
        elif flow in self._project.flows and not flow.startswith("pattern_"):
            outcome = f"go_{word(flow, 'flow')}"
            if outcome not in self._part.outcomes:
                self._part.outcomes.append(outcome)
            self._part.steps[name] = {"return": outcome}
        else:
            self._part.steps[name] = {"return": DONE}
            self._note_missing(name, f"links to '{flow}', which is not imported; the flow ends instead")

    def _call(self, step: RasaStep, name: str, next_: str) -> None:
        called = str(step["call"])
        if called in self._project.flows:
            self._part.steps[name] = {
                "run": word(called, "flow"),
                "then": {DONE: next_, STUCK: _GIVE_UP, "failed": _GIVE_UP},
            }
            return
        path = self._part.path(name)
        if "mcp_server" in step:
            tool = word(called, "tool")
            self._draft.tools[tool] = {"http": f"POST ${{secret.tools_url}}/{called}", "outcomes": {"ok": "2xx"}}
            self._part.steps[name] = {"call": tool, "then": {"ok": next_, "failed": _GIVE_UP}}
            self._notes.needs_you(f"tool '{called}'", "write its address, what is sent and what comes back", path)
            return
        self._part.steps[name] = {
            "talk": {"goal": self._flow.description or humanized(called), "max_turns": 8},
            "exits": {"reached": {"when": "the goal is reached", "go": next_}},
            "then": {"gave_up": _GIVE_UP},
        }
        self._notes.needs_you(f"sub agent '{called}'", "is a talk here: check its goal, facts and exits", path)


def _name_of(step: RasaStep) -> str:
    for key, prefix in (("collect", "ask_"), ("link", "to_"), ("call", "run_")):
        if key in step:
            return prefix + str(step[key])
    if "action" in step:
        return str(step["action"]).removeprefix("utter_").removeprefix("action_")
    return "set_values" if "set_slots" in step else "choose"


def _constant(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else f"'{value}'"
