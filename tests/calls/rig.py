"""A gateway, a model and a carrier on this machine, joined by real sockets, and calls between them.

    async with rig(tmp_path, talk(greeting, answer)) as house:
        call = await house.call(WaitForAgent(Agent.TO_FINISH), Say("hello there"), HangUp())
        assert call.ending.ok

The gateway is the very server that ``gateway serve`` runs; the model is the embedded local server on a script, with
voices and ears of ``sounds.py`` in place of engines; the carrier is the simulator, REST API included. Whatever goes
wrong unasked (an error in the log, an exception nobody caught, a step that the script did not expect) fails the rig.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import itertools
import json
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog.testing

from gateway.app import Exchange, create_app
from gateway.bridge.early import EarlySessions
from gateway.bridge.parts import CallParts
from gateway.cli.server import GatewayServer
from gateway.clock import Clock
from gateway.contracts.leg import Leg, LegStarted
from gateway.contracts.model import ToolSpec
from gateway.contracts.record import AnyRecord, CallEnded, CallStarted, ModelConnected, Record
from gateway.contracts.tool import Tool, ToolFunction
from gateway.offline.faults import NO_FAULTS
from gateway.offline.faults import Faults as ModelFaults
from gateway.offline.report import ItemReport, SessionReport
from gateway.offline.script import Script as ModelScript
from gateway.offline.script import read_script
from gateway.offline.server import LocalServer, LocalServerConfig
from gateway.offline.server import serve as serve_model
from gateway.records.retention import CallPaths
from gateway.settings.schema import Settings
from gateway.simulator.caller import CallOutcome, CallTarget, TwilioCredentials, place_call
from gateway.simulator.faults import Faults
from gateway.simulator.line import Line
from gateway.simulator.outcome import CallEvent
from gateway.simulator.playout import Clear
from gateway.simulator.rest import RestFaults, TwilioRest
from gateway.simulator.script import EndedBy, Expect, Script, Step
from tests.calls.sounds import CallersVoice, Ears, ModelsVoice, sound

CREDENTIALS: Final = TwilioCredentials("AC" + "5" * 32, "twilio-token-of-the-tests")
MODEL_TOKEN: Final = "token-of-the-model"
PATIENCE_S: Final = 20.0
SLOWEST_MODEL_S: Final = 10.0
SILENCE_MS: Final = 200
"""Silence that ends the caller's turn, in all calls of these tests."""
_R = TypeVar("_R", bound=Record)


# --- scripts for the model -------------------------------------------------------------------------------------------


def says(text: str, *, ms: int | None = None, **expected: Any) -> dict[str, Any]:
    """Return the step of a response that says ``text``."""
    spoken = {"say": text, "sound": "speech"} if ms is None else {"say": text, "sound": "speech", "ms": ms}
    return {"expect": {"response": expected} if expected else "response", "then": [spoken]}


def hears(text: str = "", **how: Any) -> dict[str, Any]:
    """Return the step of a caller's turn that is written down as ``text``."""
    return {"expect": "turn", "heard": {"text": text, **how} if how else text}


def calls_tool(name: str, arguments: Mapping[str, Any] | None = None, *, first: str | None = None) -> dict[str, Any]:
    """Return the step of a response that calls a tool, having said something ``first``."""
    before = [] if first is None else [{"say": first, "sound": "speech"}]
    return {"expect": "response", "then": [*before, {"call": {"name": name, "arguments": dict(arguments or {})}}]}


def script(*steps: dict[str, Any], pace: float = 0.0, repeat: bool = True, **faults: Any) -> ModelScript:
    """Return a script that every session follows from its beginning."""
    session: dict[str, Any] = {"steps": list(steps), "faults": faults}
    return read_script(json.dumps({"pace": pace, "repeat": repeat, "sessions": [session]}))


def talk(greeting: str, *answers: str, pace: float = 0.0, **faults: Any) -> ModelScript:
    """Return a script that greets and then answers each turn."""
    turns = [step for answer in answers for step in (hears("words of the caller"), says(answer))]
    return script(says(greeting), *turns, pace=pace, **faults)


# --- the model -------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Model:
    """The local server, and what it knows."""

    server: LocalServer

    @property
    def sessions(self) -> list[SessionReport]:
        """What all sessions did, oldest first."""
        return self.server.report().sessions

    @property
    def open_sessions(self) -> int:
        """How many sessions are open at this moment."""
        return sum(session.open for session in self.sessions)

    def memory(self, session: SessionReport | None = None) -> list[ItemReport]:
        """Return the items that a session remembers; of the only one if none is named."""
        if session is None:
            (session,) = self.sessions
        return session.items

    def violations(self) -> list[str]:
        """Return everything that went against the script, steps that were not reached aside."""
        return [line for line in self.server.report().violations if "was not reached" not in line]


