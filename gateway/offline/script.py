"""A script that stands in for the brain: exact transcripts, words, calls, timings and faults, for tests.

A script is a YAML or JSON file; the README of this package shows one. Each connection follows its own list of steps,
in order. A step expects a caller's ``turn``, a ``response`` that begins, or a client ``event``, and says what happens
then. What comes unexpected, and what never comes, is kept as a sentence for the server's report: nothing passes
silently. An unexpected response fails with the code :data:`UNEXPECTED`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import yaml
from msgspec import Meta, Struct

from gateway.errors import ConfigurationError
from gateway.offline.faults import NO_FAULTS, Faults
from gateway.offline.mind import (
    Answer,
    Call,
    Expire,
    Fail,
    Hangup,
    Inject,
    Listen,
    Pause,
    Stunt,
    Thought,
    Trigger,
    Utter,
    Wording,
)
from gateway.offline.session_config import ForcedFunction
from gateway.offline.speech_jobs import Expected
from gateway.offline.wire import EVENT_TYPES

UNEXPECTED: Final = "script_unexpected"
"""Code of a response that no step expected."""

_Milliseconds = Annotated[int, Meta(ge=0)]


class _Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class ToolCall(_Part, kw_only=True, frozen=True):
    """A tool call; ``arguments`` is a mapping, or text for arguments that are not JSON."""

    name: str
    arguments: dict[str, Any] | str = {}


class Failure(_Part, kw_only=True, frozen=True):
    """The response fails, ``after_ms`` milliseconds into the words before it."""

    code: str = "server_error"
    message: str = "the server had an error while processing your request"
    after_ms: _Milliseconds = 0


class Then(_Part, kw_only=True, frozen=True):
    """One thing that happens: exactly one of ``say``, ``call``, ``pause_ms``, ``fail``, ``send``, ``close``, ``drop``,
    ``expire``. ``sound`` and ``ms`` belong to ``say``."""  # noqa: D205, D209

    say: str | None = None
    sound: Literal["speech", "tone", "silence"] = "tone"
    ms: _Milliseconds | None = None
    call: ToolCall | None = None
    pause_ms: _Milliseconds | None = None
    fail: Failure | None = None
    send: dict[str, Any] | None = None
    close: int | None = None
    drop: bool = False
    expire: bool = False


class ExpectedResponse(_Part, kw_only=True, frozen=True):
    """What a response has to look like; what is left out may be anything. ``instructions`` is a part of them."""

    trigger: Trigger | None = None
    out_of_band: bool | None = None
    instructions: str | None = None
    tool_choice: str | None = None


class Expect(_Part, kw_only=True, frozen=True):
    """What a step waits for: one of a ``response`` or a client ``event``.

    ``where`` maps paths within the event (``session.audio.output.voice``) to their values. An ``anytime`` event holds
    nobody up; it only has to come.
    """

    response: ExpectedResponse | None = None
    event: str | None = None
    where: dict[str, Any] = {}
    anytime: bool = False


class Transcript(_Part, kw_only=True, frozen=True):
    """How a turn is written down: words, or the code of a failure, after a delay."""

    text: str = ""
    failed: str | None = None
    delay_ms: _Milliseconds = 0
    deltas: _Milliseconds | None = None


class Step(_Part, kw_only=True, frozen=True):
    """Expect something, then do something. ``heard`` belongs to turns, ``then`` to responses and events."""

    expect: Literal["turn", "response"] | Expect
    heard: str | Transcript = ""
    then: list[Then] = []

    @property
    def kind(self) -> str:
        """``turn``, ``response`` or ``event``."""
        if isinstance(self.expect, str):
            return self.expect
        return "response" if self.expect.event is None else "event"

    def __str__(self) -> str:
        if isinstance(self.expect, Expect) and self.expect.event:
            return f"event {self.expect.event}"
        return self.kind


class SessionScript(_Part, kw_only=True, frozen=True):
    """What one connection does."""

    steps: list[Step] = []
    faults: Faults = NO_FAULTS


class Script(_Part, kw_only=True, frozen=True):
    """The whole file. ``pace`` is how much faster than real time speech is sent, 0 for at once.

    The n-th connection follows the n-th session; ``repeat`` begins again after the last, else further connections are
    unexpected.
    """

    sessions: list[SessionScript]
    pace: Annotated[float, Meta(ge=0)] | None = None
    repeat: bool = False

    def session(self, number: int) -> SessionScript | None:
        """Return what the ``number``-th connection (from 0) does, or None when it is one too many."""
        if self.repeat and self.sessions:
            return self.sessions[number % len(self.sessions)]
        return self.sessions[number] if number < len(self.sessions) else None


def load_script(path: Path) -> Script:
    """Return the script in a file.

    Raises:
        ConfigurationError: not readable, not YAML or JSON, or not a script; names the place.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"script {path}: {error.strerror}; give the path of a YAML or JSON file") from error
    return read_script(text, str(path))


