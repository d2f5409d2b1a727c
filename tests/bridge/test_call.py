"""The driver: a whole call over fake banks, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from gateway.audio.format import PCM16_24K, PCMU_8K, AudioFormat, AudioFrame
from gateway.bridge.call import Call
from gateway.bridge.parts import CallParts
from gateway.clock import HandClock
from gateway.contracts.leg import HeardSignal, LegCapabilities, MarksOnClear
from gateway.contracts.model import (
    ItemAudio,
    ItemDone,
    ModelCapabilities,
    ResponseDone,
    ResponseStarted,
    ResponseStatus,
    SessionLost,
    SessionSetup,
    SpeechStarted,
    ToolAsked,
    ToolSpec,
)
from gateway.contracts.record import CallEnded, CallStarted, ToolReturned
from gateway.contracts.tool import Tool, ToolOutcome
from gateway.errors import Ending, Party
from gateway.privacy.redactor import Redactor
from tests.bridge.banks import CAPABLE, MODEL, FakeConnector, FakeLeg, FakeSession, Shelf
from tests.bridge.scene import PLAN


class Stage:
    """One call with its fake banks."""

    def __init__(
        self,
        *,
        leg: LegCapabilities = CAPABLE,
        model: ModelCapabilities = MODEL,
        format: AudioFormat = PCMU_8K,
        fails: bool = False,
        waits: asyncio.Event | None = None,
        tools: dict | None = None,
        lookups: Sequence[Tool] = (),
        plan_tools: frozenset[str] | None = None,
        **plan: object,
    ) -> None:
        self.leg, self.session, self.shelf = FakeLeg(leg), FakeSession(model), Shelf()
        self.clock = HandClock()
        setup = SessionSetup(
            instructions="Be kind.",
            voice=None,
            input_format=format,
            output_format=format,
            turn_detection=None,
            transcription=None,
        )
        self.call = Call(
            self.leg,
            CallParts(
                call_id="testcall",
                plan=replace(PLAN, **plan, **({} if plan_tools is None else {"tools": plan_tools})),  # type: ignore[arg-type]
                setup=setup,
                connector=FakeConnector(self.session, fails=fails, waits=waits),
                clock=self.clock,
                redactor=Redactor(),
                sink=self.shelf,
                tools={name: Tool(spec=spec, run=run) for name, (spec, run) in (tools or {}).items()},
                lookups=lookups,
            ),
        )
        self.running = asyncio.create_task(self.call.run())

    async def connected(self) -> None:
        while self.session.listener is None:
            await asyncio.sleep(0)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(5):
            while not true():
                await asyncio.sleep(0)

    async def over(self) -> Ending:
        """Wait for the end; time flies meanwhile."""
        async with asyncio.timeout(5):
            while not self.running.done():
                self.clock.advance(50)
                await asyncio.sleep(0.001)
        ending = self.running.result()
        assert self.shelf.closed
        assert len(self.shelf.of(CallEnded)) == 1
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return ending


def frame(ms: int = 20, format: AudioFormat = PCMU_8K) -> AudioFrame:
    return AudioFrame(format, raw=bytes(format.size_bytes(ms)))


def speak(stage: Stage, ms: int = 400) -> None:
    stage.session.says(ResponseStarted("r1", None))
    stage.session.says(ItemAudio("r1", "i1", frame(ms)))
    stage.session.says(ItemDone("r1", "i1", "hello"))
    stage.session.says(ResponseDone("r1", ResponseStatus.COMPLETED))


async def test_a_call_runs_from_its_first_frame_to_hang_up() -> None:
    stage = Stage()
    await stage.connected()
    stage.leg.hears(frame())
    speak(stage)
    stage.leg.ends()
    assert await stage.over() == Ending(Party.CALLER, "hung_up")
    assert stage.shelf.of(CallStarted)[0].caller_number.text == "…1111"
    assert stage.session.closed
    assert stage.leg.was_told("hang_up") == [None]


async def test_equal_formats_pass_through_without_being_decoded() -> None:
    stage = Stage()
    await stage.connected()
    up = AudioFrame(PCMU_8K, base64=b"/v9+" * 40)
    stage.leg.hears(up)
    assert stage.session.was_told("append")[0] is up
    assert up._raw is None
    stage.session.says(ResponseStarted("r1", None))
    down = AudioFrame(PCMU_8K, base64=b"/v9+" * 40)
    stage.session.says(ItemAudio("r1", "i1", down))
    assert stage.leg.was_told("audio")[0] is down
    assert down._raw is None
    stage.leg.ends()
    await stage.over()


async def test_other_formats_are_transcoded_frame_by_frame() -> None:
    stage = Stage(format=PCM16_24K)
    await stage.connected()
    stage.leg.hears(frame())
    assert [piece.format for piece in stage.session.was_told("append")] == [PCM16_24K]
    assert stage.session.was_told("append")[0].size_bytes == 960
    stage.leg.ends()
    await stage.over()


async def test_words_spoken_while_the_model_is_being_connected_are_not_lost() -> None:
    door = asyncio.Event()
    stage = Stage(waits=door)
    await asyncio.sleep(0)
    early = [frame(), frame(), frame()]
    for piece in early:
        stage.leg.hears(piece)
    door.set()
    await stage.connected()
    assert stage.session.was_told("append") == early
    stage.leg.ends()
    await stage.over()


@pytest.mark.parametrize("stage_name", ["connecting", "connected", "speaking", "tool", "closing"])
async def test_hang_up_at_every_stage_leaves_nothing_behind(stage_name: str) -> None:
    never = asyncio.Event()

    async def stuck(arguments: str) -> ToolOutcome:
        await never.wait()
        return ToolOutcome("{}")

    spec = ToolSpec(name="stuck", description="never ends", parameters={"type": "object"})
    stage = Stage(waits=never if stage_name == "connecting" else None, tools={"stuck": (spec, stuck)})
    await asyncio.sleep(0)
    if stage_name != "connecting":
        await stage.connected()
    if stage_name == "speaking":
        speak(stage, 5000)
    elif stage_name in {"tool", "closing"}:
        name = "stuck" if stage_name == "tool" else "end_call"
        stage.session.says(ResponseStarted("r1", None))
        stage.session.says(ToolAsked("r1", "f1", "c1", name, "{}"))
        stage.session.says(ResponseDone("r1", ResponseStatus.COMPLETED))
        await asyncio.sleep(0)
    stage.leg.ends()
    assert (await stage.over()).reason == "hung_up"
    assert stage.session.closed is (stage_name != "connecting")


async def test_the_deadline_ends_a_call_in_which_nothing_ever_answers() -> None:
    stage = Stage(deadline_ms=80)
    assert await stage.over() == Ending(Party.GATEWAY, "deadline", ok=False)


async def test_the_deadline_holds_while_the_model_is_still_being_connected() -> None:
    stage = Stage(deadline_ms=80, waits=asyncio.Event())
    assert (await stage.over()).reason == "deadline"


async def test_an_unreachable_model_ends_the_call_with_a_reason() -> None:
    stage = Stage(fails=True)
    assert await stage.over() == Ending(Party.MODEL, "lost", ok=False)


async def test_a_lost_session_ends_the_call_even_without_a_voice_to_say_so() -> None:
    stage = Stage()
    await stage.connected()
    stage.session.says(SessionLost("insufficient_quota", retryable=False))
    assert (await stage.over()).who is Party.MODEL


async def test_a_hang_up_that_the_carrier_does_not_confirm_ends_our_side_all_the_same() -> None:
    stage = Stage()
    stage.leg.refuses = True
    await stage.connected()
    stage.call.end(Ending(Party.GATEWAY, "drained"))
    assert (await stage.over()).reason == "drained"


async def test_a_tool_that_raises_is_answered_with_an_error_and_the_call_goes_on() -> None:
    async def broken(arguments: str) -> ToolOutcome:
        raise RuntimeError("4111111111111111")

    spec = ToolSpec(name="broken", description="raises", parameters={"type": "object"})
    stage = Stage(tools={"broken": (spec, broken)})
    await stage.connected()
    assert [tool.name for tool in stage.session.was_told("configure")[0].tools][-1] == "broken"
    stage.session.says(ResponseStarted("r1", None))
    stage.session.says(ToolAsked("r1", "f1", "c1", "broken", "{}"))
    stage.session.says(ResponseDone("r1", ResponseStatus.COMPLETED))
    while not stage.session.was_told("tool_result"):
        await asyncio.sleep(0)
    assert stage.session.was_told("tool_result") == [("c1", '{"error": "the tool failed"}')]
    assert not stage.shelf.of(ToolReturned)[0].ok
    stage.leg.ends()
    await stage.over()


@pytest.mark.parametrize(
    "leg",
    [
        LegCapabilities(heard=HeardSignal.NAMED_MARKS),
        LegCapabilities(heard=HeardSignal.NAMED_MARKS, marks_on_clear=MarksOnClear.DROPPED),
        LegCapabilities(heard=HeardSignal.NONE),
        LegCapabilities(heard=HeardSignal.SELF_PACED, lead_ms=20),
    ],
    ids=["named marks", "marks dropped on clear", "no marks", "self-paced"],
)
async def test_every_kind_of_leg_is_cleared_before_the_model_is_told(leg: LegCapabilities) -> None:
    stage = Stage(leg=leg)
    await stage.connected()
    order: list[str] = []
    speak(stage, 3000)
    stage.clock.advance(120)
    stage.leg.clear = lambda: order.append("clear")  # type: ignore[method-assign]
    stage.session.truncate = lambda item_id, heard_ms: order.append("truncate")  # type: ignore[method-assign]
    stage.session.says(SpeechStarted("u1", 0))
    assert order == ["clear", "truncate"]
    assert bool(stage.leg.was_told("mark")) is (leg.heard is HeardSignal.NAMED_MARKS)
    stage.leg.ends()
    await stage.over()


async def test_a_transferred_call_is_let_go_of_and_not_hung_up() -> None:
    stage = Stage()
    await stage.connected()
    stage.session.says(ResponseStarted("r1", None))
    stage.session.says(ItemAudio("r1", "i1", frame(20)))
    stage.session.says(ItemDone("r1", "i1", "putting you through"))
    stage.session.says(ToolAsked("r1", "f1", "c1", "transfer_call", '{"target": "desk"}'))
    stage.session.says(ResponseDone("r1", ResponseStatus.COMPLETED))
    assert (await stage.over()).reason == "transferred"
    assert [target.uri for target in stage.leg.was_told("transfer")] == ["tel:+442079460000"]
    assert stage.leg.was_told("hang_up") == []
    assert stage.leg.was_told("close") == [None]
