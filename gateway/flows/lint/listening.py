"""F2xx: whether callers are understood: keys, silence, choices, retries."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Final

from gateway.flows.issues import Edit, Origin
from gateway.flows.lint.rules import Found, also, error, warning
from gateway.flows.lint.subject import Subject
from gateway.flows.model import Slot, SlotKind
from gateway.flows.prompts import Prompt
from gateway.flows.slots import keypad
from gateway.flows.steps import Ask, Confirm, Menu, Say
from gateway.flows.words import primary
from gateway.lexicon.numbers import digit_words, languages

MAX_CHOICES: Final = 5
MAX_KEYS: Final = 7
WORDS_PER_SECOND: Final = 2.5
"""An unhurried prompt: 150 words a minute."""
MAX_FIRST_PROMPT_S: Final = 12
SIMILAR: Final = 0.6
"""The share of words that two explanations may have in common."""

_PRESS: Final = {
    "en": re.compile(r"\b(?:press|dial|hit|key in)\b([^.!?]*)", re.IGNORECASE),
    "es": re.compile(r"\b(?:pulse|marque|presione|teclee|oprima)\b([^.!?]*)", re.IGNORECASE),
}
_KEYPAD_WORDS: Final = {
    "en": re.compile(r"\b(?:key|keypad|press|enter|dial|type|keys)\b", re.IGNORECASE),
    "es": re.compile(r"\b(?:marque|teclado|pulse|teclee|introduzca|presione|teclas?)\b", re.IGNORECASE),
}
_KEY_NAMES: Final = {"star": "*", "pound": "#", "hash": "#", "asterisco": "*", "almohadilla": "#"}
_STOP: Final = frozenset(
    [
        "a",
        "an",
        "the",
        "to",
        "of",
        "or",
        "and",
        "for",
        "in",
        "on",
        "is",
        "are",
        "wants",
        "want",
        "asks",
        "ask",
        "about",
        "caller",
        "el",
        "la",
        "los",
        "las",
        "un",
        "una",
        "de",
        "del",
        "o",
        "y",
        "para",
        "en",
        "es",
        "que",
    ]
)


@error("F201", "a menu or question without a text for silence")
def no_silence_text(subject: Subject) -> Iterator[Found]:
    """A menu or question without a text for silence."""
    for step in subject.flow.steps.values():
        if isinstance(step, (Menu, Ask, Confirm)) and step.listening.retries.no_input is None:
            message = f"step '{step.name}' ({step.verb}) has nothing to say when the caller is silent"
            yield Found(step.origin, message, "add 'no_input:' here or under 'defaults', or use shared/everyday.yaml")


@error("F202", "two choices, or two handlers, with the same key")
def same_key(subject: Subject) -> Iterator[Found]:
    """The same key twice."""
    for step in subject.flow.steps.values():
        if isinstance(step, Menu):
            yield from _doubles(
                [(choice.id, choice.key, choice.origin) for choice in step.choices], f"menu '{step.name}'"
            )
            if step.press_position:
                most = step.show or 9
                for choice in step.choices:
                    if choice.key and choice.key.isdigit() and 1 <= int(choice.key) <= most:
                        message = (
                            f"menu '{step.name}': key {choice.key} is taken by the list's order and by '{choice.id}'"
                        )
                        yield Found(choice.origin, message, "take a key that the list does not use")
    handlers = [(handler.name, handler.key, handler.origin) for handler in subject.flow.handlers.values()]
    yield from _doubles(handlers, "always")


@error("F203", "a key that another key of the menu begins with")
def prefix_key(subject: Subject) -> Iterator[Found]:
    """A key that another begins with."""
    for step in subject.flow.steps.values():
        if not isinstance(step, Menu):
            continue
        for one, other in combinations([choice for choice in step.choices if choice.key], 2):
            first, second = sorted((one, other), key=lambda choice: len(choice.key or ""))
            if (
                first.key != second.key
                and (second.key or "").startswith(first.key or "?")
                and "note" not in subject.node(step)
            ):
                message = f"menu '{step.name}': callers who press {first.key} wait, because {second.key} begins with it"
                yield Found(second.origin, message, "use keys of one digit, or say in a 'note' that the pause is meant")


@warning("F204", "a menu's key hides one that works everywhere")
def hidden_key(subject: Subject) -> Iterator[Found]:
    """A menu's key hides one that works everywhere."""
    for step in subject.flow.steps.values():
        if isinstance(step, Menu):
            for choice in step.choices:
                for handler in subject.flow.handlers.values():
                    if choice.key and choice.key == handler.key and handler.works_in(step.path):
                        message = f"menu '{step.name}': key {choice.key} means '{choice.id}' and hides '{handler.name}'"
                        yield Found(choice.origin, message, "take another key")


@also("F205")
def star_and_pound(subject: Subject) -> Iterator[Found]:
    """Keys that YAML does not show are found on reading."""
    return iter(())


