"""One-time tokens: who may open a media stream for which call.

A verified webhook has a token made and puts it into the carrier's document; the carrier brings it back when it opens
the stream. A token is bound to its call, lives for seconds, and opens one stream. It holds on every worker or replica
that shares the secret, and is spent for all of them at once where they share the directory of spent tokens.

Form: ``v1.<expiry>.<nonce>.<mac>``, where the MAC is HMAC-SHA256 over version, call id, expiry and nonce (RFC 2104).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path
from typing import Final

import structlog

from gateway.clock import Clock
from gateway.errors import ConfigurationError, Forbidden
from gateway.settings.schema import Settings

log = structlog.get_logger()

_VERSION: Final = "v1"
_FORM: Final = re.compile(r"v1\.([0-9]{1,12})\.([A-Za-z0-9_-]{22})\.([0-9a-f]{64})")
SECRET_BYTES: Final = 32
"""Bytes of a secret that we make, and the fewest characters of one that is given."""
SWEEP_GRACE_S: Final = 300
"""Seconds that a spent token is remembered past its expiry: the clocks of replicas differ."""


class SpentStore:
    """The tokens that were used, as empty files in a directory that all workers and replicas share.

    That a token is spent once is left to the file system: creating a file exclusively is atomic, on local disks and on
    NFS from version 3 on.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self._directory = directory
        self._clock = clock
        self._sweep_at_s = 0.0

    def spend(self, nonce: str, expires_s: int) -> bool:
        """Spend a token; false if that was done before, anywhere. Blocks on the disk: call it in a thread.

        Raises:
            OSError: the directory can't be written.

        """
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sweep()
        name = f"{expires_s}-{hashlib.sha256(nonce.encode()).hexdigest()}"
        try:
            os.close(os.open(self._directory / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True

    def _sweep(self) -> None:
        """Remove what expired long ago, at most once in the grace time."""
        now_s = self._clock.wall_s()
        if now_s < self._sweep_at_s:
            return
        self._sweep_at_s = now_s + SWEEP_GRACE_S
        for spent in self._directory.iterdir():
            expiry = spent.name.partition("-")[0]
            if expiry.isdecimal() and int(expiry) + SWEEP_GRACE_S < now_s:
                spent.unlink(missing_ok=True)


class TicketOffice:
    """Issues one-time tokens and redeems them.

    Args:
        secret: shared by every worker and replica; at least 32 bytes.
        ttl_s: seconds that a token lives.
        spent: where used tokens are remembered.
        clock: tells the date.

    """

    def __init__(self, secret: bytes, ttl_s: int, spent: SpentStore, clock: Clock) -> None:
        if len(secret) < SECRET_BYTES:
            raise ValueError(f"a token secret has at least {SECRET_BYTES} bytes; this one has {len(secret)}")
        self._secret = secret
        self._ttl_s = ttl_s
        self._spent = spent
        self._clock = clock

    def issue(self, call_id: str) -> str:
        """Return a token that opens one stream of the call ``call_id``, from now on and for ``ttl_s`` seconds."""
        expires_s = int(self._clock.wall_s()) + self._ttl_s
        nonce = secrets.token_urlsafe(16)
        return f"{_VERSION}.{expires_s}.{nonce}.{self._mac(call_id, str(expires_s), nonce)}"

    async def redeem(self, token: str, call_id: str) -> None:
        """Take a token for the call ``call_id``; it never works again.

        Raises:
            Forbidden: it is malformed, not ours, another call's, expired, or used; or it can't be told (the directory
                of spent tokens can't be written). ``why`` is for the log alone.

        """
        form = _FORM.fullmatch(token)
        if form is None:
            raise Forbidden("there is no token" if not token else "the token is malformed")
        expiry, nonce, mac = form.groups()
        if not hmac.compare_digest(mac, self._mac(call_id, expiry, nonce)):
            raise Forbidden("the token is not ours, or another call's")
        expires_s = int(expiry)
        if self._clock.wall_s() > expires_s:
            raise Forbidden("the token has expired")
        try:
            fresh = await asyncio.to_thread(self._spent.spend, nonce, expires_s)
        except OSError as error:
            log.error("spent_tokens_unwritable", error=type(error).__name__, remedy="check data_dir and its disk")
            raise Forbidden("whether the token was used can't be told") from error
        if not fresh:
            raise Forbidden("the token was used before")

    def _mac(self, call_id: str, expiry: str, nonce: str) -> str:
        # Neither expiry nor nonce can hold the separator, so no two different lists read the same.
        signed = "|".join((_VERSION, expiry, nonce, call_id)).encode()
        return hmac.new(self._secret, signed, hashlib.sha256).hexdigest()


def open_ticket_office(settings: Settings, clock: Clock) -> TicketOffice:
    """Return the office that the settings describe; blocks on the disk, so call it before serving.

    Raises:
        ConfigurationError: the secret is too short, can't be kept, or can be read by others.

    """
    spent = SpentStore(settings.data_dir / "spent-tokens", clock)
    return TicketOffice(token_secret(settings), settings.server.token_ttl_s, spent, clock)


def token_secret(settings: Settings) -> bytes:
    """Return ``server.token_secret``, or the secret kept in ``data_dir``, made there once if it is missing.

    Raises:
        ConfigurationError: the secret is too short, can't be kept, or can be read by others.

    """
    given = settings.server.token_secret
    if given is not None:
        secret = given.get_secret_value().encode()
        if len(secret) < SECRET_BYTES:
            raise ConfigurationError(
                f"server.token_secret: has {len(secret)} characters; wanted at least {SECRET_BYTES}, "
                "such as the output of: openssl rand -hex 32"
            )
        return secret
    path = settings.data_dir / "token-secret"
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _kept_secret(path)
    except OSError as error:
        raise ConfigurationError(
            f"data_dir: the token secret can't be kept in {path} ({type(error).__name__}); "
            "make the directory writable, or set server.token_secret"
        ) from error


def _kept_secret(path: Path) -> bytes:
    if not path.exists():
        _make_secret(path)
    mode = path.stat().st_mode & 0o777
    if os.name == "posix" and mode & 0o077:
        raise ConfigurationError(f"data_dir: others can read {path} (mode {mode:o}); run: chmod 600 {path}")
    secret = path.read_bytes()
    if len(secret) < SECRET_BYTES:
        raise ConfigurationError(f"data_dir: {path} holds {len(secret)} bytes; delete it, and a new one is made")
    return secret


def _make_secret(path: Path) -> None:
    """Make the secret whole before it has its name, and let the first of several processes win."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(SECRET_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
