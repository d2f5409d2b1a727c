"""The Realtime API (GA) as a dialect: OpenAI itself, endpoints compatible with it, and the embedded local server.

Says where to connect and turns commands into messages; what comes back is read by :mod:`gateway.realtime.ga_reader`.
The beta protocol is not spoken: no ``OpenAI-Beta`` header is ever sent.

Source: Realtime API reference (GA), read November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from gateway import __version__
from gateway.audio.format import AudioFrame
from gateway.contracts.model import ModelCapabilities, ModelEvent, ResponseRequest, SessionLost, SessionSetup
from gateway.errors import ConfigurationError
from gateway.realtime import ga_setup
from gateway.realtime import wire_client as say
from gateway.realtime.audio_path import append_message
from gateway.realtime.capabilities import CAPABILITIES
from gateway.realtime.credentials import Secret
from gateway.realtime.dialect import ConnectRequest
from gateway.realtime.ga_reader import GaReader
from gateway.realtime.ga_url import OPENAI_BASE_URL, realtime_url
from gateway.realtime.refusals import lost_by_close
from gateway.settings.schema import EndpointSettings

_OWN_MODEL: Final[Mapping[str, str]] = {"local": "local"}
"""What to ask a type of endpoint for that has one model only; a session always names one."""

_PLAIN_CHOICES: Final = frozenset({"auto", "none", "required"})


class OpenAiGa:
    """One session's dialect.

    Args:
        endpoint: the endpoint's name in the settings, for messages.
        settings: what the settings say of it.

    Raises:
        ConfigurationError: url, model, organization or a session field can't be meant.

    """

    binary_audio: Final = False

    def __init__(self, endpoint: str, settings: EndpointSettings) -> None:
        self._capabilities = CAPABILITIES[settings.type]
        self._url = realtime_url(
            _base_url(endpoint, settings), settings.model or _OWN_MODEL.get(settings.type), endpoint=endpoint
        )
        self._headers = _headers(endpoint, settings)
        ga_setup.merged({}, settings.session)
        self._reader = GaReader()

    @property
    def capabilities(self) -> ModelCapabilities:
        """What the endpoint can do."""
        return self._capabilities

    @property
    def welcomed(self) -> bool:
        """Whether ``session.created`` came; a ``session.updated`` that comes first does as well."""
        return self._reader.welcomed

    @property
    def ignored(self) -> Mapping[str, int]:
        """How often each unknown event type came."""
        return self._reader.ignored

    # --- connecting ------------------------------------------------------------------------------------------------

    def connect_request(self, secret: Secret | None) -> ConnectRequest:
        """Return the URL with its model, and the headers; any kind of secret is a bearer."""
        authorization = (("Authorization", f"Bearer {secret.value}"),) if secret is not None else ()
        return ConnectRequest(self._url, authorization + self._headers)

    def hello(self) -> list[bytes]:
        """Return nothing: the endpoint speaks first."""
        return []

    # --- what is heard ---------------------------------------------------------------------------------------------

    def receive(self, message: str | bytes | bytearray) -> list[ModelEvent]:
        """Return what a message means."""
        return self._reader.read(message)

    def receive_binary(self, message: bytes | bytearray) -> list[ModelEvent]:
        """Return what a message means that came as binary: some compatible servers send their JSON so."""
        return self._reader.read(message)

    def lost(self, code: int, reason: str) -> SessionLost:
        """Return what a close code means."""
        return lost_by_close(code, reason)

    # --- what is said ----------------------------------------------------------------------------------------------

    def configure(self, setup: SessionSetup) -> list[bytes]:
        """Return a ``session.update`` with the whole set-up, without the voice once the model has spoken."""
        self._reader.input_format, self._reader.output_format = setup.input_format, setup.output_format
        session = ga_setup.session_object(setup, with_voice=not self._reader.has_spoken)
        return [say.encode(say.SessionUpdate(event_id=say.event_id("configure"), session=session))]

    def append(self, frame: AudioFrame) -> bytes:
        """Return an ``input_audio_buffer.append``; it names no event id, as there are fifty a second."""
        return append_message(frame)

    def clear_input(self) -> list[bytes]:
        """Return an ``input_audio_buffer.clear``."""
        return [say.encode(say.InputClear(event_id=say.event_id("clear_input")))]

    def respond(self, request: ResponseRequest) -> list[bytes]:
        """Return a ``response.create`` whose metadata carries the tag."""
        body: dict[str, Any] = {"metadata": {"tag": request.tag}}
        if request.out_of_band:
            body["conversation"] = "none"
            self._reader.expect_beside(request.tag)
        if request.without_history:
            body["input"] = []
        if request.text_only:
            body["output_modalities"] = ["text"]
        if request.instructions is not None:
            body["instructions"] = say.writable(request.instructions)
        if request.tools is not None:
            body["tools"] = ga_setup.tool_objects(request.tools)
        if request.tool_choice is not None:
            body["tool_choice"] = _tool_choice(request.tool_choice)
        response = say.ResponseBody(**body)
        return [say.encode(say.ResponseCreate(event_id=say.event_id("respond", request.tag), response=response))]

    def cancel(self, response_id: str) -> list[bytes]:
        """Return a ``response.cancel`` of that very response."""
        return [say.encode(say.ResponseCancel(event_id=say.event_id("cancel", response_id), response_id=response_id))]

    def truncate(self, item_id: str, heard_ms: int) -> list[bytes]:
        """Return a ``conversation.item.truncate``; the item's audio is its first content part."""
        if not self._capabilities.truncates:
            return []
        event_id = say.event_id("truncate", item_id)
        return [say.encode(say.ItemTruncate(event_id=event_id, item_id=item_id, audio_end_ms=max(0, int(heard_ms))))]

    def delete_item(self, item_id: str) -> list[bytes]:
        """Return a ``conversation.item.delete``."""
        if not self._capabilities.deletes_items:
            return []
        return [say.encode(say.ItemDelete(event_id=say.event_id("delete_item", item_id), item_id=item_id))]

    def add_message(
        self, role: Literal["user", "assistant", "system"], text: str, item_id: str | None = None
    ) -> list[bytes]:
        """Return a ``conversation.item.create`` of a written message; the model's own words are ``output_text``."""
        kind = "output_text" if role == "assistant" else "input_text"
        content = [{"type": kind, "text": say.writable(text)}]
        item: dict[str, Any] = {"type": "message", "role": role, "content": content}
        if item_id is not None:
            item["id"] = item_id
        return [say.encode(say.ItemCreate(event_id=say.event_id("add_message", item_id or ""), item=item))]

    def tool_result(self, tool_call_id: str, output: str) -> list[bytes]:
        """Return a ``conversation.item.create`` of a function call's output; asks for no response."""
        item = {"type": "function_call_output", "call_id": tool_call_id, "output": say.writable(output)}
        return [say.encode(say.ItemCreate(event_id=say.event_id("tool_result", tool_call_id), item=item))]