def read_script(text: str, where: str = "script") -> Script:
    """Return the script in a text; ``where`` names it in errors.

    Raises:
        ConfigurationError: not YAML or JSON, or not a script; names the place.

    """
    try:
        script = msgspec.convert(yaml.safe_load(text), Script)
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{where}: not YAML: {error}") from error
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{where}: {error}") from error
    for number, session in enumerate(script.sessions):
        for index, step in enumerate(session.steps):
            _check_step(step, f"{where}: sessions[{number}].steps[{index}]")
    return script


def _check_step(step: Step, where: str) -> None:
    expect = step.expect
    if isinstance(expect, Expect):
        if (expect.event is None) == (expect.response is None):
            raise ConfigurationError(f"{where}.expect: one of 'event' and 'response' is wanted")
        if expect.event is not None and expect.event not in EVENT_TYPES:
            raise ConfigurationError(f"{where}.expect.event: '{expect.event}' is not a client event")
        if (expect.anytime or expect.where) and expect.event is None:
            raise ConfigurationError(f"{where}.expect: 'anytime' and 'where' belong to an 'event'")
    if step.heard and step.kind != "turn":
        raise ConfigurationError(f"{where}.heard: only a turn is heard")
    if step.then and step.kind == "turn":
        raise ConfigurationError(f"{where}.then: nothing happens on a turn but its transcript; expect a response next")
    for index, then in enumerate(step.then):
        part = _part(then, f"{where}.then[{index}]")
        if step.kind == "event" and not isinstance(part, Hangup | Expire | Inject):
            raise ConfigurationError(f"{where}.then[{index}]: on an event only send, close, drop and expire can happen")


def _part(then: Then, where: str = "then") -> Utter | Call | Pause | Fail | Stunt:
    found: list[Utter | Call | Pause | Fail | Stunt] = []
    if then.say is not None:
        found.append(Utter(text=then.say, sound=then.sound, ms=then.ms))
    if then.call is not None:
        given = then.call.arguments
        found.append(Call(name=then.call.name, arguments=given if isinstance(given, str) else json.dumps(given)))
    if then.pause_ms is not None:
        found.append(Pause(ms=then.pause_ms))
    if then.fail is not None:
        found.append(Fail(code=then.fail.code, message=then.fail.message, after_ms=then.fail.after_ms))
    if then.send is not None:
        if not isinstance(then.send.get("type"), str):
            raise ConfigurationError(f"{where}.send: an event needs a 'type'")
        found.append(Inject(then.send))
    if then.close is not None:
        found.append(Hangup(code=then.close, reason="script"))
    if then.drop:
        found.append(Hangup())
    if then.expire:
        found.append(Expire())
    if len(found) != 1:
        raise ConfigurationError(f"{where}: exactly one thing is wanted, {len(found)} are there")
    return found[0]


