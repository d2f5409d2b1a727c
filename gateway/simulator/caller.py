"""Placing a call to a running gateway as Twilio would, with a caller who follows a script.

The webhook comes first, signed; its TwiML is carried out verb by verb; the media stream that it names is dialled with
a signed upgrade; when that ends, ``action`` or the next verb says how the call goes on; status callbacks tell the end.
The rules are elsewhere: the wire in ``carriers/``, the caller in ``handset.py`` and ``performer.py``. This room does
the HTTP and the waiting.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urljoin

from websockets.exceptions import ConnectionClosed

from gateway.clock import Clock, SystemClock
from gateway.errors import CarrierError
from gateway.simulator.carriers import twiml
from gateway.simulator.carriers.twilio import TwilioStream
from gateway.simulator.carriers.twilio_webhook import CallForm, TwilioCredentials
from gateway.simulator.faults import Faults
from gateway.simulator.handset import Handset
from gateway.simulator.line import Line, LineConditions
from gateway.simulator.outcome import CallEvent, CallOutcome, describe, judge
from gateway.simulator.pace import Pace
from gateway.simulator.rest import Complete, RestCommand, RunTwiml, RunUrl, TwilioRest
from gateway.simulator.script import EndedBy, Script
from gateway.simulator.stream_socket import Address, StreamRefused, StreamSocket, dial
from gateway.simulator.voices import Rendered, SpeechSource, render
from gateway.simulator.webhook_client import CallTarget, WebhookClient

__all__ = ["CallOutcome", "CallTarget", "TwilioCredentials", "describe", "place_call"]

NO_ACCOUNT: Final = "AC" + "0" * 32
"""The account of a call without credentials, in which nothing is signed."""
_MOST_DOCUMENTS: Final = 20
"""TwiML documents in one call, so that redirects in a ring end."""
_REUSE_LIMIT_S: Final = 5.0
_REUSE_AFTER_S: Final = 1.0
"""How long the second socket waits for the agent to be heard on the first."""
_Document = tuple[str, bytes]
"""The address that a TwiML document came from, and its bytes."""


async def place_call(
    target: CallTarget,
    script: Script,
    *,
    line: Line | None = None,
    network_ms: tuple[int, int] | int = 0,
    credentials: TwilioCredentials | None = None,
    voice: SpeechSource | None = None,
    clock: Clock | None = None,
    on_event: Callable[[CallEvent], None] | None = None,
    faults: Faults | None = None,
    rest: TwilioRest | None = None,
    speedup: float = 1.0,
) -> CallOutcome:
    """Place one call and stay in it to its end.

    Args:
        target: the gateway.
        script: the caller.
        line: conditions on the caller's audio; None takes the script's own.
        network_ms: delay of media, marks, keys, clears and closing: to the gateway and from it, or one for both.
        credentials: the Twilio account; None signs nothing.
        voice: who speaks the script's words; None takes the local voice.
        clock: the monotonic clock; None takes the machine's.
        on_event: called for each event as it happens, on the event loop.
        faults: what the carrier does wrong.
        rest: the REST API through which the gateway may hang up or transfer this call.
        speedup: the call's milliseconds in one of the clock's; for tests against a peer without a clock.

    Returns:
        What came of it. A gateway that fails, refuses or hangs up is an outcome, not an error.

    Raises:
        SpeechError: the script has words and there is no voice.
        ConfigurationError: a WAV file of the script can't be used.

    """
    rendered = await asyncio.to_thread(render, script, line or script.line, voice)
    both = (network_ms, network_ms) if isinstance(network_ms, int) else network_ms
    call = _Call(
        target=target,
        script=script,
        rendered=rendered,
        line=line or script.line,
        network_ms=both,
        account_sid=credentials.account_sid if credentials else NO_ACCOUNT,
        auth_token=credentials.auth_token if credentials else None,
        pace=Pace(clock or SystemClock(), speedup),
        clock=clock or SystemClock(),
        on_event=on_event or (lambda event: None),
        faults=faults or Faults(),
    )
    if rest is not None:
        rest.register(call.form.call_sid, call.command)
    try:
        return await call.run()
    finally:
        if rest is not None:
            rest.unregister(call.form.call_sid)


@dataclass(slots=True, kw_only=True)
class _Call:
    """One call at Twilio: carries out TwiML until there is none left."""

    target: CallTarget
    script: Script
    rendered: Rendered
    line: Line
    network_ms: tuple[float, float]
    account_sid: str
    auth_token: str | None = field(repr=False)
    pace: Pace
    clock: Clock
    on_event: Callable[[CallEvent], None]
    faults: Faults
    form: CallForm = field(init=False)
    outcome: CallOutcome = field(init=False)
    _http: WebhookClient = field(init=False)
    _commands: deque[RestCommand] = field(default_factory=deque)
    _commanded: asyncio.Event = field(default_factory=asyncio.Event)
    _agent_started: asyncio.Event = field(default_factory=asyncio.Event)
    _handset: Handset | None = None
    _socket: StreamSocket | None = None
    _status: str = "ringing"
    _ended: bool = False

    def __post_init__(self) -> None:
        self.form = CallForm(self.account_sid, self.target.caller_number, self.target.dialed_number)
        self.outcome = CallOutcome(script=self.script, call_sid=self.form.call_sid)

    def command(self, command: RestCommand) -> None:
        """Take a command of the REST API."""
        self._emit("rest", command=type(command).__name__)
        self._commands.append(command)
        self._commanded.set()
        if self._handset is not None and self._socket is not None:
            self._handset.end(EndedBy.GATEWAY, "the gateway asked for it by the REST API", self.pace.now_ms())
            self._socket.nudge()

    async def run(self) -> CallOutcome:
        async with WebhookClient(self.target, self.auth_token, self.faults) as self._http:
            try:
                await self._follow_documents()
            except CarrierError as error:
                self._end(EndedBy.GATEWAY, str(error), "failed")
            if not self._ended:
                self._end(EndedBy.GATEWAY, "the TwiML had no more verbs", "completed")
            await self._tell_status()
        return self._concluded()

    # --- documents and verbs -------------------------------------------------------------------------------------

    async def _follow_documents(self) -> None:
        document: _Document | None
        url = self.target.voice_webhook_url
        if url is None:
            assert self.target.stream_url is not None
            url = self.target.stream_url
            document = await self._run_verbs([twiml.Connect(url, self.target.parameters)], url)
        else:
            document = (url, await self._ask(url, "POST"))
        for _ in range(_MOST_DOCUMENTS):
            if document is None or self._ended:
                return
            url, content = document
            document = await self._run_verbs(twiml.parse_twiml(content), url)
        raise CarrierError(f"{_MOST_DOCUMENTS} TwiML documents in one call; the last came from {url}")

    async def _run_verbs(self, verbs: Sequence[twiml.Verb], base_url: str) -> _Document | None:
        """Carry out a document; return the next one, None at the end."""
        for verb in verbs:
            following = await self._carry_out(verb, base_url)
            while self._commands and not self._ended:
                following = await self._obey(self._commands.popleft(), base_url)
            if following is not None or self._ended:
                return following
        return None

    async def _obey(self, command: RestCommand, base_url: str) -> _Document | None:
        match command:
            case Complete():
                self._end(EndedBy.GATEWAY, "hung up by the REST API", "completed")
                return None
            case RunTwiml(document):
                return base_url, document
            case RunUrl(url, method):
                return url, await self._ask(url, method)

    async def _carry_out(self, verb: twiml.Verb, base_url: str) -> _Document | None:
        name = twiml.verb_name(verb)
        self.outcome.verbs.append(name)
        self._emit("verb", verb=name)
        if not isinstance(verb, twiml.Reject | twiml.Redirect) and self._status == "ringing":
            self._status = "in-progress"
        match verb:
            case twiml.Connect():
                return await self._connect(verb, base_url)
            case twiml.Redirect(url, method):
                url = urljoin(base_url, url)
                return url, await self._ask(url, method)
            case twiml.Dial(number):
                self.outcome.transferred_to = number
                self._end(EndedBy.GATEWAY, f"put through to {number}", "completed")
            case twiml.Reject(reason):
                self._end(EndedBy.GATEWAY, f"rejected: {reason}", "busy" if reason == "busy" else "no-answer")
            case twiml.Hangup():
                self._end(EndedBy.GATEWAY, "hung up by TwiML", "completed")
            case twiml.Pause(length_s):
                await self._pause(length_s * 1000)
            case twiml.Say() | twiml.Other():
                pass
        return None

    async def _pause(self, length_ms: float) -> None:
        """Sit on a silent line; the script's limit is the caller's patience."""
        until_ms = min(self.pace.now_ms() + length_ms, float(self.script.limit_ms))
        if not self._commands:
            await self.pace.wait(self._commanded, until_ms)
        if not self._commands and self.pace.now_ms() >= self.script.limit_ms:
            self._end(EndedBy.LIMIT, f"the limit of {self.script.limit_ms} ms ran out on a silent line", "completed")

    # --- the media stream ----------------------------------------------------------------------------------------

    async def _connect(self, verb: twiml.Connect, base_url: str) -> _Document | None:
        if self.outcome.stream_sid:
            raise CarrierError("a second <Connect><Stream> in one call; this caller follows one")
        url = urljoin(base_url, verb.url)
        stream = TwilioStream(self.form.call_sid, self.account_sid, parameters=verb.parameters)
        self.outcome.stream_sid = stream.stream_sid
        address = self._http.stream_address(url)
        try:
            connection = await dial(address)
        except StreamRefused as refused:
            self.outcome.handshake_status = refused.status
            self.outcome.warnings.append(refused.warning)
            self._emit("stream_refused", why=str(refused))
            await self._tell_stream(verb, base_url, "stream-error", str(refused))
        else:
            self.outcome.handshake_status = 101
            self._begin_timeline()
            handset = Handset(
                stream,
                self.script,
                self.rendered,
                LineConditions(self.line, self.rendered.second_voice),
                network_ms=self.network_ms,
                faults=self.faults,
                emit=self._note,
            )
            self._handset = handset
            pause_ms = self.faults.slow_reader_ms
            self._socket = StreamSocket(connection, handset, self.pace, read_pause_ms=pause_ms, emit=self._note)
            self._emit("stream_opened")
            told = asyncio.create_task(self._tell_stream(verb, base_url, "stream-started"))
            reused = asyncio.create_task(self._reuse(address, verb)) if self.faults.reuse_token else None
            try:
                await self._socket.run()
                await told
                if reused is not None:
                    self.outcome.reuse_close_code = await reused
            finally:
                for task in (told, reused):
                    if task is not None:
                        task.cancel()
                self._socket = None
            self.outcome.warnings += handset.warnings
            await self._tell_stream(verb, base_url, "stream-stopped")
            if handset.ended_by in {EndedBy.CALLER, EndedBy.LIMIT}:
                self._end(handset.ended_by, handset.why, "completed", handset.ended_ms)
        return await self._after_stream(verb, base_url)

    async def _after_stream(self, verb: twiml.Connect, base_url: str) -> _Document | None:
        """Ask ``action`` how the call goes on, unless somebody has said so already."""
        if self._ended or self._commands:
            return None
        if verb.action:
            url = urljoin(base_url, verb.action)
            return url, await self._ask(url, verb.method)
        if self.target.stream_url is not None:
            self._end_as_stream()
        return None

    def _end_as_stream(self) -> None:
        handset = self._handset
        if handset is None:
            self._end(EndedBy.GATEWAY, "the gateway did not take the media stream", "failed")
        else:
            self._end(handset.ended_by or EndedBy.GATEWAY, handset.why, "completed", handset.ended_ms)

    async def _reuse(self, address: Address, verb: twiml.Connect) -> int | None:
        """Present the same parameters on a second socket; return the code it is closed with, None if it is not."""
        stream = TwilioStream(self.form.call_sid, self.account_sid, parameters=verb.parameters)
        # After the first socket was taken for sure, or it is a race that the second may well win.
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._agent_started.wait(), _REUSE_AFTER_S)
        try:
            connection = await dial(address)
        except StreamRefused as refused:
            return refused.status
        async with connection:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_REUSE_LIMIT_S):
                    try:
                        await connection.send(stream.connected())
                        await connection.send(stream.start())
                        while True:
                            await connection.recv()
                    except ConnectionClosed as closed:
                        return closed.rcvd.code if closed.rcvd is not None else None
        return None

    # --- HTTP ----------------------------------------------------------------------------------------------------

    async def _ask(self, url: str, method: str) -> bytes:
        status, document = await self._http.ask(url, self.form.voice(self._status), method)
        self._emit("webhook", purpose="document", url=url, status=status)
        return document

    async def _tell_stream(self, verb: twiml.Connect, base_url: str, event: str, error: str = "") -> None:
        if verb.status_callback:
            sid = self.outcome.stream_sid
            form = self.form.stream(event, sid, verb.stream_name, error, wall_s=self.clock.wall_s())
            await self._tell(urljoin(base_url, verb.status_callback), form, verb.status_callback_method)

    async def _tell_status(self) -> None:
        if self.target.status_callback_url is not None:
            form = self.form.ended(self._status, round(max(0.0, self.outcome.ended_ms) / 1000))
            await self._tell(self.target.status_callback_url, form, "POST")

    async def _tell(self, url: str, form: Mapping[str, str], method: str) -> None:
        """Report something; what the gateway answers changes nothing for the call."""
        try:
            status = await self._http.tell(url, form, method)
        except CarrierError as error:
            self._emit("webhook", purpose="callback", url=url, status=0, why=str(error))
        else:
            self._emit("webhook", purpose="callback", url=url, status=status)

    # --- the record ----------------------------------------------------------------------------------------------

    def _begin_timeline(self) -> None:
        """Make this the first instant; what came before has negative times."""
        before_ms = self.pace.restart()
        shifted = [CallEvent(event.at_ms - before_ms, event.kind, event.facts) for event in self.outcome.events]
        self.outcome.events = shifted

    def _emit(self, kind: str, **facts: object) -> None:
        self._note(CallEvent(self.pace.now_ms(), kind, facts))

    def _note(self, event: CallEvent) -> None:
        if event.kind == "agent_started":
            self._agent_started.set()
        self.outcome.events.append(event)
        self.on_event(event)

    def _end(self, ended_by: EndedBy, why: str, status: str, at_ms: float | None = None) -> None:
        if self._ended:
            return
        if self._handset is not None and self._handset.ended_by is EndedBy.CARRIER:
            ended_by, why = EndedBy.CARRIER, self._handset.why
        self._ended, self._status = True, status
        self.outcome.ended_by, self.outcome.why = ended_by, why
        self.outcome.ended_ms = self.pace.now_ms() if at_ms is None else at_ms
        self._note(CallEvent(self.outcome.ended_ms, "ended", {"by": str(ended_by), "why": why}))

    def _concluded(self) -> CallOutcome:
        outcome, handset = self.outcome, self._handset
        outcome.events.sort(key=lambda event: event.at_ms)
        if handset is None:
            outcome.checks = judge(outcome, steps_done=0, failures=[])
            return outcome
        outcome.truth = handset.playout.truth
        outcome.caller_pcm = handset.caller_pcm
        outcome.caller_speech_spans = handset.performer.spans
        outcome.close_code = handset.close_code
        if handset.late_ms:
            late = sorted(handset.late_ms)
            outcome.late_max_ms, outcome.late_p99_ms = late[-1], late[int(len(late) * 0.99)]
        outcome.checks = judge(outcome, steps_done=handset.performer.done, failures=handset.performer.failures)
        return outcome
