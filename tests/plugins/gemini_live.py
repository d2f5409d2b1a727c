"""Gemini Live as a dialect outside the package: the proof that a kind of endpoint is one file, unlike OpenAI's.

Named in YAML as ``type: "tests.plugins.gemini_live:GeminiLive"``. Almost nothing is as with the Realtime API: we speak
first and once (``setup``), JSON comes in binary messages, audio is 16 kHz up and 24 kHz down, nobody says that speech
began or ended, there is no item, no response, no cancel, no truncation, and a tool's result is answered without asking.

- The caller *speaks* when a piece of input transcription comes while the model is silent, or when ``interrupted``
  comes; they have *stopped* when the model's turn begins. Later pieces belong to what they said before.
- A *response* is a model turn. Its item is whole at ``generationComplete``; it ends at ``turnComplete``, which waits
  for the playback, or at ``interrupted``, or at a tool call, after which nothing comes before the result.
- A result waits until the bridge asks for the answer to it, because sending it *is* asking; what that answer is to be
  goes with it.

Source: Gemini Live API reference and the types of ``google-genai``, as put down in realtime.md section 8.1.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from gateway.audio.format import PCM16_16K, PCM16_24K, AudioFrame
from gateway.contracts.model import (
    CallerTranscript,
    ItemAudio,
    ItemDone,
    ItemText,
    ModelCapabilities,
    ModelEvent,
    ModelFault,
    ResponseDone,
    ResponseRequest,
    ResponseStarted,
    ResponseStatus,
    ServerVad,
    SessionLost,
    SessionReady,
    SessionSetup,
    SpeechStarted,
    SpeechStopped,
    ToolAsked,
    Usage,
    UtteranceCommitted,
)
from gateway.errors import ConfigurationError, ModelError
from gateway.realtime.credentials import Secret
from gateway.realtime.dialect import ConnectRequest
from gateway.settings.schema import EndpointSettings

HOST: Final = "wss://generativelanguage.googleapis.com"
PATH: Final = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"

CAPABILITIES: Final = ModelCapabilities(
    truncates=False,
    deletes_items=False,
    cancels=False,
    input_formats=(PCM16_16K,),
    output_formats=(PCM16_24K,),
    semantic_vad=False,
    out_of_band=False,
    lacks=frozenset(
        {
            *("speed", "noise_reduction", "reasoning", "tool_choice", "parallel_tool_calls"),
            *("truncation", "include", "tracing", "prompt"),
            *(
                f"transcription.{option}"
                for option in ("model", "language", "languages", "prompt", "keywords", "delay")
            ),
            *("vad.threshold", "vad.idle_timeout_ms"),
        }
    ),
)

_APPEND_HEAD: Final = b'{"realtimeInput":{"audio":{"mimeType":"audio/pcm;rate=16000","data":"'
_APPEND_TAIL: Final = b'"}}}'
_AUDIO_OUT: Final = "audio/pcm;rate=24000"
_OURS_TO_MEND: Final = frozenset({1007, 1008})
"""Close codes that another try does not change: an argument or the key was refused."""


# --- what the endpoint says ------------------------------------------------------------------------------------------


class Blob(Struct, rename="camel"):
    mime_type: str
    data: str


class Part(Struct, rename="camel"):
    text: str | None = None
    thought: bool = False
    inline_data: Blob | None = None


class Content(Struct):
    parts: list[Part] = []


class Piece(Struct):
    text: str = ""


class ServerContent(Struct, rename="camel"):
    model_turn: Content | None = None
    input_transcription: Piece | None = None
    output_transcription: Piece | None = None
    generation_complete: bool = False
    turn_complete: bool = False
    interrupted: bool = False


class FunctionCall(Struct):
    id: str
    name: str
    args: dict[str, Any] = {}


class ToolCall(Struct, rename="camel"):
    function_calls: list[FunctionCall] = []


class Cancellation(Struct):
    ids: list[str] = []


class Tokens(Struct, rename="camel"):
    modality: str = ""
    token_count: int = 0


class UsageMetadata(Struct, rename="camel"):
    prompt_tokens_details: list[Tokens] = []
    response_tokens_details: list[Tokens] = []
    cache_tokens_details: list[Tokens] = []


class GoAway(Struct, rename="camel"):
    time_left: str = ""


class SetupComplete(Struct, rename="camel"):
    session_id: str = ""


class ServerMessage(Struct, rename="camel"):
    setup_complete: SetupComplete | None = None
    server_content: ServerContent | None = None
    tool_call: ToolCall | None = None
    tool_call_cancellation: Cancellation | None = None
    usage_metadata: UsageMetadata | None = None
    go_away: GoAway | None = None


_DECODE: Final = msgspec.json.Decoder(ServerMessage).decode
_ENCODE: Final = msgspec.json.Encoder().encode
_SERIALS: Final = itertools.count(1)
"""Over all sessions: a call may have several, and no id of one may be taken for another's."""


