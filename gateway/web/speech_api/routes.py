"""The speech API's routes. Every refusal is an ``ErrorAnswer``.

POST /process_audio                                 a WAV file of any length, as it arrives -> its words
POST /api/speech-realtime/recognize                 base64 audio in JSON -> its words
POST /api/speech-realtime/synthesize                text -> speech, compared word for word before it is given out
POST /api/speech-realtime/synthesize/stream         text -> speech as it is made
GET  /api/speech-realtime/synthesize/stream/{id}    whether a streamed reading was word for word
GET  /api/speech-realtime/info                      model, features, voices and their other names
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Final

import pybase64
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.audio import g711
from gateway.audio.format import PCM16_24K
from gateway.audio.wav_stream import WavStream, wav_header
from gateway.contracts.text import RedactedText
from gateway.settings.access import Role
from gateway.speech_service.answers import Reading, Transcript
from gateway.speech_service.problems import Problem
from gateway.speech_service.recognition import Recognition
from gateway.speech_service.service import AUDIO_FORMAT, SpeechService
from gateway.web.access import Access
from gateway.web.speech_api.answers import Handler, Sound, WordsAsEvents, as_json, told
from gateway.web.speech_api.bodies import PIECE_BYTES, Recording, json_body
from gateway.web.speech_api.openapi import openapi_document
from gateway.web.speech_api.page import readable_page
from gateway.web.speech_api.shapes import RecognizeRequest, SynthesizeRequest, plain_language

BASE: Final = "/api/speech-realtime"
WAV: Final = "audio/wav"
_TELEPHONE_HZ: Final = 8000
_LAWS: Final = {"mulaw": g711.decode_ulaw, "ulaw": g711.decode_ulaw, "alaw": g711.decode_alaw}


def speech_routes(service: SpeechService, access: Access) -> list[BaseRoute]:
    """Return the speech API's routes, and those of its description: ``/openapi.json`` and ``/api/docs``.

    Using the model needs the role operator, looking at what there is the role viewer; the description is open.
    """
    doors = SpeechDoors(service)

    def guarded(handler: Handler, role: Role = "operator") -> Handler:
        async def answer(request: Request) -> Response:
            access.admit(request, role)
            return await handler(request)

        return told(answer)

    return [
        Route("/process_audio", guarded(doors.process_audio), methods=["POST"]),
        Route(f"{BASE}/recognize", guarded(doors.recognize), methods=["POST"]),
        Route(f"{BASE}/synthesize", guarded(doors.synthesize), methods=["POST"]),
        Route(f"{BASE}/synthesize/stream", guarded(doors.stream), methods=["POST"]),
        Route(f"{BASE}/synthesize/stream/{{reading_id}}", guarded(doors.reading), methods=["GET"]),
        Route(f"{BASE}/info", guarded(doors.info, "viewer"), methods=["GET"]),
        Route("/openapi.json", _describe, methods=["GET"]),
        Route("/api/docs", _page, methods=["GET"]),
    ]


class SpeechDoors:
    """Answers the speech API's requests."""

    def __init__(self, service: SpeechService) -> None:
        self._service = service

    async def process_audio(self, request: Request) -> Response:
        """Write a recording down while it arrives; with ``Accept: text/event-stream`` tell words as they come."""
        recording = Recording(request, self._service.settings)
        async with contextlib.AsyncExitStack() as held:
            held.enter_context(self._service.place())
            if "text/event-stream" not in request.headers.get("accept", ""):
                return as_json(await self._write_down(recording))
            later = held.pop_all()
        return WordsAsEvents(lambda on_delta: self._write_down(recording, on_delta), later)

    async def recognize(self, request: Request) -> Response:
        """Write down audio that came in JSON."""
        with self._service.place():
            asked = await json_body(request, RecognizeRequest, self._service.settings)
            audio = _audio_of(asked)
            recognition = self._service.recognition(language=plain_language(asked.language), keywords=asked.keywords)
            try:
                async for channels, rate_hz in _decoded(asked, audio):
                    await recognition.push(channels, rate_hz)
                return as_json(await recognition.finish())
            finally:
                await recognition.close()

    async def synthesize(self, request: Request) -> Response:
        """Read a text aloud, and answer once it was compared."""
        with self._service.place():
            asked = await json_body(request, SynthesizeRequest, self._service.settings)
            synthesis = self._service.synthesis(asked.text, voice=asked.voice, language=plain_language(asked.language))
            try:
                await synthesis.open()
                pcm = await synthesis.whole()
            finally:
                await synthesis.close()
        is_wav = _wants_wav(request, asked)
        body = wav_header(PCM16_24K.rate_hz, len(pcm)) + pcm if is_wav else pcm
        headers = {"content-type": WAV if is_wav else AUDIO_FORMAT, "cache-control": "no-store"}
        return Response(body, headers={**headers, **_told_in_headers(synthesis.report())})

    async def stream(self, request: Request) -> Response:
        """Read a text aloud as it is made; whether it was exact is told at the address in ``X-Reading``."""
        async with contextlib.AsyncExitStack() as held:
            held.enter_context(self._service.place())
            asked = await json_body(request, SynthesizeRequest, self._service.settings)
            synthesis = self._service.synthesis(asked.text, voice=asked.voice, language=plain_language(asked.language))
            held.push_async_callback(synthesis.close)
            await synthesis.open()
            pieces = await held.enter_async_context(contextlib.aclosing(synthesis.stream()))
            # The first piece is waited for, so that an endpoint that fails is still answered with a status.
            first = await anext(pieces, b"")
            is_wav = _wants_wav(request, asked)
            beginning = wav_header(PCM16_24K.rate_hz, None) + first if is_wav else first
            later = held.pop_all()
        return Sound(
            _after(beginning, pieces),
            later,
            media_type=WAV if is_wav else AUDIO_FORMAT,
            headers={"x-reading": f"{request.url.path}/{self._service.keep(synthesis)}"},
        )

    async def reading(self, request: Request) -> Response:
        """Tell how a streamed reading went."""
        return as_json(self._service.reading(request.path_params["reading_id"]))

    async def info(self, _: Request) -> Response:
        """Tell what there is."""
        return as_json(self._service.info())

    async def _write_down(
        self, recording: Recording, on_delta: Callable[[int, RedactedText], None] | None = None
    ) -> Transcript:
        """Return a recording's words; a session is opened once there is sound to send."""
        wav = WavStream()
        recognition: Recognition | None = None
        try:
            async for piece in recording.pieces():
                channels = wav.push(piece)
                if not channels:
                    continue
                if recognition is None:
                    recognition = self._service.recognition(
                        language=plain_language(recording.language), keywords=recording.keywords, on_delta=on_delta
                    )
                await recognition.push(channels, wav.rate_hz)
            wav.finish()
            if recognition is None:
                raise _no_sound()
            return await recognition.finish()
        finally:
            if recognition is not None:
                await recognition.close()


