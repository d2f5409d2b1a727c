"""What can be told of this machine without asking anybody outside: settings, doors, keys, port, disk, extras.

Nothing is changed: a data directory that is not there yet is not made.
"""

from __future__ import annotations

import errno
import http.client
import importlib.util
import json
import os
import shutil
import socket
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from gateway.doctor.finding import Finding, failed, note, ok
from gateway.settings.load import LoadedSettings
from gateway.settings.schema import EndpointSettings, Settings
from gateway.speech import engines
from gateway.web.startup import startup_faults

LEAST_FREE_BYTES: Final = 256 * 1024 * 1024
"""About two hours of recordings: 32 kB a second."""
LITTLE_FREE_BYTES: Final = 2 * 1024 * 1024 * 1024
_PEEK_S: Final = 2.0
_EVERY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - asked there, not listened on


def settings_read(loaded: LoadedSettings) -> Iterator[Finding]:
    """Yield where the settings came from, and every note of theirs."""
    yield ok("settings", f"{loaded.source}; endpoint {loaded.default_endpoint_origin}")
    for sentence in loaded.notes:
        said, _, fix = sentence.partition("; ")
        yield note("settings", said, fix)


def settings_refused(faults: Sequence[str]) -> Iterator[Finding]:
    """Yield each fault of settings that can't be used."""
    for fault in faults:
        yield failed("settings", fault, "mend that line or variable; config/README.md explains every setting")


def doors(settings: Settings) -> Iterator[Finding]:
    """Yield whether carriers can come in, and nobody else; what is only a note, the settings' own notes say."""
    faults = startup_faults(settings)
    for fault in faults:
        said, _, fix = fault.partition("; ")
        yield failed("doors", said, fix or "see config/README.md, server")
    twilio = settings.carriers.twilio
    if twilio.auth_token is None and settings.server.public_url is not None:
        yield failed(
            "doors",
            "server.public_url is set, and without carriers.twilio.auth_token every call from Twilio is refused",
            "set TWILIO_AUTH_TOKEN (and TWILIO_ACCOUNT_SID, to hang up and transfer)",
        )
    elif twilio.auth_token is not None and not faults:
        yield ok("doors", f"Twilio signs its calls to {settings.server.public_url or 'the address that it calls'}")


def key(name: str, endpoint: EndpointSettings) -> Finding:
    """Return what will be shown at an endpoint's door, without it."""
    check = f"{name}: key"
    if uses_entra(endpoint):
        return ok(check, f"Microsoft Entra ID, credential {endpoint.entra_credential}")
    if endpoint.api_key is not None:
        return ok(check, "api_key is set")
    if endpoint.type == "local" and endpoint.url is None:
        return ok(check, "made for the embedded server at each start")
    return note(check, "no api_key: the endpoint is asked without one", "set api_key if it wants one")


def uses_entra(endpoint: EndpointSettings) -> bool:
    """Return whether sessions at an endpoint begin with an access token."""
    return endpoint.auth == "entra" or (endpoint.auth is None and endpoint.type == "azure" and endpoint.api_key is None)


def port(settings: Settings) -> Finding:
    """Return whether the gateway can listen where it should. Blocks for moments."""
    host, number = settings.server.host, settings.server.port
    where = f"{host}:{number}"
    if number == 0:
        return ok("port", f"any free port of {host}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        return failed("port", f"server.host {host!r} is no address: {error.strerror}", "set server.host (GATEWAY_HOST)")
    with socket.socket(family, kind, protocol) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(address)
        except OSError as error:
            return _not_bound(where, host, number, error)
    return ok("port", f"{where} is free")


def _not_bound(where: str, host: str, number: int, error: OSError) -> Finding:
    if error.errno == errno.EADDRINUSE:
        if _is_gateway(host, number):
            return ok("port", f"a gateway is serving on {where} already")
        return failed(
            "port", f"{where} is taken by another program", "set server.port (GATEWAY_PORT), or stop that program"
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return failed(
            "port", f"{where} is for the administrator only", "set server.port to 1024 or more behind a proxy"
        )
    return failed(
        "port", f"{where} can't be listened on: {error.strerror}", "set server.host to an address of this machine"
    )


def _is_gateway(host: str, number: int) -> bool:
    connection = http.client.HTTPConnection(_EVERY.get(host, host), number, timeout=_PEEK_S)
    try:
        connection.request("GET", "/healthz")
        return bool(json.loads(connection.getresponse().read(1024)) == {"status": "ok"})
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def disk(settings: Settings) -> Iterator[Finding]:
    """Yield whether calls can leave their records. Blocks for moments."""
    root = settings.data_dir.expanduser().absolute()
    there = next(path for path in (root, *root.parents) if path.exists())
    if not there.is_dir():
        yield failed("data_dir", f"{there} is not a directory", "move it away, or set data_dir (GATEWAY_DATA_DIR)")
        return
    if not os.access(there, os.W_OK | os.X_OK):
        yield failed(
            "data_dir", f"{there} can't be written by this user", "set data_dir (GATEWAY_DATA_DIR), or chown it"
        )
        return
    problem = _not_private(root) if root.exists() else None
    if problem is not None:
        yield problem
        return
    yield ok("data_dir", f"{root}" if root.exists() else f"{root} will be made at the first start")
    free = shutil.disk_usage(there).free
    said = f"{free / 1024**3:.1f} GiB free; an hour of recorded calls takes 0.1"
    if free < LEAST_FREE_BYTES:
        yield failed("disk", said, "free space, lower records.retention_days, or set records.recording: false")
    elif free < LITTLE_FREE_BYTES:
        yield note("disk", said, "lower records.retention_days, or watch it")
    else:
        yield ok("disk", said)


def _not_private(root: Path) -> Finding | None:
    facts = root.stat()
    if facts.st_uid != os.geteuid():
        return failed("data_dir", f"{root} belongs to another user", "set data_dir to a directory of this user's")
    if facts.st_mode & 0o077:
        mode = f"{stat.S_IMODE(facts.st_mode):04o}"
        return failed("data_dir", f"{root} has mode {mode}, so others may look into calls", f"chmod 700 {root}")
    return None


def extras(settings: Settings, endpoints: Sequence[EndpointSettings]) -> Iterator[Finding]:
    """Yield which optional parts are missing, and whether these settings need them."""
    lacking = engines.missing()
    if not lacking:
        yield ok("extra offline", "local voice and hearing are installed")
    elif any(endpoint.type == "local" and endpoint.url is None for endpoint in endpoints):
        yield failed("extra offline", f"the local model can't run without {', '.join(lacking)}", engines.cure())
    else:
        yield note(
            "extra offline", "not installed: no local model, no demo, apologies from a recording", engines.cure()
        )
    if any(uses_entra(endpoint) for endpoint in endpoints) and not _is_installed("azure.identity"):
        yield failed(
            "azure-identity", "Entra ID is asked for and azure-identity is missing", "pip install azure-identity"
        )
    if any(tool.type == "mcp" for tool in settings.tools.values()):
        if _is_installed("mcp"):
            yield ok("extra mcp", "tools of MCP servers can be called")
        else:
            yield failed(
                "extra mcp", "a tool of type mcp is set and the client is missing", "pip install 'twobanks[mcp]'"
            )


def _is_installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ImportError:
        return False
