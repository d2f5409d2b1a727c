"""What we say to Twilio outside the media stream: TwiML documents, and REST requests as data.

Nothing here is sent: a webhook answers with a document, ``carrier_http`` sends a request. Sources: Twilio's TwiML pages
for ``<Connect>``, ``<Stream>``, ``<Dial>``, and the Call resource of REST API 2010-04-01, read in November 2026 from
stored copies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from twilio.twiml.voice_response import VoiceResponse

from gateway.contracts.leg import TransferTarget
from gateway.errors import Unsupported
from gateway.legs.carriers.base import CarrierRequest
from gateway.legs.carriers.twilio import CALLER_PARAMETER, DIALED_PARAMETER, TOKEN_PARAMETER

MAX_PARAMETER_CHARACTERS: Final = 499
"""A ``<Parameter>``'s name and value together stay under 500 characters."""

RESERVED_PARAMETERS: Final = frozenset({TOKEN_PARAMETER, CALLER_PARAMETER, DIALED_PARAMETER})
"""Names of our own; a custom parameter may not use them."""

_NOT_FOUND: Final = 404
_CALL_GONE: Final = frozenset({20404, 21220})
"""Twilio's error codes for a call that it no longer has, and one that is over ("call is not in progress")."""

_TELEPHONE: Final = re.compile(r"tel:(\+?[0-9*#]{1,24})")
_SIP: Final = re.compile(r"sips?:[^\s<>\"]{1,250}")
_PLACE: Final = re.compile(r"(?P<kind>conference|queue|workflow):(?P<name>[A-Za-z0-9_.-]{1,64})")
"""Where a caller may be put besides numbers: a conference of ours, a queue, a TaskRouter workflow."""
_PRESS: Final = {"en": "Press {key} to take the call.", "es": "Pulse {key} para aceptar la llamada."}
_CALLER_ID: Final = re.compile(r"\+?[0-9]{1,24}|[A-Za-z0-9_.+:@-]{1,120}")


def answer_document(
    stream_url: str,
    token: str,
    parameters: Mapping[str, str],
    action_url: str,
    status_callback: str,
    *,
    caller_number: str = "",
    dialed_number: str = "",
) -> str:
    """Return the TwiML that connects a call to the media socket at ``stream_url`` (``wss``, without a query).

    ``<Connect>`` blocks until the stream ends; then Twilio asks ``action_url`` what to do, which knows of a pending
    transfer. The ``<Hangup/>`` below it is for the case that nobody answers there: never a silent line. A transfer by
    REST replaces this whole document, so nothing in it can end a transferred call.

    Args:
        stream_url: where Twilio opens the WebSocket.
        token: the one-time token; it comes back in ``start``, since query strings do not survive.
        parameters: custom parameters; each name and value under 500 characters together, none of the reserved names.
        action_url: asked when the stream has ended.
        status_callback: told of the stream's start, stop and errors.
        caller_number: ANI; ``start`` does not carry it, so it goes along as a parameter of ours.
        dialed_number: DNIS, likewise.

    """
    response = VoiceResponse()
    connect = response.connect(action=action_url, method="POST")
    stream = connect.stream(url=stream_url, status_callback=status_callback)
    ours = {TOKEN_PARAMETER: token, CALLER_PARAMETER: caller_number, DIALED_PARAMETER: dialed_number}
    for name, value in {**parameters, **ours}.items():
        if value:
            stream.parameter(name=name, value=value)
    response.hangup()
    return str(response)


def refusal_document(words: str, *, language: str = "en-US") -> str:
    """Return the TwiML that says why no one answers, and hangs up. It is said, not signalled: ``<Reject>`` is mute."""
    response = VoiceResponse()
    response.say(words, language=language)
    response.hangup()
    return str(response)


