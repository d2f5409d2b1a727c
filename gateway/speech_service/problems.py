"""What can go wrong with a request for speech, each with a code for programs and a cure for people."""

from __future__ import annotations

from gateway.errors import GatewayError, ModelError, ModelRefused


class Problem(GatewayError):
    """A request that could not be served.

    ``status`` is the HTTP status that says whose fault it was; ``code`` a fixed word; ``remedy`` what to do.
    """

    def __init__(self, status: int, code: str, message: str, remedy: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.remedy = remedy


def unreachable(error: ModelError) -> Problem:
    """Return what it means for the one who asked that a session could not be opened."""
    if isinstance(error, ModelRefused):
        remedy = error.remedy or "look into the gateway's log, or run: gateway doctor"
        return Problem(502, error.cause or "endpoint_refused", str(error), remedy)
    return Problem(502, "endpoint_unreachable", str(error), "try again; if it stays so, run: gateway doctor")


def session_lost(reason: str, *, retryable: bool) -> Problem:
    """Return that the endpoint ended a session in the middle of the work."""
    cure = "send the request again" if retryable else "look into the gateway's log, or run: gateway doctor"
    return Problem(502, "session_lost", f"the endpoint ended its session: {reason}", cure)


def no_transcript(within_ms: int) -> Problem:
    """Return that the endpoint took the speech and wrote nothing in time."""
    return Problem(
        504,
        "no_transcript",
        f"the endpoint wrote nothing down within {within_ms} ms of the last speech",
        "send it again; if it stays so, check the endpoint's transcription model, or raise speech_api.answer_within_ms",
    )


def no_speech_made(within_ms: int) -> Problem:
    """Return that the endpoint was asked to read and stayed silent."""
    return Problem(
        504,
        "no_speech",
        f"the endpoint said nothing within {within_ms} ms",
        "send it again, or a shorter text; if it stays so, raise speech_api.answer_within_ms",
    )
