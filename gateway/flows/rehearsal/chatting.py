"""Typing to a flow instead of calling it: the same engine, no model, no time but what is asked for.

Words are taken if they are literally an answer, if they are one of the names that the model could answer with, or if
they read as a value of a slot that is asked for. ``slot=value`` says what a sentence would fill.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from gateway.flows.engine.commands import AskModel
from gateway.flows.expressions.evaluate import UNSET
from gateway.flows.expressions.spoken import say_value
from gateway.flows.expressions.values import CardToken, Secret
from gateway.flows.model import Flow
from gateway.flows.rehearsal.given import GivenCall, arguments_of
from gateway.flows.rehearsal.script import Case, Meaning
from gateway.flows.shapes import span_ms
from gateway.flows.slots import understand

_FILLED: Final = re.compile(r"([a-z][a-z0-9_]*)=(\S+)")
_KEYS: Final = re.compile(r"[0-9*#]+")
HELP: Final = """\
Type what the caller says; a choice, an exit, yes or no by its name; slot=value for what a sentence fills.
:key 12#     presses keys; a line of digits does, too
:silent 7s   says nothing for a while
:slots       shows what is known
:model       shows what the model was asked last
:hangup      hangs up
"""


class Chat:
    """A conversation in writing.

    Args:
        flow: what is talked to.
        case: who calls, when, and what the world answers.

    """

    def __init__(self, flow: Flow, case: Case) -> None:
        self._call = _ReadingCall(flow, case)
        self._shown = 0
        self._told = 0

    @property
    def is_over(self) -> bool:
        """Whether the call has ended."""
        return self._call.trace.ended is not None

    def start(self) -> Iterator[str]:
        """Let the call come in; yields lines to show."""
        self._call.start()
        yield from self._news()

    def line(self, typed: str) -> Iterator[str]:
        """Take a line; yields lines to show."""
        verb, _, rest = typed.strip().partition(" ")
        match verb:
            case "":
                return
            case ":help":
                yield HELP.rstrip()
                return
            case ":slots":
                yield from self._known()
                return
            case ":model":
                yield from self._asked()
                return
            case ":key" if _KEYS.fullmatch(rest.strip()):
                self._call.presses(rest.strip())
            case ":silent" if (span := span_ms(rest or "7s")) is not None:
                self._call.silent(span)
            case ":hangup":
                self._call.hangs_up()
            case _ if verb.startswith(":"):
                yield f"'{typed}' is not understood\n{HELP.rstrip()}"
                return
            case _ if _KEYS.fullmatch(typed.strip()):
                self._call.presses(typed.strip())
            case _:
                self._call.says(typed.strip(), self._in_talk(typed.strip()))
        self._call.settle()
        yield from self._news()

    def _in_talk(self, typed: str) -> Meaning | None:
        """Return the exit that was typed, if the model has the word."""
        if self._call.talk is None:
            return None
        exits = self._call.talk.leave["properties"]["exit"]["enum"]
        word, values = typed.split(maxsplit=1)[0], dict(_FILLED.findall(typed))
        return Meaning(word, values) if word in exits or f"@{word}" in exits else None

    def _news(self) -> Iterator[str]:
        """Yield what was said and what happened since the last line, and where the call stands."""
        trace, engine = self._call.trace, self._call.engine
        for said in trace.said[self._shown :]:
            yield f"  flow: {said}"
        for tell in trace.tells[self._told :]:
            if tell.name in {"tool_result", "exit_taken", "guard_denied", "no_input", "no_match", "invalid", "fault"}:
                facts = " ".join(str(each) for each in tell.facts.values())
                yield f"        {tell.step}: {tell.name} {facts}".rstrip()
        self._shown, self._told = len(trace.said), len(trace.tells)
        if self.is_over:
            yield f"[{engine.path}] the call is over: {trace.ended}"
            return
        verb = "the model speaks; type an exit to leave" if self._call.talk is not None else engine.step.verb
        yield f"[{engine.path}] {verb}"

    def _known(self) -> Iterator[str]:
        state = self._call.engine.state
        for name in (*self._call.flow.slots, *self._call.flow.variables):
            value = state.value(name)
            if value is not UNSET:
                sealed = isinstance(value, Secret | CardToken)
                yield f"  {name} = {value if sealed else say_value(value, state.language)}"
        for name, proposed in state.proposals.items():
            yield f"  {name} is perhaps {proposed}"

    def _asked(self) -> Iterator[str]:
        asked = self._call.asked
        if asked is None:
            yield "  the model was not asked yet"
            return
        properties = asked.parameters["properties"]
        yield f"  {asked.function}: {', '.join(properties['kind']['enum'])}"
        yield from (f"    {name}: {schema.get('description', '')}" for name, schema in properties.items())
        yield from (f"  | {line}" for line in asked.brief.splitlines())


class _ReadingCall(GivenCall):
    """Reads words by rule, in place of a model."""

    asked: AskModel | None = None

    def reading(self, question: AskModel, text: str, means: Meaning | None) -> Mapping[str, object]:
        self.asked = question
        properties = question.parameters["properties"]
        kinds = properties["kind"]["enum"]
        values = {name: value for name, value in _FILLED.findall(text) if name in properties}
        words = _FILLED.sub("", text).strip()
        kind = next((each for each in (words, f"@{words}", words.replace(" ", "_")) if each in kinds), "")
        if not kind and not values:
            values = {name: words for name in properties if self._reads(name, words)}
        return arguments_of(question, words, Meaning(kind, values) if kind or values else None)

    def _reads(self, name: str, words: str) -> bool:
        slot, state = self.flow.slots.get(name), self.engine.state
        return slot is not None and understand(slot.type, words, state.language, state.today).value is not None