class ScriptMind:
    """A mind that follows a session's script to the letter and notes every deviation."""

    def __init__(self, script: SessionScript | None) -> None:
        self._steps = script.steps if script is not None else []
        self._violations = [] if script is not None else ["a connection came that the script has no session for"]
        self._anytime = [number for number, step in enumerate(self._steps) if _is_anytime(step)]
        self._in_order = [number for number, step in enumerate(self._steps) if not _is_anytime(step)]

    def answer(self, thought: Thought) -> Answer | Listen:
        """Say what the script says, or fail."""
        number = self._take("response", _describe(thought))
        if number is None or not self._fits(number, thought):
            return Answer((Fail(code=UNEXPECTED, message="the script did not expect this response"),))
        return Answer(tuple(_part(then) for then in self._steps[number].then))

    def transcribe(self, item_id: str, thought: Thought) -> Listen | Wording:
        """Give the words that the script says were heard."""
        number = self._take("turn", "a turn")
        heard = "" if number is None else self._steps[number].heard
        if isinstance(heard, str):
            return Wording(text=heard)
        return Wording(text=heard.text, failed=heard.failed, delay_ms=heard.delay_ms, deltas=heard.deltas)

    def expects(self, thought: Thought) -> Expected | None:
        """Return None: a script knows what will be heard."""
        return None

    def noticed(self, kind: str, frame: str | bytes) -> Sequence[Stunt]:
        """Compare a client event with the steps that may wait for it."""
        for queue in (self._anytime, self._in_order):
            for number in queue if queue is self._anytime else queue[:1]:
                step = self._steps[number]
                expect = step.expect
                if isinstance(expect, Expect) and expect.event == kind and _holds(expect.where, frame):
                    queue.remove(number)
                    parts = (_part(then) for then in step.then)
                    return [part for part in parts if isinstance(part, Hangup | Expire | Inject)]
        return ()

    def leftovers(self) -> list[str]:
        """Return the deviations so far, and the steps that were not reached."""
        left = sorted([*self._in_order, *self._anytime])
        return [*self._violations, *(f"step {number} ({self._steps[number]}) was not reached" for number in left)]

    def _take(self, kind: str, what: str) -> int | None:
        """Return the number of the step that this is, or note that it is none."""
        number = self._in_order[0] if self._in_order else None
        if number is None or self._steps[number].kind != kind:
            wanted = "the script is over" if number is None else f"step {number} expects {self._steps[number]}"
            self._violations.append(f"{what} came, but {wanted}")
            return None
        return self._in_order.pop(0)

    def _fits(self, number: int, thought: Thought) -> bool:
        expect = self._steps[number].expect
        wanted = expect.response if isinstance(expect, Expect) else None
        if wanted is None:
            return True
        forced = thought.tool_choice
        choice = forced.name if isinstance(forced, ForcedFunction) else forced
        instructions = thought.instructions if thought.response_instructions is None else thought.response_instructions
        wrong = [
            name
            for name, value, found in (
                ("trigger", wanted.trigger, thought.trigger),
                ("out_of_band", wanted.out_of_band, thought.out_of_band),
                ("tool_choice", wanted.tool_choice, choice),
            )
            if value is not None and value != found
        ]
        if wanted.instructions is not None and wanted.instructions not in instructions:
            wrong.append("instructions")
        if wrong:
            self._violations.append(f"{_describe(thought)} came, but step {number} wants another {wrong[0]}")
        return not wrong


def _describe(thought: Thought) -> str:
    return f"a response ({'out of band, ' if thought.out_of_band else ''}trigger {thought.trigger})"


def _is_anytime(step: Step) -> bool:
    return isinstance(step.expect, Expect) and step.expect.anytime


def _holds(where: Mapping[str, Any], frame: str | bytes) -> bool:
    if not where:
        return True
    event = msgspec.json.decode(frame)
    return all(_value_at(event, path) == value for path, value in where.items())


def _value_at(found: Any, path: str) -> Any:
    for name in path.split("."):
        if isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            return None
    return found
