"""A process that listens or speaks: jobs come in on its standard input, results leave on its standard output.

Recognition holds the interpreter's lock for tenths of a second, so it never runs in the server's process. The process
ends when its input does, so that none outlives the server, however that dies.

Run as ``python -m gateway.offline.speech_worker``.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, BinaryIO, Final

from gateway.audio.format import PCM16_8K, PCM16_24K, Encoding
from gateway.errors import SpeechError
from gateway.offline.speech_jobs import (
    LENGTH_BYTES,
    Job,
    JobFailed,
    Recognise,
    Recognised,
    Result,
    Speak,
    Spoken,
    Word,
    to_job,
    to_message,
)
from gateway.offline.turns import decoder

if TYPE_CHECKING:
    from gateway.speech.ears import Ears
    from gateway.speech.voice import Voice

SPEEDS: Final = (0.5, 2.5)
"""What the local voice can do; the API takes 0.25 to 1.5."""


class Engines:
    """The engines of one process, made on first use: a listener never loads the voice."""

    def __init__(self) -> None:
        self._hearing: Ears | None = None
        self._voice: Voice | None = None

    def do(self, job: Job) -> Result:
        """Carry a job out; a failure is a result too."""
        try:
            return self._recognise(job) if isinstance(job, Recognise) else self._speak(job)
        except (SpeechError, ValueError) as error:
            return JobFailed(reason=str(error))

    def _recognise(self, job: Recognise) -> Recognised:
        from gateway.speech.ears import Ears
        from gateway.speech.hearing import Expectation

        ear = PCM16_24K if job.format.encoding is Encoding.PCM16 else PCM16_8K
        to_pcm = decoder(job.format, ear)
        expected = job.expected
        self._hearing = self._hearing or Ears()
        heard = self._hearing.recognise(
            to_pcm.push(job.audio) if to_pcm else job.audio,
            ear.rate_hz,
            Expectation(
                language=expected.language,
                phrases=tuple(dict.fromkeys([*expected.phrases, *expected.keywords])),
                digits=tuple(range(expected.digits[0], expected.digits[1] + 1)) if expected.digits else None,
                keywords=expected.keywords,
            ),
        )
        return Recognised(
            text=heard.text,
            confidence=heard.confidence,
            phrase=heard.phrase,
            digits=heard.digits,
            rejected=heard.rejected,
        )

    def _speak(self, job: Speak) -> Spoken:
        from gateway.speech.voice import Voice

        self._voice = self._voice or Voice()
        voice = job.voice if job.voice in self._voice.voices() else None
        speed = min(max(job.speed, SPEEDS[0]), SPEEDS[1])
        spoken = self._voice.speak(job.text, language=job.language, voice=voice, rate_hz=PCM16_24K.rate_hz, speed=speed)
        words = (Word(word.text, word.start_ms, word.end_ms, word.char_start, word.char_end) for word in spoken.words)
        return Spoken(pcm=spoken.pcm, words=tuple(words))


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Do one job after the other until ``source`` ends."""
    engines = Engines()
    while len(head := source.read(LENGTH_BYTES)) == LENGTH_BYTES:
        body = source.read(int.from_bytes(head, "big"))
        sink.write(to_message(engines.do(to_job(body))))
        sink.flush()


def main() -> None:
    """Serve the process's own pipes; what engines print goes to standard error, not into the messages."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which then ends us
    pipe = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with os.fdopen(pipe, "wb") as sink:
        serve(sys.stdin.buffer, sink)


if __name__ == "__main__":
    main()
