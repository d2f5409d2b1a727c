"""A mock carrier that plays callers on Twilio's media stream protocol, straight to the gateway's WebSocket.

Each call sends a 160-byte mu-law frame every 20 ms on a monotonic schedule (late frames are sent at once, none is
skipped) and plays what comes back through a :class:`~tests.benchmarks.playout.Playout`: marks come back when heard, a
clear brings back all that are pending. Messages are those of Twilio's page "Media Streams - WebSocket Messages".
"""

from __future__ import annotations

import json
from array import array
from time import monotonic
from typing import Final

from tests.benchmarks.hub import Hub, Peer
from tests.benchmarks.probe import FRAME_S, CallProbe, decoded_size, quoted_value

PATH: Final = "/twilio/media"


class CarrierCall(Peer):
    """One caller's media stream. ``lag_s`` collects how late each frame was sent: the harness's own fitness."""

    path = PATH

    def __init__(self, hub: Hub, port: int, probe: CallProbe, lag_s: array[float]) -> None:
        super().__init__(hub, Peer.dial(hub, port), server=False)
        self._probe = probe
        self._lag_s = lag_s
        self._due_s = 0.0
        self._sending = True
        self._sequence = 1
        self._chunk = 0
        self._stream = b"MZ%032x" % (probe.call + 1)
        self._media_tail = b'"},"streamSid":"%s"}' % self._stream
        self._echo_s = float("inf")
        self.open(port)

    def opened(self, at_s: float) -> None:
        """Say ``connected`` and ``start``, as the carrier does, and begin to talk."""
        call = self._probe.call
        self.send(b'{"event":"connected","protocol":"Call","version":"1.0.0"}')
        start = {
            "event": "start",
            "sequenceNumber": "1",
            "start": {
                "accountSid": "AC" + "0" * 32,
                "streamSid": self._stream.decode(),
                "callSid": f"CA{call + 1:032x}",
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {},
            },
            "streamSid": self._stream.decode(),
        }
        self._probe.started_s = monotonic()
        self.send(json.dumps(start, separators=(",", ":")).encode())

    def talk(self, first_s: float) -> None:
        """Send frames from ``first_s`` on."""
        self._due_s = first_s
        self._hub.call_at(first_s, self._frame_due)

    @property
    def frames(self) -> int:
        """How many frames have been sent."""
        return self._chunk

    def stop_talking(self) -> None:
        """Send no more frames."""
        self._sending = False

    def hang_up(self) -> None:
        """Say ``stop`` and close, as when the caller hangs up."""
        self._sending = False
        self._sequence += 1
        self.send(
            b'{"event":"stop","sequenceNumber":"%d","streamSid":"%s","stop":{"accountSid":"AC%032d","callSid":"CA%032x"}}'
            % (self._sequence, self._stream, 0, self._probe.call + 1)
        )
        self.close()

    def _frame_due(self) -> None:
        if self.closed or not self._sending:
            return
        uplink = self._probe.uplink
        self._sequence += 1
        self._chunk += 1
        frame = self._frame(
            b'{"event":"media","sequenceNumber":"%d","media":{"track":"inbound","chunk":"%d","timestamp":"%d","payload":"%s%s'
            % (self._sequence, self._chunk, self._chunk * 20, uplink.next_frame(), self._media_tail)
        )
        now_s = monotonic()
        uplink.sent(now_s)
        self.write(frame)
        self._lag_s.append(now_s - self._due_s)
        self._due_s += FRAME_S
        self._hub.call_at(self._due_s, self._frame_due)

    def text(self, payload: bytes, at_s: float) -> None:
        """Take one of the three messages that a gateway may send."""
        probe = self._probe
        if self._stream not in payload:
            probe.carrier_faults += 1
        elif b'"payload"' in payload:
            probe.media(decoded_size(quoted_value(payload, b"payload")), at_s)
        else:
            match json.loads(payload):
                case {"event": "mark", "mark": {"name": str(name)}}:
                    probe.playout.mark(json.dumps(name).encode(), at_s + probe.net_s)
                case {"event": "clear"}:
                    probe.clear(at_s)
                case _:
                    probe.carrier_faults += 1
            self._await_mark()

    def _await_mark(self) -> None:
        due_s = self._probe.playout.next_mark_s()
        if due_s is None:
            return
        due_s += self._probe.net_s
        if due_s < self._echo_s:
            self._echo_s = due_s
            self._hub.call_at(due_s, self._echo)

    def _echo(self) -> None:
        self._echo_s = float("inf")
        for name in self._probe.playout.marks_due(monotonic() - self._probe.net_s):
            self._sequence += 1
            self.send(
                b'{"event":"mark","sequenceNumber":"%d","streamSid":"%s","mark":{"name":%s}}'
                % (self._sequence, self._stream, name)
            )
        self._await_mark()