@dataclass(frozen=True, slots=True)
class Answering:
    """What answers one number: a model on its script, with settings of its own."""

    script: ModelScript
    persona: Mapping[str, Any] = field(default_factory=dict)
    endpoint: Mapping[str, Any] = field(default_factory=dict)
    faults: ModelFaults = NO_FAULTS


@contextlib.asynccontextmanager
async def model(what: ModelScript, *, faults: ModelFaults = NO_FAULTS) -> AsyncIterator[Model]:
    """Run the local server on a script."""
    for text in {then.say for session in what.sessions for step in session.steps for then in step.then if then.say}:
        sound(text, 24000)  # made now and kept, for it would hold up every call in this loop
    config = LocalServerConfig(script=what, faults=faults, token=MODEL_TOKEN)
    server = await serve_model(config, desk=ModelsVoice(), make_activity=Ears)
    try:
        yield Model(server)
    finally:
        await server.close()


# --- a call that was placed ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Call:
    """A call that is over: what the carrier knows of it, and what the gateway wrote down."""

    outcome: CallOutcome
    records: list[AnyRecord]
    papers: dict[str, Path] = field(default_factory=dict)
    """Files by suffix."""
    session: SessionReport | None = None
    """The model's side; None if no session was configured."""

    def all(self, kind: type[_R]) -> list[_R]:
        """Return the records of one kind, in order of writing."""
        return [record for record in self.records if isinstance(record, kind)]

    def one(self, kind: type[_R]) -> _R:
        """Return the only record of its kind."""
        (found,) = self.all(kind)
        return found

    @property
    def ending(self) -> CallEnded:
        """The call's last record."""
        assert isinstance(self.records[-1], CallEnded)
        return self.one(CallEnded)

    @property
    def why(self) -> str:
        """Who ended the call, and why, in the gateway's words."""
        return f"{self.ending.who}/{self.ending.reason}"

    @property
    def heard(self) -> bytes:
        """What the caller's ear got: PCM16, 8000 Hz."""
        return self.outcome.heard_pcm

    @property
    def cuts(self) -> list[Clear]:
        """The clears that took something from the ear."""
        return [clear for clear in self.outcome.truth.clears if clear.dropped_bytes]

    def cut_item(self, clear: Clear) -> int:
        """Return the carrier's number of the item that a clear cut."""
        log = self.outcome.truth.log
        return next(heard.item for heard in log if heard.cut_ms == clear.at_ms and heard.item is not None)

    def heard_at(self, clear: Clear) -> float:
        """Return how much of the item that a clear cut had truly been heard, in milliseconds."""
        return clear.heard[self.cut_item(clear)]


@dataclass(slots=True)
class _Watch:
    """Keeps the records of a call where a test finds them."""

    records: list[AnyRecord]

    def accept(self, record: AnyRecord) -> None:
        self.records.append(record)

    async def close(self) -> None:
        """Keep all."""


ToolOfTest = Tool | tuple[ToolSpec, ToolFunction]


