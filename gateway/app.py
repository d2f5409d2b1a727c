"""The one place where the parts meet: settings in, an ASGI application out.

:class:`Exchange` is the house behind the doors: it knows which endpoint, persona and sinks a call gets, hands them to
``bridge.call.Call`` and sees the call out. It holds no rule of the conversation and none of a wire.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import structlog
from starlette.applications import Starlette

from gateway.archive import Archive
from gateway.bridge.call import Call
from gateway.bridge.parts import CallParts, LocalSpeech
from gateway.bridge.plan import plan_call, session_setup
from gateway.bridge.registry import CallRegistry
from gateway.bridge.story import Story
from gateway.clock import Clock, SystemClock
from gateway.contracts.leg import Leg, LegStarted
from gateway.contracts.model import ModelConnector
from gateway.contracts.record import Sink
from gateway.contracts.tool import CallFacts, Tool
from gateway.errors import ConfigurationError, Ending, Party
from gateway.legs.carrier_http import CarrierHttp
from gateway.legs.tickets import open_ticket_office, token_secret
from gateway.model_bank import ModelBank
from gateway.privacy.custom import CallContext, CustomRedaction, CustomStage, load_custom
from gateway.privacy.patterns import load_patterns
from gateway.privacy.redactor import Redactor
from gateway.realtime.kinds import check_endpoint
from gateway.realtime.shortfalls import shortfalls
from gateway.records.fanout import Aside, Fanout
from gateway.records.retention import CallPaths, DataDir, prepare_data_dir
from gateway.settings.effective import answer_to, answers, any_flow, persona_on
from gateway.settings.schema import EndpointSettings, PersonaSettings, Settings
from gateway.speech.spare import SpareVoice
from gateway.speech_service.service import SpeechService
from gateway.telemetry.call_log import CallLog
from gateway.telemetry.call_metrics import CallMetrics
from gateway.telemetry.log import bind_call
from gateway.telemetry.metrics import Metrics
from gateway.toolbox.box import Toolbox
from gateway.web.access import Access
from gateway.web.api_routes import api_routes, browser_middleware
from gateway.web.front_desk import Ring
from gateway.web.live_board import LiveBoard
from gateway.web.realtime_proxy import Held
from gateway.web.routes import routes
from gateway.web.speech_api.routes import speech_routes
from gateway.web.startup import check_startup, startup_warnings
from gateway.web.visitors import Visitor

if TYPE_CHECKING:
    from gateway.flows_desk import FlowsDesk
    from gateway.legs.hand_over import HandOverDesk

log = structlog.get_logger()

WARM_UP_AFTER_S: Final = 1.0
FINAL_STATUSES: Final = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
_LETTERS: Final = "bcdfghjkmnpqrstvwxz"


def new_call_id() -> str:
    """Return a call's id: twelve letters, so that no digit run of it ever looks like a card's."""
    return "".join(secrets.choice(_LETTERS) for _ in range(12))


class Exchange:
    """Takes calls: the front desk that the doors ask (``web.front_desk.FrontDesk``).

    Args:
        settings: checked settings.
        clock: times the calls.
        watch: gives one more sink for a call, e.g. for a live view.

    """

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, watch: Callable[[str], Sink] | None = None
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.registry = CallRegistry(settings.limits.calls)
        self._watch = watch
        self.board = LiveBoard()
        """What goes on at this moment."""
        self._visitors: dict[str, Visitor] = {}
        """Pages whose conversation is live, by leg id."""
        self.metrics = Metrics(
            live=lambda: len(self.registry.live), early=lambda: self.bank.ringing, limit=settings.limits.calls
        )
        self.bank = ModelBank(settings, self.metrics, self.clock)
        privacy = settings.privacy
        self._custom = (
            CustomRedaction(load_custom(privacy.redactor), limit_ms=privacy.redactor_limit_ms)
            if privacy.redactor
            else None
        )
        self._patterns = load_patterns(privacy.patterns)
        self.archive = Archive(settings, self.clock, self._patterns)
        self._local_speech: LocalSpeech = SpareVoice()
        self._toolbox = Toolbox(settings.tools)
        self.speech: SpeechService | None = None
        if settings.speech_api.enabled and (settings.speech_api.endpoint or settings.endpoint):
            self.speech = SpeechService(settings, clock=self.clock, reach=self.bank.reachable, custom=self._custom)
        self.flows: FlowsDesk | None = None
        """The call flows; None if no number can reach one."""
        self._hand_overs: HandOverDesk | None = None

    # --- the doors ask ---------------------------------------------------------------------------------------------

    def may_answer(self) -> str | None:
        """Return why no call can be taken now, or None."""
        refusal = self.registry.refusal()
        if refusal is not None:
            self.metrics.call_refused(refusal)
        return refusal

    def ringing(self, ring: Ring) -> None:
        """Open the model session of a call that rings, if there is room."""
        persona = self._persona(ring.dialed_number)[1]
        self.bank.ring(ring.leg_id, self._endpoint_name(persona))

    def carrier_status(self, leg_id: str, status: str, duration_s: int | None) -> None:
        """Keep the carrier's last word on a call in its journal; a call that ended while it rang needs no session."""
        log.info("carrier_status", leg_id=leg_id, status=status, duration_s=duration_s)
        if status not in FINAL_STATUSES:
            return
        self.bank.drop(leg_id)
        self.archive.note_status(leg_id, status, duration_s)

    def hands_over(self, desk: HandOverDesk) -> None:
        """Take what hands callers to colleagues, for calls on flows."""
        self._hand_overs = desk

    def ready(self) -> tuple[bool, Mapping[str, str]]:
        """Return whether calls should be sent here, and why not; a full house is ready and says so to its callers."""
        refusal = self.registry.refusal()
        parts: dict[str, str] = {"calls": refusal or "ok"}
        if self.bank.local_model is not None:
            parts["local_model"] = "ok" if self.bank.local_model.alive else "down"
        return all(word in {"ok", "busy"} for word in parts.values()), parts

    async def take(self, leg: Leg) -> None:
        """Run the whole call on this leg."""
        if self.registry.refusal() is not None:
            await leg.hang_up()
            return
        call_id = new_call_id()
        bind_call(call_id)
        with self.registry.slot(call_id, self.clock.wall_s()):
            await self._hold(call_id, leg)

    def has_flow(self, flow: str) -> bool:
        """Return whether there is a call flow of that id."""
        return self.flows is not None and self.flows.has(flow)

    async def visit(self, visitor: Visitor) -> None:
        """Run the whole conversation of a page."""
        leg_id = visitor.leg.started.leg_id
        self._visitors[leg_id] = visitor
        try:
            await self.take(visitor.leg)
        finally:
            del self._visitors[leg_id]

    @asynccontextmanager
    async def hold_session(self) -> AsyncIterator[Held]:
        """Hold a slot, a record and the way to the endpoint for a program that speaks to it itself.

        Raises:
            Unsupported: the endpoint does not speak the GA protocol.

        """
        name = self.settings.proxy.endpoint or self.settings.endpoint
        assert name is not None, "loaded settings name their default endpoint"
        endpoint = self.settings.endpoints[name]
        call_id, started_at_s = new_call_id(), self.clock.wall_s()
        bind_call(call_id)
        with self.registry.slot(call_id, started_at_s):
            paths = await self.archive.paths(call_id, started_at_s)
            metered = CallMetrics(self.metrics, endpoint=name, model=endpoint.model or endpoint.deployment)
            sink = self._behind_custom(
                Fanout([metered, *self._sinks(call_id, paths)]), CallContext(call_id, "proxy", "")
            )
            held = Held(
                call_id,
                self.bank.relay(name),
                sink,
                Redactor(self._patterns),
                Story(self.settings.prices.price_of(endpoint.model, endpoint.deployment)),
            )
            self.registry.keeps(call_id, held)
            try:
                yield held
            finally:
                await sink.close()
                self.archive.file(paths)

    async def _hold(self, call_id: str, leg: Leg) -> None:
        started_at_s = self.clock.wall_s()
        paths = await self.archive.paths(call_id, started_at_s)
        self.archive.remember(leg.started.leg_id, paths, started_at_s)
        call = Call(leg, self._parts(call_id, leg.started, paths))
        self.registry.holds(call_id, call)
        try:
            await call.run()
        finally:
            self.archive.file(paths)

    # --- what a call gets ------------------------------------------------------------------------------------------

    def _parts(self, call_id: str, started: LegStarted, paths: CallPaths | None) -> CallParts:
        visitor = self._visitors.get(started.leg_id)
        name, persona = self._persona(started.dialed_number) if visitor is None else self._chosen(visitor)
        connector = self._connector(persona)
        endpoint = self._endpoint(persona)
        flow = None
        wanted = None if visitor is None else visitor.wish.line.flow
        if self.flows is not None and (visitor is None or wanted is not None):
            model = endpoint.model or endpoint.deployment or endpoint.type
            flow = self.flows.flow_call(started, call_id, connector.capabilities, model=model, name=wanted)
        facts = CallFacts(
            call_id=call_id,
            caller_number=started.caller_number,
            dialed_number=started.dialed_number,
            parameters=started.parameters,
        )
        plan = plan_call(
            name,
            persona,
            started,
            endpoint=endpoint,
            endpoint_name=connector.name,
            call_s=self.settings.limits.call_s,
            semantic_vad=connector.capabilities.semantic_vad,
        )
        setup = session_setup(plan, persona, endpoint, started, connector.capabilities)
        transcriber = None if setup.transcription is None else setup.transcription.model
        tools: Mapping[str, Tool] = self._toolbox.for_call(persona.tools, facts)
        if flow is not None:
            from gateway.bridge.flow.plan import plan_of_flow, setup_of_flow  # loaded with the desk

            plan, setup, tools = plan_of_flow(plan, flow), setup_of_flow(setup, flow), flow.talk_tools
        if visitor is not None and visitor.wish.push_to_talk:
            setup = replace(setup, turn_detection=None, extras={**setup.extras, "audio.input.turn_detection": None})
        # What the operator's own redactor has not seen yet is not shown; records come behind it.
        view = visitor.view if visitor is not None and self._custom is None else None
        return CallParts(
            call_id=call_id,
            plan=plan,
            setup=setup,
            flow=flow,
            view=view,
            view_redactor=None if view is None else Redactor(self._patterns),
            connector=connector,
            session=self.bank.redeem(started.leg_id),
            append_ms=endpoint.append_ms,
            clock=self.clock,
            redactor=Redactor(self._patterns),
            sink=self._behind_custom(
                Fanout(
                    [
                        CallMetrics(
                            self.metrics,
                            endpoint=connector.name,
                            model=endpoint.model or endpoint.deployment,
                            transcriber=transcriber,
                        ),
                        *self._sinks(call_id, paths),
                        *([] if visitor is None else [visitor.view]),
                    ]
                ),
                CallContext(call_id, name, persona.language),
            ),
            price=self.settings.prices.price_of(endpoint.model, endpoint.deployment),
            transcriber_price=self.settings.prices.transcriber_price_of(transcriber),
            card_protection=self.settings.records.card_protection == "on",
            tap=self.archive.tap(started, paths) if flow is None or flow.flow.recording.mode == "on" else None,
            local_speech=self._local_speech,
            tools=tools,
            lookups=tuple(self._toolbox.for_call(persona.lookup.tools if persona.lookup else (), facts).values()),
        )

    def _behind_custom(self, sink: Sink, context: CallContext) -> Sink:
        """Return the sinks behind the operator's own redactor, if there is one."""
        return sink if self._custom is None else CustomStage(sink, self._custom, context)

    def _sinks(self, call_id: str, paths: CallPaths | None) -> Sequence[Sink]:
        sinks: list[Sink] = [CallLog(), self.board.sink(call_id)]
        sinks += self.archive.sinks(call_id, paths)
        if self._watch is not None:
            sinks.append(Aside(self._watch(call_id)))
        return sinks

    def _persona(self, dialed_number: str) -> tuple[str, PersonaSettings]:
        answer = answer_to(self.settings, dialed_number)
        return answer.persona_name, answer.persona

    def _chosen(self, visitor: Visitor) -> tuple[str, PersonaSettings]:
        """Return the persona that a page asked for, as it asked for it."""
        line = visitor.wish.line
        name = line.persona or self.settings.persona
        return name, persona_on(self.settings.personas[name], line)

    def _endpoint_name(self, persona: PersonaSettings) -> str:
        name = persona.endpoint or self.settings.endpoint
        assert name is not None, "loaded settings name their default endpoint"
        return name

    def _endpoint(self, persona: PersonaSettings) -> EndpointSettings:
        return self.settings.endpoints[self._endpoint_name(persona)]

    def _connector(self, persona: PersonaSettings) -> ModelConnector:
        return self.connector(self._endpoint_name(persona))

    def connector(self, name: str) -> ModelConnector:
        """Return what opens sessions on an endpoint of the settings; the house must be open for a local one."""
        return self.bank.connector(name)

    # --- opening and closing the house -----------------------------------------------------------------------------

    async def open(self) -> None:
        """Prepare the data directory and start the local model if an endpoint needs it.

        Raises:
            ConfigurationError: something that a call needs is not there; the message names the cures.

        """
        if self.archive.is_open:
            return
        for answer in answers(self.settings):
            check_endpoint(answer.endpoint_name, answer.endpoint)
        if self.speech is not None:
            check_endpoint(self.speech.endpoint_name, self.speech.endpoint_settings)
        data_dir = await self.archive.open()
        await self._toolbox.open()
        await self._open_flows(data_dir)
        if self._needs_local_model():
            try:
                await self.bank.start_local_model()
            except ConfigurationError:
                await self._toolbox.close()
                raise

    async def _open_flows(self, data_dir: DataDir) -> None:
        if not any_flow(self.settings):
            return
        from gateway.flows_desk import FlowsDesk  # a gateway without flows starts without them

        self.flows = FlowsDesk(
            self.settings,
            data_dir.root,
            clock=self.clock,
            local_speech=self._local_speech,
            hand_overs=self._hand_overs,
        )
        try:
            await self.flows.open()
        except ConfigurationError:
            await self._toolbox.close()
            await self.flows.close()
            raise

    def _needs_local_model(self) -> bool:
        endpoints = [answer.endpoint for answer in answers(self.settings)]
        if self.speech is not None:
            endpoints.append(self.speech.endpoint_settings)
        if self.settings.browser.enabled:  # a page may choose who answers
            endpoints += [self._endpoint(persona) for persona in self.settings.personas.values()]
        if self.settings.proxy.enabled and self.settings.proxy.endpoint is not None:
            endpoints.append(self.settings.endpoints[self.settings.proxy.endpoint])
        return any(endpoint.type == "local" and endpoint.url is None for endpoint in endpoints)

    def end_calls(self) -> None:
        """End all calls now."""
        for live in self.registry.live:
            if live.held is not None:
                live.held.end(Ending(Party.GATEWAY, "drained"))

    async def drain(self, limit_s: float | None = None) -> None:
        """Take no more calls and see the live ones out."""
        log.info("draining", live=len(self.registry.live))
        left = await self.registry.drain(self.settings.server.drain_s if limit_s is None else limit_s)
        log.info("drained", ended_early=left)

    async def close(self) -> None:
        """Close what :meth:`open` opened; calls still live are ended first."""
        self.end_calls()
        await self.registry.drain(0)
        await self.archive.close()
        if self.speech is not None:
            await self.speech.close()
        await self._toolbox.close()
        if self.flows is not None:
            await self.flows.close()
        await self.bank.close()


