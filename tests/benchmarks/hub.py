"""One thread, one epoll, one clock: the harness's own event loop.

Carrier and model are played on the same ``time.monotonic``, read right before a write and right after a read. Sockets
are written at once (an event loop that gathers writes until the end of its round would add its own delay to every
figure), and timers and sockets share one loop, so that a late timer is a visible sign of an overloaded harness.
"""

from __future__ import annotations

import heapq
import itertools
import select
import socket
from collections.abc import Callable
from time import monotonic
from typing import Final

from tests.benchmarks.websocket import (
    CLOSE,
    PING,
    PONG,
    BrokenPeer,
    FrameReader,
    accept_upgrade,
    check_upgraded,
    client_frame,
    server_frame,
    split_head,
    upgrade_request,
)

_READ_BYTES: Final = 65_536
_HOST: Final = "127.0.0.1"
_COARSE_S: Final = 0.002
"""Shorter waits than this are timed finely."""


class Hub:
    """Runs timers and sockets until a moment; times are ``time.monotonic`` seconds."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._readers: dict[int, Callable[[int], None]] = {}
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def call_at(self, when: float, callback: Callable[[], None]) -> None:
        """Call ``callback`` at ``when`` or as soon after it as the loop can; timers are not cancelled, only ignored."""
        heapq.heappush(self._timers, (when, next(self._order), callback))

    def watch(self, sock: socket.socket, callback: Callable[[int], None], *, writing: bool = False) -> None:
        """Call ``callback`` with the epoll events of ``sock``; again for the same socket to change what is watched."""
        events = select.EPOLLIN | (select.EPOLLOUT if writing else 0)
        if sock.fileno() in self._readers:
            self._poll.modify(sock, events)
        else:
            self._poll.register(sock, events)
        self._readers[sock.fileno()] = callback

    def forget(self, sock: socket.socket) -> None:
        """Stop watching ``sock``."""
        if self._readers.pop(sock.fileno(), None) is not None:
            self._poll.unregister(sock)

    def run(self, until: float, done: Callable[[], bool] | None = None) -> bool:
        """Run until ``done()`` or the moment ``until``; returns whether it was ``done``."""
        timers = self._timers
        while True:
            self._run_due()
            if done is not None and done():
                return True
            now = monotonic()
            if now >= until:
                return False
            wake = min(timers[0][0], until) if timers else until
            for descriptor, events in self._wait(wake - now):
                callback = self._readers.get(descriptor)
                if callback is not None:
                    callback(events)
                    if timers and timers[0][0] <= monotonic():
                        self._run_due()

    def _run_due(self) -> None:
        timers = self._timers
        now = monotonic()
        while timers and timers[0][0] <= now:
            heapq.heappop(timers)[2]()

    def _wait(self, wait_s: float) -> list[tuple[int, int]]:
        """Wait for sockets; to the microsecond where it matters, for epoll itself rounds up to whole milliseconds.

        Rounded, frames of unrelated callers would leave in bursts of the harness's making.
        """
        if wait_s >= _COARSE_S:
            return self._poll.poll(wait_s - _COARSE_S)
        if wait_s > 0 and not select.select((self._poll,), (), (), wait_s)[0]:
            return []
        return self._poll.poll(0)

    def close(self) -> None:
        """Close the poll itself; sockets belong to their peers."""
        self._poll.close()


class Peer:
    """One end of a WebSocket connection on a hub; subclasses say what open, text and close mean to them."""

    path = "/"

    def __init__(self, hub: Hub, sock: socket.socket, *, server: bool) -> None:
        self._hub = hub
        self._sock = sock
        self._server = server
        self._head: bytes | None = b""
        self._reader = FrameReader()
        self._unsent = bytearray()
        self.closed = False
        self._frame = server_frame if server else client_frame
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        hub.watch(sock, self._on_events)

    @classmethod
    def dial(cls, hub: Hub, port: int) -> socket.socket:
        """Return a connected loopback socket; connecting to a listener on this machine does not block."""
        return socket.create_connection((_HOST, port), timeout=5)

    def open(self, port: int) -> None:
        """As a client: ask for the upgrade of ``path``."""
        self.write(upgrade_request(_HOST, port, self.path))

    def opened(self, at_s: float) -> None:
        """The upgrade is done."""

    def text(self, payload: bytes, at_s: float) -> None:
        """A whole text message was read at ``at_s``."""

    def lost(self) -> None:
        """The connection is gone, by whichever side."""

    def send(self, payload: bytes) -> None:
        """Send a text message at once."""
        self.write(self._frame(payload))

    def write(self, data: bytes) -> None:
        """Write to the socket at once; what the kernel does not take waits for it."""
        if self.closed:
            return
        if self._unsent:
            self._unsent += data
            return
        try:
            sent = self._sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._drop()
            return
        if sent < len(data):
            self._unsent += data[sent:]
            self._hub.watch(self._sock, self._on_events, writing=True)

    def close(self) -> None:
        """Say goodbye and close the socket without waiting for the other side."""
        if not self.closed:
            self.write(self._frame((1000).to_bytes(2, "big"), CLOSE))
            self._drop()

    def _on_events(self, events: int) -> None:
        if events & select.EPOLLOUT:
            self._flush()
        if not events & ~select.EPOLLOUT or self.closed:
            return
        try:
            data = self._sock.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        at_s = monotonic()
        if not data:
            self._drop()
            return
        if self._head is not None:
            data = self._shake(data, at_s)
            if not data:
                return
        for opcode, payload in self._reader.receive(data):
            if opcode == PING:
                self.write(self._frame(payload, PONG))
            elif opcode == CLOSE:
                self.close()
                return
            elif opcode != PONG:
                self.text(payload, at_s)

    def _shake(self, data: bytes, at_s: float) -> bytes:
        assert self._head is not None
        self._head += data
        parts = split_head(self._head)
        if parts is None:
            return b""
        head, rest = parts
        self._head = None
        if self._server:
            try:
                self.write(accept_upgrade(head, self.path))
            except BrokenPeer:
                self.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                self._drop()
                return b""
        else:
            check_upgraded(head)
        self.opened(at_s)
        return rest

    def _flush(self) -> None:
        try:
            sent = self._sock.send(self._unsent)
        except BlockingIOError:
            return
        except OSError:
            self._drop()
            return
        del self._unsent[:sent]
        if not self._unsent:
            self._hub.watch(self._sock, self._on_events)

    def _drop(self) -> None:
        if not self.closed:
            self.closed = True
            self._hub.forget(self._sock)
            self._sock.close()
            self.lost()


class Listener:
    """A loopback listener that makes a server peer of each connection."""

    def __init__(self, hub: Hub, accept: Callable[[socket.socket], Peer]) -> None:
        self._hub = hub
        self._accept = accept
        self._sock = socket.create_server((_HOST, 0), backlog=1024)
        self._sock.setblocking(False)
        self.port: int = self._sock.getsockname()[1]
        hub.watch(self._sock, self._on_events)

    def _on_events(self, events: int) -> None:
        while True:
            try:
                sock, _ = self._sock.accept()
            except BlockingIOError:
                return
            self._accept(sock)

    def close(self) -> None:
        """Take no more connections."""
        self._hub.forget(self._sock)
        self._sock.close()


def free_port() -> int:
    """Return a loopback port that nobody listened on a moment ago."""
    with socket.create_server((_HOST, 0)) as sock:
        port: int = sock.getsockname()[1]
        return port
