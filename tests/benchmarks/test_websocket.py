"""The harness's own RFC 6455 against the ``websockets`` package's reading of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.uri import parse_uri

from tests.benchmarks.websocket import (
    PING,
    TEXT,
    BrokenPeer,
    FrameReader,
    accept_upgrade,
    check_upgraded,
    client_frame,
    server_frame,
    split_head,
    upgrade_request,
)

SIZES = st.sampled_from([0, 1, 125, 126, 127, 1000, 65535, 65536])


def cut(data: bytes, points: list[int]) -> list[bytes]:
    edges = [0, *sorted(point % (len(data) + 1) for point in points), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


@given(sizes=st.lists(SIZES, max_size=4), masked=st.booleans(), points=st.lists(st.integers(0, 10**6), max_size=6))
def test_messages_survive_any_cut_of_the_stream(sizes: list[int], masked: bool, points: list[int]) -> None:
    payloads = [bytes(i % 251 for i in range(size)) for size in sizes]
    frames = [Frame(Opcode.TEXT, payload).serialize(mask=masked) for payload in payloads]
    reader = FrameReader()
    read = [message for piece in cut(b"".join(frames), points) for message in reader.receive(piece)]
    assert read == [(TEXT, payload) for payload in payloads]


@pytest.mark.parametrize("size", [0, 5, 125, 126, 65535, 65536])
def test_our_frames_are_read_by_another_implementation(size: int) -> None:
    payload = b"x" * size
    assert server_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    server = ServerProtocol(state=State.OPEN)
    server.receive_data(client_frame(payload))
    (frame,) = server.events_received()
    assert isinstance(frame, Frame)
    assert frame.data == payload


def test_fragments_are_joined_and_a_ping_may_come_between_them() -> None:
    stream = (
        Frame(Opcode.TEXT, b"one ", fin=False).serialize(mask=False)
        + Frame(Opcode.PING, b"?").serialize(mask=False)
        + Frame(Opcode.CONT, b"two").serialize(mask=False)
    )
    assert FrameReader().receive(stream) == [(PING, b"?"), (TEXT, b"one two")]


@pytest.mark.parametrize(
    ("stream", "complaint"),
    [
        (b"\x80\x00", "continuation frame without a message"),
        (b"\xc1\x00", "reserved bits 0x40"),
        (b"\x83\x00", "opcode 0x3"),
        (b"\x81\x7f" + (1 << 40).to_bytes(8, "big"), "frame of 1099511627776 bytes"),
    ],
)
def test_what_the_protocol_forbids_is_named(stream: bytes, complaint: str) -> None:
    with pytest.raises(BrokenPeer, match=complaint):
        FrameReader().receive(stream)


def test_our_upgrade_request_is_taken_by_another_server_and_its_answer_by_us() -> None:
    server = ServerProtocol()
    server.receive_data(upgrade_request("127.0.0.1", 8000, "/twilio/media"))
    (request,) = server.events_received()
    server.send_response(server.accept(request))  # type: ignore[arg-type]
    parts = split_head(b"".join(server.data_to_send()))
    assert parts is not None
    check_upgraded(parts[0])


def test_our_answer_is_taken_by_another_client() -> None:
    client = ClientProtocol(parse_uri("ws://127.0.0.1:9/v1/realtime?model=m"))
    client.send_request(client.connect())
    parts = split_head(b"".join(client.data_to_send()))
    assert parts is not None
    client.receive_data(accept_upgrade(parts[0], "/v1/realtime"))
    assert client.handshake_exc is None
    assert client.state.name == "OPEN"


def test_an_upgrade_of_another_path_is_refused() -> None:
    parts = split_head(upgrade_request("127.0.0.1", 8000, "/elsewhere"))
    assert parts is not None
    with pytest.raises(BrokenPeer, match="/v1/realtime was wanted"):
        accept_upgrade(parts[0], "/v1/realtime")


def test_a_refused_upgrade_says_what_was_answered() -> None:
    with pytest.raises(BrokenPeer, match="403"):
        check_upgraded(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0")
