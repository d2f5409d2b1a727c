"""The local model as a child process: started, watched, started again if it dies, and never left behind.

Recognition holds the interpreter's lock for tenths of a second, so the local server never shares a process with the
audio path. The child listens on a loopback port of the system's choice, asks for a random token, and exits by itself
when our end of its standard input closes, however we went.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from gateway.errors import SpeechError
from gateway.speech.engines import cure, missing

log = structlog.get_logger()

START_WITHIN_S: Final = 20.0
STOP_WITHIN_S: Final = 3.0
TOKEN_VARIABLE: Final = "GATEWAY_LOCAL_MODEL_TOKEN"  # noqa: S105 - the name of a variable
RESTART_DELAYS_S: Final = (0.2, 1.0, 5.0)
"""Waits before starting again after a death; the last one repeats."""


class _Listening(msgspec.Struct):
    listening: str


class LocalModelProcess:
    """The embedded Realtime server in a process of its own.

    Args:
        arguments: more arguments for ``python -m gateway.offline.server``, such as ``--script FILE``.
        log_level: of the child's own log lines, which go to our standard error.

    """

    def __init__(self, arguments: Sequence[str] = (), *, log_level: str = "info") -> None:
        self._arguments = ("--log-level", log_level, *arguments)
        self._process: asyncio.subprocess.Process | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._stopping = False
        self._port = 0
        self.token = secrets.token_urlsafe(24)
        self.url = ""
        self.restarts = 0
        self.ready = asyncio.Event()
        """Set while the child listens."""

    @property
    def alive(self) -> bool:
        """Whether the child runs at this moment."""
        return self.ready.is_set() and self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the child and return once it listens; ``url`` is its address from then on.

        Raises:
            SpeechError: it can't run here, or did not come up; the message names the cures.

        """
        if "--script" not in self._arguments and (lacking := missing()):
            raise SpeechError(
                f"the local model can't run without {', '.join(lacking)}: install it with: {cure()}; "
                "or use a Realtime endpoint: set OPENAI_API_KEY, or name one in config/gateway.yaml"
            )
        await self._spawn()
        self._watcher = asyncio.create_task(self._watch(), name="local-model-watcher")

    async def _spawn(self) -> None:
        command = [
            sys.executable, "-m", "gateway.offline.server",
            "--host", "127.0.0.1", "--port", str(self._port),
            "--token-env", TOKEN_VARIABLE, "--parent-pipe", *self._arguments,
        ]  # fmt: skip
        self._process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, TOKEN_VARIABLE: self.token},
            start_new_session=True,  # Ctrl-C is for us: the model is needed until the last call is over
        )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(START_WITHIN_S):
                line = await self._process.stdout.readline()
            self.url = msgspec.json.decode(line, type=_Listening).listening
        except (TimeoutError, msgspec.DecodeError):
            await self._end()
            raise SpeechError(
                "the local model did not start; run 'gateway local-model' to see why, or set OPENAI_API_KEY"
            ) from None
        self._port = int(self.url.split(":")[2].split("/")[0])
        self.ready.set()
        log.info("local_model_started", url=self.url, pid=self._process.pid)

    async def _watch(self) -> None:
        while True:
            assert self._process is not None
            code = await self._process.wait()
            if self._stopping:
                return
            self.ready.clear()
            delay_s = RESTART_DELAYS_S[min(self.restarts, len(RESTART_DELAYS_S) - 1)]
            log.error("local_model_died", exit_code=code, again_in_s=delay_s)
            self.restarts += 1
            await asyncio.sleep(delay_s)
            try:
                await self._spawn()
            except SpeechError as error:
                log.error("local_model_not_started", why=str(error))

    async def stop(self) -> None:
        """End the child; it is gone when this returns."""
        self._stopping = True
        if self._watcher is not None:
            self._watcher.cancel()
        await self._end()

    async def _end(self) -> None:
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            try:
                async with asyncio.timeout(STOP_WITHIN_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        transport = getattr(process, "_transport", None)
        if transport is not None:
            transport.close()