class WatchedExchange(Exchange):
    """The house, which says when it is done with a call; a test may give it tools and turn its clock."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        tools: Sequence[ToolOfTest] = (),
        unredeemed_s: float | None = None,
    ) -> None:
        self.records: dict[str, list[AnyRecord]] = {}
        given = [tool if isinstance(tool, Tool) else Tool(spec=tool[0], run=tool[1]) for tool in tools]
        self._given_tools = {tool.spec.name: tool for tool in given}
        self._done: dict[str, asyncio.Event] = defaultdict(asyncio.Event)
        super().__init__(settings, clock=clock, watch=self._watched)
        if unredeemed_s is not None:
            self.bank._early = EarlySessions(settings.limits.early_sessions, unredeemed_s=unredeemed_s)

    def _watched(self, call_id: str) -> _Watch:
        return _Watch(self.records.setdefault(call_id, []))

    def _parts(self, call_id: str, started: LegStarted, paths: CallPaths | None) -> CallParts:
        parts = super()._parts(call_id, started, paths)
        return dataclasses.replace(parts, tools={**parts.tools, **self._given_tools})

    async def take(self, leg: Leg) -> None:
        """Run the whole call, and say so."""
        done = self._done[leg.started.leg_id]
        try:
            await super().take(leg)
        finally:
            done.set()

    async def papers_written(self) -> None:
        """Wait until transcript and picture of every call that is over are on the disk."""
        await self.archive.papers_written()

    def done(self, leg_id: str) -> asyncio.Event | None:
        """Return what is set once the call on a leg is over; None if no such leg came."""
        return self._done.get(leg_id)

    @property
    def early(self) -> int:
        """Model sessions that wait for their call."""
        return self.bank.ringing


# --- the rig ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Rig:
    """Everything at once. Calls may be placed one after the other or side by side."""

    exchange: WatchedExchange
    server: GatewayServer
    models: dict[str, Model]
    rest: TwilioRest
    log: list[Any]
    """What the gateway and the model logged, as structlog's dictionaries."""
    expected_errors: set[str] = field(default_factory=set)
    """Events that may be logged as errors."""
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1001))

    @property
    def model(self) -> Model:
        """The only model."""
        (only,) = self.models.values()
        return only

    @property
    def base(self) -> str:
        """Where the gateway listens: ``http://127.0.0.1:port``."""
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def webhook(self) -> str:
        """The voice webhook."""
        return f"{self.base}/twilio/voice"

    async def call(
        self,
        *steps: Step,
        to: str | None = None,
        network_ms: tuple[int, int] | int = 0,
        faults: Faults | None = None,
        line: Line | None = None,
        limit_ms: int = 30_000,
        expect: Expect | None = None,
        credentials: TwilioCredentials | None = CREDENTIALS,
        target: Mapping[str, Any] | None = None,
        on_event: Callable[[CallEvent], None] | None = None,
        finished: bool = True,
    ) -> Call:
        """Place a call, stay to its end, and wait until the gateway is done with it too.

        ``to`` is whom of several; ``finished`` wants every step of the caller's script carried out in time.
        """
        caller_number = f"+1555000{next(self._numbers)}"
        where = {"voice_webhook_url": self.webhook, **(target or {})}
        if to is not None:
            where["dialed_number"] = number_of(to, self.models)
        if "stream_url" in where:
            where.pop("voice_webhook_url")
        outcome = await place_call(
            CallTarget(caller_number=caller_number, **where),
            Script(steps=steps, limit_ms=limit_ms, expect=expect or Expect()),
            network_ms=network_ms,
            credentials=credentials,
            faults=faults,
            line=line,
            rest=self.rest,
            voice=CallersVoice(),
            on_event=on_event,
        )
        await self.over(outcome.call_sid)
        await self.exchange.papers_written()
        if finished:
            assert outcome.ended_by is not EndedBy.LIMIT, outcome.why
            failed = [check for check in outcome.checks if not check.passed]
            assert not failed, f"{failed}\n{outcome.why}\n{outcome.events}"
        return self._seen(outcome, caller_number)

    async def over(self, call_sid: str) -> None:
        """Wait until the gateway has put a call away; at once if it never took it."""
        done = self.exchange.done(call_sid)
        if done is not None:
            async with asyncio.timeout(PATIENCE_S):
                await done.wait()

    def _seen(self, outcome: CallOutcome, caller_number: str) -> Call:
        for call_id, records in self.exchange.records.items():
            first = next((record for record in records if isinstance(record, CallStarted)), None)
            if first is None or not str(first.caller_number).endswith(caller_number[-4:]):
                continue
            data_dir = self.exchange.archive.data_dir
            papers = {} if data_dir is None else {path.suffix: path for path in data_dir.calls.glob(f"*/{call_id}.*")}
            return Call(outcome, records, papers, self._session(records))
        return Call(outcome, [])

    def _session(self, records: list[AnyRecord]) -> SessionReport | None:
        connected = next((record for record in records if isinstance(record, ModelConnected)), None)
        if connected is None:
            return None
        sessions = [session for model in self.models.values() for session in model.sessions]
        return next((session for session in sessions if session.id == str(connected.session_id)), None)

    def logged(self, event: str) -> list[Any]:
        """Return the log lines of one event."""
        return [line for line in self.log if line["event"] == event]

    def errors(self) -> list[Any]:
        """Return the log lines of errors that no test asked for."""
        expected = {"local_script_violated", *self.expected_errors}  # scripts are judged by ``strict``
        return [line for line in self.log if line["log_level"] == "error" and line["event"] not in expected]

    async def until(self, true: Callable[[], bool], within_s: float = 5.0) -> None:
        """Wait until something is true that nobody tells of."""
        async with asyncio.timeout(within_s):
            while not true():
                await asyncio.sleep(0.005)


def number_of(name: str, names: Iterable[str]) -> str:
    """Return the number under which one of several models answers."""
    return f"+15556660{list(names).index(name):03d}"


