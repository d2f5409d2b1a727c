"""Every fault of a settings file, as the operator reads it. Reading this table is reading the product."""

# ruff: noqa: E501 - each message stands on one line, as it is read

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import ConfigurationError
from gateway.settings.load import check, load_settings

PERSONA = "personas:\n  receptionist: {instructions: Be kind.}\n"

FAULTS: list[tuple[str, str, list[str]]] = [
    # --- what is written is no setting ---
    (
        "an unknown section",
        "servr: {}",
        ["settings: 'servr' in gateway.yaml line 3 column 1 is not a setting; nearest: 'server'"],
    ),
    (
        "an unknown key",
        "server:\n  prot: 1",
        ["server: 'prot' in gateway.yaml line 4 column 3 is not a setting; nearest: 'port'"],
    ),
    (
        "an unknown key in a choice of sections",
        "endpoints: {local: {type: local, vad: {type: server_vad, thresold: 1}}}",
        ["endpoints.local.vad: 'thresold' in gateway.yaml line 3 column 58 is not a setting; nearest: 'threshold'"],
    ),
    (
        "a key unlike any",
        "log: {colour: blue}",
        ["log: 'colour' in gateway.yaml line 3 column 7 is not a setting; known: 'form', 'level'"],
    ),
    (
        "a name that is none",
        "endpoints: {My Azure: {type: local}}",
        [
            "endpoints: 'My Azure' in gateway.yaml line 3 column 13 is not a name: lower-case letters, digits, '_' and '-', a letter first; nearest: 'my-azure'"
        ],
    ),
    # --- a value does not fit ---
    (
        "a word out of a choice",
        "log: {level: wanring}",
        [
            "log.level: 'wanring' in gateway.yaml line 3 column 14 is not one of 'debug', 'info', 'warning', 'error'; nearest: 'warning'"
        ],
    ),
    (
        "a number out of bounds",
        "server: {port: 99999}",
        ["server.port: '99999' in gateway.yaml line 3 column 16 is not a number from 0 to 65535"],
    ),
    (
        "a number below its bound",
        "limits: {calls: 0}",
        ["limits.calls: '0' in gateway.yaml line 3 column 17 is not a number of at least 1"],
    ),
    (
        "no whole number",
        "server: {port: 80a}",
        ["server.port: '80a' in gateway.yaml line 3 column 16 is not a whole number from 0 to 65535"],
    ),
    (
        "no number",
        "endpoints: {local: {type: local, vad: {type: server_vad, threshold: loud}}}",
        ["endpoints.local.vad.threshold: 'loud' in gateway.yaml line 3 column 69 is not a number from 0 to 1"],
    ),
    (
        "neither true nor false",
        "records: {journal: maybe}",
        ["records.journal: 'maybe' in gateway.yaml line 3 column 20 is neither true nor false"],
    ),
    (
        "a section for a text",
        "server: {host: {a: b}}",
        ["server.host: a section in gateway.yaml line 3 column 16 is not text"],
    ),
    (
        "nothing for a text",
        "server: {host: }",
        ["server.host: nothing in gateway.yaml line 3 column 16 is not text"],
    ),
    ("a list for a path", "data_dir: [a]", ["data_dir: a list in gateway.yaml line 3 column 11 is not text"]),
    (
        "a text for a section",
        "server: 8000",
        ["server: '8000' in gateway.yaml line 3 column 9 is not a section ('key: value' lines, indented)"],
    ),
    (
        "a text for a list",
        "server: {trusted_proxies: 10.0.0.1}",
        [
            "server.trusted_proxies: '10.0.0.1' in gateway.yaml line 3 column 27 is not a list ('- item' lines, or [one, two])"
        ],
    ),
    (
        "a choice without its type",
        "endpoints: {local: {type: local, vad: {threshold: 0.6}}}",
        [
            "endpoints.local.vad.type: missing in gateway.yaml line 3 column 39; one of 'server_vad', 'semantic_vad' is wanted"
        ],
    ),
    (
        "a choice with another type",
        "endpoints: {local: {type: local, vad: {type: servervad}}}",
        [
            "endpoints.local.vad.type: 'servervad' in gateway.yaml line 3 column 46 is not one of 'server_vad', 'semantic_vad'; nearest: 'server_vad'"
        ],
    ),
    (
        "a setting that must be there",
        "endpoints: {main: {model: m}}\nendpoint: main",
        [
            "endpoints.main.type: missing in gateway.yaml line 3 column 19; one of 'openai', 'azure', 'compatible', 'local' is wanted"
        ],
    ),
    # --- YAML that does not mean what it seems to ---
    (
        "a key given twice",
        "log: {}\nlog: {level: info}",
        ["log: given again in gateway.yaml line 4 column 1; first in line 3"],
    ),
    ("an empty key", "log: {~: info}", ["empty key of log in gateway.yaml line 3 column 7"]),
    (
        "an anchor and its alias",
        "log: &log {level: info}\nserver: {host: *log}",
        [
            "anchor '&log' in gateway.yaml line 3 column 6: there are no anchors and aliases here",
            "alias '*log' in gateway.yaml line 4 column 16: write the value out",
            "server.host: nothing in gateway.yaml line 4 column 16 is not text",
        ],
    ),
    (
        "a merge key",
        "log: {<<: {level: info}}",
        ["merge key '<<' of log in gateway.yaml line 3 column 7: write the settings out"],
    ),
    (
        "a tag",
        "log: {level: !!str info}",
        ["tag 'tag:yaml.org,2002:str' in gateway.yaml line 3 column 14: there are no tags here"],
    ),
    (
        "a key that is a list",
        "[a, b]: c",
        ["gateway.yaml line 3 column 1: a key is a word, not a list or mapping"],
    ),
    (
        "a tab",
        "log:\n\tlevel: info",
        [
            "no YAML in gateway.yaml line 4 column 1: found character '\\t' that cannot start any token; indent with spaces"
        ],
    ),
    # --- names that refer to something ---
    (
        "an endpoint that is not there",
        "endpoints: {dublin: {type: local}}\nendpoint: dubiln",
        ["endpoint: 'dubiln' in gateway.yaml line 4 column 11 is not an endpoint; nearest: 'dublin'"],
    ),
    (
        "a default persona that is not there",
        "persona: receptionits",
        ["persona: 'receptionits' in gateway.yaml line 3 column 10 is not a persona; nearest: 'receptionist'"],
    ),
    (
        "a number's persona that is not there",
        "numbers: {+442079460000: {persona: desk}}",
        [
            "numbers.'+442079460000'.persona: 'desk' in gateway.yaml line 3 column 36 is not a persona; known: 'receptionist'"
        ],
    ),
    (
        "a number without an answer",
        "numbers: {+442079460000: {}}",
        ["numbers.'+442079460000'.persona: missing in gateway.yaml line 3 column 26; name one; known: 'receptionist'"],
    ),
    (
        "a queue that leads to two places",
        "flows: {queues: {fraud: {to: 'tel:+44', enqueue: fraud}}}",
        [
            "flows.queues.fraud: a section in gateway.yaml line 3 column 25 has to have exactly one of 'to', 'enqueue' and 'workflow'"
        ],
    ),
    (
        "a processor that cards would reach in the clear",
        "flows: {payments: {acme: {type: http, url: 'http://pay.example'}}}",
        [
            "flows.payments.acme.url: 'http://pay.example' in gateway.yaml line 3 column 44 is not https:// (http:// is for this machine only)"
        ],
    ),
    (
        "a number in groups",
        "numbers: {+44 20 7946 0000: {persona: receptionist}}",
        [
            "numbers: '+44 20 7946 0000' in gateway.yaml line 3 column 11 is not a number as carriers write it, +442079460000; carriers send '+442079460000'"
        ],
    ),
    (
        "a built-in name with another type",
        "endpoints: {local: {type: compatible, url: 'ws://h', model: m}}",
        [
            "endpoints.local.type: 'compatible' in gateway.yaml line 3 column 27 can't be the type of an endpoint called 'local'; give it another name"
        ],
    ),
    (
        "an endpoint without a key",
        "endpoints: {main: {type: openai}}\nendpoint: main",
        [
            "endpoints.main.api_key: missing in gateway.yaml line 3 column 19; set the variable OPENAI_API_KEY, or write api_key: ${NAME}"
        ],
    ),
    (
        "a compatible endpoint without URL and model",
        "endpoints: {main: {type: compatible}}\nendpoint: main",
        [
            "endpoints.main.url: missing in gateway.yaml line 3 column 19; name it, as wss://host/v1/realtime",
            "endpoints.main.model: missing in gateway.yaml line 3 column 19; name one; a compatible endpoint has no default",
        ],
    ),
    (
        "an endpoint's URL that is none",
        "endpoints: {main: {type: compatible, url: host/v1, model: m}}\nendpoint: main",
        [
            "endpoints.main.url: 'host/v1' in gateway.yaml line 3 column 43 is not a URL that begins with https://, wss://, http:// or ws://"
        ],
    ),
    (
        "a session field that has its own setting",
        "endpoints: {local: {type: local, session: {extra: {audio.output.voice: x}}}}",
        [
            "endpoints.local.session.extra: 'audio.output.voice' in gateway.yaml line 3 column 52 has a setting of its own: voice"
        ],
    ),
    # --- combinations that would fail on the first call ---
    (
        "no public URL off loopback",
        "server: {host: 0.0.0.0}",
        [
            "server.public_url: missing in gateway.yaml line 3 column 9; server.host is not loopback, so say what carriers dial and sign: https://voice.example.net"
        ],
    ),
    (
        "a public URL without TLS",
        "server: {public_url: 'http://voice.example.net'}",
        [
            "server.public_url: 'http://voice.example.net' in gateway.yaml line 3 column 22 is not of the form https://voice.example.net: carriers and callers need https"
        ],
    ),
    (
        "a public URL that is a stream's",
        "server: {public_url: 'wss://voice.example.net'}",
        [
            "server.public_url: 'wss://voice.example.net' in gateway.yaml line 3 column 22 is not of the form https://voice.example.net; the gateway makes the wss: address from it"
        ],
    ),
    (
        "a public URL with a password, which is not shown",
        "server: {public_url: 'https://me:pass@voice.example.net/?a=b'}",
        [
            "server.public_url: 'https://…voice.example.net/…' in gateway.yaml line 3 column 22 is not of the form https://voice.example.net: no user, query or fragment"
        ],
    ),
    (
        "no authentication off loopback",
        "server: {host: 192.0.2.1, public_url: 'https://v.example.net', auth: off}",
        [
            "server.auth: 'off' in gateway.yaml line 3 column 70 is for loopback only, which server.host is not; take it out, or set server.host: 127.0.0.1"
        ],
    ),
    (
        "a proxy that is no address",
        "server: {trusted_proxies: [10.0.0.0/8, proxy]}",
        [
            "server.trusted_proxies[1]: 'proxy' in gateway.yaml line 3 column 40 is neither an address nor a network (10.0.0.0/8, 192.0.2.7)"
        ],
    ),
    (
        "a custom redactor without its name's form",
        "privacy: {redactor: mine}",
        ["privacy.redactor: 'mine' in gateway.yaml line 3 column 21 is not of the form package.module:callable"],
    ),
    # --- variables and files ---
    (
        "an unset variable",
        "carriers: {twilio: {auth_token: '${TWILIO_TOKEN}'}}",
        [
            "carriers.twilio.auth_token in gateway.yaml line 3 column 33 wants the variable TWILIO_TOKEN, which is not set; set it, or write ${TWILIO_TOKEN:-words}"
        ],
    ),
    (
        "a file that is not there",
        "carriers: {twilio: {auth_token: '${file:/nowhere/token}'}}",
        [
            "carriers.twilio.auth_token in gateway.yaml line 3 column 33 wants the file /nowhere/token, which can't be read: no such file or directory"
        ],
    ),
    (
        "a substitution that is none",
        "server: {host: '${a b}'}",
        [
            "server.host in gateway.yaml line 3 column 16 has a '${…}' that is neither ${NAME}, ${NAME:-words} nor ${file:/path} (write '$${' for a plain '${')"
        ],
    ),
    (
        "a substitution without its end",
        "server: {host: 'a${HOST'}",
        [
            "server.host in gateway.yaml line 3 column 16 has '${' without its own '}' (one can't stand in another; write '$${' for a plain '${')"
        ],
    ),
    (
        "a variable's value that does not fit, shown as written",
        "server: {port: '${PORT_VARIABLE}'}",
        ["server.port: '${PORT_VARIABLE}' in gateway.yaml line 3 column 16 is not a whole number from 0 to 65535"],
    ),
]

