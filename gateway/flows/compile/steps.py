"""Steps out of nodes: one reader per verb, on top of what a step inherits."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.flows.compile import nodes
from gateway.flows.compile.contracts import read_invalid, read_value
from gateway.flows.compile.inheritance import effective, inherited, verb_of
from gateway.flows.compile.merge import as_map
from gateway.flows.compile.places import Places
from gateway.flows.compile.texts import read_goal, read_prompt, read_words
from gateway.flows.document import Entry, ListNode, MapNode, Node, TextNode
from gateway.flows.expressions.kinds import Kind
from gateway.flows.expressions.syntax import plain
from gateway.flows.issues import Findings, Origin
from gateway.flows.model import Tool, Variable
from gateway.flows.prompts import Prompt
from gateway.flows.steps import (
    AnyStep,
    Ask,
    Branch,
    Broken,
    Call,
    Choice,
    Clear,
    Confirm,
    Decide,
    Exit,
    FactFile,
    FactValue,
    Guard,
    Hangup,
    Hours,
    InterruptPolicy,
    Language,
    Listening,
    Menu,
    ModelOverrides,
    Pay,
    Retries,
    Return,
    Run,
    Say,
    Set,
    Talk,
    TalkExit,
    Target,
    Transfer,
    Value,
    Voicemail,
)

DEFAULT_SILENCE_MS: Final = 6_000


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a step is compiled among."""

    languages: tuple[str, ...]
    defaults: MapNode
    silence_ms: int
    tools: Mapping[str, Tool]
    variables: Mapping[str, Variable]
    subflow_takes: Mapping[str, Mapping[str, Kind]]
    subflow_names: Mapping[str, str]
    """As written in ``run`` → key in ``Flow.subflows``."""
    read_facts: Callable[[TextNode], FactFile | None]
    read_prompts: Callable[[TextNode], MapNode]
    findings: Findings


def read_step(name: str, origin: Origin, node: MapNode, places: Places, around: Surroundings) -> AnyStep:
    """Return a compiled step; one without a verb is :class:`Broken`."""
    verb = verb_of(node)
    if verb is None:
        return Broken(path=places.path(name), name=name, subflow=places.subflow, origin=origin, exits=())
    whole = inherited(verb, node, around.defaults)
    return _StepReader(name, origin, verb=verb, node=whole, written=node, places=places, around=around).read()


