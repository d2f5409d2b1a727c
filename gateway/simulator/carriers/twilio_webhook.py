"""How Twilio signs what it asks of a gateway, and the forms that it posts.

A signature is the base64 of an HMAC keyed with the account's auth token, over the URL exactly as configured, followed
for a form by each parameter's name and value, sorted by name. The upgrade of a media stream is signed the same way
over its ``wss://`` URL with no parameters. Made by hand here, without Twilio's package: the gateway checks with that
package, and two readings check each other.

Source: Twilio, "Webhooks security"; "Media Streams", error 31930's page on validating the handshake.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from gateway.simulator.carriers.twilio import new_sid

SIGNATURE_HEADER: Final = "X-Twilio-Signature"
API_VERSION: Final = "2010-04-01"


@dataclass(frozen=True, slots=True)
class TwilioCredentials:
    """An account, and the token that signs its webhooks and opens its REST API."""

    account_sid: str
    auth_token: str = field(repr=False)


def sign(url: str, parameters: Mapping[str, str] | Iterable[tuple[str, str]], auth_token: str) -> str:
    """Return the ``X-Twilio-Signature`` of a request.

    Args:
        url: the address in full, as it is configured: scheme, host, port if written, path and query.
        parameters: the form's parameters; a name may come with several values. Empty for an upgrade or a GET.
        auth_token: the account's secret.

    """
    pairs = parameters.items() if isinstance(parameters, Mapping) else parameters
    signed = url + "".join(name + value for name, value in sorted(set(pairs)))
    return base64.b64encode(hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()).decode("ascii")


@dataclass(slots=True)
class CallForm:
    """One call as Twilio's webhooks describe it."""

    account_sid: str
    caller_number: str = "+15550001111"
    dialed_number: str = "+15550002222"
    call_sid: str = field(default_factory=lambda: new_sid("CA"))

    def voice(self, status: str = "ringing") -> dict[str, str]:
        """Return the form of the voice webhook and of an ``action`` request."""
        return {
            "CallSid": self.call_sid,
            "AccountSid": self.account_sid,
            "From": self.caller_number,
            "To": self.dialed_number,
            "Caller": self.caller_number,
            "Called": self.dialed_number,
            "CallStatus": status,
            "Direction": "inbound",
            "ApiVersion": API_VERSION,
        }

    def ended(self, status: str, duration_s: int) -> dict[str, str]:
        """Return the form of the call's last status callback; ``duration_s`` is in whole seconds."""
        return self.voice(status) | {"CallDuration": str(duration_s), "Duration": str((duration_s + 59) // 60)}

    def stream(self, event: str, stream_sid: str, name: str, error: str = "", *, wall_s: float) -> dict[str, str]:
        """Return the form of a stream's status callback: ``stream-started``, ``-stopped`` or ``-error``."""
        form = {
            "StreamEvent": event,
            "StreamSid": stream_sid,
            "StreamName": name,
            "CallSid": self.call_sid,
            "AccountSid": self.account_sid,
            "Timestamp": datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds"),
        }
        return form | {"StreamError": error} if error else form
