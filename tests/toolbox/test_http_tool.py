"""The sender: retries where they are safe, one host, no cookies, a bounded answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from gateway.contracts.tool import CallFacts
from gateway.errors import ToolError
from gateway.settings.tools import HttpToolSettings
from gateway.toolbox import http_tool
from gateway.toolbox.http_tool import MAX_BODY_BYTES, HttpClient, HttpTool

FACTS = CallFacts(call_id="bcdfgh")
Answers = list[httpx.Response | Exception]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_tool, "FIRST_PAUSE_S", 0.0)


class Service:
    """Answers in turn, and keeps what it was asked."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


async def ask(service: Callable[[httpx.Request], httpx.Response], *times: dict[str, Any], **settings: Any) -> list[Any]:
    """Call the tool once for each arguments; return the results."""
    http = HttpClient(transport=httpx.MockTransport(service))
    plain = {"url": "https://crm.example.net/orders", "description": "it", "type": "http", **settings}
    tool = HttpTool("orders", HttpToolSettings.model_validate(plain), http)
    try:
        return [await tool(arguments, FACTS) for arguments in (times or ({},))]
    finally:
        await http.close()


async def test_an_answer_comes_through() -> None:
    service = Service([httpx.Response(200, json={"status": "sent", "cost": 3})])
    assert await ask(service, {"order": "1"}, pick=["status"], headers={"Authorization": "Bearer k"}) == [
        {"status": "sent"}
    ]
    (request,) = service.asked
    assert str(request.url) == "https://crm.example.net/orders?order=1"
    assert request.headers["authorization"] == "Bearer k"
    assert request.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("trouble", [httpx.Response(503), httpx.Response(429), httpx.ReadError("reset")])
async def test_what_may_be_repeated_is_tried_again(method: str, trouble: httpx.Response | Exception) -> None:
    service = Service([trouble, httpx.Response(200, json="ok")])
    assert await ask(service, method=method) == ["ok"]


@pytest.mark.parametrize("method", ["POST", "PATCH"])
@pytest.mark.parametrize(
    ("trouble", "kind"),
    [(httpx.Response(503), "unavailable"), (httpx.ReadError("reset"), "unreachable")],
)
async def test_what_might_happen_twice_is_not_tried_again(
    method: str, trouble: httpx.Response | Exception, kind: str
) -> None:
    service = Service([trouble])
    with pytest.raises(ToolError) as caught:
        await ask(service, method=method, retries=3)
    assert (caught.value.kind, len(service.asked)) == (kind, 1)


async def test_nothing_was_sent_when_the_host_was_not_reached_so_even_a_post_is_tried_again() -> None:
    service = Service([httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.Response(200, json="ok")])
    assert await ask(service, method="POST", retries=2) == ["ok"]


async def test_an_idempotency_key_makes_a_post_repeatable_and_is_the_same_on_every_try_of_a_call() -> None:
    service = Service([httpx.Response(503), httpx.Response(200, json=1), httpx.Response(200, json=2)])
    assert await ask(service, {}, {}, method="POST", idempotency_key=True) == [1, 2]
    first, again, other = (request.headers["idempotency-key"] for request in service.asked)
    assert first == again != other


async def test_tries_are_counted() -> None:
    service = Service([httpx.ConnectError("refused")] * 4)
    with pytest.raises(ToolError, match="the service can't be reached"):
        await ask(service, retries=2)
    assert len(service.asked) == 3


async def test_a_refusal_is_not_tried_again() -> None:
    service = Service([httpx.Response(404)])
    with pytest.raises(ToolError, match="404 Not Found"):
        await ask(service, retries=5)


async def test_a_redirect_within_the_host_is_followed_and_one_to_another_is_not() -> None:
    service = Service([httpx.Response(302, headers={"location": "/v2"}), httpx.Response(200, json="ok")])
    assert await ask(service) == ["ok"]
    abroad = Service([httpx.Response(302, headers={"location": "http://169.254.169.254/"})])
    with pytest.raises(ToolError) as caught:
        await ask(abroad, headers={"Authorization": "Bearer k"})
    assert (caught.value.kind, len(abroad.asked)) == ("redirected", 1)


async def test_a_circle_of_redirects_ends() -> None:
    with pytest.raises(ToolError, match="in a circle"):
        await ask(lambda _: httpx.Response(301, headers={"location": "/again"}))


async def test_no_cookie_crosses_from_one_call_to_the_next() -> None:
    service = Service([httpx.Response(200, json=1, headers={"set-cookie": "session=ann"}), httpx.Response(200, json=2)])
    await ask(service, {}, {})
    assert "cookie" not in service.asked[1].headers


async def test_an_endless_answer_is_not_read_to_its_end() -> None:
    sent = []

    async def endless() -> Any:
        while True:
            sent.append(65536)
            yield bytes(65536)

    with pytest.raises(ToolError) as caught:
        await ask(lambda _: httpx.Response(200, content=endless()))
    assert caught.value.kind == "too_large"
    assert sum(sent) <= MAX_BODY_BYTES + 2 * 65536


async def test_the_client_is_made_once_however_many_ask_for_it_first() -> None:
    http = HttpClient(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
    clients = await asyncio.gather(*(http.client() for _ in range(5)))
    assert len(set(map(id, clients))) == 1
    await http.close()
