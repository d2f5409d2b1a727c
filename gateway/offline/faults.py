"""Fault switches: the ways in which a real endpoint fails, on demand.

They come from a script file, from ``--faults`` on the command line, or for one connection from the ``x-fault`` request
header, which is read only when the server was started with ``--faults``. As text they are
``name=value,name=value``, such as ``refuse=429`` or ``created_delay_ms=400,late_deltas_ms=120``.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from gateway.errors import ConfigurationError
from gateway.offline.hosted import HOSTED

Milliseconds = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]


class Faults(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What goes wrong on a connection. Zero and empty mean: nothing does."""

    refuse: int = 0
    """HTTP status that the upgrade is refused with: 400, 401, 403, 404, 429 or 503."""
    hosted: str = ""
    """The session is refused as a hosted endpoint does it: a name of ``hosted.HOSTED``, such as ``azure_no_role``."""
    refuse_setup: str = ""
    """Every ``session.update`` is refused for this parameter, such as ``session.type`` by an endpoint that is beta."""
    models: str = ""
    """What the lists of models and deployments name, divided by ``|``; without it there is no list."""
    clock_skew_s: int = 0
    """By how much the ``Date`` of HTTP answers is ahead."""
    created_delay_ms: Milliseconds = 0
    """``response.created`` comes this late."""
    expire_after_ms: Milliseconds = 0
    """The session expires this long after its start: ``error`` ``session_expired``, then close 1001."""
    drop_after_ms: Milliseconds = 0
    """The TCP connection is cut this long after the start, without a close frame."""
    drop_after_deltas: Count = 0
    """The TCP connection is cut after so many audio deltas."""
    close_after_ms: Milliseconds = 0
    """The socket is closed this long after the start with ``close_code``."""
    close_code: int = 1011
    fail_response: Count = 0
    """The n-th response of the session fails (1 is the first)."""
    fail_after_ms: Milliseconds = 0
    """How much of it is said before it fails."""
    fail_code: str = "server_error"
    fail_transcription: Count = 0
    """The n-th transcription of the session fails."""
    transcription_code: str = "transcription_failed"
    """The code that it fails with; Azure's is ``DeploymentNotFound``."""
    transcription_delay_ms: Milliseconds = 0
    """Every transcript comes so long after it is known: with a few seconds, long after the answer."""
    late_deltas_ms: Milliseconds = 0
    """A cancelled response goes on sending deltas for so long before its ``response.done``."""
    interleave_items: bool = False
    """A tool call begins before the spoken item before it is done, as the newest hosted models do it."""
    future_event: bool = False
    """An event of an unknown type comes with each response."""
    huge_frame_bytes: Count = 0
    """The first transcript delta of each response is padded to so many bytes."""
    read_delay_ms: Milliseconds = 0
    """The server waits so long before it reads each frame: a slow consumer."""

    def or_else(self, other: Faults) -> Faults:
        """Return these faults, with ``other``'s wherever these say nothing."""
        chosen = {
            name: getattr(self, name) if getattr(self, name) != getattr(NO_FAULTS, name) else getattr(other, name)
            for name in self.__struct_fields__
        }
        return Faults(**chosen)


NO_FAULTS: Final = Faults()
_REFUSALS: Final = {400, 401, 403, 404, 429, 503}


def parse_faults(text: str) -> Faults:
    """Return the faults that ``text`` names.

    Raises:
        ConfigurationError: an unknown name, a value that does not fit, or no ``name=value``.

    """
    values: dict[str, str] = {}
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, value = piece.partition("=")
        if not equals:
            raise ConfigurationError(f"faults: '{piece}' has no value; name=value is wanted, such as refuse=429")
        values[name.strip()] = value.strip()
    return check_faults(values, "faults")


def check_faults(values: object, where: str) -> Faults:
    """Return faults from a mapping; ``where`` names it in errors.

    Raises:
        ConfigurationError: an unknown name or a value that does not fit.

    """
    try:
        faults = msgspec.convert(values, Faults, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{where}: {error}; known: {', '.join(Faults.__struct_fields__)}") from error
    if faults.refuse and faults.refuse not in _REFUSALS:
        raise ConfigurationError(f"{where}: refuse={faults.refuse} is not one of {sorted(_REFUSALS)}")
    if faults.hosted and faults.hosted not in HOSTED:
        raise ConfigurationError(f"{where}: hosted={faults.hosted} is not one of {', '.join(HOSTED)}")
    return faults
