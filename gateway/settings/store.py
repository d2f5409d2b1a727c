"""What the settings say of the call store: the database of calls, turns, tools, costs and endings."""

from __future__ import annotations

import re
from typing import Final

from pydantic import SecretStr, field_validator

from gateway.settings.section import Section

_URL: Final = re.compile(r"(?P<kind>sqlite|postgresql)://.+", re.DOTALL)


class StoreSettings(Section):
    """A database with a row for every call, turn, tool, cost and ending."""

    enabled: bool = True
    """Whether calls are kept in it, beside the journals."""
    url: SecretStr | None = None
    """``postgresql://user:password@host/database`` (needs the extra ``postgresql``) or ``sqlite:///path``; None is
    ``calls.sqlite`` in ``data_dir``."""

    @field_validator("url")
    @classmethod
    def _known(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _URL.fullmatch(url.get_secret_value()):
            # Never what was given: it holds a password.
            raise ValueError("does not begin with postgresql:// or sqlite:///")
        return url
