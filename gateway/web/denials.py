"""How a WebSocket is refused before it is accepted: with an HTTP answer that says why, where the server can do that."""

from __future__ import annotations

from typing import Final

from starlette.websockets import WebSocket

from gateway.web.refusals import Refusal

_EXTENSION: Final = "websocket.http.response"


async def deny(socket: WebSocket, refusal: Refusal) -> None:
    """Answer the upgrade with a refusal; a server without the extension answers 403."""
    if _EXTENSION in socket.scope.get("extensions", {}):
        await socket.send_denial_response(refusal.response())
    else:
        await socket.close()
