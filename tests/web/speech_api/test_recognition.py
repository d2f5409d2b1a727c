"""Recordings become words, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from gateway.audio import g711
from gateway.offline import server as local_server
from gateway.offline.door import TurnedAway
from gateway.offline.faults import Faults
from tests.calls.sounds import sound
from tests.web.speech_api.desk import HZ, desk, talk, texts, wav

pytestmark = pytest.mark.usefixtures("leaves_nothing")

FIRST, SECOND = "amber birch cedar", "delta ember fjord"
CARD = "four one one one one one one one one one one one one one one one"
QUERY = {"keywords": f"{FIRST},{SECOND},{CARD}", "language": "en-GB"}
WAV = {"content-type": "audio/wav"}


def as_24_bits(pcm: bytes) -> bytes:
    samples = np.frombuffer(pcm, "<i2").astype("<i4") * 256
    return samples.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def widths(pcm: bytes) -> dict[str, bytes]:
    samples = np.frombuffer(pcm, "<i2")
    return {
        "8-bit": wav(raw=((samples >> 8) + 128).astype(np.uint8).tobytes(), bits=8),
        "16-bit": wav(pcm),
        "24-bit": wav(raw=as_24_bits(pcm), bits=24),
        "32-bit": wav(raw=(samples.astype("<i4") * 65536).tobytes(), bits=32),
        "float": wav(raw=(samples / 32768).astype("<f4").tobytes(), tag=3, bits=32),
        "mu-law": wav(raw=g711.encode_ulaw(pcm), tag=7, bits=8),
        "A-law": wav(raw=g711.encode_alaw(pcm), tag=6, bits=8),
    }


async def test_a_recording_is_written_down_with_the_times_of_its_segments() -> None:
    async with desk() as house:
        answer = (
            await house.client.post("/process_audio", params=QUERY, content=wav(talk(FIRST, SECOND)), headers=WAV)
        ).json()
        assert answer["text"] == f"{FIRST} {SECOND}"
        first, second = answer["segments"]
        assert (first["text"], first["channel"]) == (FIRST, 0)
        assert first["startMs"] == pytest.approx(800, abs=40)
        assert first["endMs"] == pytest.approx(1550, abs=40)
        assert second["startMs"] == pytest.approx(2350, abs=40)
        assert answer["durationMs"] == pytest.approx(3900, abs=20)
        assert answer["complete"]
        assert answer["usage"]["inputAudioTokens"] > 0


async def test_it_takes_a_transcription_session_in_which_nothing_is_answered() -> None:
    async with desk() as house:
        await house.client.post("/process_audio", params=QUERY, content=wav(talk(FIRST, SECOND)), headers=WAV)
        (session,) = house.model.report().sessions
        assert session.model is None
        assert session.responses == []
        assert session.received["input_audio_buffer.commit"] == 2
        assert session.refusals == []


async def test_where_those_are_switched_off_an_ordinary_session_creates_no_response_either() -> None:
    async with desk(transcription_sessions=False) as house:
        answer = (await house.client.post("/process_audio", params=QUERY, content=wav(talk(FIRST)), headers=WAV)).json()
        assert answer["text"] == FIRST
        (session,) = house.model.report().sessions
        assert session.model == "local"
        assert session.responses == []
        assert "response.create" not in session.received


@pytest.mark.parametrize("protocol", ["ga", "beta"])
async def test_an_endpoint_that_refuses_transcription_sessions_is_found_out_once(
    protocol: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    as_it_is = local_server.admit

    def admit(target: str, *args: Any, **more: Any) -> Any:
        nonlocal asked
        if "intent=transcription" not in target:
            return as_it_is(target, *args, **more)
        asked += 1
        return TurnedAway(status=HTTPStatus.BAD_REQUEST, kind="invalid_request_error", code="unknown", message="no")

    monkeypatch.setattr(local_server, "admit", admit)
    async with desk(endpoint={"type": "compatible", "protocol": protocol}) as house:
        for _ in range(2):
            answer = await house.client.post("/process_audio", params=QUERY, content=wav(talk(FIRST)), headers=WAV)
            assert answer.json()["text"] == FIRST
        assert [session.model for session in house.model.report().sessions] == ["local", "local"]
        assert all(session.responses == [] for session in house.model.report().sessions)
        assert asked == (1 if protocol == "ga" else 0)


@pytest.mark.parametrize("width", ["8-bit", "16-bit", "24-bit", "32-bit", "float", "mu-law", "A-law"])
async def test_every_common_width_is_read(width: str) -> None:
    async with desk() as house:
        answer = await house.client.post(
            "/process_audio", params=QUERY, content=widths(talk(FIRST))[width], headers=WAV
        )
        assert answer.json()["text"] == FIRST


@pytest.mark.parametrize("rate_hz", [8000, 11025, 16000, 22050, 44100, 48000])
async def test_every_common_rate_is_read(rate_hz: int) -> None:
    source = talk(FIRST, rate_hz=24000)
    samples = np.frombuffer(source, "<i2")
    at = np.arange(int(len(samples) * rate_hz / HZ)) * HZ / rate_hz
    converted = np.interp(at, np.arange(len(samples)), samples).astype("<i2").tobytes()
    async with desk() as house:
        answer = await house.client.post(
            "/process_audio", params=QUERY, content=wav(converted, rate_hz=rate_hz), headers=WAV
        )
        assert answer.json()["text"] == FIRST


async def test_a_stereo_file_is_one_speaker_per_channel() -> None:
    left, right = talk(FIRST, pause_ms=2000), bytes(2 * HZ * 2500 // 1000) + talk(SECOND, pause_ms=800)
    longest = max(len(left), len(right))
    async with desk() as house:
        content = wav(left.ljust(longest, b"\0"), right.ljust(longest, b"\0"))
        answer = (await house.client.post("/process_audio", params=QUERY, content=content, headers=WAV)).json()
        assert [(one["channel"], one["text"]) for one in answer["segments"]] == [(0, FIRST), (1, SECOND)]
        assert answer["text"] == f"{FIRST}\n{SECOND}"


async def test_a_form_brings_the_file_and_says_what_to_expect() -> None:
    async with desk() as house:
        answer = await house.client.post(
            "/process_audio", data=QUERY, files={"file": ("speech.wav", wav(talk(FIRST)), "audio/wav")}
        )
        assert answer.json()["text"] == FIRST


async def test_audio_is_relayed_in_pieces_while_it_still_arrives() -> None:
    """The sender holds the second half back until the model has got words of the first."""
    content = wav(talk(FIRST, SECOND))
    half = len(content) * 6 // 10
    async with desk() as house:

        async def slowly() -> AsyncIterator[bytes]:
            yield content[:half]
            async with asyncio.timeout(10):
                while not house.hearing.heard:
                    await asyncio.sleep(0.01)
            yield content[half:]

        answer = await house.client.post("/process_audio", params=QUERY, content=slowly(), headers=WAV)
        assert answer.json()["text"] == f"{FIRST} {SECOND}"
        assert house.received("input_audio_buffer.append") >= 30


async def test_words_come_as_events_while_the_recording_still_arrives() -> None:
    """The second half is sent only when words of the first have come back on the same connection."""
    content = wav(talk(FIRST, SECOND))
    half = len(content) * 6 // 10
    head = (
        f"POST /process_audio?keywords={quote(QUERY['keywords'])} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        "content-type: audio/wav\r\naccept: text/event-stream\r\nconnection: close\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    async with desk() as house:
        reader, writer = await asyncio.open_connection("127.0.0.1", house.client.base_url.port)
        writer.write(head.encode() + content[:half])
        async with asyncio.timeout(10):
            before = await reader.readuntil(b"event: delta")
            writer.write(content[half:])
            rest = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert b"text/event-stream" in before
    done = rest.partition(b"event: done\ndata: ")[2].partition(b"\n")[0]
    assert json.loads(done)["text"] == f"{FIRST} {SECOND}"


async def test_a_long_file_is_split_at_its_pauses_into_sessions() -> None:
    script_of = [FIRST, SECOND] * 30
    async with desk(session_s=60) as house:
        content = wav(talk(*script_of))
        answer = (await house.client.post("/process_audio", params=QUERY, content=content, headers=WAV)).json()
        assert list(texts(answer)) == script_of
        sessions = house.model.report().sessions
        assert len(sessions) == 2
        audio_ms = [sum(item.audio_ms or 0 for item in session.items) for session in sessions]
        assert audio_ms[0] == pytest.approx(60_000, abs=3_000)


async def test_card_numbers_leave_neither_in_the_words_nor_as_they_come() -> None:
    async with desk() as house:
        content = wav(talk(FIRST, CARD))
        answer = await house.client.post("/process_audio", params=QUERY, content=content, headers=WAV)
        events = await house.client.post(
            "/process_audio", params=QUERY, content=content, headers={**WAV, "accept": "text/event-stream"}
        )
    for text in (answer.text, events.text):
        assert "one one one" not in text
        assert FIRST.split(maxsplit=1)[0] in text
    assert "event: delta" in events.text


async def test_digits_that_a_pause_divides_are_one_card_number() -> None:
    halves = ["four one one one one one one one", "one one one one one one one one"]
    async with desk() as house:
        query = {"keywords": ",".join(halves)}
        answer = (
            await house.client.post("/process_audio", params=query, content=wav(talk(*halves)), headers=WAV)
        ).json()
    assert "one one" not in answer["text"]
    assert len(answer["segments"]) == 2


async def test_twenty_recordings_at_once_keep_their_own_words() -> None:
    async with desk() as house:

        async def send(number: int) -> str:
            said = f"amber {number} birch cedar" if number % 2 else f"delta {number} ember"
            answer = await house.client.post(
                "/process_audio", params={"keywords": said}, content=wav(talk(said)), headers=WAV
            )
            assert answer.status_code == 200, answer.text
            assert answer.json()["text"] == said
            return said

        assert len(set(await asyncio.gather(*(send(number) for number in range(20))))) == 20
        assert len(house.model.report().sessions) == 20


async def test_silence_has_no_words_and_is_not_sent() -> None:
    async with desk() as house:
        answer = (await house.client.post("/process_audio", content=wav(bytes(2 * HZ * 3)), headers=WAV)).json()
        assert (answer["text"], answer["segments"], answer["durationMs"]) == ("", [], 3000)
        assert house.received("input_audio_buffer.append") == 0


async def recognize(house: Any, audio: bytes | str, **fields: Any) -> Any:
    data = audio if isinstance(audio, str) else base64.b64encode(audio).decode()
    return await house.client.post(
        "/api/speech-realtime/recognize", json={"audioData": data, "keywords": [FIRST, SECOND], **fields}
    )


async def test_audio_in_json_is_pcm_wav_or_g711() -> None:
    narrow = sound(FIRST, 8000) + bytes(8000)
    async with desk() as house:
        answers = [
            await recognize(house, talk(FIRST)),
            await recognize(house, wav(talk(FIRST))),
            await recognize(house, narrow, sampleRate=8000),
            await recognize(house, g711.encode_ulaw(narrow), format="mulaw"),
            await recognize(house, g711.encode_alaw(narrow), format="alaw", sampleRate=8000, language="en"),
        ]
    assert [answer.json()["text"] for answer in answers] == [FIRST] * 5


@pytest.mark.parametrize(
    ("audio", "fields", "code"),
    [
        ("", {}, "no_audio"),
        ("not base64!", {}, "not_base64"),
        ("ünïcode", {}, "not_base64"),
        (b"abc", {}, "odd_audio"),
        (b"RIFFxxxxNOPE", {"format": "wav"}, "not_a_wav_file"),
        (wav(b""), {}, "no_audio"),
        (b"abcd", {"format": "mp3"}, "bad_request"),
        (b"abcd", {"sampleRate": 1}, "bad_request"),
        (b"abcd", {"language": "no language"}, "bad_request"),
        (b"abcd", {"unheardOf": "?"}, "bad_request"),
    ],
)
async def test_audio_that_is_none_is_refused_with_cause_and_remedy(
    audio: bytes | str, fields: dict[str, Any], code: str
) -> None:
    async with desk() as house:
        answer = await recognize(house, audio, **fields)
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error["code"] == code
        assert error["message"]
        assert error["remedy"]


async def test_no_transcript_in_time_is_a_504_that_says_what_to_do() -> None:
    async with desk(faults=Faults(transcription_delay_ms=60_000), answer_within_ms=300) as house:
        answer = await recognize(house, talk(FIRST))
        assert answer.status_code == 504
        assert answer.json()["error"]["code"] == "no_transcript"
        assert "speech_api.answer_within_ms" in answer.json()["error"]["remedy"]


async def test_an_endpoint_that_ends_its_session_is_a_502() -> None:
    async with desk(faults=Faults(drop_after_ms=50, transcription_delay_ms=5_000)) as house:
        answer = await recognize(house, talk(FIRST))
        assert answer.status_code == 502
        assert answer.json()["error"]["code"] == "session_lost"


async def test_words_that_could_not_be_written_down_are_marked_and_not_passed_over() -> None:
    async with desk(faults=Faults(fail_transcription=1, transcription_code="DeploymentNotFound")) as house:
        whole = (await recognize(house, talk(FIRST, SECOND))).json()
        assert [segment.get("failed") for segment in whole["segments"]] == ["DeploymentNotFound", None]
        assert whole["text"] == SECOND
        assert not whole["complete"]
        lost = await recognize(house, talk(FIRST))
        assert lost.status_code == 502
        assert "DeploymentNotFound" in lost.json()["error"]["message"]


async def test_a_refused_key_is_told_with_its_remedy() -> None:
    async with desk(faults=Faults(refuse=401)) as house:
        answer = await recognize(house, talk(FIRST))
        assert answer.status_code == 502
        assert answer.json()["error"]["remedy"]


async def test_an_endpoint_without_a_transcriber_says_so() -> None:
    async with desk(endpoint={"transcription": None}) as house:
        answer = await recognize(house, talk(FIRST))
        assert answer.status_code == 501
        assert "endpoints.main.transcription.model" in answer.json()["error"]["remedy"]
        assert "recognition" not in (await house.client.get("/api/speech-realtime/info")).json()["features"]
