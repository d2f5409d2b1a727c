"""Reading the TwiML that a gateway answers with: the verbs that matter for a call into a media stream.

The document comes from outside, so the reader is strict: no document type, no entities, no processing instructions,
bounded in size and depth. Only what Twilio would act on is kept.

Source: Twilio, "TwiML for Programmable Voice"; XML 1.0 (fifth edition) through expat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit
from xml.parsers import expat

from gateway.errors import CarrierError

LARGEST_DOCUMENT_BYTES: Final = 64 * 1024
"""Twilio's own limit for a TwiML document."""
_DEEPEST: Final = 8
_LONGEST_PARAMETER: Final = 500
"""Characters of a ``<Parameter>``'s name and value together."""


@dataclass(frozen=True, slots=True)
class Connect:
    """Open a bidirectional media stream and wait until it ends."""

    url: str
    """``wss://…`` without a query."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    stream_name: str = ""
    status_callback: str = ""
    status_callback_method: str = "POST"
    action: str = ""
    """Where to ask what comes next, relative to the document's own URL; empty: the verbs behind this one."""
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Dial:
    """Put the caller through."""

    target: str
    """A number, or a ``sip:`` address."""
    caller_id: str = ""


@dataclass(frozen=True, slots=True)
class Say:
    """Carrier's own voice reads a text."""

    text: str


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence on the line."""

    length_s: float = 1.0


@dataclass(frozen=True, slots=True)
class Redirect:
    """Fetch another document and go on there."""

    url: str
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Reject:
    """Do not answer."""

    reason: str = "rejected"


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call."""


@dataclass(frozen=True, slots=True)
class Other:
    """A verb that this caller steps over."""

    name: str


Verb = Connect | Dial | Say | Pause | Redirect | Reject | Hangup | Other


def verb_name(verb: Verb) -> str:
    """Return the name of a verb as TwiML writes it."""
    return verb.name if isinstance(verb, Other) else type(verb).__name__


def parse_twiml(document: bytes) -> list[Verb]:
    """Return the verbs of a document in order.

    Raises:
        CarrierError: not a TwiML document that Twilio would run; the message says what is wrong with it.

    """
    if len(document) > LARGEST_DOCUMENT_BYTES:
        raise CarrierError(f"TwiML of {len(document)} bytes; wanted {LARGEST_DOCUMENT_BYTES} at most")
    root = _Tree().read(document)
    if root.name != "Response":
        raise CarrierError(f"TwiML starts with <{root.name}>, wanted <Response>")
    return [_verb(element) for element in root.children]


@dataclass(slots=True)
class _Element:
    name: str
    attributes: Mapping[str, str]
    text: str = ""
    children: list[_Element] = field(default_factory=list)


class _Tree:
    """Builds elements from expat's calls and refuses everything that TwiML has no use for."""

    def __init__(self) -> None:
        self._open: list[_Element] = []
        self._root: _Element | None = None

    def read(self, document: bytes) -> _Element:
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = lambda *_: self._refuse("a document type")
        parser.EntityDeclHandler = lambda *_: self._refuse("an entity declaration")
        parser.ProcessingInstructionHandler = lambda *_: self._refuse("a processing instruction")
        try:
            parser.Parse(document, True)
        except expat.ExpatError as error:
            raise CarrierError(f"TwiML is not well-formed XML: {error}; it begins {document[:60]!r}") from error
        if self._root is None:
            raise CarrierError("TwiML is empty; wanted <Response>")
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        element = _Element(name, attributes)
        if len(self._open) >= _DEEPEST:
            raise CarrierError(f"TwiML is nested deeper than {_DEEPEST} at <{name}>")
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].text += text

    @staticmethod
    def _refuse(what: str) -> None:
        raise CarrierError(f"TwiML with {what}; Twilio takes plain elements only")


def _verb(element: _Element) -> Verb:
    attributes = element.attributes
    match element.name:
        case "Connect":
            return _connect(element)
        case "Dial":
            target = element.text.strip() or next((child.text.strip() for child in element.children), "")
            if not target:
                raise CarrierError("TwiML <Dial> names nobody; wanted a number or <Number>, <Sip> or <Client>")
            return Dial(target, attributes.get("callerId", ""))
        case "Say":
            return Say(element.text.strip())
        case "Pause":
            return Pause(_seconds(attributes.get("length", "1")))
        case "Redirect":
            return Redirect(element.text.strip(), attributes.get("method", "POST").upper())
        case "Reject":
            return Reject(attributes.get("reason", "rejected"))
        case "Hangup":
            return Hangup()
        case name:
            return Other(name)


def _connect(element: _Element) -> Verb:
    streams = [child for child in element.children if child.name == "Stream"]
    if not streams:
        return Other("Connect")
    if len(streams) > 1:
        raise CarrierError(f"TwiML <Connect> has {len(streams)} <Stream>s; a call has one bidirectional stream")
    stream = streams[0]
    url = stream.attributes.get("url", "")
    parts = urlsplit(url)
    if parts.scheme not in {"wss", "ws"} or not parts.hostname:
        raise CarrierError(f"TwiML <Stream url={url!r}>: wanted wss:// and a host")
    if parts.query:
        raise CarrierError(
            f"TwiML <Stream url={url!r}> has a query, which breaks the handshake (31920): use <Parameter>"
        )
    return Connect(
        url=url,
        parameters=_parameters(stream),
        stream_name=stream.attributes.get("name", ""),
        status_callback=stream.attributes.get("statusCallback", ""),
        status_callback_method=stream.attributes.get("statusCallbackMethod", "POST").upper(),
        action=element.attributes.get("action", ""),
        method=element.attributes.get("method", "POST").upper(),
    )


def _parameters(stream: _Element) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for child in stream.children:
        if child.name != "Parameter":
            raise CarrierError(f"TwiML <Stream> holds <{child.name}>; wanted <Parameter> only")
        name, value = child.attributes.get("name", ""), child.attributes.get("value", "")
        if not name:
            raise CarrierError("TwiML <Parameter> has no name")
        if len(name) + len(value) >= _LONGEST_PARAMETER:
            raise CarrierError(
                f"TwiML <Parameter name={name!r}>: {len(name) + len(value)} characters, wanted under 500"
            )
        parameters[name] = value
    return parameters


def _seconds(text: str) -> float:
    try:
        return max(0.0, float(text))
    except ValueError as error:
        raise CarrierError(f"TwiML <Pause length={text!r}>: wanted seconds") from error
