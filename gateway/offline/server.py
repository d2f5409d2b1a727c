"""The embedded local Realtime server, GA and beta, OpenAI's form and Azure's, in a process of its own.

    python -m gateway.offline.server --port 0 --token-env TOKEN --parent-pipe

prints one line of JSON on standard output as soon as it listens, ``{"listening": "ws://127.0.0.1:41873/v1/realtime"}``,
and everything else on standard error. It ends on SIGTERM and SIGINT, and with ``--parent-pipe`` when its standard input
closes, so that none is left behind by a gateway that died. In tests :func:`serve` runs it within a loop.
"""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import json
import os
import signal
import sys
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from pathlib import Path
from typing import Final

import msgspec
import structlog
from websockets.asyncio.server import Server, ServerConnection
from websockets.asyncio.server import serve as serve_websocket
from websockets.http11 import Request, Response

from gateway.clock import Clock, SystemClock
from gateway.errors import ConfigurationError
from gateway.offline.beta import BetaTongue, GaTongue, Tongue
from gateway.offline.brain import Brain
from gateway.offline.connection import Connection
from gateway.offline.door import Admission, TurnedAway, admit, may_enter
from gateway.offline.faults import NO_FAULTS, Faults, parse_faults
from gateway.offline.hosted import HOSTED, Answered, Ended, models_listed
from gateway.offline.mind import Mind
from gateway.offline.report import ServerReport, SessionReport, session_report
from gateway.offline.script import Script, ScriptMind, SessionScript, load_script
from gateway.offline.session import NORMAL_EXPIRY_S, Session, SessionOptions
from gateway.offline.speech_desk import SpeechDesk, WorkerDesk
from gateway.offline.turns import ActivityMaker, LocalEars
from gateway.offline.wire import MAX_FRAME_BYTES
from gateway.settings.schema import LogSettings
from gateway.telemetry.log import configure_logging

PATH: Final = "/v1/realtime"
REPORT_PATH: Final = "/report"
LISTS: Final = ("/models", "/openai/deployments")
"""Ends of paths where hosted endpoints list what they have."""
HEALTH_PATH: Final = "/healthz"
MAX_REPORTS: Final = 100
CLOSE_LIMIT_S: Final = 1.0
"""How long a client may take to answer a close."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServerConfig:
    """How the server is run.

    ``port`` 0 takes any. ``token`` is the bearer that clients have to show, None for any; it is required off loopback.
    ``pace`` is how much faster than real time speech is sent, 0 for at once; a script's own wins. ``faults`` hold for
    every connection, ``faults_by_header`` lets a connection ask for its own. ``listeners`` is how many processes
    recognise speech. ``warm`` starts the speech processes at once, not with the first client that needs them.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str | None = None
    script: Script | None = None
    faults: Faults = NO_FAULTS
    faults_by_header: bool = False
    pace: float = 8.0
    expires_after_s: float = NORMAL_EXPIRY_S
    max_sessions: int = 256
    listeners: int = 2
    warm: bool = False

    def check(self) -> None:
        """Raise if the server would be open to strangers.

        Raises:
            ConfigurationError: off loopback without a token.

        """
        if self.token is None and not _is_loopback(self.host):
            raise ConfigurationError(f"local model: {self.host} is not loopback; give a token, or listen on 127.0.0.1")


@dataclass(slots=True)
class _Visit:
    session: Session
    mind: Mind
    is_open: bool = True


