"""What the settings say of ``/metrics``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from gateway.settings.section import Section


class MetricsSettings(Section):
    """Who may read ``/metrics``, on the port that calls come in on."""

    token: Annotated[SecretStr, Field(min_length=16)] | None = None
    """Read from elsewhere with ``Authorization: Bearer <token>``. None: only programs on this machine may read,
    directly and not through a proxy."""
