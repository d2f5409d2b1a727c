"""What must hold of every leg, whatever is behind it. A leg passes by giving its suite a :class:`Rig`.

A rig is a leg with its carrier in the test's hands. New legs subclass :class:`LegConformance` in a ``test_`` file.
"""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

import pytest

from gateway.audio.format import AudioFrame
from gateway.contracts.leg import (
    HeardSignal,
    KeyPressed,
    Leg,
    LegCapabilities,
    LegEnded,
    LegStarted,
    MarkReturned,
    MarksOnClear,
    TransferTarget,
)
from gateway.errors import Unsupported
from tests.legs.fakes import Remembering, tone


class Rig(Protocol):
    """A leg, and its carrier as the test plays it."""

    @property
    def leg(self) -> Leg: ...

    async def caller_speaks(self, frame: AudioFrame) -> None: ...
    async def caller_presses(self, key: str) -> None: ...
    async def caller_hangs_up(self) -> None: ...
    async def carrier_returns(self, mark: str) -> None: ...
    async def carrier_vanishes(self) -> None: ...
    async def carrier_stalls(self) -> None: ...
    async def carrier_reads_on(self) -> None: ...
    async def settle(self) -> None: ...

    def wire(self) -> list[tuple[str, Any]]:
        """What the carrier got: ``("audio", bytes)``, ``("mark", name)``, ``("clear", None)``."""
        ...

    def call_is_up(self) -> bool | None:
        """Whether the carrier's call lives: nobody asked for its end. None where the socket is the call."""
        ...

    def socket_is_open(self) -> bool:
        """Whether the media stream lives on our side."""
        ...

    def transferred_to(self) -> str | None:
        """Where the carrier was asked to send the caller."""
        ...


def _audio(wire: list[tuple[str, Any]]) -> bytes:
    return b"".join(value for word, value in wire if word == "audio")


