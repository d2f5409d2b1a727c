"""The beta protocol, which Azure calls preview, for a session that thinks in GA: its words in, its words out.

A session has one form only. A client that came in by a beta door is translated for on the way in and on the way out:
event names, the flat session, one list of modalities, assistant content called ``text`` and ``audio``, and no
``conversation.item.done``. What beta does not know is refused in beta's words, GA's own fields first of all.

Source: the public beta reference and the beta types of the official client, read November 2026.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

import msgspec

from gateway.offline.events import RawEvent, ServerEvent, to_frame
from gateway.offline.refusals import Refused

JsonObject = dict[str, Any]

_EVENTS: Final = {
    "conversation.item.added": "conversation.item.created",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
}
_UNSAID: Final = frozenset({"conversation.item.done", "input_audio_buffer.timeout_triggered"})
"""Events that beta does not have."""

_FORMATS: Final = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}
_FORMAT_NAMES: Final = {media_type: name for name, media_type in _FORMATS.items()}
_CONTENT: Final = {"output_text": "text", "output_audio": "audio"}
_FLAT: Final = {
    "input_audio_format": "audio.input.format",
    "input_audio_transcription": "audio.input.transcription",
    "input_audio_noise_reduction": "audio.input.noise_reduction",
    "turn_detection": "audio.input.turn_detection",
    "output_audio_format": "audio.output.format",
    "voice": "audio.output.voice",
    "speed": "audio.output.speed",
    "modalities": "output_modalities",
    "max_response_output_tokens": "max_output_tokens",
    "instructions": "instructions",
    "model": "model",
    "tools": "tools",
    "tool_choice": "tool_choice",
    "tracing": "tracing",
}
"""Field of a beta session → its path in a GA session."""
_RESPONSE: Final = {
    name: _FLAT[name]
    for name in ("modalities", "output_audio_format", "voice", "max_response_output_tokens", "tools", "tool_choice")
} | {name: name for name in ("conversation", "input", "instructions", "metadata")}
"""Field of a beta response's parameters → its path in GA."""
_NESTED: Final = {
    "input_audio_transcription": frozenset({"model", "language", "prompt"}),
    "input_audio_noise_reduction": frozenset({"type"}),
    "turn_detection": frozenset(
        {"type", "threshold", "prefix_padding_ms", "silence_duration_ms", "eagerness"}
        | {"create_response", "interrupt_response"}
    ),
}
"""Fields of the parts of a beta session."""
_MODALITIES: Final = (["audio", "text"], ["text", "audio"], ["text"])
DEFAULT_TEMPERATURE: Final = 0.8


class Tongue(Protocol):
    """A protocol of a connection, for a session that thinks in GA."""

    def read(self, frame: str | bytes) -> str | bytes:
        """Return a client's frame in GA.

        Raises:
            Refused: this protocol has no such thing.

        """
        ...

    def write(self, event: ServerEvent) -> list[str]:
        """Return the frames that say a server event; none where the protocol has no word for it."""
        ...


class GaTongue:
    """GA: everything as it is."""

    def read(self, frame: str | bytes) -> str | bytes:
        """Return the frame."""
        return frame

    def write(self, event: ServerEvent) -> list[str]:
        """Return the event as one frame."""
        return [to_frame(event)]


class BetaTongue:
    """Beta, for one connection.

    ``conversation_id`` is told after ``session.created``, under an id from ``new_event_id``. The temperature, which GA
    has lost, is remembered here and changes nothing.
    """

    def __init__(self, conversation_id: str, new_event_id: Callable[[], str]) -> None:
        self._conversation_id = conversation_id
        self._new_event_id = new_event_id
        self._temperature = DEFAULT_TEMPERATURE

    # --- from the client ---------------------------------------------------------------------------------------------

    def read(self, frame: str | bytes) -> str | bytes:
        """Return a client's frame in GA; one that is no event goes on as it is, to be refused by the session."""
        try:
            event = json.loads(frame)
        except (ValueError, RecursionError):
            return frame
        if not isinstance(event, dict):
            return frame
        try:
            return json.dumps(self._in_ga(event))
        except Refused as why:
            event_id = event.get("event_id")
            why.event_id = event_id if isinstance(event_id, str) else None
            raise

    def _in_ga(self, event: JsonObject) -> JsonObject:
        match event:
            case {"type": "session.update", "session": dict() as session}:
                return {**event, "session": {"type": "realtime", **self._fields(session, _FLAT, "session")}}
            case {"type": "response.create", "response": dict() as response}:
                return {**event, "response": self._fields(response, _RESPONSE, "response")}
            case {"type": "conversation.item.create", "item": dict() as item}:
                return {**event, "item": _item_in_ga(item, "item")}
            case {"type": "transcription_session.update"}:
                raise Refused(
                    "invalid_value", "transcription sessions are served in the GA protocol only", param="type"
                )
            case _:
                return event

    def _fields(self, flat: JsonObject, known: Mapping[str, str], under: str) -> JsonObject:
        """Return beta fields as GA's object."""
        made: JsonObject = {}
        for name, value in flat.items():
            param = f"{under}.{name}"
            if name == "temperature":
                self._temperature = _temperature(value, param)
            elif name not in known:
                raise Refused("unknown_parameter", f"Unknown parameter: '{param}'.", param=param)
            else:
                _put(made, known[name], _value_in_ga(name, value, param))
        return made

    # --- to the client -----------------------------------------------------------------------------------------------

    def write(self, event: ServerEvent) -> list[str]:
        """Return the frames that say an event in beta."""
        if isinstance(event, RawEvent):
            return [to_frame(event)]
        told: JsonObject = msgspec.to_builtins(event)
        kind = told["type"]
        if kind in _UNSAID:
            return []
        told["type"] = _EVENTS.get(kind, kind)
        if "session" in told:
            told["session"] = self._session(told["session"])
        if "item" in told:
            told["item"] = _item_in_beta(told["item"])
        if "response" in told:
            told["response"] = self._response(told["response"])
        if kind == "response.function_call_arguments.done":
            del told["name"]
        if kind == "error":
            _name_in_beta(told["error"])
        frames = [json.dumps(told)]
        if kind == "session.created":
            frames.append(json.dumps(self._conversation_created()))
        return frames

    def _conversation_created(self) -> JsonObject:
        conversation = {"id": self._conversation_id, "object": "realtime.conversation"}
        return {"type": "conversation.created", "event_id": self._new_event_id(), "conversation": conversation}

    def _session(self, session: JsonObject) -> JsonObject:
        flat = {name: session[name] for name in ("id", "object", "expires_at")}
        flat |= {name: _get(session, path) for name, path in _FLAT.items()}
        flat["modalities"] = _modalities(flat["modalities"])
        for name in ("input_audio_format", "output_audio_format"):
            flat[name] = _FORMAT_NAMES[flat[name]["type"]]
        for name, fields in _NESTED.items():
            part = flat[name]
            flat[name] = None if part is None else {key: part[key] for key in part if key in fields}
        return {**flat, "temperature": self._temperature}

    def _response(self, response: JsonObject) -> JsonObject:
        told = {name: value for name, value in response.items() if name not in {"output_modalities", "audio"}}
        sound = response["audio"]["output"]
        told |= {
            "output": [_item_in_beta(item) for item in response["output"]],
            "modalities": _modalities(response["output_modalities"]),
            "voice": sound["voice"],
            "output_audio_format": _FORMAT_NAMES[sound["format"]["type"]],
            "temperature": self._temperature,
        }
        if told["usage"] is not None:
            details = told["usage"]["input_token_details"]
            told["usage"]["input_token_details"] = {
                name: details[name] for name in ("text_tokens", "audio_tokens", "cached_tokens")
            }
        return told


