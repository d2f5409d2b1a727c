"""What is read, from where, and which endpoint answers."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from gateway.errors import ConfigurationError
from gateway.offline.instructions import read_block
from gateway.settings.azure import VARIABLES as AZURE_VARIABLES
from gateway.settings.editors import describe_schema
from gateway.settings.environment import Environment, read_environment
from gateway.settings.load import (
    LoadedSettings,
    check,
    default_file,
    demo_settings,
    load_settings,
    secrets_of,
    shipped_directory,
)
from gateway.settings.schema import (
    EndpointSettings,
    NumberSettings,
    PersonaSettings,
    Section,
    SemanticVadSettings,
    ServerVadSettings,
    Settings,
    TranscriptionSettings,
)
from gateway.settings.substitute import NotSubstituted, substitute

ROOT = Path(__file__).parents[2]
SECRET = "sk-canary-0123456789abcdefghij"
PERSONA = "personas:\n  receptionist: {instructions: Be kind.}\n"


@pytest.fixture(autouse=True)
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work where no settings and no .env lie."""
    monkeypatch.chdir(tmp_path)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def load(yaml: str, environ: Mapping[str, str] | None = None, **more: Any) -> LoadedSettings:
    """Load settings that consist of a persona and these lines."""
    path = Path("gateway.yaml")
    path.write_text(PERSONA + yaml, "utf-8")
    return load_settings(path, environ or {}, **more)


# --- the file ---


def test_without_a_file_the_shipped_one_is_read_and_has_no_fault() -> None:
    loaded = load_settings()
    assert loaded.source == shipped_directory() / "gateway.yaml"
    assert loaded.settings.personas["receptionist"].disclosure is not None
    assert loaded.settings.personas["receptionist"].transfer_targets == {"front_desk": "tel:+442079460000"}


def test_the_working_directorys_file_comes_before_the_shipped_one() -> None:
    Path("config").mkdir()
    Path("config/gateway.yaml").write_text(PERSONA, "utf-8")
    assert default_file() == Path("config/gateway.yaml")
    assert load_settings().settings.personas["receptionist"].instructions == "Be kind."


def test_text_stays_text_where_text_is_wanted() -> None:
    settings = load(
        """
numbers:
  +442079460000: {persona: receptionist}
  0042: {persona: receptionist}
server: {auth: off}
endpoints: {local: {type: local, model: 1.10, voice: no, transcription: {model: 2026-01-01, keywords: [007]}}}
"""
    ).settings
    assert list(settings.numbers) == ["+442079460000", "0042"]
    assert settings.server.auth == "off"
    local = settings.endpoints["local"]
    assert (local.model, local.voice) == ("1.10", "no")
    assert local.transcription is not None
    assert local.transcription.model == "2026-01-01"
    assert local.transcription.keywords == ["007"]


def test_numbers_and_booleans_are_made_where_they_are_wanted() -> None:
    settings = load("server: {port: '9000'}\nrecords: {journal: false}\nlimits: {calls: 3}\n").settings
    assert settings.server.port == 9000
    assert settings.records.journal is False
    assert settings.limits.calls == 3


def test_a_section_whose_lines_are_all_commented_out_means_its_defaults() -> None:
    assert load("limits:\nserver:\n  trusted_proxies:\nlog: ~\n").settings.limits == Settings().limits


def test_vad_is_told_apart_by_its_type() -> None:
    endpoints = load(
        "endpoints:\n  local: {type: local, vad: {type: semantic_vad, eagerness: low}}\n"
        "  b: {type: local, vad: {type: server_vad, threshold: 0.7, idle_timeout_ms: 5000}}\n"
    ).settings.endpoints
    assert endpoints["local"].vad == SemanticVadSettings(type="semantic_vad", eagerness="low")
    assert endpoints["b"].vad == ServerVadSettings(threshold=0.7, idle_timeout_ms=5000)


def test_overrides_win_and_are_not_substituted() -> None:
    loaded = load(
        "server: {port: '${UNSET}'}\n",
        overrides={"server.port": 0, "personas.receptionist.greeting": "${X}", "data_dir": Path("/data")},
    )
    assert loaded.settings.server.port == 0
    assert loaded.settings.personas["receptionist"].greeting == "${X}"
    assert loaded.settings.data_dir == Path("/data")


def test_a_wrong_override_is_said_to_come_from_the_command_line() -> None:
    with pytest.raises(ConfigurationError, match=r"^server.port: 99999 on the command line is not a number from 0 to"):
        load("", overrides={"server.port": 99999})


# --- the default endpoint ---


