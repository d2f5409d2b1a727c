"""F6xx and F7xx: whether texts are there in every language and can be said, and whether tests cover the flow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.audio.wav import read_wav
from gateway.flows.document import ListNode, MapNode, Node, TextNode
from gateway.flows.issues import Edit, Origin
from gateway.flows.lint.rules import Found, also, error, warning
from gateway.flows.lint.subject import Subject
from gateway.flows.steps import Transfer

RATES_HZ: Final = (8000, 16000, 24000)
"""What recordings may have: telephone, wide band, the model's own."""
_SAID_KEYS: Final = frozenset(
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
        "text",
        "any",
    ]
)
_AMBIGUOUS: Final = re.compile(
    r"\b\d{1,2}[/.]\d{1,2}(?:[/.]\d{2,4})?\b|\b\d+[.,]\d+\b|(?<!\d)\d{5,}(?!\d)|\b\d{1,2}:\d{2}\b"
)


@error("F601", "a text that is missing in one of the flow's languages")
def untranslated(subject: Subject) -> Iterator[Found]:
    """A missing translation."""
    seen: set[tuple[Origin, str]] = set()
    for what, prompt, step in subject.prompts():
        for language in sorted(prompt.missing):
            if (prompt.origin, language) not in seen:
                seen.add((prompt.origin, language))
                where = f"step '{step.name}'" if step else "the flow"
                yield Found(
                    prompt.origin, f"{where}: {what} is missing in {language}", f"add '{language}:' with its text"
                )


@error("F602", "values that differ between the languages of a text")
def placeholders_differ(subject: Subject) -> Iterator[Found]:
    """Values that differ between languages."""
    seen: set[Origin] = set()
    for what, prompt, step in subject.prompts():
        if prompt.origin in seen or len(subject.flow.languages) < 2:
            continue
        seen.add(prompt.origin)
        used = {
            language: {
                "".join(part.source.split()) for way in prompt.wordings[language] for part in way.text.expressions
            }
            for language in subject.flow.languages
            if language not in prompt.missing
        }
        every = set[str]().union(*used.values()) if used else set()
        for language, own in used.items():
            if own != every:
                where = f"step '{step.name}'" if step else what
                some = ", ".join(f"${{{name}}}" for name in sorted(every - own))
                yield Found(prompt.origin, f"{where}: {some} is missing in {language}", "say the same in all languages")


@warning("F603", "figures that a voice may read in more than one way")
def ambiguous_figures(subject: Subject) -> Iterator[Found]:
    """Figures that can be read in several ways."""
    seen: set[Origin] = set()
    for what, prompt, step in subject.prompts():
        for _, way in prompt.all_wordings():
            for part in way.text.parts:
                found = _AMBIGUOUS.search(part) if isinstance(part, str) else None
                if found and way.origin not in seen:
                    seen.add(way.origin)
                    where = f"step '{step.name}'" if step else what
                    yield Found(
                        way.origin,
                        f"{where}: '{found[0]}' may be read in more than one way",
                        "write it in words, or as ${…|date}",
                    )


@error("F604", "a recording that is missing, of the wrong form, or says something else")
def bad_audio(subject: Subject) -> Iterator[Found]:
    """A recording that can't be used."""
    shelf = subject.folder.shelf
    if shelf is None:
        return
    for step in subject.flow.steps.values():
        if isinstance(step, Transfer) and step.hold_music is not None:
            origin = subject.place(step, "transfer", "hold", step.origin)
            music = shelf.inside(step.hold_music)
            if music is None:
                yield Found(origin, f"there is no recording '{step.hold_music}' in the flows folder", "add the file")
            else:
                yield from _form(music, step.hold_music, origin)
    seen: set[tuple[str, Origin]] = set()
    for _, prompt, _step in subject.prompts():
        for _, way in prompt.all_wordings():
            if way.audio is None or (way.audio, way.origin) in seen:
                continue
            seen.add((way.audio, way.origin))
            path = shelf.inside(way.audio)
            if path is None:
                yield Found(
                    way.origin,
                    f"there is no recording '{way.audio}' in the flows folder",
                    "record it, or take 'audio' away",
                )
                continue
            yield from _form(path, way.audio, way.origin)
            said = shelf.read(way.audio.rsplit(".", 1)[0] + ".txt")
            if said is not None and _words(said) != _words(way.text.source):
                yield Found(
                    way.origin,
                    f"recording '{way.audio}' says something else, by the transcript beside it",
                    "make them agree",
                )


