"""The flows of this gateway: loaded, watched, swapped, rolled out; and for each call, who works for its flow.

A call gets one bundle when it is answered and keeps it. A change in the folder is read, checked and compiled in a
thread, and then one reference changes; what is broken changes nothing and is told in the log, place by place.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol, assert_never

import structlog

from gateway.audio.format import AudioFormat, AudioFrame
from gateway.bridge.flow.plan import FlowCall, HandOverWork, Outcome, PromptAudio, Recorded, Said, Work
from gateway.bridge.flow.talking import spec_of
from gateway.bridge.parts import LocalSpeech
from gateway.clock import Clock
from gateway.contracts.leg import Leg, LegStarted, TransferTarget
from gateway.contracts.model import ModelCapabilities
from gateway.contracts.tool import Tool, ToolFunction, ToolOutcome
from gateway.errors import CarrierError, ConfigurationError, GatewayError, SpeechError, ToolError, Unsupported
from gateway.flows.bundle import SHORT, Bundle, NotLive, Routing, Shelf, digest_of, load_bundle
from gateway.flows.engine.commands import Charge, HandOver, RunTool
from gateway.flows.engine.events import Charged, HandedOver, MessageTaken, ToolReturned
from gateway.flows.engine.state import CallFacts
from gateway.flows.engine.tooling import limit_of
from gateway.flows.model import Flow
from gateway.flows.model import Tool as FlowTool
from gateway.flows.steps import Talk
from gateway.prompts.deployment import exactness
from gateway.prompts.store import PromptStore, Spoken, recording
from gateway.records.messages import write_message
from gateway.settings.flows import FlowSettings
from gateway.settings.schema import Settings
from gateway.toolbox.flow_tools import FlowTools, Secrets
from gateway.toolbox.http_tool import HttpClient
from gateway.toolbox.payments import Payments

log = structlog.get_logger()

LOOK_EVERY_S: Final = 1.0
"""How often the folder is looked at."""
DAY_S: Final = 86_400.0
LOOK_AGAIN_S: Final = 15.0
"""How often flows that were refused are tried again unchanged: their prompts may have been rendered meanwhile."""
AFTERWARDS_WITHIN_S: Final = 30.0
"""What may outlive a call is done by then."""


class HandsOver(Protocol):
    """Hands callers to colleagues in a way that comes back when nobody takes them."""

    async def hand_over(self, command: HandOver, leg: Leg, summary: str) -> HandedOver:
        """Hand a caller over; never raises but when cancelled."""
        ...


class FlowsDesk:
    """All flows of one gateway.

    Args:
        settings: checked settings.
        data_dir: where bundles, prompts and messages are kept.
        clock: tells the time to calendars.
        local_speech: the voice that reads.
        hand_overs: hands callers to colleagues; None where only blind transfers can be made.

    """

    def __init__(
        self,
        settings: Settings,
        data_dir: Path,
        *,
        clock: Clock,
        local_speech: LocalSpeech,
        hand_overs: HandsOver | None = None,
    ) -> None:
        self._settings = settings
        self._flows: FlowSettings = settings.flows
        self._data_dir = data_dir
        self._clock = clock
        self.local_speech = local_speech
        self.hand_overs = hand_overs
        self.prompts = PromptStore(data_dir / "cache" / "prompts")
        self._http = HttpClient()
        self.tools = FlowTools(Secrets(self._flows.secrets), self._http)
        self.payments = Payments(self._flows.payments, self._http)
        self._shelf = Shelf(data_dir)
        self._newest: Bundle | None = None
        self._older: dict[str, Bundle] = {}
        self._routing = Routing()
        self._refused = ""
        """The digest that was last refused."""
        self._refused_at_s = 0.0
        self._swept_at_s = 0.0
        self._told: list[str] = []
        """Why it was refused, so that it is told once."""
        self._watcher: asyncio.Task[None] | None = None
        self._after: set[asyncio.Task[None]] = set()

    # --- opening and watching -------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Load the flows, and begin to watch their folder.

        Raises:
            ConfigurationError: they can't go live, or a number names one that is not there.

        """
        self._newest = await asyncio.to_thread(self._load_first)
        for number, answer in self._settings.numbers.items():
            if answer.flow is not None and answer.flow not in self._newest.flows:
                known = ", ".join(sorted(self._newest.flows)) or "none"
                what = f"'{answer.flow}' is not a flow of {self._flows.folder}; there are: {known}"
                raise ConfigurationError(f"numbers.'{number}'.flow: {what}")
        if self._flows.watch:
            self._watcher = asyncio.create_task(self._watch(), name="flows")

    def _load(self) -> Bundle:
        return load_bundle(self._flows.folder, exactness(self._settings, self.prompts))

    def _load_first(self) -> Bundle:
        bundle = self._load()
        self._shelf.keep(bundle)
        self._take_routing(self._shelf.routing())
        self._sweep(bundle.digest)
        return bundle

    def _sweep(self, newest: str) -> None:
        """Delete bundles that have not been in use for as long as calls are kept; looked at once a day."""
        now_s = self._clock.wall_s()
        if now_s < self._swept_at_s + DAY_S:
            return
        self._swept_at_s = now_s
        used = frozenset({newest, *self._older, *self._routing.used})
        deleted = self._shelf.sweep(used, now_s, self._settings.records.retention_days * DAY_S)
        if deleted:
            log.info("bundles_expired", deleted=deleted)

    def _take_routing(self, routing: Routing) -> None:
        for digest in routing.used:
            if digest not in self._older:
                self._older[digest] = self._shelf.load(digest, exactness(self._settings, self.prompts))
        self._routing = routing

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look()

    async def look(self) -> None:
        """Look at the folder and the routing once, and take what is new and sound."""
        try:
            await asyncio.to_thread(self._look)
        except NotLive as error:
            kept = self._newest.digest[:SHORT] if self._newest else ""
            for fault in error.faults if error.faults != self._told else ():
                log.error("flows_not_live", why=fault, kept=kept)
            self._told = error.faults
        except (OSError, ConfigurationError) as error:
            log.error("flows_not_looked_at", why=str(error))

    def _look(self) -> None:
        digest = digest_of(self._flows.folder)
        now_s = self._clock.wall_s()
        known = self._newest is None or digest == self._newest.digest
        if not known and (digest != self._refused or now_s >= self._refused_at_s + LOOK_AGAIN_S):
            self._refused, self._refused_at_s = digest, now_s
            bundle = self._load()
            if bundle.digest != digest:
                return  # it was changed meanwhile: the next look sees all of it
            self._shelf.keep(bundle)
            self._newest, self._refused, self._told = bundle, "", []
            log.info(
                "flows_live", bundle=bundle.digest[:SHORT], flows=sorted(bundle.flows), warnings=len(bundle.findings)
            )
        routing = self._shelf.routing()
        if routing != self._routing:
            self._take_routing(routing)
            log.info("flows_routed", pins=len(routing.pins), rollouts=sorted(routing.rollouts))
        if self._newest is not None:
            self._sweep(self._newest.digest)

    async def close(self) -> None:
        """Stop watching; what outlives its call is waited for, within its limit."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
        if self._after:
            await asyncio.wait(self._after, timeout=AFTERWARDS_WITHIN_S)
        await self.tools.close()
        await self._http.close()

    # --- a call ---------------------------------------------------------------------------------------------------

    def flow_of(self, dialed_number: str) -> str | None:
        """Return the flow that answers a number: the settings' word, else the flow that claims it most exactly."""
        listed = self._settings.numbers.get(dialed_number)
        if listed is not None:
            return listed.flow
        assert self._newest is not None, "the desk is opened before calls come"
        claims = [
            (max((number.matches(dialed_number) for number in flow.numbers), default=0), flow.id)
            for flow in self._newest.flows.values()
        ]
        best, name = max(claims, default=(0, ""))
        return name if best else None

    def has(self, flow: str) -> bool:
        """Return whether there is a flow of that id."""
        return self._newest is not None and flow in self._newest.flows

    def flow_call(
        self, started: LegStarted, call_id: str, capabilities: ModelCapabilities, *, model: str, name: str | None = None
    ) -> FlowCall | None:
        """Return what a call needs to run its flow, on ``model``; None if no flow answers it.

        ``name`` is a flow that was asked for, whatever number was dialled.
        """
        name = name or self.flow_of(started.dialed_number)
        if name is None:
            return None
        bundle = self.bundle_for(name, started.dialed_number, call_id)
        flow = bundle.flows[name]
        facts = CallFacts(
            id=call_id,
            caller=started.caller_number,
            dialed=started.dialed_number,
            parameters=started.parameters,
        )
        helper = CallHelp(self, flow, facts, bundle.root, model)
        return FlowCall(
            flow=flow,
            facts=facts,
            now=datetime.fromtimestamp(self._clock.wall_s(), UTC),
            help=helper,
            hints=_hints(capabilities),
            lacks=capabilities.lacks,
            talk_tools=talk_tools(flow, helper),
        )

    def bundle_for(self, flow: str, number: str, call_id: str) -> Bundle:
        """Return the bundle that a call gets: pinned, drawn, or the newest."""
        assert self._newest is not None, "the desk is opened before calls come"
        digest = self._routing.bundle_for(flow, number, call_id)
        bundle = self._older.get(digest) if digest is not None else None
        return bundle if bundle is not None and flow in bundle.flows else self._newest

    async def hand_over(self, command: HandOver, leg: Leg, summary: str) -> HandedOver:
        """Hand a caller to somebody: through the carrier's conference where that is to be had, else blind."""
        if self.hand_overs is not None:
            return await self.hand_overs.hand_over(command, leg, summary)
        try:
            await leg.transfer(TransferTarget(self.target(command.to), self._flows.caller_id))
        except (CarrierError, Unsupported, ConfigurationError) as error:
            log.error("hand_over_failed", step=command.step, why=str(error))
            return HandedOver(command.epoch, "failed")
        return HandedOver(command.epoch, "answered")

    def target(self, to: str) -> str:
        """Return the address behind a flow's target.

        Raises:
            ConfigurationError: a queue that the settings do not have, or that is no address.

        """
        if not to.startswith("queue:"):
            return to
        queue = self._flows.queues.get(to.removeprefix("queue:"))
        if queue is None or queue.to is None:
            raise ConfigurationError(f"flows.queues: '{to.removeprefix('queue:')}' leads to no tel: or sip: address")
        return queue.to

    # --- what calls leave to be done ------------------------------------------------------------------------------

    def see_through(self, work: Awaitable[Outcome]) -> None:
        """Have something done that outlives its call, within a limit."""
        task = asyncio.create_task(_within_limit(work))
        self._after.add(task)
        task.add_done_callback(self._after.discard)

    async def keep_message(self, recorded: Recorded, call_id: str) -> MessageTaken:
        """Write a message down and mail it, if it is to be mailed."""
        command = recorded.command
        if not recorded.spoke or not recorded.frames:
            return MessageTaken(command.epoch, "empty")
        try:
            folder, now_s = self._data_dir / "messages", self._clock.wall_s()
            path, long_ms = await asyncio.to_thread(write_message, folder, call_id, recorded.frames, now_s)
            log.info("message_kept", step=command.step, ms=long_ms, path=str(path))
            if command.send_to is not None:
                await asyncio.to_thread(self._mail, command.send_to, path, long_ms, call_id)
        except (OSError, ToolError) as error:
            log.error("message_failed", step=command.step, why=str(error))
            return MessageTaken(command.epoch, "failed")
        return MessageTaken(command.epoch, "recorded", path.name)

    def _mail(self, to: str, path: Path, long_ms: int, call_id: str) -> None:
        from gateway.toolbox.mail import message, send

        if self._flows.mail.host is None:
            log.warning(
                "message_not_mailed", why="flows.mail.host is not set; the message stays where it is", path=str(path)
            )
            return
        text = f"A caller left a message of {long_ms // 1000} seconds.\nCall {call_id}; kept as {path.name}.\n"
        mail = message(self._flows.mail, to, "A message from a caller", text, attachment=(path.name, path.read_bytes()))
        send(self._flows.mail, mail)


