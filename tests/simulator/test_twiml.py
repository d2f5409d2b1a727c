from __future__ import annotations

import pytest
from twilio.twiml.voice_response import Connect as SdkConnect
from twilio.twiml.voice_response import VoiceResponse

from gateway.errors import CarrierError
from gateway.simulator.carriers.twiml import (
    Connect,
    Dial,
    Hangup,
    Other,
    Pause,
    Redirect,
    Reject,
    Say,
    parse_twiml,
    verb_name,
)


def test_what_twilios_package_writes_is_read():
    answer = VoiceResponse()
    connect = SdkConnect(action="/twilio/after", method="POST")
    stream = connect.stream(url="wss://gw.example.net/twilio/media", name="leg-1", status_callback="/twilio/stream")
    stream.parameter(name="token", value="a<b&c")
    answer.append(connect)
    answer.hangup()
    assert parse_twiml(str(answer).encode()) == [
        Connect(
            url="wss://gw.example.net/twilio/media",
            parameters={"token": "a<b&c"},
            stream_name="leg-1",
            status_callback="/twilio/stream",
            action="/twilio/after",
        ),
        Hangup(),
    ]


def test_the_other_verbs_are_read():
    verbs = parse_twiml(
        b'<Response><Say>All lines  are busy</Say><Pause length="3"/><Dial callerId="+1555">+1666</Dial>'
        b"<Dial><Sip>sip:a@b</Sip></Dial><Redirect>/next</Redirect>"
        b'<Reject reason="busy"/><Gather/><Connect><ConversationRelay url="wss://x"/></Connect></Response>'
    )
    assert verbs == [
        Say("All lines  are busy"),
        Pause(3.0),
        Dial("+1666", "+1555"),
        Dial("sip:a@b"),
        Redirect("/next"),
        Reject("busy"),
        Other("Gather"),
        Other("Connect"),
    ]
    assert [verb_name(verb) for verb in verbs[-3:]] == ["Reject", "Gather", "Connect"]


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"", "not well-formed"),
        (b"<Response>", "not well-formed"),
        (b"hello", "not well-formed"),
        (b"<Answer/>", "starts with <Answer>"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><Response>&a;</Response>', "a document type"),
        (b"<?php ?><Response/>", "a processing instruction"),
        (b"<Response>" + b"<a>" * 9 + b"</a>" * 9 + b"</Response>", "deeper than 8"),
        (b"<Response>" + b" " * 70000 + b"</Response>", "65536 at most"),
        (b"<Response><Connect><Stream/></Connect></Response>", "wanted wss://"),
        (b'<Response><Connect><Stream url="https://x/"/></Connect></Response>', "wanted wss://"),
        (b'<Response><Connect><Stream url="wss://x/?a=1"/></Connect></Response>', "31920"),
        (
            b'<Response><Connect><Stream url="wss://x/"/><Stream url="wss://x/"/></Connect></Response>',
            "one bidirectional stream",
        ),
        (b'<Response><Connect><Stream url="wss://x/"><Other/></Stream></Connect></Response>', "wanted <Parameter>"),
        (
            b'<Response><Connect><Stream url="wss://x/"><Parameter name="a" value="'
            + b"v" * 499
            + b'"/></Stream></Connect></Response>',
            "wanted under 500",
        ),
        (
            b'<Response><Connect><Stream url="wss://x/"><Parameter value="a"/></Stream></Connect></Response>',
            "no name",
        ),
        (b"<Response><Dial/></Response>", "names nobody"),
        (b'<Response><Pause length="long"/></Response>', "wanted seconds"),
    ],
)
def test_what_twilio_would_not_run_is_refused_with_the_reason(document, why):
    with pytest.raises(CarrierError, match=why):
        parse_twiml(document)
