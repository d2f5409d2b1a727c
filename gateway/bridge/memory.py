"""What the model's conversation holds, as the caller heard it: kept beside the session, to be told to another one.

Every session that takes over is told the same conversation, item by item: the caller's words as they were written
down, the agent's as far as they were heard, tool calls with their results, and what we wrote into it ourselves. What
was said beside the conversation (a disclosure, a filler) and what nobody heard is not part of it.

Replayed items have ids of ours and are text. So what is said of an item's older id later (cut it, delete it) is
translated here, in the one place through which everything goes that the model is told.

Source: Realtime API reference, ``conversation.item.create``: the agent's audio can't be put in from outside, ids have
at most 32 characters, and a tool's output needs its call before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from gateway.bridge.commands import (
    AddMessage,
    AddToolCall,
    AnswerTool,
    Command,
    DeleteItem,
    Respond,
    Said,
    TruncateItem,
)
from gateway.bridge.transcript import Item
from gateway.contracts.model import InputItem, InputText

CHARACTERS_PER_TOKEN: Final = 3.0
"""Cautious: English has four, other languages fewer."""
TOKENS_PER_ITEM: Final = 8
"""What an item costs beside its words."""
NOWHERE: Final = ""
"""The id of an item that the session in use was not told."""
UNWRITTEN: Final = "[The caller said something here that was not written down.]"
LEFT_OUT: Final = (
    "The beginning of this conversation is missing here. If something seems to have been said before, ask the caller."
)


@dataclass(slots=True)
class Utterance:
    """What the caller said. ``text`` grows while it is being written down."""

    item_id: str
    text: str = ""
    final: bool = False

    @property
    def words(self) -> str:
        """Its words, or that there are none to be had; nothing if it turned out to be no speech."""
        return self.text or ("" if self.final else UNWRITTEN)


@dataclass(slots=True)
class Speech:
    """What the agent said: an item whose heard part is known when it has been played."""

    item_id: str
    item: Item
    replayed: bool = False
    """The present session has it as text: it can't be cut, only written anew."""

    @property
    def words(self) -> str:
        """What the caller has heard of it, or will have when it has been played; nothing of what has no sound."""
        return self.item.heard_text() if self.item.received_ms else ""


@dataclass(slots=True)
class Note:
    """What was written into the conversation."""

    item_id: str
    role: Literal["user", "assistant", "system"]
    words: str


@dataclass(slots=True)
class ToolUse:
    """A tool call, and its result once it is there."""

    item_id: str
    tool_call_id: str
    name: str
    arguments: str
    output: str | None = None
    output_item_id: str | None = None

    @property
    def words(self) -> str:
        """Name, arguments and result, in a line."""
        return f"{self.name}({self.arguments}) = {self.output or 'still running'}"


Entry = Utterance | Speech | Note | ToolUse


@dataclass(frozen=True, slots=True)
class Replay:
    """What a new session is told: how many items that is, and how many were too much for it."""

    said: tuple[Said, ...]
    items: int
    left_out: int


