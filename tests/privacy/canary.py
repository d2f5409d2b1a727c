"""The canary run: calls that are full of card numbers, and then every byte that was written or sent is searched.

    python -m tests.privacy.canary --calls 500 [--recognised 8]

Whole calls over real sockets (``tests.calls.rig``), in clockwork: the numbers are spoken in digits and in words, split
over turns, read back, keyed, given with code and expiry, put into tool requests and results, into errors; every call
has them in SIP headers and the caller's name besides, some in custom parameters. Calls on a flow key a secret and a
card, by the carrier's events or by tones alone, and say the number while the model is deaf; with ``--recognised`` a
real voice says it and the local recogniser writes it down.

Searched are files, the database, logs of every level as they were before the last wall, metrics, what the webhook was
sent, every message that left for a model, and what the model still has in its memory. Recordings are compared with the
sound that must not be in them; what a model heard in a flow call must be silence to the sample. Anything that looks
like card data is a finding, and so is any eight digits of a number in a row. The callers' scripts must finish.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import re
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest import mock

import httpx

import gateway.clock
import tests.calls.rig
from gateway.audio.format import AudioFrame
from gateway.audio.tones import dtmf, silence
from gateway.audio.wav import read_wav, write_wav
from gateway.contracts.model import ToolSpec
from gateway.contracts.record import RecordingSilenced
from gateway.contracts.tool import Tool, ToolOutcome
from gateway.offline.mind import Listen, Thought, Wording
from gateway.offline.script import Script as ModelScript
from gateway.offline.script import ScriptMind
from gateway.offline.server import LocalEars
from gateway.offline.speech_desk import WorkerDesk
from gateway.offline.speech_jobs import Expected, Job, Recognise, Result
from gateway.privacy.spotting import looks_like_card
from gateway.realtime.session import RealtimeSession
from gateway.records.store.database import CallStore
from gateway.records.sweep import sweep_files, sweep_rows
from gateway.settings.records import RecordSettings
from gateway.settings.schema import Settings
from gateway.simulator.carriers.twilio_webhook import SIGNATURE_HEADER, CallForm, sign
from gateway.simulator.script import Agent, HangUp, PlayFile, Press, Say, StaySilent, Step, WaitForAgent
from gateway.speech.voice import Voice
from tests.calls.clockwork import Clockwork, hands_of
from tests.calls.flows import NUMBER, flow_rig, service, steps_of
from tests.calls.rig import CREDENTIALS, Answering, Call, Rig, calls_tool, hears, number_of, rig, says, script
from tests.calls.sounds import ModelsVoice, find, sound, words
from tests.calls.test_flows import HEAD, PIN_TOOL, SHARED

CARDS: Final = (
    "4111111111111111",
    "5555555555554444",
    "378282246310005",
    "6011111111111117",
    "30569309025904",
    "4012888888881881",
    "5105105105105100",
    "3530111333300000",
)
"""Numbers that issuers publish for tests."""
CODE, EXPIRY = "737", "twelve twenty nine"
WEBHOOK_SECRET: Final = "secret of the canary run"
AT_ONCE: Final = 8
_AT_A_TIME: Final = 96
"""Calls of one house: one of each kind and number."""
_WINDOW: Final = 8
_NAMES: Final = dict(
    zip("0123456789", ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"), strict=True)
)
_SID: Final = re.compile(r"\b[A-Z]{2}[0-9a-f]{32}\b")
"""The carrier's ids are drawn at random; one in some thousands has digits that pass for a card's. Parts of our own
numbers are looked for in them nevertheless."""
_SEPARATORS: Final = re.compile(r"[\s.,\-_/\"'\[\]:|+%]+")


def grouped(card: str) -> str:
    return " ".join(card[at : at + 4] for at in range(0, len(card), 4))


def in_words(digits: str) -> str:
    return " ".join(_NAMES[digit] for digit in digits)


@dataclass(frozen=True, slots=True, eq=False)
class Canary:
    """One kind of call: the model's script, the caller's, and the sound that no recording may hold."""

    name: str
    card: str
    script: ModelScript
    steps: tuple[Step, ...]
    secret_sound: str | None = None
    query: str = ""
    tool: str | None = None
    flow: bool = False


FLOW: Final = (
    HEAD.replace("use: [shared/everyday.yaml]", "use: [shared/everyday.yaml, shared/tools.yaml]")
    + """
    recording: {mode: on}
    slots:
      pin: {type: digits, length: 8, input: keys_only, privacy: secret}
    start: ask_pin
    steps:
      ask_pin:
        ask: pin
        prompt: {text: "key in amber birch", exact: true}
        then: {filled: check, failed: bye}
      check:
        call: check_pin
        with: {pin: "${pin}"}
        then: {ok: take, wrong: bye, failed: bye}
      take:
        pay:
          amount: ${12.5}
          currency: EUR
          processor: test
          collect: [card_number, expiry, security_code]
          prompts: shared/pay.yaml
          attempts: 2
        then: {paid: paid, declined: bye, cancelled: bye, failed: bye}
      paid:
        say: {text: "ember fjord", exact: true}
        next: bye
      bye:
        hangup: {text: "koala lemon", exact: true}
