from __future__ import annotations

import pytest
from pydantic import SecretStr

from gateway.errors import ConfigurationError
from gateway.realtime.credentials import ApiKey, NoCredential, Secret, SecretKind, without_secrets


async def test_a_key_from_a_file_loses_its_line_break() -> None:
    secret = await ApiKey(SecretStr("sk-test-1234\n"), endpoint="main").secret()
    assert secret == Secret(SecretKind.API_KEY, "sk-test-1234")


async def test_no_credential_gives_no_secret() -> None:
    assert await NoCredential().secret() is None


@pytest.mark.parametrize("key", ["", "  \n", "sk-a b", "sk-a\nX-Evil: 1", "sk-“quoted”"])
def test_a_key_that_cannot_stand_in_a_header_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigurationError, match=r"endpoints\.main\.api_key") as refused:
        ApiKey(SecretStr(key), endpoint="main")
    assert "sk-" not in str(refused.value)


def test_neither_a_secret_nor_a_credential_prints_its_key() -> None:
    assert "1234" not in repr(Secret(SecretKind.TOKEN, "tok-1234"))
    assert "1234" not in repr(ApiKey(SecretStr("sk-1234"), endpoint="main"))


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-****abcd.",
        "bad key 'ek_68ff00'",
        "got Authorization: Bearer eyJh.x.y",
        "the key k3y-with-another-shape is wrong",
    ],
)
def test_whatever_looks_like_a_key_is_taken_out_of_foreign_words(text: str) -> None:
    shown = without_secrets(text, Secret(SecretKind.API_KEY, "k3y-with-another-shape"))
    assert "••••" in shown
    for leak in ("abcd", "68ff00", "eyJh", "k3y"):
        assert leak not in shown
