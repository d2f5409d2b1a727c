"""What a message to or from a model costs: by position against parsers, our socket against the package's own client.

    python -m tests.benchmarks.model_wire

Prints microseconds of this process's CPU and ratios. The other end is a sink in another process. Figures of a busy
machine are worth little; the ratios are what to look at, and the best of several rounds is what is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import uvloop
from websockets.asyncio.client import connect
from websockets.server import ServerProtocol

from gateway.audio.format import PCM16_24K, PCMU_8K, AudioFrame
from gateway.clock import SystemClock
from gateway.contracts.model import ItemAudio, ModelEvent
from gateway.realtime import wire
from gateway.realtime.audio_path import append_message
from gateway.realtime.connector import RealtimeConnector
from gateway.realtime.ga_reader import GaReader
from gateway.settings.schema import EndpointSettings

ROUNDS = 5
APPENDS_PER_ANSWER = 10
HELLO = b'{"type":"session.created","event_id":"event_0","session":{"type":"realtime","id":"sess_0"}}'


def delta(raw: bytes, number: int) -> bytes:
    """Return an audio delta as it is on the wire."""
    fields = {
        "type": "response.output_audio.delta",
        "event_id": f"event_{number:022d}",
        "response_id": "resp_0123456789abcdefghijk",
        "item_id": "item_0123456789abcdefghijk",
        "output_index": 0,
        "content_index": 0,
        "delta": base64.b64encode(raw).decode(),
    }
    return msgspec.json.encode(fields)


def cpu_us(work: Callable[[], object], count: int) -> float:
    """Return the CPU microseconds of one ``work``, the best of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = time.process_time()
        for _ in range(count):
            work()
        best = min(best, (time.process_time() - began) / count)
    return best * 1e6


def table(title: str, rows: list[tuple[str, float]]) -> None:
    """Print rows with their ratio to the first."""
    print(f"\n{title}")
    for name, cost in rows:
        print(f"  {name:<44} {cost:8.2f} us  {cost / rows[0][1]:6.2f}x")


def reading() -> None:
    """Compare ways of reading an audio delta of 200 ms."""
    for name, raw in (("PCM16 24 kHz", os.urandom(9600)), ("mu-law 8 kHz", os.urandom(1600))):
        message = bytearray(delta(raw, 2))  # what the protocol layer hands over
        text = message.decode()
        reader = GaReader()
        reader.read(bytearray(delta(raw, 1)))

        def by_msgspec(message: bytearray = message) -> ItemAudio:
            _, event = wire.parse(message)
            assert isinstance(event, wire.AudioDelta)
            frame = AudioFrame(PCM16_24K, base64=event.delta.encode("ascii"))
            return ItemAudio(event.response_id, event.item_id, frame)

        def by_json(text: str = text) -> ItemAudio:
            told = json.loads(text)
            frame = AudioFrame(PCM16_24K, base64=told["delta"].encode("ascii"))
            return ItemAudio(told["response_id"], told["item_id"], frame)

        table(
            f"read an audio delta, 200 ms of {name} ({len(message)} bytes)",
            [
                ("by position (the session's reader, warm)", cpu_us(lambda m=message, r=reader: r.read(m), 20_000)),
                ("msgspec structs", cpu_us(by_msgspec, 20_000)),
                ("json.loads", cpu_us(by_json, 5_000)),
            ],
        )


def writing() -> None:
    """Compare ways of building an append of 20 ms."""
    encoder = msgspec.json.Encoder()
    for name, frame in (
        ("PCM16 24 kHz", AudioFrame(PCM16_24K, raw=os.urandom(960))),
        ("mu-law 8 kHz", AudioFrame(PCMU_8K, raw=os.urandom(160))),
    ):
        text = frame.base64.decode()
        fields = {"type": "input_audio_buffer.append", "audio": text}
        table(
            f"build an append, 20 ms of {name}",
            [
                ("bytes join", cpu_us(lambda f=frame: append_message(f), 50_000)),
                ("msgspec dict", cpu_us(lambda d=fields: encoder.encode(d), 50_000)),
                ("json.dumps", cpu_us(lambda d=fields: json.dumps(d), 20_000)),
            ],
        )


# --- sockets -------------------------------------------------------------------------------------------------------