@warning("F206", "a prompt announces a key that does not exist, or a key is never announced")
def announced_keys(subject: Subject) -> Iterator[Found]:
    """A prompt and its keys do not agree."""
    everywhere = {handler.key for handler in subject.flow.handlers.values() if handler.key}
    for step in subject.flow.steps.values():
        if not isinstance(step, (Menu, Say, Confirm)) or step.prompt is None:
            continue
        own: dict[str, str] = {}
        if isinstance(step, Menu):
            own = {choice.key: choice.id for choice in step.choices if choice.key}
            if step.press_position:
                continue
        elif isinstance(step, Say):
            own = dict.fromkeys(step.keys, "")
        else:
            own = {"1": "yes", "2": "no"}
        for language in subject.flow.languages:
            if language in step.prompt.missing or primary(language) not in _PRESS:
                continue
            said = announced(step.prompt, language)
            for key, origin in said.items():
                if key not in own and key not in everywhere:
                    yield Found(
                        origin,
                        f"step '{step.name}' announces key {key}, which does nothing here",
                        "correct the text or the keys",
                    )
            if isinstance(step, Menu):
                missing = {key: name for key, name in own.items() if key not in said and key not in everywhere}
                if missing:
                    some = ", ".join(f"{key} ({name})" for key, name in missing.items())
                    message = f"menu '{step.name}' never announces key {some} in {language}"
                    edits = _announce(subject, step.prompt, language, missing) if len(missing) == len(own) else ()
                    yield Found(step.prompt.origin, message, "say so in a further text of the prompt", edits)


@warning("F207", "more choices or keys than callers remember")
def long_menu(subject: Subject) -> Iterator[Found]:
    """A long menu."""
    for step in subject.flow.steps.values():
        if isinstance(step, Menu):
            keys = sum(choice.key is not None for choice in step.choices)
            if len(step.choices) > MAX_CHOICES and not step.source:
                yield Found(
                    step.origin,
                    f"menu '{step.name}' has {len(step.choices)} choices; callers remember {MAX_CHOICES}",
                    "split it",
                )
            elif keys > MAX_KEYS:
                yield Found(step.origin, f"menu '{step.name}' has {keys} keys; callers remember {MAX_KEYS}", "split it")


@warning("F208", "two choices whose explanations are much alike")
def alike(subject: Subject) -> Iterator[Found]:
    """Two choices whose explanations are much alike."""
    for step in subject.flow.steps.values():
        if not isinstance(step, Menu):
            continue
        for one, other in combinations(step.choices, 2):
            first, second = _tokens(one.means), _tokens(other.means)
            if first and second and len(first & second) / len(first | second) >= SIMILAR:
                message = f"menu '{step.name}': '{one.id}' and '{other.id}' mean nearly the same to the model"
                yield Found(other.origin, message, "say what sets them apart")


@error("F209", "keys that can't be told from those pressed ahead, or an end key that belongs to the value")
def key_buffer(subject: Subject) -> Iterator[Found]:
    """Keys that can't be told apart."""
    flow = subject.flow
    for step in flow.steps.values():
        if not isinstance(step, Ask):
            continue
        for name in step.slots:
            slot = flow.slots.get(name)
            keys = keypad(slot.type) if slot and slot.input != "voice_only" else None
            if slot is None or keys is None:
                continue
            if step.listening.end_key and step.listening.end_key in keys.also:
                message = (
                    f"step '{step.name}': {step.listening.end_key} ends the entry and is the decimal point of '{name}'"
                )
                yield Found(step.origin, message, "use 'end_key: pound'")
            elif (
                not step.listening.end_key
                and keys.least != keys.most
                and slot.type.kind is SlotKind.DIGITS
                and step.listening.type_ahead
            ):
                message = f"step '{step.name}': '{name}' has neither length nor end key, so keys run together"
                yield Found(step.origin, message, "give it a 'length', an 'end_key', or 'type_ahead: no'")


@warning("F210", "no way to answer with the keypad")
def no_keypad(subject: Subject) -> Iterator[Found]:
    """No way to answer with the keypad."""
    for step in subject.flow.steps.values():
        if not isinstance(step, Menu) or step.press_position:
            continue
        if step.source or not any(choice.key for choice in step.choices):
            fix = "add 'press: position'" if step.source else "give the choices 'press'"
            yield Found(step.origin, f"menu '{step.name}' lacks keys, so it shuts out who can't speak", fix)
    for slot in subject.flow.slots.values():
        if slot.input == "voice_only" and keypad(slot.type) is not None:
            yield Found(
                slot.origin, f"slot '{slot.name}' takes no keys, so it shuts out who can't speak", "use 'input: any'"
            )


