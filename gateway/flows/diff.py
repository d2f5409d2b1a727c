"""What changed between two versions of flows, in the words of the language: steps, exits, texts, privacy, limits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from gateway.flows.lint.subject import step_prompts
from gateway.flows.model import Flow, Handler, Privacy, Slot
from gateway.flows.steps import AnyStep, GoTo

_ORDER: Final = tuple(Privacy)
SIMILAR: Final = 0.6
"""How much of two steps has to agree for one to be the other under a new name."""

ChangeKind = Literal["added", "removed", "renamed", "exit", "text", "setting", "privacy", "header"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change: of what kind, where, in words; ``grave`` if somebody should look twice."""

    kind: ChangeKind
    flow: str
    where: str
    message: str
    grave: bool = False

    def __str__(self) -> str:
        return f"{'!' if self.grave else ' '} {self.flow}: {self.where}: {self.message}"


def diff(old: Mapping[str, Flow], new: Mapping[str, Flow]) -> list[Change]:
    """Return every change between two folders' flows, grave ones first within a flow."""
    changes: list[Change] = []
    for name in sorted({*old, *new}):
        if name not in new:
            changes.append(Change("removed", name, "flow", "is gone", grave=True))
        elif name not in old:
            changes.append(Change("added", name, "flow", "is new"))
        elif old[name].digest != new[name].digest:
            found = list(_flow(old[name], new[name]))
            changes += sorted(found, key=lambda change: not change.grave)
    return changes


def _flow(old: Flow, new: Flow) -> Iterator[Change]:
    for what, before, after in (
        ("version", old.version, new.version),
        ("languages", ", ".join(old.languages), ", ".join(new.languages)),
        ("start", old.start, new.start),
        ("agent_exit", str(old.agent_exit), str(new.agent_exit)),
        ("numbers", ", ".join(n.text for n in old.numbers), ", ".join(n.text for n in new.numbers)),
        ("voice", str(dict(old.voices)), str(dict(new.voices))),
        ("persona", str(dict(old.persona)), str(dict(new.persona))),
        ("limits", str(old.limits), str(new.limits)),
        ("recording", str(old.recording), str(new.recording)),
    ):
        if before != after:
            yield Change("header", new.id, what, f"{before} → {after}", grave=what == "recording")
    renamed = _renamed(old, new)
    yield from _steps(old, new, renamed)
    yield from _slots(old.slots, new.slots, new.id)
    yield from _handlers(old.handlers, new.handlers, new.id)
    for name in sorted(old.tools.keys() | new.tools.keys()):
        one, other = old.tools.get(name), new.tools.get(name)
        if one is None or other is None:
            yield Change(
                "added" if one is None else "removed", new.id, f"tool {name}", "is new" if one is None else "is gone"
            )
        else:
            for what in ("changes_data", "personal", "identifies", "outcomes", "sends", "result"):
                if getattr(one, what) != getattr(other, what):
                    yield Change(
                        "setting",
                        new.id,
                        f"tool {name}",
                        f"{what} changed",
                        grave=what in ("changes_data", "personal", "identifies"),
                    )


def _steps(old: Flow, new: Flow, renamed: Mapping[str, str]) -> Iterator[Change]:
    for path in old.steps:
        if path not in new.steps and path not in renamed:
            yield Change("removed", new.id, f"step {path}", "is gone")
    names = {after: before for before, after in renamed.items()}
    for path, step in new.steps.items():
        before = old.steps.get(names.get(path, path))
        if path in names:
            yield Change("renamed", new.id, f"step {names[path]}", f"is called {path} now")
        elif before is None:
            yield Change("added", new.id, f"step {path}", f"is new ({step.verb})")
            continue
        if before is not None:
            yield from _step(before, step, renamed, new)


def _step(old: AnyStep, new: AnyStep, renamed: Mapping[str, str], flow: Flow) -> Iterator[Change]:
    where = f"step {new.path}"
    if old.verb != new.verb:
        yield Change("setting", flow.id, where, f"was a {old.verb} and is a {new.verb}")
    one = {way.name: _target(way.target, renamed) for way in old.exits}
    other = {way.name: str(way.target) for way in new.exits}
    for name in one.keys() - other.keys():
        yield Change("exit", flow.id, where, f"exit '{name}' is gone (it led to {one[name]})", grave=name == "guard")
    for name in other.keys() - one.keys():
        yield Change("exit", flow.id, where, f"exit '{name}' is new and leads to {other[name]}")
    for name in one.keys() & other.keys():
        if one[name] != other[name]:
            yield Change("exit", flow.id, where, f"exit '{name}' led to {one[name]} and leads to {other[name]}")
    if (old.guard and old.guard.need.source) != (new.guard and new.guard.need.source):
        before, after = (guard.need.source if guard else "none" for guard in (old.guard, new.guard))
        yield Change("setting", flow.id, where, f"guard: {before} → {after}", grave=True)
    yield from _texts(old, new, flow)
    for name in old.effective.keys() | new.effective.keys():
        if name in ("then", "exits", "guard", "next", "menu.choices", "decide") or name.split(".")[-1] in _TEXT_KEYS:
            continue
        before, after = (step.effective[name].value if name in step.effective else "none" for step in (old, new))
        if before != after:
            yield Change("setting", flow.id, where, f"{name}: {before} → {after}")