def _value_in_ga(name: str, value: Any, param: str) -> Any:
    match name:
        case "modalities":
            if value not in _MODALITIES:
                message = f"Invalid modalities: {value}. Supported combinations are: ['text'] and ['audio', 'text']."
                raise Refused("invalid_value", message, param=param)
            return ["audio"] if "audio" in value else ["text"]
        case "input_audio_format" | "output_audio_format":
            if not isinstance(value, str) or value not in _FORMATS:
                message = f"Invalid value: '{value}'. Supported values are: {', '.join(_FORMATS)}."
                raise Refused("invalid_value", message, param=param)
            return {"type": _FORMATS[value]}
        case "turn_detection" if isinstance(value, dict) and value.get("type") == "none":
            return None
        case "tool_choice":
            return _choice_in_ga(value)
        case "input" if isinstance(value, list):
            return [
                _item_in_ga(item, f"{param}[{at}]") if isinstance(item, dict) else item for at, item in enumerate(value)
            ]
    if name in _NESTED and isinstance(value, dict):
        for key in value.keys() - _NESTED[name]:
            raise Refused("unknown_parameter", f"Unknown parameter: '{param}.{key}'.", param=f"{param}.{key}")
    return value


def _choice_in_ga(choice: Any) -> Any:
    """Return a forced tool in GA's form; beta's references write it in three."""
    match choice:
        case {"type": "function", "function": {"name": str() as name}}:
            return {"type": "function", "name": name}
        case str() if choice not in {"auto", "none", "required"}:
            return {"type": "function", "name": choice}
        case _:
            return choice


def _item_in_ga(item: JsonObject, under: str) -> JsonObject:
    content = item.get("content")
    if not isinstance(content, list):
        return item
    parts = []
    for at, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if isinstance(kind, str) and kind in _CONTENT:
            message = f"Invalid value: '{kind}'. Supported values are: 'input_text', 'input_audio', 'text'."
            raise Refused("invalid_value", message, param=f"{under}.content[{at}].type")
        parts.append({**part, "type": "output_text"} if kind == "text" else part)
    return {**item, "content": parts}


def _item_in_beta(item: JsonObject) -> JsonObject:
    told = {"object": "realtime.item", **item}
    if "content" in item:
        told["content"] = [{**part, "type": _CONTENT.get(part["type"], part["type"])} for part in item["content"]]
    return told


def _name_in_beta(error: JsonObject) -> None:
    """Give the parameter that an error names its beta name, in the message too."""
    param = error.get("param")
    if not isinstance(param, str):
        return
    for beta, ga in sorted(_FLAT.items(), key=lambda pair: -len(pair[1])):
        for under in ("session", "response"):
            at = f"{under}.{ga}"
            if param == at or param.startswith((f"{at}.", f"{at}[")):
                error["param"] = f"{under}.{beta}{param.removeprefix(at)}"
                error["message"] = error["message"].replace(param, error["param"])
                return


def _modalities(ga: list[str]) -> list[str]:
    return ["audio", "text"] if "audio" in ga else ["text"]


def _temperature(value: Any, param: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0.6 <= value <= 1.2:
        return float(value)
    raise Refused("invalid_value", f"Invalid '{param}': {value} is not from 0.6 to 1.2.", param=param)


def _get(tree: JsonObject, path: str) -> Any:
    for key in path.split("."):
        tree = tree[key]
    return tree


def _put(tree: JsonObject, path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        tree = tree.setdefault(parent, {})
    tree[last] = value
