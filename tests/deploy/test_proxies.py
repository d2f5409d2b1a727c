"""nginx and Caddy as their examples set them up: a WebSocket through each, over TLS, and no figures to strangers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect

DEPLOY = Path(__file__).parents[2] / "deploy"
CERTIFICATE = Path(__file__).parents[1] / "realtime" / "loopback.pem"
TRUSTING = ssl.create_default_context(cafile=str(CERTIFICATE))
HOST = "localhost"
PATIENCE_S = 20


async def media(websocket: WebSocket) -> None:
    """Say what came, and by which way."""
    await websocket.accept()
    heard = await websocket.receive_text()
    await websocket.send_json({"heard": heard, "proto": websocket.headers.get("x-forwarded-proto")})
    await websocket.close()


async def voice(request: Request) -> Response:
    return JSONResponse({"body": (await request.body()).decode(), "host": request.headers["host"]})


async def figures(_: Request) -> Response:
    return PlainTextResponse("gateway_calls_live 1")


UPSTREAM = Starlette(
    routes=[
        Route("/twilio/voice", voice, methods=["POST"]),
        Route("/readyz", figures),
        Route("/metrics", figures),
        WebSocketRoute("/twilio/media", media),
    ]
)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextlib.asynccontextmanager
async def upstream() -> AsyncIterator[int]:
    """Run what stands for the gateway."""
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(UPSTREAM, port=port, log_config=None, ws="websockets-sansio", timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())
    try:
        yield port
    finally:
        server.should_exit = True
        await serving


@contextlib.asynccontextmanager
async def program(*command: str, answers: str) -> AsyncIterator[None]:
    """Run a proxy until it answers, and then until the test is done."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(PATIENCE_S), httpx.AsyncClient(verify=TRUSTING, trust_env=False) as client:
            while True:
                assert process.returncode is None, (await process.communicate())[1].decode()
                with contextlib.suppress(httpx.TransportError):
                    await client.get(answers)
                    break
                await asyncio.sleep(0.02)
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def carries_calls_and_keeps_figures(port: int) -> None:
    """Do what Twilio does, and what a stranger might."""
    async with httpx.AsyncClient(base_url=f"https://{HOST}:{port}", verify=TRUSTING, trust_env=False) as client:
        response = await client.post("/twilio/voice", content=b"CallSid=CA90")
        assert response.json()["body"] == "CallSid=CA90"
        assert response.json()["host"].startswith(HOST)
        assert (await client.get("/metrics")).status_code == 404
    async with connect(f"wss://{HOST}:{port}/twilio/media", ssl=TRUSTING, proxy=None) as websocket:
        await websocket.send('{"event":"connected"}')
        told = await websocket.recv()
    assert told == '{"heard":"{\\"event\\":\\"connected\\"}","proto":"https"}'


@pytest.mark.peer("nginx", install="apt-get install nginx")
async def test_nginx_carries_calls_as_its_example_says(tmp_path: Path) -> None:
    async with upstream() as behind:
        tls, plain = free_port(), free_port()
        example = (DEPLOY / "nginx" / "gateway.conf").read_text()
        changes = {
            "127.0.0.1:8000": f"127.0.0.1:{behind}",
            "listen 443 ssl;": f"listen 127.0.0.1:{tls} ssl;",
            "    listen [::]:443 ssl;\n": "",
            "listen 80;": f"listen 127.0.0.1:{plain};",
            "    listen [::]:80;\n": "",
            "/etc/letsencrypt/live/voice.example.net/fullchain.pem": str(CERTIFICATE),
            "/etc/letsencrypt/live/voice.example.net/privkey.pem": str(CERTIFICATE),
            "voice.example.net": HOST,
        }
        for written, here in changes.items():
            assert written in example, written
            example = example.replace(written, here)
        paths = "".join(
            f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        config = tmp_path / "nginx.conf"
        config.write_text(
            f"daemon off;\nmaster_process off;\npid {tmp_path}/pid;\nerror_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{paths}{example}\n}}\n"
        )
        base = ("nginx", "-p", str(tmp_path), "-e", "stderr", "-c", str(config))
        checked = await asyncio.create_subprocess_exec(*base, "-t", stderr=asyncio.subprocess.PIPE)
        told = (await checked.communicate())[1].decode()
        assert checked.returncode == 0, told
        assert "[warn]" not in told, told
        async with program(*base, answers=f"https://{HOST}:{tls}/readyz"):
            await carries_calls_and_keeps_figures(tls)
            async with httpx.AsyncClient(trust_env=False) as client:
                moved = await client.get(f"http://{HOST}:{plain}/readyz")
            assert (moved.status_code, moved.headers["location"]) == (301, f"https://{HOST}/readyz")


@pytest.mark.peer("caddy", install="apt-get install caddy")
async def test_caddy_carries_calls_as_its_example_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with upstream() as behind:
        tls = free_port()
        example = (DEPLOY / "caddy" / "Caddyfile").read_text()
        monkeypatch.setenv("GATEWAY_UPSTREAM", f"127.0.0.1:{behind}")
        monkeypatch.setenv("GATEWAY_PUBLIC_URL", f"https://{HOST}:{tls}")
        for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"):
            monkeypatch.setenv(name, str(tmp_path))
        # No certificate from outside, no second port, and no word that Debian's older Caddy does not know.
        head = "\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n"
        example = example.replace("{\n", "{\n" + head, 1)
        example = example.replace("\tlog {", f"\ttls {CERTIFICATE} {CERTIFICATE}\n\tlog {{")
        if await version_of("caddy") < (2, 7):
            example = example.replace("\t\tstream_close_delay 1h\n", "")
        config = tmp_path / "Caddyfile"
        config.write_text(example)
        command = ("caddy", "run", "--adapter", "caddyfile", "--config", str(config))
        async with program(*command, answers=f"https://{HOST}:{tls}/readyz"):
            await carries_calls_and_keeps_figures(tls)


async def version_of(program: str) -> tuple[int, int]:
    process = await asyncio.create_subprocess_exec(program, "version", stdout=asyncio.subprocess.PIPE)
    told = (await process.communicate())[0].decode()
    major, minor = told.removeprefix("v").split(".")[:2]
    return int(major), int(minor)
