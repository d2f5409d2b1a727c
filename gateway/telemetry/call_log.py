"""A call in the log: a sink like the journal, for whoever reads along."""

from __future__ import annotations

import logging

import structlog

from gateway.contracts.record import AnyRecord, CallEnded, CallStarted

log = structlog.get_logger()


class CallLog:
    """The sink that tells of a call in the log: two lines at INFO, and at DEBUG every record."""

    def __init__(self) -> None:
        self._all = structlog.get_logger().is_enabled_for(logging.DEBUG)

    def accept(self, record: AnyRecord) -> None:
        """Write a line; its text fields are redacted by their type."""
        told = isinstance(record, CallStarted | CallEnded)
        if not told and not self._all:
            return
        facts = {
            field: value if isinstance(value, int | float) else str(value)
            for field in record.__struct_fields__
            if (value := getattr(record, field)) is not None and field not in {"call_id", "text", "arguments", "output"}
        }
        write = log.info if told else log.debug
        write(str(record.__struct_config__.tag), **facts)

    async def close(self) -> None:
        """Nothing is kept back."""
