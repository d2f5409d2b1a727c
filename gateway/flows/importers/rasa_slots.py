"""Slots and texts of a Rasa domain, rewritten: what is asked for becomes a slot, the rest a variable."""

from __future__ import annotations

import re
from typing import Final

from gateway.flows.importers.draft import Body, Draft, humanized, private_slot, word
from gateway.flows.importers.rasa_conditions import CannotSay, rewritten
from gateway.flows.importers.rasa_project import RasaProject, RasaResponse, RasaSlot, maps_of, steps_within

ASK_FOR: Final = "TODO: ask for the {name}."
_KINDS: Final = {"text": "text", "bool": "boolean", "float": "number", "categorical": "text", "list": "list"}
_BETTER: Final = {
    "email": "email", "phone": "phone", "mobile": "phone", "iban": "iban", "postcode": "postcode", "zip": "postcode",
    "date": "date", "birthday": "date", "time": "time", "amount": "amount",
}  # fmt: skip
"""Words in a slot's name, and the type that would hear it better than a text."""


class Domain:
    """What the steps of all flows need to know of slots and responses."""

    def __init__(self, project: RasaProject, draft: Draft) -> None:
        self._project = project
        self._draft = draft
        steps = [step for flow in project.flows.values() for step in steps_within(flow.steps)]
        self.collected = {str(step["collect"]) for step in steps if "collect" in step}
        self._asked_anew = {
            str(step["collect"]) for step in steps if "collect" in step and step.get("ask_before_filling")
        }
        self.assigned = {str(name) for step in steps for one in maps_of(step.get("set_slots")) for name in one}
        self._stand_ins = 0

    def write_slots(self) -> None:
        """Put every slot and variable into the draft."""
        for name in sorted(self.collected - self._project.slots.keys()):
            self._draft.notes.needs_you(f"slot '{name}'", "is asked for and not in the domain; taken for a text")
            self._project.slots[name] = RasaSlot(name, "text")
        for slot in self._project.slots.values():
            if slot.name in self.collected:
                self._draft.slots[word(slot.name, "slot")] = self._slot(slot)
            else:
                self._draft.variables[word(slot.name, "slot")] = _variable(slot)

    def is_private(self, name: str) -> bool:
        """Whether a slot is one that may be keyed only."""
        return "privacy" in self._draft.slots.get(word(name, "slot"), {})

    def kind(self, name: str) -> str:
        """Return the kind of value that a tool gets or gives for a slot."""
        if self.is_private(name):
            return "secret"
        slot = self._project.slots.get(name)
        return _KINDS.get(slot.type, "any") if slot else "any"

    def from_actions(self, name: str) -> bool:
        """Whether only an action can give a slot its value."""
        return name not in self.collected | self.assigned and name in self._project.slots

    def _slot(self, slot: RasaSlot) -> Body:
        notes, source, name = self._draft.notes, f"slot '{slot.name}'", word(slot.name, "slot")
        titles = list(dict.fromkeys(title for one in self.responses(f"utter_ask_{slot.name}") for title in one.buttons))
        private = private_slot(name) if slot.type in ("text", "float", "any") else None
        if private is not None:
            notes.needs_you(
                source, f"sounds secret: taken by keys only, as {private['privacy']}; check type and length"
            )
            return private
        body: Body
        match slot.type:
            case "bool":
                body = {"type": "yes_no"}
            case "float" | "int":
                body = {"type": "number"}
            case "categorical":
                body = {"type": "choice", "of": _options(slot.values, titles)}
            case _:
                body = {"type": "text", "max_words": 30}
                if titles:
                    body["hints"] = titles
                if slot.type != "text":
                    notes.needs_you(source, f"type '{slot.type}' is taken for a text")
        notes.kept(source, f"a slot of type {body['type']}")
        better = next((kind for part in name.split("_") if (kind := _BETTER.get(part))), None)
        if better and body["type"] in ("text", "number"):
            notes.needs_you(source, f"is a {body['type']}, as it was; 'type: {better}' would be checked and read back")
        if slot.name in self._asked_anew:
            body["keep"] = "step"
        return body

    # --- texts -----------------------------------------------------------------------------------------------------

    def responses(self, utter: str) -> list[RasaResponse]:
        """Return the variations of a response, none if it is not in the domain."""
        return self._project.responses.get(utter, [])

    def text(self, text: str, step: str) -> str:
        """Return a response's text with its ``{slot}`` as ours."""

        def placed(found: re.Match[str]) -> str:
            name = found[1]
            if name not in self._project.slots or self.is_private(name):
                self._draft.notes.needs_you(f"text '{text[:40]}'", f"'{{{name}}}' can't be said here", step)
                return "…"
            return f"${{{word(name, 'slot')}}}"

        return re.sub(r"\{(\w+)\}", placed, text).replace("{{", "{")

    def prompt(self, utters: list[str], step: str, otherwise: str) -> list[str]:
        """Return what is asked, of the first response that there is; variations become later tries."""
        found = next((known for utter in utters if (known := self.responses(utter))), [])
        texts = [self.text(one.text, step) for one in found if one.text]
        if not texts:
            self._draft.notes.needs_you(f"response '{utters[0]}'", "is not in the domain; write what is said", step)
            return [otherwise]
        if len(texts) > 1:
            self._draft.notes.changed(f"response '{utters[0]}'", "variations by chance are later tries here", step)
        for extra in sorted({key for one in found for key in one.extras}):
            self._draft.notes.changed(f"response '{utters[0]}'", f"'{extra}' is for screens; left out", step)
        return list(dict.fromkeys(texts))

    # --- conditions ------------------------------------------------------------------------------------------------

    def condition(self, source: str, step: str) -> str:
        """Return a condition in our language; what can't be said becomes a variable that is false."""
        try:
            said = rewritten(source, lambda name: word(name, "slot"))
        except CannotSay as error:
            return self.stand_in(source, str(error), step)
        for slot in self._project.slots.values():
            for value in slot.values if slot.type == "categorical" else ():
                said = re.sub(rf"(['\"]){re.escape(value)}\1", f"'{word(value, 'option')}'", said, flags=re.IGNORECASE)
        return said

    def stand_in(self, source: str, why: str, step: str) -> str:
        """Return a variable in place of a condition; it is false until somebody writes what is meant."""
        self._stand_ins += 1
        name = f"condition_{self._stand_ins}"
        self._draft.variables[name] = {"type": "boolean", "start": False}
        self._draft.notes.needs_you(f"condition '{source}'", f"{why}; '{name}' stands for it and is false", step)
        return name


def _variable(slot: RasaSlot) -> Body:
    body: Body = {"type": _KINDS.get(slot.type, "any")}
    if isinstance(slot.initial, str | int | float | bool):
        body["start"] = slot.initial if isinstance(slot.initial, bool) else str(slot.initial)
    return body


def _options(values: tuple[str, ...], titles: list[str]) -> Body | list[str]:
    """Return a choice's options: by name alone, or with the words that callers say for them."""
    names = {word(value, "option"): value for value in values}
    said = {
        name: [
            title
            for title in dict.fromkeys([value, *titles])
            if _means(title, name) and title.lower() != humanized(name)
        ]
        for name, value in names.items()
    }
    if not any(said.values()):
        return list(names)
    return {name: words or [humanized(name)] for name, words in said.items()}


def _means(title: str, name: str) -> bool:
    return word(title, "option") == name or humanized(name) in title.lower()
