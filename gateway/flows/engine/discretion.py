"""Which texts hold something about a person, so that they stay out of the model's memory.

Slots say so themselves (``privacy``); what a tool marked ``personal`` returned is personal too, under whatever name it
goes on: the variable that saves it, an entry picked from it, what a subflow hands back.
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.flows.expressions.syntax import Expression, Name, Template, walk
from gateway.flows.model import Flow, Privacy
from gateway.flows.steps import AnyStep, Call, Menu, Run


def names_in(expressions: Iterable[Expression]) -> set[str]:
    """Return the names that expressions read."""
    return {node.name for expression in expressions for node in walk(expression.root) if isinstance(node, Name)}


class Discretion:
    """What of one flow is private.

    Args:
        flow: compiled; names are taken together over all its subflows, which errs on the safe side.

    """

    def __init__(self, flow: Flow) -> None:
        self._private = {name for name, slot in flow.slots.items() if slot.privacy is not Privacy.PUBLIC}
        known = -1
        while known != len(self._private):
            known = len(self._private)
            for step in flow.steps.values():
                self._private |= self._made_private_by(flow, step)

    def _made_private_by(self, flow: Flow, step: AnyStep) -> set[str]:
        match step:
            case Call(tool=tool, save=str(save)):
                return {save} if flow.tools[tool].personal else set()
            case Menu(source=Expression() as source, save=save):
                entries = {"item"} | ({save} if save is not None else set())
                return entries if names_in([source]) & self._private else set()
            case Run(arguments=arguments, gives=gives):
                taken = {name for name, value in arguments.items() if self.is_private(value.template)}
                return taken | {here for name, here in gives.items() if name in self._private}
            case _:
                return set()

    def is_private(self, text: Template) -> bool:
        """Whether a text would hold something about a person."""
        return bool(names_in(text.expressions) & self._private)