PERSONA_FAULTS: list[tuple[str, str, list[str]]] = [
    (
        "no instructions",
        "{language: en}",
        ["personas.receptionist.instructions: missing in gateway.yaml line 2 column 17"],
    ),
    (
        "an unknown endpoint",
        "{instructions: x, endpoint: lokal}",
        [
            "personas.receptionist.endpoint: 'lokal' in gateway.yaml line 2 column 45 is not an endpoint; nearest: 'local'"
        ],
    ),
    (
        "an unknown tool",
        "{instructions: x, tools: [end_cal]}",
        [
            "personas.receptionist.tools[0]: 'end_cal' in gateway.yaml line 2 column 43 is not a tool; nearest: 'end_call'"
        ],
    ),
    (
        "a transfer to nowhere",
        "{instructions: x, tools: [transfer_call]}",
        [
            "personas.receptionist.transfer_targets: missing in gateway.yaml line 2 column 17; transfer_call needs one, as front_desk: tel:+442079460000"
        ],
    ),
    (
        "a transfer target that can't be dialled",
        "{instructions: x, transfer_targets: {desk: 'tel:020 7946'}}",
        [
            "personas.receptionist.transfer_targets.desk: 'tel:020 7946' in gateway.yaml line 2 column 60 is neither tel:+442079460000 nor sip:desk@example.net"
        ],
    ),
    (
        "several at once, in the order of the file",
        "{instructions: '${UNSET}', tools: [hang_up], idle: {after_ms: 1}}",
        [
            "personas.receptionist.instructions in gateway.yaml line 2 column 32 wants the variable UNSET, which is not set; set it, or write ${UNSET:-words}",
            "personas.receptionist.tools[0]: 'hang_up' in gateway.yaml line 2 column 52 is not a tool; known: 'end_call', 'send_digits', 'transfer_call'",
            "personas.receptionist.idle.after_ms: '1' in gateway.yaml line 2 column 79 is not a number from 1000 to 120000",
        ],
    ),
]


