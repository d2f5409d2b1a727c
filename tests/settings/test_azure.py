"""Azure OpenAI from the environment and in the file: what is taken, in which order, and what is half said."""

# ruff: noqa: E501 - each message stands on one line, as it is read

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.settings.environment import Environment
from gateway.settings.load import LoadedSettings, check, demo_settings, load_settings
from gateway.settings.schema import EndpointSettings

ADDRESS = "AZURE_OPENAI_ENDPOINT"
REALTIME, DEPLOYMENT = "AZURE_OPENAI_REALTIME_DEPLOYMENT", "AZURE_OPENAI_DEPLOYMENT"
API_KEY, KEY = "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_KEY"
VERSION = "AZURE_OPENAI_API_VERSION"
URL = "https://r.openai.azure.com"
GROUP = {ADDRESS: URL, REALTIME: "rt"}
PERSONA = "personas:\n  receptionist: {instructions: Be kind.}\n"


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def load(yaml: str, environ: Mapping[str, str], **more: Any) -> LoadedSettings:
    Path("gateway.yaml").write_text(PERSONA + yaml, "utf-8")
    return load_settings(Path("gateway.yaml"), environ, **more)


def faults(yaml: str, environ: Mapping[str, str]) -> list[str]:
    Path("gateway.yaml").write_text(PERSONA + yaml, "utf-8")
    return check(Path("gateway.yaml"), environ)


# --- what is taken ---


@pytest.mark.parametrize("deployment", [REALTIME, DEPLOYMENT])
@pytest.mark.parametrize("key", [API_KEY, KEY])
def test_every_spelling_of_the_group_makes_the_azure_endpoint(deployment: str, key: str) -> None:
    loaded = load("", {ADDRESS: URL, deployment: "rt", key: "geheim"})
    endpoint = loaded.settings.endpoints["azure"]
    assert loaded.settings.endpoint == "azure"
    assert (endpoint.type, endpoint.url, endpoint.deployment, endpoint.protocol) == ("azure", URL, "rt", "ga")
    assert endpoint.api_key == SecretStr("geheim")
    assert loaded.default_endpoint_origin == (
        f"'azure', because {ADDRESS} is set, deployment from {deployment}, key from {key} (environment)"
    )
    assert "geheim" not in str(loaded.notes)


def test_without_a_key_it_is_entra_id() -> None:
    loaded = load("", GROUP)
    assert loaded.settings.endpoints["azure"].api_key is None
    assert "no key, so Entra ID" in loaded.default_endpoint_origin


def test_a_version_means_preview() -> None:
    loaded = load("", {**GROUP, VERSION: "2025-04-01-preview"})
    endpoint = loaded.settings.endpoints["azure"]
    assert (endpoint.protocol, endpoint.api_version) == ("beta", "2025-04-01-preview")
    assert f"preview because of {VERSION}" in loaded.default_endpoint_origin


def test_the_deployment_may_stand_in_the_address() -> None:
    loaded = load("", {ADDRESS: f"{URL}/openai/v1/realtime?model=rt"})
    assert "deployment as the address says" in loaded.default_endpoint_origin


def test_azure_comes_before_openai_and_an_empty_variable_is_none() -> None:
    openai = {"OPENAI_API_KEY": "sk-1"}
    assert load("", {**GROUP, **openai}).settings.endpoint == "azure"
    empty = dict.fromkeys([ADDRESS, REALTIME, DEPLOYMENT, API_KEY, KEY, VERSION], "")
    assert load("", {**empty, **openai}).settings.endpoint == "openai"


def test_a_dotenv_file_is_told_as_the_origin() -> None:
    origin = load("", Environment({}, GROUP)).default_endpoint_origin
    assert origin.endswith("(.env)")


def test_yaml_wins_over_the_group() -> None:
    yaml = "endpoint: mine\nendpoints: {mine: {type: compatible, url: 'ws://h/v1', model: m}}\n"
    loaded = load(yaml, {**GROUP, API_KEY: "k"})
    assert loaded.settings.endpoint == "mine"
    assert "azure" not in loaded.settings.endpoints


