"""Write down what is said in a WAV file, through any Realtime endpoint.

    python tests/examples/transcribe_wav.py hello.wav --keywords "good morning" "thank you"
    python tests/examples/transcribe_wav.py hello.wav --endpoint openai

Without a key the embedded local server listens; it is guided by keywords and hears little else.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import structlog

from gateway.audio.wav import read_wav
from gateway.library import CallerStarted, CallerStopped, Session, Words, open_session

SILENCE_S = 2
"""Behind the recording, so that its last turn ends, too."""
PATIENCE_S = 5.0
"""How long to wait for words after the last that came."""


async def transcribe(
    path: Path, *, endpoint: str | None = None, config: Path | None = None, keywords: Sequence[str] = ()
) -> list[str]:
    """Return what is said in a WAV file, turn by turn, redacted."""
    (pcm, *_), rate_hz = read_wav(path)
    async with open_session(endpoint, settings=config, keywords=keywords, answers=False) as session:
        sending = asyncio.create_task(session.send_audio(pcm + bytes(2 * rate_hz * SILENCE_S), rate_hz=rate_hz))
        turns = await _read(session, sending)
        await sending
    return turns


async def _read(session: Session, sending: asyncio.Task[None]) -> list[str]:
    """Gather the turns until all is sent and none is open any more."""
    turns: dict[str, str] = {}
    open_turns: set[str] = set()
    events = aiter(session)
    while True:
        try:
            event = await asyncio.wait_for(anext(events), PATIENCE_S)
        except (TimeoutError, StopAsyncIteration):
            break
        match event:
            case CallerStarted(item_id=item_id) | CallerStopped(item_id=item_id):
                open_turns.add(item_id)
                turns.setdefault(item_id, "")
            case Words(speaker="caller", item_id=item_id, text=text, last=last):
                turns[item_id] = turns.get(item_id, "") + str(text)
                open_turns -= {item_id} if last else set()
        if sending.done() and turns and not open_turns:
            break
    return [text.strip() for text in turns.values() if text.strip()]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Write down what is said in a WAV file.")
    parser.add_argument("wav", type=Path)
    parser.add_argument("--endpoint", help="of the settings; the default one otherwise")
    parser.add_argument("--config", type=Path, help="settings file")
    parser.add_argument("--keywords", nargs="*", default=[], help="words to expect")
    options = parser.parse_args()
    # The gateway logs through structlog; what an application says of it is the application's choice.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    turns = asyncio.run(
        transcribe(options.wav, endpoint=options.endpoint, config=options.config, keywords=options.keywords)
    )
    print("\n".join(turns) or "nothing was understood")


if __name__ == "__main__":
    main()