"""
)
PAY_PROMPTS: Final = """
    format: 1
    kind: prompts
    prompts:
      card_number: {text: "key in cedar delta", exact: true}
      expiry: {text: "key in ember grove", exact: true}
      security_code: {text: "key in haven ivory", exact: true}
      invalid: {text: "jolly koala", exact: true}
      waiting: {text: "lemon maple", exact: true}
"""


def tones(keys: str) -> PlayFile:
    """Return the step of a telephone that sounds its keys and has no other word for them."""
    path = Path(tempfile.gettempdir()) / f"canary-{os.getpid()}-{zlib.crc32(keys.encode()):08x}.wav"
    write_wav(path, [b"".join(dtmf(key, 80, 8000, -10.0) + bytes(16 * 80) for key in keys)], 8000)
    return PlayFile(path)


def keyed(card: str, press: Callable[[str], Step], name: str) -> Canary:
    """Return a call on the flow: a secret is keyed and a card, and the number is said aloud where nobody may hear."""
    listen = WaitForAgent(Agent.TO_FINISH, settle_ms=200)
    said = f"{name} {card}"
    steps = [listen, Say(said)]
    for keys in (card[2:10], f"{card}#", "1229", "7370" if len(card) == 15 else "737"):
        steps += [press(keys), listen]
    return Canary(name, card, script(), tuple(steps), said, flow=True)


def canaries(card: str) -> Iterator[Canary]:
    """Yield a call of every kind with one number."""
    listen = WaitForAgent(Agent.TO_FINISH, settle_ms=200)
    hello, thanks = says(words(2)), says(words(3, 5))

    def spoken(name: str, heard: str, *more: Any, answer: Any = thanks) -> Canary:
        steps = (listen, Say(f"{name} {card}"), listen, HangUp())
        return Canary(name, card, script(hello, hears(heard), answer, *more), steps, f"{name} {card}")

    yield spoken("digits", f"my card number is {grouped(card)} thank you")
    yield spoken("run", f"it's {card}")
    yield spoken("words", f"yes it is {in_words(card)}")
    yield spoken("dashes", f"the number, {'-'.join(card[at : at + 4] for at in range(0, len(card), 4))}, visa")
    yield spoken("code", f"card {grouped(card)}, expiry {EXPIRY}, security code {in_words(CODE)}")
    yield spoken(
        "read back", f"my card is {grouped(card)}", answer=says(f"Let me repeat: {grouped(card)}, is that right?")
    )
    first, second = in_words(card[:8]), in_words(card[8:])
    split = script(
        says("Please tell me your card number."), hears(f"my card number is {first}"), thanks, hears(second), thanks
    )
    steps = (listen, Say(f"one {card}"), listen, Say(f"two {card}"), listen, HangUp())
    yield Canary("split", card, split, steps, f"two {card}")
    plainly = script(hello, hears("I have keyed it in"), thanks)
    yield Canary("keyed", card, plainly, (listen, Press(card, gap_ms=120), Say("keyed in"), listen, HangUp()))
    for tool in ("gives", "breaks"):
        asked = script(hello, hears("look me up"), calls_tool(tool, {"card": card, "note": grouped(card)}), thanks)
        yield Canary(f"tool {tool}", card, asked, (listen, Say("look me up"), listen, HangUp()), tool=tool)
    plain = script(hello, hears("good morning"), thanks)
    greet = (listen, Say("good morning"), listen, HangUp())
    yield Canary("parameters", card, plain, greet, query=f"?card={card}&note=card%20{card}")
    broken = {
        "expect": "response",
        "then": [{"fail": {"message": f"card {grouped(card)} was refused", "code": "oops"}}],
    }
    again = script(hello, hears("good morning"), broken, thanks)
    yield Canary("model error", card, again, greet)
    yield keyed(card, lambda keys: Press(keys, gap_ms=150), "flow keyed")
    yield keyed(card, tones, "flow sounded")


@dataclass(slots=True)
class Findings:
    """What the search found: it should be nothing."""

    found: Counter[str] = field(default_factory=Counter)
    texts: int = 0
    bytes: int = 0
    calls: Counter[str] = field(default_factory=Counter)
    silenced: int = 0
    deaf_ms: float = 0.0
    """Audio that left for a model while it was to be deaf."""
    masks: int = 0

    def search(self, text: str, where: str, *, numbers_apart: bool = False) -> None:
        """Search a text for anything that looks like card data, and for a part of any of our numbers."""
        self.texts += 1
        self.bytes += len(text)
        self.masks += text.count("[CARD")
        if not numbers_apart and looks_like_card(_SID.sub("SID", text)):
            self.found[where] += 1
            return
        close = _SEPARATORS.sub("", text)
        spelled = _SEPARATORS.sub("", re.sub("|".join(_NAMES.values()), lambda word: _DIGIT[word[0]], text.lower()))
        if any(part in close or part in spelled for part in PARTS):
            self.found[where] += 1

    def values(self, value: Any, where: str) -> None:
        """Search all that is in a value as JSON or structlog have it."""
        match value:
            case dict():
                for name, inner in value.items():
                    self.values(inner, f"{where}.{name}")
            case list() | tuple():
                for inner in value:
                    self.values(inner, where)
            case str():
                self.search(value, where)
            case None | bool() | float():
                pass
            case _:
                self.search(str(value), where, numbers_apart=isinstance(value, int))


_DIGIT: Final = {name: digit for digit, name in _NAMES.items()}
PARTS: Final = frozenset(
    card[at : at + _WINDOW] for card in CARDS for at in range(len(card) - _WINDOW + 1)
) - frozenset({"00000000"})


class Receiver:
    """The webhook's other end."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.url = ""

    async def __aenter__(self) -> Receiver:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/calls"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                self.bodies.append(head + await reader.readexactly(length))
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


