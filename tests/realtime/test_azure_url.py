from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import ConfigurationError
from gateway.realtime.azure_url import azure_realtime_url
from gateway.settings.schema import EndpointSettings

V = "2025-04-01-preview"
GA = "wss://r.openai.azure.com/openai/v1/realtime?model=dep"
PREVIEW = f"wss://r.openai.azure.com/openai/realtime?api-version={V}&deployment=dep"


def url(written: str | None, deployment: str | None = "dep", **more: Any) -> str:
    settings = EndpointSettings.model_validate({"type": "azure", "url": written, "deployment": deployment, **more})
    return azure_realtime_url("cloud", settings)


@pytest.mark.parametrize("scheme", ["https", "wss", "HTTPS"])
@pytest.mark.parametrize(
    "rest",
    [
        "r.openai.azure.com",
        "r.openai.azure.com/",
        "r.openai.azure.com/openai",
        "r.openai.azure.com/openai/v1",
        "r.openai.azure.com/openai/v1/",
        "r.openai.azure.com/openai/v1/realtime",
        "r.openai.azure.com/openai/v1/realtime/?model=other",
        "r.openai.azure.com/openai/v1/realtime?api-version=2025-04-01-preview",
        "r.openai.azure.com/v1/realtime",
        "r.openai.azure.com/realtime",
        "r.openai.azure.com/api/projects/my-project",
        "r.openai.azure.com/api/projects/my-project/openai/v1/",
        "r.openai.azure.com/openai/deployments/other/",
    ],
)
def test_every_way_of_writing_a_resource_leads_to_ga(scheme: str, rest: str) -> None:
    assert url(f"{scheme}://{rest}") == GA


@pytest.mark.parametrize(
    "host",
    [
        "r.openai.azure.com",
        "r.cognitiveservices.azure.com",
        "r.services.ai.azure.com",
        "r.openai.azure.us",
        "r.openai.azure.cn",
        "r.privatelink.openai.azure.com:8443",
    ],
)
def test_every_host_suffix_is_kept(host: str) -> None:
    assert url(f"https://{host}/") == f"wss://{host}/openai/v1/realtime?model=dep"


@pytest.mark.parametrize(
    "written",
    [
        f"https://r.openai.azure.com/openai/realtime?api-version={V}&deployment=dep",
        f"wss://r.openai.azure.com/openai/realtime/?deployment=dep&api-version={V}",
        f"https://r.openai.azure.com/openai/deployments/dep/realtime?api-version={V}",
        f"https://r.openai.azure.com?api-version={V}&deployment=dep",
    ],
)
def test_a_preview_url_means_preview_and_names_its_deployment(written: str) -> None:
    assert url(written, deployment=None) == PREVIEW


def test_preview_by_protocol_takes_its_last_version() -> None:
    assert url("https://r.openai.azure.com", protocol="beta") == PREVIEW


def test_a_version_means_preview_and_wins_over_the_urls() -> None:
    written = url(f"https://r.openai.azure.com/openai/realtime?api-version={V}", api_version="2024-10-01-preview")
    assert written == PREVIEW.replace(V, "2024-10-01-preview")


def test_ga_by_protocol_drops_the_version_of_the_url() -> None:
    assert url(f"https://r.openai.azure.com/openai/realtime?api-version={V}", protocol="ga") == GA


def test_the_setting_wins_over_the_url_and_the_deployment_over_the_model() -> None:
    assert url("https://r.openai.azure.com/openai/v1/realtime?model=old") == GA
    assert url("https://r.openai.azure.com", model="gpt-x") == GA
    assert url("https://r.openai.azure.com", deployment=None, model="dep") == GA
    assert url("https://r.openai.azure.com/openai/v1/realtime?model=dep", deployment=None) == GA


def test_what_stands_before_the_api_is_kept_with_further_queries() -> None:
    written = "https://gate.azure-api.net/voice/eu/openai?subscription=7&x=a%20b"
    assert url(written) == "wss://gate.azure-api.net/voice/eu/openai/v1/realtime?subscription=7&x=a%20b&model=dep"
    assert url("http://127.0.0.1:9/prefix") == "ws://127.0.0.1:9/prefix/openai/v1/realtime?model=dep"


def test_a_deployment_is_quoted() -> None:
    assert url("https://h", "my dep/1&x") == "wss://h/openai/v1/realtime?model=my%20dep%2F1%26x"


@pytest.mark.parametrize(
    ("written", "more", "says"),
    [
        (None, {}, "endpoints.cloud.url is missing"),
        ("r.openai.azure.com", {}, "should begin with https://"),
        ("https://u:geheim@r.openai.azure.com", {}, "put the key into api_key"),
        ("https://r.openai.azure.com?api-key=geheim", {}, "put it into api_key"),
        ("https://r.openai.azure.com", {"deployment": None}, "endpoints.cloud.deployment is missing"),
        ("https://r.openai.azure.com", {"protocol": "ga", "api_version": V}, "GA takes none"),
    ],
)
def test_what_cannot_be_dialled_is_refused_by_its_setting(written: str | None, more: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as refused:
        url(written, **({"deployment": "dep"} | more))
    assert str(refused.value).startswith("endpoints.cloud.")
    assert "geheim" not in str(refused.value)
