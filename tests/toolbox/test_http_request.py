"""What an HTTP tool sends, and that nothing of it leaves its place."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contracts.tool import CallFacts
from gateway.errors import ToolError
from gateway.settings.tools import HttpToolSettings
from gateway.toolbox.http_request import HttpRequest, RequestTemplate, redirected

ANN = CallFacts(
    call_id="bcdfgh", caller_number="+15550001111", dialed_number="+15550002222", parameters={"tenant": "north & south"}
)
WITHHELD = CallFacts(call_id="bcdfgh")


def template(url: str = "https://crm.example.net/orders/{order}", **settings: Any) -> RequestTemplate:
    return RequestTemplate(HttpToolSettings(type="http", description="it", url=url, **settings))


def test_arguments_go_into_the_path_and_the_rest_into_the_query() -> None:
    request = template().fill({"order": "47/11 ü?", "express": True, "lines": [1, 2], "note": None}, ANN)
    assert request.method == "GET"
    assert request.url == "https://crm.example.net/orders/47%2F11%20%C3%BC%3F?express=true&lines=1&lines=2"
    assert request.body is None


def test_arguments_may_stand_in_the_query_and_in_headers() -> None:
    made = template("https://crm.example.net/find?q={words}&fixed=1", headers={"X-Caller": "tel {call.caller_number}"})
    request = made.fill(
        {"words": "a&b=c", "page": 2},
        ANN,
        headers={"X-Caller": "tel {call.caller_number}", "Authorization": "Bearer k"},
    )
    assert request.url == "https://crm.example.net/find?q=a%26b%3Dc&fixed=1&page=2"
    assert request.headers["X-Caller"] == "tel +15550001111"
    assert request.headers["Authorization"] == "Bearer k"


def test_the_calls_facts_come_from_the_call_and_not_from_the_model() -> None:
    made = template("https://crm.example.net/{call.parameters.tenant}/{call.caller_number}")
    request = made.fill({"call.caller_number": "+1999"}, ANN)
    assert urlsplit(request.url).path == "/north%20%26%20south/%2B15550001111"


def test_without_a_body_of_its_own_a_post_sends_the_remaining_arguments_as_json() -> None:
    request = template(method="POST").fill({"order": "1", "note": "grün", "seats": 2}, ANN)
    assert json.loads(request.body or b"") == {"note": "grün", "seats": 2}
    assert request.headers["Content-Type"] == "application/json"


def test_a_body_is_filled_in_and_a_lone_argument_keeps_its_type() -> None:
    body = {
        "ticket": {"text": "From {name}: {text}", "urgent": "{urgent}", "lines": ["{lines}"], "by": "phone", "n": 3}
    }
    made = template("https://desk.example.net/tickets", method="POST", body=body)
    request = made.fill({"name": "Ann", "text": '"hi"\n', "urgent": True, "lines": [1]}, ANN)
    assert json.loads(request.body or b"") == {
        "ticket": {"text": 'From Ann: "hi"\n', "urgent": True, "lines": [[1]], "by": "phone", "n": 3}
    }


@pytest.mark.parametrize("order", ["", ".", "..", "../admin", "a/../b", "..\\admin", "a/.."])
def test_a_value_that_would_climb_out_of_its_place_in_the_path_is_refused(order: str) -> None:
    with pytest.raises(ToolError) as caught:
        template().fill({"order": order}, ANN)
    assert caught.value.kind == "bad_arguments"


@pytest.mark.parametrize("url", ["https://h.example/x/.{a}", "https://h.example/x/{a}."])
def test_a_value_that_climbs_out_with_what_stands_beside_it_is_refused(url: str) -> None:
    with pytest.raises(ToolError):
        template(url).fill({"a": "."}, ANN)


def test_a_withheld_number_asks_nothing() -> None:
    with pytest.raises(ToolError, match=r"call\.caller_number is not known"):
        template("https://crm.example.net/by-number/{call.caller_number}").fill({}, WITHHELD)


@pytest.mark.parametrize("value", ["a\r\nX-Admin: 1", "a\nb", "grün", "\x00"])
def test_no_value_breaks_out_of_a_header(value: str) -> None:
    with pytest.raises(ToolError, match="a value for X-Name has characters"):
        template("https://h.example/").fill({"name": value}, ANN, headers={"X-Name": "{name}"})


@given(order=st.text(min_size=1), words=st.text())
def test_whatever_a_model_writes_host_and_path_stay_as_declared(order: str, words: str) -> None:
    made = template("https://crm.example.net:8443/orders/{order}/lines?q={words}")
    try:
        request = made.fill({"order": order, "words": words}, ANN)
    except ToolError:
        return
    parts = urlsplit(request.url)
    assert (parts.scheme, parts.netloc) == ("https", "crm.example.net:8443")
    assert parts.path.count("/") == 3
    assert unquote(parts.path) == f"/orders/{order}/lines"
    assert parse_qs(parts.query, keep_blank_values=True)["q"] == [words]


def test_a_request_shows_neither_secrets_nor_what_the_caller_said() -> None:
    request = template().fill({"order": "4711"}, ANN, headers={"Authorization": "Bearer very-secret"})
    assert repr(request) == "HttpRequest(GET https://crm.example.net:443/…)"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/v2/orders/1", "https://crm.example.net/v2/orders/1"),
        ("2", "https://crm.example.net/orders/2"),
        ("https://crm.example.net:443/x", "https://crm.example.net:443/x"),
    ],
)
def test_a_redirect_within_the_host_is_followed(location: str, target: str) -> None:
    followed = redirected(HttpRequest("GET", "https://crm.example.net/orders/1", {"A": "b"}), location)
    assert followed == HttpRequest("GET", target, {"A": "b"})


@pytest.mark.parametrize(
    ("method", "location"),
    [
        ("GET", "https://elsewhere.example/x"),
        ("GET", "//169.254.169.254/latest/meta-data"),
        ("GET", "http://crm.example.net/x"),
        ("GET", "https://crm.example.net:8443/x"),
        ("GET", "https://user@crm.example.net.evil.example/x"),
        ("GET", "https://[::1"),
        ("POST", "/v2"),
    ],
)
def test_any_other_redirect_is_not(method: str, location: str) -> None:
    with pytest.raises(ToolError) as caught:
        redirected(HttpRequest(method, "https://crm.example.net/orders/1", {}), location)
    assert caught.value.kind == "redirected"