class Sink(asyncio.Protocol):
    """The other end, as cheap as it can be: counts bytes and answers every so many with one audio delta."""

    def __init__(self, per_answer_bytes: int) -> None:
        self._per_answer = per_answer_bytes
        self._protocol: ServerProtocol | None = ServerProtocol()
        self._received = 0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        protocol = self._protocol
        if protocol is not None:
            protocol.receive_data(data)
            for request in protocol.events_received():
                protocol.send_response(protocol.accept(request))  # type: ignore[arg-type]
                protocol.send_text(HELLO)
                self._transport.write(b"".join(protocol.data_to_send()))
                protocol.send_text(delta(bytes(9600), 1))
                self._answer = b"".join(protocol.data_to_send())
                self._protocol = None
            return
        self._received += len(data)
        while self._received >= self._per_answer:
            self._received -= self._per_answer
            self._transport.write(self._answer)


async def sink(per_answer_bytes: int) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Sink(per_answer_bytes), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@contextlib.contextmanager
def sink_process(per_answer_bytes: int) -> Iterator[int]:
    """Run a sink in another process; give its port."""
    command = [sys.executable, "-m", "tests.benchmarks.model_wire", "--sink", str(per_answer_bytes)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(5)


class Answers:
    """A listener that counts audio."""

    def __init__(self) -> None:
        self.came = asyncio.Event()

    def on_model(self, event: ModelEvent) -> None:
        """Note that audio came."""
        if isinstance(event, ItemAudio):
            self.came.set()


async def ours(port: int, frame: AudioFrame, answers: int) -> float:
    """Return the CPU seconds that our session takes for so many answers and their appends."""
    settings = EndpointSettings(type="compatible", url=f"http://127.0.0.1:{port}", model="m")
    session = await RealtimeConnector("bench", settings, clock=SystemClock()).connect()
    listener = Answers()
    session.listen(listener)
    began = time.process_time()
    for _ in range(answers):
        listener.came.clear()
        for _ in range(APPENDS_PER_ANSWER):
            session.append(frame)
        await listener.came.wait()
    took = time.process_time() - began
    session.abort()
    return took


async def theirs(port: int, frame: AudioFrame, answers: int) -> float:
    """Return the same for the package's asyncio client, with the same building and reading of messages."""
    reader = GaReader()
    async with connect(f"ws://127.0.0.1:{port}/realtime", compression=None, max_size=None, close_timeout=0.1) as socket:
        await socket.recv()
        came = asyncio.Event()

        async def read() -> None:
            async for message in socket:
                if reader.read(message):
                    came.set()

        reading = asyncio.ensure_future(read())
        began = time.process_time()
        for _ in range(answers):
            came.clear()
            for _ in range(APPENDS_PER_ANSWER):
                await socket.send(append_message(frame), text=True)
            await came.wait()
        took = time.process_time() - began
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        socket.transport.abort()
    return took


def sockets() -> None:
    """Compare clients: CPU of this process per append, a tenth of an answer of 200 ms included."""
    frame = AudioFrame(PCM16_24K, raw=os.urandom(960))
    message_bytes = len(append_message(frame)) + 8  # the frame's header: two bytes, a length of two and a mask of four
    answers = 800
    ways: list[tuple[str, Callable[[int, AudioFrame, int], Awaitable[float]]]] = [
        ("this package's session", ours),
        ("websockets.asyncio.client", theirs),
    ]
    with sink_process(message_bytes * APPENDS_PER_ANSWER) as port:
        loops: list[tuple[str, Any]] = [("uvloop", uvloop.new_event_loop), ("asyncio", asyncio.new_event_loop)]
        for loop_name, factory in loops:
            rows = []
            for name, way in ways:
                best = float("inf")
                for _ in range(ROUNDS):
                    with asyncio.Runner(loop_factory=factory) as runner:
                        best = min(best, runner.run(_run(way, port, frame, answers)))
                rows.append((name, best / answers / APPENDS_PER_ANSWER * 1e6))
            table(f"append 20 ms of PCM16 over a socket, {loop_name}, no TLS", rows)


async def _run(way: Callable[[int, AudioFrame, int], Awaitable[float]], *args: Any) -> float:
    return await way(*args)


def main() -> None:
    """Run everything, or be the sink."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--sink", type=int, metavar="BYTES", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.sink is not None:
        asyncio.run(sink(options.sink))
        return
    print(f"Python {sys.version.split()[0]}, best of {ROUNDS} rounds")
    reading()
    writing()
    sockets()


if __name__ == "__main__":
    main()
