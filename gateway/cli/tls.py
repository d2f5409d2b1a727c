"""A certificate of this machine's own, so that a phone in the same network may use its microphone.

Browsers give it to pages over TLS only.
Made once and kept in ``data_dir``; made anew when it runs out, or when the machine has got another name or address.
Browsers warn of it, since nobody vouches for it.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography import x509

LASTS_DAYS: Final = 397
"""The longest that browsers take a certificate for."""
RENEW_DAYS: Final = 30
_NOWHERE: Final = ("192.0.2.1", 9)
"""A documentation address (RFC 5737): nothing is sent there, the question is only from which address it would be."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """Where certificate and key lie, and for which names they hold."""

    certificate: Path
    key: Path
    names: tuple[str, ...]


def own_names(host: str) -> tuple[str, ...]:
    """Return by what this machine can be called: its names, the address that others reach it at, and ``host``."""
    names = ["localhost", "127.0.0.1", "::1", socket.gethostname().lower(), network_address()]
    if host not in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not listened on
        names.append(host)
    return tuple(dict.fromkeys(name for name in names if name))


def network_address() -> str:
    """Return the address by which others in this network reach this machine; loopback where there is no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_NOWHERE)
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


def self_signed(data_dir: Path, names: Sequence[str], now: datetime | None = None) -> Certificate:
    """Return this machine's certificate, made now if there is none that holds.

    Raises:
        ConfigurationError: it can't be kept.

    """
    now = now or datetime.now(UTC)
    folder = data_dir.expanduser().absolute() / "tls"
    found = Certificate(folder / "certificate.pem", folder / "key.pem", tuple(names))
    try:
        if not _holds(found, now):
            folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            _make(found, now)
    except OSError as error:
        raise ConfigurationError(
            f"data_dir: the certificate can't be kept in {folder} ({type(error).__name__}); make it writable"
        ) from error
    return found


def _holds(found: Certificate, now: datetime) -> bool:
    from cryptography import x509

    if not (found.certificate.is_file() and found.key.is_file()):
        return False
    try:
        there = x509.load_pem_x509_certificate(found.certificate.read_bytes())
        known = there.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return False
    names = {*known.get_values_for_type(x509.DNSName), *map(str, known.get_values_for_type(x509.IPAddress))}
    return set(found.names) <= names and there.not_valid_after_utc - now > timedelta(days=RENEW_DAYS)


def _make(wanted: Certificate, now: datetime) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "voice gateway on this machine")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=LASTS_DAYS))
        .add_extension(x509.SubjectAlternativeName([_name(name) for name in wanted.names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(wanted.key, secret)
    _write(wanted.certificate, certificate.public_bytes(serialization.Encoding.PEM))


def _name(name: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, content: bytes) -> None:
    """Write a file whole, its owner's alone."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
