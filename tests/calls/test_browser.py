"""Whole conversations from a page, over real sockets, against the local server."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from gateway.audio.resample import resample
from gateway.contracts.record import AgentSpoke, BargeIn, CallEnded, CallerSpoke
from tests.calls.rig import Rig, hears, rig, says, script, talk
from tests.calls.sounds import sound

KEY = "key-of-the-tests-" + "k" * 24
FRAME_MS = 20
LONG = "This is a rather long answer, which somebody in a hurry would not want to hear to its very end, at all."


def open_to_pages(**access: Any) -> dict[str, Any]:
    return {"access": {"keys": {"tester": {"key": KEY, "role": "admin"}} | access.pop("keys", {}), **access}}


@dataclass(slots=True)
class Page:
    """A page as it should be: plays what it gets in real time, reports its position, and empties on a clear."""

    socket: ClientConnection
    rate_hz: int = 24_000
    reports: bool = True
    got: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    queue: list[tuple[float, bytes]] = field(default_factory=list)
    heard: bytearray = field(default_factory=bytearray)
    cuts: list[float] = field(default_factory=list)
    received_ms: float = 0.0
    position_ms: float = 0.0

    async def read(self) -> None:
        async for text in self.socket:
            message = json.loads(text)
            self.got.append(message)
            if message["type"] == "audio_delta":
                pcm = base64.b64decode(message["audio"])
                self.queue.append((message["at_ms"], pcm))
                self.received_ms = message["at_ms"] + len(pcm) / 48
            elif message["type"] == "clear":
                self.cuts.append(self.position_ms)
                self.queue.clear()
            self.news.set()

    async def play(self) -> None:
        while True:
            await asyncio.sleep(FRAME_MS / 1000)
            want = FRAME_MS * 48
            while want and self.queue:
                at_ms, pcm = self.queue.pop(0)
                piece, rest = pcm[:want], pcm[want:]
                self.heard += piece
                want -= len(piece)
                self.position_ms = at_ms + len(piece) / 48
                if rest:
                    self.queue.insert(0, (self.position_ms, rest))
            if self.reports and self.position_ms:
                with contextlib.suppress(Exception):
                    await self.say(type="heard", at_ms=self.position_ms)

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def speak(self, text: str, quiet_ms: int = 400) -> None:
        pcm = resample(sound(text, 24_000), 24_000, self.rate_hz) + bytes(self.rate_hz * 2 * quiet_ms // 1000)
        step = self.rate_hz * 2 * FRAME_MS // 1000 - 1  # odd on purpose
        for start in range(0, len(pcm), step):
            await self.say(type="audio", audio=base64.b64encode(pcm[start : start + step]).decode())
            await asyncio.sleep(FRAME_MS / 1000)

    async def until(self, true: Callable[[dict[str, Any]], bool], count: int = 1) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while True:
                found = [message for message in self.got if true(message)]
                if len(found) >= count:
                    return found[count - 1]
                self.news.clear()
                await self.news.wait()

    async def gets(self, kind: str, count: int = 1) -> dict[str, Any]:
        return await self.until(lambda message: message["type"] == kind, count)

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.got if message["type"] == kind]


@contextlib.asynccontextmanager
async def page(house: Rig, query: str = "", *, first: dict[str, Any] | None = None, **how: Any) -> AsyncIterator[Page]:
    url = f"ws://127.0.0.1:{house.server.port}/ws/conversation{query}"
    async with connect(url, additional_headers={"Authorization": f"Bearer {KEY}"}) as socket:
        if first is not None:
            await socket.send(json.dumps(first))
        one = Page(socket, **how)
        tasks = [asyncio.create_task(one.read()), asyncio.create_task(one.play())]
        try:
            yield one
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def is_over(house: Rig) -> list[Any]:
    await house.until(lambda: not house.exchange.registry.live, within_s=20)
    (records,) = house.exchange.records.values()
    return records


async def test_a_page_talks_and_interrupts_and_the_model_remembers_what_was_heard(tmp_path: Path) -> None:
    async with rig(tmp_path, talk("Hello there.", LONG, "All right."), **open_to_pages()) as house:
        async with page(house) as caller:
            ready = await caller.gets("session_ready")
            assert (ready["input_rate"], ready["output_rate"], ready["persona"]) == (24000, 24000, "clerk")
            await caller.until(lambda message: message.get("role") == "assistant")
            greeted_ms = caller.received_ms
            await caller.speak("hello")
            await house.until(lambda: caller.position_ms > greeted_ms + 1000)
            await caller.speak("stop it please")
            await caller.until(lambda message: message.get("text") == "All right.")
            assert caller.all("speech_started")
            assert caller.all("speech_stopped")
            assert caller.all("response_done")
            assert "".join(message["text"] for message in caller.all("text_delta")).startswith("Hello there.")
            await caller.say(type="end")
            await caller.gets("call_ended")
        records = await is_over(house)
        (cut,) = [record for record in records if isinstance(record, BargeIn)]
        assert cut.action == "truncated"
        # The page's own count of what it had played of that answer when it was told to be silent.
        assert abs((caller.cuts[-1] - greeted_ms) - cut.heard_ms) <= FRAME_MS
        assert isinstance(records[-1], CallEnded)
        assert (str(records[-1].who), str(records[-1].reason)) == ("caller", "hung_up")
        assert [str(one.text) for one in records if isinstance(one, CallerSpoke)] == ["words of the caller"] * 2


async def test_a_page_that_reports_nothing_is_cut_by_the_playout_clock(tmp_path: Path) -> None:
    async with rig(tmp_path, talk("Hello there.", LONG, "All right."), **open_to_pages()) as house:
        async with page(house, "?rate=16000", rate_hz=16_000, reports=False) as caller:
            assert (await caller.gets("session_ready"))["input_rate"] == 16000
            await caller.until(lambda message: message.get("role") == "assistant")
            greeted_ms = caller.received_ms
            await caller.speak("hello")
            await house.until(lambda: caller.position_ms > greeted_ms + 1000)
            await caller.speak("stop it please")
            await caller.until(lambda message: message.get("text") == "All right.")
        records = await is_over(house)
        (cut,) = [record for record in records if isinstance(record, BargeIn)]
        assert cut.action == "truncated"
        assert abs((caller.cuts[-1] - greeted_ms) - cut.heard_ms) <= 2 * FRAME_MS


async def test_a_page_that_lost_its_socket_goes_on_where_it_was_and_hears_nothing_twice(tmp_path: Path) -> None:
    async with rig(tmp_path, talk("Hello there.", LONG), **open_to_pages()) as house:
        async with page(house) as caller:
            ready = await caller.gets("session_ready")
            await caller.until(lambda message: message.get("role") == "assistant")
            greeted_ms = caller.received_ms
            await caller.speak("hello")
            await house.until(lambda: caller.position_ms > greeted_ms + 500)
            caller.socket.transport.abort()
        await house.until(lambda: bool(house.logged("page_lost")))
        await asyncio.sleep(1.0)
        back = {"type": "resume", "token": ready["resume"]["token"], "received_ms": caller.position_ms}
        async with page(house, first=back) as again:
            resumed = await again.gets("session_resumed")
            assert resumed["away_ms"] >= 900
            assert resumed["resume"]["token"] != ready["resume"]["token"]
            await again.until(lambda message: message.get("text") == LONG)
            first = again.all("audio_delta")[0]
            assert abs(first["at_ms"] - caller.position_ms) <= 200
            places = [message["at_ms"] for message in again.all("audio_delta")]
            assert places == sorted(set(places))
            async with page(house, first=back) as thief:
                assert (await thief.gets("error"))["code"] == "resume_refused"
            await again.say(type="end")
            await again.gets("call_ended")
        records = await is_over(house)
        spoken = [one for one in records if isinstance(one, AgentSpoke) and str(one.purpose) == "answer"]
        assert [one.interrupted for one in spoken] == [False]


async def test_a_page_that_stays_away_has_hung_up(tmp_path: Path) -> None:
    async with rig(tmp_path, talk("Hello there."), **open_to_pages(), browser={"resume_s": 2}) as house:
        async with page(house) as caller:
            await caller.gets("session_ready")
            caller.socket.transport.abort()
        records = await is_over(house)
        assert str(records[-1].reason) == "stream_lost"
        assert not records[-1].ok


async def test_a_written_turn_is_answered_and_stands_in_the_record(tmp_path: Path) -> None:
    async with rig(tmp_path, script(says("Hello there."), says("You wrote.")), **open_to_pages()) as house:
        async with page(house) as caller:
            await caller.until(lambda message: message.get("role") == "assistant")
            await caller.say(type="text", text="my card is 4111 1111 1111 1111")
            await caller.until(lambda message: message.get("text") == "You wrote.")
            said = await caller.until(lambda message: message.get("role") == "user")
            assert "4111" not in said["text"]
            await caller.say(type="end")
            await caller.gets("call_ended")
        await is_over(house)


async def test_push_to_talk_makes_a_turn_of_what_was_said(tmp_path: Path) -> None:
    quiet = script(says("Hello there."), hears("what was said"), says("I heard you."))
    async with rig(tmp_path, quiet, strict=False, **open_to_pages()) as house:
        async with page(house, first={"type": "start", "vad": "off", "rate": 48000}, rate_hz=48_000) as caller:
            ready = await caller.gets("session_ready")
            assert ready["push_to_talk"]
            assert ready["input_rate"] == 48000
            await caller.until(lambda message: message.get("role") == "assistant")
            await caller.speak("hello")
            assert not caller.all("speech_started")
            await caller.say(type="commit")
            await caller.until(lambda message: message.get("text") == "I heard you.")
            await caller.say(type="end")
            await caller.gets("call_ended")
        await is_over(house)


async def test_the_interrupt_button_silences_the_agent(tmp_path: Path) -> None:
    async with rig(tmp_path, talk(LONG), **open_to_pages()) as house:
        async with page(house) as caller:
            await house.until(lambda: caller.position_ms > 500)
            await caller.say(type="interrupt")
            await caller.gets("clear")
            told = await caller.until(lambda message: message.get("role") == "assistant")
            assert told["interrupted"]
            await caller.say(type="end")
            await caller.gets("call_ended")
        await is_over(house)


async def test_mistakes_are_told_in_plain_words_and_the_conversation_goes_on(tmp_path: Path) -> None:
    async with rig(tmp_path, talk("Hello there."), **open_to_pages()) as house:
        async with page(house, first={"type": "start", "persona": "nobody"}) as caller:
            refused = await caller.gets("error")
            assert refused["code"] == "unknown_persona"
            assert "clerk" in refused["message"]
        async with page(house) as caller:
            await caller.gets("session_ready")
            await caller.say(type="audio", audio="not base64!")
            assert (await caller.gets("error"))["code"] == "bad_audio"
            await caller.say(type="image", image="data:text/html;base64,AAAA")
            assert (await caller.gets("error", 2))["code"] == "bad_image"
            await caller.say(type="start", voice="ash")
            assert (await caller.gets("error", 3))["code"] == "started"
            await caller.say(type="end")
            await caller.gets("call_ended")
        await is_over(house)