class LocalServer:
    """A server that listens; made by :func:`serve`."""

    def __init__(self, config: LocalServerConfig, desk: SpeechDesk, clock: Clock, make_activity: ActivityMaker) -> None:
        self._config = config
        self._desk = desk
        self._clock = clock
        self._make_activity = make_activity
        self._visits: OrderedDict[str, _Visit] = OrderedDict()
        self._count = 0
        self._listening: Server | None = None
        self._warming: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where clients connect: ``ws://host:port/v1/realtime``."""
        assert self._listening is not None
        host, port = next(iter(self._listening.sockets)).getsockname()[:2]
        return f"ws://{f'[{host}]' if ':' in host else host}:{port}{PATH}"

    async def start(self) -> None:
        """Listen."""
        self._listening = await serve_websocket(
            self._carry,
            self._config.host,
            self._config.port,
            process_request=self._judge,
            compression=None,
            max_size=MAX_FRAME_BYTES,
            close_timeout=CLOSE_LIMIT_S,
            server_header=None,
        )
        if self._config.warm:
            self._warming = asyncio.create_task(self._desk.warm_up())

    async def close(self) -> None:
        """End all connections and processes."""
        if self._listening is not None:
            self._listening.close()
            await self._listening.wait_closed()
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        await self._desk.close()

    def report(self) -> ServerReport:
        """Return what all sessions did and remember."""
        return ServerReport(sessions=[self._report(visit) for visit in self._visits.values()])

    def _report(self, visit: _Visit) -> SessionReport:
        return session_report(visit.session, is_open=visit.is_open, violations=visit.mind.leftovers())

    def _judge(self, socket: ServerConnection, request: Request) -> Response | None:
        config = self._config
        if request.path == HEALTH_PATH:
            return _answer(socket, HTTPStatus.OK, {"status": "ok"})
        if request.path == REPORT_PATH:
            if config.token is not None and not may_enter(_headers(request), config.token):
                return _answer(socket, HTTPStatus.UNAUTHORIZED, {"error": "a bearer token is wanted"})
            return _answer(socket, HTTPStatus.OK, msgspec.to_builtins(self.report()))
        hosted = self._hosted(socket, request)
        if hosted is not None:
            return hosted
        judged = self._admit(request)
        if isinstance(judged, TurnedAway):
            log.info("local_connection_refused", status=judged.status.value, code=judged.code)
            if self._scripted_faults().refuse == judged.status:
                self._count += 1  # being refused is all that this session of the script does
            return _answer(socket, judged.status, judged.body)
        if sum(visit.is_open for visit in self._visits.values()) >= config.max_sessions:
            return _answer(socket, HTTPStatus.TOO_MANY_REQUESTS, {"error": "all sessions are taken"})
        return None

    def _hosted(self, socket: ServerConnection, request: Request) -> Response | None:
        """Answer as a hosted endpoint would: with what it lists, or with a refusal that a fault asks for."""
        faults = self._scripted_faults().or_else(self._config.faults)
        path = request.path.partition("?")[0]
        refusal = HOSTED.get(faults.hosted)
        if path.endswith(LISTS):
            listed = models_listed(faults.models) if faults.models else {"error": {"code": "404", "message": "no list"}}
            response = _answer(socket, HTTPStatus.OK if faults.models else HTTPStatus.NOT_FOUND, listed)
        elif isinstance(refusal, Answered):
            status = HTTPStatus(refusal.status)
            response = socket.respond(status, refusal.page) if refusal.page else _answer(socket, status, refusal.body)
        else:
            return None
        if faults.clock_skew_s:
            del response.headers["Date"]
            response.headers["Date"] = formatdate(self._clock.wall_s() + faults.clock_skew_s, usegmt=True)
        return response

    def _admit(self, request: Request) -> Admission | TurnedAway:
        config = self._config
        return admit(
            request.path,
            _headers(request),
            token=config.token,
            faults=self._scripted_faults().or_else(config.faults),
            faults_by_header=config.faults_by_header,
        )

    def _scripted(self) -> SessionScript | None:
        return self._config.script.session(self._count) if self._config.script is not None else None

    def _scripted_faults(self) -> Faults:
        scripted = self._scripted()
        return scripted.faults if scripted is not None else NO_FAULTS

    async def _carry(self, socket: ServerConnection) -> None:
        """Carry one connection from its first word to its end."""
        assert socket.request is not None
        admission = self._admit(socket.request)
        assert isinstance(admission, Admission)
        refusal = HOSTED.get(admission.faults.hosted)
        if isinstance(refusal, Ended):
            await socket.send(json.dumps(refusal.event))
            await socket.close(refusal.close_code, refusal.reason)
            return
        config, script = self._config, self._config.script
        mind: Mind = Brain() if script is None else ScriptMind(self._scripted())
        self._count += 1
        options = SessionOptions(
            model=admission.model,
            transcription_only=admission.transcription_only,
            pace=config.pace if script is None or script.pace is None else script.pace,
            expires_after_s=config.expires_after_s,
            faults=admission.faults,
        )
        session = Session(options, mind, wall_s=self._clock.wall_s(), make_activity=self._make_activity)
        visit = _Visit(session, mind)
        self._remember(visit)
        tongue: Tongue = GaTongue()
        if admission.beta:
            tongue = BetaTongue(session.conversation_id, lambda: session.ids.new("event"))
        connection = Connection(
            socket,
            session,
            self._desk,
            self._clock,
            tongue=tongue,
            read_delay_ms=admission.faults.read_delay_ms,
        )
        log.info("local_session_started", session_id=session.config.id, model=admission.model)
        try:
            await connection.run()
        finally:
            visit.is_open = False
            for violation in mind.leftovers():
                log.error("local_script_violated", session_id=session.config.id, what=violation)
            log.info("local_session_ended", session_id=session.config.id, items=len(session.conversation))

    def _remember(self, visit: _Visit) -> None:
        self._visits[visit.session.config.id] = visit
        closed = [name for name, known in self._visits.items() if not known.is_open]
        for name in closed[: max(0, len(self._visits) - MAX_REPORTS)]:
            del self._visits[name]