class CallHelp:
    """Works for one call's flow (:class:`~gateway.bridge.flow.plan.FlowHelp`)."""

    def __init__(self, desk: FlowsDesk, flow: Flow, facts: CallFacts, root: Path, model: str) -> None:
        self._model = model
        self._desk = desk
        self._flow = flow
        self._facts = facts
        self._root = root

    async def prompt(self, wanted: Said, format: AudioFormat) -> PromptAudio:
        """Return a prompt's audio: a recording, the store's, or for exact words the local voice's."""
        command = wanted.command
        if not wanted.locally:
            if command.audio is not None:
                frame = await asyncio.to_thread(recording, self._root / command.audio, format)
                if frame is not None:
                    return PromptAudio(command.prompt, frame, "recording")
            spoken = Spoken(command.text, command.language, command.voice or "", self._model)
            frame = await self._desk.prompts.audio(spoken, format)
            if frame is not None:
                return PromptAudio(command.prompt, frame, "store")
            if not command.exact:
                return PromptAudio(command.prompt, None, "none")
        frame = await self._read(command.text, command.language, format)
        return PromptAudio(command.prompt, frame, "local" if frame is not None else "none")

    async def _read(self, text: str, language: str, format: AudioFormat) -> AudioFrame | None:
        try:
            return await self._desk.local_speech.render(text, "prompt", language.partition("-")[0].lower(), format)
        except SpeechError as error:
            log.error("local_speech_failed", why=str(error))
            return None

    async def run_tool(self, command: RunTool) -> ToolReturned:
        """Call a tool within its limit."""
        return await self._desk.tools.run(command, self._facts)

    async def hand_over(self, command: HandOver, leg: Leg, summary: str) -> HandedOver:
        """Hand the caller to somebody."""
        return await self._desk.hand_over(command, leg, summary)

    async def charge(self, command: Charge) -> Charged:
        """Have a processor take a payment."""
        return await self._desk.payments.charge(command)

    async def keep_message(self, recorded: Recorded) -> MessageTaken:
        """Write a message down and send it where it belongs."""
        return await self._desk.keep_message(recorded, self._facts.id)

    def afterwards(self, work: Work) -> None:
        """Do something that outlives the call: a last tool, or a message that ended with a hang-up."""
        match work:
            case RunTool():
                self._desk.see_through(self.run_tool(work))
            case Recorded():
                self._desk.see_through(self.keep_message(work))
            case Said() | HandOverWork() | Charge():
                log.warning("nothing_afterwards", work=type(work).__name__)
            case _:
                assert_never(work)


