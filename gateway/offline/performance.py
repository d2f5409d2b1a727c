"""How words become a timed stream: beats of text and sound for speech, writing and a call's arguments.

Words go out with the stretch of audio in which they begin, just before it; the first word goes with the first stretch
even when the voice takes a breath, so that text precedes sound as it does in recorded sessions.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.audio.format import PCM16_24K, AudioFormat
from gateway.offline.mind import Utter
from gateway.offline.speech_jobs import Spoken, Word
from gateway.offline.turns import decoder

CHUNK_MS: Final = 200
"""Speech in one audio delta, in milliseconds."""
WRITTEN_PIECE_MS: Final = 20
"""Time between two written pieces, in milliseconds of the pace of speech."""
ARGUMENT_CHARACTERS: Final = 12
"""Characters of one delta of a call's arguments."""
WORD_MS: Final = 300
"""How long a word lasts where no voice says it, in milliseconds."""
TONE_HZ: Final = 400
TONE_PEAK: Final = 8000


@dataclass(frozen=True, slots=True)
class Beat:
    """What goes out ``at_ms`` into an utterance: pieces of text, one a delta, and then sound in the wire's format."""

    at_ms: float
    pieces: tuple[str, ...]
    audio: bytes = b""
    words: tuple[Word, ...] = ()


def written(text: str) -> list[Beat]:
    """Return the beats of a text that is written, a word at a time."""
    return [Beat(n * WRITTEN_PIECE_MS, (piece,)) for n, piece in enumerate(_pieces(text))]


def arguments(text: str) -> list[Beat]:
    """Return the beats of a call's arguments."""
    pieces = [text[at : at + ARGUMENT_CHARACTERS] for at in range(0, len(text), ARGUMENT_CHARACTERS)]
    return [Beat(n * WRITTEN_PIECE_MS, (piece,)) for n, piece in enumerate(pieces)]


def spoken(text: str, speech: Spoken, target: AudioFormat) -> list[Beat]:
    """Return the beats of speech, in chunks of :data:`CHUNK_MS`, in the ``target`` format.

    Together the pieces are ``text`` to the letter; together the audio is as long as the speech.
    """
    convert = decoder(PCM16_24K, target)
    audio = convert.push(speech.pcm) if convert else speech.pcm
    size = target.size_bytes(CHUNK_MS)
    chunks = [audio[at : at + size] for at in range(0, len(audio), size)]
    if not chunks:
        return [Beat(0.0, (text,))] if text else []
    pieces: list[list[str]] = [[] for _ in chunks]
    words: list[list[Word]] = [[] for _ in chunks]
    said = 0
    for number, word in enumerate(speech.words):
        last = number == len(speech.words) - 1
        chunk = 0 if number == 0 else min(int(word.start_ms // CHUNK_MS), len(chunks) - 1)
        end = len(text) if last else max(said, word.char_end)
        if text[said:end]:
            pieces[chunk].append(text[said:end])
        words[chunk].append(word)
        said = end
    if not speech.words and text:
        pieces[0].append(text)
    return [Beat(n * float(CHUNK_MS), tuple(pieces[n]), chunk, tuple(words[n])) for n, chunk in enumerate(chunks)]


def without_voice(utter: Utter) -> Spoken:
    """Return a tone or silence for an utterance, its words spread evenly over it."""
    spans = _word_spans(utter.text)
    ms = utter.ms if utter.ms is not None else WORD_MS * max(1, len(spans))
    share = ms / max(1, len(spans))
    words = tuple(
        Word(utter.text[start:end], n * share, (n + 1) * share, start, end) for n, (start, end) in enumerate(spans)
    )
    return Spoken(pcm=_tone(ms) if utter.sound == "tone" else bytes(PCM16_24K.size_bytes(ms)), words=words)


def fitted(speech: Spoken, ms: int | None) -> Spoken:
    """Return speech that lasts exactly ``ms`` milliseconds: cut, or with silence after it."""
    if ms is None:
        return speech
    size = PCM16_24K.size_bytes(ms)
    return Spoken(pcm=speech.pcm[:size].ljust(size, b"\0"), words=speech.words)


def until(beats: Sequence[Beat], ms: float) -> list[Beat]:
    """Return the beats of the first ``ms`` milliseconds."""
    return [beat for beat in beats if beat.at_ms < ms]


def _pieces(text: str) -> list[str]:
    spans = _word_spans(text)
    if not spans:
        return [text] if text else []
    ends = [end for _, end in spans]
    ends[-1] = len(text)
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _word_spans(text: str) -> list[tuple[int, int]]:
    spans, at = [], 0
    for word in text.split():
        start = text.index(word, at)
        at = start + len(word)
        spans.append((start, at))
    return spans


def _tone(ms: int) -> bytes:
    period = PCM16_24K.rate_hz // TONE_HZ
    cycle = array("h", (round(TONE_PEAK * math.sin(2 * math.pi * n / period)) for n in range(period))).tobytes()
    size = PCM16_24K.size_bytes(ms)
    return (cycle * (size // len(cycle) + 1))[:size]
