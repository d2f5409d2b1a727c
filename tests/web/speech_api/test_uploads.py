"""Bodies that are broken, hostile or slow are answered in the one shape of errors, and nothing is asked of a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.speech_service.problems import Problem
from gateway.web.speech_api.bodies import _Form
from tests.web.speech_api.desk import HZ, desk, talk, wav

pytestmark = pytest.mark.usefixtures("leaves_nothing")

WAV = {"content-type": "audio/wav"}
FORM = {"content-type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"", WAV, 400, "not_a_wav_file"),
        (b"RIFF", WAV, 400, "not_a_wav_file"),
        (b"ID3 and so on, an MP3", WAV, 400, "not_a_wav_file"),
        (wav(raw=bytes(100), tag=0x55, bits=16), WAV, 400, "not_a_wav_file"),
        (wav(raw=bytes(100), bits=12), WAV, 400, "not_a_wav_file"),
        (wav(b""), WAV, 400, "no_audio"),
        (wav(b"\0" * 100, b"\0" * 100, b"\0" * 100), WAV, 400, "too_many_channels"),
        (b"{}", {"content-type": "application/json"}, 415, "unsupported_media_type"),
        (b"x", {}, 415, "unsupported_media_type"),
        (b"nonsense", FORM, 400, "bad_form"),
        (b"", FORM, 400, "no_file"),
        (b"--b\r\ncontent-disposition: form-data; name=other\r\n\r\n1\r\n--b--\r\n", FORM, 400, "no_file"),
        (b"x", {"content-type": "multipart/form-data"}, 400, "bad_form"),
    ],
)
async def test_what_is_no_recording_is_refused(content: bytes, headers: dict[str, str], status: int, code: str) -> None:
    async with desk() as house:
        answer = await house.client.post("/process_audio", content=content, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
        assert answer.json()["error"]["remedy"]
        assert all(
            session.received.get("input_audio_buffer.append") is None for session in house.model.report().sessions
        )


async def test_limits_hold_for_bytes_seconds_and_patience() -> None:
    async def stalls() -> AsyncIterator[bytes]:
        yield wav(talk("amber"))[:1000]
        await asyncio.sleep(5)

    async with desk(upload_bytes=100_000, audio_s=1, body_wait_ms=200, message_bytes=1024) as house:
        too_big = await house.client.post("/process_audio", content=wav(bytes(200_000)), headers=WAV)
        too_long = await house.client.post("/process_audio", content=wav(bytes(2 * HZ * 2)), headers=WAV)
        too_slow = await house.client.post("/process_audio", content=stalls(), headers=WAV)
        too_much = await house.client.post("/api/speech-realtime/recognize", content=b'{"audioData":"' + b"A" * 2000)
    assert [answer.status_code for answer in (too_big, too_long, too_slow, too_much)] == [413, 413, 408, 413]


KEY, VIEWERS = "k" * 30, "v" * 30


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "not_signed_in"),
        ({"authorization": "Bearer wrong"}, 401, "not_signed_in"),
        ({"authorization": f"Bearer {VIEWERS}"}, 403, "role_too_low"),
        ({"authorization": f"Bearer {KEY}", "origin": "http://evil.example"}, 403, "wrong_origin"),
        ({"authorization": f"Bearer {KEY}", "host": "evil.example"}, 403, "wrong_host"),
        ({"authorization": f"Bearer {KEY}"}, 400, "nothing_to_read"),
    ],
)
async def test_only_who_has_a_key_for_it_uses_the_model(headers: dict[str, str], status: int, code: str) -> None:
    async with desk(keys={"app": KEY, "board": {"key": VIEWERS, "role": "viewer"}}) as house:
        answer = await house.client.post("/api/speech-realtime/synthesize", json={"text": "..."}, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@given(st.data())
def test_a_form_may_be_cut_anywhere(data: st.DataObject) -> None:
    sound = bytes(range(256)) + b"\r\n--b\r--b\n\r\n" + bytes(50)
    body = (
        b'--bound\r\nContent-Disposition: form-data; name="language"\r\n\r\nen-GB\r\n'
        b'--bound\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\ncontent-type: audio/wav\r\n\r\n'
        + sound
        + b"\r\n--bound--\r\n"
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    form = _Form(b"bound")
    parts = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert b"".join(piece for part in parts for piece in form.push(part)) == sound
    assert form.fields == {"language": "en-GB"}


@pytest.mark.parametrize(
    "body",
    [
        b"--b\r\n" + b"x" * 10_000 + b": y\r\n\r\n",
        b'--b\r\ncontent-disposition: form-data; name="language"\r\n\r\n' + b"e" * 20_000,
        (
            b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\n1\r\n--b\r\ncontent-disposition: form-data; '
            b'name="language"\r\n\r\nen\r\n--b--\r\n'
        ),
        b'--b\r\ncontent-disposition: form-data; name="file"\r\n\r\n1\r\n' * 2 + b"--b--\r\n",
    ],
)
def test_a_form_does_not_fill_memory_nor_say_too_late_what_it_wants(body: bytes) -> None:
    with pytest.raises(Problem) as caught:
        _Form(b"b").push(body)
    assert caught.value.code == "bad_form"


async def test_the_description_is_whole_and_readable() -> None:
    async with desk() as house:
        document: dict[str, Any] = (await house.client.get("/openapi.json")).json()
        page = await house.client.get("/api/docs")
    assert {"/process_audio", "/api/speech-realtime/info"} <= set(document["paths"])
    assert all(path in page.text for path in document["paths"])
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
