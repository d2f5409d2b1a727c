from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.cli.server import tls_wish
from gateway.cli.tls import LASTS_DAYS, own_names, self_signed
from gateway.clock import HandClock
from gateway.errors import ConfigurationError
from gateway.web.audit import Action, AuditLog


def test_a_certificate_is_made_once_and_kept(tmp_path: Path) -> None:
    names = own_names("0.0.0.0")
    first = self_signed(tmp_path / "data", names)
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    made = first.certificate.read_bytes()
    assert self_signed(tmp_path / "data", names).certificate.read_bytes() == made
    assert first.key.stat().st_mode & 0o777 == 0o600
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(first.certificate, first.key)
    there = x509.load_pem_x509_certificate(made).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in there.get_values_for_type(x509.DNSName)
    assert "127.0.0.1" in map(str, there.get_values_for_type(x509.IPAddress))


def test_a_certificate_is_made_anew_for_a_new_name_and_before_it_runs_out(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    first = self_signed(tmp_path, ["localhost"], now).certificate.read_bytes()
    second = self_signed(tmp_path, ["localhost", "192.0.2.7"], now).certificate.read_bytes()
    third = self_signed(tmp_path, ["localhost"], now + timedelta(days=LASTS_DAYS - 10)).certificate.read_bytes()
    assert len({first, second, third}) == 3


def test_options_of_tls_that_contradict_one_another_are_told(tmp_path: Path) -> None:
    assert tls_wish(None, None, None) is None
    assert tls_wish("self-signed", None, None) == "self-signed"
    for word, certificate, key in (("on", None, None), ("self-signed", tmp_path, None), (None, tmp_path, None)):
        with pytest.raises(ConfigurationError):
            tls_wish(word, certificate, key)
    with pytest.raises(ConfigurationError, match="there is no file"):
        tls_wish(None, tmp_path / "no.pem", tmp_path / "no.key")


async def _written(data_dir: Path) -> None:
    log = AuditLog(data_dir, HandClock())
    await log.note(Action.SIGN_IN, who="anna", role="admin", address="192.0.2.1")
    await log.note(Action.RECORDING, who="anna", role="admin", address="192.0.2.1", call_id="bcdf")
    await log.note(Action.HANG_UP, who="bert", role="operator", address="192.0.2.2", call_id="ghjk")


async def test_the_audit_record_is_listed_and_filtered(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir(mode=0o700)
    await _written(data_dir)
    config = tmp_path / "gateway.yaml"
    config.write_text(f"data_dir: {data_dir}\npersonas: {{receptionist: {{instructions: Help.}}}}\n")
    run = CliRunner()
    every = run.invoke(app, ["audit", "-c", str(config)])
    assert every.exit_code == 0, every.output
    assert [line.split()[3] for line in every.stdout.splitlines()] == ["sign_in", "recording_seen", "hang_up"]
    seen = run.invoke(app, ["audit", "-c", str(config), "--who", "anna", "--action", "recording_seen", "--json"])
    assert json.loads(seen.stdout)["call_id"] == "bcdf"
    latest = run.invoke(app, ["audit", "-c", str(config), "--last", "1"])
    assert "ghjk" in latest.stdout
    assert "bcdf" not in latest.stdout
    assert (data_dir / "audit.jsonl").stat().st_mode & 0o777 == 0o600