class _Turn:
    """A model turn: one response with one item of speech."""

    def __init__(self, serial: int) -> None:
        self.response_id = f"turn_{serial}"
        self.item_id = f"speech_{serial}"
        self.text = ""
        self.spoke = False
        self.whole = False


class GeminiLive:
    """One session's dialect.

    Args:
        endpoint: the endpoint's name in the settings, for messages.
        settings: what they say of it; ``options.language_code`` is the language that it shall speak.

    Raises:
        ConfigurationError: no model is named, or an option is unknown.

    """

    binary_audio: Final = False
    welcomed: Final = True
    capabilities: Final = CAPABILITIES

    def __init__(self, endpoint: str, settings: EndpointSettings) -> None:
        if settings.model is None:
            raise ConfigurationError(f"endpoints.{endpoint}.model is missing; name a model that has the Live API")
        unknown = settings.options.keys() - {"language_code"}
        if unknown:
            raise ConfigurationError(f"endpoints.{endpoint}.options: {min(unknown)!r} is none; there is: language_code")
        self._model = settings.model
        self._language_code = settings.options.get("language_code")
        base = urlsplit(settings.url or HOST)
        scheme = {"https": "wss", "http": "ws"}.get(base.scheme, base.scheme)
        self._url = f"{scheme}://{base.netloc}{base.path.rstrip('/') or PATH}"
        self.ignored: Counter[str] = Counter()
        self._is_set_up = False
        self._serial = 0
        self._appended_ms = 0.0
        self._turn: _Turn | None = None
        self._tag: str | None = None
        """Of the request that the next turn answers."""
        self._utterance: str | None = None
        """The caller's speech whose words are not all there yet."""
        self._caller_speaks = False
        self._words = ""
        self._usage: Usage | None = None
        self._tools: dict[str, str] = {}
        """Names of the tools that the model waits for, by the id of the call."""
        self._results: list[dict[str, Any]] = []

    # --- connecting ------------------------------------------------------------------------------------------------

    def connect_request(self, secret: Secret | None) -> ConnectRequest:
        """Return where to connect; the key has a header of its own."""
        headers = (("x-goog-api-key", secret.value),) if secret is not None else ()
        return ConnectRequest(self._url, headers)

    def hello(self) -> list[bytes]:
        """Return nothing: the set-up is the first message, and the bridge brings it."""
        return []

    def lost(self, code: int, reason: str) -> SessionLost:
        """Return what a close code means; the endpoint's own words say more than it does."""
        return SessionLost(f"{code} {reason}".strip(), retryable=code not in _OURS_TO_MEND)

    # --- what is said ----------------------------------------------------------------------------------------------

    def configure(self, setup: SessionSetup) -> list[bytes]:
        """Return the set-up; a session can't be set up twice."""
        if self._is_set_up:
            return []
        self._is_set_up = True
        speech: dict[str, Any] = {}
        if setup.voice is not None:
            speech["voiceConfig"] = {"prebuiltVoiceConfig": {"voiceName": setup.voice}}
        if self._language_code is not None:
            speech["languageCode"] = self._language_code
        generation: dict[str, Any] = {"responseModalities": ["AUDIO"], "speechConfig": speech}
        for path, name in (("temperature", "temperature"), ("max_output_tokens", "maxOutputTokens")):
            if path in setup.extras:
                generation[name] = setup.extras[path]
        detection: dict[str, Any] = {"disabled": False}
        if isinstance(setup.turn_detection, ServerVad):
            detection["prefixPaddingMs"] = setup.turn_detection.prefix_padding_ms
            detection["silenceDurationMs"] = setup.turn_detection.silence_duration_ms
        said: dict[str, Any] = {
            "model": f"models/{self._model.removeprefix('models/')}",
            "generationConfig": generation,
            "systemInstruction": {"parts": [{"text": setup.instructions}]},
            "realtimeInputConfig": {
                "automaticActivityDetection": detection,
                "activityHandling": "START_OF_ACTIVITY_INTERRUPTS",
            },
            "outputAudioTranscription": {},
        }
        # Without the caller's words nobody would tell us that they speak, so they are always asked for.
        said["inputAudioTranscription"] = {}
        if setup.tools:
            declarations = [
                {"name": tool.name, "description": tool.description, "parametersJsonSchema": dict(tool.parameters)}
                for tool in setup.tools
            ]
            said["tools"] = [{"functionDeclarations": declarations}]
        return [_ENCODE({"setup": said})]

    def append(self, frame: AudioFrame) -> bytes:
        """Return the message of a frame; its base64 text is not looked at."""
        self._appended_ms += frame.duration_ms
        return b"".join((_APPEND_HEAD, frame.base64, _APPEND_TAIL))

    def respond(self, request: ResponseRequest) -> list[bytes]:
        """Return results that wait, with what is to be said about them; or words that ask for a turn."""
        self._tag = request.tag
        if self._results:
            results, self._results = self._results, []
            if request.instructions is not None:
                results[-1]["response"]["instructions"] = request.instructions
            return [_ENCODE({"toolResponse": {"functionResponses": results}})]
        turns = [_text("user", request.instructions)] if request.instructions is not None else []
        return [_ENCODE({"clientContent": {"turns": turns, "turnComplete": True}})]

    def add_message(
        self, role: Literal["user", "assistant", "system"], text: str, item_id: str | None = None
    ) -> list[bytes]:
        """Return words for the model's memory; it has no place for a system's but the user's."""
        turn = _text("model" if role == "assistant" else "user", text)
        return [_ENCODE({"clientContent": {"turns": [turn], "turnComplete": False}})]

    def add_tool_call(self, tool_call_id: str, name: str, arguments: str, item_id: str | None = None) -> list[bytes]:
        """Return a tool call of another session in words: only this session's own can be told as such."""
        return self.add_message("assistant", f"(I used the tool {name} with {arguments}.)")

    def tool_result(self, tool_call_id: str, output: str, item_id: str | None = None) -> list[bytes]:
        """Keep the result until it is to be answered; one of another session goes into the memory as words."""
        name = self._tools.pop(tool_call_id, None)
        if name is None:
            return self.add_message("user", f"(The tool answered: {output})")
        self._results.append({"id": tool_call_id, "name": name, "response": {"output": output}})
        return []

    def commit_input(self) -> list[bytes]:
        """Return nothing: turns end by themselves here."""
        return []

    def add_image(self, data_uri: str) -> list[bytes]:
        """Return nothing: pictures are not taken."""
        return []

    def clear_input(self) -> list[bytes]:
        """Return nothing: what was heard can't be taken back."""
        return []

    def cancel(self, response_id: str) -> list[bytes]:
        """Return nothing: only speech interrupts."""
        return []

    def truncate(self, item_id: str, heard_ms: int) -> list[bytes]:
        """Return nothing: the endpoint keeps what it had sent."""
        return []

    def delete_item(self, item_id: str) -> list[bytes]:
        """Return nothing: there are no items."""
        return []

    # --- what is heard ---------------------------------------------------------------------------------------------

    def receive_binary(self, message: bytes | bytearray) -> list[ModelEvent]:
        """Return what a message means: JSON comes as binary here."""
        return self.receive(message)

    def receive(self, message: str | bytes | bytearray) -> list[ModelEvent]:
        """Return what a message means.

        Raises:
            ModelError: it is no message of the Live API, or holds audio of another kind.

        """
        try:
            told = _DECODE(message)
        except msgspec.MsgspecError as error:
            raise ModelError(f"a message that can't be read: {error}") from None
        events: list[ModelEvent] = []
        if told.usage_metadata is not None:
            self._usage = _usage(told.usage_metadata)
        if told.setup_complete is not None:
            events.append(SessionReady(told.setup_complete.session_id, None))
        if told.tool_call_cancellation is not None:
            self._cancel_tools(told.tool_call_cancellation.ids)
        if told.server_content is not None:
            self._content(told.server_content, events)
        if told.tool_call is not None:
            self._tools_asked(told.tool_call, events)
        if told.go_away is not None:
            events.append(ModelFault("going_away", f"the session ends in {told.go_away.time_left}"))
        if not events and told == ServerMessage():
            self.ignored["unknown"] += 1
        return events

    def _content(self, content: ServerContent, events: list[ModelEvent]) -> None:
        if content.input_transcription is not None and content.input_transcription.text:
            self._caller_words(content.input_transcription.text, events)
        if content.interrupted:
            self._caller_begins(events)
            self._end_turn(events, ResponseStatus.CANCELLED, "interrupted")
            return
        if content.output_transcription is not None and content.output_transcription.text:
            turn = self._begin_turn(events)
            turn.text += content.output_transcription.text
            events.append(ItemText(turn.response_id, turn.item_id, content.output_transcription.text))
        for part in content.model_turn.parts if content.model_turn is not None else []:
            # A thought, or any other text, is not speech: it is neither played nor kept.
            if part.inline_data is not None and not part.thought:
                self._audio(part.inline_data, events)
        if content.generation_complete and self._turn is not None:
            self._item_whole(self._turn, events)
        if content.turn_complete:
            self._end_turn(events, ResponseStatus.COMPLETED)

    def _audio(self, blob: Blob, events: list[ModelEvent]) -> None:
        if blob.mime_type != _AUDIO_OUT:
            raise ModelError(f"audio of type {blob.mime_type!r}; {_AUDIO_OUT!r} was wanted")
        turn = self._begin_turn(events)
        turn.spoke = True
        frame = AudioFrame(PCM16_24K, base64=blob.data.encode())
        events.append(ItemAudio(turn.response_id, turn.item_id, frame))

    def _tools_asked(self, call: ToolCall, events: list[ModelEvent]) -> None:
        turn = self._begin_turn(events)
        for number, wanted in enumerate(call.function_calls):
            self._tools[wanted.id] = wanted.name
            item_id = f"{turn.response_id}_call_{number}"
            events.append(ToolAsked(turn.response_id, item_id, wanted.id, wanted.name, json.dumps(wanted.args)))
        self._end_turn(events, ResponseStatus.COMPLETED)

    def _cancel_tools(self, ids: list[str]) -> None:
        for tool_call_id in ids:
            self._tools.pop(tool_call_id, None)
        self._results = [result for result in self._results if result["id"] not in ids]

    # --- turns -----------------------------------------------------------------------------------------------------

    def _caller_words(self, text: str, events: list[ModelEvent]) -> None:
        if self._turn is None:
            self._caller_begins(events)
        if self._utterance is not None:
            self._words += text
            events.append(CallerTranscript(self._utterance, text, final=False))

    def _caller_begins(self, events: list[ModelEvent]) -> None:
        if self._caller_speaks:
            return
        self._words_whole(events)
        self._caller_speaks = True
        self._serial = next(_SERIALS)
        self._utterance = f"caller_{self._serial}"
        events.append(SpeechStarted(self._utterance, int(self._appended_ms)))
        if self._turn is None and self._tag is not None:
            # The turn that was asked for does not come: the next one answers the caller.
            asked = _Turn(self._serial)
            events.append(ResponseStarted(asked.response_id, self._tag))
            events.append(ResponseDone(asked.response_id, ResponseStatus.CANCELLED, "turn_detected"))
            self._tag = None

    def _begin_turn(self, events: list[ModelEvent]) -> _Turn:
        if self._turn is not None:
            return self._turn
        if self._caller_speaks and self._utterance is not None:
            self._caller_speaks = False
            events.append(SpeechStopped(self._utterance, int(self._appended_ms)))
            events.append(UtteranceCommitted(self._utterance, None))
        self._serial = next(_SERIALS)
        self._turn = _Turn(self._serial)
        events.append(ResponseStarted(self._turn.response_id, self._tag))
        self._tag = None
        return self._turn

    def _item_whole(self, turn: _Turn, events: list[ModelEvent], *, complete: bool = True) -> None:
        if turn.spoke and not turn.whole:
            turn.whole = True
            events.append(ItemDone(turn.response_id, turn.item_id, turn.text, complete))

    def _end_turn(self, events: list[ModelEvent], status: ResponseStatus, reason: str = "") -> None:
        turn, self._turn = self._turn, None
        if turn is None:
            return  # ``turnComplete`` follows ``interrupted``, and says nothing new
        self._item_whole(turn, events, complete=status is ResponseStatus.COMPLETED)
        usage, self._usage = self._usage, None
        events.append(ResponseDone(turn.response_id, status, reason, usage))
        if not self._caller_speaks:
            self._words_whole(events)

    def _words_whole(self, events: list[ModelEvent]) -> None:
        """What the caller said is complete now: it comes in pieces, of which none is called the last."""
        if self._utterance is not None:
            events.append(CallerTranscript(self._utterance, self._words.strip(), final=True))
        self._utterance, self._words = None, ""


def _text(role: str, text: str) -> Mapping[str, Any]:
    return {"role": role, "parts": [{"text": text}]}


def _usage(told: UsageMetadata) -> Usage:
    def tokens(details: list[Tokens], modality: str) -> int:
        return sum(detail.token_count for detail in details if detail.modality == modality)

    return Usage(
        input_text=tokens(told.prompt_tokens_details, "TEXT"),
        input_audio=tokens(told.prompt_tokens_details, "AUDIO"),
        cached_text=tokens(told.cache_tokens_details, "TEXT"),
        cached_audio=tokens(told.cache_tokens_details, "AUDIO"),
        output_text=tokens(told.response_tokens_details, "TEXT"),
        output_audio=tokens(told.response_tokens_details, "AUDIO"),
    )
