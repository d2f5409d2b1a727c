"""From what a caller said to a slot's value: read twice, checked, and only then filled.

The model hands over the caller's words and a value that it made of them. Both are read again here, by rules; where
they differ, or only one can be read, the value is *unsure* and is confirmed before it counts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from gateway.flows.engine.questions import Reply
from gateway.flows.engine.stage import Core
from gateway.flows.engine.state import CallState
from gateway.flows.expressions.evaluate import UNSET, CannotCompute, evaluate
from gateway.flows.expressions.values import CardToken, Money, Secret
from gateway.flows.model import Privacy, Slot
from gateway.flows.slots import Reading, keyed, understand


@dataclass(frozen=True, slots=True)
class Understood:
    """A slot's value as it was understood; ``reason`` says why it can't be taken."""

    value: object = field(repr=False)
    sure: bool = True
    reason: str = ""

    @property
    def usable(self) -> bool:
        """Whether there is a value that the slot allows."""
        return not self.reason


WORDS_AT_MOST: Final = 40
SPAN_AT_MOST: Final = 8
"""Words of a sentence that are looked at, and words that make one value: a bound on work, not on people."""
NOTHING = Understood(UNSET, sure=False, reason="unreadable")


def spoken(state: CallState, slot: Slot, raw: str, proposed: str) -> Understood:
    """Return what a slot's value is by the caller's words and by the model's proposal."""
    by_rule = _read(state, slot, raw)
    by_model = _read(state, slot, proposed)
    if by_rule is None and by_model is None:
        refused = next((reading.reason for reading in _readings(state, slot, raw, proposed) if reading.reason), "")
        return Understood(UNSET, sure=False, reason=refused) if refused else NOTHING
    found = by_rule if by_rule is not None else by_model
    assert found is not None
    agreed = by_rule is not None and (not proposed or (by_model is not None and by_model.value == by_rule.value))
    value = by_model.value if by_model is not None and not agreed and by_rule is None else found.value
    return checked(state, slot, value, sure=agreed and found.sure)


def typed(state: CallState, slot: Slot, keys: str) -> Understood:
    """Return what a slot's value is by the keys pressed; secret ones are opaque from here on."""
    reading = keyed(slot.type, keys, state.today)
    if reading.value is None:
        return Understood(UNSET, reason=reading.reason or "unreadable")
    found = checked(state, slot, reading.value, sure=True)
    if slot.privacy is Privacy.SECRET and found.usable:
        return Understood(Secret(str(found.value)))
    if slot.privacy is Privacy.CARD and found.usable:
        return Understood(found.value if isinstance(found.value, CardToken) else Secret(str(found.value)))
    return found


def checked(state: CallState, slot: Slot, value: object, *, sure: bool) -> Understood:
    """Return a value with the slot's bounds applied: ``too_early``, ``too_late``, ``too_small``, ``too_large``."""
    low = evaluate(slot.low.expression, state) if slot.low is not None else UNSET
    high = evaluate(slot.high.expression, state) if slot.high is not None else UNSET
    timely = not isinstance(value, Decimal | Money | int | float)
    if low is not UNSET and _before(value, low):
        return Understood(UNSET, reason="too_early" if timely else "too_small")
    if high is not UNSET and _before(high, value):
        return Understood(UNSET, reason="too_late" if timely else "too_large")
    return Understood(value, sure=sure)


def take_fills(core: Core, names: Iterable[str], reply: Reply) -> None:
    """Fill slots that a caller's sentence answered on the way.

    What is beyond doubt is filled; the rest is kept as a proposal, which the step that asks for it offers for a yes.
    """
    for name in names:
        slot = core.flow.slots[name]
        proposed = reply.values.get(name)
        if proposed and slot.input != "keys_only":
            take_value(core, slot, reply.raw, proposed)


def take_value(core: Core, slot: Slot, raw: str, proposed: str) -> bool:
    """Fill one slot from a sentence, or keep a proposal for it; true if it is filled."""
    found = heard_in(core.state, slot, raw, proposed)
    certain = found.usable and slot.check_tool is None and slot.confirm != "always"
    if certain and (found.sure or slot.confirm == "never"):
        core.state.fill(slot.name, found.value, core.path)
        core.tell("slot_filled", slot=slot.name, type=slot.type.kind.value)
        return True
    if found.usable or slot.type.of_tool is not None:
        core.state.proposals[slot.name] = proposed
    return False


def heard_in(state: CallState, slot: Slot, raw: str, proposed: str) -> Understood:
    """Return what a slot's value is by a model's proposal, sure if the caller's sentence holds it somewhere."""
    found = spoken(state, slot, "", proposed)
    if not found.usable:
        return found
    words = raw.split()[:WORDS_AT_MOST]
    for length in range(min(len(words), SPAN_AT_MOST), 0, -1):
        for start in range(len(words) - length + 1):
            reading = _read(state, slot, " ".join(words[start : start + length]))
            if reading is not None and reading.sure and reading.value == found.value:
                return Understood(found.value)
    return found


def _readings(state: CallState, slot: Slot, *texts: str) -> list[Reading]:
    return [understand(slot.type, text, state.language, state.today) for text in texts if text]


def _read(state: CallState, slot: Slot, text: str) -> Reading | None:
    if not text:
        return None
    reading = understand(slot.type, text, state.language, state.today)
    return reading if reading.value is not None else None


def _before(one: object, other: object) -> bool:
    if isinstance(one, Money):
        one = one.amount
    if isinstance(other, Money):
        other = other.amount
    try:
        return bool(one < other)  # type: ignore[operator]
    except TypeError:
        raise CannotCompute("a slot's bounds are of another kind than its value") from None