@pytest.mark.parametrize(("yaml", "faults"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_a_fault_names_path_value_place_and_what_is_wanted(
    yaml: str, faults: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gateway.yaml").write_text(PERSONA + yaml, "utf-8")
    assert check(Path("gateway.yaml"), {"PORT_VARIABLE": "not-a-port"}) == faults


@pytest.mark.parametrize(
    ("yaml", "faults"), [row[1:] for row in PERSONA_FAULTS], ids=[row[0] for row in PERSONA_FAULTS]
)
def test_a_fault_in_a_persona_does_too(
    yaml: str, faults: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gateway.yaml").write_text(f"personas:\n  receptionist: {yaml}\n", "utf-8")
    assert check(Path("gateway.yaml"), {}) == faults


def test_all_faults_of_all_kinds_come_in_one_error(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(
        PERSONA + "log: {level: loud}\nlog: {}\nendpoint: nobody\nserver: {host: 0.0.0.0, port: '${UNSET}'}\n", "utf-8"
    )
    with pytest.raises(ConfigurationError) as caught:
        load_settings(path, {})
    assert [fault.split()[0] for fault in caught.value.faults] == [
        "log.level:",
        "log:",
        "endpoint:",
        "server.public_url:",
        "server.port",
    ]


def test_a_file_that_is_missing_is_named() -> None:
    assert check(Path("/nowhere/gateway.yaml"), {}) == [
        "/nowhere/gateway.yaml can't be read: no such file or directory"
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\xff\xfe", "gateway.yaml is not UTF-8 text: see byte 0"),
        (b"a: \x07", "gateway.yaml: character U+0007 can't stand in YAML"),
        (b"- a\n", "gateway.yaml: 'key: value' lines are wanted at the top"),
        (b"#" * (1 << 20) + b"#", "gateway.yaml is larger than 1048576 bytes"),
        (b"a: " + b"[" * 5000, "gateway.yaml: more levels inside one another than can be read"),
    ],
)
def test_a_file_that_is_no_settings_file_says_why(
    content: bytes, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gateway.yaml").write_bytes(content)
    assert check(Path("gateway.yaml"), {}) == [fault]


def test_a_broken_model_catalogue_is_a_fault_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gateway.yaml").write_text(PERSONA, "utf-8")
    Path("models.yaml").write_text("shutdown: {old-model: soon}\n", "utf-8")
    assert check(Path("gateway.yaml"), {}) == [
        "shutdown.old-model.date: 'soon' in models.yaml line 1 column 23 is not a date (2027-01-20)"
    ]
