"""What can be told of this machine alone."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.doctor import house
from gateway.doctor.finding import Mark
from gateway.settings.schema import EndpointSettings, Settings
from gateway.speech import engines


def settings(**sections: Any) -> Settings:
    return Settings.model_validate(sections)


def test_a_free_port_is_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        number = taken.getsockname()[1]
    found = house.port(settings(server={"port": number}))
    assert (found.mark, found.said) == (Mark.OK, f"127.0.0.1:{number} is free")
    assert house.port(settings(server={"port": 0})).mark is Mark.OK


def test_a_port_that_another_program_has_is_a_fault() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        taken.settimeout(5)
        number = taken.getsockname()[1]

        def hang_up() -> None:
            peer, _ = taken.accept()
            peer.close()

        neighbour = threading.Thread(target=hang_up)
        neighbour.start()
        found = house.port(settings(server={"port": number}))
        neighbour.join()
    assert (found.mark, found.said) == (Mark.FAILED, f"127.0.0.1:{number} is taken by another program")
    assert "GATEWAY_PORT" in found.fix


def test_a_gateway_that_serves_already_is_none() -> None:
    class Health(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/healthz"
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"status":"ok"}')

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Health) as server:
        answering = threading.Thread(target=server.handle_request)
        answering.start()
        found = house.port(settings(server={"port": server.server_port}))
        answering.join()
    assert (found.mark, found.said) == (Mark.OK, f"a gateway is serving on 127.0.0.1:{server.server_port} already")


def test_an_address_of_another_machine_can_not_be_listened_on() -> None:
    found = house.port(settings(server={"host": "192.0.2.7", "port": 8000, "public_url": "https://h.test"}))
    assert found.mark is Mark.FAILED
    assert "server.host" in found.fix


def test_a_data_directory_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    found = list(house.disk(settings(data_dir=str(tmp_path / "deep" / "data"))))
    assert found[0].said.endswith("will be made at the first start")
    assert not (tmp_path / "deep").exists()


def test_a_data_directory_that_others_may_look_into_is_a_fault(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (found,) = house.disk(settings(data_dir=str(tmp_path)))
    assert (found.mark, found.fix) == (Mark.FAILED, f"chmod 700 {tmp_path}")


def test_a_data_directory_that_is_a_file_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    (found,) = house.disk(settings(data_dir=str(tmp_path / "data")))
    assert (found.mark, found.said) == (Mark.FAILED, f"{tmp_path / 'data'} is not a directory")


@pytest.mark.parametrize(
    ("free_bytes", "mark"),
    [(10 * 1024**3, Mark.OK), (1024**3, Mark.NOTE), (10 * 1024**2, Mark.FAILED)],
)
def test_a_disk_that_is_nearly_full_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_bytes: int, mark: Mark
) -> None:
    monkeypatch.setattr(house.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free_bytes}))
    found = list(house.disk(settings(data_dir=str(tmp_path / "data"))))
    assert (found[-1].check, found[-1].mark) == ("disk", mark)
    assert bool(found[-1].fix) is (mark is not Mark.OK)


def test_engines_that_are_missing_matter_where_the_local_model_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "missing", lambda: ["the voice (eSpeak NG)"])
    local = EndpointSettings(type="local")
    hosted = EndpointSettings(type="openai", model="m")
    (needed,) = house.extras(settings(), [local])
    (spare,) = house.extras(settings(), [hosted])
    assert (needed.mark, spare.mark) == (Mark.FAILED, Mark.NOTE)
    assert needed.fix == spare.fix == engines.cure()


def test_a_public_gateway_that_can_not_verify_twilio_is_a_fault() -> None:
    (found,) = house.doors(settings(server={"public_url": "https://voice.example.net"}))
    assert (found.mark, "TWILIO_AUTH_TOKEN" in found.fix) == (Mark.FAILED, True)
    twilio = {"account_sid": "AC1", "auth_token": "t"}
    (found,) = house.doors(settings(server={"public_url": "https://v.example.net"}, carriers={"twilio": twilio}))
    assert (found.mark, found.said) == (Mark.OK, "Twilio signs its calls to https://v.example.net")


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"type": "openai", "api_key": "sk-geheim"}, "api_key is set"),
        ({"type": "azure", "url": "https://h.test"}, "Microsoft Entra ID, credential default"),
        ({"type": "compatible", "auth": "entra"}, "Microsoft Entra ID, credential default"),
        ({"type": "compatible", "url": "wss://h.test"}, "no api_key: the endpoint is asked without one"),
        ({"type": "local"}, "made for the embedded server at each start"),
    ],
)
def test_what_is_shown_at_the_door_is_named_and_not_told(fields: dict[str, Any], says: str) -> None:
    found = house.key("main", EndpointSettings.model_validate(fields))
    assert found.said == says
    assert "geheim" not in str(found)
