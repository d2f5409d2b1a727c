"""The Realtime API's beta protocol as a dialect, for Azure's preview and for servers that never learnt another.

It is the GA dialect with a flat session, older names of what is said and heard, and assistant text that is called
``text``. The names of events need no translation here: they are taken as they come (:mod:`gateway.realtime.wire`).

Source: the beta types of the official client, and Microsoft's preview reference, read November 2026.
"""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from gateway.contracts.model import ResponseRequest, SessionSetup
from gateway.realtime import beta_setup, wire_parts
from gateway.realtime.ga_reader import GaReader
from gateway.realtime.openai_ga import OpenAiGa


class BetaReader(GaReader):
    """Reads a beta session: as GA's, but for where a session tells its audio formats."""

    def settled_formats(self, session: msgspec.Raw) -> tuple[tuple[str, str | None, str], ...]:
        """Return field, what the session says there, and what was asked for."""
        told = wire_parts.part(session, wire_parts.BetaSessionAudio) or wire_parts.BetaSessionAudio()
        return (
            ("input_audio_format", told.input_audio_format, beta_setup.format_name(self.input_format)),
            ("output_audio_format", told.output_audio_format, beta_setup.format_name(self.output_format)),
        )


class OpenAiBeta(OpenAiGa):
    """One session's dialect; arguments and errors as of :class:`OpenAiGa`."""

    reader: ClassVar[type[GaReader]] = BetaReader
    written_by_model: ClassVar[str] = "text"

    def _check_session_fields(self) -> None:
        beta_setup.beta_fields(self._settings.session.extra)

    def _session(self, setup: SessionSetup, *, with_voice: bool) -> dict[str, Any]:
        return beta_setup.session_object(setup, with_voice=with_voice)

    def _response(self, request: ResponseRequest) -> dict[str, Any]:
        body = super()._response(request)
        if "output_modalities" in body:
            body["modalities"] = body.pop("output_modalities")
        return body

    def _tool_choice(self, choice: str) -> str | dict[str, Any]:
        """Return which tool is to be called; Azure's preview reference nests the name of a certain one."""
        chosen = super()._tool_choice(choice)
        if isinstance(chosen, dict) and self._settings.type == "azure":
            return {"type": "function", "function": {"name": choice}}
        return chosen
