from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.clock import SystemClock
from gateway.errors import ConfigurationError
from gateway.realtime.connector import RealtimeConnector
from gateway.realtime.credentials import ApiKey, NoCredential, Secret, SecretKind
from gateway.realtime.entra import EntraCredential
from gateway.realtime.kinds import check_endpoint, kind_of
from gateway.realtime.openai_beta import OpenAiBeta
from gateway.realtime.openai_ga import OpenAiGa
from gateway.settings.schema import EndpointSettings

AZURE = {"type": "azure", "url": "https://r.openai.azure.com", "deployment": "d"}
PLUGIN = """
from gateway.realtime.openai_ga import OpenAiGa

class Other(OpenAiGa):
    def __init__(self, endpoint, settings):
        super().__init__(endpoint, settings.model_copy(update={"type": "compatible"}))
        self.options = settings.options

    class Inner:
        pass

NUMBER = 7
"""


def settings(**fields: Any) -> EndpointSettings:
    return EndpointSettings.model_validate(fields)


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the operator's, on the path."""
    (tmp_path / "their_dialect.py").write_text(PLUGIN, "utf-8")
    (tmp_path / "their_broken.py").write_text("raise RuntimeError('no licence')\n", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("their_dialect", "their_broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return "their_dialect:Other"


@pytest.mark.parametrize("kind", ["openai", "azure", "compatible", "local"])
@pytest.mark.parametrize(("protocol", "dialect"), [("ga", OpenAiGa), ("beta", OpenAiBeta)])
def test_the_protocol_chooses_the_dialect_of_every_type(kind: str, protocol: str, dialect: type) -> None:
    assert kind_of("main", settings(type=kind, protocol=protocol)).dialect is dialect


@pytest.mark.parametrize(
    ("fields", "credential"),
    [
        ({"type": "openai", "api_key": "sk-1"}, ApiKey),
        ({"type": "compatible"}, NoCredential),
        ({"type": "local"}, NoCredential),
        (AZURE, EntraCredential),
        ({**AZURE, "api_key": "k"}, ApiKey),
        ({**AZURE, "api_key": "k", "auth": "entra"}, EntraCredential),
        ({**AZURE, "api_key": "k", "auth": "key"}, ApiKey),
        ({"type": "compatible", "auth": "entra"}, EntraCredential),
    ],
)
def test_what_proves_us_follows_from_type_key_and_auth(fields: dict[str, Any], credential: type) -> None:
    made = settings(**fields)
    assert type(kind_of("main", made).credential("main", made)) is credential


def test_auth_by_key_without_a_key_is_refused() -> None:
    made = settings(**AZURE, auth="key")
    with pytest.raises(ConfigurationError, match=r"^endpoints.main.api_key is missing, and auth is 'key'"):
        kind_of("main", made).credential("main", made)


@pytest.mark.parametrize(
    ("fields", "secret", "header"),
    [
        (AZURE, Secret(SecretKind.API_KEY, "geheim"), ("api-key", "geheim")),
        (AZURE, Secret(SecretKind.TOKEN, "geheim"), ("Authorization", "Bearer geheim")),
        ({**AZURE, "protocol": "beta"}, Secret(SecretKind.API_KEY, "geheim"), ("api-key", "geheim")),
        ({"type": "openai", "model": "m"}, Secret(SecretKind.API_KEY, "geheim"), ("Authorization", "Bearer geheim")),
        ({"type": "openai", "model": "m"}, Secret(SecretKind.TOKEN, "geheim"), ("Authorization", "Bearer geheim")),
    ],
)
def test_a_secret_goes_into_the_header_of_its_kind(
    fields: dict[str, Any], secret: Secret, header: tuple[str, str]
) -> None:
    made = settings(**fields)
    request = kind_of("main", made).dialect("main", made).connect_request(secret)
    assert header in request.headers
    assert len(request.headers) == 2, "the secret and the User-Agent"
    assert secret.value not in repr(request)


def test_a_plugin_is_named_in_the_settings_and_reads_its_own_options(plugin: str) -> None:
    made = settings(type=plugin, url="http://127.0.0.1:9/v1", model="m", options={"region": "eu", "depth": 3})
    dialect: Any = kind_of("theirs", made).dialect("theirs", made)
    assert type(dialect).__name__ == "Other"
    assert dialect.options == {"region": "eu", "depth": 3}
    door = RealtimeConnector("theirs", made, clock=SystemClock())
    assert door.capabilities == dialect.capabilities


def test_a_plugins_name_may_have_dots(plugin: str) -> None:
    assert kind_of("theirs", settings(type=f"{plugin}.Inner")).dialect.__name__ == "Inner"  # type: ignore[attr-defined]


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("no_such_module:X", "importing 'no_such_module' failed (ModuleNotFoundError"),
        ("their_broken:X", "importing 'their_broken' failed (RuntimeError: no licence)"),
        ("their_dialect:Missing", "'Missing' in module 'their_dialect' is not something to call"),
        ("their_dialect:NUMBER", "'NUMBER' in module 'their_dialect' is not something to call"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named_with_the_reason(kind: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        kind_of("theirs", settings(type=kind))
    assert str(refused.value).startswith(f"endpoints.theirs.type: '{kind}' can't be loaded: ")
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "azure", "url": "https://r.openai.azure.com"},
        {"type": "compatible", "url": "https://h", "session": {"extra": {"audio.output.new": 1}}, "protocol": "beta"},
        {"type": "compatible", "url": "https://h", "api_key": "two words"},
        {"type": "no_such_module:X"},
    ],
)
def test_what_can_not_be_meant_is_told_before_the_first_call(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        check_endpoint("main", settings(**fields))


def test_the_local_server_is_checked_once_it_has_an_address() -> None:
    check_endpoint("local", settings(type="local"))
    with pytest.raises(ConfigurationError, match="should begin with"):
        check_endpoint("local", settings(type="local", url="127.0.0.1"))


def test_pings_are_set_by_the_endpoint() -> None:
    made = settings(type="local", url="http://127.0.0.1:9", api_key=SecretStr("t"), ws_ping_s=5, ws_pong_timeout_s=2.5)
    limits = RealtimeConnector("main", made, clock=SystemClock())._limits
    assert (limits.ping_every_ms, limits.pong_within_ms) == (5000, 2500)
