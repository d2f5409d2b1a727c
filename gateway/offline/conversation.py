"""What the model remembers: the conversation's items in order, each with its audio and the words that sound in it.

Truncation follows the API: the item has to exist, be the assistant's and hold audio that is at least as long as what is
to be kept; then the audio is cut and the *whole* transcript is forgotten. For tests the words that still sound in the
remaining audio are known too (:attr:`Entry.remaining_text`), so that they can prove that nothing unheard is left.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec
import pybase64
from msgspec import UNSET, UnsetType

from gateway.audio.format import PCM16_24K, AudioFormat
from gateway.offline.items import (
    FunctionCall,
    FunctionOutput,
    InputAudio,
    InputText,
    Item,
    Message,
    OutputAudio,
    OutputText,
    decode_audio,
)
from gateway.offline.refusals import Refused
from gateway.offline.speech_jobs import Recognised, Word

MAX_AUDIO_BYTES: Final = 64 * 1024 * 1024
"""Audio kept by one conversation; past that the oldest items keep their length but lose their sound."""
MAX_ITEMS: Final = 2000
"""Items of one conversation."""


@dataclass(slots=True)
class Entry:
    """An item and what belongs to it. ``audio`` is in ``format``; ``words`` count from the start of the audio."""

    item: Item
    format: AudioFormat = PCM16_24K
    audio: bytes = b""
    audio_bytes: int = 0
    words: list[Word] = field(default_factory=list)
    heard: Recognised | None = None
    truncated_at_ms: int | None = None

    @property
    def audio_ms(self) -> float:
        """Milliseconds of audio that the model remembers of this item."""
        return self.format.duration_ms(self.audio_bytes)

    @property
    def role(self) -> str:
        """``user``, ``assistant`` or ``system``; ``tool`` for an output."""
        match self.item:
            case Message(role=role):
                return role
            case FunctionCall():
                return "assistant"
            case FunctionOutput():
                return "tool"

    @property
    def has_audio(self) -> bool:
        """Whether the item is speech, of whatever length."""
        return isinstance(self.item, Message) and any(
            isinstance(part, InputAudio | OutputAudio) for part in self.item.content
        )

    @property
    def remaining_text(self) -> str:
        """The words in the model's memory: for speech, every word that begins in the audio that is left."""
        match self.item:
            case Message(role="assistant") if self.has_audio:
                return " ".join(word.text for word in self.words if word.start_ms < self.audio_ms)
            case Message(content=content):
                return " ".join(_written(part) for part in content).strip()
            case FunctionCall(name=name, arguments=arguments):
                return f"{name}({arguments})"
            case FunctionOutput(output=output):
                return output


def _written(part: object) -> str:
    match part:
        case InputText(text=text) | OutputText(text=text):
            return text
        case InputAudio(transcript=transcript):
            return transcript or ""
        case _:
            return ""