_TEXT_KEYS: Final = frozenset(
    [
        "say",
        "prompt",
        "confirm",
        "hangup",
        "no_input",
        "no_match",
        "invalid",
        "filler",
        "whisper",
        "each",
        "announce",
        "goal",
    ]
)


def _texts(old: AnyStep, new: AnyStep, flow: Flow) -> Iterator[Change]:
    before, after = _said(old), _said(new)
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            what, language = key
            message = f"{what} in {language}: {_short(before.get(key))} → {_short(after.get(key))}"
            yield Change("text", flow.id, f"step {new.path}", message)


def _said(step: AnyStep) -> dict[tuple[str, str], str]:
    return {
        (what, language): " | ".join(way.text.source for way in ways)
        for what, prompt in step_prompts(step)
        for language, ways in prompt.wordings.items()
    }


def _short(text: str | None) -> str:
    return "nothing" if text is None else f"'{text if len(text) <= 60 else text[:59] + '…'}'"


def _slots(old: Mapping[str, Slot], new: Mapping[str, Slot], flow: str) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        one, other = old.get(name), new.get(name)
        if one is None or other is None:
            yield Change(
                "added" if one is None else "removed", flow, f"slot {name}", "is new" if one is None else "is gone"
            )
            continue
        if one.privacy is not other.privacy:
            lower = _ORDER.index(other.privacy) < _ORDER.index(one.privacy)
            yield Change("privacy", flow, f"slot {name}", f"privacy: {one.privacy} → {other.privacy}", grave=lower)
        if one.type != other.type:
            yield Change("setting", flow, f"slot {name}", f"type: {one.type.kind} → {other.type.kind}, or its limits")
        for what in ("input", "confirm", "optional", "keep", "check_tool"):
            if getattr(one, what) != getattr(other, what):
                yield Change("setting", flow, f"slot {name}", f"{what}: {getattr(one, what)} → {getattr(other, what)}")
        ends = [
            tuple(bound.expression.source if bound else "" for bound in (slot.low, slot.high)) for slot in (one, other)
        ]
        if ends[0] != ends[1]:
            yield Change("setting", flow, f"slot {name}", f"between: {' … '.join(ends[0])} → {' … '.join(ends[1])}")


def _handlers(old: Mapping[str, Handler], new: Mapping[str, Handler], flow: str) -> Iterator[Change]:
    for name in sorted(old.keys() | new.keys()):
        one, other = old.get(name), new.get(name)
        if one is None or other is None:
            yield Change(
                "added" if one is None else "removed", flow, f"always.{name}", "is new" if one is None else "is gone"
            )
            continue
        for what in ("key", "target", "run", "means", "after_ms", "returns", "not_from", "only_from"):
            if getattr(one, what) != getattr(other, what):
                before, after = (_shown(getattr(handler, what)) for handler in (one, other))
                yield Change("setting", flow, f"always.{name}", f"{what}: {before} → {after}")


def _shown(value: object) -> str:
    return ", ".join(sorted(value)) if isinstance(value, frozenset) else "none" if value is None else str(value)


def _target(target: object, renamed: Mapping[str, str]) -> str:
    return renamed.get(target.step, target.step) if isinstance(target, GoTo) else str(target)


def _renamed(old: Flow, new: Flow) -> dict[str, str]:
    """Return steps that are the same under another name: what they say and where they lead mostly agrees."""
    gone = [step for path, step in old.steps.items() if path not in new.steps]
    came = [step for path, step in new.steps.items() if path not in old.steps]
    found: dict[str, str] = {}
    for step in gone:
        marks = _marks(step)
        best = max(came, key=lambda other: _share(marks, _marks(other)), default=None)
        if best is not None and best.verb == step.verb and _share(marks, _marks(best)) >= SIMILAR:
            found[step.path] = best.path
            came.remove(best)
    return found


def _marks(step: AnyStep) -> set[str]:
    return {f"{way.name}>{way.target}" for way in step.exits} | {f"{key}={text}" for key, text in _said(step).items()}


def _share(one: set[str], other: set[str]) -> float:
    return len(one & other) / len(one | other) if one | other else 0.0
