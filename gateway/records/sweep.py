"""Reads again all that calls have left, and reports whatever looks like card data: the check at rest.

Files are read value by value or line by line with the redactor's own eye, the operator's own patterns
(``privacy.patterns``) like card data, the database row by row, recordings by ear:
keypad tones, and digits as far as the local recogniser can hear them. A finding says where, never what. Everything here
blocks, and hearing takes about a tenth of the recording's length.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from gateway.audio.dtmf import DtmfDetector
from gateway.audio.resample import resample
from gateway.audio.wav import read_wav
from gateway.errors import ConfigurationError, SpeechError
from gateway.privacy.pan import is_card_number
from gateway.privacy.patterns import Pattern
from gateway.privacy.redactor import Redactor
from gateway.privacy.spotting import looks_like_card
from gateway.records.encryption import SUFFIX, Key, read_sealed

if TYPE_CHECKING:
    from gateway.speech.ears import Ears

_SIDES: Final = ("caller", "agent")
_CARD_LENGTHS: Final = (13, 14, 15, 16, 19)
_KEYS: Final = 3
"""Keys in a recording that count: fewer are a menu's."""
_RATE_HZ: Final = 8000
_WINDOW: Final = 160
_PAUSE_WINDOWS: Final = 40
"""Silence of 0.8 s parts utterances: people pause between the groups of a number."""
_SHORTEST_MS: Final = 1500
"""Nobody says a card number faster."""
_QUIET: Final = 200
_DIGITS: Final = re.compile(rb"(?<![\d.])\d(?:[ -]?\d){11,18}(?!\d)")
_MARK_UP: Final = re.compile(r"<[^>]*>")
_TIMES: Final = re.compile(r"\b\d+:\d\d(?:\.\d)?\b|\b\d+(?: of \d+)? ms\b")
"""Times, as our own papers write them beside what was said: beside a mask they would pass for the rest of a number."""
_PAPERS: Final = frozenset({".svg", ".txt"})
_WRITTEN: Final = frozenset({".jsonl", ".json", ".txt", ".svg", ".log", ".yaml", ".part", ".html"})
_DATABASES: Final = (".sqlite", ".sqlite-wal", ".sqlite-shm")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that looks like card data: where it is, and of what kind."""

    where: str
    """A file with its line or second, or a table and column with the call."""
    kind: str
    """``pan``, ``cvv``, ``expiry``, ``pin``, ``pattern``, or ``keys``: tones of keys in a recording."""


@dataclass(slots=True)
class Swept:
    """What a sweep did."""

    findings: list[Finding] = field(default_factory=list)
    texts: int = 0
    files: int = 0
    recordings: int = 0
    unread: list[str] = field(default_factory=list)
    """What could not be looked into, and why."""
    patterns: tuple[Pattern, ...] = ()
    """What else is looked for."""


def sweep_files(
    root: Path,
    *,
    key: Key | None = None,
    language: str = "en",
    hear: bool = True,
    patterns: Sequence[Pattern] = (),
) -> Swept:
    """Look into every file under a folder.

    Args:
        root: the data directory.
        key: opens sealed recordings.
        language: which digits are listened for.
        hear: whether recordings are listened to for spoken digits; tones of keys are looked for in any case.
        patterns: what else was to be masked; looked for in text, not in recordings nor in files of unknown making.

    """
    swept = Swept(patterns=tuple(patterns))
    ears = _ears(swept) if hear else None
    for path in sorted(root.rglob("*")):
        if not path.is_file() or path.is_symlink():
            continue
        swept.files += 1
        name = str(path.relative_to(root))
        try:
            if path.suffix in {".wav", SUFFIX}:
                _sweep_recording(swept, path, name, key=key, ears=ears, language=language)
            elif path.suffix in _WRITTEN:
                for line, text in _texts(path):
                    sweep_text(swept, text, f"{name} line {line}")
            else:
                _sweep_bytes(swept, path.read_bytes(), name)
        except (OSError, ConfigurationError) as error:
            swept.unread.append(f"{name}: {error if isinstance(error, ConfigurationError) else error.strerror}")
    return swept


def sweep_text(swept: Swept, text: str, where: str) -> None:
    """Look into one text."""
    swept.texts += 1
    swept.findings += [Finding(where, span.kind) for span in looks_like_card(text)]
    if swept.patterns:
        redactor = Redactor(swept.patterns)
        redactor.whole("tool", text)
        swept.findings += [Finding(where, "pattern")] * redactor.counts.patterns


def sweep_rows(swept: Swept, rows: Iterable[tuple[str, str, str]]) -> None:
    """Look into the values of a database: call, ``table.column`` and value of each."""
    for call_id, column, value in rows:
        sweep_text(swept, value, f"{column} of call {call_id}")


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield what a file says, with its lines: of JSON each value by itself, for numbers side by side are no number."""
    content = path.read_text("utf-8", "replace")
    if path.suffix == ".svg":
        content = html.unescape(_MARK_UP.sub(lambda found: " " + "\n" * found[0].count("\n"), content))
    for number, line in enumerate(content.splitlines(), start=1):
        if path.suffix in {".jsonl", ".json", ".part"} and line.startswith(("{", "[")):
            try:
                values = list(_values(json.loads(line, parse_float=str)))
            except ValueError:
                values = [line]
            yield from ((number, value) for value in values)
        else:
            yield number, _TIMES.sub("-:-", line) if path.suffix in _PAPERS else line


