"""Widgets that hand a caller to somebody, as transfers: whom they ring, and where a call goes that nobody takes.

In Studio a call comes back when the other side hangs up; here an answered call is handed over for good.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from gateway.flows.importers.draft import Body, word
from gateway.flows.importers.studio_document import Widget
from gateway.flows.importers.studio_values import Values

_DIALLED: Final = {
    "busy": "busy",
    "no-answer": "no_answer",
    "failed": "failed",
    "canceled": "no_answer",
    "completed": "answered",
}
"""What became of a dialled number, in Twilio's words and in ours."""
_TELEPHONE: Final = re.compile(r"\+?[1-9]\d{6,14}")


class PeopleWriter:
    """Writes transfers.

    Args:
        values: names of the flow's values.
        where: gives the step for a widget, None for nothing wired.

    """

    def __init__(self, values: Values, where: Callable[[str | None], str]) -> None:
        self._values = values
        self._notes = values.draft.notes
        self._where = where
        self.dialled: dict[str, Widget] = {}
        """Widget that dials → the split behind it that asks how it went."""

    def connect(self, widget: Widget, step: str) -> Body:
        """Return the transfer that a connect-call-to widget is."""
        what = f"widget '{widget.name}'"
        transfer: Body = {"to": self._number(widget, step)}
        seconds = widget.number("timeout")
        transfer |= {"ring_for": f"{seconds}s"} if seconds else {}
        ways = dict.fromkeys(("busy", "no_answer", "failed"), "end_call")
        split = self.dialled.get(widget.name)
        if split is not None:
            ways = dict.fromkeys(ways, self._where(split.ways.get("noMatch")))
            for match in split.matches:
                for one in match.conditions:
                    outcomes = {_DIALLED.get(value.strip(), "") for value in one.value.split(",")} - {"", "answered"}
                    ways |= dict.fromkeys(outcomes, self._where(match.next))
            self._notes.kept(what, "a transfer, its outcomes from the split behind it", step)
        elif widget.ways.get("callCompleted"):
            ways = dict.fromkeys(ways, self._where(widget.ways["callCompleted"]))
            self._notes.changed(
                what, "what came after the call comes when nobody answers; an answered call is handed over", step
            )
        else:
            self._notes.needs_you(what, "when nobody answers the call just ends; lead it to a message", step)
        for key in ("record", "timelimit"):
            if widget.text(key) not in ("", "False", "false"):
                self._notes.changed(what, f"'{key}' is the carrier's and not the flow's; left out", step)
        if str(transfer["to"]).startswith("queue:"):
            transfer["max_wait"] = transfer.pop("ring_for", "10m")
            ways = dict.fromkeys(("timeout", "closed", "failed"), ways["no_answer"])
        ways = {name: self._elsewhere(target, what, step) for name, target in ways.items()}
        return {"transfer": transfer, "then": {"answered": "end_call", **ways}}

    def _elsewhere(self, target: str, what: str, step: str) -> str:
        """Return where a call goes that nobody took: not to the same people at once, for ever."""
        if target == step:
            self._notes.needs_you(what, "rang the same people again for ever; lead it to a message", step)
            return "end_call"
        return target

    def _number(self, widget: Widget, step: str) -> str:
        what, noun = f"widget '{widget.name}'", widget.text("noun") or "number"
        if noun.startswith("sip"):
            address = self._values.text(widget.text("sip_endpoint") or widget.text("to"), what, step)
            return f"sip:{address.removeprefix('sip:')}"
        first, _, more = widget.text("to").partition(",")
        if noun not in ("number", "number-multi"):
            self._notes.needs_you(what, f"rings a {noun}; name a number, a SIP address or a queue", step)
            return f"queue:{word(first or noun, 'queue')}"
        if more:
            self._notes.needs_you(
                what, "rings several numbers at once; only the first is rung here, or use a queue", step
            )
        said = self._values.text(first, what, step)
        digits = re.sub(r"[\s().-]", "", said) if "${" not in said else said
        if "${" in digits or _TELEPHONE.fullmatch(digits):
            if "${" not in digits and not digits.startswith("+"):
                self._notes.changed(what, f"{digits} is taken for +{digits}", step)
                digits = f"+{digits}"
            return f"tel:{digits}"
        self._notes.needs_you(what, f"'{first}' is no number that can be rung", step)
        return "queue:agents"

    def enqueue(self, widget: Widget, step: str) -> Body:
        """Return the transfer to a queue that an enqueue-call or a send-to-flex widget is."""
        what = f"widget '{widget.name}'"
        queue = word(
            widget.text("queue_name") or widget.text("workflow_sid") or widget.text("workflow") or widget.name, "queue"
        )
        self._notes.needs_you(what, f"say in the gateway's settings who is behind queue '{queue}'", step)
        target = self._where(widget.ways.get("failedToEnqueue") or widget.ways.get("callFailure"))
        failed = self._elsewhere(target, what, step)
        if target == "end_call":
            self._notes.needs_you(what, "when nobody takes the call it just ends; lead it to a message", step)
        wait = widget.number("timeout")
        if wait is None:
            self._notes.changed(what, "callers waited without limit; now at most 10 minutes", step)
        return {
            "transfer": {"to": f"queue:{queue}", "max_wait": f"{wait}s" if wait else "10m"},
            "then": {"answered": "end_call", "timeout": failed, "closed": failed, "failed": failed},
        }