async def serve(
    config: LocalServerConfig,
    *,
    desk: SpeechDesk | None = None,
    clock: Clock | None = None,
    make_activity: ActivityMaker = LocalEars,
) -> LocalServer:
    """Start a server and return it listening.

    ``desk`` does the speech work (None: local engines in processes of their own), ``make_activity`` makes the ears that
    find turns.

    Raises:
        ConfigurationError: the server would be open to strangers.
        OSError: the port can't be had.

    """
    config.check()
    own_desk = desk or WorkerDesk(config.listeners)
    server = LocalServer(config, own_desk, clock or SystemClock(), make_activity)
    await server.start()
    return server


async def run(config: LocalServerConfig, *, parent_pipe: bool = False) -> None:
    """Serve until SIGTERM or SIGINT, or with ``parent_pipe`` until standard input closes; announce on standard output.

    A supervised child leaves the signals to its parent: a service manager signals the whole group, and the parent
    needs the model until the last call is over.
    """
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _nothing if parent_pipe else over.set)
    watch = asyncio.create_task(_until_closed(over)) if parent_pipe else None
    server = await serve(config)
    try:
        sys.stdout.write(json.dumps({"listening": server.url}) + "\n")
        sys.stdout.flush()
        await over.wait()
    finally:
        if watch is not None:
            watch.cancel()
        await server.close()


def _nothing() -> None:
    """Take a signal that is meant for the parent."""


async def _until_closed(over: asyncio.Event) -> None:
    """Set ``over`` when standard input ends: the parent is gone."""
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        while await reader.read(4096):
            pass
        over.set()
    finally:
        transport.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    options = _parser().parse_args(arguments)
    configure_logging(LogSettings(level=options.log_level))
    try:
        config = _config(options)
        config.check()
        asyncio.run(run(config, parent_pipe=options.parent_pipe))
    except (ConfigurationError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m gateway.offline.server", description="The local Realtime model, on a WebSocket."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    token = parser.add_mutually_exclusive_group()
    token.add_argument("--token-file", type=Path, help="file with the bearer token that clients must show")
    token.add_argument("--token-env", metavar="NAME", help="environment variable with that token")
    parser.add_argument("--script", type=Path, help="YAML or JSON file to follow instead of the brain")
    parser.add_argument(
        "--faults",
        nargs="?",
        const="",
        metavar="NAME=VALUE,…",
        help="fault switches for every connection; also lets a connection ask for its own with an x-fault header",
    )
    parser.add_argument("--pace", type=float, default=8.0, help="times real time that speech is sent; 0 is at once")
    parser.add_argument("--expires-after-s", type=float, default=NORMAL_EXPIRY_S, help="length of a session")
    parser.add_argument("--listeners", type=int, default=2, help="processes that recognise speech")
    parser.add_argument("--log-level", choices=("debug", "info", "warning", "error"), default="info")
    parser.add_argument("--parent-pipe", action="store_true", help="end when standard input closes")
    return parser


def _config(options: argparse.Namespace) -> LocalServerConfig:
    if options.pace < 0 or options.expires_after_s <= 0 or options.listeners < 1:
        raise ConfigurationError("--pace is 0 or more, --expires-after-s more than 0, --listeners 1 or more")
    return LocalServerConfig(
        host=options.host,
        port=options.port,
        token=_token(options),
        script=load_script(options.script) if options.script is not None else None,
        faults=parse_faults(options.faults or ""),
        faults_by_header=options.faults is not None,
        pace=options.pace,
        expires_after_s=options.expires_after_s,
        listeners=options.listeners,
        warm=options.script is None,
    )


def _token(options: argparse.Namespace) -> str | None:
    if options.token_file is not None:
        token = str(options.token_file.read_text(encoding="utf-8")).strip()
        where = str(options.token_file)
    elif options.token_env is not None:
        token, where = os.environ.get(options.token_env, ""), f"${options.token_env}"
    else:
        return None
    if not token:
        raise ConfigurationError(f"token: {where} is empty; put the token there")
    return token


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.raw_items()}


def _answer(socket: ServerConnection, status: HTTPStatus, body: object) -> Response:
    response = socket.respond(status, json.dumps(body))
    del response.headers["Content-Type"]
    response.headers["Content-Type"] = "application/json"
    return response


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


if __name__ == "__main__":
    sys.exit(main())
