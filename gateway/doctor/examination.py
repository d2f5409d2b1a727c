"""The whole examination, from the settings file to a sentence that an endpoint writes down.

Each part goes on as far as it can; what can't be reached is not asked further. The settings are the first thing: with
settings that are wrong only what does not need them is looked at.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.clock import Clock, SystemClock
from gateway.doctor import house
from gateway.doctor.finding import Finding, Mark, Report, failed_by
from gateway.doctor.network import Way, clock_agrees, walk
from gateway.doctor.session import try_session
from gateway.errors import ConfigurationError, GatewayError
from gateway.library.reach import connector_to
from gateway.realtime.connector import RealtimeConnector
from gateway.realtime.listing import listing_url
from gateway.settings.effective import Answer, answers
from gateway.settings.load import LoadedSettings, load_settings
from gateway.settings.schema import Settings


async def examine(
    config: Path | None = None,
    *,
    endpoint: str | None = None,
    environ: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    tell: Callable[[Finding], None] = lambda finding: None,
) -> tuple[Report, LoadedSettings | None]:
    """Look at everything that a call needs.

    Args:
        config: the settings file; None as :func:`gateway.settings.load.load_settings` takes it.
        endpoint: look at this endpoint alone, as the default one; None looks at all that calls can reach.
        environ: variables; None takes the process's own and ``.env``.
        clock: measures.
        tell: hears each finding as it is made.

    Returns:
        The report, and the settings if they could be read.

    """
    report = Report()
    loaded: LoadedSettings | None = None

    def add(finding: Finding) -> None:
        report.findings.append(finding)
        tell(finding)

    overrides: dict[str, Any] = {} if endpoint is None else {"endpoint": endpoint}
    try:
        loaded = load_settings(config, environ, overrides)
    except ConfigurationError as error:
        for finding in house.settings_refused(error.faults):
            add(finding)
        return report, None
    for finding in await asyncio.to_thread(_at_home, loaded, endpoint):
        add(finding)
    for answer in _answers(loaded.settings, endpoint):
        async for finding in _endpoint(answer, loaded.settings, report, clock or SystemClock()):
            add(finding)
    return report, loaded


def _at_home(loaded: LoadedSettings, endpoint: str | None) -> list[Finding]:
    settings = loaded.settings
    endpoints = [answer.endpoint for answer in _answers(settings, endpoint)]
    return [
        *house.settings_read(loaded),
        *house.doors(settings),
        house.port(settings),
        *house.disk(settings),
        *house.extras(settings, endpoints),
    ]


def _answers(settings: Settings, endpoint: str | None) -> list[Answer]:
    """Return one way of answering for each endpoint that is looked at."""
    by_endpoint: dict[str, Answer] = {}
    for answer in answers(settings):
        by_endpoint.setdefault(answer.endpoint_name, answer)
    if endpoint is None:
        return list(by_endpoint.values())
    if endpoint in by_endpoint:
        return [by_endpoint[endpoint]]
    persona = settings.personas[settings.persona]
    return [Answer(None, settings.persona, persona, endpoint, settings.endpoints[endpoint])]


async def _endpoint(answer: Answer, settings: Settings, report: Report, clock: Clock) -> AsyncIterator[Finding]:
    name = answer.endpoint_name
    yield house.key(name, answer.endpoint)
    try:
        async with connector_to(name, settings, clock=clock) as connector:
            async for finding in _reach(connector, answer, report, clock):
                yield finding
    except GatewayError as error:
        yield failed_by(f"{name}: endpoint", error)


async def _reach(connector: RealtimeConnector, answer: Answer, report: Report, clock: Clock) -> AsyncIterator[Finding]:
    name, way = connector.name, Way.to(connector.address)
    async for finding in walk(name, way, report, clock):
        yield finding
        if finding.mark is Mark.FAILED:
            return
    if answer.endpoint.type != "local":
        listing = urlsplit(listing_url(connector.address)[0])
        yield await clock_agrees(name, way, f"{listing.path}?{listing.query}".rstrip("?"), report, clock)
    async for finding in try_session(connector, answer, report, clock):
        yield finding
