"""One flow out of its file and the shared files that it uses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from gateway.flows.compile import nodes
from gateway.flows.compile.built_in import built_in
from gateway.flows.compile.contracts import (
    read_calendar,
    read_kind,
    read_slot,
    read_tool,
    read_variable,
)
from gateway.flows.compile.handlers import read_handler
from gateway.flows.compile.merge import EMPTY, as_map, merge_maps, show
from gateway.flows.compile.names import kinds_of
from gateway.flows.compile.parts import Part, Shelf
from gateway.flows.compile.places import Places
from gateway.flows.compile.steps import DEFAULT_SILENCE_MS, Surroundings, read_model, read_step
from gateway.flows.compile.texts import match_language
from gateway.flows.document import Entry, MapNode, Node, TextNode
from gateway.flows.expressions.kinds import ANY, Kind
from gateway.flows.expressions.syntax import nearest
from gateway.flows.issues import Findings
from gateway.flows.model import Flow, FlowNumber, Limits, Recording, Subflow, Tool, Variable
from gateway.flows.steps import AnyStep, FactFile, ModelOverrides

_MERGED = ("calendars", "slots", "variables", "always", "defaults", "subflows")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A flow, and the node of each of its steps for tools that edit files."""

    flow: Flow
    nodes: Mapping[str, MapNode]
    """Step path → its node, as written."""
    root: MapNode
    used: tuple[str, ...]
    """Files of its ``use``."""


@dataclass(frozen=True, slots=True)
class _Home:
    """Where a subflow was found, and what names mean there."""

    node: MapNode
    names: Mapping[str, str]
    """As written in ``run`` there → key in ``Flow.subflows``."""


def compile_flow(part: Part, shelf: Shelf, findings: Findings) -> Compiled:
    """Return a compiled flow. What can't be resolved goes into ``findings`` and stands for nothing."""
    return _FlowCompiler(part, shelf, findings).compile()


