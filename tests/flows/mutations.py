"""Machine-made mistakes in the shipped flows, and whether lint sees each.

``python -m tests.flows.mutations --runs 200``

A mutation is a small edit at a node of a file: an outcome dropped, a target that leads back, a guard taken away. Every
kind is a mistake by the language's own rules, so that none may pass; the files as they are have no finding at all.
Exit status 1 if a mutation goes unseen.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from gateway.flows.document import Entry, ListNode, MapNode, Node, TextNode, read_source
from gateway.flows.issues import Finding, Findings
from gateway.flows.lint import lint
from gateway.flows.load import load_texts

FLOWS = Path(__file__).parents[2] / "ivr_flows"
OWN_OUTCOMES = {
    "tel:": {"answered", "no_answer", "busy", "failed"},
    "queue:": {"answered", "timeout", "failed"},
}


@dataclass(frozen=True, slots=True)
class Mutation:
    """One mistake: a file's text with a small change."""

    kind: str
    file: str
    where: str
    text: str
    keyless: bool = False
    """Whether the contracts of tools lose their idempotency keys, too: with one a second request does no harm."""


@dataclass(frozen=True, slots=True)
class Step:
    """A step as it is written."""

    path: str
    node: MapNode
    siblings: MapNode

    def text(self, key: str) -> str:
        """Return a key's text, or nothing."""
        value = self.node.get(key)
        return value.value if isinstance(value, TextNode) else ""


@dataclass(frozen=True, slots=True)
class Page:
    """A file to make mistakes in."""

    name: str
    text: str
    root: MapNode

    def steps(self) -> Iterator[Step]:
        """Yield the steps, those of subflows too."""
        yield from self._of("", self.root)
        for name, entry in as_map(self.root.get("subflows")):
            yield from self._of(f"{name}.", as_map(entry.value))

    def _of(self, prefix: str, holder: MapNode) -> Iterator[Step]:
        steps = as_map(holder.get("steps"))
        for name, entry in steps:
            yield Step(f"{prefix}{name}", as_map(entry.value), steps)

    def replaced(self, node: Node, new: str) -> str:
        """Return the text with a node written anew."""
        return self.text[: node.start] + new + self.text[node.end :]

    def without(self, holder: MapNode, entry: Entry) -> str:
        """Return the text with an entry taken away."""
        start, end = entry.key.start, entry.value.end
        if holder.inline:
            after = re.match(r"\s*,\s*", self.text[end:])
            if after:
                return self.text[:start] + self.text[end + after.end() :]
            before = re.search(r",\s*$", self.text[:start])
            return self.text[: before.start() if before else start] + self.text[end:]
        begin = self.text.rfind("\n", 0, start) + 1
        stop = self.text.find("\n", end)
        return self.text[:begin] + self.text[stop + 1 :]


def as_map(node: Node | None) -> MapNode:
    """Return a map, or an empty one."""
    return node if isinstance(node, MapNode) else MapNode({}, node.origin) if node is not None else _NOTHING


_NOTHING = read_source("a: b", "nothing", Findings()).root
_NOTHING = MapNode({}, _NOTHING.origin)
Maker = Callable[[Page], Iterator[tuple[str, str]]]
MAKERS: dict[str, Maker] = {}


def mistake(kind: str) -> Callable[[Maker], Maker]:
    """Register something that makes mistakes of a kind; it yields places and changed texts."""

    def register(maker: Maker) -> Maker:
        MAKERS[kind] = maker
        return maker

    return register


def one_line(page: Page, entry: Entry) -> bool:
    """Whether an entry stands in one line, so that it can be cut out by itself."""
    return "\n" not in page.text[entry.key.start : entry.value.end]


