"""Frames that we write ourselves are read by the package's own parser."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import Side
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

from gateway.realtime.frames import FrameWriter


def parsed(data: bytes) -> Frame:
    reader = StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    reading = Frame.parse(reader.read_exact, mask=True)
    try:
        while True:
            next(reading)
    except StopIteration as done:
        frame = done.value
    assert reader.at_eof is not None
    assert not reader.buffer
    return frame


@given(st.binary(max_size=300), st.booleans())
def test_a_frame_carries_its_message(message: bytes, binary: bool) -> None:
    frame = parsed(FrameWriter().frame(message, binary=binary))
    assert bytes(frame.data) == message
    assert frame.fin
    assert frame.opcode is (Opcode.BINARY if binary else Opcode.TEXT)


def test_every_way_of_writing_a_length_is_read_back() -> None:
    writer = FrameWriter()
    for size in (0, 1, 125, 126, 127, 65535, 65536, 100_000):
        assert len(parsed(writer.frame(b"x" * size, binary=True)).data) == size


def test_no_masking_key_is_used_twice_and_the_store_is_filled_again() -> None:
    writer = FrameWriter()
    masks = [writer.frame(b"hello", binary=False)[2:6] for _ in range(3000)]
    assert len(set(masks)) > 2990  # 32 random bits: a few may meet by chance


def test_the_packages_server_takes_them_in_a_row() -> None:
    writer, server = FrameWriter(), ServerProtocol()
    server.state = server.state.OPEN
    server.side = Side.SERVER
    server.parser = server.parse()
    next(server.parser)
    server.receive_data(b"".join(writer.frame(b"%d" % number, binary=False) for number in range(50)))
    assert [bytes(frame.data) for frame in server.events_received()] == [b"%d" % number for number in range(50)]