def _form(path: Path, shown: str, origin: Origin) -> Iterator[Found]:
    try:
        channels, rate_hz = read_wav(path)
    except (ValueError, OSError) as fault:
        yield Found(origin, f"recording '{shown}' can't be used: {fault}", "save it as 16-bit mono WAV")
        return
    if len(channels) != 1 or rate_hz not in RATES_HZ:
        message = f"recording '{shown}' has {len(channels)} channels at {rate_hz} Hz"
        yield Found(origin, message, "save it mono, with 8000, 16000 or 24000 Hz")


@warning("F605", "a text that looks split at a comma")
def split_text(subject: Subject) -> Iterator[Found]:
    """A text that YAML has split at a comma."""
    for node in subject.compiled.nodes.values():
        yield from _split_in(node, "")


@also("F606")
def no_text(subject: Subject) -> Iterator[Found]:
    """Texts that YAML did not take for texts are found on reading."""
    return iter(())


@warning("F607", "a prompt that is not rendered yet")
def not_rendered(subject: Subject) -> Iterator[Found]:
    """A prompt that is not in the cache."""
    is_rendered = subject.options.is_rendered
    if is_rendered is None:
        return
    seen: set[tuple[str, Origin]] = set()
    for what, prompt, step in subject.prompts():
        for language, way in prompt.all_wordings():
            if what == "whisper" or not way.text.is_constant or way.audio or (language, way.origin) in seen:
                continue
            if way.exact and not subject.options.reads_exactly:
                continue  # no warning but an error: F506
            seen.add((language, way.origin))
            if not is_rendered(subject.flow, language, way):
                where = f"step '{step.name}'" if step else "the flow"
                read = "; the local voice reads it, as 'flows.exact: read' allows" if way.exact else ""
                yield Found(
                    way.origin, f"{where}: {what} in {language} is not rendered{read}", "run 'gateway flow render'"
                )


@warning("F701", "a step or an exit that no test reaches")
def uncovered(subject: Subject) -> Iterator[Found]:
    """What tests leave out."""
    if subject.options.covered is None:
        return
    flow = subject.flow
    covered = subject.options.covered.get(flow.id, frozenset())
    for step in flow.steps.values():
        if step.path not in covered:
            yield Found(step.origin, f"no test reaches step '{step.path}'", "add a test that does")
            continue
        for way in step.exits:
            if way.kind != "guard" and f"{step.path}>{way.name}" not in covered:
                yield Found(way.origin, f"no test leaves step '{step.path}' by '{way.name}'", "add a test that does")


@error("F702", "a test that names a step which is not there")
def test_of_nothing(subject: Subject) -> Iterator[Found]:
    """A test that names an unknown step."""
    flow = subject.flow
    known = {*flow.steps, *(step.name for step in flow.steps.values()), "end", "end_call"}
    for source in subject.folder.tests.values():
        name = source.root.get("flow")
        if not isinstance(name, TextNode) or name.value != flow.id:
            continue
        for step in _named_steps(source.root, ""):
            if step.value not in known:
                from gateway.flows.expressions.syntax import nearest

                yield Found(
                    step.origin, f"a test names step '{step.value}', which is not there", nearest(step.value, known)
                )


def _named_steps(node: Node, key: str) -> Iterator[TextNode]:
    match node:
        case MapNode():
            for inner, entry in node:
                yield from _named_steps(entry.value, inner)
        case ListNode():
            for item in node.items:
                yield from _named_steps(item, key)
        case TextNode() if key in ("step", "steps_include", "not_step"):
            yield node


def _split_in(node: Node, key: str) -> Iterator[Found]:
    match node:
        case MapNode():
            for inner, entry in node:
                said = inner in _SAID_KEYS or (key in _SAID_KEYS and re.fullmatch(r"[a-z]{2}(-\w+)?", inner))
                yield from _split_in(entry.value, inner if not said else "say")
        case ListNode() if node.inline and key == "say":
            for at, item in enumerate(node.items):
                if at and isinstance(item, TextNode) and not item.quoted and item.value[:1].islower():
                    before = node.items[at - 1]
                    edits: tuple[Edit, ...] = ()
                    if isinstance(before, TextNode) and not before.quoted and at == 1 and len(node.items) == 2:
                        joined = f"{before.value}, {item.value}".replace("\\", "\\\\").replace('"', '\\"')
                        edits = (Edit(item.origin.file, before.start, item.end, f'"{joined}"'),)
                    message = f"'{item.value[:30]}' looks like the rest of the text before the comma"
                    yield Found(item.origin, message, "put the whole text in quotes", edits)
        case ListNode():
            for item in node.items:
                yield from _split_in(item, key)
        case TextNode():
            pass


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
