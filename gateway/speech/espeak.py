"""eSpeak NG through ctypes: the one place that knows its C interface.

The library keeps its state in globals, so a process has one :class:`Engine` and one lock. The interface is that of
``speak_lib.h`` of eSpeak NG 1.52 (espeak-ng/espeak-ng, ``src/include/espeak-ng/speak_lib.h``).
"""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass
from typing import Any, Final

from gateway.errors import SpeechError
from gateway.speech.engines import engine

_SYNCHRONOUS: Final = 2
"""``AUDIO_OUTPUT_SYNCHRONOUS``: samples come to the callback before the call returns; no sound device is touched."""
_DONT_EXIT: Final = 0x8000
"""``espeakINITIALIZE_DONT_EXIT``: report missing data instead of ending the process."""
_UTF8: Final = 1
_POSITION_CHARACTER: Final = 1
_PARAMETERS: Final = {"rate": 1, "pitch": 3, "range": 4, "wordgap": 7}
_DEFAULTS: Final = {"rate": 175, "pitch": 50, "range": 50, "wordgap": 0}
_END_OF_LIST: Final = 0
_WORD: Final = 1
_LONGEST_PATH_BYTES: Final = 140
"""``N_PATH_HOME`` is 160 in the library, and it appends names of its own; a longer path is cut without a word."""


class _Identity(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class WordEvent:
    """Where a word starts: ``char_at`` in the text given (from 0), ``sample`` in the audio."""

    char_at: int
    sample: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """What eSpeak made of a text: PCM16 mono at ``rate_hz``, and where its words start, in order."""

    pcm: bytes
    rate_hz: int
    words: tuple[WordEvent, ...]


class Engine:
    """eSpeak NG, loaded once per process; use :func:`shared_engine`.

    Raises:
        SpeechError: the wheel is missing, or the library or its data cannot be loaded.
    """

    def __init__(self) -> None:
        loader = engine("espeakng_loader")
        data_path = str(loader.get_data_path()).encode()
        if len(data_path) > _LONGEST_PATH_BYTES:
            raise SpeechError(
                f"eSpeak NG's data lies at {data_path.decode()!r}, {len(data_path)} bytes; it can open at most "
                f"{_LONGEST_PATH_BYTES}; move the virtual environment to a shorter path"
            )
        try:
            self._library: Any = ctypes.CDLL(str(loader.get_library_path()))
        except OSError as error:
            raise SpeechError(f"eSpeak NG's library cannot be loaded: {error}; reinstall espeakng-loader") from error
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._rate_hz = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, data_path, _DONT_EXIT))
        if self._rate_hz <= 0:
            raise SpeechError(f"eSpeak NG found no data at {data_path.decode()!r}; reinstall espeakng-loader")
        self._pieces: list[bytes] = []
        self._words: list[WordEvent] = []
        self._callback = _Callback(self._collect)  # kept: the library holds a bare pointer to it
        self._library.espeak_SetSynthCallback(self._callback)
        self._lock = threading.Lock()

    def speak(self, text: str, *, voice: str, rate: int, pitch: int, inflection: int) -> Utterance:
        """Synthesise ``text``.

        Args:
            text: plain text; no markup is interpreted.
            voice: an eSpeak voice with an optional variant, such as ``en-us+f3``.
            rate: words a minute, 80 to 450.
            pitch: 0 to 99, 50 is the voice's own.
            inflection: 0 to 99, 50 is the voice's own.

        Raises:
            SpeechError: eSpeak does not know the voice, or refused the text.
        """
        encoded = text.encode("utf-8", "replace") + b"\0"
        with self._lock:
            self._select(voice)
            for name, value in (_DEFAULTS | {"rate": rate, "pitch": pitch, "range": inflection}).items():
                self._library.espeak_SetParameter(_PARAMETERS[name], value, 0)
            self._pieces, self._words = [], []
            status = self._library.espeak_Synth(encoded, len(encoded), 0, _POSITION_CHARACTER, 0, _UTF8, None, None)
            if status != 0:
                raise SpeechError(f"eSpeak NG refused a text of {len(text)} characters with status {status}")
            return Utterance(b"".join(self._pieces), self._rate_hz, tuple(self._words))

    def phonemes(self, text: str, *, voice: str) -> str:
        """Return ``text`` as eSpeak's own phoneme names, ``_`` between phonemes, words apart by spaces.

        Raises:
            SpeechError: eSpeak does not know the voice.
        """
        separated = ord("_") << 8
        with self._lock:
            self._select(voice)
            rest = ctypes.c_char_p(text.encode("utf-8", "replace"))
            clauses: list[str] = []
            while rest.value:
                clause: bytes | None = self._library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, separated)
                clauses.append((clause or b"").decode("utf-8", "replace"))
            return " ".join(clauses)

    def _select(self, voice: str) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise SpeechError(f"eSpeak NG has no voice {voice!r}; a language such as 'en-us' or 'es' is wanted")

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if count > 0:
            self._pieces.append(ctypes.string_at(samples, count * 2))
        index = 0
        while events[index].type != _END_OF_LIST:
            if events[index].type == _WORD:
                self._words.append(WordEvent(events[index].text_position - 1, events[index].sample))
            index += 1
        return 0


_LANGUAGES: Final = {
    "en": "en-us",
    "en-gb": "en",
    "en-au": "en",
    "en-ie": "en",
    "en-nz": "en",
    "es": "es-419",
    "es-es": "es",
    "pt": "pt-br",
    "pt-pt": "pt",
}
"""Where eSpeak's name for a language is not its primary subtag; plain ``en`` is British to it."""


def espeak_language(language: str) -> str:
    """Return eSpeak's name for a language tag such as ``en``, ``en-GB`` or ``es_MX``."""
    tag = language.lower().replace("_", "-")
    primary = tag.partition("-")[0]
    return _LANGUAGES.get(tag) or _LANGUAGES.get(primary) or primary


_engines: list[Engine] = []
_loading = threading.Lock()


def shared_engine() -> Engine:
    """Return this process's engine, loading it on the first call.

    Raises:
        SpeechError: as :class:`Engine`.
    """
    with _loading:
        if not _engines:
            _engines.append(Engine())
        return _engines[0]