class Memory:
    """The conversation of one call, in its order."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        """By the id under which the rest of the bridge knows an item, which is its id in the session that made it."""
        self._serial = 0
        self.turns = 0
        """How many of its items are the caller's."""

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._entries

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All items, the oldest first."""
        return tuple(self._entries.values())

    def known(self) -> tuple[tuple[str, Entry], ...]:
        """Return all items under the ids by which the rest of the bridge knows them, the oldest first."""
        return tuple(self._entries.items())

    # --- what happens ----------------------------------------------------------------------------------------------

    def caller_said(self, item_id: str, *, committed: bool = False) -> Utterance:
        """Return the caller's utterance; its place is where it was committed, or until then where it began."""
        entry = self._entries.get(item_id)
        if not isinstance(entry, Utterance):
            self.turns += 1
            entry = self._entries[item_id] = Utterance(item_id)
        elif committed:
            self._entries[item_id] = self._entries.pop(item_id)
        return entry

    def caller_words(self, item_id: str, text: str, *, final: bool) -> None:
        """Take a piece of the caller's words, or with ``final`` all of them."""
        utterance = self.caller_said(item_id)
        if utterance.final:
            return
        utterance.text = text if final else utterance.text + text
        utterance.final = final

    def agent_speaks(self, item: Item) -> None:
        """Take an item of the agent's, which is in the conversation from its first piece on."""
        if not item.out_of_band and item.item_id not in self._entries:
            self._entries[item.item_id] = Speech(item.item_id, item)

    def tool_asked(self, item_id: str, tool_call_id: str, name: str, arguments: str) -> None:
        """Take a tool call that the model made."""
        self._entries[item_id] = ToolUse(item_id, tool_call_id, name, arguments)

    def forget(self, item_id: str) -> None:
        """Take an item out: it is dead, or so secret that no other session may be told."""
        entry = self._entries.pop(item_id, None)
        if isinstance(entry, Utterance):
            self.turns -= 1

    # --- what the model is told ------------------------------------------------------------------------------------

    def told(self, command: Command) -> list[Command]:
        """Take what the model is about to be told, and return it in the words of the session in use."""
        match command:
            case AddMessage(role, text, item_id):
                if item_id in self._entries:
                    return [command]
                note = Note(item_id or self._new_id(), role, text)
                self._entries[note.item_id] = note
                return [AddMessage(role, text, note.item_id)]
            case AnswerTool(tool_call_id, output, item_id):
                item_id = item_id or self._new_id()
                use = self._tool_use(tool_call_id)
                if use is not None:
                    use.output, use.output_item_id = output, item_id
                return [AnswerTool(tool_call_id, output, item_id)]
            case DeleteItem(item_id):
                entry = self._entries.get(item_id)
                self.forget(item_id)
                return [DeleteItem(entry.item_id if entry is not None else item_id)]
            case Respond(request) if request.input is not None:
                return [Respond(replace(request, input=tuple(self._translated(one) for one in request.input)))]
            case TruncateItem(item_id, _):
                entry = self._entries.get(item_id)
                if isinstance(entry, Speech) and entry.replayed:
                    return self._write_anew(entry)
                return [command]
            case _:
                return [command]

    def _translated(self, one: InputText | InputItem) -> InputText | InputItem:
        entry = self._entries.get(one.item_id) if isinstance(one, InputItem) else None
        return InputItem(entry.item_id) if entry is not None else one

    def _write_anew(self, speech: Speech) -> list[Command]:
        """Put what was heard of an item in place of all its words; it is the newest: nothing was said since."""
        old, speech.item_id = speech.item_id, self._new_id()
        return [DeleteItem(old), AddMessage("assistant", speech.words, speech.item_id)]

    def _tool_use(self, tool_call_id: str) -> ToolUse | None:
        uses = (entry for entry in self._entries.values() if isinstance(entry, ToolUse))
        return next((use for use in uses if use.tool_call_id == tool_call_id), None)

    # --- another session -------------------------------------------------------------------------------------------

    def replay(self, limit_tokens: int) -> Replay:
        """Return all that a new session is told, under new ids; if it is too much, without its oldest items.

        What was left out stays here, to be summarised.
        """
        entries = [entry for entry in self._entries.values() if _is_told(entry)]
        kept = _newest(entries, limit_tokens)
        left_out = len(entries) - len(kept)
        for entry in entries[:left_out]:
            entry.item_id = NOWHERE
        said: list[Said] = [] if not left_out else [AddMessage("system", LEFT_OUT, self._new_id())]
        for entry in kept:
            said += self._said(entry)
        return Replay(tuple(said), len(kept), left_out)

    def _said(self, entry: Entry) -> Iterator[Said]:
        entry.item_id = self._new_id()
        match entry:
            case Utterance():
                yield AddMessage("user", entry.words, entry.item_id)
            case Speech():
                entry.replayed = True
                yield AddMessage("assistant", entry.words, entry.item_id)
            case Note(role=role, words=words):
                yield AddMessage(role, words, entry.item_id)
            case ToolUse(output=output):
                yield AddToolCall(entry.tool_call_id, entry.name, entry.arguments, entry.item_id)
                if output is not None:
                    entry.output_item_id = self._new_id()
                    yield AnswerTool(entry.tool_call_id, output, entry.output_item_id)

    def _new_id(self) -> str:
        self._serial += 1
        return f"kept_{self._serial}"

    # --- growing long ----------------------------------------------------------------------------------------------

    @property
    def tokens(self) -> int:
        """About how many tokens a replay of all of it has."""
        return sum(tokens_of(entry) for entry in self._entries.values() if _is_told(entry))

    def fold(self, entries: tuple[Entry, ...], summary: str) -> tuple[Note, list[str]]:
        """Put a summary in place of the oldest items; return it, and the ids of what the session has of them."""
        ids = {id(entry) for entry in entries}
        gone: list[str] = []
        for key, entry in list(self._entries.items()):
            if id(entry) in ids:
                self.forget(key)
                if entry.item_id == NOWHERE:
                    continue
                gone.append(entry.item_id)
                if isinstance(entry, ToolUse) and entry.output_item_id is not None:
                    gone.append(entry.output_item_id)
        note = Note(self._new_id(), "system", summary)
        self._entries = {note.item_id: note, **self._entries}
        return note, gone


def tokens_of(entry: Entry) -> int:
    """Return about how many tokens an item has as text."""
    return TOKENS_PER_ITEM + int(len(entry.words) / CHARACTERS_PER_TOKEN)


def _is_told(entry: Entry) -> bool:
    """Whether there is something to tell of it: speech that nobody heard is none."""
    return bool(entry.words)


def _newest(entries: list[Entry], limit_tokens: int) -> list[Entry]:
    kept: list[Entry] = []
    for entry in reversed(entries):
        limit_tokens -= tokens_of(entry)
        if limit_tokens < 0:
            break
        kept.insert(0, entry)
    return kept
