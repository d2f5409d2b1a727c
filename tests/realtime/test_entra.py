"""Entra ID: a fresh token at every connect, from a source that counts and whose tokens expire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from azure.identity import CredentialUnavailableError
from azure.identity.aio import DefaultAzureCredential, ManagedIdentityCredential
from websockets.asyncio.server import ServerConnection

from gateway.clock import HandClock
from gateway.errors import ModelError, ModelRefused
from gateway.realtime.connector import RealtimeConnector
from gateway.realtime.credentials import Secret, SecretKind
from gateway.realtime.entra import GA_SCOPE, PREVIEW_SCOPE, EntraCredential, azure_source
from gateway.settings.schema import EndpointSettings
from tests.realtime.endpoint import HELLO, endpoint

pytestmark = pytest.mark.usefixtures("nothing_left")


def settings(url: str = "https://r.openai.azure.com", **more: Any) -> EndpointSettings:
    return EndpointSettings.model_validate({"type": "azure", "url": url, "deployment": "d", **more})


class Tokens:
    """A token source as azure-identity's: it keeps a token until it expires, and counts what it is asked."""

    def __init__(self, clock: HandClock, *, fails: Exception | None = None) -> None:
        self.asked: list[str] = []
        self.made = 0
        self.closed = 0
        self._clock = clock
        self._fails = fails
        self._kept = AccessToken("", 0)

    async def get_token(self, *scopes: str) -> AccessToken:
        self.asked.extend(scopes)
        if self._fails is not None:
            raise self._fails
        if self._kept.expires_on <= self._clock.wall_s():
            self.made += 1
            self._kept = AccessToken(f"token-{self.made}", int(self._clock.wall_s()) + 3600)
        return self._kept

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
async def doorman() -> AsyncIterator[tuple[str, list[str]]]:
    """An endpoint that takes everybody and writes down how they prove themselves."""
    seen: list[str] = []

    async def behave(ws: ServerConnection) -> None:
        assert ws.request is not None
        seen.append(ws.request.headers["Authorization"])
        assert "api-key" not in ws.request.headers
        await ws.send(HELLO)
        await ws.wait_closed()

    async with endpoint(behave) as url:
        yield url, seen


def connector(url: str, tokens: Tokens, clock: HandClock) -> RealtimeConnector:
    of_cloud = settings(url)
    return RealtimeConnector(
        "cloud", of_cloud, clock=clock, credential=EntraCredential("cloud", of_cloud, make_source=lambda: tokens)
    )


async def test_every_connect_asks_and_an_expired_token_is_never_shown(doorman: tuple[str, list[str]]) -> None:
    url, seen = doorman
    clock = HandClock()
    tokens = Tokens(clock)
    door = connector(url, tokens, clock)
    for pause_s in (0, 10, 4000):
        clock.advance(pause_s * 1000)
        await (await door.connect()).close()
    assert seen == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]
    assert tokens.asked == [GA_SCOPE] * 3
    assert tokens.closed == 0, "it serves the next call too"
    await door.close()
    assert tokens.closed == 1


async def test_calls_at_the_same_time_share_one_source() -> None:
    made: list[Tokens] = []

    def make() -> Tokens:
        made.append(Tokens(HandClock()))
        return made[-1]

    credential = EntraCredential("cloud", settings(), make_source=make)
    secrets = await asyncio.gather(*(credential.secret() for _ in range(5)))
    assert secrets == [Secret(SecretKind.TOKEN, "token-1")] * 5
    assert len(made) == 1
    await credential.close()
    await credential.close()
    assert made[0].closed == 1


async def test_a_connect_that_is_given_up_leaves_the_source_to_the_others() -> None:
    tokens = Tokens(HandClock())
    credential = EntraCredential("cloud", settings(), make_source=lambda: tokens)
    given_up = asyncio.ensure_future(credential.secret())
    await asyncio.sleep(0)
    given_up.cancel()
    assert await credential.secret() == Secret(SecretKind.TOKEN, "token-1")
    await credential.close()


async def test_no_token_is_an_error_that_says_what_to_do(doorman: tuple[str, list[str]]) -> None:
    url, seen = doorman
    clock = HandClock()
    why = CredentialUnavailableError("no identity here.\nEnvironmentCredential: …\nAzureCliCredential: …")
    door = connector(url, Tokens(clock, fails=why), clock)
    with pytest.raises(ModelError) as failed:
        await door.connect()
    assert not isinstance(failed.value, ModelRefused)
    assert str(failed.value) == (
        f"endpoint 'cloud': no Entra ID token for {GA_SCOPE}: no identity here; "
        "sign in with 'az login', give this machine a managed identity, or set api_key"
    )
    assert seen == []
    await door.close()


async def test_a_source_that_could_not_be_made_is_tried_again() -> None:
    made: list[Exception] = [ValueError("not fully configured. See the guide")]

    def make() -> Tokens:
        if made:
            raise made.pop()
        return Tokens(HandClock())

    credential = EntraCredential("cloud", settings(entra_credential="workload_identity"), make_source=make)
    with pytest.raises(ModelError, match=r"not fully configured.*label the pod for workload identity"):
        await credential.secret()
    assert await credential.secret() == Secret(SecretKind.TOKEN, "token-1")
    await credential.close()


async def test_a_slow_token_counts_against_the_connect_timeout() -> None:
    class Slow(Tokens):
        async def get_token(self, *scopes: str) -> AccessToken:
            await asyncio.Event().wait()
            raise AssertionError("never set")

    of_cloud = settings("http://127.0.0.1:9", connect_timeout_ms=100)
    credential = EntraCredential("cloud", of_cloud, make_source=lambda: Slow(HandClock()))
    door = RealtimeConnector("cloud", of_cloud, clock=HandClock(), credential=credential)
    with pytest.raises(ModelError, match="did not answer within 100 ms: the credential was not given"):
        await door.connect()
    await door.close()


@pytest.mark.parametrize(
    ("more", "scope"),
    [
        ({}, GA_SCOPE),
        ({"protocol": "beta"}, PREVIEW_SCOPE),
        ({"entra_scope": "api://gate/.default"}, "api://gate/.default"),
    ],
)
def test_the_scope_follows_the_protocol_unless_it_is_named(more: dict[str, Any], scope: str) -> None:
    credential = EntraCredential("cloud", settings(**more))
    assert credential.scope == scope


@pytest.mark.parametrize(
    ("chosen", "kind"), [("default", DefaultAzureCredential), ("managed_identity", ManagedIdentityCredential)]
)
@pytest.mark.parametrize("client_id", [None, "00000000-0000-0000-0000-000000000001"])
async def test_the_settings_choose_the_librarys_credential(chosen: str, kind: type, client_id: str | None) -> None:
    source = await asyncio.to_thread(azure_source, settings(entra_credential=chosen, client_id=client_id))
    assert isinstance(source, kind)
    await source.close()


async def test_a_workload_identity_takes_its_pods_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_TENANT_ID", "tenant")
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token")
    chosen = settings(entra_credential="workload_identity", client_id="pod")
    source = await asyncio.to_thread(azure_source, chosen)
    assert type(source).__name__ == "WorkloadIdentityCredential"
    await source.close()