def test_without_a_choice_and_a_key_the_local_server_answers() -> None:
    loaded = load("")
    assert loaded.settings.endpoint == "local"
    assert loaded.settings.endpoints["local"].type == "local"
    assert (
        loaded.default_endpoint_origin
        == "'local', the embedded server, because neither AZURE_OPENAI_ENDPOINT nor OPENAI_API_KEY is set"
    )


def test_a_key_makes_the_openai_endpoint_with_its_companions_and_the_models_of_the_configuration() -> None:
    Path("models.yaml").write_text(
        "defaults: {openai: {model: m-1, voice: v-1, transcription: {model: t-1, keywords: [a]}}}", "utf-8"
    )
    loaded = load(
        "",
        {
            "OPENAI_API_KEY": SECRET,
            "OPENAI_BASE_URL": "https://proxy.example.net/v1",
            "OPENAI_ORG_ID": "org-1",
            "OPENAI_PROJECT_ID": "proj-1",
        },
    )
    endpoint = loaded.settings.endpoints["openai"]
    assert loaded.settings.endpoint == "openai"
    assert endpoint.api_key == SecretStr(SECRET)
    assert (endpoint.url, endpoint.organization, endpoint.project) == (
        "https://proxy.example.net/v1",
        "org-1",
        "proj-1",
    )
    assert (endpoint.model, endpoint.voice) == ("m-1", "v-1")
    assert endpoint.transcription is not None
    assert (endpoint.transcription.model, endpoint.transcription.keywords) == ("t-1", ["a"])
    assert (
        loaded.default_endpoint_origin == "'openai', because OPENAI_API_KEY is set with OPENAI_BASE_URL (environment)"
    )


def test_an_endpoint_named_in_the_file_comes_before_a_key() -> None:
    loaded = load(
        "endpoint: mine\nendpoints: {mine: {type: compatible, url: 'ws://127.0.0.1:9/v1', model: m}}\n",
        {"OPENAI_API_KEY": SECRET},
    )
    assert loaded.settings.endpoint == "mine"
    assert "openai" not in loaded.settings.endpoints
    assert loaded.default_endpoint_origin == "'mine', named in gateway.yaml line 3 column 11"


def test_openai_named_without_a_key_asks_for_one() -> None:
    with pytest.raises(
        ConfigurationError, match=r"^endpoints.openai.api_key: missing .* set the variable OPENAI_API_KEY"
    ):
        load("endpoint: openai\n")


def test_an_endpoint_with_its_own_url_gets_no_key_of_the_environment() -> None:
    with pytest.raises(ConfigurationError, match=r"^endpoints.main.api_key: missing"):
        load(
            "endpoint: main\nendpoints: {main: {type: openai, url: 'https://elsewhere.example.net'}}\n",
            {"OPENAI_API_KEY": SECRET},
        )


def test_an_explicit_null_keeps_a_default_out() -> None:
    endpoint = load("endpoints: {local: {type: local, transcription: null}}").settings.endpoints["local"]
    assert endpoint.transcription is None


def test_a_transcription_without_a_model_takes_the_default_model() -> None:
    endpoint = load("endpoints: {local: {type: local, transcription: {language: es}}}").settings.endpoints["local"]
    assert endpoint.transcription is not None
    assert (endpoint.transcription.model, endpoint.transcription.language) == ("local", "es")


@pytest.mark.parametrize("named", ["", "endpoint: main\n"])
def test_a_demonstration_uses_the_local_server_whatever_keys_and_endpoints_lie_around(named: str) -> None:
    Path("config").mkdir()
    Path("config/gateway.yaml").write_text(
        "personas: {receptionist: {instructions: x, endpoint: main}}\n"
        "endpoints: {main: {type: openai, api_key: '${OPENAI_API_KEY}'}}\n" + named,
        "utf-8",
    )
    loaded = demo_settings(environ={"OPENAI_API_KEY": SECRET, "OPENAI_BASE_URL": "https://proxy.example.net"})
    assert loaded.settings.endpoint == "local"
    assert loaded.settings.personas["receptionist"].endpoint is None
    assert loaded.settings.endpoints["local"].url is None
    assert loaded.default_endpoint_origin == "'local', the embedded server, whatever keys are set"


def test_a_demonstration_takes_another_endpoint_only_by_name() -> None:
    loaded = demo_settings(environ={"OPENAI_API_KEY": SECRET}, endpoint="openai")
    assert loaded.settings.endpoint == "openai"
    assert loaded.settings.endpoints["openai"].api_key == SecretStr(SECRET)
    assert loaded.default_endpoint_origin == "'openai', named on the command line"


