"""Records to an address of the operator's: signed JSON, delivered at least once, in each call's order.

    POST <url>
    Content-Type: application/json
    Idempotency-Key: <id of the first event>
    Gateway-Signature: t=<Unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>" under the secret>

    {"events": [{"id": "bcdfgh-12", "call_id": "bcdfgh", "number": 12, "record": {"event": "caller_spoke", …}}, …]}

Any 2xx takes them. 408, 409, 425, 429 and 5xx, and no answer, mean later; ``Retry-After`` is not needed, for pauses
grow. Any other status refuses: those records are put aside on the disk. An event may come twice, after a crash or a
lost answer; its ``id`` is then the same.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from gateway.contracts.record import AnyRecord
from gateway.records.courier import OutletDown, OutletRefused
from gateway.records.journal import encode_record
from gateway.records.spool import Batch
from gateway.settings.webhook import WebhookSettings

if TYPE_CHECKING:
    import httpx

SIGNATURE: Final = "Gateway-Signature"
_LATER: Final = frozenset({408, 409, 425, 429})


class WebhookOutlet:
    """Delivers to one address; an :class:`~gateway.records.courier.Outlet`.

    Args:
        settings: where, and the secret.
        wall_s: tells Unix seconds.

    """

    name = "webhook"

    def __init__(self, settings: WebhookSettings, *, wall_s: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._events = frozenset(settings.events)
        self._wall_s = wall_s
        self._client: httpx.AsyncClient | None = None

    async def deliver(self, batches: Sequence[Batch]) -> int:
        """Send as many batches as fit into one body; see :class:`~gateway.records.courier.Outlet`."""
        events: list[bytes] = []
        first_id = ""
        count = 0
        for batch in batches:
            wanted = [
                (number, record)
                for number, record in enumerate(batch.records, start=batch.first)
                if not self._events or _tag(record) in self._events
            ]
            if events and len(events) + len(wanted) > self._settings.at_once:
                break
            events += [_event(batch.call_id, number, record) for number, record in wanted]
            if wanted and not first_id:
                first_id = f"{batch.call_id}-{wanted[0][0]}"
            count += 1
        if events:
            await self._post(b'{"events":[' + b",".join(events) + b"]}", first_id)
        return count

    async def tidy(self) -> None:
        """There is nothing to put in order."""

    async def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            await self._client.aclose()

    async def _post(self, body: bytes, first_id: str) -> None:
        import httpx

        if self._client is None:
            self._client = httpx.AsyncClient(follow_redirects=False, trust_env=False)
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": first_id,
            SIGNATURE: signature(self._settings.secret.get_secret_value(), body, int(self._wall_s())),
        }
        try:
            timeout_s = self._settings.timeout_ms / 1000
            answer = await self._client.post(self._settings.url, content=body, headers=headers, timeout=timeout_s)
        except httpx.HTTPError as error:
            raise OutletDown(type(error).__name__) from None  # its text may hold the address, with a token in it
        if answer.is_success:
            return
        if answer.status_code in _LATER or answer.status_code >= 500:
            raise OutletDown(f"status {answer.status_code}")
        raise OutletRefused(f"status {answer.status_code}")


def signature(secret: str, body: bytes, at_s: int) -> str:
    """Return the signature of a body, as :data:`SIGNATURE` carries it."""
    made = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at_s},v1={made}"


def is_signed(secret: str, body: bytes, header: str, now_s: float, *, tolerance_s: float = 300) -> bool:
    """Return whether a header signs a body, not long ago: what a receiver does, for receivers to copy."""
    parts = dict(part.partition("=")[::2] for part in header.split(","))
    try:
        at_s = int(parts.get("t", ""))
    except ValueError:
        return False
    wanted = signature(secret, body, at_s)
    return abs(now_s - at_s) <= tolerance_s and hmac.compare_digest(wanted, f"t={at_s},v1={parts.get('v1', '')}")


def _tag(record: AnyRecord) -> str:
    return str(record.__struct_config__.tag)


def _event(call_id: str, number: int, record: AnyRecord) -> bytes:
    return _JSON.encode(
        {
            "id": f"{call_id}-{number}",
            "call_id": str(call_id),
            "number": number,
            "record": msgspec.Raw(encode_record(record)),
        }
    )


_JSON: Final = msgspec.json.Encoder()
