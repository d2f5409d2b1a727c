"""The responses of a session: who may answer when, what a response is asked for, and how a mind's words get a voice.

One response at a time writes to the conversation; any number stand beside it. A response is announced at once, then
thought about (which may need listening), then performed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.offline import events as wire
from gateway.offline.conversation import Conversation, Entry, entry_of
from gateway.offline.faults import Faults
from gateway.offline.items import FunctionCall, FunctionOutput, ItemReference, read_item
from gateway.offline.listening import Hearing, Jobs
from gateway.offline.mind import Answer, Fail, Listen, Mind, Stunt, Thought, Trigger, Utter
from gateway.offline.refusals import Refused
from gateway.offline.response import TOKEN_BUDGET, ResponseOrder, Run, Stage
from gateway.offline.session_config import (
    RealtimeSession,
    Transcription,
    VoiceId,
    check_choice,
    check_modalities,
    wire_format,
)
from gateway.offline.speech_jobs import Expected, JobFailed, Recognised, Result, Speak, Spoken
from gateway.offline.usage import Block, blocks
from gateway.offline.wire import ResponseChoice

MAX_METADATA: Final = 16
MAX_METADATA_KEY: Final = 64
MAX_METADATA_VALUE: Final = 512
MAX_RESPONSES: Final = 16
"""Responses under way at a time, those beside the conversation included."""
CACHED_REQUESTS: Final = 32
"""The latest requests of a session whose beginnings count as cached."""
MAX_SECOND_THOUGHTS: Final = 4
"""How often a mind may ask to hear something before it answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What responses need of their session."""

    outbox: wire.Outbox
    conversation: Conversation
    conversation_id: str
    mind: Mind
    jobs: Jobs
    hearing: Hearing
    faults: Faults
    pace: float
    config: Callable[[], RealtimeSession]
    stunt: Callable[[Stunt, float], bool]
    answered: Callable[[Run, float], None]


class Responses:
    """All responses of one session."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._runs: list[Run] = []
        self._late: list[tuple[float, Run]] = []
        self._requests_before: deque[tuple[Block, ...]] = deque(maxlen=CACHED_REQUESTS)
        self._count = 0
        self._tokens_used = 0
        self._spoke = False

    @property
    def current(self) -> Run | None:
        """The response that writes to the conversation, announced or not."""
        return next((run for run in self._runs if not run.order.out_of_band), None)

    @property
    def audio_sent(self) -> bool:
        """Whether any assistant audio was sent: from then on the voice is fixed."""
        return self._spoke or any(run.audio_ms > 0 for run in self._runs)

    def create(self, choice: ResponseChoice | None, trigger: Trigger, now_ms: float) -> None:
        """Begin a response.

        Raises:
            Refused: one is under way already, or what is asked for does not fit.

        """
        order = self._order(choice or ResponseChoice(), trigger)
        if not order.out_of_band and (current := self.current) is not None:
            message = f"conversation already has an active response in progress: {current.order.response_id}"
            raise Refused("conversation_already_has_active_response", message)
        if len(self._runs) >= MAX_RESPONSES:
            raise Refused("rate_limit_exceeded", f"{MAX_RESPONSES} responses are under way; wait for one to end")
        self._count += 1
        self._requests_before.append(tuple(order.request))
        around = self._around
        stage = Stage(
            outbox=around.outbox,
            conversation=around.conversation,
            pace=around.pace,
            padding_bytes=around.faults.huge_frame_bytes,
            interleaves=around.faults.interleave_items,
            speak=self._speak,
            stunt=around.stunt,
            ended=self._ended,
        )
        run = Run(order, stage)
        self._runs.append(run)
        if around.faults.created_delay_ms:
            self._late.append((now_ms + around.faults.created_delay_ms, run))
        else:
            self._begin(run, now_ms)

    def cancel(self, response_id: str | None, now_ms: float) -> None:
        """Stop a response for the client.

        Raises:
            Refused: there is no such response, or it was not announced yet.

        """
        run = self.current if response_id is None else self._find(response_id)
        if run is None or not run.created:
            raise Refused("response_cancel_not_active", "cancellation failed: no active response found")
        run.cancel("client_cancelled", now_ms, late_ms=self._around.faults.late_deltas_ms)

    def interrupt(self, now_ms: float) -> None:
        """Stop the conversation's response, because the user speaks."""
        run = self.current
        if run is not None and run.created:
            run.cancel("turn_detected", now_ms, late_ms=self._around.faults.late_deltas_ms)

    def next_wake_ms(self) -> float | None:
        """Return when there is something to do, or None."""
        times = [run.next_wake_ms() for run in self._runs] + [at_ms for at_ms, _ in self._late]
        return min((at_ms for at_ms in times if at_ms is not None), default=None)

    def wake(self, now_ms: float) -> None:
        """Do what is due."""
        late, self._late = self._late, []
        for at_ms, run in late:
            if at_ms <= now_ms:
                self._begin(run, now_ms)
            else:
                self._late.append((at_ms, run))
        for run in list(self._runs):
            run.wake(now_ms)

    # --- what is asked for ------------------------------------------------------------------------------------------

    def _order(self, choice: ResponseChoice, trigger: Trigger) -> ResponseOrder:
        config, around = self._around.config(), self._around
        tools = config.tools if choice.tools is None else choice.tools
        tool_choice = choice.tool_choice if choice.tool_choice is not None else config.tool_choice
        if choice.tool_choice is not None or choice.tools is not None:
            check_choice(tool_choice, tools, param="response.tool_choice")
        modalities = choice.output_modalities or config.output_modalities
        check_modalities(modalities, param="response.output_modalities")
        _check_metadata(choice.metadata)
        limit = config.max_output_tokens if choice.max_output_tokens is None else choice.max_output_tokens
        if limit != "inf" and not 1 <= limit <= 4096:
            raise Refused("invalid_value", f"{limit} is not 1 to 4096 or 'inf'", param="response.max_output_tokens")
        entries = around.conversation.entries if choice.input is None else self._entries(choice.input)
        instructions = config.instructions if choice.instructions is None else choice.instructions
        output = choice.audio.output if choice.audio is not None and choice.audio.output else None
        voice = output.voice if output and output.voice else config.audio.output.voice
        if self.audio_sent and voice != config.audio.output.voice:
            message = "the voice can't be changed once there is assistant audio"
            raise Refused("cannot_update_voice", message, param="response.audio.output.voice")
        return ResponseOrder(
            response_id=around.outbox.ids.new("resp"),
            number=self._count + 1,
            trigger=trigger,
            conversation_id=around.conversation_id if choice.conversation == "auto" else None,
            instructions=config.instructions,
            response_instructions=choice.instructions,
            tools=tools,
            tool_choice=tool_choice,
            modality=modalities[0],
            format=output.format if output and output.format else config.audio.output.format,
            voice=voice,
            max_output_tokens=limit,
            metadata=choice.metadata,
            entries=entries,
            request=blocks(instructions, tools, entries),
            requests_before=tuple(self._requests_before),
        )

    def _entries(self, given: list[msgspec.Raw]) -> list[Entry]:
        entries: list[Entry] = []
        around = self._around
        for index, raw in enumerate(given):
            under = f"response.input[{index}]"
            ids = around.outbox.ids
            item = read_item(raw, under=under, new_id=ids.new("item"), new_call_id=ids.new("call"))
            if isinstance(item, ItemReference):
                entry = around.conversation.find(item.id)
                if entry is None:
                    raise Refused("invalid_value", f"item '{item.id}' does not exist", param=f"{under}.id")
            else:
                entry = entry_of(item, wire_format(around.config().audio.input.format))
            entries.append(entry)
        calls = {entry.item.call_id for entry in entries if isinstance(entry.item, FunctionCall)}
        for index, entry in enumerate(entries):
            if isinstance(entry.item, FunctionOutput) and entry.item.call_id not in calls:
                message = f"no function call '{entry.item.call_id}' in the input"
                raise Refused("invalid_tool_call_id", message, param=f"response.input[{index}].call_id")
        return entries

    def _find(self, response_id: str) -> Run | None:
        return next((run for run in self._runs if run.order.response_id == response_id), None)

    # --- from the announcement to the voice -------------------------------------------------------------------------

    def _begin(self, run: Run, now_ms: float) -> None:
        run.begin()
        faults = self._around.faults
        if faults.future_event:
            self._around.outbox.send(wire.FutureEvent(response_id=run.order.response_id))
        self._think(run, {}, now_ms)

    def _think(self, run: Run, heard: dict[tuple[str, Expected], Recognised], now_ms: float) -> None:
        if run.finished:
            return
        answer = self._around.mind.answer(self._thought(run.order, heard))
        if isinstance(answer, Answer):
            run.perform(self._with_faults(run, answer), now_ms)
        elif len(heard) >= MAX_SECOND_THOUGHTS:
            run.fail("server_error", "the brain asked to listen too often", now_ms)
        else:
            self._listen(run, answer, heard, now_ms)

    def _listen(self, run: Run, wish: Listen, heard: dict[tuple[str, Expected], Recognised], now_ms: float) -> None:
        entry = next(entry for entry in run.order.entries if entry.item.id == wish.item_id)

        def then(result: Recognised | JobFailed, at_ms: float) -> None:
            if isinstance(result, JobFailed):
                if not run.finished:
                    run.fail("server_error", result.reason, at_ms)
                return
            self._think(run, {**heard, (wish.item_id, wish.expected): result}, at_ms)

        self._around.hearing.hear(entry, wish.expected, then, now_ms)

    def _thought(self, order: ResponseOrder, heard: dict[tuple[str, Expected], Recognised]) -> Thought:
        transcription = self._around.config().audio.input.transcription
        return Thought(
            trigger=order.trigger,
            instructions=order.instructions,
            response_instructions=order.response_instructions,
            tools=order.tools,
            tool_choice=order.tool_choice,
            entries=order.entries,
            keywords=keywords_of(transcription),
            language=(transcription.language if transcription else None) or "en",
            out_of_band=order.out_of_band,
            metadata=order.metadata or {},
            heard=heard,
        )

    def _with_faults(self, run: Run, answer: Answer) -> Answer:
        faults = self._around.faults
        if run.order.number != faults.fail_response:
            return answer
        fail = Fail(code=faults.fail_code, message="this response was told to fail", after_ms=faults.fail_after_ms)
        return Answer((*(answer.parts[:1] if faults.fail_after_ms else ()), fail))

    def _speak(self, run: Run, utter: Utter) -> None:
        config = self._around.config()
        voice = run.order.voice
        transcription = config.audio.input.transcription

        def then(result: Result, now_ms: float) -> None:
            if run.finished:
                return
            if isinstance(result, Spoken):
                run.voiced(result, now_ms)
            else:
                run.fail("server_error", getattr(result, "reason", "the voice failed"), now_ms)

        self._around.jobs.ask(
            lambda job_id: Speak(
                job_id=job_id,
                text=utter.text,
                voice=voice.id if isinstance(voice, VoiceId) else voice,
                language=(transcription.language if transcription else None) or "en",
                speed=config.audio.output.speed,
            ),
            then,
        )

    def _ended(self, run: Run, now_ms: float) -> None:
        self._spoke = self._spoke or run.audio_ms > 0
        self._runs.remove(run)
        self._tokens_used += sum(block.text + block.audio for block in run.order.request)
        left = max(0, TOKEN_BUDGET - self._tokens_used)
        limit = wire.RateLimit(name="tokens", limit=TOKEN_BUDGET, remaining=left, reset_seconds=0.0)
        self._around.outbox.send(wire.RateLimitsUpdated(rate_limits=[limit]))
        self._around.answered(run, now_ms)


def keywords_of(transcription: Transcription | None) -> tuple[str, ...]:
    """Return what the transcription was told to expect: its ``keywords``, and the short pieces of its ``prompt``."""
    if transcription is None:
        return ()
    prompt = (transcription.prompt or "").replace("\n", ",").replace(";", ",").split(",")
    pieces = [piece.strip(" .") for piece in prompt]
    short = [piece for piece in pieces if piece and len(piece.split()) <= MAX_KEYWORD_WORDS]
    return (*(transcription.keywords or ()), *short)


MAX_KEYWORD_WORDS: Final = 5
"""A longer piece of a prompt is prose, which nobody reads here."""


def _check_metadata(metadata: dict[str, str] | None) -> None:
    if metadata is None:
        return
    if len(metadata) > MAX_METADATA:
        raise Refused("invalid_value", f"{len(metadata)} pairs; at most {MAX_METADATA}", param="response.metadata")
    for key, value in metadata.items():
        if len(key) > MAX_METADATA_KEY or len(value) > MAX_METADATA_VALUE:
            message = f"keys have at most {MAX_METADATA_KEY} and values {MAX_METADATA_VALUE} characters"
            raise Refused("invalid_value", message, param=f"response.metadata.{key[:MAX_METADATA_KEY]}")
