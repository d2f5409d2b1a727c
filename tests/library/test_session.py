"""A session from Python, over real sockets against the local server on a script."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import gateway
from gateway.contracts.text import RedactedText
from gateway.errors import ConfigurationError, ModelRefused
from gateway.library import (
    AnswerDone,
    AnswerStarted,
    Audio,
    CallerStarted,
    CallerStopped,
    Event,
    Lost,
    Session,
    Trouble,
    Words,
    open_session,
)
from gateway.library import session as library_session
from gateway.offline.faults import Faults
from gateway.offline.script import read_script
from gateway.offline.server import LocalServer, LocalServerConfig, serve
from gateway.settings.schema import Settings
from tests.calls.sounds import Ears, ModelsVoice, sound

pytestmark = pytest.mark.usefixtures("leaves_nothing")

CARD = "4111 1111 1111 1111"


@contextlib.asynccontextmanager
async def model(script: str, **faults: Any) -> AsyncIterator[tuple[LocalServer, Settings]]:
    """Run the local server on a script, and give settings with it as the endpoint ``main``."""
    config = LocalServerConfig(script=read_script(script), token="t", faults=Faults(**faults), pace=0)
    server = await serve(config, desk=ModelsVoice(), make_activity=Ears)
    endpoint = {
        "type": "local",
        "url": server.url,
        "api_key": "t",
        "transcription": {"model": "local-transcriber"},
        "vad": {"type": "server_vad", "silence_duration_ms": 200},
    }
    try:
        yield server, Settings.model_validate({"endpoint": "main", "endpoints": {"main": endpoint}})
    finally:
        await server.close()


async def until(session: Session, kind: type[Event]) -> list[Event]:
    """Return the events up to the first of a kind."""
    events: list[Event] = []
    async with asyncio.timeout(10):
        async for event in session:
            events.append(event)
            if isinstance(event, kind):
                return events
    raise AssertionError(f"the session ended before {kind.__name__}: {events}")


def said(events: list[Event], speaker: str) -> str:
    return "".join(str(event.text) for event in events if isinstance(event, Words) and event.speaker == speaker)


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000, 44100])
async def test_a_question_is_answered_in_words_and_in_audio_of_any_rate(rate_hz: int) -> None:
    script = "sessions: [{steps: [{expect: response, then: [{say: Good morning to you, ms: 600}]}]}]"
    async with (
        model(script) as (server, settings),
        open_session("main", settings=settings, instructions="Be kind.", rate_hz=rate_hz) as session,
    ):
        session.ask("good morning")
        events = await until(session, AnswerDone)
        assert events[-1] == AnswerDone(
            next(e for e in events if isinstance(e, AnswerStarted)).response_id, "completed"
        )
        assert said(events, "model") == "Good morning to you"
        audio = [event for event in events if isinstance(event, Audio)]
        assert {event.rate_hz for event in audio} == {rate_hz}
        assert sum(event.duration_ms for event in audio) == pytest.approx(600, abs=25)
        assert [event.last for event in events if isinstance(event, Words)][-1]
    assert server.report().violations == []


@pytest.mark.parametrize("rate_hz", [8000, 24000])
async def test_what_the_caller_says_is_written_down(rate_hz: int) -> None:
    script = "sessions: [{steps: [{expect: turn, heard: what is new}]}]"
    async with (
        model(script) as (_, settings),
        open_session(settings=settings, answers=False) as session,
    ):
        pcm = sound("what is new", rate_hz)
        await session.send_audio(pcm + bytes(2 * rate_hz), rate_hz=rate_hz)
        events: list[Event] = []
        while not any(isinstance(event, Words) and event.last for event in events):
            events += await until(session, Words)
        assert said(events, "caller") == "what is new"
        kinds = [type(event) for event in events]
        assert kinds.index(CallerStarted) < kinds.index(CallerStopped) < kinds.index(Words)


async def test_audio_of_any_length_is_sent_without_loss_however_slowly_it_is_read() -> None:
    script = "sessions: [{steps: [{expect: turn, heard: a long story}]}]"
    async with (
        model(script, read_delay_ms=2) as (server, settings),
        open_session(settings=settings, answers=False) as session,
    ):
        await session.send_audio(sound("a long story", 24000) + bytes(48 * 20_000))
        await until(session, Words)
        assert session._session.dropped_ms == 0


async def test_text_leaves_redacted_and_through_the_redactor_that_was_given() -> None:
    seen: list[str] = []

    def without_names(text: str, role: str, context: object) -> str:
        seen.append(role)
        return text.replace("Alice", "")

    script = f"sessions: [{{steps: [{{expect: response, then: [{{say: 'Alice has {CARD}', ms: 100}}]}}]}}]"
    async with (
        model(script) as (_, settings),
        open_session(settings=settings, redactor=without_names) as session,
    ):
        session.ask("who is it")
        events = await until(session, AnswerDone)
    words = [event for event in events if isinstance(event, Words)]
    assert all(isinstance(event.text, RedactedText) for event in words)
    assert "Alice" not in said(events, "model")
    assert "4111" not in said(events, "model")
    assert seen == ["agent"]
    assert "4111" not in repr(events)


@pytest.mark.parametrize(
    ("own", "leaves"),
    [
        (lambda text, role, context: text.replace("Alice ", ""), "is here"),
        (lambda text, role, context: "Bob", "[REDACTION FAILED]"),
        (lambda text, role, context: 1 / 0, "[REDACTION FAILED]"),
    ],
    ids=["removes", "replaces", "fails"],
)
async def test_a_redactor_of_ones_own_can_only_remove(own: Any, leaves: str) -> None:
    script = "sessions: [{steps: [{expect: response, then: [{say: Alice is here, ms: 100}]}]}]"
    async with model(script) as (_, settings), open_session(settings=settings, redactor=own) as session:
        session.ask("who is it")
        assert said(await until(session, AnswerDone), "model") == leaves


async def test_a_redactor_of_the_settings_runs_here_too() -> None:
    script = "sessions: [{steps: [{expect: response, then: [{say: Alice is here, ms: 100}]}]}]"
    async with model(script) as (_, settings):
        privacy = settings.privacy.model_copy(update={"redactor": f"{__name__}:without_alice"})
        chosen = settings.model_copy(update={"privacy": privacy})
        async with open_session(settings=chosen) as session:
            session.ask("who is it")
            assert said(await until(session, AnswerDone), "model") == "is here"


async def without_alice(text: str, role: str, context: object) -> str:
    return text.replace("Alice ", "")


async def test_digits_that_may_yet_become_a_card_wait_and_leave_at_the_end_of_the_session() -> None:
    script = "sessions: [{steps: [{expect: response, then: [{say: 'the number is 4111 111', ms: 100}]}]}]"
    async with model(script) as (_, settings), open_session(settings=settings) as session:
        session.ask("what is it")
        events = await until(session, AnswerDone)
        assert said(events, "model") == "the number is "
        assert not any(event.last for event in events if isinstance(event, Words))
        await session.close()
        events += [event async for event in session]
    assert said(events, "model") == "the number is 4111 111"
    assert [event.last for event in events if isinstance(event, Words)][-1]


async def test_an_answer_can_be_interrupted_and_what_was_not_heard_is_forgotten() -> None:
    script = "{pace: 1, sessions: [{steps: [{expect: response, then: [{say: a very long story indeed, ms: 60000}]}]}]}"
    async with model(script) as (server, settings), open_session(settings=settings) as session:
        session.ask("tell me")
        item_id = next(event.item_id for event in await until(session, Audio) if isinstance(event, Audio))
        session.interrupt(heard_ms=100)
        events = await until(session, AnswerDone)
        assert isinstance(events[-1], AnswerDone)
        assert events[-1].status == "cancelled"
        assert not any(isinstance(event, Audio) for event in events)
        async with asyncio.timeout(5):
            while not any(item.truncated_at_ms == 100 for item in server.report().sessions[0].items):
                await asyncio.sleep(0.01)
        assert item_id in {item.id for item in server.report().sessions[0].items}


async def test_a_lost_session_says_so_and_then_ends() -> None:
    script = "sessions: [{steps: [{expect: {event: input_audio_buffer.append}, then: [{expire: true}]}]}]"
    async with model(script) as (_, settings), open_session(settings=settings) as session:
        await session.send_audio(bytes(4800))
        events = [event async for event in session]
    assert events == [Lost("session_expired", retryable=True)]


async def test_what_the_endpoint_refuses_is_told_and_the_session_goes_on() -> None:
    script = "{pace: 1, sessions: [{steps: [{expect: response, then: [{say: a long story, ms: 60000}]}]}]}"
    async with model(script) as (_, settings), open_session(settings=settings) as session:
        session.ask("go on")
        await until(session, Audio)
        session.answer()
        (*_, trouble) = await until(session, Trouble)
        assert isinstance(trouble, Trouble)
        assert trouble.code == "conversation_already_has_active_response"
        await until(session, Audio)


async def test_a_closed_session_ends_the_iteration() -> None:
    async with model("sessions: [{steps: []}]") as (_, settings), open_session(settings=settings) as session:
        reading = asyncio.ensure_future(_all(session))
        await asyncio.sleep(0)
        await session.close()
        assert await asyncio.wait_for(reading, 5) == []


async def _all(session: Session) -> list[Event]:
    return [event async for event in session]


async def test_of_a_reader_who_never_reads_the_oldest_audio_is_dropped_and_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(library_session, "MOST_UNREAD_MS", 1000.0)
    script = "sessions: [{steps: [{expect: response, then: [{say: on and on, ms: 5000}]}]}]"
    async with model(script) as (_, settings), open_session(settings=settings) as session:
        session.ask("go on")
        async with asyncio.timeout(10):
            while not any(isinstance(event, AnswerDone) for event in session._events):
                await asyncio.sleep(0.01)
        kept = sum(event.duration_ms for event in session._events if isinstance(event, Audio))
    assert kept <= 1000
    assert session.dropped_ms == pytest.approx(5000 - kept, abs=25)


async def test_a_refused_set_up_is_an_error_with_its_remedy() -> None:
    async with model("sessions: []", refuse_setup="session.type") as (_, settings):
        with pytest.raises(ModelRefused, match="set protocol: beta"):
            async with open_session(settings=settings):
                raise AssertionError("it was let in")


async def test_an_unknown_endpoint_is_told_with_the_nearest_one() -> None:
    settings = Settings.model_validate({"endpoint": "main", "endpoints": {"main": {"type": "local"}}})
    with pytest.raises(ConfigurationError, match="'mane' is not an endpoint; nearest: 'main'"):
        async with open_session("mane", settings=settings):
            raise AssertionError("it was let in")


def test_settings_are_read_from_a_file_as_the_command_line_does(tmp_path: Path) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text("endpoint: nowhere\n")
    with pytest.raises(ConfigurationError, match="'nowhere'"):
        gateway.create_app(path)


def test_importing_the_package_imports_nothing_of_it() -> None:
    code = (
        "import sys, gateway; print([name for name in sys.modules if name.startswith('gateway.')], gateway.__version__)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == f"[] {gateway.__version__}"


def test_every_public_name_is_there_and_others_are_not() -> None:
    assert {name: getattr(gateway, name) for name in gateway.__all__}.keys() <= set(dir(gateway))
    with pytest.raises(AttributeError, match="'gateway' has no attribute 'nonsense'"):
        gateway.nonsense  # noqa: B018
