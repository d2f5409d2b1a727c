"""The Realtime API (GA) as a dialect: OpenAI, Azure OpenAI, endpoints compatible with them, and the local server.

Turns commands into messages; where to connect is said by :mod:`gateway.realtime.door`, and what comes back is read by
:mod:`gateway.realtime.ga_reader`. What the beta protocol says otherwise is in :mod:`gateway.realtime.openai_beta`.

Source: Realtime API reference (GA), read November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal

from gateway.audio.format import AudioFrame
from gateway.contracts.model import (
    InputItem,
    InputText,
    ModelCapabilities,
    ModelEvent,
    ResponseRequest,
    SessionLost,
    SessionSetup,
)
from gateway.realtime import ga_setup
from gateway.realtime import wire_client as say
from gateway.realtime.audio_path import append_message
from gateway.realtime.capabilities import capabilities_of
from gateway.realtime.credentials import Secret
from gateway.realtime.dialect import ConnectRequest
from gateway.realtime.door import door_of
from gateway.realtime.ga_reader import GaReader
from gateway.realtime.refusals import lost_by_close
from gateway.settings.schema import EndpointSettings

_PLAIN_CHOICES: Final = frozenset({"auto", "none", "required"})
_CALL_ID_CHARACTERS: Final = 32
"""The longest id of a tool call that a client may make."""


class OpenAiGa:
    """One session's dialect.

    Args:
        endpoint: the endpoint's name in the settings, for messages.
        settings: what the settings say of it.

    Raises:
        ConfigurationError: url, model, deployment, organization or a session field can't be meant.

    """

    binary_audio: Final = False
    reader: ClassVar[type[GaReader]] = GaReader
    """Reads what the endpoint says."""
    written_by_model: ClassVar[str] = "output_text"
    """What the model's own words are, where they are written into the conversation."""

    def __init__(self, endpoint: str, settings: EndpointSettings) -> None:
        self._capabilities = capabilities_of(settings)
        self._settings = settings
        self._door = door_of(endpoint, settings)
        self._check_session_fields()
        self._reader = self.reader()
        self._shortened: dict[str, str] = {}
        """Tool calls of another session whose ids were too long to be told again, and the ids they have here."""

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
        """Return the URL with its model, and the headers."""
        return self._door.request(secret)

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
        session = self._session(setup, with_voice=not self._reader.has_spoken)
        return [say.encode(say.SessionUpdate(event_id=say.event_id("configure"), session=session))]

    def append(self, frame: AudioFrame) -> bytes:
        """Return an ``input_audio_buffer.append``; it names no event id, as there are fifty a second."""
        return append_message(frame)

    def clear_input(self) -> list[bytes]:
        """Return an ``input_audio_buffer.clear``."""
        return [say.encode(say.InputClear(event_id=say.event_id("clear_input")))]

    def commit_input(self) -> list[bytes]:
        """Return an ``input_audio_buffer.commit``."""
        return [say.encode(say.InputCommit(event_id=say.event_id("commit_input")))]

    def add_image(self, data_uri: str) -> list[bytes]:
        """Return a ``conversation.item.create`` of a message that is a picture."""
        if "images" in self._capabilities.lacks:
            return []
        picture = {"type": "input_image", "image_url": data_uri}
        item = {"type": "message", "role": "user", "content": [picture]}
        return [say.encode(say.ItemCreate(event_id=say.event_id("add_image"), item=item))]

    def respond(self, request: ResponseRequest) -> list[bytes]:
        """Return a ``response.create`` whose metadata carries the tag."""
        if request.out_of_band:
            self._reader.expect_beside(request.tag)
        response = say.ResponseBody(**self._response(request))
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
        """Return a ``conversation.item.create`` of a written message."""
        item = self._message(role, text)
        if item_id is not None:
            item["id"] = item_id
        return [say.encode(say.ItemCreate(event_id=say.event_id("add_message", item_id or ""), item=item))]

    def add_tool_call(self, tool_call_id: str, name: str, arguments: str, item_id: str | None = None) -> list[bytes]:
        """Return a ``conversation.item.create`` of a function call, under a shorter id if a client's may be no longer.

        A shortened id is remembered, so that the call's output finds it.
        """
        if len(tool_call_id) > _CALL_ID_CHARACTERS:
            self._shortened[tool_call_id] = f"call_again_{len(self._shortened)}"
        call_id = self._shortened.get(tool_call_id, tool_call_id)
        item = {"type": "function_call", "call_id": call_id, "name": name, "arguments": say.writable(arguments)}
        if item_id is not None:
            item["id"] = item_id
        return [say.encode(say.ItemCreate(event_id=say.event_id("add_tool_call", tool_call_id), item=item))]

    def tool_result(self, tool_call_id: str, output: str, item_id: str | None = None) -> list[bytes]:
        """Return a ``conversation.item.create`` of a function call's output; asks for no response."""
        call_id = self._shortened.get(tool_call_id, tool_call_id)
        item = {"type": "function_call_output", "call_id": call_id, "output": say.writable(output)}
        if item_id is not None:
            item["id"] = item_id
        return [say.encode(say.ItemCreate(event_id=say.event_id("tool_result", tool_call_id), item=item))]

    # --- in the words of this protocol -----------------------------------------------------------------------------

    def _check_session_fields(self) -> None:
        """Raise if further session fields would break what the gateway says itself."""
        ga_setup.merged({}, self._settings.session.extra)

    def _session(self, setup: SessionSetup, *, with_voice: bool) -> dict[str, Any]:
        """Return the ``session`` of a ``session.update``."""
        return ga_setup.session_object(setup, with_voice=with_voice)

    def _response(self, request: ResponseRequest) -> dict[str, Any]:
        """Return the fields of the ``response`` of a ``response.create``."""
        body: dict[str, Any] = {"metadata": {**request.metadata, "tag": request.tag}}
        if request.out_of_band:
            body["conversation"] = "none"
        if request.input is not None:
            body["input"] = [self._input(one) for one in request.input]
        elif request.without_history:
            body["input"] = []
        if request.text_only:
            body["output_modalities"] = ["text"]
        if request.instructions is not None:
            body["instructions"] = say.writable(request.instructions)
        if request.tools is not None:
            body["tools"] = ga_setup.tool_objects(request.tools)
        if request.tool_choice is not None:
            body["tool_choice"] = self._tool_choice(request.tool_choice)
        return body

    def _input(self, one: InputText | InputItem) -> dict[str, Any]:
        """Return an item of a response's own input: words, or a reference to what was said."""
        if isinstance(one, InputItem):
            return {"type": "item_reference", "id": one.item_id}
        return self._message(one.role, one.text)

    def _message(self, role: Literal["user", "assistant", "system"], text: str) -> dict[str, Any]:
        kind = self.written_by_model if role == "assistant" else "input_text"
        return {"type": "message", "role": role, "content": [{"type": kind, "text": say.writable(text)}]}

    def _tool_choice(self, choice: str) -> str | dict[str, Any]:
        """Return which tool is to be called, if a certain one is."""
        return choice if choice in _PLAIN_CHOICES else {"type": "function", "name": choice}
