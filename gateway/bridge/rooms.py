"""The rooms of one conversation, each with its rule, and the doors between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gateway.bridge.alarms import Alarms
from gateway.bridge.barge_in import BargeIn
from gateway.bridge.closing import Closing
from gateway.bridge.commands import Command
from gateway.bridge.context import Context
from gateway.bridge.continuity import Continuity
from gateway.bridge.disclosure import Disclosure
from gateway.bridge.idle import IdleLadder
from gateway.bridge.keeping import Keeping
from gateway.bridge.listening import Listening
from gateway.bridge.media import MediaChain
from gateway.bridge.memory import Memory
from gateway.bridge.plan import CallPlan
from gateway.bridge.playback import Playback
from gateway.bridge.responses import Responses
from gateway.bridge.resume import Resume
from gateway.bridge.settling import Settling
from gateway.bridge.speaker import Speaker
from gateway.bridge.speaking import Speaking
from gateway.bridge.succession import Succession
from gateway.bridge.tail import Tail
from gateway.bridge.tools import Tools
from gateway.bridge.transcript import Transcript
from gateway.bridge.watchdog import Watchdog
from gateway.contracts.model import ModelCapabilities
from gateway.contracts.tool import Tool
from gateway.privacy.redactor import Redactor


class Rooms:
    """One call's rooms, furnished.

    Args:
        out: where all of them put their commands.
        alarms: what wakes them; the conversation says who is woken by which.
        fault: takes time, kind and message for the record.
        give_up: called with the time when no model session will come any more.
    """

    def __init__(
        self,
        plan: CallPlan,
        *,
        playback: Playback,
        media: MediaChain,
        tail: Tail,
        capabilities: ModelCapabilities,
        redactor: Redactor,
        custom_tools: Mapping[str, Tool],
        out: list[Command],
        alarms: Alarms,
        fault: Callable[[float, str, str], None],
        give_up: Callable[[float], None],
    ) -> None:
        self.playback = playback
        self.responses = Responses(out, cancels=plan.interruption == "gateway" and capabilities.cancels)
        self.memory = Memory()
        self.keeping = Keeping(redactor, self.memory, out, deletes=capabilities.deletes_items)
        self.transcript = Transcript(redactor, out, self.keeping)
        self.listening = Listening(
            media=media,
            tail=tail,
            transcript=self.transcript,
            memory=self.memory,
            silence_window_ms=plan.silence_window_ms,
        )
        self.speaker = Speaker(playback, media, redactor, out, alarms)
        self.disclosure = Disclosure(
            plan.disclosure,
            responses=self.responses,
            speaker=self.speaker,
            transcript=self.transcript,
            out=out,
            alarms=alarms,
        )
        self.barge_in = BargeIn(
            min_speech_ms=plan.min_barge_in_ms,
            capabilities=capabilities,
            speaker=self.speaker,
            playback=playback,
            responses=self.responses,
            transcript=self.transcript,
            out=out,
            alarms=alarms,
        )
        self.closing = Closing(
            speaker=self.speaker, playback=playback, responses=self.responses, out=out, alarms=alarms
        )
        self.tools = Tools(
            plan=plan,
            custom=custom_tools,
            out_of_band=capabilities.out_of_band,
            closing=self.closing,
            responses=self.responses,
            playback=playback,
            redactor=redactor,
            out=out,
            alarms=alarms,
        )
        self.idle = IdleLadder(
            plan.idle, playback=playback, responses=self.responses, closing=self.closing, out=out, alarms=alarms
        )
        self.watchdog = Watchdog(
            plan.apology, responses=self.responses, closing=self.closing, alarms=alarms, fault=fault
        )
        self.settling = Settling(
            transcript=self.transcript,
            playback=playback,
            speaker=self.speaker,
            responses=self.responses,
            disclosure=self.disclosure,
            out=out,
        )
        self.context = Context(
            plan.context,
            instructions=plan.instructions,
            memory=self.memory,
            responses=self.responses,
            capabilities=capabilities,
            out=out,
            fault=fault,
        )
        self.resume = Resume(
            responses=self.responses,
            transcript=self.transcript,
            memory=self.memory,
            listening=self.listening,
            speaker=self.speaker,
            barge_in=self.barge_in,
            disclosure=self.disclosure,
            tools=self.tools,
            watchdog=self.watchdog,
            out=out,
        )
        self.speaking = Speaking(
            responses=self.responses,
            transcript=self.transcript,
            memory=self.memory,
            context=self.context,
            playback=playback,
            speaker=self.speaker,
            disclosure=self.disclosure,
            barge_in=self.barge_in,
            listening=self.listening,
            watchdog=self.watchdog,
            out=out,
            alarms=alarms,
        )
        self.succession = Succession(
            limit_ms=plan.session_limit_ms, within_ms=plan.reconnect_within_ms, out=out, alarms=alarms
        )
        self.continuity = Continuity(
            succession=self.succession,
            resume=self.resume,
            context=self.context,
            memory=self.memory,
            tail=tail,
            playback=playback,
            redactor=redactor,
            filler=plan.filler,
            out_of_band=capabilities.out_of_band,
            out=out,
            alarms=alarms,
            fault=fault,
            give_up=give_up,
        )
