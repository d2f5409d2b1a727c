"""Texts are read aloud word for word, over real sockets."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from typing import Any

import pytest

from gateway.offline.faults import Faults
from gateway.offline.server import LocalServerConfig, serve
from tests.calls.sounds import sound
from tests.web.speech_api.desk import desk

pytestmark = pytest.mark.usefixtures("leaves_nothing")

TEXT = "amber birch cedar"
URL = "/api/speech-realtime/synthesize"


def reads(*said: str, pace: float = 0) -> str:
    """Return a script in which the model says these things, whatever it is asked to read."""
    steps = [{"expect": "response", "then": [{"say": text, "sound": "speech"}]} for text in said]
    return json.dumps({"pace": pace, "sessions": [{"steps": steps}]})


async def test_a_text_is_read_word_for_word_beside_any_conversation() -> None:
    async with desk() as house:
        answer = await house.client.post(URL, json={"text": TEXT})
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "audio/pcm;rate=24000"
        assert answer.content == sound(TEXT, 24000)
        assert answer.headers["x-duration-ms"] == "750"
        assert int(answer.headers["x-output-tokens"]) > 0
        (session,) = house.model.report().sessions
        assert session.items == []
        assert session.received["response.create"] == 1


async def test_wav_comes_on_request_with_its_true_length() -> None:
    async with desk() as house:
        for ask in (
            {"json": {"text": TEXT, "format": "wav"}},
            {"json": {"text": TEXT}, "headers": {"accept": "audio/wav"}},
        ):
            answer = await house.client.post(URL, **ask)
            assert answer.headers["content-type"] == "audio/wav"
            assert answer.content[:4] == b"RIFF"
            assert struct.unpack_from("<I", answer.content, 40)[0] == len(answer.content) - 44
            assert answer.content[44:] == sound(TEXT, 24000)


async def test_a_reading_that_differs_is_made_once_more() -> None:
    async with desk(script=reads("Sure! amber birch cedar", "Amber, birch: cedar.")) as house:
        answer = await house.client.post(URL, json={"text": TEXT})
        assert answer.status_code == 200
        assert answer.content == sound("Amber, birch: cedar.", 24000)


async def test_one_that_differs_twice_is_a_502_and_no_sound() -> None:
    async with desk(script=reads("no", "I would rather not")) as house:
        answer = await house.client.post(URL, json={"text": TEXT})
        assert answer.status_code == 502
        assert answer.json()["error"]["code"] == "not_word_for_word"
        assert answer.json()["error"]["remedy"]


async def test_a_streamed_reading_tells_at_its_end_that_it_differed() -> None:
    async with desk(script=reads("amber birch and the card 4111 1111 1111 1111")) as house:
        answer = await house.client.post(f"{URL}/stream", json={"text": TEXT})
        assert answer.status_code == 200
        report = (await house.client.get(answer.headers["x-reading"])).json()
        assert (report["finished"], report["exact"]) == (True, False)
        (deviation,) = report["deviations"]
        assert deviation["wanted"] == TEXT
        assert deviation["said"].startswith("amber birch and")
        assert "1111 1111" not in deviation["said"]


async def test_the_first_bytes_of_a_stream_come_long_before_the_last() -> None:
    """The model speaks at twice its pace: four seconds take two, and the first piece is there at once."""
    long_text = " ".join(["amber birch cedar delta"] * 4)
    async with desk(pace=2) as house, house.client.stream("POST", f"{URL}/stream", json={"text": long_text}) as answer:
        at_s = []
        size = 0
        async for piece in answer.aiter_bytes():
            at_s.append(asyncio.get_running_loop().time())
            size += len(piece)
    assert size == len(sound(long_text, 24000))
    assert len(at_s) >= 10
    assert at_s[-1] - at_s[0] > 1.0


async def test_a_streamed_wav_has_a_header_of_unknown_length() -> None:
    async with desk() as house:
        answer = await house.client.post(f"{URL}/stream", json={"text": TEXT, "format": "wav"})
        assert answer.headers["content-type"] == "audio/wav"
        assert struct.unpack_from("<I", answer.content, 40)[0] == 0xFFFFFFFF
        assert answer.content[44:] == sound(TEXT, 24000)
        assert (await house.client.get(answer.headers["x-reading"])).json()["exact"]


async def test_a_long_text_is_read_passage_by_passage() -> None:
    sentences = [f"Sentence number {number} has exactly ten words in it now." for number in range(30)]
    async with desk() as house:
        answer = await house.client.post(URL, json={"text": "\n\n".join(sentences)})
        assert answer.status_code == 200, answer.text
        (session,) = house.model.report().sessions
        assert session.received["response.create"] > 3
        assert len(answer.content) == sum(len(sound(sentence, 24000)) for sentence in sentences)


async def test_a_client_that_leaves_ends_the_session() -> None:
    async with desk(pace=1) as house:
        async with house.client.stream("POST", f"{URL}/stream", json={"text": " ".join(["amber"] * 40)}) as answer:
            await anext(answer.aiter_bytes())
        async with asyncio.timeout(10):
            while any(session.open for session in house.model.report().sessions):
                await asyncio.sleep(0.01)


async def test_a_broken_reading_before_its_first_byte_is_a_status_and_after_it_an_unfinished_stream() -> None:
    async with desk(faults=Faults(fail_response=1, fail_code="server_error")) as house:
        answer = await house.client.post(f"{URL}/stream", json={"text": TEXT})
        assert answer.status_code == 502
        assert answer.json()["error"]["code"] == "reading_failed"


async def test_an_endpoint_that_says_nothing_is_a_504() -> None:
    async with desk(faults=Faults(created_delay_ms=60_000), answer_within_ms=200) as house:
        answer = await house.client.post(URL, json={"text": TEXT})
        assert answer.status_code == 504
        assert answer.json()["error"]["code"] == "no_speech"


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"text": ""}, 400, "bad_request"),
        ({"text": " …! "}, 400, "nothing_to_read"),
        ({"text": "a" * 5001}, 413, "text_too_long"),
        ({"text": TEXT, "voice": "Nobody"}, 400, "unknown_voice"),
        ({"text": TEXT, "format": "mp3"}, 400, "bad_request"),
        ({"words": TEXT}, 400, "bad_request"),
        ([], 400, "bad_request"),
    ],
)
async def test_what_can_not_be_read_is_refused(asked: Any, status: int, code: str) -> None:
    async with desk() as house:
        answer = await house.client.post(URL, json=asked)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_an_unknown_voice_is_answered_with_those_that_there_are() -> None:
    async with desk() as house:
        answer = await house.client.post(URL, json={"text": TEXT, "voice": "Nobody"})
        message = answer.json()["error"]["message"]
        assert all(voice in message for voice in ("cedar", "marin", "verse"))


@pytest.mark.parametrize(
    ("name", "voice"),
    [
        ("JennyNeural", "marin"),
        ("en-US-JennyNeural", "marin"),
        ("en-US-GuyNeural", "cedar"),
        ("jasonneural", "echo"),
        ("es-ES-ElviraNeural", "marin"),
        ("fable", "ballad"),
        ("onyx", "cedar"),
        ("nova", "coral"),
        ("verse", "verse"),
    ],
)
async def test_names_of_other_services_are_spoken_by_voices_that_the_endpoint_has(name: str, voice: str) -> None:
    async with desk() as house:
        answer = await house.client.post(URL, json={"text": TEXT, "voice": name})
        assert answer.status_code == 200, answer.text
        info = (await house.client.get("/api/speech-realtime/info")).json()
        assert house.hearing.voices == [voice]
        assert voice in {one["name"] for one in info["voices"]}


async def test_info_tells_voices_aliases_and_models() -> None:
    async with desk() as house:
        info = (await house.client.get("/api/speech-realtime/info")).json()
        genders = {one["name"]: one["gender"] for one in info["voices"]}
        assert genders["marin"] == "female"
        assert genders["cedar"] == "male"
        assert set(info["aliases"].values()) <= set(genders)
        assert {"JennyNeural", "GuyNeural", "AriaNeural", "DavisNeural", "JaneNeural", "JasonNeural"} <= set(
            info["aliases"]
        )
        assert (info["model"], info["transcriber"]) == ("local", "local")


async def test_a_full_house_says_so() -> None:
    long_text = " ".join(["amber"] * 20)
    async with (
        desk(requests=1, pace=1) as house,
        house.client.stream("POST", f"{URL}/stream", json={"text": long_text}) as answer,
    ):
        await anext(answer.aiter_bytes())
        refused = await house.client.post(URL, json={"text": TEXT})
        assert refused.status_code == 429
        assert refused.headers["retry-after"]


async def test_text_that_was_read_by_the_local_voice_is_heard_again_by_the_local_ears() -> None:
    """The one test with engines: synthesis, and recognition of what it made."""
    phrases = ["opening hours", "the front desk", "what time do you close"]
    model = await serve(LocalServerConfig(token="t", pace=0, listeners=1))
    try:
        async with desk(endpoint={"url": model.url}) as house:
            for phrase in phrases:
                spoken = await house.client.post(URL, json={"text": phrase, "format": "wav"})
                heard = await house.client.post(
                    "/api/speech-realtime/recognize",
                    json={
                        "audioData": base64.b64encode(spoken.content).decode(),
                        "language": "en-GB",
                        "keywords": phrases,
                    },
                )
                assert heard.json()["text"] == phrase
    finally:
        await model.close()