@error("F211", "a question for the keypad that does not say so")
def keys_unsaid(subject: Subject) -> Iterator[Found]:
    """A question for the keypad that does not say so."""
    for step in subject.flow.steps.values():
        if not isinstance(step, Ask):
            continue
        if not any(_keys_only(subject.flow.slots.get(name)) for name in step.slots):
            continue
        for language in subject.flow.languages:
            pattern = _KEYPAD_WORDS.get(primary(language))
            ways = step.prompt.wordings[language]
            if (
                pattern
                and language not in step.prompt.missing
                and ways
                and not any(pattern.search(way.text.source) for way in ways[:1])
            ):
                message = f"step '{step.name}': keys are wanted, and the {language} text does not say so"
                yield Found(ways[0].origin, message, "say that the caller has to use the keypad")


@warning("F212", "a first prompt longer than 12 s")
def long_prompt(subject: Subject) -> Iterator[Found]:
    """A long first prompt."""
    for step in subject.flow.steps.values():
        first = isinstance(step, (Menu, Ask, Confirm)) or (isinstance(step, Say) and step.path == subject.flow.start)
        prompt = getattr(step, "prompt", None) if first else None
        if not isinstance(prompt, Prompt):
            continue
        for language in subject.flow.languages:
            ways = prompt.wordings[language]
            seconds = len(ways[0].text.source.split()) / WORDS_PER_SECOND if ways else 0
            if seconds > MAX_FIRST_PROMPT_S and language not in prompt.missing:
                message = f"step '{step.name}': the first {language} text takes about {seconds:.0f} s"
                yield Found(ways[0].origin, message, "put details into the second text")


@warning("F213", "the same text again after a failed try")
def same_again(subject: Subject) -> Iterator[Found]:
    """The same text again after a failed try."""
    seen: set[Origin] = set()
    for what, prompt, step in subject.prompts():
        if what not in ("prompt", "no_input", "no_match") and "invalid" not in what:
            continue
        for language in subject.flow.languages:
            if language in prompt.missing:
                continue
            for one, other in pairwise(prompt.wordings[language]):
                if one.text.source.strip() == other.text.source.strip() and other.origin not in seen:
                    seen.add(other.origin)
                    where = f"step '{step.name}'" if step else what
                    yield Found(
                        other.origin,
                        f"{where}: {what} says the same twice",
                        "say it another way",
                        _reword(other.origin, subject, what, language),
                    )


def announced(prompt: Prompt, language: str) -> dict[str, Origin]:
    """Return the keys that a prompt tells callers to press, and where it does."""
    tongue = primary(language)
    numbers = digit_words(tongue) if tongue in languages() else {}
    found: dict[str, Origin] = {}
    for way in prompt.wordings[language]:
        for sentence in _PRESS[tongue].findall(way.text.source):
            first = True
            said = re.findall(r"[*#]|\w+", sentence.lower())
            for word, following in zip(said, [*said[1:], ""], strict=True):
                key = word if re.fullmatch(r"\d|[*#]", word) else _KEY_NAMES.get(word)
                if key is None and first and word in numbers and len(word) > 2 and following not in numbers:
                    key = numbers[word]  # "dial nine nine nine" is no key
                if word not in ("the", "key", "number", "el", "la", "tecla"):
                    first = word in ("or", "and", "o", "y")
                if key is not None:
                    found.setdefault(key, way.origin)
    return found


def _doubles(keys: list[tuple[str, str | None, Origin]], where: str) -> Iterator[Found]:
    seen: dict[str, str] = {}
    for name, key, origin in keys:
        if key is None:
            continue
        if key in seen:
            yield Found(
                origin,
                f"{where}: key {key} is taken by '{seen[key]}' and by '{name}'",
                "give one of them another key, or 'press: none'",
            )
        seen.setdefault(key, name)


def _tokens(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if word not in _STOP}


def _keys_only(slot: Slot | None) -> bool:
    return slot is not None and slot.input == "keys_only"


def _announce(subject: Subject, prompt: Prompt, language: str, keys: dict[str, str]) -> tuple[Edit, ...]:
    """An edit that adds a second text with the keys, where the prompt is one text in one line."""
    ways = prompt.wordings[language]
    if len(ways) != 1 or not ways[0].text.is_constant:
        return ()
    press, for_ = ("Pulse", "para") if primary(language) == "es" else ("Press", "for")
    said = ", ".join(f"{key} {for_} {name.replace('_', ' ')}" for key, name in keys.items())
    addition = f"{press} {said}."
    return subject.replace_text(ways[0].origin, json.dumps([ways[0].text.source, addition], ensure_ascii=False))


def _reword(origin: Origin, subject: Subject, what: str, language: str) -> tuple[Edit, ...]:
    """An edit that makes a repeated retry text another one."""
    spanish = primary(language) == "es"
    texts = {
        "no_input": "Sigo sin oírle. Puede usar el teclado."
        if spanish
        else "I still cannot hear you. You can use your keypad.",
        "no_match": "Sigo sin entenderle. Puede usar el teclado."
        if spanish
        else "I still did not follow. You can use your keypad.",
    }
    if what not in texts:
        return ()
    return subject.replace_text(origin, json.dumps(texts[what], ensure_ascii=False))