@mistake("an outcome is dropped")
def _dropped_outcome(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        then = as_map(step.node.get("then"))
        transfer = as_map(step.node.get("transfer"))
        to = transfer.get("to")
        scheme = next((each for each in OWN_OUTCOMES if isinstance(to, TextNode) and to.value.startswith(each)), "")
        for outcome, entry in then:
            if scheme and outcome not in OWN_OUTCOMES[scheme]:
                continue
            if outcome in {"refused", "empty"} or len(then.entries) == 1:
                continue  # 'failed' takes these, by the rules of the language
            yield f"{step.path}.then.{outcome}", page.without(then, entry)


@mistake("a target does not exist")
def _lost_target(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        for name, entry in as_map(step.node.get("then")):
            if isinstance(entry.value, TextNode):
                yield f"{step.path}.then.{name}", page.replaced(entry.value, "nowhere_at_all")
        following = step.node.get("next")
        if isinstance(following, TextNode):
            yield f"{step.path}.next", page.replaced(following, "nowhere_at_all")


@mistake("a step leads to itself")
def _to_itself(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        following = step.node.get("next")
        if isinstance(following, TextNode):
            yield f"{step.path}.next", page.replaced(following, step.path.rpartition(".")[2])


@mistake("a transfer falls back to itself")
def _transfer_to_itself(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        if "transfer" in step.node:
            failed = as_map(step.node.get("then")).get("failed")
            if isinstance(failed, TextNode):
                name = step.path.rpartition(".")[2]
                text = page.text[: failed.start] + name + page.text[failed.end :]
                yield f"{step.path}.then.failed", text


@mistake("a step has no way out")
def _dead_end(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        entry = step.node.entries.get("next")
        if entry is not None and one_line(page, entry):
            yield f"{step.path}.next", page.without(step.node, entry)


@mistake("a guard is taken away")
def _unguarded(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        entry = step.node.entries.get("guard")
        # The others stand behind these two: without their own guard they can be come to by guarded steps alone.
        if entry is not None and one_line(page, entry) and step.path in {"main", "block_now"}:
            yield f"{step.path}.guard", page.without(step.node, entry)


@mistake("a confirmation is passed over")
def _unconfirmed(page: Page) -> Iterator[tuple[str, str]]:
    skipped = {"book_sure": "book_it", "block_sure": "block_now", "sure": "do_it"}
    for step in page.steps():
        for name, entry in as_map(step.node.get("then")):
            if isinstance(entry.value, TextNode) and entry.value.value in skipped:
                text = page.replaced(entry.value, skipped[entry.value.value])
                yield f"{step.path}.then.{name}", text


@mistake("a branch has no else")
def _no_else(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        branches = step.node.get("decide")
        if isinstance(branches, ListNode):
            last = branches.items[-1]
            begin = page.text.rfind("\n", 0, last.start) + 1
            yield f"{step.path}.else", page.text[:begin] + page.text[page.text.find("\n", last.end) + 1 :]


@mistake("two choices have the same key")
def _same_key(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        choices = as_map(as_map(step.node.get("menu")).get("choices"))
        keys = [(name, as_map(entry.value).get("press")) for name, entry in choices]
        pressed = [(name, node) for name, node in keys if isinstance(node, TextNode)]
        for (_, first), (name, second) in pairwise(pressed):
            yield f"{step.path}.{name}.press", page.replaced(second, f'"{first.value}"')


@mistake("a translation is missing")
def _untranslated(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        for verb in ("say", "prompt", "confirm", "hangup"):
            texts = as_map(step.node.get(verb))
            entry = texts.entries.get("en-GB")
            if entry is not None and "es-ES" in texts and one_line(page, entry):
                yield f"{step.path}.{verb}.en-GB", page.without(texts, entry)


@mistake("a secret is said")
def _told_secret(page: Page) -> Iterator[tuple[str, str]]:
    for slot, entry in as_map(page.root.get("slots")):
        if "secret" not in page.text[entry.value.start : entry.value.end]:
            continue
        for step in page.steps():
            said = step.node.get("say")
            english = as_map(said).get("en-GB") if isinstance(said, MapNode) else None
            if isinstance(english, TextNode):
                yield f"{step.path}.say", page.replaced(english, f'"It is ${{{slot}}}."')


@mistake("a name is misspelt")
def _misspelt(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        for verb in ("ask", "call", "run", "hours"):
            named = step.node.get(verb)
            if isinstance(named, TextNode):
                yield f"{step.path}.{verb}", page.replaced(named, f"{named.value}x")


@mistake("an argument is misspelt or missing")
def _wrong_argument(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        given = as_map(step.node.get("with"))
        for name, entry in given:
            yield f"{step.path}.with.{name}", page.replaced(entry.key, f"{name}_x")
            if "postcode" not in name:
                yield f"{step.path}.with.{name}", page.without(given, entry)


@mistake("a result has no such field")
def _no_such_field(page: Page) -> Iterator[tuple[str, str]]:
    for found in re.finditer(r"\$\{(?:card|balance|block|booking)\.(\w+)", page.text):
        yield found[0], page.text[: found.end()] + "_x" + page.text[found.end() :]


@mistake("a verb is misspelt")
def _wrong_verb(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        for verb in ("say", "menu", "ask", "call", "transfer", "hangup"):
            entry = step.node.entries.get(verb)
            if entry is not None:
                yield f"{step.path}.{verb}", page.replaced(entry.key, f"{verb}s")


@mistake("a step has two verbs")
def _two_verbs(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        entry = step.node.entries.get("then")
        if entry is not None and not step.node.inline:
            indent = " " * (entry.key.origin.column - 1)
            begin = entry.key.start - len(indent)
            yield step.path, f"{page.text[:begin]}{indent}hangup: Goodbye.\n{page.text[begin:]}"


@mistake("something is done twice")
def _not_once(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        entry = step.node.entries.get("once")
        if entry is not None and "call" in step.node:
            yield step.path, page.without(step.node, entry)


@mistake("nobody can be asked for")
def _no_agent(page: Page) -> Iterator[tuple[str, str]]:
    entry = page.root.entries.get("agent_exit")
    if entry is not None:
        yield "agent_exit", page.without(page.root, entry)


@mistake("a number can not be dialled")
def _wrong_number(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        to = as_map(step.node.get("transfer")).get("to")
        if isinstance(to, TextNode) and to.value.startswith("tel:"):
            yield f"{step.path}.to", page.replaced(to, '"tel:0113 HOST"')


@mistake("a step is reached by nobody")
def _orphan(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        entry = step.siblings.entries[step.path.rpartition(".")[2]]
        begin = page.text.rfind("\n", 0, entry.key.start) + 1
        indent = " " * (entry.key.origin.column - 1)
        if step.siblings.inline:
            continue
        orphan = f"{indent}nobody_comes: {{say: Nobody hears this., next: {entry.key.value}}}\n"
        yield step.path, page.text[:begin] + orphan + page.text[begin:]


@mistake("a PIN is not kept secret")
def _open_pin(page: Page) -> Iterator[tuple[str, str]]:
    for slot, entry in as_map(page.root.get("slots")):
        privacy = as_map(entry.value).entries.get("privacy")
        if privacy is not None and isinstance(privacy.value, TextNode) and privacy.value.value == "secret":
            yield f"slots.{slot}.privacy", page.without(as_map(entry.value), privacy)


@mistake("a limit of time is none")
def _no_time(page: Page) -> Iterator[tuple[str, str]]:
    for found in re.finditer(r"\b(?:timeout|max_time|ring_for|max_wait): (\d+[smh])", page.text):
        yield found[0], page.text[: found.start(1)] + "soon" + page.text[found.end(1) :]


@mistake("an exit's target is the step it leaves")
def _choice_to_itself(page: Page) -> Iterator[tuple[str, str]]:
    for step in page.steps():
        if "call" in step.node or "hours" in step.node:
            for outcome, entry in as_map(step.node.get("then")):
                if isinstance(entry.value, TextNode):
                    name = step.path.rpartition(".")[2]
                    yield f"{step.path}.then.{outcome}", page.replaced(entry.value, name)


def pages(root: Path = FLOWS) -> dict[str, Page]:
    """Return the flows of a folder, as pages to make mistakes in."""
    found = {}
    for name, text in files_of(root).items():
        if name.endswith(".yaml") and not name.endswith(".test.yaml") and text.startswith("flow:"):
            found[name] = Page(name, text, read_source(text, name, Findings()).root)
    return found


def files_of(root: Path = FLOWS) -> dict[str, str]:
    """Return the texts of a folder by name; without tests, which have faults of their own when a flow changes."""
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*"))
        if path.suffix in {".yaml", ".md"} and not path.name.endswith(".test.yaml")
    }


def mutations(root: Path = FLOWS) -> list[Mutation]:
    """Return every mistake that can be made."""
    return [
        Mutation(kind, page.name, where, text, keyless=maker is _not_once)
        for page in pages(root).values()
        for kind, maker in MAKERS.items()
        for where, text in maker(page)
        if text != page.text
    ]


def drawn(all_of_them: list[Mutation], runs: int, seed: int) -> list[Mutation]:
    """Return so many mistakes, of every kind as many as of any other as far as there are."""
    choice = random.Random(seed)
    by_kind: dict[str, list[Mutation]] = {}
    for mutation in all_of_them:
        by_kind.setdefault(mutation.kind, []).append(mutation)
    for each in by_kind.values():
        choice.shuffle(each)
    picked: list[Mutation] = []
    while len(picked) < runs and any(by_kind.values()):
        for each in by_kind.values():
            if each and len(picked) < runs:
                picked.append(each.pop())
    return picked


def findings_of(files: Mapping[str, str], root: Path = FLOWS) -> list[Finding]:
    """Return what lint says of a folder's texts."""
    return lint(load_texts(files, root))


def seen(mutation: Mutation, root: Path = FLOWS) -> list[Finding]:
    """Return what lint says of a mistake; nothing means that it went unseen."""
    files = files_of(root)
    if mutation.keyless:
        files = {name: re.sub(r"\n *idempotency_key:.*", "", text) for name, text in files.items()}
    return findings_of({**files, mutation.file: mutation.text}, root)


def main(arguments: list[str] | None = None) -> int:
    """Make mistakes and tell which were seen."""
    parser = argparse.ArgumentParser(
        description="Machine-made mistakes in the shipped flows, and whether lint sees them."
    )
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--verbose", action="store_true", help="tell what was found, too")
    options = parser.parse_args(arguments)
    unchanged = findings_of(files_of())
    for finding in unchanged:
        print(f"the flows as they are: {finding}")
    every = mutations()
    picked = drawn(every, options.runs, options.seed)
    rules: Counter[str] = Counter()
    missed = []
    for mutation in picked:
        found = seen(mutation)
        rules.update({finding.rule for finding in found})
        if not found:
            missed.append(mutation)
        if options.verbose:
            told = found[0] if found else "NOTHING"
            print(f"{mutation.kind}: {mutation.file} {mutation.where}: {told}")
    for mutation in missed:
        print(f"unseen: {mutation.kind}: {mutation.file} {mutation.where}")
    share = f"{len(picked) - len(missed)} of {len(picked)}"
    print(f"{share} mistakes seen (of {len(every)} that can be made, {len(MAKERS)} kinds)")
    print("by " + ", ".join(f"{rule} {count}" for rule, count in rules.most_common()))
    return 1 if missed or unchanged else 0


if __name__ == "__main__":
    sys.exit(main())