def settings_of(
    data_dir: Path,
    model_urls: Mapping[str, str],
    rest_url: str,
    *,
    answering: Mapping[str, Answering],
    records: bool = False,
    **sections: Any,
) -> Settings:
    """Return settings with a persona and an endpoint for each that answers, the first for all other numbers.

    ``records`` leaves journal, recording and pictures behind; ``sections`` go on top.
    """
    vad = {"type": "server_vad", "silence_duration_ms": SILENCE_MS, "prefix_padding_ms": 60}
    transcription = {"model": "local-transcriber", "language": "en"}
    shared = {"type": "local", "api_key": MODEL_TOKEN, "audio": "auto", "vad": vad, "transcription": transcription}
    plain: dict[str, Any] = {
        "data_dir": str(data_dir),
        "endpoint": next(iter(answering)),
        "endpoints": {name: {**shared, "url": model_urls[name], **one.endpoint} for name, one in answering.items()},
        "persona": next(iter(answering)),
        "personas": {
            name: {"instructions": "Help.", "greeting": "Say hello.", "endpoint": name, **one.persona}
            for name, one in answering.items()
        },
        "numbers": {number_of(name, answering): {"persona": name} for name in answering},
        "carriers": {
            "twilio": {
                "account_sid": CREDENTIALS.account_sid,
                "auth_token": CREDENTIALS.auth_token,
                "api_base": rest_url,
                "api_timeout_ms": 2000,
            }
        },
        "records": {
            "journal": records,
            "recording": records,
            "timeline": records,
            "store": {"enabled": False},
        },
        **sections,
    }
    return Settings.model_validate(plain)


@contextlib.asynccontextmanager
async def rig(
    tmp_path: Path,
    answering: ModelScript | Answering | Mapping[str, Answering],
    *,
    records: bool = False,
    rest_faults: RestFaults | None = None,
    strict: bool = True,
    change: Callable[[Settings], Settings] = lambda settings: settings,
    clock: Clock | None = None,
    tools: Sequence[ToolOfTest] = (),
    unredeemed_s: float | None = None,
    operators_tools: Mapping[str, Any] | None = None,
    **sections: Any,
) -> AsyncIterator[Rig]:
    """Start everything, and stop it again: nothing may be left over, and nothing may have gone wrong unasked.

    ``strict`` also wants that the models' scripts were followed; ``change`` may set what an operator can't.
    ``tools`` are given to every call as they are; ``operators_tools`` are the section ``tools`` of the settings.
    """
    if operators_tools is not None:
        sections["tools"] = operators_tools
    if isinstance(answering, ModelScript):
        answering = Answering(answering)
    if isinstance(answering, Answering):
        answering = {"clerk": answering}
    structlog.reset_defaults()  # a test before this one may have set its own level
    with structlog.testing.capture_logs() as log, _uncaught() as uncaught:
        async with contextlib.AsyncExitStack() as stack:
            rest = await stack.enter_async_context(TwilioRest(CREDENTIALS, faults=rest_faults))
            models = {
                name: await stack.enter_async_context(model(one.script, faults=one.faults))
                for name, one in answering.items()
            }
            urls = {name: peer.server.url for name, peer in models.items()}
            settings = change(
                settings_of(tmp_path / "data", urls, rest.base_url, answering=answering, records=records, **sections)
            )
            exchange = WatchedExchange(settings, clock=clock, tools=tools, unredeemed_s=unredeemed_s)
            async with gateway(exchange) as server:
                house = Rig(exchange, server, models, rest, log)
                yield house
            # The gateway has closed all; a model that is slow to read hears of it a little later.
            await house.until(lambda: not any(peer.open_sessions for peer in models.values()), within_s=SLOWEST_MODEL_S)
            if strict:
                assert [line for peer in models.values() for line in peer.violations()] == []
        assert house.errors() == [], house.errors()
    assert uncaught == [], uncaught


@contextlib.asynccontextmanager
async def gateway(exchange: Exchange) -> AsyncIterator[GatewayServer]:
    """Run the gateway that ``gateway serve`` runs, here."""
    settings = exchange.settings
    server = GatewayServer(create_app(settings, exchange=exchange), settings, host="127.0.0.1", port=0)
    await server.open()
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(PATIENCE_S):
        await server.listening.wait()
    try:
        yield server
    finally:
        server.stop_now()
        async with asyncio.timeout(PATIENCE_S):
            await serving


@contextlib.contextmanager
def _uncaught() -> Iterator[list[str]]:
    """Gather what nobody caught: in the event loop, or in the server under the application."""
    found: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: found.append(f"{context['message']}: {context.get('exception')!r}"))
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("uvicorn.error").addHandler(handler)
    try:
        yield found
    finally:
        logging.getLogger("uvicorn.error").removeHandler(handler)
        loop.set_exception_handler(None)


async def together(*calls: Awaitable[Call]) -> list[Call]:
    """Place calls side by side."""
    return list(await asyncio.gather(*calls))
