"""One party's side of a call: what a leg tells the bridge, and what the bridge may ask of it.

A leg turns a carrier's protocol into these few events and commands. It knows nothing of models, flows or redaction;
the bridge knows nothing of carriers. Digits and custom parameters are raw here: they are the caller's words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.audio.format import AudioFormat, AudioFrame
from gateway.errors import Ending

# --- what a leg can do -------------------------------------------------------------------------------------------


class HeardSignal(StrEnum):
    """How a leg learns what the caller has heard."""

    NAMED_MARKS = "named_marks"
    """A mark comes back under its name once it was played (Twilio, Telnyx, SignalWire, Plivo, jambonz, Vonage)."""
    NONE = "none"
    """The carrier buffers and never tells (ACS, some FreeSWITCH modules): the playout clock alone decides."""
    POSITION = "position"
    """Whoever plays says how far it is (a web page): marks come back as they are passed, and again with ``past_ms``.
    Until it says so, and where it never does, the playout clock decides."""
    SELF_PACED = "self_paced"
    """We send each frame when it is due (SIP/RTP, AudioSocket): what was sent, less the lead, is what was heard."""


class MarksOnClear(StrEnum):
    """What becomes of outstanding marks when the playout is cleared (carriers.md, the first table)."""

    ECHOED = "echoed"
    """They come back exactly as if played (Twilio, SignalWire, Telnyx)."""
    TAGGED = "tagged"
    """They come back and say that they were cleared (jambonz)."""
    DROPPED = "dropped"
    """They never come back (Plivo, Asterisk)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LegCapabilities:
    """What this kind of leg can do; fixed for its life."""

    heard: HeardSignal
    marks_on_clear: MarksOnClear = MarksOnClear.ECHOED
    lead_ms: int = 0
    """Milliseconds that a self-paced leg sends ahead of the ear; 0 for others."""
    sends_digits: bool = False
    transfers: bool = False
    hangs_up: bool = True
    """False where closing the media stream is all there is."""
    ordered: bool = True


# --- what a leg tells ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LegStarted:
    """Media flows from now on. Numbers are as the carrier wrote them, empty when withheld."""

    leg_id: str
    """The carrier's own id of the call, e.g. Twilio's CallSid."""
    stream_id: str
    caller_number: str = ""
    dialed_number: str = ""
    inbound: bool = True
    from_caller: AudioFormat
    to_caller: AudioFormat
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the carrier's document or the SIP headers passed on, tokens of ours taken out; a stranger wrote it."""


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """A DTMF key: one of ``0-9 * # A B C D``."""

    key: str
    duration_ms: int | None = None
    source: str = "carrier"
    """Who noticed it, where several do: ``carrier``, ``rtp``, ``info`` or ``sound``. The bridge counts a key once."""

    def __repr__(self) -> str:
        return "KeyPressed(key=•)"


class MarkFate(StrEnum):
    """Why a mark came back."""

    UNKNOWN = "unknown"
    """The carrier does not say: played, unless it was outstanding at a clear."""
    PLAYED = "played"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class MarkReturned:
    """A mark came back under the name we gave it."""

    name: str
    fate: MarkFate = MarkFate.UNKNOWN
    past_ms: float = 0.0
    """How far past the mark the ear is by now; of legs with :attr:`HeardSignal.POSITION`, which may repeat a mark."""


@dataclass(frozen=True, slots=True)
class CallerWrote:
    """The caller's turn in writing, instead of speech."""

    text: str

    def __repr__(self) -> str:
        return f"CallerWrote({len(self.text)} characters)"


@dataclass(frozen=True, slots=True)
class FloorTaken:
    """The caller stopped the agent by hand."""


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The caller ended the turn by hand: push-to-talk, where nothing listens for the end of speech."""


@dataclass(frozen=True, slots=True)
class ImageShown:
    """The caller shows a picture; it belongs to what is said or written next."""

    data_uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FramesLost:
    """Audio from the caller never arrived: ``lost_ms`` milliseconds are missing before the next frame."""

    lost_ms: int


@dataclass(frozen=True, slots=True)
class LegEnded:
    """The leg is gone; nothing more comes and nothing more can be sent."""

    ending: Ending


LegEvent = (
    LegStarted | KeyPressed | MarkReturned | FramesLost | CallerWrote | FloorTaken | TurnEnded | ImageShown | LegEnded
)
"""Everything but audio, which takes the short way (:class:`LegListener`)."""


class LegListener(Protocol):
    """Who hears a leg: the call. Both methods return at once and never raise; they run on the event loop."""

    def on_audio(self, frame: AudioFrame) -> None:
        """Take a frame from the caller, in the format that :class:`LegStarted` named."""
        ...

    def on_leg(self, event: LegEvent) -> None:
        """Take any other event."""
        ...


# --- what a leg is asked ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TransferTarget:
    """Where a call goes: ``tel:+E164`` or ``sip:…``, shown to the callee as ``caller_id`` if the carrier lets us."""

    uri: str
    caller_id: str | None = None


class Leg(Protocol):
    """One party's side of a call.

    The four media commands return at once: they write, or put into the leg's bounded queue, in order. ``clear``
    overtakes audio and marks that are still queued on our side: those are dropped and their marks never come back.
    After the leg has ended every command does nothing.
    """

    @property
    def capabilities(self) -> LegCapabilities:
        """What this leg can do."""
        ...

    @property
    def started(self) -> LegStarted:
        """How the leg began; a leg is only handed out once it has."""
        ...

    def listen(self, listener: LegListener) -> None:
        """Name the one who hears; events that came before are delivered at once, in order."""
        ...

    def hear_tones(self) -> None:
        """Tell from now on of keys that sound in the caller's audio, too, with ``source`` ``sound``; where it can."""
        ...

    def send_audio(self, frame: AudioFrame) -> None:
        """Queue audio in ``started.to_caller`` format, of any length in whole samples."""
        ...

    def send_mark(self, name: str) -> None:
        """Ask for ``name`` back once everything sent before was heard. Nothing happens where there are no marks."""
        ...

    def clear(self) -> None:
        """Drop everything that was sent and not yet heard."""
        ...

    async def send_digits(self, digits: str) -> None:
        """Press keys towards the caller. Raises :class:`~gateway.errors.Unsupported` where it can't be done."""
        ...

    async def transfer(self, target: TransferTarget) -> None:
        """Hand the caller over, blind; the leg ends by itself afterwards.

        Raises:
            Unsupported: the leg can't transfer.
            CarrierError: the carrier refused or did not answer within its limit.

        """
        ...

    async def hang_up(self) -> None:
        """End the carrier's call and see it confirmed, within the leg's own time limit; a call already gone is success.

        Raises:
            CarrierError: the carrier did not confirm. The media stream is closed in any case.

        """
        ...

    async def close(self) -> None:
        """Let go of the media stream without ending the carrier's call (after a transfer)."""
        ...


LegHandler = Callable[[Leg], None]
