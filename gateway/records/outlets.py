"""Where records leave beside the journal, by the settings: the call store and the webhook."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from gateway.errors import ConfigurationError
from gateway.records.courier import Courier, Outlet
from gateway.records.spool import Spool
from gateway.records.webhook import WebhookOutlet
from gateway.settings.records import RecordSettings

SPOOL = "spool"
"""Folder in the data directory."""


def open_courier(settings: RecordSettings, data_dir: Path, wall_s: Callable[[], float]) -> Courier | None:
    """Return what carries records to where the settings want them; None if that is nowhere.

    Raises:
        ConfigurationError: the driver of the store's database is not installed.

    """
    rounds: list[tuple[Spool, Callable[[], Outlet]]] = []
    if settings.store.enabled:
        _check_driver(settings)

        def store() -> Outlet:
            # SQLAlchemy takes a quarter of a second to import: in the courier's thread, and not before it is needed.
            from gateway.records.store.database import CallStore, store_url

            url = store_url(settings.store, data_dir)
            return CallStore(url, retention_days=settings.retention_days, wall_s=wall_s)

        rounds.append((Spool(data_dir / SPOOL / "store"), store))
    if (webhook := settings.webhook) is not None:
        rounds.append((Spool(data_dir / SPOOL / "webhook"), lambda: WebhookOutlet(webhook, wall_s=wall_s)))
    return Courier(rounds) if rounds else None


def _check_driver(settings: RecordSettings) -> None:
    url = settings.store.url
    remote = url is not None and url.get_secret_value().startswith("postgresql")
    if remote and find_spec("asyncpg") is None:
        raise ConfigurationError(
            "records.store.url: PostgreSQL needs asyncpg, which is not installed; `pip install 'twobanks[postgresql]'`"
        )
