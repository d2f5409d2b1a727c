"""Signatures: the vectors, the port trap, the shared-key variant, and every way to cheat."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from starlette.datastructures import Headers
from twilio.request_validator import RequestValidator

from gateway.errors import Forbidden
from gateway.web.twilio_signature import Form, SignatureCheck
from tests.web.doors import TOKEN

CHECK = SignatureCheck(TOKEN)
VOICE = "https://gw.example.net/twilio/voice?tenant=7"
MEDIA = "wss://gw.example.net/twilio/media"
FORM = Form([("CallSid", "CA1"), ("From", "+15550001111"), ("To", "+15550002222"), ("CallStatus", "ringing")])
SHA256 = {"x-twilio-webhooks-signature-settings": "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"}


def _headers(signature: str, **more: str) -> Headers:
    return Headers({"x-twilio-signature": signature, **more})


def _sign(url: str, form: Any = None, *, token: str = TOKEN) -> str:
    return str(RequestValidator(token).compute_signature(url, form))


def _why_not(url: str, headers: Headers, **what: Any) -> str:
    with pytest.raises(Forbidden) as refused:
        CHECK.verify(url, headers, **what)
    return refused.value.why


def test_the_known_vectors_hold() -> None:
    CHECK.verify(VOICE, _headers("XJlt99tEc7MH0X01kc1x/cNpuR4="), form=FORM)
    CHECK.verify(MEDIA, _headers("FF9qYGu/1akvMUQ8DbRuiZJ49H0="))
    CHECK.verify(MEDIA, _headers("W35hiLqLdDsVmEhbxjiIj539+rNPABvsU0muMKxHYOM=", **SHA256))


@pytest.mark.parametrize(
    ("signed", "asked"),
    [
        ("wss://gw.example.net:443/twilio/media", MEDIA),
        (MEDIA, "wss://gw.example.net:443/twilio/media"),
        ("https://gw.example.net:443/v", "https://gw.example.net/v"),
        ("https://gw.example.net/v", "https://gw.example.net:443/v"),
        ("ws://127.0.0.1:80/twilio/media", "ws://127.0.0.1/twilio/media"),
        ("https://[2001:db8::1]:443/v?a=b", "https://[2001:db8::1]/v?a=b"),
    ],
)
def test_the_default_port_may_be_in_the_signed_url_or_not(signed: str, asked: str) -> None:
    CHECK.verify(asked, _headers(_sign(signed)))


def test_another_port_is_another_place() -> None:
    assert "does not hold" in _why_not("https://gw.example.net:8443/v", _headers(_sign("https://gw.example.net/v")))


def test_the_upgrade_is_signed_over_wss_and_nothing_else() -> None:
    for wrong in ("https://gw.example.net/twilio/media", "ws://gw.example.net/twilio/media"):
        assert "does not hold" in _why_not(MEDIA, _headers(_sign(wrong)))


def test_no_signature_and_a_wrong_one_are_refused() -> None:
    assert _why_not(VOICE, Headers({}), form=FORM) == "there is no X-Twilio-Signature"
    assert _why_not(VOICE, _headers(""), form=FORM) == "there is no X-Twilio-Signature"
    for wrong in ("x", "é" * 28, _sign(VOICE, FORM, token="another token"), _sign(VOICE)):
        assert "does not hold; check auth_token and public_url" in _why_not(VOICE, _headers(wrong), form=FORM)


@pytest.mark.parametrize(
    "tampered",
    [
        Form([*FORM.multi_items(), ("Extra", "1")]),
        Form([("CallSid", "CA2"), *FORM.multi_items()[1:]]),
        Form(FORM.multi_items()[1:]),
        Form([*FORM.multi_items(), ("CallSid", "CA2")]),
    ],
)
def test_a_form_that_was_tampered_with_is_refused(tampered: Form) -> None:
    _why_not(VOICE, _headers("XJlt99tEc7MH0X01kc1x/cNpuR4="), form=tampered)


def test_a_field_that_comes_twice_is_verified_with_all_its_values() -> None:
    form = Form([("A", "2"), ("A", "1"), ("B", "")])
    CHECK.verify(VOICE, _headers(_sign(VOICE, form)), form=form)
    assert _sign(VOICE, form) == _sign(VOICE + "A1A2B")


def test_a_get_is_signed_with_its_query() -> None:
    url = "https://gw.example.net/twilio/voice?CallSid=CA1&From=%2B15550001111"
    CHECK.verify(url, _headers(_sign(url)))
    _why_not(url.replace("CA1", "CA2"), _headers(_sign(url)))


def test_a_json_body_is_verified_by_its_hash_in_the_signed_query() -> None:
    body = b'{"CallSid":"CA1"}'
    url = f"https://gw.example.net/twilio/status?bodySHA256={hashlib.sha256(body).hexdigest()}"
    CHECK.verify(url, _headers(_sign(url)), body=body)
    assert "not the one whose hash" in _why_not(url, _headers(_sign(url)), body=body + b" ")
    bare = "https://gw.example.net/twilio/status"
    assert "not the one whose hash" in _why_not(bare, _headers(_sign(bare)), body=body)


def test_an_unknown_algorithm_fails_closed() -> None:
    settings = {"x-twilio-webhooks-signature-settings": "key=k,algorithm=NONE"}
    assert "algorithm is unknown" in _why_not(MEDIA, _headers(_sign(MEDIA), **settings))


def test_the_weaker_algorithm_cannot_be_passed_off_as_the_stronger() -> None:
    _why_not(MEDIA, _headers(_sign(MEDIA), **SHA256))
