"""Transcription sessions of the Realtime API (GA): the endpoint only writes down what it is sent, and never answers.

They are dialled with ``intent=transcription`` in place of a model, and their set-up has a type of its own with nothing
but the incoming side. All else is the GA dialect: the same appends and commits, the same transcripts.

Source: Realtime API reference, "Realtime transcription" and the transcription session object; Microsoft's Realtime
documents for ``/openai/v1/realtime?intent=transcription``; read November 2026.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from gateway.contracts.model import SessionSetup
from gateway.realtime.credentials import Secret
from gateway.realtime.dialect import ConnectRequest
from gateway.realtime.openai_ga import OpenAiGa
from gateway.settings.endpoint import EndpointSettings, is_plugin

_INCOMING: Final = ("audio.input.", "include")
"""Session fields that a transcription session has, by the beginning of their path."""


def may_have_transcription_sessions(settings: EndpointSettings) -> bool:
    """Return whether an endpoint's protocol has such sessions; a compatible server may still refuse them."""
    return settings.protocol == "ga" and not is_plugin(settings.type)


class TranscriptionGa(OpenAiGa):
    """One transcription session's dialect; arguments and errors as of :class:`OpenAiGa`."""

    def connect_request(self, secret: Secret | None) -> ConnectRequest:
        """Return the URL with its intent, and the headers."""
        request = super().connect_request(secret)
        parts = urlsplit(request.url)
        query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != "model"]
        return replace(request, url=urlunsplit(parts._replace(query=urlencode([*query, ("intent", "transcription")]))))

    def _session(self, setup: SessionSetup, *, with_voice: bool) -> dict[str, Any]:
        incoming = {path: value for path, value in setup.extras.items() if path.startswith(_INCOMING)}
        session = super()._session(replace(setup, extras=incoming), with_voice=False)
        return {
            "type": "transcription",
            "audio": {"input": session["audio"]["input"]},
            **({"include": session["include"]} if "include" in session else {}),
        }