def _tool_choice(choice: str) -> str | dict[str, str]:
    return choice if choice in _PLAIN_CHOICES else {"type": "function", "name": choice}


def _base_url(endpoint: str, settings: EndpointSettings) -> str:
    if settings.url:
        return settings.url
    if settings.type == "openai":
        return OPENAI_BASE_URL
    cure = "start the local server first and give its URL" if settings.type == "local" else "give the server's base URL"
    raise ConfigurationError(
        f"endpoints.{endpoint}.url is missing, and type {settings.type!r} has none of its own; {cure}"
    )


def _headers(endpoint: str, settings: EndpointSettings) -> tuple[tuple[str, str], ...]:
    if settings.type == "openai" and not settings.model and "model=" not in (settings.url or ""):
        raise ConfigurationError(
            f"endpoints.{endpoint}.model is missing; name a realtime model, such as config/gateway.yaml does"
        )
    headers = [("User-Agent", f"twobanks/{__version__}")]
    for name, field, value in (
        ("OpenAI-Organization", "organization", settings.organization),
        ("OpenAI-Project", "project", settings.project),
    ):
        if not value:
            continue
        if not (value.isascii() and value.isprintable()):
            raise ConfigurationError(
                f"endpoints.{endpoint}.{field} holds a character that can't stand in a header; copy it again"
            )
        headers.append((name, value.strip()))
    return tuple(headers)