# --- variables ---


def test_an_unset_variable_matters_only_where_it_is_used() -> None:
    yaml = "endpoints: {main: {type: openai, api_key: '${MAIN_KEY}'}}\nnumbers: {}\n"
    loaded = load(yaml)
    assert "main" not in loaded.settings.endpoints
    assert any(
        note.startswith("endpoints.main is left out, because nothing uses it: endpoints.main.api_key in gateway.yaml")
        for note in loaded.notes
    )
    with pytest.raises(ConfigurationError, match="MAIN_KEY, which is not set"):
        load(yaml, overrides={"endpoint": "main"})


def test_a_persona_that_nobody_reaches_goes_with_its_endpoint() -> None:
    path = Path("gateway.yaml")
    path.write_text(
        "personas:\n  receptionist: {instructions: x}\n  night: {instructions: y, endpoint: main}\n"
        "endpoints: {main: {type: openai, api_key: '${MAIN_KEY}'}}\n",
        "utf-8",
    )
    loaded = load_settings(path, {})
    assert set(loaded.settings.personas) == {"receptionist"}
    assert "personas.night is left out, because its endpoint 'main' is" in loaded.notes
    with pytest.raises(ConfigurationError, match="MAIN_KEY, which is not set"):
        load_settings(path, {}, {"persona": "night"})


def test_a_left_out_endpoint_hides_no_other_fault() -> None:
    Path("gateway.yaml").write_text(
        PERSONA + "endpoints: {main: {type: openai, api_key: '${MAIN_KEY}', append_ms: 5}}\n", "utf-8"
    )
    assert check(Path("gateway.yaml"), {}) == [
        "endpoints.main.append_ms: '5' in gateway.yaml line 3 column 69 is not a number from 20 to 100"
    ]


def test_dotenv_is_read_behind_the_real_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("OPENAI_API_KEY=from-dotenv-file\nTWILIO_AUTH_TOKEN='quoted $X ${Y}'\n", "utf-8")
    monkeypatch.delenv("TWILIO_AUTH_TOKEN", raising=False)
    loaded = load_settings()
    assert loaded.settings.endpoints["openai"].api_key == SecretStr("from-dotenv-file")
    assert loaded.settings.carriers.twilio.auth_token == SecretStr("quoted $X ${Y}")
    assert loaded.default_endpoint_origin == "'openai', because OPENAI_API_KEY is set (.env)"
    monkeypatch.setenv("OPENAI_API_KEY", "from-the-shell")
    assert load_settings().settings.endpoints["openai"].api_key == SecretStr("from-the-shell")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    assert load_settings().settings.endpoint == "local"


def test_a_line_of_dotenv_that_says_nothing_is_passed_over_and_not_repeated() -> None:
    Path(".env").write_text(f"A=1\n{SECRET}\n'broken={SECRET}\nB=2\n", "utf-8")
    environment, notes = read_environment()
    assert (environment["A"], environment["B"]) == ("1", "2")
    assert notes == [f".env line {line} is not NAME=value and is passed over" for line in (2, 3)]
    assert SECRET not in repr(environment)
    Path(".env").write_bytes(b"\xff\xff=1")
    assert read_environment()[1] == [".env can't be read (UnicodeDecodeError) and is passed over"]


def test_the_environment_is_a_mapping_of_both() -> None:
    environment = Environment({"A": "1"}, {"A": "2", "B": "3"})
    assert dict(environment) == {"A": "1", "B": "3"}
    assert len(environment) == 2
    assert (environment.origin("A"), environment.origin("B")) == ("environment", ".env")


# --- notes ---


@pytest.mark.parametrize(
    ("yaml", "environ", "note"),
    [
        ("server: {auth: off}", {}, "server.auth is off: whoever reaches this port may place calls"),
        ("", {}, "carriers.twilio.auth_token is not set: every Twilio webhook is refused"),
        (
            "carriers: {twilio: {auth_token: x}}",
            {},
            "carriers.twilio.account_sid is not set: calls can't be transferred",
        ),
        ("", {"OPENAI_BASE_URL": "https://x"}, "OPENAI_BASE_URL is set but OPENAI_API_KEY is not: it is not used"),
        (
            "endpoints: {main: {type: local}}",
            {},
            "endpoints.main is described but not used; endpoint: main would make it the default",
        ),
        (
            "endpoints: {openai: {type: openai, voice: aloy}}",
            {"OPENAI_API_KEY": SECRET},
            "endpoints.openai.voice: not one of the built-in voices; nearest: 'alloy'",
        ),
    ],
)
def test_a_note_tells_what_may_not_be_meant(yaml: str, environ: dict[str, str], note: str) -> None:
    assert any(said.startswith(note) for said in load(yaml, environ).notes)


