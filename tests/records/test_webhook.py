"""The webhook as its receiver sees it: signed, whole, in order, more than once if need be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.records.courier import OutletDown, OutletRefused
from gateway.records.journal import encode_record
from gateway.records.spool import Batch, Spool
from gateway.records.webhook import SIGNATURE, WebhookOutlet, is_signed
from gateway.settings.webhook import WebhookSettings
from tests.records.story import CALL

SECRET = "a secret of the tests"
NOW = 1_795_208_400.0


def batches(tmp_path: Path, *sizes: int) -> list[Batch]:
    spool, at = Spool(tmp_path / "spool"), 0
    for size in sizes:
        spool.put("bcdf", at, b"".join(encode_record(record) + b"\n" for record in CALL[at : at + size]))
        at += size
    return [batch for path in spool.waiting(100) if (batch := spool.read(path)) is not None]


def outlet(answer: Callable[[httpx.Request], httpx.Response], **more: Any) -> WebhookOutlet:
    made = WebhookOutlet(
        WebhookSettings(url="https://hooks.example.net/calls", secret=SECRET, **more),
        wall_s=lambda: NOW,  # type: ignore[arg-type]
    )
    made._client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return made


async def test_a_receiver_can_check_the_signature_and_tell_a_repeated_event(tmp_path: Path) -> None:
    requests: list[httpx.Request] = []

    def take(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(204)

    hook = outlet(take)
    some = batches(tmp_path, 5, 3)
    assert await hook.deliver(some) == 2
    assert await hook.deliver(some) == 2
    await hook.close()
    first, again = requests
    assert first.content == again.content
    assert first.headers["Idempotency-Key"] == "bcdf-0"
    header = first.headers[SIGNATURE]
    assert is_signed(SECRET, first.content, header, NOW + 10)
    assert not is_signed(SECRET, first.content + b" ", header, NOW + 10)
    assert not is_signed("another secret of theirs", first.content, header, NOW + 10)
    assert not is_signed(SECRET, first.content, header, NOW + 301), "an old request that is played again"
    events = json.loads(first.content)["events"]
    assert [event["id"] for event in events] == [f"bcdf-{number}" for number in range(8)]
    assert [event["record"] for event in events] == [json.loads(encode_record(record)) for record in CALL[:8]]


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (500, OutletDown),
        (503, OutletDown),
        (429, OutletDown),
        (400, OutletRefused),
        (404, OutletRefused),
        (302, OutletRefused),
    ],
)
async def test_an_answer_says_whether_another_try_can_help(tmp_path: Path, status: int, error: type[Exception]) -> None:
    hook = outlet(lambda _: httpx.Response(status, headers={"location": "https://elsewhere.example.net"}))
    with pytest.raises(error):
        await hook.deliver(batches(tmp_path, 3))
    await hook.close()


async def test_no_answer_is_tried_again_and_the_address_is_not_told(tmp_path: Path) -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"nobody at {request.url}")

    hook = outlet(fail)
    with pytest.raises(OutletDown) as caught:
        await hook.deliver(batches(tmp_path, 3))
    assert str(caught.value) == "ConnectError"
    await hook.close()


async def test_only_wanted_events_go_and_bodies_stay_small(tmp_path: Path) -> None:
    bodies: list[Any] = []

    def take(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200)

    hook = outlet(take, events=["call_ended", "caller_spoke"], at_once=2)
    left = batches(tmp_path, 7, 3, 5, len(CALL) - 15)
    while left:
        left = left[await hook.deliver(left) :]
    await hook.close()
    wanted = [
        number for number, record in enumerate(CALL) if record.__struct_config__.tag in {"call_ended", "caller_spoke"}
    ]
    assert [event["number"] for body in bodies for event in body["events"]] == wanted
    assert all(len(body["events"]) <= 2 for body in bodies)


@pytest.mark.parametrize(
    "url", ["http://hooks.example.net", "http://127.0.0.1.example.net/", "ftp://x", "http://localhost.evil/"]
)
def test_records_are_not_sent_in_clear_over_a_network(url: str) -> None:
    with pytest.raises(ValueError, match="https"):
        WebhookSettings.model_validate({"url": url, "secret": SECRET})


@pytest.mark.parametrize("url", ["https://hooks.example.net", "http://127.0.0.1:9000/x", "http://localhost/"])
def test_https_and_this_machine_are_fine(url: str) -> None:
    assert WebhookSettings.model_validate({"url": url, "secret": SECRET}).url == url