def create_app(settings: Settings, *, exchange: Exchange | None = None) -> Starlette:
    """Return the gateway as an ASGI application; its lifespan opens and closes the house.

    Serve it as ``web.routes.routes`` says. ``app.state.exchange`` is the :class:`Exchange`.

    Raises:
        ConfigurationError: settings that would not be safe or could not work.

    """
    check_startup(settings)
    house = exchange or Exchange(settings)
    http = CarrierHttp(settings.carriers)
    prepare_data_dir(settings.data_dir)
    tickets = open_ticket_office(settings, house.clock)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        for warning in [*startup_warnings(settings), *shortfalls(settings)]:
            log.warning("startup", warning=warning)
        await house.open()
        # Soon, but behind the first answers: certificates and libraries are loaded, and no call shall wait for that.
        loop = asyncio.get_running_loop()
        warm_ups = [loop.call_later(WARM_UP_AFTER_S, warm_up) for warm_up in (http.warm_up, house.archive.warm_up)]
        try:
            yield
        finally:
            for warm_up in warm_ups:
                warm_up.cancel()
            await house.close()
            await http.close()

    access = Access(settings, token_secret(settings), house.clock)
    doors = routes(house, tickets, http, house.clock, house.metrics)
    doors += api_routes(access, house)
    if house.speech is not None:
        doors += speech_routes(house.speech, access)
    app = Starlette(routes=doors, middleware=browser_middleware(settings), lifespan=lifespan)
    app.state.exchange = house
    app.state.access = access
    return app
