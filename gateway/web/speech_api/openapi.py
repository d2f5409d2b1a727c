"""The speech API's description, ``/openapi.json``: made from the very types that are read and written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import msgspec

from gateway import __version__
from gateway.speech_service.answers import Info, Reading, Transcript
from gateway.speech_service.service import AUDIO_FORMAT
from gateway.web.speech_api.shapes import ErrorAnswer, Keywords, Language, RecognizeRequest, SynthesizeRequest

_TYPES: Final = (RecognizeRequest, SynthesizeRequest, Transcript, Reading, Info, ErrorAnswer)
_REFUSALS: Final[Mapping[int, str]] = {
    400: "What was sent is not what is wanted.",
    401: "Send an API key: Authorization: Bearer …",
    403: "You may not use this, or not from there.",
    404: "There is no such thing.",
    408: "The body stopped arriving.",
    413: "It is larger or longer than is taken.",
    415: "The body is of another type.",
    429: "All places are taken; try again in a few seconds.",
    501: "The endpoint can't do this.",
    502: "The endpoint refused, failed, or did not keep to the words.",
    504: "The endpoint did not answer in time.",
}
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}

_AT_THE_DOOR: Final = (401, 403, 429)
"""What every request may be answered with."""


@cache
def openapi_document() -> dict[str, Any]:
    """Return the document, OpenAPI 3.1."""
    _, schemas = msgspec.json.schema_components(_TYPES, ref_template="#/components/schemas/{name}")
    (language, keywords), _ = msgspec.json.schema_components([Language, Keywords])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Speech",
            "version": __version__,
            "description": "Speech to text and text to speech on the gateway's Realtime endpoint. "
            "All text that is answered is free of card data.",
        },
        "paths": {
            "/process_audio": {"post": _process_audio(language, keywords)},
            "/api/speech-realtime/recognize": {
                "post": _operation(
                    "recognize",
                    "Write down short audio",
                    "Base64 audio in JSON: PCM16 at 24 kHz, a WAV file, or G.711.",
                    answer=_json(Transcript, "What was said."),
                    body=_json_body(RecognizeRequest),
                    refusals=(400, 408, 413, 501, 502, 504),
                )
            },
            "/api/speech-realtime/synthesize": {
                "post": _operation(
                    "synthesize",
                    "Read a text aloud, word for word",
                    "The speech is compared with the text before it is given out; what differs is made once more.",
                    answer=_sound(
                        "The speech.",
                        {
                            "X-Duration-Ms": "How long it lasts.",
                            "X-Input-Tokens": "What it used.",
                            "X-Output-Tokens": "What it used.",
                            "X-Cost": "What it cost, if that is known.",
                            "X-Currency": "In which currency.",
                        },
                    ),
                    body=_json_body(SynthesizeRequest),
                    refusals=(400, 408, 413, 502, 504),
                )
            },
            "/api/speech-realtime/synthesize/stream": {
                "post": _operation(
                    "synthesizeStream",
                    "Read a text aloud, as it is made",
                    "The first bytes leave as soon as they exist. Whether it was word for word is told afterwards, at "
                    "the address in X-Reading. A stream that breaks off ends without its last chunk.",
                    answer=_sound("The speech.", {"X-Reading": "Where to ask how it went."}),
                    body=_json_body(SynthesizeRequest),
                    refusals=(400, 408, 413, 502, 504),
                )
            },
            "/api/speech-realtime/synthesize/stream/{id}": {
                "get": _operation(
                    "reading",
                    "Ask how a streamed reading went",
                    "Deviations, length, usage and cost.",
                    answer=_json(Reading, "How it went."),
                    parameters=[{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}],
                    refusals=(404,),
                )
            },
            "/api/speech-realtime/info": {
                "get": _operation(
                    "info",
                    "Model, features and voices",
                    "Voices of the endpoint, and the other names under which they can be asked for.",
                    answer=_json(Info, "What there is."),
                    refusals=(),
                )
            },
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _process_audio(language: dict[str, Any], keywords: dict[str, Any]) -> dict[str, Any]:
    words = {"type": "string", "description": f"{keywords['description']} Divided by commas."}
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {"language": language, "keywords": words, "file": {"type": "string", "format": "binary"}},
    }
    answer = _json(Transcript, "What was said.")
    answer["content"]["text/event-stream"] = {
        "schema": {"type": "string", "description": "Events delta {channel, text}, then done (as the JSON) or error."}
    }
    return _operation(
        "processAudio",
        "Write down a recording while it arrives",
        "A WAV file of any common rate and width; two channels are two speakers. With Accept: text/event-stream the "
        "words come as they are written down. Form fields come before the file.",
        answer=answer,
        body={"required": True, "content": {"audio/wav": _BINARY, "multipart/form-data": {"schema": form}}},
        parameters=[
            {"name": "language", "in": "query", "schema": language},
            {"name": "keywords", "in": "query", "schema": words},
        ],
        refusals=(400, 408, 413, 415, 501, 502, 504),
    )


def _operation(
    name: str,
    summary: str,
    description: str,
    *,
    answer: dict[str, Any],
    body: dict[str, Any] | None = None,
    parameters: list[dict[str, Any]] | None = None,
    refusals: tuple[int, ...],
) -> dict[str, Any]:
    made: dict[str, Any] = {"operationId": name, "summary": summary, "description": description}
    if parameters:
        made["parameters"] = parameters
    if body is not None:
        made["requestBody"] = body
    refused = sorted({*_AT_THE_DOOR, *refusals})
    made["responses"] = {"200": answer} | {str(status): _json(ErrorAnswer, _REFUSALS[status]) for status in refused}
    return made


def _json_body(kind: type) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": _ref(kind)}}}


def _json(kind: type, description: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ref(kind)}}}


def _sound(description: str, headers: Mapping[str, str]) -> dict[str, Any]:
    told = {name: {"description": meaning, "schema": {"type": "string"}} for name, meaning in headers.items()}
    return {"description": description, "headers": told, "content": {AUDIO_FORMAT: _BINARY, "audio/wav": _BINARY}}


def _ref(kind: type) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
