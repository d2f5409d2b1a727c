"""Where speech work is done: a few worker processes behind bounded queues, so that the event loop stays free.

Hearing and voice have processes of their own: a sentence never waits behind a recognition. A job that nobody waits for
any more is not begun; one that was begun is let finish, for its process is worth more than its answer. One that takes
too long costs its process its life, and a process that died is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Final, Protocol

import structlog

import gateway
from gateway.audio.format import PCM16_24K
from gateway.offline.speech_jobs import (
    LENGTH_BYTES,
    Expected,
    Job,
    JobFailed,
    Recognise,
    Result,
    Speak,
    Spoken,
    to_message,
    to_result,
)

MAX_WAITING: Final = 64
"""Jobs that may wait for one kind of worker; the next one fails at once."""
JOB_LIMIT_S: Final = 30.0
"""Seconds that one job may take."""
REMEMBERED_SENTENCES: Final = 128
"""Sentences whose speech is kept, because greetings and reprompts come again."""

log = structlog.get_logger()


class SpeechDesk(Protocol):
    """Does speech work. Cancelling :meth:`do` gives the job up."""

    async def do(self, job: Job) -> Result:
        """Carry a job out; a failure is a result too."""
        ...

    async def warm_up(self) -> None:
        """Get ready, so that the first job is as fast as the next."""
        ...

    async def close(self) -> None:
        """Give everything up and end all processes."""
        ...


class WorkerDesk:
    """Local engines in worker processes: ``listeners`` for recognition, one for the voice. Started on first use."""

    def __init__(self, listeners: int = 2) -> None:
        self._count = listeners
        self._listeners = _Crew("listener", listeners)
        self._speakers = _Crew("speaker", 1)
        self._spoken: OrderedDict[Speak, Spoken] = OrderedDict()

    async def do(self, job: Job) -> Result:
        """Carry a job out."""
        if isinstance(job, Recognise):
            return await self._listeners.do(job)
        key = Speak(job_id=0, text=job.text, language=job.language, voice=job.voice, speed=job.speed)
        if key in self._spoken:
            self._spoken.move_to_end(key)
            return self._spoken[key]
        result = await self._speakers.do(job)
        if isinstance(result, Spoken):
            self._spoken[key] = result
            while len(self._spoken) > REMEMBERED_SENTENCES:
                self._spoken.popitem(last=False)
        return result

    async def warm_up(self) -> None:
        """Start all processes and have each do something small, which loads its engine."""
        silence = bytes(PCM16_24K.size_bytes(500))
        listen = Recognise(job_id=0, audio=silence, format=PCM16_24K, expected=Expected(phrases=("hello",)))
        await asyncio.gather(
            self.do(Speak(job_id=0, text="Hello.", voice="marin")),
            *(self._listeners.do(listen) for _ in range(self._count)),
        )

    async def close(self) -> None:
        """End all processes."""
        await asyncio.gather(self._listeners.close(), self._speakers.close())


class _Crew:
    """Worker processes of one kind and the queue before them."""

    def __init__(self, name: str, size: int) -> None:
        self._name = name
        self._idle: list[_Worker] = []
        self._turn = asyncio.Semaphore(size)
        self._tasks: set[asyncio.Task[Result]] = set()
        self._begun: set[asyncio.Task[Result]] = set()
        self._closed = False

    async def do(self, job: Job) -> Result:
        if self._closed:
            return JobFailed(reason="the local speech engines are shut down")
        if len(self._tasks) - len(self._begun) >= MAX_WAITING:
            log.warning("speech_jobs_full", crew=self._name, waiting=MAX_WAITING)
            return JobFailed(reason=f"{MAX_WAITING} jobs wait for a {self._name} already")
        task = asyncio.create_task(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(self._begun.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task not in self._begun:
                task.cancel()
            raise

    async def close(self) -> None:
        self._closed = True
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        while self._idle:
            await self._idle.pop().stop()

    async def _run(self, job: Job) -> Result:
        async with self._turn:
            task = asyncio.current_task()
            assert task is not None
            self._begun.add(task)
            worker = self._idle.pop() if self._idle else await _Worker.start()
            result: Result | None = None
            try:
                async with asyncio.timeout(JOB_LIMIT_S):
                    result = await worker.do(job)
            except (OSError, EOFError, TimeoutError) as error:
                log.warning("speech_worker_lost", crew=self._name, error=type(error).__name__)
                return JobFailed(reason=f"the local {self._name} was lost")
            finally:
                # an answer that was not read would be taken for the next one: such a process can't be used again
                if result is None:
                    await worker.stop()
                else:
                    self._idle.append(worker)
            return result


class _Worker:
    """One process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls) -> _Worker:
        home = str(Path(gateway.__file__).parents[1])
        path = os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")]))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway.offline.speech_worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            # One core each: a worker's algebra must not crowd out the others.
            env={"OPENBLAS_NUM_THREADS": "1", **os.environ, "PYTHONPATH": path},
        )
        return cls(process)

    async def do(self, job: Job) -> Result:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(to_message(job))
        await self._process.stdin.drain()
        head = await self._process.stdout.readexactly(LENGTH_BYTES)
        return to_result(await self._process.stdout.readexactly(int.from_bytes(head, "big")))

    async def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        await self._process.wait()
        # reading to the end lets the pipe's transport close
        with contextlib.suppress(OSError):
            await self._process.stdout.read()
