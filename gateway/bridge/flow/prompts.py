"""What a flow says, in its order: had from the store, the voice that reads, or the model; heard or cut by the ledger.

Prompts are asked for as soon as they are wanted and sound one after the other. What the model says live is compared
with the text when its words are whole; other words than those are cut off and said by the voice that reads. How a
prompt may be interrupted is its step's business (:class:`~gateway.bridge.barge_in.Manners`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from gateway.audio.format import AudioFrame
from gateway.bridge.alarms import Alarms
from gateway.bridge.barge_in import BargeIn
from gateway.bridge.commands import AddMessage, Command, DoAside, StopAside
from gateway.bridge.disclosure import same_words
from gateway.bridge.flow.plan import PromptAudio, Said
from gateway.bridge.playback import Playback, UnknownItem
from gateway.bridge.responses import Purpose, Responses
from gateway.bridge.speaker import Speaker
from gateway.bridge.transcript import Item, Transcript, cut_to_heard
from gateway.contracts.model import ItemAudio, ItemDone, ItemText, ResponseStarted
from gateway.flows.engine.commands import SayPrompt
from gateway.flows.engine.events import FlowEvent, PromptCut, PromptHeard
from gateway.flows.steps import InterruptPolicy

MODEL_WITHIN_MS: Final = 4000
"""How long the model may take to begin a prompt; then the voice that reads says it."""
PRIVATE: Final = "[private]"
"""Stands in records for a text that holds what is not public."""
_LOCAL: Final = "prompt"


@dataclass(slots=True)
class _Prompt:
    command: SayPrompt
    locally: bool = False
    """The voice that reads was asked; there is nobody else to ask after it."""
    tag: str | None = None
    response_id: str | None = None
    asked_ms: float | None = None
    item: Item | None = None
    """Once something of it has sounded."""
    frames: list[AudioFrame] = field(default_factory=list)
    """What has come and not been sent."""
    ready: bool = False
    """Whether its frames are in the leg's format."""
    whole: bool = False
    text: str = ""


