"""What the settings say of call flows: where they lie, and what the names in them stand for outside.

A flow names queues, processors and secrets; what these are is the operator's business and stands here, so that the same
flow runs in tests and in production.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr

from gateway.settings.section import Section, Word, word_for


class QueueTarget(Section):
    """Where ``queue:NAME`` of a flow leads. A plain ``tel:+44…`` or ``sip:…`` may stand for the section."""

    to: str | None = None
    """``tel:+44…`` or ``sip:…``: the number of the team, or of its own telephone system."""
    enqueue: str | None = None
    """The name of a Twilio queue that the caller is put into."""
    workflow: str | None = None
    """The SID of a TaskRouter workflow (``WW…``) that finds somebody."""


class MailSettings(Section):
    """Where messages that callers leave are sent: an SMTP server."""

    host: str | None = None
    """None sends no mail: messages stay in ``data_dir/messages``."""
    port: int = Field(587, ge=1, le=65535)
    """587 for ``starttls``, 465 for ``tls``."""
    security: Literal["starttls", "tls", "off"] = "starttls"
    """``off`` is for a server on this machine."""
    username: str | None = None
    """None signs in as nobody."""
    password: SecretStr | None = None
    """For ``username``."""
    sender: str = "voice-gateway@localhost"
    """What stands under From."""
    timeout_s: int = Field(20, ge=1, le=120)
    """For the whole of a mail."""


class ProcessorSettings(Section):
    """Who takes payments that a flow collects by keys."""

    type: Literal["test", "http"] = "test"
    """``test`` takes no money: cards ending in 0002 are declined, in 0119 fail, others pay. ``http`` asks ``url``."""
    url: str | None = None
    """A tokeniser: it is sent ``amount``, ``currency``, ``card_number``, ``expiry`` and ``security_code`` as JSON, by
    POST, and answers 2xx with ``{"status": "paid" | "declined", "reference": …}``. ``https`` only, but on loopback."""
    headers: dict[str, SecretStr] = {}
    """Sent as they are."""
    timeout_ms: int = Field(15000, ge=500, le=60000)
    """For the answer; a request is never repeated without its idempotency key."""


class FlowSettings(Section):
    """Call flows: ``numbers: {"+44…": {flow: NAME}}`` has one answer a number."""

    folder: Path = Path("ivr_flows")
    """Where the flows lie. Read if a number names a flow, or if this is set; then numbers in flows count, too."""
    watch: bool = True
    """Whether a change in the folder goes live by itself; what is broken does not, and the log says why."""
    secrets: dict[Word, SecretStr] = {}
    """What ``${secret.NAME}`` in a flow's tools stands for. ``${file:…}`` is read again for each call. A name that is
    not here is looked for in the environment, as ``FLOW_SECRET_NAME``."""
    queues: dict[Word, Annotated[QueueTarget, BeforeValidator(word_for("to"))]] = {}
    """What ``queue:NAME`` in a transfer stands for."""
    caller_id: str | None = None
    """The number that colleagues see when they are rung; None is the number that the caller dialled."""
    mail: MailSettings = MailSettings()
    """How messages are sent."""
    exact: Literal["rendered", "read"] = "rendered"
    """What lets `exact` words go live. ``rendered``: a recording, or what `gateway flow render` has verified; with
    anything else the flows are refused. ``read``: the local voice may read them, word for word and in its own voice."""
    payments: dict[Word, ProcessorSettings] = {}
    """Processors by the name that ``pay`` steps use; ``test`` is always there."""