def after_document(target: TransferTarget | None) -> str:
    """Return what happens once the stream has ended: the transfer that is pending, else the end of the call.

    Raises:
        Unsupported: Twilio can't dial such a target.

    """
    response = VoiceResponse()
    if target is None:
        response.hangup()
        return str(response)
    if (place := _PLACE.fullmatch(target.uri)) is not None:
        _send_to(response, place["kind"], place["name"])
        return str(response)
    dial = response.dial(caller_id=target.caller_id) if target.caller_id else response.dial()
    if target.caller_id and not _CALLER_ID.fullmatch(target.caller_id):
        raise Unsupported("twilio: the caller id of a transfer is no number, client or SIP name; leave it out")
    if telephone := _TELEPHONE.fullmatch(target.uri):
        dial.number(telephone[1])
    elif _SIP.fullmatch(target.uri):
        dial.sip(target.uri)
    else:
        raise Unsupported("twilio: a transfer goes to tel:+44… or sip:…; correct the target in transfer_targets")
    return str(response)


def _send_to(response: VoiceResponse, kind: str, name: str) -> None:
    """Put a caller where somebody else takes care of them: a conference, a queue, or TaskRouter's hands."""
    match kind:
        case "conference":
            _join(response, name)
        case "queue":
            response.enqueue(name)
        case _:
            response.enqueue(workflow_sid=name)


def _join(response: VoiceResponse, room: str) -> None:
    # It ends with whoever leaves first: neither is left alone in it, and nobody pays for an empty room.
    response.dial().conference(room, beep="false", start_conference_on_enter=True, end_conference_on_exit=True)


def colleague_document(room: str) -> str:
    """Return the TwiML that brings a colleague to the caller."""
    response = VoiceResponse()
    _join(response, room)
    return str(response)


def whisper_document(words: str, language: str, key_url: str, key: str) -> str:
    """Return the TwiML that tells a colleague what it is about, and asks for a key before they get the caller.

    Without the key nothing happens for ten seconds, and then ``key_url`` is asked all the same, with no digits.
    """
    response = VoiceResponse()
    gather = response.gather(num_digits=1, timeout=10, action=key_url, method="POST", action_on_empty_result=True)
    asked = _PRESS.get(language.partition("-")[0].lower(), _PRESS["en"]).format(key=key)
    gather.say(f"{words} {asked}".strip(), language=language)
    response.hangup()
    return str(response)


def refused_document() -> str:
    """Return the TwiML that ends a call without a word."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


class TwilioCalls:
    """Makes the REST requests about one account's live calls: a :class:`~gateway.legs.carriers.base.CallControl`.

    Args:
        account_sid: the account that owns the calls.
        api_base: the API's scheme and host, such as ``https://api.twilio.com``.

    """

    __slots__ = ("_calls_url",)

    def __init__(self, *, account_sid: str, api_base: str) -> None:
        self._calls_url = f"{api_base.rstrip('/')}/2010-04-01/Accounts/{quote(account_sid, safe='')}/Calls"

    def hang_up_request(self, call_sid: str) -> CarrierRequest:
        """Return the request that ends the call; a call that is gone already is success."""
        return CarrierRequest(
            carrier="twilio",
            action="hang_up",
            method="POST",
            url=self._url(call_sid),
            form={"Status": "completed"},
            idempotent=True,
            ok_statuses=frozenset({_NOT_FOUND}),
            ok_codes=_CALL_GONE,
        )

    def transfer_request(self, call_sid: str, target: TransferTarget) -> CarrierRequest:
        """Return the request that has Twilio leave our document and dial ``target``.

        It is not idempotent: a second one would break off the first one's dialling.

        Raises:
            Unsupported: Twilio can't dial such a target.

        """
        return CarrierRequest(
            carrier="twilio",
            action="transfer",
            method="POST",
            url=self._url(call_sid),
            form={"Twiml": after_document(target)},
            idempotent=False,
        )

    def dial_request(self, to: str, caller_id: str, url: str, status_url: str, ring_s: int) -> CarrierRequest:
        """Return the request that rings somebody; ``url`` is asked what they hear once they answer.

        It is not idempotent: a second one would ring them twice. ``status_url`` is told how their call ended.
        """
        return CarrierRequest(
            carrier="twilio",
            action="dial",
            method="POST",
            url=f"{self._calls_url}.json",
            form={"To": to, "From": caller_id, "Url": url, "StatusCallback": status_url, "Timeout": str(ring_s)},
            idempotent=False,
        )

    def _url(self, call_sid: str) -> str:
        return f"{self._calls_url}/{quote(call_sid, safe='')}.json"