def tools() -> list[Tool]:
    """Return a tool that gives a card number away, and one that dies with it on its lips."""

    async def gives(arguments: str) -> ToolOutcome:
        return ToolOutcome(
            json.dumps({"asked": arguments, "card_on_file": CARDS[0], "note": f"card {grouped(CARDS[1])}"})
        )

    async def breaks(arguments: str) -> ToolOutcome:
        raise RuntimeError(f"can't charge {arguments} nor {CARDS[0]}")

    parameters = {"type": "object", "properties": {"card": {"type": "string"}}}
    return [
        Tool(spec=ToolSpec(name=name, description="look up", parameters=parameters), run=function)
        for name, function in (("gives", gives), ("breaks", breaks))
    ]


async def run(calls: int, folder: Path) -> Findings:
    """Make so many calls and search what they have left."""
    findings = Findings()
    every = [canary for card in CARDS for canary in canaries(card)]
    wanted = list(itertools.islice(itertools.cycle(_mixed(every)), calls))
    for number, at in enumerate(range(0, calls, _AT_A_TIME)):
        await _some(wanted[at : at + _AT_A_TIME], folder / str(number), findings)
    return findings


def _mixed(every: list[Canary]) -> list[Canary]:
    """Return them so that few calls have all kinds already, and not one number only."""
    kinds = len(every) // len(CARDS)
    return [every[((at + at // kinds) % len(CARDS)) * kinds + at % kinds] for at in range(len(every))]


class _RealEars(ModelsVoice):
    """The model speaks as ever, and listens with the local recogniser."""

    def __init__(self) -> None:
        self._desk = WorkerDesk(1)

    async def do(self, job: Job) -> Result:
        return await self._desk.do(job) if isinstance(job, Recognise) else await super().do(job)

    async def warm_up(self) -> None:
        await self._desk.warm_up()

    async def close(self) -> None:
        await self._desk.close()


async def run_recognised(calls: int, folder: Path) -> Findings:
    """Make so many calls in which a real voice says a number and the recogniser writes it down; search them.

    They take the time of the wall: the recogniser is another process, which clockwork would not wait for.
    """
    findings = Findings()

    def written_down(mind: ScriptMind, item_id: str, thought: Thought) -> Listen | Wording:
        wording = transcribe(mind, item_id, thought)
        assert isinstance(wording, Wording)
        return Listen(item_id, Expected(digits=(12, 19)))

    transcribe = ScriptMind.transcribe
    listen = WaitForAgent(Agent.TO_FINISH, settle_ms=200)
    model = script(says("Please tell me your card number."), hears(), says(words(3, 5)))
    some = [
        Canary("recognised", card, model, (listen, Say(in_words(card)), listen, StaySilent(6000), HangUp()))
        for card in itertools.islice(itertools.cycle(CARDS), calls)
    ]
    with (
        mock.patch.object(ScriptMind, "transcribe", written_down),
        mock.patch.object(ScriptMind, "expects", return_value=Expected(digits=(12, 19))),
        mock.patch.object(tests.calls.rig, "ModelsVoice", _RealEars),
        mock.patch.object(tests.calls.rig, "CallersVoice", Voice),
        mock.patch.object(tests.calls.rig, "Ears", LocalEars),
    ):
        await _some(some, folder, findings)
    assert findings.masks >= calls, "the recogniser heard numbers, and they were masked"
    return findings


async def _some(some: list[Canary], folder: Path, findings: Findings) -> None:
    talks, flows = [one for one in some if not one.flow], [one for one in some if one.flow]
    if talks:
        names = {
            id(canary): f"m{chr(97 + at // 26)}{chr(97 + at % 26)}" for at, canary in enumerate(dict.fromkeys(talks))
        }
        answering = {
            names[id(canary)]: Answering(canary.script, persona={"idle": {"after_ms": 60_000}})
            for canary in dict.fromkeys(talks)
        }
        cards = {number_of(names[id(canary)], answering): canary.card for canary in talks}

        @contextlib.asynccontextmanager
        async def house(**more: Any) -> AsyncIterator[Rig]:
            async with rig(folder / "talks", answering, tools=tools(), **more) as opened:
                yield opened

        await _house(house, talks, names, folder / "talks" / "data", cards, findings)
    if flows:

        @contextlib.asynccontextmanager
        async def desk(**more: Any) -> AsyncIterator[Rig]:
            files = {**SHARED, "shared/tools.yaml": PIN_TOOL, "shared/pay.yaml": PAY_PROMPTS}
            async with service({"/check": (200, {})}) as bank:
                settings = {"secrets": {"core": bank.url, "token": "t0ken"}}
                async with flow_rig(folder / "flows", FLOW, script(), files, flows=settings, **more) as opened:
                    yield opened
                asked = sorted(json.loads(request.body)["pin"] for request in bank.requests)
                assert asked == sorted(canary.card[2:10] for canary in flows), "the bank was given every secret"

        await _house(desk, flows, {}, folder / "flows" / "data", {NUMBER: CARDS[0]}, findings)


async def _house(  # noqa: PLR0917 - a house, its calls and where all of it is found
    opening: Callable[..., contextlib.AbstractAsyncContextManager[Rig]],
    some: list[Canary],
    names: Mapping[int, str],
    data: Path,
    cards: Mapping[str, str],
    findings: Findings,
) -> None:
    """Open a house, make the calls, search what they leave. ``cards``: what stands in headers, by dialled number."""
    async with Receiver() as receiver:
        records = {
            "journal": True,
            "recording": True,
            "timeline": True,
            "store": {"enabled": True},
            "webhook": {"url": receiver.url, "secret": WEBHOOK_SECRET},
        }

        def change(settings: Settings) -> Settings:
            return settings.model_copy(update={"records": RecordSettings.model_validate(records)})

        with model_bound() as bound, odd_headers(cards):
            async with opening(strict=False, log={"level": "debug"}, change=change) as house:
                house.expected_errors |= {"tool_failed", "response_failed"}
                gate = asyncio.Semaphore(AT_ONCE)

                async def one(canary: Canary) -> None:
                    async with gate:
                        await _call(house, names.get(id(canary)), canary, findings)

                await asyncio.gather(*(one(canary) for canary in some))
                await _odd_webhook(house)
                async with httpx.AsyncClient(trust_env=False) as client:
                    metrics = (await client.get(f"{house.base}/metrics")).text
            for line in metrics.splitlines():
                findings.search(line, "metrics", numbers_apart=True)
            for event in house.log:
                findings.values(event, f"log {event['event']}")
            for body in receiver.bodies:
                head, _, content = body.partition(b"\r\n\r\n")
                assert b"gateway-signature: t=" in head
                findings.values(json.loads(content), "webhook")
            assert receiver.bodies, "the webhook was never told of anything"
            _check_model(house, findings)
        _check_bound(bound, findings, deaf=all(canary.flow for canary in some))
    await _check_disk(data, findings, len(some))


@dataclass(slots=True)
class Bound:
    """What left for models."""

    messages: list[bytes] = field(default_factory=list)
    audio: list[AudioFrame] = field(default_factory=list)


@contextlib.contextmanager
def model_bound() -> Iterator[Bound]:
    """Note every message, and every stretch of audio, that leaves for a model."""
    bound = Bound()
    send, append = RealtimeSession._send, RealtimeSession.append

    def sent(session: RealtimeSession, messages: list[bytes]) -> None:
        bound.messages += messages
        send(session, messages)

    def appended(session: RealtimeSession, frame: AudioFrame) -> None:
        bound.audio.append(frame)
        append(session, frame)

    with mock.patch.object(RealtimeSession, "_send", sent), mock.patch.object(RealtimeSession, "append", appended):
        yield bound


def _check_bound(bound: Bound, findings: Findings, *, deaf: bool) -> None:
    """No message for a model has a number in it; where the model was to be deaf, all it got is silence."""
    assert bound.messages
    assert bound.audio
    for message in bound.messages:
        findings.values(json.loads(message), "message to the model")
    if deaf:
        findings.deaf_ms += sum(frame.duration_ms for frame in bound.audio)
        loud = sum(frame.raw.strip(silence(frame.format, 1)[:1]) != b"" for frame in bound.audio)
        if loud:
            findings.found["sound to a deaf model"] += loud


@contextlib.contextmanager
def odd_headers(cards: Mapping[str, str]) -> Iterator[None]:
    """Give every call to a number of ``cards`` SIP headers and a caller's name with a card number in them."""
    form = CallForm.voice

    def voice(self: CallForm, status: str = "ringing") -> dict[str, str]:
        card = cards.get(self.dialed_number)
        odd = {} if card is None else {
            "CallerName": f"CARD {grouped(card)}", "SipHeader_X-Card": card, "SipHeader_X-Note": in_words(card),
        }  # fmt: skip
        return form(self, status) | odd

    with mock.patch.object(CallForm, "voice", voice):
        yield


async def _call(house: Rig, name: str | None, canary: Canary, findings: Findings) -> None:
    target = {"voice_webhook_url": house.webhook + canary.query} if canary.query else {}
    call = await house.call(*canary.steps, to=name, target=target, limit_ms=60_000)
    assert call.records, f"the gateway never took a call of the kind {canary.name}"
    if canary.flow:
        assert steps_of(call) == ["ask_pin", "check", "take", "paid", "bye"], (canary.name, steps_of(call))
    findings.calls[canary.name] += 1
    findings.silenced += len(call.all(RecordingSilenced))
    if canary.secret_sound is not None:
        _check_recording(call, canary, findings)


def _check_recording(call: Call, canary: Canary, findings: Findings) -> None:
    """The caller's number was heard by the carrier, and is not in the recording."""
    assert canary.secret_sound is not None
    secret = sound(canary.secret_sound)
    said = find(secret, call.outcome.caller_pcm)
    assert said.likeness > 0.5, f"the caller never said it: {canary.name}"
    left = read_wav(call.papers[".wav"])[0][0]
    start = int(said.at_ms * 8)
    if any(left[2 * start + 800 : 2 * start + len(secret) - 800]):
        findings.found[f"recording of {canary.name}"] += 1


async def _odd_webhook(house: Rig) -> None:
    """A webhook with numbers where nobody looks: headers, the caller's name, and fields that do not exist."""
    form = CallForm(CREDENTIALS.account_sid).voice() | {
        "CallerName": f"CARD {grouped(CARDS[0])}",
        "SipHeader_X-Card": CARDS[1],
        "FromCity": in_words(CARDS[2]),
        "Unheard-Of": CARDS[3],
    }
    async with httpx.AsyncClient(trust_env=False) as client:
        for signature in (sign(house.webhook, form, CREDENTIALS.auth_token), "wrong"):
            headers = {SIGNATURE_HEADER: signature, "User-Agent": CARDS[4], "X-Card": grouped(CARDS[5])}
            await client.post(house.webhook, data=form, headers=headers)


def _check_model(house: Rig, findings: Findings) -> None:
    """No session remembers a number: the items in which one was found are gone."""
    for model in house.models.values():
        for session in model.sessions:
            for item in session.items:
                if item.type == "function_call":
                    continue  # it is the model's own: what is asked of the tool is cleaned on its way
                findings.search(item.text, "model's memory")
                findings.search(item.heard or "", "model's memory")


async def _check_disk(data: Path, findings: Findings, calls: int) -> None:
    swept = sweep_files(data, hear=False)
    assert swept.unread == []
    assert swept.recordings >= calls
    store = CallStore(f"sqlite:///{data / 'calls.sqlite'}")
    assert len(await store.latest(calls + 1)) == calls, "every call is in the database"
    rows = await store.texts()
    await store.close()
    sweep_rows(swept, rows)
    for finding in swept.findings:
        findings.found[f"{finding.kind} in {re.sub(r'[a-z]{12}', 'CALL', finding.where)}"] += 1
    for _, column, value in rows:
        findings.search(value, f"database {column}")
    for path in list(data.rglob("*")):  # noqa: ASYNC240 - nobody else runs here any more
        if path.is_file() and path.suffix in {".jsonl", ".txt"}:
            for line in path.read_text("utf-8").splitlines():
                findings.search(line, f"file *{path.suffix}", numbers_apart=True)


def canary_run(calls: int, folder: Path) -> Findings:
    """Make the calls in clockwork, on a loop of their own."""
    loop = Clockwork()
    asyncio.set_event_loop(loop)
    try:
        with mock.patch.object(gateway.clock, "time", hands_of(loop)):
            return loop.run_until_complete(run(calls, folder))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        asyncio.set_event_loop(None)
        loop.close()


def main() -> int:
    """Run from the command line; exit status 1 if anything was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=500)
    parser.add_argument("--recognised", type=int, default=0, help="make so many calls by recognised speech instead")
    given = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        if given.recognised:
            findings = asyncio.run(run_recognised(given.recognised, Path(folder)))
        else:
            findings = canary_run(given.calls, Path(folder))
    for kind, count in sorted(findings.calls.items()):
        print(f"{count:6}  calls: {kind}")
    print(f"{findings.masks:6}  masks, {findings.silenced} stretches silenced in recordings")
    print(f"{findings.deaf_ms / 1000:6.0f}  seconds of audio to deaf models")
    for where, count in findings.found.most_common():
        print(f"{count:6}  FOUND in {where}")
    seconds = time.monotonic() - began
    print(
        f"{sum(findings.found.values())} findings in {findings.texts} texts of {findings.bytes / 1e6:.1f} MB, "
        f"{findings.calls.total()} calls, {seconds:.0f} s"
    )
    return 1 if findings.found else 0


if __name__ == "__main__":
    sys.exit(main())
