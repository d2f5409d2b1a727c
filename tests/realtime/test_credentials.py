from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from gateway.errors import ConfigurationError
from gateway.realtime.credentials import ApiKey, NoCredential, Secret, SecretKind, without_secrets
from gateway.settings.secret_file import SecretInFile
from gateway.settings.substitute import substitute


async def test_a_key_from_a_file_loses_its_line_break() -> None:
    secret = await ApiKey(SecretStr("sk-test-1234\n"), endpoint="main").secret()
    assert secret == Secret(SecretKind.API_KEY, "sk-test-1234")


class InFile:
    """A key in a file, as the settings load it."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_text("sk-first\n", "utf-8")
        self.secret = SecretInFile("sk-first", partial(substitute, f"${{file:{file}}}", {}, file.parent))


@pytest.fixture
def in_file(tmp_path: Path) -> InFile:
    return InFile(tmp_path / "key")


async def test_a_key_in_a_file_is_read_again_for_every_session(in_file: InFile) -> None:
    credential = ApiKey(in_file.secret, endpoint="main")
    assert await credential.secret() == Secret(SecretKind.API_KEY, "sk-first")
    in_file.file.write_text("sk-second\n", "utf-8")
    assert await credential.secret() == Secret(SecretKind.API_KEY, "sk-second")


@pytest.mark.parametrize("broken", [None, "", "two words\n", "ein schlüssel"])
async def test_a_file_without_a_good_key_leaves_the_last_good_one_and_is_told(
    in_file: InFile, broken: str | None
) -> None:
    credential = ApiKey(in_file.secret, endpoint="main")
    in_file.file.write_text("sk-second\n", "utf-8")
    await credential.secret()
    if broken is None:
        in_file.file.unlink()
    else:
        in_file.file.write_text(broken, "utf-8")
    with capture_logs() as logs:
        assert await credential.secret() == Secret(SecretKind.API_KEY, "sk-second")
    (told,) = logs
    assert (told["event"], told["endpoint"]) == ("model_key_not_reread", "main")
    assert broken is None or broken == "" or broken.strip() not in str(told)


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
