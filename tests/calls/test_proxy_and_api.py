"""Programs at the doors, over real sockets: the Realtime API by its official client, the calls API, and attackers."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.contracts.record import AgentSpoke, CallEnded, CallStarted, Fault
from gateway.web.audit import read_audit
from tests.calls.rig import Rig, rig, says, script, talk
from tests.calls.test_browser import KEY, is_over, open_to_pages, page

VIEWER = "viewer-of-the-tests-" + "v" * 24
KEYS = {"tester": {"key": KEY, "role": "admin"}, "watcher": {"key": VIEWER, "role": "viewer"}}


@asynccontextmanager
async def api(house: Rig, key: str | None = KEY) -> AsyncIterator[httpx.AsyncClient]:
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=house.base, headers=headers) as client:
        yield client


def program(house: Rig, key: str = KEY) -> AsyncOpenAI:
    return AsyncOpenAI(
        api_key=key, base_url=f"{house.base}/v1", websocket_base_url=f"ws://127.0.0.1:{house.server.port}/v1"
    )


# --- the proxy -------------------------------------------------------------------------------------------------------


async def test_the_official_client_reaches_the_endpoint_with_our_key(tmp_path: Path) -> None:
    what = script(says("Hello program."))
    async with rig(tmp_path, what, strict=False, **open_to_pages()) as house, program(house) as client:
        async with client.realtime.connect(model="any-model") as session:
            await session.session.update(session={"type": "realtime", "instructions": "Be brief.", "model": "x"})
            async for event in session:
                if event.type == "session.updated":
                    await session.response.create()
                if event.type == "response.done":
                    break
        records = await is_over(house)
        started = next(record for record in records if isinstance(record, CallStarted))
        assert str(started.leg) == "proxy"
        assert [str(one.text) for one in records if isinstance(one, AgentSpoke)] == ["Hello program."]
        assert isinstance(records[-1], CallEnded)
        assert records[-1].ok
        assert records[-1].output_audio_tokens > 0


async def test_what_the_policy_does_not_name_is_refused_and_not_passed_on(tmp_path: Path) -> None:
    async with rig(tmp_path, script(says("Hello.")), strict=False, **open_to_pages()) as house:
        async with program(house) as client, client.realtime.connect(model="m") as session:
            mcp = {"type": "mcp", "server_label": "x", "server_url": "https://elsewhere.example"}
            await session.send({"type": "session.update", "event_id": "e1", "session": {"tools": [mcp]}})  # type: ignore[arg-type,list-item]
            await session.send({"type": "session.update", "event_id": "e2", "session": {"tracing": "auto"}})  # type: ignore[arg-type,typeddict-item]
            refused = []
            async for event in session:
                if event.type == "error":
                    refused.append((event.error.code, event.error.event_id))
                if len(refused) == 2:
                    break
            assert refused == [("tool_not_allowed", "e1"), ("field_not_allowed", "e2")]
        records = await is_over(house)
        assert [str(one.kind) for one in records if isinstance(one, Fault)] == ["not_passed_on"] * 2


async def test_the_proxy_is_shut_to_a_stranger_and_to_a_viewer(tmp_path: Path) -> None:
    async with rig(tmp_path, talk("Hello."), strict=False, access={"keys": KEYS}) as house:
        url = f"ws://127.0.0.1:{house.server.port}/v1/realtime?model=m"
        for key, status in (("k" * 30, 401), (VIEWER, 403)):
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, additional_headers={"Authorization": f"Bearer {key}"})
            assert refused.value.response.status_code == status
            assert json.loads(refused.value.response.body)["error"]["code"] in {"not_signed_in", "role_too_low"}


async def test_draining_ends_a_programs_session_too(tmp_path: Path) -> None:
    async with rig(tmp_path, talk("Hello."), strict=False, **open_to_pages()) as house, program(house) as client:
        async with client.realtime.connect(model="m") as session:
            await session.recv()
            await house.exchange.drain(0)
            with pytest.raises(ConnectionClosed):
                await _read_to_the_end(session)
        records = await is_over(house)
        assert str(records[-1].reason) == "drained"


async def _read_to_the_end(session: Any) -> None:
    while True:
        await session.recv()


# --- calls -----------------------------------------------------------------------------------------------------------


async def test_a_live_call_is_seen_spoken_into_and_ended(tmp_path: Path) -> None:
    what = script(says("Hello there."), says("The office closes in five minutes."))
    async with rig(tmp_path, what, records=True, access={"keys": KEYS}) as house:
        async with page(house) as caller, api(house) as client, api(house, VIEWER) as viewer:
            call_id = (await caller.gets("session_ready"))["call_id"]
            await caller.until(lambda message: message.get("role") == "assistant")
            (live,) = (await viewer.get("/api/calls")).json()["live"]
            assert (live["call_id"], live["persona"], live["state"]) == (call_id, "clerk", "live")
            said = await viewer.post(f"/api/calls/{call_id}/say", json={"text": "no"})
            assert (said.status_code, said.json()["error"]["code"]) == (403, "role_too_low")
            said = await client.post(f"/api/calls/{call_id}/say", json={"text": "The office closes in five minutes."})
            assert said.status_code == 202
            await caller.until(lambda message: message.get("text") == "The office closes in five minutes.")
            moved = await client.post(f"/api/calls/{call_id}/transfer", json={"to": "tel:+15551234567"})
            assert (moved.status_code, moved.json()["error"]["code"]) == (409, "cannot_transfer")
            assert (await client.post(f"/api/calls/{call_id}/hangup")).status_code == 202
            await caller.gets("call_ended")
            await is_over(house)
            await house.exchange.papers_written()

            (ended,) = (await viewer.get("/api/calls")).json()["ended"]
            assert (ended["call_id"], ended["state"], ended["reason"]) == (call_id, "ended", "hung_up")
            lines = (await viewer.get(f"/api/calls/{call_id}/transcript")).json()["transcript"]
            assert [line["text"] for line in lines] == ["Hello there.", "The office closes in five minutes."]
            recording = await viewer.get(f"/api/calls/{call_id}/recording", headers={"range": "bytes=0-3"})
            assert (recording.status_code, recording.content) == (206, b"RIFF")
            picture = await viewer.get(f"/api/calls/{call_id}/timeline")
            assert picture.headers["content-type"].startswith("image/svg+xml")
            assert (await viewer.get("/api/calls/nobody")).status_code == 404
            assert (await viewer.get("/api/calls?limit=0")).json()["error"]["code"] == "bad_limit"
        written = [(entry.who, entry.action) for entry in read_audit(tmp_path / "data" / "audit.jsonl")]
        assert written == [
            ("tester", "conversation"),
            ("tester", "say"),
            ("tester", "transfer"),
            ("tester", "hang_up"),
            ("watcher", "transcript_seen"),
            ("watcher", "recording_seen"),
            ("watcher", "timeline_seen"),
        ]


async def test_events_stream_as_they_happen(tmp_path: Path) -> None:
    async with rig(tmp_path, talk("Hello there."), strict=False, access={"keys": KEYS}) as house:
        async with api(house, VIEWER) as viewer, viewer.stream("GET", "/api/calls/events") as stream:
            lines = stream.aiter_lines()
            assert json.loads((await anext(lines)).removeprefix("data: ")) == {"event": "calls", "live": []}
            async with page(house) as caller:
                await caller.until(lambda message: message.get("role") == "assistant")
                seen = []
                async for line in lines:
                    if line.startswith("data: "):
                        seen.append(json.loads(line.removeprefix("data: ")))
                    if seen and seen[-1]["event"] == "agent_spoke":
                        break
                assert seen[0]["event"] == "call_started"
                assert seen[-1]["text"] == "Hello there."
                await caller.say(type="end")
                await caller.gets("call_ended")
        await is_over(house)


# --- attackers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Origin": "https://evil.example"}, "wrong_origin"),
        ({"Origin": "null"}, "wrong_origin"),
        ({"Host": "evil.example:80"}, "wrong_host"),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, "wrong_host"),
        ({"X-Forwarded-For": "203.0.113.9"}, "not_local"),
    ],
)
@pytest.mark.parametrize("path", ["/ws/conversation", "/v1/realtime"])
async def test_with_auth_off_no_page_from_elsewhere_opens_a_socket(
    tmp_path: Path, path: str, headers: dict[str, str], code: str
) -> None:
    async with rig(tmp_path, talk("Hello."), strict=False, server={"auth": "off"}) as house:
        request = "GET {} HTTP/1.1\r\n{}\r\n\r\n"
        fixed = {
            "Host": f"127.0.0.1:{house.server.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
            "Sec-WebSocket-Version": "13",
        }
        reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
        lines = "\r\n".join(f"{name}: {value}" for name, value in (fixed | headers).items())
        writer.write(request.format(path, lines).encode())
        answer = (await reader.read(4096)).decode()
        writer.close()
        await writer.wait_closed()
        assert answer.startswith("HTTP/1.1 403")
        assert code in answer
        assert not house.exchange.records


async def test_a_rebound_name_reads_nothing_and_a_cross_site_post_does_nothing(tmp_path: Path) -> None:
    async with rig(tmp_path, talk("Hello."), strict=False, server={"auth": "off"}) as house, api(house, None) as client:
        assert (await client.get("/api/calls")).status_code == 200
        rebound = await client.get("/api/calls", headers={"host": "evil.example"})
        assert (rebound.status_code, rebound.json()["error"]["code"]) == (403, "wrong_host")
        crossed = await client.post("/api/calls/x/hangup", headers={"origin": "https://evil.example"})
        assert (crossed.status_code, crossed.json()["error"]["code"]) == (403, "wrong_origin")
        hidden = await client.post("/api/calls/x/hangup", headers={"sec-fetch-site": "cross-site"})
        assert hidden.json()["error"]["code"] == "cross_site"
        assert "access-control-allow-origin" not in (await client.get("/api/calls")).headers


async def test_a_cookie_lets_a_browser_in_and_a_forged_one_does_not(tmp_path: Path) -> None:
    async with rig(tmp_path, talk("Hello."), strict=False, access={"keys": KEYS}) as house, api(house, None) as browser:
        assert (await browser.get("/api/session")).status_code == 401
        assert (await browser.post("/api/session", json={"key": "wrong" * 8})).status_code == 401
        signed = await browser.post("/api/session", json={"key": VIEWER})
        assert signed.json() == {"name": "watcher", "role": "viewer"}
        cookie = signed.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert (await browser.get("/api/session")).json()["name"] == "watcher"
        # A cookie without a page that it comes from does nothing that changes anything.
        done = await browser.delete("/api/session")
        assert (done.status_code, done.json()["error"]["code"]) == (403, "no_origin")
        value = browser.cookies["gateway_session"]
        forged = value.replace("v1.watcher.", "v1.tester.")
        browser.cookies.clear()
        refused = await browser.get("/api/session", headers={"cookie": f"gateway_session={forged}"})
        assert refused.status_code == 401
        out = await browser.delete("/api/session", headers={"cookie": f"gateway_session={value}", "origin": house.base})
        assert out.status_code == 204
        actions = [entry.action for entry in read_audit(tmp_path / "data" / "audit.jsonl")]
        assert actions == ["sign_in_refused", "sign_in", "sign_out"]


async def test_whoever_asks_too_often_has_to_wait(tmp_path: Path) -> None:
    access = {"keys": KEYS, "requests_per_minute": 5, "sign_ins_per_minute": 3}
    async with rig(tmp_path, talk("Hello."), strict=False, access=access) as house, api(house) as client:
        answers = [await client.get("/api/calls") for _ in range(11)]
        assert [answer.status_code for answer in answers] == [200] * 10 + [429]
        assert int(answers[-1].headers["retry-after"]) >= 1
        guesses = [await client.post("/api/session", json={"key": f"{n}" * 24}) for n in range(4)]
        assert [guess.status_code for guess in guesses] == [401, 401, 401, 429]


async def test_answers_carry_security_headers(tmp_path: Path) -> None:
    async with rig(tmp_path, talk("Hello."), strict=False, access={"keys": KEYS}) as house, api(house) as client:
        headers = (await client.get("/api/calls")).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
