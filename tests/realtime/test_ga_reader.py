"""What the GA dialect hears. Every well-formed message here is one that the official types take strictly."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gateway.audio.format import PCM16_24K, PCMU_8K, AudioFrame
from gateway.contracts.model import (
    CallerTranscript,
    CallerTranscriptFailed,
    ItemAudio,
    ItemDone,
    ItemText,
    ModelEvent,
    ModelFault,
    ResponseDone,
    ResponseRequest,
    ResponseStarted,
    ResponseStatus,
    SessionLost,
    SessionReady,
    SpeechStarted,
    SpeechStopped,
    ToolAsked,
    TranscriptionUse,
    Truncated,
    Usage,
    UtteranceCommitted,
)
from gateway.errors import ModelError
from gateway.realtime import wire
from gateway.realtime.openai_ga import OpenAiGa
from tests.conformance.official import SERVER
from tests.conformance.official_beta import BETA_SERVER
from tests.realtime.official import heard
from tests.realtime.test_ga_setup import setup
from tests.realtime.test_openai_ga import dialect

RC = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}


def events(ears: OpenAiGa, *messages: bytes) -> list[ModelEvent]:
    return [event for message in messages for event in ears.receive(message)]


def created(response_id: str = "resp_1", **fields: Any) -> bytes:
    body = {"id": response_id, "object": "realtime.response", "status": "in_progress", "conversation_id": "conv_1"}
    return heard("response.created", response=body | fields)


def done(response_id: str = "resp_1", status: str = "completed", **fields: Any) -> bytes:
    return heard("response.done", response={"id": response_id, "status": status, **fields})


def message(status: str = "completed", text: str | None = "Hello there", item_id: str = "item_1") -> dict[str, Any]:
    content = [] if text is None else [{"type": "output_audio", "transcript": text}]
    return {"id": item_id, "type": "message", "role": "assistant", "status": status, "content": content}


def call(status: str = "completed", arguments: str = "{}", name: str = "end_call") -> dict[str, Any]:
    return {
        "id": "item_2",
        "type": "function_call",
        "status": status,
        "name": name,
        "call_id": "call_7",
        "arguments": arguments,
    }


def added(item: dict[str, Any], response_id: str = "resp_1") -> bytes:
    return heard("response.output_item.added", response_id=response_id, output_index=0, item=item)


def finished(item: dict[str, Any], response_id: str = "resp_1") -> bytes:
    return heard("response.output_item.done", response_id=response_id, output_index=0, item=item)


def item_done(item: dict[str, Any]) -> bytes:
    return heard("conversation.item.done", item=item, previous_item_id=None)


def words(delta: str) -> bytes:
    return heard("response.output_audio_transcript.delta", delta=delta, **RC)


def sound(delta: str = "AAAA", **ids: Any) -> bytes:
    return heard("response.output_audio.delta", delta=delta, **(RC | ids))


def refusal(code: str | None, event_id: str | None = None, kind: str = "invalid_request_error") -> bytes:
    return heard("error", error={"type": kind, "code": code, "message": "no", "param": None, "event_id": event_id})


# --- the session ---------------------------------------------------------------------------------------------------


def test_the_first_word_is_a_welcome_and_no_event() -> None:
    ears = dialect()
    assert not ears.welcomed
    assert events(ears, heard("session.created", session={"type": "realtime"})) == []
    assert ears.welcomed


def test_an_update_that_was_taken_makes_the_session_ready() -> None:
    ears = dialect()
    # The official type of a session declares neither id nor expires_at; the wire has both.
    session = {"type": "realtime", "id": "sess_5", "object": "realtime.session", "expires_at": 1_800_000_000}
    assert events(ears, heard("session.created", session=session)) == []
    assert events(ears, heard("session.updated", session=session)) == [SessionReady("sess_5", 1_800_000_000)]


def test_an_endpoint_that_skips_the_greeting_is_welcomed_by_its_first_update() -> None:
    ears = dialect()
    assert events(ears, heard("session.updated", session={"type": "realtime"})) == [SessionReady("", None)]
    assert ears.welcomed


def test_a_format_that_was_not_taken_is_a_fault_and_not_noise_in_the_ear() -> None:
    ears = dialect()
    ears.configure(setup(input_format=PCMU_8K, output_format=PCMU_8K))
    audio = {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcm", "rate": 24000}}}
    ready, fault = events(ears, heard("session.updated", session={"type": "realtime", "audio": audio}))
    assert isinstance(ready, SessionReady)
    assert isinstance(fault, ModelFault)
    assert (fault.code, fault.command) == ("format_refused", "configure")
    assert "audio.output.format is audio/pcm although audio/pcmu was asked for" in fault.message


# --- the caller ----------------------------------------------------------------------------------------------------


def test_what_the_caller_does_is_told_in_order() -> None:
    assert events(
        dialect(),
        heard("input_audio_buffer.speech_started", audio_start_ms=320, item_id="item_u"),
        heard("conversation.item.input_audio_transcription.delta", item_id="item_u", content_index=0, delta="Good "),
        heard("input_audio_buffer.speech_stopped", audio_end_ms=1880, item_id="item_u"),
        heard("input_audio_buffer.committed", item_id="item_u", previous_item_id="item_0"),
        heard(
            "conversation.item.input_audio_transcription.completed",
            item_id="item_u",
            content_index=0,
            transcript="Good morning",
            usage={"type": "duration", "seconds": 1.5},
        ),
    ) == [
        SpeechStarted("item_u", 320),
        CallerTranscript("item_u", "Good ", final=False),
        SpeechStopped("item_u", 1880),
        UtteranceCommitted("item_u", "item_0"),
        CallerTranscript("item_u", "Good morning", final=True, used=TranscriptionUse(seconds=1.5)),
    ]


def test_a_failed_transcription_tells_its_code() -> None:
    failed = heard(
        "conversation.item.input_audio_transcription.failed",
        item_id="item_u",
        content_index=0,
        error={"type": "server_error", "code": "DeploymentNotFound", "message": "m", "param": None},
    )
    assert events(dialect(), failed) == [CallerTranscriptFailed("item_u", "DeploymentNotFound")]


def test_milliseconds_with_a_fraction_are_taken() -> None:
    odd = b'{"type":"input_audio_buffer.speech_started","audio_start_ms":320.9,"item_id":"i"}'
    assert events(dialect(), odd) == [SpeechStarted("i", 320)]


# --- responses -----------------------------------------------------------------------------------------------------


def test_a_spoken_answer_from_start_to_end() -> None:
    ears = dialect()
    usage = {
        "total_tokens": 40,
        "input_token_details": {
            "text_tokens": 11,
            "audio_tokens": 12,
            "cached_tokens": 5,
            "cached_tokens_details": {"text_tokens": 3, "audio_tokens": 2},
        },
        "output_token_details": {"text_tokens": 6, "audio_tokens": 7},
    }
    assert events(
        ears,
        created(metadata={"tag": "answer-1"}),
        added(message("in_progress", None)),
        heard("conversation.item.added", item=message("in_progress", None), previous_item_id=None),
        heard("response.content_part.added", part={"type": "audio", "transcript": ""}, **RC),
        words("Hello "),
        sound("AAAA"),
        words("there"),
        sound("BBBB"),
        heard("response.output_audio.done", **RC),
        heard("response.output_audio_transcript.done", transcript="Hello there", **RC),
        heard("response.content_part.done", part={"type": "audio", "transcript": "Hello there"}, **RC),
        item_done(message()),
        finished(message()),
        done(output=[message()], usage=usage),
        heard("rate_limits.updated", rate_limits=[]),
    ) == [
        ResponseStarted("resp_1", "answer-1", out_of_band=False),
        ItemText("resp_1", "item_1", "Hello ", spoken=True),
        ItemAudio("resp_1", "item_1", AudioFrame(PCM16_24K, base64=b"AAAA")),
        ItemText("resp_1", "item_1", "there", spoken=True),
        ItemAudio("resp_1", "item_1", AudioFrame(PCM16_24K, base64=b"BBBB")),
        ItemDone("resp_1", "item_1", "Hello there", complete=True),
        ResponseDone(
            "resp_1",
            ResponseStatus.COMPLETED,
            "",
            Usage(input_text=11, input_audio=12, cached_text=3, cached_audio=2, output_text=6, output_audio=7),
        ),
    ]
    assert ears.ignored == {}


def test_audio_is_in_the_format_that_was_set_up() -> None:
    ears = dialect()
    ears.configure(setup(output_format=PCMU_8K))
    (event,) = events(ears, sound())
    assert isinstance(event, ItemAudio)
    assert event.frame.format == PCMU_8K


def test_an_interrupted_answer_is_done_once_and_incomplete() -> None:
    cancelled = {"type": "cancelled", "reason": "turn_detected"}
    assert events(
        dialect(),
        created(),
        words("Hello the"),
        heard("response.output_audio_transcript.done", transcript="Hello the", **RC),
        item_done(message("incomplete", "Hello the")),
        finished(message("incomplete", "Hello the")),
        done(status="cancelled", status_details=cancelled, output=[message("incomplete", "Hello the")]),
    )[2:] == [
        ItemDone("resp_1", "item_1", "Hello the", complete=False),
        ResponseDone("resp_1", ResponseStatus.CANCELLED, "turn_detected"),
    ]


def test_an_item_whose_end_names_no_words_keeps_those_that_were_spoken() -> None:
    told = events(dialect(), created(), words("Hel"), words("lo"), finished(message("incomplete", None)))
    assert told[-1] == ItemDone("resp_1", "item_1", "Hello", complete=False)


def test_an_item_without_an_end_of_its_own_ends_with_its_response() -> None:
    told = events(dialect(), created(), words("Hel"), done(status="cancelled"))
    assert told[-2:] == [
        ItemDone("resp_1", "item_1", "Hel", complete=False),
        ResponseDone("resp_1", ResponseStatus.CANCELLED),
    ]


def test_several_parts_of_an_item_are_joined_in_their_order() -> None:
    def part(index: int, text: str) -> bytes:
        return heard("response.output_text.done", text=text, **(RC | {"content_index": index}))

    told = events(dialect(), created(), part(1, "second"), part(0, "first "), done())
    assert told[1] == ItemDone("resp_1", "item_1", "first second", complete=True)


def test_what_we_put_into_the_conversation_is_no_item_of_the_model() -> None:
    replayed = message(text=None, item_id="msg_ours") | {"content": [{"type": "output_text", "text": "before"}]}
    assert events(dialect(), item_done(replayed), item_done(call())) == []


def test_an_answer_beside_the_conversation_is_written_and_known_as_such() -> None:
    ears = dialect()
    ears.respond(ResponseRequest(tag="side-1", out_of_band=True, text_only=True))
    written = message(text=None) | {"content": [{"type": "output_text", "text": "yes"}]}
    assert events(
        ears,
        created(conversation_id=None, metadata={"tag": "side-1"}, output_modalities=["text"]),
        added(message("in_progress", None)),
        heard("response.content_part.added", part={"type": "text", "text": ""}, **RC),
        heard("response.output_text.delta", delta="yes", **RC),
        heard("response.output_text.done", text="yes", **RC),
        finished(written),
        done(),
    ) == [
        ResponseStarted("resp_1", "side-1", out_of_band=True),
        ItemText("resp_1", "item_1", "yes", spoken=False),
        ItemDone("resp_1", "item_1", "yes", complete=True),
        ResponseDone("resp_1", ResponseStatus.COMPLETED),
    ]


def test_an_endpoint_that_repeats_no_tag_still_shows_what_is_beside_the_conversation() -> None:
    ears = dialect()
    assert events(ears, created("resp_0", conversation_id=None)) == [ResponseStarted("resp_0", None, False)]
    ears.respond(ResponseRequest(tag="side-1", out_of_band=True))
    assert events(ears, created("resp_1", conversation_id=None)) == [ResponseStarted("resp_1", None, True)]


def test_a_response_starts_and_ends_once_however_often_it_is_said() -> None:
    told = events(dialect(), created(), created(), done(), done(), created())
    assert told == [ResponseStarted("resp_1", None), ResponseDone("resp_1", ResponseStatus.COMPLETED)]


def test_a_response_that_was_never_shown_to_start_starts_before_it_ends() -> None:
    told = events(dialect(), done(metadata={"tag": "answer-2"}, output=[message()]))
    assert told == [
        ResponseStarted("resp_1", "answer-2"),
        ItemDone("resp_1", "item_1", "Hello there", complete=True),
        ResponseDone("resp_1", ResponseStatus.COMPLETED),
    ]


def test_late_events_of_an_ended_response_are_passed_on_and_end_nothing_again() -> None:
    ears = dialect()
    events(ears, created(), words("Hel"), done(status="cancelled"))
    assert events(ears, words("lo"), sound(), item_done(message()), finished(message())) == [
        ItemText("resp_1", "item_1", "lo"),
        ItemAudio("resp_1", "item_1", AudioFrame(PCM16_24K, base64=b"AAAA")),
    ]


@pytest.mark.parametrize(
    ("status", "details", "reason"),
    [
        ("failed", {"type": "failed", "error": {"type": "server_error", "code": "boom"}}, "boom"),
        ("failed", {"type": "failed", "error": {"type": "server_error"}}, "server_error"),
        ("incomplete", {"type": "incomplete", "reason": "max_output_tokens"}, "max_output_tokens"),
        ("completed", None, ""),
    ],
)
def test_how_a_response_ended_is_told_with_its_code(status: str, details: Any, reason: str) -> None:
    told = events(dialect(), created(), done(status=status, status_details=details))
    assert told[-1] == ResponseDone("resp_1", ResponseStatus(status), reason)


def test_strange_parts_never_cost_the_end_of_a_response() -> None:
    odd = (
        b'{"type":"response.done","response":{"id":"resp_1","status":"someday","status_details":"cancelled",'
        b'"usage":[1],"metadata":"x","output":{"a":1}}}'
    )
    assert events(dialect(), odd) == [
        ResponseStarted("resp_1", None),
        ResponseDone("resp_1", ResponseStatus.INCOMPLETE),
    ]


# --- tools ---------------------------------------------------------------------------------------------------------


def arguments(text: str = '{"a":1}') -> bytes:
    return heard(
        "response.function_call_arguments.done",
        response_id="resp_1",
        item_id="item_2",
        output_index=0,
        call_id="call_7",
        arguments=text,
        name="end_call",
    )


ASKED = ToolAsked("resp_1", "item_2", "call_7", "end_call", '{"a":1}')


def test_a_tool_is_asked_for_once_however_many_events_say_so() -> None:
    item = call(arguments='{"a":1}')
    told = events(
        dialect(),
        created(),
        added(call("in_progress", "")),
        arguments(),
        item_done(item),
        finished(item),
        done(output=[item]),
    )
    assert told == [ResponseStarted("resp_1", None), ASKED, ResponseDone("resp_1", ResponseStatus.COMPLETED)]


@pytest.mark.parametrize("last", [finished(call(arguments='{"a":1}')), done(output=[call(arguments='{"a":1}')])])
def test_a_tool_is_asked_for_by_whichever_event_an_endpoint_has(last: bytes) -> None:
    assert ASKED in events(dialect(), created(), last)


def test_a_call_whose_arguments_come_without_a_name_takes_it_from_the_item() -> None:
    nameless = (
        b'{"type":"response.function_call_arguments.done","response_id":"resp_1","item_id":"item_2",'
        b'"call_id":"call_7","arguments":"{\\"a\\":1}"}'
    )
    assert events(dialect(), created(), added(call("in_progress", "")), nameless)[1] == ASKED


def test_a_call_that_was_cut_off_is_not_run() -> None:
    told = events(dialect(), created(), finished(call("incomplete", '{"a')), done(status="cancelled"))
    assert not any(isinstance(event, ToolAsked) for event in told)


# --- answers to commands, errors -----------------------------------------------------------------------------------


def test_a_truncation_is_confirmed() -> None:
    confirmed = heard("conversation.item.truncated", item_id="item_1", content_index=0, audio_end_ms=740)
    assert events(dialect(), confirmed) == [Truncated("item_1", 740)]


def test_a_refused_command_is_named_with_what_it_was_about() -> None:
    code = "conversation_already_has_active_response"
    assert events(dialect(), refusal(code, "respond:answer-3")) == [ModelFault(code, "no", "respond", "answer-3")]


def test_an_error_without_a_code_goes_by_its_type() -> None:
    assert events(dialect(), refusal(None)) == [ModelFault("invalid_request_error", "no")]


@pytest.mark.parametrize(
    ("code", "retryable"),
    [
        ("session_expired", True),
        ("invalid_api_key", False),
        ("insufficient_quota", False),
        ("account_deactivated", False),
        ("billing_hard_limit_reached", False),
    ],
)
def test_a_fatal_error_loses_the_session(code: str, retryable: bool) -> None:
    assert events(dialect(), refusal(code)) == [SessionLost(code, retryable)]


def test_a_refused_response_beside_the_conversation_is_awaited_no_longer() -> None:
    ears = dialect()
    ears.respond(ResponseRequest(tag="side-1", out_of_band=True))
    events(ears, refusal("rate_limit_exceeded", "respond:side-1"))
    assert events(ears, created(conversation_id=None)) == [ResponseStarted("resp_1", None, out_of_band=False)]


def test_a_failed_tool_server_is_a_fault() -> None:
    assert events(dialect(), heard("mcp_list_tools.failed", item_id="mcp_1")) == [
        ModelFault("mcp_failed", "a tool server that the endpoint calls by itself failed", "", "mcp_1")
    ]


# --- the rest of the protocol --------------------------------------------------------------------------------------


def test_every_event_of_the_protocol_is_either_read_or_known_to_be_unused() -> None:
    assert (set(SERVER) | set(BETA_SERVER)) - set(wire._READ) == wire.KNOWN_BUT_UNUSED
    assert set(wire._READ) <= set(SERVER) | set(BETA_SERVER)


@pytest.mark.parametrize("kind", sorted(wire.KNOWN_BUT_UNUSED))
def test_an_unused_event_is_no_event_and_not_counted(kind: str) -> None:
    ears = dialect()
    assert events(ears, msgspec.json.encode({"type": kind, "whatever": 1})) == []
    assert ears.ignored == {}


def test_unknown_events_are_counted_by_name_without_end_of_memory() -> None:
    ears = dialect()
    for number in range(300):
        events(ears, msgspec.json.encode({"type": f"future.event.{number % 100}" + "x" * 100}))
    assert sum(ears.ignored.values()) == 300
    assert len(ears.ignored) <= 65
    assert all(len(name) <= 64 for name in ears.ignored)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"[]",
        b"null",
        b'"response.done"',
        b'{"type":7}',
        b'{"no":"type"}',
        b'{"type":"response.done"}',
        b'{"type":"response.done","response":{"id":null}}',
        b'{"type":"response.output_audio.delta","response_id":"r","item_id":"i","delta":"\xc3\xa4"}',
        b'{"type":"response.output_text.delta","response_id":"r","item_id":"i","delta":"\xff"}',
        b'{"type":"error","error":' + b"[" * 100_000,
        b'{"type":"session.created","session":{}',
        b"\x00\xff\xfe",
    ],
)
def test_a_broken_message_is_an_error_and_the_next_one_is_read(broken: bytes) -> None:
    ears = dialect()
    with pytest.raises(ModelError):
        ears.receive(broken)
    assert events(ears, created()) == [ResponseStarted("resp_1", None)]


def test_an_error_about_a_broken_message_quotes_none_of_it() -> None:
    with pytest.raises(ModelError) as broken:
        dialect().receive(b'{"type":"response.output_text.delta","delta":"my card is 4111"}')
    assert "4111" not in str(broken.value)
    assert "response.output_text.delta" in str(broken.value)


@pytest.mark.parametrize("half", [rb"\ud83d", rb"\ude00", rb"\uD83D x", rb"\ude00\ud83d"])
def test_half_a_character_costs_a_mark_and_not_the_event(half: bytes) -> None:
    text = b'{"type":"response.output_text.delta","response_id":"r","item_id":"i","delta":"a' + half + b'z"}'
    (event,) = events(dialect(), text)
    assert isinstance(event, ItemText)
    assert event.text.startswith("a\ufffd")
    assert event.text.endswith("z")


def test_whole_characters_in_two_halves_stay_whole_beside_a_lone_one() -> None:
    text = rb'{"type":"response.output_text.delta","response_id":"r","item_id":"i","delta":"\ud83d\ude00\ud83d"}'
    (event,) = events(dialect(), text)
    assert isinstance(event, ItemText)
    assert event.text == "\N{GRINNING FACE}\ufffd"


def test_a_message_may_come_as_text() -> None:
    assert dialect().receive(created().decode()) == [ResponseStarted("resp_1", None)]
    assert dialect().receive_binary(created()) == [ResponseStarted("resp_1", None)]


def test_late_fields_change_nothing() -> None:
    late = (
        b'{"late":{"type":"error"},"type":"input_audio_buffer.speech_started","item_id":"i","audio_start_ms":1,"z":[]}'
    )
    assert events(dialect(), late) == [SpeechStarted("i", 1)]


def test_events_do_not_print_words() -> None:
    told = events(dialect(), created(), words("my card is 4111"), done())
    assert "4111" not in repr(told)