class Prompts:
    """One call's prompts.

    Args:
        told: takes word of prompts that were heard or cut.
        misread: takes a prompt that the model said in other words.
        lost: takes a prompt that nobody can say.
        out_of_band: whether the endpoint speaks beside the conversation.
        is_private: whether a prompt's text stays out of the record.

    """

    def __init__(
        self,
        *,
        responses: Responses,
        transcript: Transcript,
        playback: Playback,
        speaker: Speaker,
        barge_in: BargeIn,
        out: list[Command],
        alarms: Alarms,
        told: Callable[[FlowEvent], None],
        misread: Callable[[SayPrompt], None],
        lost: Callable[[SayPrompt], None],
        out_of_band: bool,
        is_private: Callable[[SayPrompt], bool],
    ) -> None:
        self._responses = responses
        self._transcript = transcript
        self._playback = playback
        self._speaker = speaker
        self._barge_in = barge_in
        self._out = out
        self._alarms = alarms
        self._told = told
        self._misread = misread
        self._lost = lost
        self._out_of_band = out_of_band
        self._is_private = is_private
        self._queue: list[_Prompt] = []
        """Not yet handed to the speaker to their ends, in order."""
        self._sounding: list[_Prompt] = []
        self._caller_stopped_ms: float | None = None

    # --- wanted ---------------------------------------------------------------------------------------------------

    def say(self, command: SayPrompt) -> None:
        """Say something, after all that is still to be said."""
        prompt = _Prompt(command)
        self._queue.append(prompt)
        self._out.append(DoAside(_name(prompt), Said(command)))

    def caller_stopped(self, stopped_ms: float) -> None:
        """The caller waits for an answer from now on."""
        self._caller_stopped_ms = stopped_ms

    def stop(self, now_ms: float) -> None:
        """Be silent at once, without a word to the engine: it knows. Speech of the model stops too."""
        stopped = self._forget()
        self._barge_in.commit(now_ms)
        for prompt in stopped:
            self._remember(prompt)

    @property
    def active(self) -> bool:
        """Whether something is being said, or about to be."""
        return bool(self._queue or self._sounding)

    # --- Manners --------------------------------------------------------------------------------------------------

    @property
    def min_speech_ms(self) -> int:
        """What speech has to last to interrupt what is being said."""
        policy = self._policy(None)
        return 0 if policy is None else policy.min_speech_ms

    def protected_until_ms(self, now_ms: float) -> float | None:
        """Return until when nobody may talk over what is being said."""
        policy = self._policy(now_ms)
        if policy is None:
            return None
        if policy.mode != "allowed":
            return max(self._playback.ends_at_ms(now_ms), now_ms) + 1
        item = self._current(now_ms).item if policy.after_ms else None
        began_ms = item.started_ms if item is not None and item.started_ms is not None else now_ms
        return began_ms + policy.after_ms if policy.after_ms and now_ms < began_ms + policy.after_ms else None

    def mode(self, now_ms: float) -> Literal["allowed", "keys_only", "blocked"]:
        """Return how what is being said may be interrupted."""
        policy = self._policy(now_ms)
        return "allowed" if policy is None else policy.mode

    def _policy(self, now_ms: float | None) -> InterruptPolicy | None:
        if not self.active:
            return None
        return self._current(now_ms).command.interrupt

    def _current(self, now_ms: float | None) -> _Prompt:
        """Return the prompt that the ear is at, or comes to next."""
        if now_ms is not None:
            unheard = self._playback.unheard_items(now_ms)
            for prompt in (*self._sounding, *self._queue):
                if prompt.item is None or prompt.item.item_id in unheard:
                    return prompt
        return (*self._sounding, *self._queue)[0]

    # --- coming ---------------------------------------------------------------------------------------------------

    def came(self, audio: PromptAudio, now_ms: float) -> None:
        """Take a prompt's audio, or word that there is none; then the model is asked, and after it the local voice."""
        prompt = self._find(audio.prompt)
        if prompt is None:
            return
        if audio.frame is not None:
            prompt.frames, prompt.ready, prompt.whole = [audio.frame], True, True
            prompt.text = prompt.command.text
        elif prompt.locally:
            self._drop(prompt)
        elif prompt.command.exact or not self._out_of_band or self._responses.suspended:
            self._read_locally(prompt)
        else:
            prompt.asked_ms = now_ms
            prompt.tag = self._responses.ask(Purpose.PROMPT, now_ms, say=prompt.command.text, out_of_band=True)
        self.advance(now_ms)

    def _read_locally(self, prompt: _Prompt) -> None:
        prompt.locally, prompt.asked_ms = True, None
        prompt.frames, prompt.text = [], ""
        if prompt.tag is not None:
            self._responses.drop(prompt.tag, prompt.response_id)
            prompt.tag = prompt.response_id = None
        self._out.append(DoAside(_name(prompt), Said(prompt.command, locally=True)))

    def _drop(self, prompt: _Prompt) -> None:
        self._queue.remove(prompt)
        self._lost(prompt.command)
        self._told(PromptCut(prompt.command.prompt, 0))

    def response_started(self, event: ResponseStarted) -> None:
        """The model begins a prompt."""
        for prompt in self._queue:
            if prompt.tag == event.tag:
                prompt.response_id = event.response_id

    def audio(self, event: ItemAudio, now_ms: float) -> None:
        """Take a piece of the model's sound."""
        prompt = self._of(event.response_id)
        if prompt is None:
            return
        prompt.asked_ms = None
        prompt.frames.append(event.frame)
        self.advance(now_ms)

    def text(self, event: ItemText) -> None:
        """Take a piece of the model's words."""
        prompt = self._of(event.response_id)
        if prompt is not None:
            prompt.text += event.text
            if prompt.item is not None:
                prompt.item.text = self._shown(prompt)

    def item_done(self, event: ItemDone, now_ms: float) -> None:
        """Take the end of what the model says, and compare the words."""
        prompt = self._of(event.response_id)
        if prompt is None or not event.complete:
            return
        prompt.text = event.text or prompt.text
        if not same_words(prompt.text, prompt.command.text):
            self._misread(prompt.command)
            self._say_otherwise(prompt, now_ms)
            return
        prompt.whole = True
        self.advance(now_ms)

    def response_done(self, response_id: str, now_ms: float) -> None:
        """The model says no more of it: what is not whole is read by the local voice."""
        prompt = self._of(response_id)
        if prompt is not None and not prompt.whole:
            self._say_otherwise(prompt, now_ms)

    def _say_otherwise(self, prompt: _Prompt, now_ms: float) -> None:
        """The model did not say it, or not in these words: silence what sounds of it and have it read."""
        if prompt.item is not None:
            item, prompt.item = prompt.item, None
            self._take_back(item, now_ms)
        self._read_locally(prompt)

    def _take_back(self, item: Item, now_ms: float) -> None:
        """Silence one item; what stands before it goes on."""
        for stretch in self._speaker.clear(now_ms).tail:
            if stretch.item_id != item.item_id:
                self._speaker.play_ready(stretch.item_id, stretch.frame, now_ms)
        for prompt in self._sounding:
            assert prompt.item is not None
            self._speaker.item_complete(prompt.item.item_id)
        self._transcript.close_item(item, self._heard_ms(item, now_ms), interrupted=True)

    def session_gone(self, now_ms: float) -> None:
        """The session that was to say it is gone: the local voice says what was not said to its end."""
        for prompt in list(self._queue):
            if prompt.tag is not None and not prompt.whole:
                self._say_otherwise(prompt, now_ms)

    # --- sounding -------------------------------------------------------------------------------------------------

    def advance(self, now_ms: float) -> None:
        """Send what may sound now; called after everything that may have changed it."""
        while self._queue and (self._queue[0].item is not None or not self._responses.speaks):
            prompt = self._queue[0]
            for frame in prompt.frames:
                self._send(prompt, frame, now_ms)
            prompt.frames = []
            if not prompt.whole:
                return
            self._queue.pop(0)
            if prompt.item is None:
                self._told(PromptHeard(prompt.command.prompt))
                continue
            prompt.item.done = True
            prompt.item.text = self._shown(prompt)
            self._speaker.item_complete(prompt.item.item_id)
            self._sounding.append(prompt)

    def _send(self, prompt: _Prompt, frame: AudioFrame, now_ms: float) -> None:
        if not frame.size_bytes:
            return
        if prompt.item is None:
            prompt.item = self._begin(prompt, now_ms)
        prompt.item.received_ms += frame.duration_ms
        if prompt.ready:
            self._speaker.play_ready(prompt.item.item_id, frame, now_ms)
        else:
            self._speaker.play(prompt.item.item_id, frame, now_ms)

    def _begin(self, prompt: _Prompt, now_ms: float) -> Item:
        response_id = prompt.response_id or _LOCAL
        item = self._transcript.item(
            f"{_LOCAL}:{prompt.command.prompt}:{int(now_ms)}", response_id, Purpose.PROMPT, out_of_band=True
        )
        item.text = self._shown(prompt)
        self._transcript.first_sound(item, self._playback.ends_at_ms(now_ms), now_ms, self._caller_stopped_ms)
        self._caller_stopped_ms = None
        return item

    def check(self, now_ms: float) -> None:
        """See what was heard to its end; called after every event."""
        for prompt in list(self._queue):
            if prompt.asked_ms is not None and now_ms >= prompt.asked_ms + MODEL_WITHIN_MS:
                self._say_otherwise(prompt, now_ms)
        self.advance(now_ms)
        for prompt in list(self._sounding):
            assert prompt.item is not None
            if prompt.item.heard_ms is not None:
                self._sounding.remove(prompt)
                self._over(prompt)
        self._set_alarm(now_ms)

    def _set_alarm(self, now_ms: float) -> None:
        moments = [prompt.asked_ms + MODEL_WITHIN_MS for prompt in self._queue if prompt.asked_ms is not None]
        if self._sounding and not self._speaker.holding:
            moments.append(max(now_ms, self._playback.ends_at_ms(now_ms)) + 1)
        if moments:
            self._alarms.set("prompt", min(moments))
        else:
            self._alarms.stop("prompt")

    # --- over -----------------------------------------------------------------------------------------------------

    def interrupted(self, now_ms: float) -> None:
        """The caller won: what was being said is cut, what was to be said is not said."""
        for prompt in self._forget():
            item = prompt.item
            if item is not None and item.heard_ms is None:
                self._transcript.close_item(item, self._heard_ms(item, now_ms), interrupted=not item.done)
            self._over(prompt)

    def _over(self, prompt: _Prompt) -> None:
        item, number = prompt.item, prompt.command.prompt
        self._remember(prompt)
        if item is not None and item.heard_ms is not None and not item.interrupted:
            self._told(PromptHeard(number))
        else:
            self._told(PromptCut(number, 0 if item is None or item.heard_ms is None else item.heard_ms))

    def _remember(self, prompt: _Prompt) -> None:
        """Let the model know what the caller was told, as far as they heard it."""
        item, command = prompt.item, prompt.command
        if item is None or not command.remembered:
            return
        heard = command.text
        if item.interrupted and item.heard_ms is not None:
            heard = cut_to_heard(command.text, item.heard_ms, item.received_ms)
        if heard:
            self._out.append(AddMessage("assistant", heard))

    def _forget(self) -> list[_Prompt]:
        prompts = [*self._sounding, *self._queue]
        for prompt in self._queue:
            if prompt.frames or prompt.whole:
                continue
            self._out.append(StopAside(_name(prompt)))
        self._sounding, self._queue = [], []
        return prompts

    def _shown(self, prompt: _Prompt) -> str:
        return PRIVATE if self._is_private(prompt.command) else prompt.text or prompt.command.text

    def _heard_ms(self, item: Item, now_ms: float) -> int:
        try:
            return min(self._playback.heard_ms(item.item_id, now_ms), int(item.received_ms))
        except UnknownItem:
            return 0

    def _find(self, number: int) -> _Prompt | None:
        return next((prompt for prompt in self._queue if prompt.command.prompt == number), None)

    def _of(self, response_id: str) -> _Prompt | None:
        return next((prompt for prompt in self._queue if prompt.response_id == response_id), None)


def _name(prompt: _Prompt) -> str:
    """Return what fetching its audio is called: the store's try and the local voice's may overlap."""
    return f"{'local' if prompt.locally else 'prompt'}:{prompt.command.prompt}"