class _FlowCompiler:
    def __init__(self, part: Part, shelf: Shelf, findings: Findings) -> None:
        self._part = part
        self._root = part.root
        self._shelf = shelf
        self._findings = findings
        self._files: dict[str, str] = {part.file: part.source.text}
        self._languages = nodes.words_of(self._root.get("languages")) or ("en",)
        self._shared, self._tool_nodes = self._used()
        self._steps_node = as_map(self._root.get("steps"))
        agent = nodes.text(self._root, "agent_exit")
        top = tuple(self._steps_node.entries)
        if agent is not None and agent not in top:
            place = self._root.get("agent_exit")
            findings.error(
                "F103", place.origin if place else self._root.origin, f"there is no step '{agent}'", nearest(agent, top)
            )
            agent = None
        self._agent = agent
        self._top = Places(
            subflow=None, names=top, agent_exit=agent, findings=findings, header=self._root.key_origin("flow")
        )

    def compile(self) -> Compiled:
        root = self._root
        tools = {name: read_tool(name, node, self._findings) for name, node in self._tool_nodes.items()}
        calendars = {
            name: read_calendar(name, as_map(entry.value), self._findings) for name, entry in self._part_of("calendars")
        }
        homes = self._subflow_homes()
        slots = {
            name: slot
            for name, entry in self._part_of("slots")
            if (slot := read_slot(name, as_map(entry.value), self._languages))
        }
        returns = {key: self._kinds(home.node.get("returns")) for key, home in homes.items()}
        takes = {key: self._kinds(home.node.get("takes")) for key, home in homes.items()}
        variables = self._variables(as_map(self._part_of("variables")), tools, returns)
        silence = as_map(as_map(self._part_of("always").get("silence")))
        silence_ms = nodes.span(silence, "after") or DEFAULT_SILENCE_MS
        own_names = {key: key for key in homes}

        def around(names: Mapping[str, str], local: Mapping[str, Variable]) -> Surroundings:
            return Surroundings(
                languages=self._languages,
                defaults=self._part_of("defaults"),
                silence_ms=silence_ms,
                tools=tools,
                variables={**variables, **local},
                subflow_takes=takes,
                subflow_names=names,
                read_facts=self._facts,
                read_prompts=self._prompts,
                findings=self._findings,
            )

        steps: dict[str, AnyStep] = {}
        step_nodes: dict[str, MapNode] = {}
        self._read_steps(self._steps_node, self._top, around(own_names, {}), steps, step_nodes)
        subflows: dict[str, Subflow] = {}
        locals_: dict[str, dict[str, Variable]] = {}
        for key, home in homes.items():
            places = Places(
                subflow=key,
                names=tuple(as_map(home.node.get("steps")).entries),
                agent_exit=self._agent,
                findings=self._findings,
                top=self._top.names,
            )
            locals_[key] = self._variables(as_map(home.node.get("variables")), tools, returns)
            self._read_steps(
                as_map(home.node.get("steps")), places, around(home.names, locals_[key]), steps, step_nodes
            )
            subflows[key] = self._subflow(key, home.node, places, takes[key], returns[key])
        kinds = kinds_of(steps, subflows, variables=variables, declared=locals_, slots=slots, tools=tools)
        subflows = {key: _with_locals(sub, kinds[key], slots, locals_[key]) for key, sub in subflows.items()}
        handlers = {
            name: read_handler(name, entry.key.origin, as_map(entry.value), self._top, around(own_names, {}))
            for name, entry in self._part_of("always")
            if not (isinstance(entry.value, TextNode) and entry.value.is_none)
        }
        flow = Flow(
            id=nodes.text(root, "flow") or "",
            title=nodes.text(root, "title") or nodes.text(root, "flow") or "",
            version=nodes.text(root, "version") or "",
            owner=nodes.text(root, "owner") or "",
            origin=root.key_origin("flow"),
            digest=self._digest(),
            files=tuple(self._files),
            languages=self._languages,
            voices=self._voices(),
            persona=self._persona(),
            numbers=self._numbers(),
            start=self._start(root, self._top),
            agent_exit=self._agent,
            limits=self._limits(),
            recording=self._recording(),
            calendars=calendars,
            slots=slots,
            variables=variables,
            tools=tools,
            handlers=handlers,
            steps=steps,
            subflows=subflows,
            model=self._model(),
            silence_ms=silence_ms,
            kinds=kinds,
        )
        return Compiled(flow, step_nodes, root, tuple(self._files)[1:])

    # --- what is used ----------------------------------------------------------------------------------------------

    def _used(self) -> tuple[MapNode, dict[str, MapNode]]:
        """Return everything that is merged (built-in, shared in order, the file itself), and the tools."""
        merged = built_in()
        tools: dict[str, MapNode] = {}
        for item in nodes.texts(self._root.get("use")):
            part = self._shelf.parts.get(item.value)
            if part is None or part.kind == "flow":
                shared = [name for name, other in self._shelf.parts.items() if other.kind != "flow"]
                self._findings.error(
                    "F103", item.origin, f"there is no shared file '{item.value}'", nearest(item.value, shared)
                )
                continue
            self._files[part.file] = part.source.text
            merged = merge_maps(merged, _only(part.root))
            for name, entry in as_map(part.root.get("tools")):
                if name in tools:
                    self._findings.error(
                        "F001",
                        entry.key.origin,
                        f"tool '{name}' is defined again; first in {tools[name].origin}",
                        "rename one",
                    )
                tools[name] = as_map(entry.value)
        return merge_maps(merged, _only(self._root)), tools

    def _part_of(self, name: str) -> MapNode:
        return as_map(self._shared.get(name))

    def _facts(self, item: TextNode) -> FactFile | None:
        text = self._shelf.read(item.value)
        if text is None:
            self._findings.error("F103", item.origin, f"there is no file '{item.value}' in the flows folder")
            return None
        self._files[item.value] = text
        return FactFile(item.value, text)

    def _prompts(self, item: TextNode) -> MapNode:
        part = self._shelf.parts.get(item.value)
        if part is None or part.kind != "prompts":
            known = [name for name, other in self._shelf.parts.items() if other.kind == "prompts"]
            self._findings.error(
                "F103", item.origin, f"there is no file of prompts '{item.value}'", nearest(item.value, known)
            )
            return EMPTY
        self._files[part.file] = part.source.text
        return as_map(part.root.get("prompts"))

    def _subflow_homes(self) -> dict[str, _Home]:
        """Return the flow's subflows, and those of other files that it runs."""
        own = self._part_of("subflows")
        names = {name: name for name, _ in own}
        homes: dict[str, _Home] = {}
        open_refs: list[TextNode] = []
        for name, entry in own:
            homes[name] = _Home(as_map(entry.value), names)
            open_refs += _runs(as_map(as_map(entry.value).get("steps")))
        open_refs += _runs(self._steps_node)
        open_refs += [
            run for _, entry in self._part_of("always") if isinstance(run := as_map(entry.value).get("run"), TextNode)
        ]
        while open_refs:
            ref = open_refs.pop()
            if ref.value not in homes and "." in ref.value:
                open_refs += self._borrow(ref, homes)
        every = {key: key for key in homes}
        return {key: _Home(home.node, {**every, **home.names}) for key, home in homes.items()}

    def _borrow(self, ref: TextNode, homes: dict[str, _Home]) -> list[TextNode]:
        """Take all subflows of another file; returns what those run in turn."""
        file, _, _ = ref.value.partition(".")
        other = self._shelf.flow(file)
        found = as_map(other.root.get("subflows")) if other else EMPTY
        if other is None or ref.value.partition(".")[2] not in found:
            return []
        self._files[other.file] = other.source.text
        names = {name: f"{file}.{name}" for name, _ in found}
        further: list[TextNode] = []
        for name, entry in found:
            homes[f"{file}.{name}"] = _Home(as_map(entry.value), names)
            further += _runs(as_map(as_map(entry.value).get("steps")))
        for section in ("slots", "variables", "calendars"):
            self._lend(section, as_map(other.root.get(section)))
        return further

    def _lend(self, section: str, theirs: MapNode) -> None:
        ours = self._part_of(section)
        for name, entry in theirs:
            if name in ours and show(entry.value, 1000) != show(ours.entries[name].value, 1000):
                self._findings.error(
                    "F001",
                    entry.key.origin,
                    f"'{name}' means something else in {self._part.file}",
                    "rename one of the two",
                )
        both = merge_maps(theirs, ours)
        self._shared = merge_maps(
            self._shared, MapNode({section: Entry(TextNode(section, theirs.origin), both)}, theirs.origin)
        )

    # --- the header ------------------------------------------------------------------------------------------------

    def _start(self, node: MapNode, places: Places) -> str:
        name = nodes.text(node, "start")
        if name is None:
            return next(iter(places.names), "")
        if name not in places.names:
            place = node.get("start")
            self._findings.error(
                "F103",
                place.origin if place else node.origin,
                f"start: there is no step '{name}'",
                nearest(name, places.names),
            )
            return next(iter(places.names), "")
        return places.path(name)

    def _voices(self) -> dict[str, str | None]:
        node = self._root.get("voice")
        if isinstance(node, MapNode):
            written = {tag: nodes.text(node, tag) for tag, _ in node}
            return {tag: written.get(match_language(tag, list(written)) or "") for tag in self._languages}
        return dict.fromkeys(self._languages, nodes.text(self._root, "voice"))

    def _persona(self) -> dict[str, str]:
        node = self._root.get("persona")
        if isinstance(node, MapNode):
            written = {tag: nodes.text(node, tag) or "" for tag, _ in node}
            first = next(iter(written.values()), "")
            return {tag: written.get(match_language(tag, list(written)) or "", first) for tag in self._languages}
        return dict.fromkeys(self._languages, (nodes.text(self._root, "persona") or "").strip())

    def _numbers(self) -> tuple[FlowNumber, ...]:
        listed = self._root.get("numbers")
        found: list[FlowNumber] = []
        for item in listed.items if listed is not None and not isinstance(listed, (TextNode, MapNode)) else ():
            text = item.value if isinstance(item, TextNode) else nodes.text(as_map(item), "pattern")
            if text:
                found.append(FlowNumber(text, item.origin))
        return tuple(found)

    def _model(self) -> ModelOverrides:
        """The header's model; ``defaults.speech`` says how long to wait where it does not."""
        speech = as_map(self._part_of("defaults").get("speech"))
        waits = MapNode({key: entry for key, entry in speech if key == "wait_for_caller"}, speech.origin)
        return read_model(merge_maps(waits, as_map(self._root.get("model"))))

    def _limits(self) -> Limits:
        node = as_map(self._root.get("limits"))
        amount, _, currency = (nodes.text(node, "max_cost") or "").partition(" ")
        handler = as_map(as_map(self._part_of("always")).get("too_long"))
        return Limits(
            max_call_ms=nodes.span(node, "max_call") or nodes.span(handler, "after"),
            max_turns=nodes.count(node, "max_turns"),
            max_cost=(Decimal(amount), currency) if amount.replace(".", "", 1).isdigit() else None,
            visits_per_step=nodes.count(node, "visits_per_step") or 25,
        )

    def _recording(self) -> Recording:
        node = as_map(self._root.get("recording"))
        notice = nodes.text(node, "notice") or ""
        if notice and notice != "first_prompt" and notice not in self._top.names:
            self._findings.error(
                "F103",
                node.key_origin("notice"),
                f"there is no step '{notice}'",
                "write first_prompt, or a step's name",
            )
        return Recording(mode=nodes.word(node, "mode", ("on", "off"), "off"), notice=notice)  # type: ignore[arg-type]

    # --- parts -----------------------------------------------------------------------------------------------------

    @staticmethod
    def _kinds(node: Node | None) -> dict[str, Kind]:
        return {name: read_kind(nodes.text(as_map(node), name)) for name, _ in as_map(node)}

    def _variables(
        self, listed: MapNode, tools: Mapping[str, Tool], returns: Mapping[str, Mapping[str, Kind]]
    ) -> dict[str, Variable]:
        found: dict[str, Variable] = {}
        for name, entry in listed:
            node = as_map(entry.value)
            tool, subflow = nodes.text(node, "from_tool"), nodes.text(node, "from_flow")
            kind = read_kind(nodes.text(node, "type"))
            if tool is not None:
                if tool in tools:
                    kind = tools[tool].result
                else:
                    self._unknown(node, "from_tool", "tool", tool, tuple(tools))
            if subflow is not None:
                if subflow in returns:
                    kind = returns[subflow].get(name, ANY)
                else:
                    self._unknown(node, "from_flow", "subflow", subflow, tuple(returns))
            found[name] = read_variable(name, node, kind)
        return found

    def _unknown(self, node: MapNode, key: str, what: str, name: str, known: tuple[str, ...]) -> None:
        place = node.get(key)
        origin = place.origin if place else node.origin
        self._findings.error("F103", origin, f"there is no {what} '{name}'", nearest(name, known))

    def _read_steps(
        self,
        listed: MapNode,
        places: Places,
        around: Surroundings,
        steps: dict[str, AnyStep],
        step_nodes: dict[str, MapNode],
    ) -> None:
        for name, entry in listed:
            if isinstance(entry.value, MapNode):
                path = places.path(name)
                steps[path] = read_step(name, entry.key.origin, entry.value, places, around)
                step_nodes[path] = entry.value

    def _subflow(
        self, key: str, node: MapNode, places: Places, takes: Mapping[str, Kind], returns: Mapping[str, Kind]
    ) -> Subflow:
        return Subflow(
            name=key,
            origin=node.origin,
            takes=takes,
            returns=returns,
            outcomes=nodes.words_of(node.get("outcomes")),
            start=self._start(node, places),
            local_names=frozenset(),
        )

    def _digest(self) -> str:
        whole = hashlib.sha256()
        for name, text in sorted(self._files.items()):
            whole.update(f"{name}\0{len(text)}\0{text}\0".encode())
        return whole.hexdigest()


def _with_locals(
    sub: Subflow, kinds: Mapping[str, Kind], slots: Mapping[str, object], declared: Mapping[str, Variable]
) -> Subflow:
    return Subflow(
        name=sub.name,
        origin=sub.origin,
        takes=sub.takes,
        returns=sub.returns,
        outcomes=sub.outcomes,
        start=sub.start,
        local_names=frozenset(kinds),
        variables=declared,
    )


def _only(root: MapNode) -> MapNode:
    return MapNode({key: entry for key, entry in root if key in _MERGED}, root.origin)


def _runs(steps: MapNode) -> list[TextNode]:
    return [
        run
        for _, entry in steps
        if isinstance(entry.value, MapNode) and isinstance(run := entry.value.get("run"), TextNode)
    ]
