"""What the local model says: a small brain that reads tool schemas and the instruction block, and nothing else.

It is deterministic and honest about its limits: a caller who says a topic hears its sentence, one who says what a tool
is for has it called, everybody else is told what can be asked. It never invents a word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateway.offline.conversation import Entry
from gateway.offline.instructions import Block, Fact, read_block
from gateway.offline.items import FunctionCall, FunctionOutput, InputText, Message
from gateway.offline.mind import Answer, Call, Listen, Stunt, Thought, Utter, Wording
from gateway.offline.session_config import ForcedFunction, FunctionTool
from gateway.offline.speech_jobs import Expected, Recognised
from gateway.offline.tool_grammar import Grammar, Meaning, choices, filled, grammar, spoken_name, words

SORRY: Final = "Sorry, I did not understand that."
DONE: Final = "All right, that is done."
NOT_DONE: Final = "Sorry, that did not work."
HELLO: Final = "Hello. How can I help you?"
MAX_NAMED: Final = 4
"""How many of the things that can be asked are named to a lost caller."""


@dataclass(frozen=True, slots=True)
class _Knowledge:
    """All that can be understood in one response."""

    block: Block
    tools: Sequence[FunctionTool]
    grammar: Grammar
    facts: Mapping[str, Fact]

    def tool(self, name: str) -> FunctionTool:
        return next(tool for tool in self.tools if tool.name == name)

    def expected(self, thought: Thought) -> Expected:
        phrases = dict.fromkeys([*self.facts, *self.grammar.phrases])
        return Expected(
            language=thought.language,
            phrases=tuple(phrases),
            keywords=tuple(dict.fromkeys(thought.keywords)),
            digits=self.grammar.digits,
        )


class Brain:
    """A mind for one session; remembers only what it greeted with."""

    def __init__(self) -> None:
        self._greeting: str | None = None

    def answer(self, thought: Thought) -> Answer | Listen:
        """Say what the response is, or what has to be heard first."""
        own = read_block(thought.response_instructions or "")
        must_call = thought.tools and (
            thought.tool_choice == "required" or isinstance(thought.tool_choice, ForcedFunction)
        )
        if own.say is not None and not must_call:
            return _say(own.say)
        know = _knowledge(thought, own)
        last = _to_answer(thought.entries, even_if_answered=thought.out_of_band or bool(must_call))
        match last.item if last else None:
            case FunctionOutput() if not must_call:
                return _say(_from_outputs(thought.entries))
            case Message():
                assert last is not None
                return self._understand(thought, know, last, must_call=bool(must_call))
            case _ if must_call:
                return self._forced(know, Recognised(text="", confidence=0.0, rejected=True), None)
            case _:
                return self._unasked(know)

    def transcribe(self, item_id: str, thought: Thought) -> Listen | Wording:
        """Have a turn heard under all that the session expects."""
        return Listen(item_id, _knowledge(thought, Block()).expected(thought))

    def expects(self, thought: Thought) -> Expected | None:
        """Return all that the session expects."""
        expected = _knowledge(thought, Block()).expected(thought)
        return expected if expected.phrases or expected.digits else None

    def noticed(self, kind: str, frame: str | bytes) -> Sequence[Stunt]:
        """Take no note: a brain only answers."""
        return ()

    def leftovers(self) -> list[str]:
        """Return nothing: a brain expects nothing."""
        return []

    def _understand(self, thought: Thought, know: _Knowledge, entry: Entry, *, must_call: bool) -> Answer | Listen:
        if entry.has_audio:
            expected = know.expected(thought)
            heard = thought.heard.get((entry.item.id, expected))
            if heard is None:
                return Listen(entry.item.id, expected)
        else:
            heard = _read(_text_of(entry), know)
        if not thought.out_of_band:
            self._greeting = know.block.say or HELLO  # who is in the middle of a talk is not greeted any more
        said = words(heard.phrase or "")
        meaning = know.grammar.phrases.get(said)
        if meaning is None and heard.digits and know.grammar.digits_for:
            meaning = Meaning(know.grammar.digits_for)
        if must_call:
            return self._forced(know, heard, meaning)
        if meaning is None and said in know.facts:
            return _say(know.facts[said].sentence)
        if meaning is not None and not heard.rejected:
            return self._call(know, meaning, heard)
        return _say(_reprompt(know))

    def _call(self, know: _Knowledge, meaning: Meaning, heard: Recognised) -> Answer:
        tool = know.tool(meaning.tool)
        arguments = filled(tool, meaning, heard, forced=False)
        if arguments is None:
            wanted = choices(tool)
            return _say(f"Which one: {_listed(wanted)}?" if wanted else SORRY)
        call = Call(name=tool.name, arguments=arguments)
        before = know.facts.get(spoken_name(tool))
        return Answer((Utter(text=before.sentence), call) if before else (call,))

    def _forced(self, know: _Knowledge, heard: Recognised, meaning: Meaning | None) -> Answer:
        chosen = meaning or Meaning(know.tools[0].name)
        arguments = filled(know.tool(chosen.tool), chosen, heard, forced=True)
        assert arguments is not None
        return Answer((Call(name=chosen.tool, arguments=arguments),))

    def _unasked(self, know: _Knowledge) -> Answer:
        """Answer where nobody said anything: greet once, then offer help."""
        greeting = know.block.say or HELLO
        if self._greeting is None or know.block.say not in (None, self._greeting):
            self._greeting = greeting
            return _say(greeting)
        return _say(_offer(know) or HELLO)


def _knowledge(thought: Thought, own: Block) -> _Knowledge:
    block = read_block(thought.instructions) if own.is_empty else own
    tools: Sequence[FunctionTool] = () if thought.tool_choice == "none" else thought.tools
    if isinstance(thought.tool_choice, ForcedFunction):
        tools = [tool for tool in tools if tool.name == thought.tool_choice.name]
    forced = isinstance(thought.tool_choice, ForcedFunction)
    facts = {} if forced else {words(phrase): fact for fact in block.facts for phrase in fact.phrases}
    tool_names = {spoken_name(tool) for tool in tools}
    known = grammar(tools)
    phrases = {said: meaning for said, meaning in known.phrases.items() if said not in facts or said in tool_names}
    return _Knowledge(block, tools, Grammar(phrases, known.digits, known.digits_for), facts)


def _to_answer(entries: Sequence[Entry], *, even_if_answered: bool) -> Entry | None:
    """Return the newest item that wants an answer: the user's words or a tool's output."""
    for entry in reversed(entries):
        if entry.role == "user" or isinstance(entry.item, FunctionOutput):
            return entry
        if isinstance(entry.item, FunctionCall) or (entry.role == "assistant" and not even_if_answered):
            return None
    return None


def _from_outputs(entries: Sequence[Entry]) -> str:
    """Return what the newest outputs come to, in words."""
    sentences: list[str] = []
    for entry in reversed(entries):
        if not isinstance(entry.item, FunctionOutput):
            break
        sentences.insert(0, _from_output(entry.item.output))
    return " ".join(dict.fromkeys(sentences))


def _from_output(output: str) -> str:
    try:
        found: Any = json.loads(output)
    except ValueError:
        return DONE
    if not isinstance(found, dict):
        return DONE
    for name in ("say", "message"):
        if isinstance(found.get(name), str) and found[name].strip():
            return str(found[name])
    return NOT_DONE if found.get("error") or found.get("ok") is False else DONE


def _read(text: str, know: _Knowledge) -> Recognised:
    """Understand a written message: the longest known phrase that stands in it, or its digits."""
    said = f" {words(text)} "
    phrases = [phrase for phrase in (*know.facts, *know.grammar.phrases) if f" {phrase} " in said]
    digits = "".join(character for character in text if character.isdigit())
    low, high = know.grammar.digits or (1, 0)
    return Recognised(
        text=text,
        phrase=max(phrases, key=len, default=None),
        digits=digits if low <= len(digits) <= high else None,
        rejected=not phrases and not low <= len(digits) <= high,
    )


def _text_of(entry: Entry) -> str:
    assert isinstance(entry.item, Message)
    return " ".join(part.text for part in entry.item.content if isinstance(part, InputText))


def _reprompt(know: _Knowledge) -> str:
    return f"{SORRY} {_offer(know)}".strip()


def _offer(know: _Knowledge) -> str:
    tool_names = [spoken_name(tool) for tool in know.tools]
    topics = [fact.phrases[0] for fact in know.block.facts if words(fact.phrases[0]) not in tool_names]
    named = [*topics, *tool_names][:MAX_NAMED]
    sentence = f"You can say {_listed(named)}." if named else ""
    return f"{know.block.goal or ''} {sentence}".strip()


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"


def _say(text: str) -> Answer:
    return Answer((Utter(text=text),))
