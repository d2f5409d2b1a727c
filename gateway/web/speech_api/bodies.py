"""What is sent to the speech API: JSON of a bounded size, or a recording of any, taken as it arrives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Final, TypeVar

import msgspec
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from gateway.settings.speech_api import SpeechApiSettings
from gateway.speech_service.problems import Problem
from gateway.web.speech_api.shapes import Keywords, Language

PIECE_BYTES: Final = 32 * 1024
"""A recording is worked on in pieces of this size, so that a fast sender does not keep others waiting."""
_WAV_TYPES: Final = frozenset({"audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "application/octet-stream"})
_FIELDS: Final = frozenset({"language", "keywords"})
_FIELD_BYTES: Final = 16 * 1024
_HEADER_BYTES: Final = 4096

_Body = TypeVar("_Body", bound=msgspec.Struct)


class _Options(msgspec.Struct):
    """What may be said beside a recording."""

    language: Language | None = None
    keywords: Keywords = []


async def pieces_of(request: Request, *, at_most_bytes: int, wait_ms: int) -> AsyncIterator[bytes]:
    """Yield a body as it arrives, in pieces of a bounded size.

    Raises:
        Problem: it is too long, or pauses for too long.
        ClientDisconnect: the sender left.

    """
    size = 0
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(wait_ms / 1000):
                chunk = await anext(stream, None)
        except TimeoutError:
            raise Problem(
                408, "body_stalled", f"nothing of the body came for {wait_ms} ms", "send it again, without pauses"
            ) from None
        if chunk is None:
            return
        size += len(chunk)
        if size > at_most_bytes:
            raise Problem(
                413,
                "body_too_large",
                f"the body is longer than {at_most_bytes} bytes",
                "send it in parts, or raise speech_api.upload_bytes or speech_api.message_bytes",
            )
        for start in range(0, len(chunk), PIECE_BYTES):
            yield chunk[start : start + PIECE_BYTES]
            await asyncio.sleep(0)  # a body that is all here must not keep the loop


async def json_body(request: Request, kind: type[_Body], settings: SpeechApiSettings) -> _Body:
    """Return a JSON body.

    Raises:
        Problem: it is no JSON, does not say what is wanted, or is too long or too slow.

    """
    pieces = pieces_of(request, at_most_bytes=settings.message_bytes, wait_ms=settings.body_wait_ms)
    body = b"".join([piece async for piece in pieces])
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(
            400, "bad_request", f"the body is not what is wanted: {error}", "see /api/docs for what is wanted"
        ) from None


class Recording:
    """A recording that arrives, as a raw body or as the part ``file`` of a form.

    ``language`` and ``keywords`` come in the query or in form fields before the file; keywords are divided by commas.

    Raises:
        Problem: the body is of another type.

    """

    def __init__(self, request: Request, settings: SpeechApiSettings) -> None:
        kind, options = parse_options_header(request.headers.get("content-type", ""))
        self._form: _Form | None = None
        if kind == b"multipart/form-data":
            boundary = options.get(b"boundary", b"")
            if not boundary or len(boundary) > 200:
                raise _bad_form("it names no boundary")
            self._form = _Form(boundary)
        elif kind.decode("latin-1") not in _WAV_TYPES:
            raise Problem(
                415,
                "unsupported_media_type",
                f"the body is {kind.decode('latin-1')[:80]!r}",
                "send a WAV file with the type audio/wav, or as the part 'file' of multipart/form-data",
            )
        self._said = {name: value for name, value in request.query_params.items() if name in _FIELDS}
        self._pieces = pieces_of(request, at_most_bytes=settings.upload_bytes, wait_ms=settings.body_wait_ms)
        self._options: _Options | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file as it arrives.

        Raises:
            Problem: the form is broken, holds no file, or the body is too long or too slow.

        """
        form = self._form
        async for piece in self._pieces:
            if form is None:
                yield piece
                continue
            for part in form.push(piece):
                yield part
        if form is not None and not form.has_file:
            raise Problem(400, "no_file", "the form has no part named 'file'", "send it with: curl -F file=@speech.wav")

    @property
    def language(self) -> str | None:
        """What is spoken."""
        return self._all().language

    @property
    def keywords(self) -> list[str]:
        """What to expect."""
        return self._all().keywords

    def _all(self) -> _Options:
        """Return what was said beside the file by the time that the file began."""
        if self._options is None:
            said = {**self._said, **(self._form.fields if self._form is not None else {})}
            keywords = [word for given in said.get("keywords", "").split(",") if (word := given.strip())]
            try:
                self._options = msgspec.convert(
                    {"language": said.get("language") or None, "keywords": keywords}, _Options
                )
            except msgspec.ValidationError as error:
                raise Problem(
                    400, "bad_request", f"what was said beside the file: {error}", "see /api/docs for what is wanted"
                ) from None
        return self._options


class _Form:
    """Takes a form apart as it arrives: small fields are kept, the file is passed on."""

    def __init__(self, boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.has_file = False
        self._name = ""
        self._header = b""
        self._value = b""
        self._disposition = b""
        self._field = b""
        self._out: list[bytes] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_finished,
                "on_part_data": self._data,
                "on_part_end": self._end,
            },
        )

    def push(self, data: bytes) -> list[bytes]:
        """Return what of the file is in a stretch of the body."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _bad_form(str(error)) from None
        out, self._out = self._out, []
        return out

    def _begin(self) -> None:
        self._header = self._value = self._disposition = self._field = b""
        self._name = ""

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._header = self._bounded(self._header + data[start:end])

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value = self._bounded(self._value + data[start:end])

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        if self._name == "file":
            if self.has_file:
                raise _bad_form("it has two parts named 'file'")
            self.has_file = True
        elif self._name in _FIELDS and self.has_file:
            raise _bad_form(f"{self._name!r} comes after the file, and is wanted before it")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._name == "file":
            self._out.append(data[start:end])
        elif self._name in _FIELDS:
            self._field += data[start:end]
            if len(self._field) > _FIELD_BYTES:
                raise _bad_form(f"{self._name!r} is longer than {_FIELD_BYTES} bytes")

    def _end(self) -> None:
        if self._name in _FIELDS:
            self.fields[self._name] = self._field.decode("utf-8", "replace")

    def _bounded(self, header: bytes) -> bytes:
        if len(header) > _HEADER_BYTES:
            raise _bad_form(f"a header is longer than {_HEADER_BYTES} bytes")
        return header


def _bad_form(why: str) -> Problem:
    return Problem(400, "bad_form", f"the form can't be read: {why}", "send it with: curl -F file=@speech.wav")