class Conversation:
    """Items in order. Refuses what the API refuses."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._order: list[str] = []

    def __len__(self) -> int:
        return len(self._order)

    @property
    def entries(self) -> list[Entry]:
        """All items, first to last."""
        return [self._entries[item_id] for item_id in self._order]

    @property
    def last_id(self) -> str | None:
        """The newest item's id, or None."""
        return self._order[-1] if self._order else None

    def find(self, item_id: str) -> Entry | None:
        """Return an item's entry, or None."""
        return self._entries.get(item_id)

    def add(self, entry: Entry, after: str | UnsetType | None = UNSET) -> str | None:
        """Put an item in and return the id of the one before it.

        ``after``: an id, ``"root"`` for the beginning, or nothing for the end.

        Raises:
            Refused: the id exists already, ``after`` does not, or an output answers no call.

        """
        item_id = entry.item.id
        if item_id in self._entries:
            raise Refused("invalid_value", f"an item with id '{item_id}' already exists", param="item.id")
        if len(self._order) >= MAX_ITEMS:
            raise Refused("invalid_value", f"the conversation has {MAX_ITEMS} items; delete some", param="item")
        if isinstance(entry.item, FunctionOutput) and not self._has_call(entry.item.call_id):
            raise Refused(
                "invalid_tool_call_id",
                f"no function call '{entry.item.call_id}' in the conversation",
                param="item.call_id",
            )
        position = self._position(after)
        self._order.insert(position, item_id)
        self._entries[item_id] = entry
        self._bound_audio()
        return self._order[position - 1] if position else None

    def previous(self, item_id: str) -> str | None:
        """Return the id of the item before this one, or None."""
        position = self._order.index(item_id)
        return self._order[position - 1] if position else None

    def grow(self, item_id: str, audio: bytes) -> None:
        """Add speech to an assistant's item, unless it was deleted or already cut."""
        entry = self._entries.get(item_id)
        if entry is not None and entry.truncated_at_ms is None:
            entry.audio += audio
            entry.audio_bytes = len(entry.audio)
            self._bound_audio()

    def truncate(self, item_id: str, content_index: int, audio_end_ms: int) -> None:
        """Keep the first ``audio_end_ms`` of an assistant's speech and forget the transcript.

        Raises:
            Refused: no such item, not the assistant's speech, or it is shorter than that.

        """
        entry = self._entries.get(item_id)
        if entry is None:
            raise Refused("item_truncate_invalid_item_id", f"item '{item_id}' does not exist", param="item_id")
        if not isinstance(entry.item, Message) or entry.role != "assistant" or not entry.has_audio:
            message = "only model output audio messages can be truncated"
            raise Refused("unsupported_content_type", message, param="item_id")
        if content_index != 0:
            raise Refused("invalid_value", f"no content at index {content_index}", param="content_index")
        if audio_end_ms < 0:
            raise Refused(
                "invalid_value", f"'audio_end_ms' is {audio_end_ms}; 0 or more is wanted", param="audio_end_ms"
            )
        if audio_end_ms > entry.audio_ms:
            message = f"audio content of {entry.audio_ms:g}ms is already shorter than {audio_end_ms}ms"
            raise Refused("invalid_value", message, param="audio_end_ms")
        entry.audio_bytes = entry.format.size_bytes(audio_end_ms)
        entry.audio = entry.audio[: entry.audio_bytes]
        entry.truncated_at_ms = audio_end_ms
        entry.item = msgspec.structs.replace(entry.item, content=[OutputAudio()])

    def delete(self, item_id: str) -> None:
        """Take an item out.

        Raises:
            Refused: no such item. The public documents name no code; this one is made like truncation's.

        """
        if self._entries.pop(item_id, None) is None:
            raise Refused("item_delete_invalid_item_id", f"item '{item_id}' does not exist", param="item_id")
        self._order.remove(item_id)

    def with_audio(self, item_id: str) -> Item:
        """Return a copy of an item that shows its audio.

        Raises:
            Refused: no such item. The code is made like truncation's.

        """
        entry = self._entries.get(item_id)
        if entry is None:
            raise Refused("item_retrieve_invalid_item_id", f"item '{item_id}' does not exist", param="item_id")
        if not isinstance(entry.item, Message) or not entry.audio:
            return entry.item
        sound = pybase64.b64encode_as_string(entry.audio)
        content = [
            msgspec.structs.replace(part, audio=sound) if isinstance(part, InputAudio | OutputAudio) else part
            for part in entry.item.content
        ]
        return msgspec.structs.replace(entry.item, content=content)

    def _has_call(self, call_id: str) -> bool:
        return any(isinstance(e.item, FunctionCall) and e.item.call_id == call_id for e in self._entries.values())

    def _position(self, after: str | UnsetType | None) -> int:
        if after is UNSET or after is None:
            return len(self._order)
        if after == "root":
            return 0
        if after not in self._entries:
            raise Refused("invalid_value", f"previous item '{after}' does not exist", param="previous_item_id")
        return self._order.index(after) + 1

    def _bound_audio(self) -> None:
        kept = sum(len(entry.audio) for entry in self._entries.values())
        for entry in self.entries:
            if kept <= MAX_AUDIO_BYTES:
                return
            kept -= len(entry.audio)
            entry.audio = b""


def entry_of(item: Item, format: AudioFormat) -> Entry:
    """Return the entry of an item that a client wrote; its audio, if any, is in ``format`` and leaves the item.

    Raises:
        Refused: the audio is not base64.

    """
    entry = Entry(item, format)
    if isinstance(item, Message):
        for index, part in enumerate(item.content):
            if isinstance(part, InputAudio) and part.audio is not UNSET:
                entry.audio += decode_audio(part.audio, param=f"item.content[{index}].audio")
                item.content[index] = InputAudio(transcript=part.transcript)
        entry.audio_bytes = len(entry.audio)
    return entry
