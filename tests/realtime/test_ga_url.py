from __future__ import annotations

import pytest

from gateway.errors import ConfigurationError
from gateway.realtime.ga_url import OPENAI_BASE_URL, realtime_url, shown


@pytest.mark.parametrize(
    ("base", "model", "url"),
    [
        (OPENAI_BASE_URL, "gpt-x", "wss://api.openai.com/v1/realtime?model=gpt-x"),
        ("https://h.test/v1/", "m", "wss://h.test/v1/realtime?model=m"),
        ("https://h.test/v1/realtime", "m", "wss://h.test/v1/realtime?model=m"),
        ("wss://h.test/v1/realtime/", "m", "wss://h.test/v1/realtime?model=m"),
        ("http://127.0.0.1:8123/v1", "m", "ws://127.0.0.1:8123/v1/realtime?model=m"),
        ("ws://[::1]:8123", "m", "ws://[::1]:8123/realtime?model=m"),
        ("HTTPS://H.test/v1", None, "wss://h.test/v1/realtime"),
        ("https://h.test/v1?region=eu&flag", "m", "wss://h.test/v1/realtime?region=eu&flag=&model=m"),
        ("https://h.test/v1/realtime?model=old&x=1", "new", "wss://h.test/v1/realtime?x=1&model=new"),
        ("https://h.test/v1/realtime?model=kept", None, "wss://h.test/v1/realtime?model=kept"),
        ("https://h.test/v1/realtime?call_id=rtc_7", "m", "wss://h.test/v1/realtime?call_id=rtc_7"),
        ("https://h.test/v1", "family/model v2", "wss://h.test/v1/realtime?model=family%2Fmodel%20v2"),
        ("  https://h.test/v1\n", "m", "wss://h.test/v1/realtime?model=m"),
    ],
)
def test_what_an_operator_writes_becomes_the_url_of_the_websocket(base: str, model: str | None, url: str) -> None:
    assert realtime_url(base, model, endpoint="main") == url


@pytest.mark.parametrize(
    ("base", "says"),
    [
        ("api.openai.com/v1", "should begin with https://"),
        ("ftp://h.test", "should begin with https://"),
        ("https://", "should begin with https://"),
        ("https://h.test:port/v1", "is not a URL"),
        ("https://user:geheim@h.test/v1", "put the key into api_key"),
    ],
)
def test_a_url_that_cannot_be_dialled_is_refused_by_its_setting(base: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as refused:
        realtime_url(base, "m", endpoint="main")
    assert str(refused.value).startswith("endpoints.main.url")
    assert "geheim" not in str(refused.value)


def test_a_password_in_a_broken_url_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as refused:
        realtime_url("ftp://user:geheim@h.test/v1?key=auch", "m", endpoint="main")
    assert "geheim" not in str(refused.value)
    assert "auch" not in str(refused.value)


def test_a_url_is_shown_without_its_query() -> None:
    assert shown("wss://h.test/v1/realtime?api-key=geheim") == "wss://h.test/v1/realtime"
