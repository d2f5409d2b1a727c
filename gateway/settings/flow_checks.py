"""What does not fit together in what the settings say of flows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from gateway.settings.finding import Finding
from gateway.settings.flows import FlowSettings

_TARGET: Final = re.compile(r"tel:\+?[0-9*#]{1,24}|sips?:[^\s<>\"]{1,250}")
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def flow_findings(flows: FlowSettings) -> Iterator[Finding]:
    """Yield queues that lead nowhere or to several places, and processors that can't be asked safely."""
    for name, queue in flows.queues.items():
        if sum(one is not None for one in (queue.to, queue.enqueue, queue.workflow)) != 1:
            yield Finding(("flows", "queues", name), "has to have exactly one of 'to', 'enqueue' and 'workflow'")
        elif queue.to is not None and not _TARGET.fullmatch(queue.to):
            yield Finding(("flows", "queues", name, "to"), "is not of the form tel:+44… or sip:…")
    for name, processor in flows.payments.items():
        if processor.type != "http":
            continue
        if processor.url is None:
            yield Finding(("flows", "payments", name, "url"), "a processor of type 'http' has one", "missing")
            continue
        parts = urlsplit(processor.url)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            yield Finding(("flows", "payments", name, "url"), "is not https:// (http:// is for this machine only)")