def test_a_setting_in_yaml_wins_over_its_variable() -> None:
    yaml = "endpoint: cloud\nendpoints: {cloud: {type: azure, deployment: other, protocol: ga}}\n"
    endpoint = load(yaml, {**GROUP, API_KEY: "k", VERSION: "2025-04-01-preview"}).settings.endpoints["cloud"]
    assert (endpoint.url, endpoint.deployment, endpoint.protocol, endpoint.api_version) == (URL, "other", "ga", None)


def test_a_key_never_goes_to_an_address_of_another_source() -> None:
    yaml = "endpoint: cloud\nendpoints: {cloud: {type: azure, url: 'https://other.openai.azure.com', deployment: d}}\n"
    loaded = load(yaml, {**GROUP, API_KEY: "k"})
    assert loaded.settings.endpoints["cloud"].api_key is None
    assert "endpoints.cloud has no api_key: Entra ID is asked for a token at each connect" in loaded.notes


def test_a_demonstration_does_not_look_at_the_group() -> None:
    Path("gateway.yaml").write_text(PERSONA, "utf-8")
    assert demo_settings(Path("gateway.yaml"), {ADDRESS: URL}).settings.endpoint == "local"


# --- what is half said ---


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        (
            {ADDRESS: URL},
            f"endpoints.azure.deployment: {ADDRESS} is set, but neither {REALTIME} nor {DEPLOYMENT}; set one to the deployment of a realtime model, or describe the endpoint in the settings",
        ),
        (
            {API_KEY: "geheim"},
            f"endpoints.azure.url: {API_KEY} set, but not {ADDRESS}; set it, or unset the others, or describe the endpoint in the settings",
        ),
        (
            {REALTIME: "rt", VERSION: "v"},
            f"endpoints.azure.url: {REALTIME}, {VERSION} set, but not {ADDRESS}; set it, or unset the others, or describe the endpoint in the settings",
        ),
        (
            {**GROUP, DEPLOYMENT: "chat"},
            f"endpoints.azure.deployment: {REALTIME} and {DEPLOYMENT} say different things; unset one of them, or describe the endpoint in the settings",
        ),
        (
            {**GROUP, API_KEY: "geheim", KEY: "anders"},
            f"endpoints.azure.api_key: {API_KEY} and {KEY} say different things; unset one of them, or describe the endpoint in the settings",
        ),
    ],
)  # fmt: skip
def test_a_half_set_group_and_two_minds_are_faults_that_name_the_variables(environ: dict[str, str], fault: str) -> None:
    told = faults("", {**environ, "OPENAI_API_KEY": "sk-1"})
    assert fault in told
    assert not {word for word in ("geheim", "anders", "chat") if word in str(told)}


def test_two_spellings_may_agree() -> None:
    assert faults("", {**GROUP, DEPLOYMENT: "rt", API_KEY: "k", KEY: "k"}) == []


def test_a_half_set_group_that_nothing_uses_is_no_fault() -> None:
    yaml = "endpoint: local\n"
    assert faults(yaml, {API_KEY: "k", DEPLOYMENT: "chat"}) == []
    described = "endpoints: {spare: {type: azure}}\nendpoint: local\n"
    assert faults(described, {ADDRESS: URL}) == []


def test_yaml_completes_a_half_set_group() -> None:
    yaml = "endpoint: cloud\nendpoints: {cloud: {type: azure, deployment: rt}}\n"
    assert faults(yaml, {ADDRESS: URL, API_KEY: "k"}) == []


