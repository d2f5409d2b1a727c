"""The driver and its sessions: replaced while the call goes on, and all closed when it ends, whenever that is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest
import structlog.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.audio.format import PCMU_8K, AudioFrame
from gateway.bridge.call import Call
from gateway.bridge.early import EarlySessions
from gateway.bridge.parts import CallParts
from gateway.clock import HandClock
from gateway.contracts.model import (
    CallerTranscript,
    ItemAudio,
    ItemDone,
    ModelSession,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SessionLost,
    SessionSetup,
    SpeechStarted,
    SpeechStopped,
    ToolAsked,
    ToolSpec,
    UtteranceCommitted,
)
from gateway.contracts.record import AgentSpoke, CallEnded, CallerSpoke, Fault, ModelReplaced
from gateway.contracts.tool import Tool, ToolOutcome
from gateway.errors import Ending, ModelError, ModelRefused, Party
from gateway.privacy.redactor import Redactor
from tests.bridge.banks import MODEL, FakeLeg, FakeSession, Shelf
from tests.bridge.scene import PLAN

LOST = SessionLost("connection_lost", retryable=True)


class Bank:
    """A connector that gives what it was told to give, one after the other, and then sessions without end."""

    name = "fake"
    capabilities = MODEL

    def __init__(self, *gives: FakeSession | ModelError | asyncio.Event) -> None:
        self.gives = list(gives)
        self.sessions: list[FakeSession] = []
        self.tries = 0

    async def connect(self) -> FakeSession:
        self.tries += 1
        given = self.gives.pop(0) if self.gives else FakeSession()
        if isinstance(given, asyncio.Event):
            await given.wait()
            given = FakeSession()
        if isinstance(given, ModelError):
            raise given
        self.sessions.append(given)
        return given


class Stage:
    """One call over a bank."""

    def __init__(self, *gives: FakeSession | ModelError | asyncio.Event, **plan: object) -> None:
        self.leg, self.bank, self.shelf, self.clock = FakeLeg(), Bank(*gives), Shelf(), HandClock()
        self.never = asyncio.Event()
        spec = ToolSpec(name="stuck", description="never ends", parameters={"type": "object"})
        self.call = Call(self.leg, self.parts(spec, plan))
        self.running = asyncio.create_task(self.call.run())

    def parts(self, spec: ToolSpec, plan: dict[str, object]) -> CallParts:
        async def stuck(arguments: str) -> ToolOutcome:
            await self.never.wait()
            return ToolOutcome("{}")

        setup = SessionSetup(
            instructions="Be kind.",
            voice=None,
            input_format=PCMU_8K,
            output_format=PCMU_8K,
            turn_detection=None,
            transcription=None,
        )
        return CallParts(
            call_id="testcall",
            plan=replace(PLAN, **plan),  # type: ignore[arg-type]
            setup=setup,
            connector=self.bank,
            clock=self.clock,
            redactor=Redactor(),
            sink=self.shelf,
            tools={"stuck": Tool(spec=spec, run=stuck)},
        )

    @property
    def session(self) -> FakeSession:
        """The session that was opened last."""
        return self.bank.sessions[-1]

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not true():
                await asyncio.sleep(0)

    async def connected(self) -> None:
        await self.until(lambda: bool(self.bank.sessions) and self.session.listener is not None)

    async def replaced(self, times: int = 1) -> None:
        await self.until(lambda: len(self.shelf.of(ModelReplaced)) == times)

    def line(self, ms: int, *, first: int = 0) -> None:
        """The line brings audio, each frame with a number of its own."""
        for number in range(first, first + ms // 20):
            self.clock.advance(20)
            self.leg.hears(AudioFrame(PCMU_8K, raw=number.to_bytes(4, "big") + bytes(156)))

    def caller_says(self, text: str, item_id: str) -> None:
        self.session.says(SpeechStarted(item_id, 0))
        self.session.says(SpeechStopped(item_id, 400))
        self.session.says(UtteranceCommitted(item_id, None))
        self.session.says(CallerTranscript(item_id, text, final=True))

    def answer(self, text: str, number: int, ms: int = 100) -> None:
        self.session.says(ResponseStarted(f"r{number}", None))
        self.session.says(ItemAudio(f"r{number}", f"i{number}", AudioFrame(PCMU_8K, raw=bytes(8 * ms))))
        self.session.says(ItemDone(f"r{number}", f"i{number}", text))
        self.session.says(ResponseDone(f"r{number}", ResponseStatus.COMPLETED))

    async def over(self) -> Ending:
        async with asyncio.timeout(5):
            while not self.running.done():
                self.clock.advance(50)
                await asyncio.sleep(0.001)
        assert len(self.shelf.of(CallEnded)) == 1
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert all(session.closed for session in self.bank.sessions)
        return self.running.result()


def numbers(session: FakeSession) -> list[int]:
    """The numbers of the frames that a session was given."""
    return [int.from_bytes(frame.raw[:4], "big") for frame in session.was_told("append")]


async def test_a_lost_session_is_replaced_and_told_what_was_said() -> None:
    stage = Stage()
    await stage.connected()
    stage.caller_says("Hello.", "u1")
    stage.answer("Yes, please?", 1)
    first = stage.session
    first.says(LOST)
    await stage.replaced()
    assert stage.session is not first
    assert stage.session.items == [("user", "Hello."), ("assistant", "Yes, please?")]
    assert stage.session.was_told("configure") == first.was_told("configure")
    await stage.until(lambda: first.closed)
    stage.leg.ends()
    assert (await stage.over()).reason == "hung_up"


async def test_no_frame_of_a_gap_is_lost_or_heard_out_of_order() -> None:
    door = asyncio.Event()
    stage = Stage(FakeSession(), door)
    await stage.connected()
    stage.line(2000)
    stage.session.says(LOST)
    stage.line(1000, first=100)
    door.set()
    await stage.replaced()
    stage.line(200, first=150)
    assert numbers(stage.session) == list(range(70, 160))
    stage.leg.ends()
    await stage.over()


async def test_at_a_renewal_every_frame_goes_to_one_session_or_the_other() -> None:
    stage = Stage(session_limit_ms=10_000)
    await stage.connected()
    first = stage.session
    stage.line(2000)
    async with asyncio.timeout(5):
        while not stage.shelf.of(ModelReplaced):
            stage.clock.advance(500)
            stage.call._wake()
            await asyncio.sleep(0)
    stage.line(400, first=100)
    assert numbers(first) == list(range(100))
    assert numbers(stage.session)[-20:] == list(range(100, 120))
    assert numbers(stage.session) == list(range(70, 120)), "an onset that was not yet told of is heard again"
    assert stage.shelf.of(ModelReplaced)[0].why in {"renewed", "forced"}
    stage.leg.ends()
    await stage.over()


async def test_what_a_replaced_session_still_says_reaches_nobody() -> None:
    stage = Stage()
    await stage.connected()
    first = stage.session
    first.says(LOST)
    await stage.replaced()
    first.says(ResponseStarted("r9", None))
    first.says(ItemAudio("r9", "i9", AudioFrame(PCMU_8K, raw=bytes(800))))
    assert stage.leg.was_told("audio") == []
    stage.leg.ends()
    await stage.over()


async def test_the_first_session_may_take_a_second_try() -> None:
    stage = Stage(ModelRefused("HTTP 503", status=503, retryable=True), greeting="Hello.")
    await stage.replaced()
    assert [request.tag.partition("-")[0] for request in stage.session.was_told("respond")] == ["greeting"]
    stage.leg.ends()
    await stage.over()


async def test_a_first_session_that_no_try_can_get_ends_the_call_and_is_logged_once() -> None:
    with structlog.testing.capture_logs() as log:
        stage = Stage(ModelRefused("HTTP 401", status=401))
        assert await stage.over() == Ending(Party.MODEL, "lost", ok=False)
    assert [line["why"] for line in log if line["event"] == "model_unreachable"] == ["HTTP 401"]
    assert stage.bank.tries == 1


async def test_a_session_that_never_takes_its_set_up_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.bridge.sessions.READY_WITHIN_S", 0.01)
    mute = FakeSession()
    mute.answers_setup = False
    stage = Stage(FakeSession(), mute)
    await stage.connected()
    stage.session.says(LOST)
    async with asyncio.timeout(5):
        while not stage.shelf.of(ModelReplaced):
            stage.clock.advance(20)
            await asyncio.sleep(0.001)
    assert mute.closed
    assert [str(fault.kind) for fault in stage.shelf.of(Fault)] == ["model_lost", "model_refused"]
    stage.leg.ends()
    await stage.over()


async def test_a_session_that_is_lost_while_it_waits_is_opened_anew() -> None:
    stage = Stage(session_limit_ms=60_000)
    await stage.connected()
    stage.session.says(SpeechStarted("u1", 0))
    stage.call._sessions.open_next()
    await stage.until(lambda: len(stage.bank.sessions) == 2)
    await asyncio.sleep(0.01)
    stage.session.says(LOST)
    await stage.until(lambda: stage.session.closed)
    assert "model_refused" in [fault.kind for fault in stage.shelf.of(Fault)]
    stage.leg.ends()
    await stage.over()


PHASES = ["lost", "refused", "opening", "set up", "replaced", "speaking", "caller speaks", "tool", "goodbye", "warm"]


@pytest.mark.parametrize("phase", PHASES)
async def test_a_hang_up_in_any_phase_leaves_no_task_and_no_session_behind(phase: str) -> None:
    mute = FakeSession()
    mute.answers_setup = False
    second = {"refused": ModelError("no route"), "opening": asyncio.Event(), "set up": mute}.get(phase, FakeSession())
    stage = Stage(FakeSession(), second)
    await stage.connected()
    session = stage.session
    match phase:
        case "speaking":
            session.says(ResponseStarted("r1", None))
            session.says(ItemAudio("r1", "i1", AudioFrame(PCMU_8K, raw=bytes(24_000))))
        case "caller speaks":
            session.says(SpeechStarted("u1", 0))
        case "tool" | "goodbye":
            session.says(ResponseStarted("r1", None))
            session.says(ToolAsked("r1", "f1", "c1", "stuck" if phase == "tool" else "end_call", "{}"))
            session.says(ResponseDone("r1", ResponseStatus.COMPLETED))
        case "warm":
            session.says(SpeechStarted("u1", 0))
            stage.call._sessions.open_next()
    if phase != "warm":
        session.says(LOST)
    if phase in {"replaced", "speaking", "tool", "goodbye"}:
        await stage.replaced()
    elif phase in {"opening", "set up", "refused"}:
        await stage.until(lambda: stage.bank.tries == 2)
    elif phase == "warm":
        await stage.until(lambda: len(stage.bank.sessions) == 2)
        await asyncio.sleep(0.01)
    stage.leg.ends()
    assert (await stage.over()).reason == "hung_up"


async def test_a_session_that_died_while_it_waited_for_its_call_is_replaced_before_the_first_word() -> None:
    dead = FakeSession()
    dead.over = True
    stage = Stage()
    stage.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stage.running

    async def waiting() -> ModelSession:
        return dead

    stage.call = Call(stage.leg, replace(stage.call._parts, session=waiting(), sink=Shelf()))
    with structlog.testing.capture_logs() as log:
        stage.running = asyncio.create_task(stage.call.run())
        await stage.until(lambda: len(stage.bank.sessions) == 1 and stage.session.listener is not None)
        assert dead.told == []
        await stage.until(lambda: dead.closed)
        stage.leg.ends()
        await stage.running
    assert [line["event"] for line in log if line["log_level"] == "warning"] == ["early_session_died"]


async def test_an_early_session_that_can_not_be_opened_is_told_of_once_and_the_call_opens_its_own() -> None:
    with structlog.testing.capture_logs() as log:
        early = EarlySessions(5)
        early.open("CA1", Bank(ModelError("no route")))
        redeemed = early.redeem("CA1")
        stage = Stage()
        stage.running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stage.running
        stage.call = Call(stage.leg, replace(stage.call._parts, session=redeemed, sink=Shelf()))
        stage.running = asyncio.create_task(stage.call.run())
        await stage.until(lambda: bool(stage.bank.sessions) and stage.session.listener is not None)
        stage.leg.ends()
        await stage.running
        await early.close()
    assert [line["why"] for line in log if line["event"] == "early_session_failed"] == ["no route"]


async def test_an_early_session_that_nobody_came_for_is_told_of_if_it_failed() -> None:
    with structlog.testing.capture_logs() as log:
        early = EarlySessions(5)
        early.open("CA1", Bank(ModelError("no route")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await early.close()
    assert [line["event"] for line in log if line["log_level"] == "warning"] == ["early_session_failed"]


# --- any order of losses ----------------------------------------------------------------------------------------------


STEPS = ["caller", "answer", "half an answer", "tool", "lost", "lost twice", "interrupt"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=14))
def test_whenever_sessions_are_lost_no_item_is_told_twice_or_not_at_all(steps: list[str]) -> None:
    asyncio.run(losing(steps))


async def losing(steps: list[str]) -> None:
    """Hold a talk with losses in it, and compare what the last session was told with what was said."""
    stage = Stage(reconnect_within_ms=60_000)
    await stage.connected()
    talk: list[tuple[str, ...]] = []
    losses = 0

    async def lose() -> None:
        nonlocal losses
        stage.clock.advance(20_000)  # all is heard, and the session before was a steady one
        stage.session.says(LOST)
        losses += 1
        await stage.replaced(losses)

    for number, step in enumerate(steps):
        match step:
            case "caller":
                stage.caller_says(f"words {number}", f"u{number}")
                talk.append(("user", f"words {number}"))
            case "answer":
                stage.answer(f"answer {number}", number)
                stage.clock.advance(200)
                talk.append(("assistant", f"answer {number}"))
            case "interrupt":
                stage.answer(f"a b c d e f g h {number}", number, ms=1000)
                stage.clock.advance(1)
                stage.caller_says(f"stop {number}", f"u{number}")
                talk.append(("user", f"stop {number}"))
            case "tool":
                stage.session.says(ResponseStarted(f"r{number}", None))
                stage.session.says(ToolAsked(f"r{number}", f"f{number}", f"c{number}", "unheard_of", "{}"))
                stage.session.says(ResponseDone(f"r{number}", ResponseStatus.COMPLETED))
                talk += [("call", f"c{number}", "unheard_of", "{}"), ("result", f"c{number}", "")]
            case "half an answer":
                stage.session.says(ResponseStarted(f"r{number}", None))
                stage.session.says(ItemAudio(f"r{number}", f"i{number}", AudioFrame(PCMU_8K, raw=bytes(8 * 9000))))
                stage.session.says(ItemDone(f"r{number}", f"i{number}", f"half {number}", complete=False))
                talk.append(("assistant", f"half {number}"))
                await lose()
            case "lost":
                await lose()
            case _:
                await lose()
                await lose()
    await lose()
    told = [(*item[:2], "") if item[0] == "result" else item for item in stage.session.items]
    notes = [item for item in told if item[0] == "system"]
    assert [item for item in told if item[0] != "system"] == talk
    assert len(notes) <= 1
    heard = [str(spoke.text) for spoke in stage.shelf.of(AgentSpoke) if spoke.text]
    assert len(heard) == len(set(heard))
    turns = [spoke.turn for spoke in stage.shelf.of(CallerSpoke)]
    assert turns == list(range(1, len(turns) + 1))
    stage.leg.ends()
    await stage.until(stage.running.done)
    assert all(session.closed for session in stage.bank.sessions)
