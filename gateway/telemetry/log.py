"""How the gateway tells what it does: one structured line per event, JSON in production, text on a terminal.

Everything takes one road, structlog's events and what libraries write with the standard ``logging`` alike, and the
last processor before the renderer redacts again (:class:`Redaction`): it is the wall behind all other walls, for what
nobody thought of. Lines go to standard error. ``call_id`` is bound once per call (:func:`bind_call`).
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any, Final, TextIO

import structlog
from pydantic import SecretStr
from structlog.typing import EventDict, Processor, WrappedLogger

from gateway.contracts.text import RedactedText
from gateway.privacy.redactor import log_redactor, shorten_number
from gateway.settings.schema import LogSettings
from gateway.telemetry import wire

MAX_VALUE_CHARS: Final = 500
"""A longer value loses its middle."""
MAX_TRACE_CHARS: Final = 6000
"""The same for tracebacks, whose beginning and end tell the story, and for messages of ``--trace-wire``."""
MAX_ITEMS: Final = 20
"""Of a longer list or mapping, the rest is only counted."""
MAX_DEPTH: Final = 6

STARS: Final = "**********"

_CHATTY: Final = ("uvicorn", "uvicorn.error", "uvicorn.access", "websockets", "httpx", "httpcore", "asyncio", "urllib3")
_LONG_KEYS: Final = frozenset({"exception", "stack", "message"})
_SECRET_KEY: Final = re.compile(
    r"(?i)(?:^|[_-])(?:token|secret|password|passwd|api[_-]?key|authorization|signature|credentials?|cookie)$"
)
_SECRET_TEXT: Final = re.compile(
    r"(?i)\b(?P<kept>bearer |basic |"
    r"(?:[a-z]{1,16}[_-]){0,3}(?:api[_-]?key|token|secret|password|signature|authorization)[\"']?\s{0,2}[=:]\s{0,2}[\"']?)"
    r"(?!bearer |basic )[^\s\"',;&]+"
    r"|\b(?:sk|ek)[-_][A-Za-z0-9_-]{12,}"
)
_PHONE_NUMBER: Final = re.compile(r"\+\d(?:[ .()-]{0,2}\d){6,14}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MIN_SECRET_CHARS: Final = 6
"""A shorter secret would turn ordinary words into stars."""


def configure_logging(
    settings: LogSettings,
    trace_wire: bool = False,
    *,
    secrets: Iterable[SecretStr] = (),
    stream: TextIO | None = None,
) -> None:
    """Set up all logging of the process; called again, it starts afresh.

    Args:
        settings: level and form.
        trace_wire: show every message (``--trace-wire``); raises a quieter level to ``info``.
        secrets: the operator's secrets (``settings.load.secrets_of``): wherever one appears, stars appear.
        stream: where lines go; standard error if None. A terminal gets text when the form is ``auto``.

    """
    stream = sys.stderr if stream is None else stream
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    if trace_wire:
        level = min(level, logging.INFO)
    wire.show_wire(trace_wire)
    terminal = stream.isatty()
    before: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    after: list[Processor] = [
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        Redaction(secrets),
        _text_renderer(colors=terminal)
        if settings.form == "text" or (settings.form == "auto" and terminal)
        else structlog.processors.JSONRenderer(serializer=_json),
    ]
    structlog.configure(
        processors=before + after,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    _route_standard_logging(level, stream, before, after)


def bind_call(call_id: str) -> None:
    """Put ``call_id`` on every line of the current task and of tasks that it starts from now on."""
    structlog.contextvars.bind_contextvars(call_id=call_id)


class Redaction:
    """The last processor: no card number, secret, full telephone number, raw bytes or endless value passes it.

    Values come out as plain JSON types. Of types that it does not know it takes the ``repr``.
    """

    def __init__(self, secrets: Iterable[SecretStr] = ()) -> None:
        # Longest first: one secret may hold another.
        words = sorted({secret.get_secret_value() for secret in secrets}, key=len, reverse=True)
        known = [re.escape(word) for word in words if len(word) >= _MIN_SECRET_CHARS]
        self._known = re.compile("|".join(known)) if known else None

    def __call__(self, logger: WrappedLogger, method: str, event_dict: EventDict) -> EventDict:
        """Return the event with every key and value clean."""
        return {self._text(key, MAX_VALUE_CHARS): self._value(key, value, 0) for key, value in event_dict.items()}

    def _value(self, key: str, value: Any, depth: int) -> Any:
        limit = MAX_TRACE_CHARS if key in _LONG_KEYS else MAX_VALUE_CHARS
        match value:
            case None | bool() | float():
                return value
            case int():
                # A card number may come as a number; an ordinary one stays one.
                text = str(value)
                clean = self._text(text, limit) if len(text) >= 12 else text
                return value if clean == text else clean
            case str() | RedactedText() if _SECRET_KEY.search(key):
                return STARS
            case str() | RedactedText():
                return self._text(str(value), limit)
            case SecretStr():
                return STARS
            case bytes() | bytearray() | memoryview():
                return f"<{len(value)} bytes>"
            case BaseException():
                return self._text(f"{type(value).__name__}: {value}", limit)
            case Mapping() | list() | tuple() | set() | frozenset() if depth >= MAX_DEPTH:
                return f"<{len(value)} items>"
            case Mapping():
                pairs = list(value.items())
                inner = {
                    self._text(str(name), limit): self._value(str(name), item, depth + 1)
                    for name, item in pairs[:MAX_ITEMS]
                }
                return inner | ({"…": f"{len(pairs) - MAX_ITEMS} more"} if len(pairs) > MAX_ITEMS else {})
            case list() | tuple() | set() | frozenset():
                items = list(value)
                some = [self._value(key, item, depth + 1) for item in items[:MAX_ITEMS]]
                return some + ([f"… {len(items) - MAX_ITEMS} more"] if len(items) > MAX_ITEMS else [])
            case _:
                return self._text(repr(value), limit)

    def _text(self, text: str, limit: int) -> str:
        # What lies between is cut away anyway; its ends are wide enough that no half number shows at a cut.
        if len(text) > 2 * MAX_TRACE_CHARS:
            text = f"{text[:MAX_TRACE_CHARS]} … {text[-MAX_TRACE_CHARS:]}"
        if self._known is not None:
            text = self._known.sub(STARS, text)
        text = _SECRET_TEXT.sub(lambda found: (found["kept"] or "") + STARS, text)
        text = log_redactor(text).text
        text = _PHONE_NUMBER.sub(lambda found: shorten_number(found[0]).text, text)
        if not text.isascii() or not text.isprintable():
            text = text.encode("utf-8", "replace").decode()
            text = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)
        return _elided(text, limit)


def _elided(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]} … {len(text) - 2 * half} characters … {text[-half:]}"


def _json(event: Any, **_: Any) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def _text_renderer(*, colors: bool) -> structlog.dev.ConsoleRenderer:
    # The plain formatter: the others show the values of local variables, and a raw transcript may be one of them.
    return structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )


def _route_standard_logging(level: int, stream: TextIO, before: list[Processor], after: list[Processor]) -> None:
    """Send what libraries log through the same processors."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *before],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after],
        )
    )
    root = logging.getLogger()
    for old in root.handlers[:]:
        if isinstance(old.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(old)
            old.close()
    root.addHandler(handler)
    root.setLevel(level)
    # Never their debug lines, which hold headers and whole messages; their news only when we debug ourselves.
    quiet = max(level, logging.INFO if level <= logging.DEBUG else logging.WARNING)
    for name in _CHATTY:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(quiet)
    logging.captureWarnings(True)
