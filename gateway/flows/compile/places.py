"""Names of steps in one part of a flow: which target a word means, and where in the file it goes wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from gateway.flows.compile import nodes
from gateway.flows.document import MapNode, Node, TextNode
from gateway.flows.expressions.syntax import (
    STEP_FUNCTIONS,
    Binary,
    Constant,
    Expression,
    Field,
    Filter,
    Function,
    Items,
    Template,
    Unary,
    nearest,
    walk,
)
from gateway.flows.expressions.syntax import Node as Syntax
from gateway.flows.issues import BUILT_IN, Findings, Origin
from gateway.flows.prompts import Prompt
from gateway.flows.steps import NOWHERE, EndCall, GiveBack, GoTo, Target


@dataclass(frozen=True, slots=True)
class Places:
    """The steps that can be named in one part of a flow: the top (``subflow`` None) or a subflow."""

    subflow: str | None
    names: tuple[str, ...]
    agent_exit: str | None
    findings: Findings = field(repr=False)
    header: Origin = BUILT_IN
    """Where the flow begins; blamed for what built-in handlers lack."""
    top: tuple[str, ...] = ()
    """The steps at the top, for a subflow: known, but not to be gone to."""

    def path(self, name: str) -> str:
        """Return the path of a step of this part."""
        return f"{self.subflow}.{name}" if self.subflow else name

    def target(self, node: Node | None, origin: Origin) -> Target:
        """Return what a ``go``, ``next`` or outcome means; an unknown step is a finding."""
        if isinstance(node, MapNode):
            outcome = nodes.text(node, "return") or ""
            if self.subflow is None:
                self.findings.error("F103", node.origin, "'return' leaves a subflow, and this is none", "name a step")
                return NOWHERE
            return GiveBack(outcome)
        if not isinstance(node, TextNode) or node.is_empty:
            return NOWHERE
        name = node.value
        if name == "end_call":
            return EndCall()
        if name == "agent_exit":
            if self.agent_exit is None:
                place = self.header if origin == BUILT_IN else origin
                self.findings.error(
                    "F118",
                    place,
                    "this leads to 'agent_exit', and the flow has none",
                    "add 'agent_exit: step' at the top",
                )
                return NOWHERE
            return GoTo(self.agent_exit)
        if name in self.names:
            return GoTo(self.path(name))
        if name in self.top:
            fix = "return an outcome and go on from there, or use 'agent_exit'"
            self.findings.error("F103", node.origin, f"step '{name}' is outside of subflow '{self.subflow}'", fix)
        else:
            self.findings.error("F103", node.origin, f"there is no step '{name}'", self._hint(name))
        return NOWHERE

    def step_path(self, name: str, origin: Origin) -> str:
        """Return the path of a step that is named in an expression or a list: here, else at the top."""
        if name in self.names:
            return self.path(name)
        if name not in self.top and "." not in name:
            self.findings.error("F103", origin, f"there is no step '{name}'", self._hint(name))
        return name

    def _hint(self, name: str) -> str:
        return nearest(name, (*self.names, "end_call", "agent_exit"))

    # --- expressions -----------------------------------------------------------------------------------------------

    def localized(self, expression: Expression | None, node: Node | None) -> Expression | None:
        """Return an expression whose ``visits('x')`` and ``last_choice('x')`` name paths."""
        if expression is None or not _names_steps(expression.root):
            return expression
        at = node if isinstance(node, TextNode) else None
        return replace(expression, root=self._rewritten(expression.root, at))

    def template(self, node: Node | None) -> Template | None:
        """Return a text with ``${…}``, its steps as paths."""
        read = nodes.template(node)
        return None if read is None else self._template(read, node)

    def prompt(self, prompt: Prompt | None) -> Prompt | None:
        """Return a prompt, the steps in its ``${…}`` as paths."""
        if prompt is None or not any(
            _names_steps(part.root) for _, way in prompt.all_wordings() for part in way.text.expressions
        ):
            return prompt
        spoken = {
            tag: tuple(
                replace(way, text=self._template(way.text, TextNode(way.text.source, way.origin))) for way in ways
            )
            for tag, ways in prompt.wordings.items()
        }
        return replace(prompt, wordings=spoken)

    def _template(self, read: Template, node: Node | None) -> Template:
        parts = tuple(part if isinstance(part, str) else self.localized(part, node) or part for part in read.parts)
        return read if parts == read.parts else replace(read, parts=parts)

    def _rewritten(self, node: Syntax, text: TextNode | None) -> Syntax:
        def all_of(many: Iterable[Syntax]) -> tuple[Syntax, ...]:
            return tuple(self._rewritten(one, text) for one in many)

        match node:
            case Function(name=name, arguments=(Constant(value=str(step)) as argument,)) if name in STEP_FUNCTIONS:
                origin = text.at(argument.at) if text else Origin("")
                return replace(node, arguments=(replace(argument, value=self.step_path(step, origin)),))
            case Function() | Filter() | Items():
                changed = all_of(node.items if isinstance(node, Items) else node.arguments)
                if isinstance(node, Items):
                    return replace(node, items=changed)
                if isinstance(node, Filter):
                    return replace(node, value=self._rewritten(node.value, text), arguments=changed)
                return replace(node, arguments=changed)
            case Unary():
                return replace(node, value=self._rewritten(node.value, text))
            case Binary():
                left, right = all_of((node.left, node.right))
                return replace(node, left=left, right=right)
            case Field():
                return replace(node, of=self._rewritten(node.of, text))
            case _:
                return node


def _names_steps(root: Syntax) -> bool:
    return any(isinstance(node, Function) and node.name in STEP_FUNCTIONS for node in walk(root))
