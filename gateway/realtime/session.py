"""A live session with an endpoint: a dialect on one side, a socket on the other, the call listening.

Commands become messages and are written before they return; messages become events and are delivered as they arrive.
Until somebody listens, events wait in order. Once the session is lost or closed, commands do nothing and nothing more
is told; :class:`SessionLost` comes at most once, and never after :meth:`RealtimeSession.close`.
"""

from __future__ import annotations

import asyncio
from typing import Literal

import structlog

from gateway.audio.format import AudioFrame
from gateway.contracts.model import (
    ModelCapabilities,
    ModelEvent,
    ModelFault,
    ModelListener,
    ResponseRequest,
    SessionLost,
    SessionSetup,
)
from gateway.errors import ModelError
from gateway.realtime.client import Closure, SocketClient, where_raised
from gateway.realtime.dialect import Dialect
from gateway.telemetry.wire import WireTrace

log = structlog.get_logger()


class RealtimeSession:
    """A model session (``contracts.model.ModelSession``) over a WebSocket.

    Args:
        endpoint: the endpoint's name in the settings, for logs.
        dialect: this session's own.
        trace: sees every message, if given.

    """

    def __init__(self, endpoint: str, dialect: Dialect, *, trace: WireTrace | None = None) -> None:
        self._endpoint = endpoint
        self._dialect = dialect
        self._trace = trace
        self._socket: SocketClient | None = None
        self._listener: ModelListener | None = None
        self._waiting: list[ModelEvent] = []
        self._over = False
        self._malformed = 0
        self._first_fault = ""
        self._welcome: asyncio.Future[SessionLost | None] = asyncio.get_running_loop().create_future()

    # --- set-up, for the connector ---------------------------------------------------------------------------------

    def attach(self, socket: SocketClient) -> None:
        """Name the socket, and say hello where the endpoint expects us to speak first."""
        self._socket = socket
        self._send(self._dialect.hello())
        self._check_welcome()

    @property
    def first_fault(self) -> str:
        """What the endpoint complained of before it let us in, in its own words; empty if it did not."""
        return self._first_fault

    @property
    def dialect(self) -> Dialect:
        """What translates for this session."""
        return self._dialect

    def pass_on(self, message: bytes) -> None:
        """Send a message that somebody else has put into the endpoint's words."""
        self._send([message])

    async def welcomed(self) -> SessionLost | None:
        """Wait for the endpoint's first word; return None, or how the session was lost instead."""
        return await self._welcome

    # --- ModelSession ----------------------------------------------------------------------------------------------

    @property
    def capabilities(self) -> ModelCapabilities:
        """What the endpoint can do."""
        return self._dialect.capabilities

    @property
    def dropped_ms(self) -> float:
        """Milliseconds of caller audio that were dropped because the endpoint did not read."""
        return self._socket.dropped_ms if self._socket is not None else 0.0

    @property
    def waiting_ms(self) -> float:
        """Milliseconds of caller audio that wait for the endpoint to read."""
        return self._socket.waiting_ms if self._socket is not None else 0.0

    @property
    def over(self) -> bool:
        """Whether the session was lost or closed."""
        return self._over

    @property
    def malformed(self) -> int:
        """Messages of the endpoint that could not be read."""
        return self._malformed

    def listen(self, listener: ModelListener) -> None:
        """Name the one who hears; events that came before are delivered at once, in order."""
        while self._waiting:
            self._tell(listener, self._waiting.pop(0))
        self._listener = listener

    def configure(self, setup: SessionSetup) -> None:
        """Tell the session what it is."""
        self._send(self._dialect.configure(setup))

    def append(self, frame: AudioFrame) -> None:
        """Add caller audio in the set-up's input format."""
        socket = self._socket
        if self._over or socket is None:
            return
        message = self._dialect.append(frame)
        if self._trace is not None:
            self._trace("out", message)
        socket.send_audio(message, frame.duration_ms, binary=self._dialect.binary_audio)

    def clear_input(self) -> None:
        """Forget caller audio that is not yet an item."""
        self._send(self._dialect.clear_input())

    def commit_input(self) -> None:
        """Make an item of the audio so far."""
        if self._dialect.capabilities.commits:
            self._send(self._dialect.commit_input())

    def add_image(self, data_uri: str) -> None:
        """Add a picture of the caller's at the conversation's end."""
        self._send(self._dialect.add_image(data_uri))

    def respond(self, request: ResponseRequest) -> None:
        """Ask for an answer."""
        self._send(self._dialect.respond(request))

    def cancel(self, response_id: str) -> None:
        """Stop a response."""
        self._send(self._dialect.cancel(response_id))

    def truncate(self, item_id: str, heard_ms: int) -> None:
        """Tell how much of an item was heard."""
        self._send(self._dialect.truncate(item_id, heard_ms))

    def delete_item(self, item_id: str) -> None:
        """Take an item out of the model's memory."""
        self._send(self._dialect.delete_item(item_id))

    def add_message(self, role: Literal["user", "assistant", "system"], text: str, item_id: str | None = None) -> None:
        """Add a written item at the conversation's end."""
        self._send(self._dialect.add_message(role, text, item_id))

    def add_tool_call(self, tool_call_id: str, name: str, arguments: str, item_id: str | None = None) -> None:
        """Add a tool call that the model made in another session."""
        self._send(self._dialect.add_tool_call(tool_call_id, name, arguments, item_id))

    def tool_result(self, tool_call_id: str, output: str, item_id: str | None = None) -> None:
        """Answer a tool call; asks for no response."""
        self._send(self._dialect.tool_result(tool_call_id, output, item_id))

    async def close(self) -> None:
        """End the session within the socket's limit for closing; no :class:`SessionLost` follows."""
        if not self._over:
            self._finish("closed")
        if self._socket is not None:
            await self._socket.close()

    def abort(self) -> None:
        """Drop the session without a word, because connecting was given up."""
        self._over = True
        if self._socket is not None:
            self._socket.abort()

    # --- Receiver --------------------------------------------------------------------------------------------------

    def on_message(self, message: bytes | bytearray, *, binary: bool) -> None:
        """Take a message of the endpoint."""
        if self._trace is not None:
            self._trace("in", message)
        dialect = self._dialect
        try:
            events = dialect.receive_binary(message) if binary else dialect.receive(message)
        except ModelError as error:
            self._malformed += 1
            events = [ModelFault("malformed_event", str(error))]
        if not self._welcome.done():
            self._check_welcome()
            self._note_fault(events)
        for event in events:
            self._on_event(event)

    def on_closed(self, closure: Closure) -> None:
        """Take the end of the connection."""
        if self._over:
            return
        if closure.fault:
            lost = SessionLost(closure.fault, retryable=True)
        else:
            lost = self._dialect.lost(closure.code, closure.reason)
        self._lose(lost, close_code=closure.code)

    # --- inside ----------------------------------------------------------------------------------------------------

    def _send(self, messages: list[bytes]) -> None:
        socket = self._socket
        if self._over or socket is None:
            return
        for message in messages:
            if self._trace is not None:
                self._trace("out", message)
            socket.send_command(message)

    def _on_event(self, event: ModelEvent) -> None:
        if self._over:
            return
        if isinstance(event, SessionLost):
            self._lose(event)
        else:
            self._deliver(event)

    def _deliver(self, event: ModelEvent) -> None:
        if self._listener is None:
            self._waiting.append(event)
        else:
            self._tell(self._listener, event)

    def _tell(self, listener: ModelListener, event: ModelEvent) -> None:
        try:
            listener.on_model(event)
        except Exception as error:  # noqa: BLE001 - a driver: a fault of the call's must not stop what comes after it
            log.error(
                "model_listener_failed",
                endpoint=self._endpoint,
                model_event=type(event).__name__,
                error=type(error).__name__,
                where=where_raised(error),
            )

    def _lose(self, lost: SessionLost, close_code: int = 0) -> None:
        """Tell, once, that the session is gone, and let go of the socket."""
        self._finish("lost", reason=lost.reason, retryable=lost.retryable, close_code=close_code)
        if not self._welcome.done():
            self._welcome.set_result(lost)
        self._deliver(lost)
        if self._socket is not None:
            self._socket.begin_close()

    def _finish(self, how: str, **facts: object) -> None:
        self._over = True
        log.debug(
            "model_session_over",
            endpoint=self._endpoint,
            how=how,
            dropped_ms=round(self.dropped_ms),
            malformed=self._malformed,
            ignored=dict(self._dialect.ignored),
            **facts,
        )

    def _check_welcome(self) -> None:
        if self._dialect.welcomed and not self._welcome.done():
            self._welcome.set_result(None)

    def _note_fault(self, events: list[ModelEvent]) -> None:
        """Keep why we may not be let in: the close that follows says less than the error before it."""
        for event in events:
            if isinstance(event, ModelFault) and not self._first_fault:
                self._first_fault = f"{event.code}: {event.message}"[:200]
