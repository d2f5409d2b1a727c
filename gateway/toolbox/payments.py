"""Takes payments that were keyed: by an HTTP tokeniser of the operator's, or the test processor that ships.

What was keyed is opened here, goes into one request, and is let go. No log line, record or error holds any of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import structlog

from gateway.errors import ToolError
from gateway.flows.engine.commands import Charge
from gateway.flows.engine.events import Charged
from gateway.settings.flows import ProcessorSettings
from gateway.settings.secret_file import SecretInFile
from gateway.toolbox.http_tool import MAX_BODY_BYTES, HttpClient

log = structlog.get_logger()

TEST: Final = "test"
TEST_DECLINED: Final = "0002"
TEST_FAILED: Final = "0119"
"""Last digits of cards that the test processor declines, and fails on; they pass the check digit as
4000 0000 0000 0002 and 4000 0000 0000 0119 do."""


class Payments:
    """The processors of the settings.

    Args:
        processors: by name; ``test`` is there without being named.
        http: the client; closed by whoever made it.

    """

    def __init__(self, processors: Mapping[str, ProcessorSettings], http: HttpClient) -> None:
        self._processors = {TEST: ProcessorSettings(), **processors}
        self._http = http

    async def charge(self, command: Charge) -> Charged:
        """Take a payment; never raises but when cancelled."""
        settings = self._processors.get(command.processor)
        outcome, result = "failed", None
        if settings is None:
            known = ", ".join(sorted(self._processors))
            log.error(
                "payment_failed", processor=command.processor, why=f"there is no such processor; there are: {known}"
            )
        elif settings.type == "test":
            outcome, result = _test(command)
        else:
            try:
                async with asyncio.timeout(settings.timeout_ms / 1000):
                    outcome, result = await self._ask(settings, command)
            except TimeoutError:
                log.error(
                    "payment_failed", processor=command.processor, why=f"no answer within {settings.timeout_ms} ms"
                )
            except ToolError as error:
                log.error("payment_failed", processor=command.processor, why=str(error))
        log.info("payment", processor=command.processor, step=command.step, outcome=outcome)
        return Charged(command.epoch, outcome, result)

    async def _ask(self, settings: ProcessorSettings, command: Charge) -> tuple[str, dict[str, Any] | None]:
        import httpx

        assert settings.url is not None, "the settings' own check"
        headers = {name: _now(secret) for name, secret in settings.headers.items()}
        headers |= {"Idempotency-Key": command.idempotency_key, "Content-Type": "application/json"}
        client = await self._http.client()
        try:
            response = await client.post(settings.url, headers=headers, content=_body(command))
        except httpx.TransportError as error:
            raise ToolError(f"the processor can't be reached ({type(error).__name__})") from None
        if len(response.content) > MAX_BODY_BYTES or not response.is_success:
            raise ToolError(f"the processor answered {response.status_code}")
        try:
            found = json.loads(response.content)
        except (ValueError, RecursionError):
            raise ToolError("the processor's answer is no JSON") from None
        status = found.get("status") if isinstance(found, dict) else None
        if status not in {"paid", "declined"}:
            raise ToolError("the processor's answer has no status 'paid' or 'declined'")
        return str(status), {"reference": str(found.get("reference", ""))[:64]}


def _now(secret: Any) -> str:
    return secret.reread() if isinstance(secret, SecretInFile) else str(secret.get_secret_value())


def _body(command: Charge) -> bytes:
    fields: dict[str, Any] = {"amount": command.amount, "currency": command.currency}
    if command.card is not None:
        fields["card_number"] = command.card.reveal()
    fields |= {name: secret.reveal() for name, secret in command.details.items()}
    return json.dumps(fields).encode()


def _test(command: Charge) -> tuple[str, dict[str, Any] | None]:
    last4 = command.card.last4 if command.card is not None else ""
    if last4 == TEST_DECLINED:
        return "declined", None
    if last4 == TEST_FAILED:
        return "failed", None
    return "paid", {"reference": f"test-{command.idempotency_key[-12:]}"}
