"""How many tokens a response would have cost.

Plausible, not exact: one token for each 100 ms of user audio and each 50 ms of assistant audio (the API's published
ratios), about four characters of text to a token. Cached is the longest common prefix of this request (instructions,
tools, items) with any of the session's latest requests: a cache keeps what several kinds of requests begin with.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.offline.conversation import Entry
from gateway.offline.events import CachedDetails, InputDetails, TokenDetails, TranscriptionUsage, Usage
from gateway.offline.items import Message
from gateway.offline.session_config import FunctionTool

USER_MS_A_TOKEN: Final = 100
ASSISTANT_MS_A_TOKEN: Final = 50
CHARACTERS_A_TOKEN: Final = 4


def text_tokens(text: str) -> int:
    """Return the tokens of a text; at least one for any that is not empty."""
    return math.ceil(len(text) / CHARACTERS_A_TOKEN)


def audio_tokens(duration_ms: float, *, of_assistant: bool) -> int:
    """Return the tokens of ``duration_ms`` milliseconds of speech."""
    return math.ceil(duration_ms / (ASSISTANT_MS_A_TOKEN if of_assistant else USER_MS_A_TOKEN))


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a request that is cached as a whole; ``key`` tells whether it is the same as last time."""

    key: str
    text: int
    audio: int


def blocks(instructions: str, tools: Sequence[FunctionTool], entries: Iterable[Entry]) -> tuple[Block, ...]:
    """Return a request as blocks, in the order in which a model reads it."""
    schema = msgspec.json.encode(list(tools)).decode() if tools else ""
    head = [
        Block(f"instructions {instructions}", text_tokens(instructions), 0),
        Block(f"tools {schema}", text_tokens(schema), 0),
    ]
    return (*head, *(_item_block(entry) for entry in entries))


def _item_block(entry: Entry) -> Block:
    audio = audio_tokens(entry.audio_ms, of_assistant=entry.role == "assistant")
    written = isinstance(entry.item, Message) and entry.has_audio
    text = "" if written else entry.remaining_text
    return Block(f"{entry.item.id} {audio} {text}", text_tokens(text), audio)


def usage(request: Sequence[Block], before: Sequence[Sequence[Block]], *, output_text: int, output_audio: int) -> Usage:
    """Return a response's bill. ``before`` are the latest requests of the same session."""
    same = max((_common(request, earlier) for earlier in before), default=0)
    text, audio = sum(b.text for b in request), sum(b.audio for b in request)
    cached = CachedDetails(
        text_tokens=sum(b.text for b in request[:same]), audio_tokens=sum(b.audio for b in request[:same])
    )
    return Usage(
        total_tokens=text + audio + output_text + output_audio,
        input_tokens=text + audio,
        output_tokens=output_text + output_audio,
        input_token_details=InputDetails(
            text_tokens=text,
            audio_tokens=audio,
            cached_tokens=cached.text_tokens + cached.audio_tokens,
            cached_tokens_details=cached,
        ),
        output_token_details=TokenDetails(text_tokens=output_text, audio_tokens=output_audio),
    )


def _common(one: Sequence[Block], other: Sequence[Block]) -> int:
    """Return how many blocks two requests begin with alike."""
    same = 0
    while same < min(len(one), len(other)) and one[same].key == other[same].key:
        same += 1
    return same


def transcription_usage(duration_ms: float, transcript: str) -> TranscriptionUsage:
    """Return a transcription's bill."""
    heard, written = audio_tokens(duration_ms, of_assistant=False), text_tokens(transcript)
    return TranscriptionUsage(
        total_tokens=heard + written,
        input_tokens=heard,
        input_token_details=TokenDetails(text_tokens=0, audio_tokens=heard),
        output_tokens=written,
    )