def _audio_of(asked: RecognizeRequest) -> bytes:
    """Return the bytes of base64 audio.

    Raises:
        Problem: it is no base64, or there is nothing in it.

    """
    try:
        audio = pybase64.b64decode(asked.audio_data.encode("ascii"), validate=True)
    except ValueError:
        raise Problem(
            400, "not_base64", "audioData is not base64", "encode the audio's bytes with the standard alphabet"
        ) from None
    if not audio:
        raise _no_sound()
    return audio


async def _decoded(asked: RecognizeRequest, audio: bytes) -> AsyncIterator[tuple[list[bytes], int]]:
    """Yield PCM16 by channel, and its rate, in pieces."""
    kind = asked.format or ("wav" if audio[:4] in {b"RIFF", b"RF64"} else "pcm16")
    if kind == "wav":
        wav, has_sound = WavStream(), False
        for piece in _cut(audio):
            if channels := wav.push(piece):
                has_sound = True
                yield channels, wav.rate_hz
        wav.finish()
        if not has_sound:
            raise _no_sound()
        return
    if kind in _LAWS:
        for piece in _cut(audio):
            yield [_LAWS[kind](piece)], asked.sample_rate or _TELEPHONE_HZ
        return
    if len(audio) % 2:
        raise Problem(
            400,
            "odd_audio",
            f"audioData has {len(audio)} bytes, and PCM16 has two a sample",
            "send whole samples, or name the format",
        )
    for piece in _cut(audio):
        yield [piece], asked.sample_rate or PCM16_24K.rate_hz


def _cut(audio: bytes) -> list[bytes]:
    return [audio[start : start + PIECE_BYTES] for start in range(0, len(audio), PIECE_BYTES)]


def _no_sound() -> Problem:
    return Problem(400, "no_audio", "there is no sound in it", "send at least a tenth of a second of speech")


def _wants_wav(request: Request, asked: SynthesizeRequest) -> bool:
    return asked.format == "wav" or WAV in request.headers.get("accept", "")


def _told_in_headers(reading: Reading) -> dict[str, str]:
    """Return what a whole reading lasted and cost, for a body that is nothing but sound."""
    told = {
        "x-duration-ms": str(reading.duration_ms),
        "x-input-tokens": str(reading.usage.input_text_tokens + reading.usage.input_audio_tokens),
        "x-output-tokens": str(reading.usage.output_text_tokens + reading.usage.output_audio_tokens),
    }
    if reading.cost is not None and reading.currency is not None:
        told |= {"x-cost": f"{reading.cost:.6f}", "x-currency": reading.currency}
    return told


async def _after(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    if first:
        yield first
    async for piece in pieces:
        yield piece


async def _describe(_: Request) -> Response:
    return as_json(openapi_document())


async def _page(_: Request) -> Response:
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'"
    headers = {"content-security-policy": policy, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}
    return Response(readable_page(openapi_document()), media_type="text/html", headers=headers)