async def _within_limit(work: Awaitable[Outcome]) -> None:
    try:
        async with asyncio.timeout(AFTERWARDS_WITHIN_S):
            await work
    except (TimeoutError, GatewayError) as error:
        log.error("afterwards_failed", error=type(error).__name__, why=str(error))


def _hints(capabilities: ModelCapabilities) -> Literal["keywords", "prompt"] | None:
    """Return where an endpoint's transcriber takes what may be said."""
    if "transcription.keywords" not in capabilities.lacks:
        return "keywords"
    return "prompt" if "transcription.prompt" not in capabilities.lacks else None


def talk_tools(flow: Flow, help: CallHelp) -> dict[str, Tool]:
    """Return the tools of a flow's talks as a model may call them: read-only ones, with the facts they may tell."""
    names = {name for step in flow.steps.values() if isinstance(step, Talk) for name in step.tools}
    return {name: Tool(spec=spec_of(flow.tools[name]), run=_runner(flow.tools[name], help)) for name in names}


def _runner(tool: FlowTool, help: CallHelp) -> ToolFunction:
    async def run(arguments: str) -> ToolOutcome:
        try:
            given = json.loads(arguments)
        except (ValueError, RecursionError):
            given = None
        if not isinstance(given, dict):
            return ToolOutcome('{"error": "the arguments are not a JSON object"}', ok=False)
        known = {name: value for name, value in given.items() if name in tool.sends and not tool.sends[name].secret}
        command = RunTool(
            run=0,
            epoch=0,
            step="",
            tool=tool,
            arguments=known,
            timeout_ms=limit_of(tool),
            retries=1 if tool.idempotent else 0,
            idempotency_key=None,
        )
        returned = await help.run_tool(command)
        found = {"outcome": returned.outcome, "result": _facts_of(tool, returned.result)}
        return ToolOutcome(json.dumps(found, ensure_ascii=False, default=str), ok=returned.outcome != "failed")

    return run


def _facts_of(tool: FlowTool, result: object) -> Any:
    """Return what of a result a model may be told."""
    if tool.result_at is not None and isinstance(result, dict):
        result = result.get(tool.result_at)
    if not tool.facts:
        return result
    if isinstance(result, list):
        return [_kept(entry, tool.facts) for entry in result]
    return _kept(result, tool.facts)


def _kept(entry: object, facts: tuple[str, ...]) -> Any:
    return {name: entry[name] for name in facts if name in entry} if isinstance(entry, dict) else None
