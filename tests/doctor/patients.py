"""A settings file and the local server behind it, with whatever is wrong with either."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from gateway.doctor.examination import examine
from gateway.doctor.finding import Finding, Mark, Report
from gateway.offline.faults import Faults
from gateway.offline.script import read_script
from gateway.offline.server import LocalServer, LocalServerConfig, serve
from tests.calls.sounds import Ears, ModelsVoice

SCRIPT = {"repeat": True, "pace": 0, "sessions": [{"steps": [{"expect": "turn", "heard": "good morning"}]}]}
OPENAI = {"type": "openai", "api_key": "sk-test-0123456789", "model": "gpt-realtime-2.1"}
AZURE = {"type": "azure", "api_key": "0123456789abcdef", "deployment": "chat"}


@contextlib.asynccontextmanager
async def hospital(**faults: Any) -> AsyncIterator[LocalServer]:
    """Run the local server on a script that hears one turn, with faults."""
    config = LocalServerConfig(script=read_script(json.dumps(SCRIPT)), faults=Faults(**faults))
    server = await serve(config, desk=ModelsVoice(), make_activity=Ears)
    try:
        yield server
    finally:
        await server.close()


def origin(server: LocalServer) -> str:
    """Return ``http://host:port`` of the server."""
    return server.url.replace("ws:", "http:").removesuffix("/v1/realtime")


def settings_file(tmp_path: Path, endpoint: Mapping[str, Any], **sections: Any) -> Path:
    """Write a settings file with one endpoint, ``main``, and one persona."""
    plain = {
        "data_dir": str(tmp_path / "data"),
        "endpoint": "main",
        "server": {"port": 0},
        "endpoints": {"main": {"transcription": {"model": "my-whisper"}, **endpoint}},
        "personas": {"clerk": {"instructions": "Help."}},
        "persona": "clerk",
        **sections,
    }
    path = tmp_path / "gateway.yaml"
    path.write_text(json.dumps(plain))
    return path


async def examined(tmp_path: Path, endpoint: Mapping[str, Any], **sections: Any) -> Report:
    """Examine settings with this endpoint."""
    async with asyncio.timeout(30):
        report, _ = await examine(settings_file(tmp_path, endpoint, **sections), environ={})
    return report


def finding(report: Report, check: str) -> Finding:
    """Return the only finding of a check."""
    (found,) = [one for one in report.findings if one.check == check]
    return found


def failures(report: Report) -> list[Finding]:
    """Return what failed."""
    return [one for one in report.findings if one.mark is Mark.FAILED]