class LegConformance:
    """One suite over every leg; the ``rig`` fixture is the subclass's own."""

    # --- what it tells

    async def test_the_start_comes_first_and_audio_and_keys_follow_in_order(self, rig: Rig) -> None:
        heard = Remembering()
        rig.leg.listen(heard)
        await rig.caller_speaks(tone(1))
        await rig.caller_presses("7")
        await rig.caller_speaks(tone(2))
        assert heard.events == [rig.leg.started, tone(1), KeyPressed("7"), tone(2)]

    async def test_what_came_before_anybody_listened_is_told_at_once_and_in_order(self, rig: Rig) -> None:
        await rig.caller_speaks(tone(1))
        await rig.caller_presses("#")
        heard = Remembering()
        rig.leg.listen(heard)
        assert heard.events == [rig.leg.started, tone(1), KeyPressed("#")]

    async def test_an_end_that_came_before_anybody_listened_is_told(self, rig: Rig) -> None:
        await rig.caller_hangs_up()
        heard = Remembering()
        rig.leg.listen(heard)
        assert isinstance(heard.events[0], LegStarted)
        assert len(heard.endings) == 1

    async def test_frames_are_in_the_format_that_the_start_names(self, rig: Rig) -> None:
        heard = Remembering()
        rig.leg.listen(heard)
        await rig.caller_speaks(tone(3))
        (frame,) = (event for event in heard.events if isinstance(event, AudioFrame))
        assert frame.format == rig.leg.started.from_caller

    # --- what it is asked

    async def test_audio_and_marks_reach_the_carrier_in_the_order_they_were_sent(self, rig: Rig) -> None:
        rig.leg.send_audio(tone(1))
        rig.leg.send_mark("a")
        rig.leg.send_audio(tone(2))
        rig.leg.send_mark("b")
        await rig.settle()
        expected = [("audio", tone(1).raw), ("mark", "a"), ("audio", tone(2).raw), ("mark", "b")]
        if rig.leg.capabilities.heard is not HeardSignal.NAMED_MARKS:
            expected = [step for step in expected if step[0] != "mark"]
        assert rig.wire() == expected

    async def test_no_byte_is_lost_or_added_however_the_audio_is_cut(self, rig: Rig) -> None:
        whole = tone(5, 4001).raw
        audio = rig.leg.started.to_caller
        for start, stop in ((0, 1), (1, 161), (161, 500), (500, 3999), (3999, 4001)):
            rig.leg.send_audio(AudioFrame(audio, whole[start:stop]))
        rig.leg.send_mark("end")
        await rig.settle()
        assert _audio(rig.wire()) == whole

    async def test_commands_return_at_once_while_the_carrier_does_not_read(self, rig: Rig) -> None:
        await rig.carrier_stalls()
        for index in range(50):
            rig.leg.send_audio(tone(index))
        await rig.carrier_reads_on()
        assert _audio(rig.wire()) == b"".join(tone(index).raw for index in range(50))

    async def test_a_clear_overtakes_what_is_still_queued_and_drops_it(self, rig: Rig) -> None:
        rig.leg.send_audio(tone(1))
        await rig.settle()
        await rig.carrier_stalls()
        rig.leg.send_audio(tone(2))
        await rig.settle()  # on its way: one message may be in the writer's hands
        for index in range(3, 10):
            rig.leg.send_audio(tone(index))
            rig.leg.send_mark(f"mark {index}")
        rig.leg.clear()
        rig.leg.send_audio(tone(20))
        await rig.carrier_reads_on()
        wire = rig.wire()
        after = wire[wire.index(("clear", None)) :]
        assert after == [("clear", None), ("audio", tone(20).raw)]
        assert _audio(wire[: -len(after)]) in {tone(1).raw, tone(1).raw + tone(2).raw}
        assert not [value for word, value in wire if word == "mark"]

    # --- marks, by capability

    async def test_a_mark_comes_back_under_its_name_where_there_are_marks(self, rig: Rig) -> None:
        heard = Remembering()
        rig.leg.listen(heard)
        rig.leg.send_audio(tone(1))
        rig.leg.send_mark("item-1:20")
        await rig.settle()
        asked_for = [value for word, value in rig.wire() if word == "mark"]
        if rig.leg.capabilities.heard is HeardSignal.NAMED_MARKS:
            assert asked_for == ["item-1:20"]
            await rig.carrier_returns("item-1:20")
            assert heard.events[-1] == MarkReturned("item-1:20")
        else:
            assert asked_for == []
            assert heard.marks == []

    async def test_marks_outstanding_at_a_clear_fare_as_the_capability_says(self, rig: Rig) -> None:
        heard = Remembering()
        rig.leg.listen(heard)
        rig.leg.send_audio(tone(1))
        rig.leg.send_mark("m")
        await rig.settle()
        rig.leg.clear()
        await rig.settle()
        capabilities: LegCapabilities = rig.leg.capabilities
        echoes = capabilities.heard is HeardSignal.NAMED_MARKS and capabilities.marks_on_clear is MarksOnClear.ECHOED
        if echoes:
            await rig.carrier_returns("m")
        assert heard.marks == (["m"] if echoes else [])
        assert rig.wire()[-1] == ("clear", None)

    # --- how it ends

    async def test_the_callers_hang_up_ends_the_leg_once_and_well(self, rig: Rig) -> None:
        heard = Remembering()
        rig.leg.listen(heard)
        await rig.caller_hangs_up()
        await rig.carrier_vanishes()
        assert [(ending.reason, ending.ok) for ending in heard.endings] == [("hung_up", True)]
        assert isinstance(heard.events[-1], LegEnded)

    async def test_a_stream_that_vanishes_ends_the_leg_once_and_badly(self, rig: Rig) -> None:
        heard = Remembering()
        rig.leg.listen(heard)
        await rig.carrier_vanishes()
        await rig.carrier_vanishes()
        assert [(ending.reason, ending.ok) for ending in heard.endings] == [("stream_lost", False)]

    async def test_hanging_up_ends_the_carriers_call_and_the_stream(self, rig: Rig) -> None:
        heard = Remembering()
        rig.leg.listen(heard)
        await rig.leg.hang_up()
        assert len(heard.endings) == 1
        assert rig.call_is_up() is not True
        assert not rig.socket_is_open()

    async def test_hanging_up_twice_or_at_the_same_time_does_no_harm(self, rig: Rig) -> None:
        heard = Remembering()
        rig.leg.listen(heard)
        await asyncio.gather(rig.leg.hang_up(), rig.leg.hang_up())
        await rig.leg.hang_up()
        assert len(heard.endings) == 1

    async def test_closing_leaves_the_carriers_call_alone(self, rig: Rig) -> None:
        heard = Remembering()
        rig.leg.listen(heard)
        await rig.leg.close()
        await rig.leg.close()
        assert len(heard.endings) == 1
        assert rig.call_is_up() is not False
        assert not rig.socket_is_open()

    async def test_however_the_ends_meet_there_is_one(self, rig: Rig) -> None:
        heard = Remembering()
        rig.leg.listen(heard)
        await asyncio.gather(rig.leg.hang_up(), rig.caller_hangs_up(), rig.carrier_vanishes(), rig.leg.close())
        await rig.settle()
        assert len(heard.endings) == 1
        assert isinstance(heard.events[-1], LegEnded)

    async def test_after_the_end_commands_do_nothing_and_nothing_more_is_told(self, rig: Rig) -> None:
        heard = Remembering()
        rig.leg.listen(heard)
        await rig.caller_hangs_up()
        before = rig.wire()
        rig.leg.send_audio(tone(1))
        rig.leg.send_mark("late")
        rig.leg.clear()
        await rig.leg.close()
        await rig.settle()
        assert rig.wire() == before
        assert isinstance(heard.events[-1], LegEnded)
        assert len(heard.endings) == 1

    async def test_a_call_that_the_caller_ended_is_not_hung_up_again(self, rig: Rig) -> None:
        heard = Remembering()
        rig.leg.listen(heard)
        await rig.caller_hangs_up()
        await rig.leg.hang_up()
        assert rig.call_is_up() is not False  # nobody asked the carrier: it told us
        assert len(heard.endings) == 1

    # --- what not every leg can

    async def test_a_transfer_hands_the_caller_over_and_is_no_hang_up(self, rig: Rig) -> None:
        heard = Remembering()
        rig.leg.listen(heard)
        target = TransferTarget("tel:+15550003333")
        if not rig.leg.capabilities.transfers:
            with pytest.raises(Unsupported):
                await rig.leg.transfer(target)
            assert not heard.endings
            return
        await rig.leg.transfer(target)
        await rig.caller_hangs_up()  # how a carrier ends the stream that it redirected
        await rig.leg.hang_up()
        await rig.leg.close()
        assert "+15550003333" in (rig.transferred_to() or "")
        assert rig.call_is_up() is not False
        assert [ending.reason for ending in heard.endings] == ["transferred"]

    async def test_keys_are_refused_where_they_cannot_be_sent(self, rig: Rig) -> None:
        if not rig.leg.capabilities.sends_digits:
            with pytest.raises(Unsupported):
                await rig.leg.send_digits("1")