# --- in the file ---


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ("", "endpoints.cloud.url: missing in gateway.yaml line 4 column 20; name it, as https://NAME.openai.azure.com, or set AZURE_OPENAI_ENDPOINT"),
        ("url: 'https://h'", "endpoints.cloud.deployment: missing in gateway.yaml line 4 column 20; name the deployment of a realtime model"),
        ("url: 'https://h?api-key=geheim', deployment: d", "endpoints.cloud.url: 'https://h…' in gateway.yaml line 4 column 39 holds a key; write it as api_key"),
        ("url: 'https://h', deployment: d, protocol: ga, api_version: 2025-04-01-preview", "endpoints.cloud.api_version: '2025-04-01-preview' in gateway.yaml line 4 column 94 is for the preview: GA takes none; take it out, or set protocol: beta"),
        ("url: 'https://h', deployment: d, api_version: latest", "endpoints.cloud.api_version: 'latest' in gateway.yaml line 4 column 80 is not a version such as 2025-04-01-preview"),
        ("url: 'https://h', deployment: d, auth: key", "endpoints.cloud.api_key: missing in gateway.yaml line 4 column 20; auth is key; write one, or auth: entra"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_its_place(fields: str, fault: str) -> None:
    assert faults(f"endpoint: cloud\nendpoints: {{cloud: {{type: azure, {fields}}}}}\n", {}) == [fault]


def test_a_type_that_is_none_is_told_with_the_choice_and_the_form_of_a_plugin() -> None:
    (fault,) = faults("endpoints: {cloud: {type: azur}}\nendpoint: cloud\n", {})
    assert fault == (
        "endpoints.cloud.type: 'azur' in gateway.yaml line 3 column 27 is not one of 'openai', 'azure', 'compatible', "
        "'local'; nearest: 'azure', and names no plug-in as package.module:Factory does"
    )


def test_a_plugin_that_cannot_be_loaded_is_told_with_its_place() -> None:
    (fault,) = faults("endpoints: {theirs: {type: 'no_such_module:X'}}\nendpoint: theirs\n", {})
    assert fault.startswith(
        "endpoints.theirs.type: 'no_such_module:X' in gateway.yaml line 3 column 28 can't be loaded: importing 'no_such_module' failed"
    )
    assert faults("endpoints: {theirs: {type: 'no_such_module:X'}}\nendpoint: local\n", {}) == [], "nothing uses it"


def test_an_unset_variable_matters_only_for_an_endpoint_in_use() -> None:
    yaml = "endpoints: {cloud: {type: azure, url: 'https://h', deployment: d, api_key: '${UNSET}'}}\n"
    assert faults(yaml + "endpoint: local\n", {}) == []
    (fault,) = faults(yaml + "endpoint: cloud\n", {})
    assert "wants the variable UNSET, which is not set" in fault


@pytest.mark.parametrize(
    ("fields", "note"),
    [
        ("protocol: beta", "endpoints.cloud speaks Azure's preview (2025-04-01-preview), deprecated since 2026-04-30. GA is protocol: ga without api_version"),
        ("api_version: 2024-10-01-preview", "endpoints.cloud speaks Azure's preview (2024-10-01-preview), deprecated since 2026-04-30. 2024-10-01-preview is older than 2025-04-01-preview. GA is protocol: ga without api_version"),
        ("auth: entra", "endpoints.cloud.api_key is not used, because auth is entra"),
    ],
)  # fmt: skip
def test_what_works_but_may_not_be_meant_is_a_note(fields: str, note: str) -> None:
    yaml = f"endpoints: {{cloud: {{type: azure, url: 'https://h', deployment: d, api_key: k, {fields}}}}}\nendpoint: cloud\n"
    assert note in load(yaml, {}).notes


@pytest.mark.parametrize(
    ("fields", "protocol"),
    [
        ({"url": "https://h"}, "ga"),
        ({"url": "https://h/openai/realtime?api-version=2025-04-01-preview"}, "beta"),
        ({"url": "https://h/openai/v1/realtime?api-version=2025-04-01-preview"}, "ga"),
        ({"url": "https://h?api-version=2025-04-01-preview", "protocol": "ga"}, "ga"),
        ({"url": "https://h", "api_version": "2024-10-01-preview"}, "beta"),
        ({"url": "https://[broken"}, "ga"),
    ],
)
def test_a_version_set_or_in_the_url_means_preview_unless_ga_is_named(fields: dict[str, str], protocol: str) -> None:
    assert EndpointSettings.model_validate({"type": "azure", "deployment": "d", **fields}).protocol == protocol