def test_a_complete_set_up_has_no_notes() -> None:
    yaml = (
        "carriers: {twilio: {auth_token: x, account_sid: y}}\nendpoints: {openai: {type: openai, voice: voice_mine}}\n"
    )
    assert load(yaml, {"OPENAI_API_KEY": SECRET}).notes == ()


# --- secrets ---


def test_secrets_are_found_for_the_log_to_hide() -> None:
    loaded = load(
        "carriers: {twilio: {auth_token: tw}}\nserver: {token_secret: '${T}'}\n"
        "endpoints: {a: {type: compatible, url: 'ws://h', model: m, api_key: k}}\n",
        {"T": "ts"},
    )
    assert {secret.get_secret_value() for secret in secrets_of(loaded.settings)} == {"tw", "ts", "k"}


def _text_places(kind: type[BaseModel], path: str = "") -> list[str]:
    """Return the dotted path of every setting of the schema that takes one value."""
    places: list[str] = []
    for name, field in kind.model_fields.items():
        inner = field.annotation
        here = f"{path}.{name}" if path else name
        if isinstance(inner, type) and issubclass(inner, Section):
            places += _text_places(inner, here)
        else:
            places.append(here)
    return places


PLACES = [
    *_text_places(Settings),
    *_text_places(EndpointSettings, "endpoints.main"),
    *_text_places(TranscriptionSettings, "endpoints.openai.transcription"),
    *_text_places(ServerVadSettings, "endpoints.local.vad"),
    *_text_places(PersonaSettings, "personas.receptionist"),
    *_text_places(NumberSettings, "numbers.+442079460000"),
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("form", ["${CANARY}", "${file:canary}", "x${CANARY}", "[${CANARY}]", "{a: ${CANARY}}"])
def test_a_secret_put_in_the_wrong_place_is_in_no_message(place: str, form: str) -> None:
    Path("canary").write_text(SECRET + "\n", "utf-8")
    *sections, key = place.split(".")
    yaml = "".join(f"{'  ' * depth}{name}:\n" for depth, name in enumerate(sections))
    yaml += f"{'  ' * len(sections)}{key}: " + (form if form[0] in "[{" else f"'{form}'") + "\n"
    Path("gateway.yaml").write_text(yaml + ("" if place.startswith("personas") else PERSONA), "utf-8")
    try:
        loaded = load_settings(Path("gateway.yaml"), {"CANARY": SECRET, "OPENAI_API_KEY": "key"})
    except ConfigurationError as error:
        told = "".join(traceback.format_exception(error)) + repr(error) + str(error) + repr(error.__context__)
    else:
        told = "".join(loaded.notes) + loaded.default_endpoint_origin
    assert SECRET not in told


@pytest.mark.parametrize(
    "yaml",
    [
        f"endpoints: {{main: {{type: openai, api_key: '{SECRET}'}}}}\nendpoint: main\nlog: {{level: x}}",
        f"endpoints: {{main: {{type: openai, api_key: ['{SECRET}']}}}}\nendpoint: main",
        f"endpoints: {{main: {{type: openai, api_key: {{'{SECRET[:20]}': '{SECRET}'}}}}}}\nendpoint: main",
        f"endpoints: {{main: {{type: '{SECRET}'}}}}\nendpoint: main",
        f"server: {{port: '{SECRET}', token_secret: '{SECRET}'}}",
        f"endpoints: {{main: {{type: openai, apikey: '{SECRET}'}}}}",
    ],
)
def test_a_secret_written_out_is_in_no_message_either(yaml: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(yaml)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


def test_settings_print_stars_for_secrets() -> None:
    loaded = load(f"endpoint: main\nendpoints: {{main: {{type: openai, api_key: '{SECRET}'}}}}\n")
    shown = [repr(loaded), str(loaded.settings), str(loaded.settings.model_dump()), loaded.settings.model_dump_json()]
    assert all(SECRET not in text for text in shown)
    assert all("**" in text for text in shown)


# --- what ships ---


def test_the_json_schema_for_editors_is_current() -> None:
    shipped = (ROOT / "config" / "gateway.schema.json").read_text("utf-8")
    assert shipped == describe_schema(), "run: gateway config schema > config/gateway.schema.json"
    assert json.loads(shipped)["properties"]["server"]


def test_the_readme_explains_every_setting() -> None:
    readme = (ROOT / "config" / "README.md").read_text("utf-8")
    names = {name for kind in [Settings, *_sections()] for name in kind.model_fields}
    assert [name for name in sorted(names) if f"`{name}`" not in readme] == []


def _sections() -> list[type[BaseModel]]:
    definitions = Settings.model_json_schema()["$defs"]
    return [section for section in Section.__subclasses__() if section.__name__ in definitions]


def test_every_variable_is_named_in_the_readme_and_in_the_example() -> None:
    yaml = (ROOT / "config" / "gateway.yaml").read_text("utf-8")
    written = [line for line in yaml.splitlines() if not line.lstrip().startswith("#")]
    names = set(re.findall(r"\$\{([A-Z_]+)", "\n".join(written)))
    names |= {"OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"}
    names |= {variable for variables in AZURE_VARIABLES.values() for variable in variables}
    example = (ROOT / ".env.example").read_text("utf-8")
    readme = (ROOT / "config" / "README.md").read_text("utf-8")
    assert [name for name in sorted(names) if f"\n{name}=" not in example or f"`{name}`" not in readme] == []


def test_the_example_environment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = load_settings(environ={})
    Path(".env").write_text((ROOT / ".env.example").read_text("utf-8"), "utf-8")
    for name in read_environment()[0]._dotenv:
        monkeypatch.delenv(name, raising=False)
    assert load_settings() == plain


def test_the_commented_lines_of_the_shipped_file_show_the_defaults() -> None:
    lines = (ROOT / "config" / "gateway.yaml").read_text("utf-8").splitlines()
    sections = {"limits", "records", "log", "server"}
    shown: dict[str, dict[str, str]] = {name: {} for name in sections}
    current = ""
    for line in lines:
        if re.match(r"\w", line):
            current = line.split(":")[0]
        setting = re.match(r"  # (\w+): ([^#]*)", line)
        if setting and current in sections:
            shown[current][setting[1]] = setting[2].strip()
    shown["server"].pop("trusted_proxies")
    wanted = {
        section: {key: str(getattr(getattr(Settings(), section), key)).lower() for key in keys}
        for section, keys in shown.items()
    }
    assert shown == wanted
    assert sum(map(len, shown.values())) >= 12


# --- properties ---

names = st.from_regex(r"[A-Z_][A-Z0-9_]{0,8}", fullmatch=True)
values = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)


@given(name=names, value=values, before=values, after=values)
def test_a_variable_is_put_in_as_it_is_and_never_read_again(name: str, value: str, before: str, after: str) -> None:
    around = before.replace("$", "").replace("{", ""), after.replace("$", "").replace("{", "")
    text = f"{around[0]}${{{name}}}{around[1]}"
    expected = around[0] + value + around[1]
    assert substitute(text, {name: value}, Path()) == (expected or None)


@given(text=st.text("a$ {}\\:-", max_size=30))
def test_text_around_variables_stays_as_it_is(text: str) -> None:
    if "${" in text.replace("${a}", "").replace("$${", ""):
        return
    assert substitute(text, {"a": "1"}, Path()) == (text.replace("$${", "\0").replace("${a}", "1").replace("\0", "${"))


@given(name=names, default=st.text("abc :-/", max_size=10))
def test_a_default_stands_in_for_an_unset_or_empty_variable(name: str, default: str) -> None:
    text = f"<${{{name}:-{default}}}>"
    assert substitute(text, {}, Path()) == f"<{default}>"
    assert substitute(text, {name: ""}, Path()) == f"<{default}>"
    assert substitute(text, {name: "v"}, Path()) == "<v>"


@pytest.mark.parametrize("content", [b"secret", b"secret\n", b"secret\r\n"])
def test_a_secret_file_loses_its_last_line_break_only(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    assert substitute("${file:key}", {}, tmp_path) == "secret"
    assert substitute(f"a${{file:{tmp_path}/key}}b$${{c}}", {}, Path()) == "asecretb${c}"


@pytest.mark.parametrize(
    ("content", "problem"), [(b"\xff", "not UTF-8"), (b"a\0b", "not UTF-8"), (b"x" * 65537, "larger")]
)
def test_a_file_that_is_no_secret_is_refused(content: bytes, problem: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(content)
    with pytest.raises(NotSubstituted, match=problem):
        substitute("${file:key}", {}, tmp_path)


def test_the_shipped_receptionist_is_understood_by_the_embedded_server() -> None:
    block = read_block(load_settings(environ={}).settings.personas["receptionist"].instructions)
    assert [fact.phrases[0] for fact in block.facts] == ["opening hours", "address", "prices"]
    assert block.goal is not None