class _StepReader:
    """Reads one step."""

    def __init__(
        self,
        name: str,
        origin: Origin,
        *,
        verb: str,
        node: MapNode,
        written: MapNode,
        places: Places,
        around: Surroundings,
    ) -> None:
        self._name = name
        self._origin = origin
        self._verb = verb
        self._node = node
        self._written = written
        self._places = places
        self._around = around
        self._exits: list[Exit] = []

    def read(self) -> AnyStep:
        reader: Callable[[dict[str, Any]], AnyStep] = getattr(self, f"_{self._verb}")
        common = {
            "path": self._places.path(self._name),
            "name": self._name,
            "subflow": self._places.subflow,
            "origin": self._origin,
            "guard": self._guard(),
            "event": nodes.text(self._node, "event"),
            "sets": self._values(self._node.get("set"), {n: v.kind for n, v in self._around.variables.items()}),
            "interrupt": self._interrupt(),
            "model": read_model(as_map(self._node.get("model"))),
            "memory": nodes.word(self._node, "memory", ("keep", "facts", "fresh"), "keep"),
            "note": nodes.text(self._node, "note"),
            "effective": effective(self._verb, self._node),
        }
        return reader(common)

    # --- pieces ----------------------------------------------------------------------------------------------------

    def _go(self, name: str, kind: Any, node: Node | None, origin: Any) -> Target:
        target = self._places.target(node, origin)
        self._exits.append(Exit(name=name, kind=kind, target=target, origin=node.origin if node else origin))
        return target

    def _next(self) -> None:
        if (node := self._node.get("next")) is not None:
            self._go("next", "next", node, self._node.key_origin("next"))

    def _then(self) -> None:
        for outcome, entry in as_map(self._node.get("then")):
            self._go(outcome, "outcome", entry.value, entry.key.origin)

    def _done(self) -> tuple[Exit, ...]:
        return tuple(self._exits)

    def _guard(self) -> Guard | None:
        node = as_map(self._node.get("guard"))
        need = self._places.localized(nodes.condition(node.get("need")), node.get("need"))
        if need is None:
            return None
        otherwise = self._go("guard", "guard", node.get("else"), node.origin)
        return Guard(need=need, otherwise=otherwise, origin=node.origin)

    def _interrupt(self) -> InterruptPolicy:
        node = self._node.get("interrupt")
        modes = ("allowed", "keys_only", "blocked")
        if isinstance(node, MapNode):
            cough = nodes.span(node, "min_speech")
            return InterruptPolicy(
                mode=nodes.word(node, "mode", modes, "allowed"),  # type: ignore[arg-type]
                after_ms=nodes.span(node, "after") or 0,
                min_speech_ms=300 if cough is None else cough,
            )
        return InterruptPolicy(mode=nodes.word(self._node, "interrupt", modes, "allowed"))  # type: ignore[arg-type]

    def _prompt(self, node: Node | None) -> Prompt | None:
        return self._places.prompt(read_prompt(node, self._around.languages))

    def _must(self, node: Node | None) -> Prompt:
        return self._prompt(node) or _silent(self._node, self._around.languages)

    def _values(self, node: Node | None, kinds: Mapping[str, Kind]) -> dict[str, Value]:
        found: dict[str, Value] = {}
        for key, entry in as_map(node):
            value = read_value(entry.value, kinds.get(key))
            if value is not None:
                localized = self._places.template(entry.value)
                found[key] = value if localized is None else Value(localized, value.literal)
        return found

    def _listening(self, *, type_ahead: bool = True) -> Listening:
        node = self._node
        end = nodes.text(node, "end_key") or ("" if "end_key" in node else "#")
        limit = nodes.count(node, "limit") or 3
        silence = nodes.span(node, "silence")
        return Listening(
            silence_ms=self._around.silence_ms if silence is None else silence,
            digit_gap_ms=nodes.span(node, "digit_gap") or 3_000,
            end_key={"pound": "#", "star": "*"}.get(end, end),  # type: ignore[arg-type]
            type_ahead=nodes.flag(node, "type_ahead", type_ahead),
            retries=Retries(
                limit=limit,
                same_kind_limit=nodes.count(node, "then_failed_after") or limit,
                no_input=self._prompt(node.get("no_input")),
                no_match=self._prompt(node.get("no_match")),
                invalid=read_invalid(node.get("invalid"), self._around.languages),
                offer_keypad_after=nodes.count(node, "offer_keypad_after") or 2,
            ),
        )

    # --- verbs -----------------------------------------------------------------------------------------------------

    def _say(self, common: dict[str, Any]) -> AnyStep:
        keys: dict[str, Target] = {}
        for _, entry in as_map(self._node.get("listen_for")):
            key = nodes.key_of(MapNode({"k": Entry(entry.key, entry.key)}, entry.key.origin), "k")
            if key:
                keys[key] = self._go(f"key {key}", "key", entry.value, entry.key.origin)
        self._next()
        return Say(**common, exits=self._done(), prompt=self._must(self._node.get("say")), keys=keys)

    def _menu(self, common: dict[str, Any]) -> AnyStep:
        menu = as_map(self._node.get("menu"))
        choices = tuple(
            self._choice(name, entry.value)
            for name, entry in as_map(menu.get("choices"))
            if isinstance(entry.value, MapNode)
        )
        self._then()
        source = menu.get("from")
        return Menu(
            **common,
            exits=self._done(),
            prompt=self._prompt(menu.get("prompt")),
            choices=choices,
            listening=self._listening(),
            source=self._places.localized(nodes.expression(source), source),
            each=self._prompt(menu.get("each")),
            show=nodes.count(menu, "show") or 0,
            press_position=nodes.text(menu, "press") == "position",
            save=nodes.text(menu, "save"),
        )

    def _choice(self, name: str, node: MapNode) -> Choice:
        words = node.get("words")
        own = (name.replace("_", " "),)
        return Choice(
            id=name,
            key=nodes.key_of(node, "press"),
            means=nodes.text(node, "means") or "",
            words=read_words(words, self._around.languages) if words else dict.fromkeys(self._around.languages, own),
            fills=nodes.words_of(node.get("fills")),
            target=self._go(name, "choice", node.get("go"), node.origin),
            origin=node.origin,
        )

    def _ask(self, common: dict[str, Any]) -> AnyStep:
        self._then()
        return Ask(
            **common,
            exits=self._done(),
            slots=nodes.words_of(self._node.get("ask")),
            prompt=self._must(self._node.get("prompt")),
            style=nodes.word(self._node, "style", ("one_by_one", "together"), "one_by_one"),  # type: ignore[arg-type]
            listening=self._listening(),
        )

    def _confirm(self, common: dict[str, Any]) -> AnyStep:
        self._then()
        return Confirm(
            **common,
            exits=self._done(),
            prompt=self._must(self._node.get("confirm")),
            listening=self._listening(type_ahead=False),
        )

    def _talk(self, common: dict[str, Any]) -> AnyStep:
        talk = as_map(self._node.get("talk"))
        ways = tuple(
            TalkExit(
                id=name,
                when=nodes.text(way, "when") or "",
                needs=nodes.words_of(way.get("needs")),
                fills=nodes.words_of(way.get("fills")),
                target=self._go(name, "exit", way.get("go"), way.origin),
                origin=way.origin,
            )
            for name, entry in as_map(self._node.get("exits"))
            if isinstance(way := entry.value, MapNode)
        )
        self._then()
        facts: list[FactFile | FactValue] = []
        for item in nodes.texts(talk.get("facts")):
            if "/" in item.value or "." in item.value:
                if read := self._around.read_facts(item):
                    facts.append(read)
            else:
                facts.append(FactValue(item.value))
        return Talk(
            **common,
            exits=self._done(),
            goal=read_goal(talk.get("goal"), self._around.languages),
            facts=tuple(facts),
            tools=nodes.words_of(talk.get("tools")),
            never=nodes.words_of(talk.get("never")),
            max_turns=nodes.count(talk, "max_turns"),
            max_time_ms=nodes.span(talk, "max_time"),
            opens=self._prompt(talk.get("prompt")),
            ways_out=ways,
            listening=self._listening(),
        )

    def _call(self, common: dict[str, Any]) -> AnyStep:
        node = self._node
        tool = self._around.tools.get(nodes.text(node, "call") or "")
        kinds = {name: field.kind for name, field in tool.sends.items()} if tool else {}
        self._then()
        own_timeout = nodes.span(self._written, "timeout")
        wait = nodes.span(node, "filler_after")
        return Call(
            **common,
            exits=self._done(),
            tool=nodes.text(node, "call") or "",
            arguments=self._values(node.get("with"), kinds),
            save=nodes.text(node, "save"),
            timeout_ms=own_timeout or (tool.timeout_ms if tool else 0) or nodes.span(node, "timeout") or 5_000,
            retry=nodes.count(node, "retry") or 0,
            filler=self._prompt(node.get("filler")),
            filler_after_ms=700 if wait is None else wait,
            once=nodes.flag(node, "once"),
        )

    def _decide(self, common: dict[str, Any]) -> AnyStep:
        branches: list[Branch] = []
        listed = self._node.get("decide")
        for number, item in enumerate(listed.items if isinstance(listed, ListNode) else (), 1):
            line = as_map(item)
            if "else" in line and "if" not in line:
                target = self._go("else", "branch", line.get("else"), line.origin)
                branches.append(Branch(condition=None, target=target, origin=line.origin))
            elif "if" in line:
                condition = self._places.localized(nodes.condition(line.get("if")), line.get("if"))
                target = self._go(f"if {number}", "branch", line.get("go"), line.origin)
                if condition is not None:
                    branches.append(Branch(condition=condition, target=target, origin=line.origin))
        return Decide(**common, exits=self._done(), branches=tuple(branches))

    def _hours(self, common: dict[str, Any]) -> AnyStep:
        self._then()
        return Hours(**common, exits=self._done(), calendar=nodes.text(self._node, "hours") or "")

    def _set(self, common: dict[str, Any]) -> AnyStep:
        self._next()
        return Set(**common, exits=self._done())

    def _clear(self, common: dict[str, Any]) -> AnyStep:
        self._next()
        return Clear(**common, exits=self._done(), names=nodes.words_of(self._node.get("clear")))

    def _transfer(self, common: dict[str, Any]) -> AnyStep:
        node = as_map(self._node.get("transfer"))
        hold, summary = as_map(node.get("hold")), node.get("summary")
        self._then()
        return Transfer(
            **common,
            exits=self._done(),
            to=self._places.template(node.get("to")) or plain(""),
            mode=nodes.word(node, "mode", ("cold", "warm"), "cold"),  # type: ignore[arg-type]
            say=self._prompt(node.get("say")),
            whisper=_for_colleagues(self._prompt(node.get("whisper"))),
            summary_words=(nodes.count(summary, "max_words") or 60) if isinstance(summary, MapNode) else 0,
            summary_leaves_out=nodes.words_of(as_map(summary).get("leave_out")),
            hold_music=nodes.text(hold, "music"),
            announce_every_ms=nodes.span(hold, "announce_every") or 0,
            announcement=self._prompt(hold.get("announce")),
            ring_for_ms=nodes.span(node, "ring_for") or 30_000,
            max_wait_ms=nodes.span(node, "max_wait"),
            priority=nodes.word(node, "priority", ("low", "normal", "high"), "normal"),  # type: ignore[arg-type]
            headers={
                key: value
                for key, entry in as_map(node.get("headers"))
                if (value := self._places.template(entry.value)) is not None
            },
        )

    def _voicemail(self, common: dict[str, Any]) -> AnyStep:
        node = as_map(self._node.get("voicemail"))
        end = nodes.text(node, "end_key") or ("" if "end_key" in node else "#")
        self._then()
        return Voicemail(
            **common,
            exits=self._done(),
            prompt=self._must(node.get("prompt")),
            max_time_ms=nodes.span(node, "max_time") or 120_000,
            silence_ms=nodes.span(node, "silence") or 5_000,
            end_key={"pound": "#", "star": "*"}.get(end, end),  # type: ignore[arg-type]
            privacy=nodes.word(node, "privacy", ("public", "personal", "sensitive"), "personal"),  # type: ignore[arg-type]
            send_to=self._places.template(node.get("send_to")),
            transcribe=nodes.flag(node, "transcribe"),
            save=nodes.text(node, "as"),
        )

    def _pay(self, common: dict[str, Any]) -> AnyStep:
        node = as_map(self._node.get("pay"))
        written = node.get("prompts")
        prompts = self._around.read_prompts(written) if isinstance(written, TextNode) else as_map(written)
        self._then()
        return Pay(
            **common,
            exits=self._done(),
            amount=read_value(node.get("amount")) or Value(plain("")),
            currency=nodes.text(node, "currency") or "",
            processor=nodes.text(node, "processor") or "",
            collect=nodes.words_of(node.get("collect")) or ("card_number", "expiry", "security_code"),
            prompts={key: said for key, entry in prompts if (said := self._prompt(entry.value)) is not None},
            attempts=nodes.count(node, "attempts") or 2,
            listening=self._listening(type_ahead=False),
        )

    def _run(self, common: dict[str, Any]) -> AnyStep:
        written = nodes.text(self._node, "run") or ""
        name = self._around.subflow_names.get(written, written)
        self._then()
        return Run(
            **common,
            exits=self._done(),
            flow=name,
            arguments=self._values(self._node.get("with"), self._around.subflow_takes.get(name, {})),
            gives={
                key: entry.value.value
                for key, entry in as_map(self._node.get("gives"))
                if isinstance(entry.value, TextNode)
            },
        )

    def _language(self, common: dict[str, Any]) -> AnyStep:
        self._next()
        tag = self._places.template(self._node.get("language")) or plain(self._around.languages[0])
        return Language(**common, exits=self._done(), tag=tag)

    def _hangup(self, common: dict[str, Any]) -> AnyStep:
        return Hangup(**common, exits=self._done(), prompt=self._prompt(self._node.get("hangup")))

    def _return(self, common: dict[str, Any]) -> AnyStep:
        return Return(**common, exits=self._done(), outcome=nodes.text(self._node, "return") or "")


def read_model(node: MapNode) -> ModelOverrides:
    """Return how the model is set."""
    return ModelOverrides(
        effort=nodes.text(node, "effort"),  # type: ignore[arg-type]
        wait_for_caller=nodes.text(node, "wait_for_caller"),  # type: ignore[arg-type]
        max_words=nodes.count(node, "max_words"),
        name=nodes.text(node, "name"),
    )


def _for_colleagues(prompt: Prompt | None) -> Prompt | None:
    """What colleagues are told may be in one language, whatever the caller speaks."""
    return replace(prompt, missing=frozenset()) if prompt else None


def _silent(node: MapNode, languages: tuple[str, ...]) -> Prompt:
    """A prompt that should be there and is not; the checks have said so."""
    return Prompt(wordings=dict.fromkeys(languages, ()), origin=node.origin)
