"""The documents and requests that Twilio gets from us."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from gateway.contracts.leg import TransferTarget
from gateway.errors import Unsupported
from gateway.legs.carriers.twilio_calls import TwilioCalls, after_document, answer_document, refusal_document

CALLS = TwilioCalls(account_sid="AC77", api_base="https://api.example.net/")


def test_the_answer_connects_the_call_and_never_leaves_a_silent_line() -> None:
    response = ET.fromstring(
        answer_document(
            "wss://gw.example.net/twilio/media",
            "v1.token",
            {"flow": "billing", "note": '<&"é'},
            "https://gw.example.net/twilio/after",
            "https://gw.example.net/twilio/status",
            caller_number="+15550001111",
            dialed_number="+15550002222",
        )
    )
    assert [verb.tag for verb in response] == ["Connect", "Hangup"]
    connect = response[0]
    assert connect.attrib == {"action": "https://gw.example.net/twilio/after", "method": "POST"}
    (stream,) = connect
    assert stream.tag == "Stream"
    assert stream.attrib == {
        "url": "wss://gw.example.net/twilio/media",
        "statusCallback": "https://gw.example.net/twilio/status",
    }
    assert {parameter.attrib["name"]: parameter.attrib["value"] for parameter in stream} == {
        "flow": "billing",
        "note": '<&"é',
        "gateway_token": "v1.token",
        "gateway_caller": "+15550001111",
        "gateway_dialed": "+15550002222",
    }


def test_no_custom_parameter_takes_the_place_of_ours() -> None:
    document = answer_document("wss://x/m", "v1.real", {"gateway_token": "v1.forged"}, "https://x/a", "https://x/s")
    assert "v1.real" in document
    assert "v1.forged" not in document


def test_a_withheld_number_is_no_parameter() -> None:
    assert "gateway_caller" not in answer_document("wss://x/m", "v1.t", {}, "https://x/a", "https://x/s")


def test_a_refusal_is_said_and_then_hangs_up() -> None:
    response = ET.fromstring(refusal_document("All lines are busy."))
    assert [(verb.tag, verb.text) for verb in response] == [("Say", "All lines are busy."), ("Hangup", None)]


def test_after_the_stream_comes_the_end_or_the_transfer() -> None:
    assert [verb.tag for verb in ET.fromstring(after_document(None))] == ["Hangup"]
    (dial,) = ET.fromstring(after_document(TransferTarget("tel:+15550003333", caller_id="+15550002222")))
    assert dial.attrib == {"callerId": "+15550002222"}
    assert [(noun.tag, noun.text) for noun in dial] == [("Number", "+15550003333")]
    (dial,) = ET.fromstring(after_document(TransferTarget("sip:desk@pbx.example.net;transport=tls")))
    assert dial.attrib == {}
    assert [(noun.tag, noun.text) for noun in dial] == [("Sip", "sip:desk@pbx.example.net;transport=tls")]


@pytest.mark.parametrize("uri", ["+15550003333", "tel:", "tel:+1 555", "mailto:a@b", "sip:", "sip:a b", "tel:+1\n"])
def test_a_target_that_twilio_cannot_dial_is_refused(uri: str) -> None:
    with pytest.raises(Unsupported, match="transfer_targets"):
        after_document(TransferTarget(uri))


def test_a_caller_id_that_is_none_is_refused() -> None:
    with pytest.raises(Unsupported, match="caller id"):
        after_document(TransferTarget("tel:+15550003333", caller_id="call me <b>"))


def test_hanging_up_is_a_request_that_may_be_repeated_and_finds_gone_calls_ended() -> None:
    request = CALLS.hang_up_request("CA90")
    assert (request.method, request.url) == ("POST", "https://api.example.net/2010-04-01/Accounts/AC77/Calls/CA90.json")
    assert request.form == {"Status": "completed"}
    assert request.idempotent
    assert 404 in request.ok_statuses
    assert {20404, 21220} <= request.ok_codes


def test_a_transfer_is_a_request_that_is_not_repeated_blindly() -> None:
    request = CALLS.transfer_request("CA90", TransferTarget("tel:+15550003333"))
    (dial,) = ET.fromstring(request.form["Twiml"])
    assert [noun.text for noun in dial] == ["+15550003333"]
    assert not request.idempotent
    assert not request.ok_statuses
    assert not request.ok_codes


def test_a_request_shows_neither_form_nor_number() -> None:
    assert "5550003333" not in repr(CALLS.transfer_request("CA90", TransferTarget("tel:+15550003333")))


def test_an_id_cannot_lead_to_another_place_of_the_api() -> None:
    assert CALLS.hang_up_request("../../AC1").url.endswith("/Accounts/AC77/Calls/..%2F..%2FAC1.json")