def _values(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for name, inner in value.items():
                # A number's name tells what it is: a bare time of Unix has as many digits as a card.
                yield from (f"{name}: {inner}",) if isinstance(inner, int) else _values(inner)
                yield name
        case list():
            for inner in value:
                yield from _values(inner)
        case str():
            if not re.fullmatch(r"-?\d+\.\d+", value):
                yield value
        case int() if not isinstance(value, bool):
            yield str(value)


def _sweep_bytes(swept: Swept, content: bytes, name: str) -> None:
    """Look into a file of unknown making for whole card numbers in digits."""
    swept.texts += 1
    if not name.endswith(_DATABASES):
        content = content.replace(b"\0", b" ")
    for found in _DIGITS.finditer(content):
        if is_card_number("".join(chr(byte) for byte in found[0] if 48 <= byte <= 57)):
            swept.findings.append(Finding(f"{name} byte {found.start()}", "pan"))


def _sweep_recording(swept: Swept, path: Path, name: str, *, key: Key | None, ears: Ears | None, language: str) -> None:
    if path.suffix == SUFFIX:
        if key is None:
            raise ConfigurationError("sealed, and there is no key; set records.encryption")
        channels, rate_hz = read_sealed(path, key)
    else:
        channels, rate_hz = read_wav(path)
    swept.recordings += 1
    for side, channel in zip(_SIDES, channels, strict=False):
        pcm = resample(channel, rate_hz, _RATE_HZ) if rate_hz != _RATE_HZ else channel
        detector = DtmfDetector()
        keys = [*detector.push(pcm), *detector.flush()]
        if len(keys) >= _KEYS:
            swept.findings.append(Finding(f"{name} {side} second {keys[0].start // _RATE_HZ}", "keys"))
        if ears is None:
            continue
        for start, end in utterances(pcm):
            if _is_card(ears, pcm[2 * start : 2 * end], language):
                swept.findings.append(Finding(f"{name} {side} second {start // _RATE_HZ}", "pan"))


def _is_card(ears: Ears, pcm: bytes, language: str) -> bool:
    from gateway.speech.hearing import Expectation

    heard = ears.recognise(pcm, _RATE_HZ, Expectation(language=language, digits=_CARD_LENGTHS))
    return heard.digits is not None and is_card_number(heard.digits)


def _ears(swept: Swept) -> Ears | None:
    """Return what listens; without the engines, a note that nobody did."""
    try:
        from gateway.speech.ears import Ears
        from gateway.speech.hearing import Expectation

        ears = Ears()
        ears.recognise(bytes(16_000), _RATE_HZ, Expectation(digits=(16,)))
    except (SpeechError, ImportError) as error:
        swept.unread.append(f"speech in recordings: {error}")
        return None
    return ears


def utterances(pcm: bytes) -> list[tuple[int, int]]:
    """Return where something is said for long enough to be a card number, in samples."""
    samples = np.frombuffer(pcm, "<i2")
    windows = len(samples) // _WINDOW
    loud = np.abs(samples[: windows * _WINDOW].astype(np.int32)).reshape(windows, _WINDOW).max(axis=1) > _QUIET
    spans: list[tuple[int, int]] = []
    for window in np.flatnonzero(loud).tolist():
        if spans and window - spans[-1][1] <= _PAUSE_WINDOWS:
            spans[-1] = (spans[-1][0], window + 1)
        else:
            spans.append((window, window + 1))
    least = _SHORTEST_MS * _RATE_HZ // 1000
    return [(a * _WINDOW, b * _WINDOW) for a, b in spans if (b - a) * _WINDOW >= least]
