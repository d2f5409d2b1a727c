"""Whole calls over real sockets against a small gateway, faster than life where the gateway has no clock."""

from __future__ import annotations

import asyncio
import json
import wave

import httpx
import pytest
from twilio.request_validator import RequestValidator

from gateway.errors import SpeechError
from gateway.simulator import voices
from gateway.simulator.caller import CallTarget, TwilioCredentials, describe, place_call
from gateway.simulator.faults import Farewell, Faults, Signing
from gateway.simulator.rest import TwilioRest
from gateway.simulator.script import (
    Agent,
    EndedBy,
    Expect,
    HangUp,
    InterruptAfter,
    Press,
    Say,
    Script,
    StaySilent,
    WaitForAgent,
)

from .fakes import FakeGateway, ToneVoice

ACCOUNT = TwilioCredentials("AC" + "c" * 32, "0123456789abcdef0123456789abcdef")
CONNECT = (
    '<Response><Connect action="/after"><Stream url="{ws}" name="leg" statusCallback="/stream">'
    '<Parameter name="token" value="t1"/></Stream></Connect><Hangup/></Response>'
)
AFTER = "<Response><Hangup/></Response>"
FAST = 8.0


@pytest.fixture
async def gateway():
    async with FakeGateway({"/voice": CONNECT, "/after": AFTER}).running() as gateway:
        yield gateway


async def call(gateway, *steps, expect=None, limit_ms=20_000, speedup=FAST, target=None, **options):
    target = target or CallTarget(
        voice_webhook_url=gateway.http + "/voice", status_callback_url=gateway.http + "/status"
    )
    script = Script(steps=steps, expect=expect or Expect(), limit_ms=limit_ms)
    options.setdefault("credentials", ACCOUNT)
    return await place_call(target, script, voice=ToneVoice(), speedup=speedup, **options)


async def greet(stream):
    await stream.until("start")
    await stream.say(1, 1000)
    await stream.until("stop")


async def greet_and_leave(stream):
    await stream.until("start")
    await stream.say(1, 400)
    await stream.until_mark("1:400")


async def until_sound(stream, *, loud):
    """Wait for a frame of the caller that begins loud, or silent."""
    async for message in stream:
        if message["event"] == "media" and (set(message["media"]["payload"][:8]) != {"/"}) is loud:
            return


# --- a call from the webhook to the end ---------------------------------------------------------------------------


async def test_a_caller_listens_speaks_and_hangs_up(gateway):
    gateway.handle = greet
    events = []
    outcome = await call(
        gateway,
        WaitForAgent(Agent.TO_FINISH),
        Say("hello"),
        HangUp(),
        expect=Expect(ended_by=EndedBy.CALLER, within_ms=5000),
        on_event=events.append,
    )
    assert outcome.passed, describe(outcome)
    assert outcome.verbs == ["Connect"]
    assert outcome.warnings == []
    assert outcome.truth.heard_ms(1) == 1000.0
    assert [span.text for span in outcome.caller_speech_spans] == ["hello"]
    assert outcome.agent_heard_spans == [pytest.approx((outcome.truth.onsets_ms[0],) * 2, abs=1001)]
    kinds = [event.kind for event in events]
    assert kinds[:3] == ["webhook", "verb", "stream_opened"]
    assert [kind for kind in kinds if kind != "webhook"][-2:] == ["stream_ended", "ended"]
    assert outcome.events[0].at_ms < 0 <= outcome.events[-1].at_ms


async def test_webhooks_and_upgrade_are_signed_as_twilio_signs(gateway):
    gateway.handle = greet_and_leave
    outcome = await call(gateway)
    validator = RequestValidator(ACCOUNT.auth_token)
    assert sorted(gateway.paths()) == ["/after", "/status", "/stream", "/stream", "/voice"]
    for webhook in gateway.webhooks:
        url, signature = gateway.http + webhook.path, webhook.headers["x-twilio-signature"]
        assert validator.validate(url, webhook.form, signature)
    (stream,) = gateway.streams
    assert stream.headers["X-Twilio-Signature"] == validator.compute_signature(gateway.ws, {})
    assert stream.parameters == {"token": "t1"}
    assert stream.call_sid == outcome.call_sid == gateway.webhooks[0].form["CallSid"]


async def test_the_media_stream_begins_in_order_and_ends_with_stop(gateway):
    gateway.handle = greet
    await call(gateway, StaySilent(100), Press("5"), HangUp())
    received = gateway.streams[0].received
    assert [message["event"] for message in received][:2] == ["connected", "start"]
    assert received[-1]["event"] == "stop"
    assert [message["sequenceNumber"] for message in received[1:]] == [str(n) for n in range(1, len(received))]
    chunks = [int(message["media"]["chunk"]) for message in received if message["event"] == "media"]
    assert chunks == list(range(1, len(chunks) + 1))


async def test_a_gateway_that_closes_is_asked_how_the_call_goes_on(gateway):
    gateway.handle = greet_and_leave
    outcome = await call(gateway, expect=Expect(ended_by=EndedBy.GATEWAY))
    assert outcome.passed
    assert outcome.verbs == ["Connect", "Hangup"]
    assert outcome.close_code == 1000
    assert outcome.truth.heard_ms(1) == 400.0
    status = next(webhook for webhook in gateway.webhooks if webhook.path == "/status")
    assert status.form["CallStatus"] == "completed"
    told = [webhook.form["StreamEvent"] for webhook in gateway.webhooks if webhook.path == "/stream"]
    assert told == ["stream-started", "stream-stopped"]


async def test_without_an_action_the_next_verb_follows(gateway):
    gateway.twiml["/voice"] = CONNECT.replace(' action="/after"', "").replace("<Hangup/>", "<Dial>+1555</Dial>")
    gateway.handle = greet_and_leave
    outcome = await call(gateway, expect=Expect(transferred_to="tel:+1555"))
    assert outcome.passed
    assert (outcome.verbs, outcome.transferred_to) == (["Connect", "Dial"], "+1555")


async def test_an_action_may_put_the_caller_through(gateway):
    gateway.twiml["/after"] = "<Response><Say>One moment</Say><Dial><Sip>sip:desk@x</Sip></Dial></Response>"
    gateway.handle = greet_and_leave
    outcome = await call(gateway)
    assert outcome.transferred_to == "sip:desk@x"
    assert outcome.verbs == ["Connect", "Say", "Dial"]


async def test_a_caller_left_on_a_silent_line_runs_out_of_patience(gateway):
    gateway.twiml["/after"] = '<Response><Pause length="3600"/></Response>'
    gateway.handle = greet_and_leave
    outcome = await call(gateway, limit_ms=2000)
    assert outcome.ended_by is EndedBy.LIMIT
    assert not outcome.passed
    assert "silent line" in outcome.why


async def test_a_busy_gateway_rejects_the_call(gateway):
    gateway.twiml["/voice"] = '<Response><Reject reason="busy"/></Response>'
    outcome = await call(gateway)
    assert (outcome.ended_by, outcome.why, outcome.stream_sid) == (EndedBy.GATEWAY, "rejected: busy", "")
    assert gateway.webhooks[-1].form["CallStatus"] == "busy"


async def test_redirects_are_followed_and_a_ring_of_them_ends(gateway):
    gateway.twiml["/voice"] = "<Response><Redirect>/voice</Redirect></Response>"
    outcome = await call(gateway)
    assert "20 TwiML documents in one call" in outcome.why


@pytest.mark.parametrize(
    ("twiml", "why"),
    [
        (None, "answered 204, wanted 200"),
        ("<Response>", "not well-formed"),
        ('<Response><Connect><Stream url="{ws}?a=1"/></Connect></Response>', "31920"),
    ],
)
async def test_an_answer_that_twilio_would_not_run_fails_the_call_with_the_reason(gateway, twiml, why):
    gateway.twiml.pop("/voice")
    if twiml is not None:
        gateway.twiml["/voice"] = twiml
    outcome = await call(gateway, HangUp())
    assert why in outcome.why
    assert not outcome.passed
    assert gateway.webhooks[-1].form["CallStatus"] == "failed"


async def test_a_gateway_that_is_not_there_is_an_outcome(unused_tcp_port):
    target = CallTarget(voice_webhook_url=f"http://127.0.0.1:{unused_tcp_port}/voice")
    outcome = await call(None, HangUp(), target=target)
    assert outcome.ended_by is EndedBy.GATEWAY
    assert "connection" in outcome.why.lower()
    target = CallTarget(stream_url=f"ws://127.0.0.1:{unused_tcp_port}/twilio/media")
    outcome = await call(None, HangUp(), target=target)
    assert [warning.code for warning in outcome.warnings] == [31901]
    assert outcome.handshake_status is None


async def test_a_refused_upgrade_is_told_to_the_stream_callback(gateway):
    gateway.refuse_with = 403
    outcome = await call(gateway, HangUp())
    assert (outcome.handshake_status, [warning.code for warning in outcome.warnings]) == (403, [31920])
    told = next(webhook.form for webhook in gateway.webhooks if webhook.path == "/stream")
    assert (told["StreamEvent"], told["StreamError"][:5]) == ("stream-error", "31920")
    assert outcome.verbs == ["Connect", "Hangup"]


# --- straight to the stream, and by a proxy -----------------------------------------------------------------------


async def test_a_caller_may_go_straight_to_the_media_stream(gateway):
    gateway.handle = greet_and_leave
    target = CallTarget(stream_url=gateway.ws, parameters={"flow": "billing"})
    outcome = await call(gateway, target=target, credentials=None)
    assert outcome.ended_by is EndedBy.GATEWAY
    assert gateway.webhooks == []
    assert gateway.streams[0].parameters == {"flow": "billing"}
    assert "X-Twilio-Signature" not in gateway.streams[0].headers


async def test_a_public_address_is_signed_and_the_proxy_is_dialled(gateway):
    gateway.twiml["/voice"] = CONNECT.replace("{ws}", "wss://gw.example.net/twilio/media")
    gateway.handle = greet_and_leave
    target = CallTarget(voice_webhook_url="https://gw.example.net/voice", via=gateway.http)
    socket_port = gateway.ws.split(":")[2].split("/")[0]
    outcome = await call(gateway, target=target)
    webhook = gateway.webhooks[0]
    assert RequestValidator(ACCOUNT.auth_token).validate(
        "https://gw.example.net/voice", webhook.form, webhook.headers["x-twilio-signature"]
    )
    assert (webhook.headers["host"], webhook.headers["x-forwarded-proto"]) == ("gw.example.net", "https")
    # this test's webhook server takes no WebSockets, so the stream is dialled there in vain
    assert socket_port not in gateway.http
    assert outcome.handshake_status in {200, 204, 404}


async def test_a_public_stream_is_dialled_by_the_proxy_with_its_own_signature(gateway):
    gateway.handle = greet_and_leave
    proxy = "http://" + gateway.ws.split("/")[2]
    target = CallTarget(stream_url="wss://gw.example.net/twilio/media", via=proxy)
    await call(gateway, target=target)
    headers = gateway.streams[0].headers
    wanted = RequestValidator(ACCOUNT.auth_token).compute_signature("wss://gw.example.net/twilio/media", {})
    assert headers["X-Twilio-Signature"] == wanted
    assert (headers["Host"], headers["X-Forwarded-Proto"]) == ("gw.example.net", "https")


@pytest.mark.parametrize(
    "wrong",
    [{}, {"voice_webhook_url": "http://a", "stream_url": "ws://a"}, {"stream_url": "ws://a", "via": "https://a"}],
)
def test_a_target_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"a call goes to one place|via"):
        CallTarget(**wrong)


# --- barge-in, truth and network ----------------------------------------------------------------------------------


async def test_an_interrupted_gateway_is_measured_against_the_truth(gateway):
    async def handle(stream):
        await stream.until("start")
        await stream.say(1, 5000)
        await until_sound(stream, loud=True)
        await stream.clear()
        await until_sound(stream, loud=False)
        await stream.say(2, 500)
        await stream.until("stop")

    gateway.handle = handle
    outcome = await call(
        gateway,
        InterruptAfter(800),
        Say("wait"),
        WaitForAgent(Agent.TO_FINISH),
        HangUp(),
        network_ms=60,
        expect=Expect(clears_at_least=1, answered_within_ms=3000),
    )
    assert outcome.passed, describe(outcome)
    (clear,) = outcome.truth.clears
    assert clear.heard[1] == clear.played_bytes / 8
    assert 800 <= clear.heard[1] < 2500
    assert outcome.truth.heard_ms(2) == 500.0
    assert clear.played_bytes + 4000 == outcome.truth.played_bytes
    spoke = outcome.caller_speech_spans[0].start_ms
    assert clear.at_ms >= spoke + 120  # the network's delay there and back
    assert "item 1 heard to" in describe(outcome)


async def test_the_recording_has_both_sides_in_time(gateway, tmp_path):
    gateway.handle = greet
    outcome = await call(gateway, WaitForAgent(Agent.TO_FINISH), Say("hello"), HangUp())
    outcome.write_wav(tmp_path / "both.wav")
    outcome.write_caller_wav(tmp_path / "caller.wav")
    outcome.write_agent_wav(tmp_path / "agent.wav")
    with wave.open(str(tmp_path / "both.wav")) as both:
        assert (both.getnchannels(), both.getframerate()) == (2, 8000)
        assert both.getnframes() / 8 == pytest.approx(outcome.ended_ms, abs=20)
    with wave.open(str(tmp_path / "caller.wav")) as caller:
        assert caller.readframes(10**9) == outcome.caller_pcm
    with wave.open(str(tmp_path / "agent.wav")) as agent:
        assert agent.readframes(10**9) == outcome.heard_pcm


# --- the REST API -------------------------------------------------------------------------------------------------


async def ask_rest(rest, call_sid, **form):
    url = f"{rest.base_url}/2010-04-01/Accounts/{ACCOUNT.account_sid}/Calls/{call_sid}.json"
    async with httpx.AsyncClient(trust_env=False) as client:
        return await client.post(url, data=form, auth=(ACCOUNT.account_sid, ACCOUNT.auth_token))


async def test_a_hang_up_by_the_rest_api_ends_the_stream_with_stop(gateway):
    async with TwilioRest(ACCOUNT) as rest:

        async def handle(stream):
            await stream.until("start")
            assert (await ask_rest(rest, stream.call_sid, Status="completed")).status_code == 200
            await stream.until("stop")

        gateway.handle = handle
        outcome = await call(gateway, rest=rest)
        assert (outcome.ended_by, outcome.why) == (EndedBy.GATEWAY, "hung up by the REST API")
        assert gateway.streams[0].received[-1]["event"] == "stop"
        assert "/after" not in gateway.paths()
        assert (await ask_rest(rest, outcome.call_sid, Status="completed")).json()["code"] == 20404


async def test_a_transfer_by_the_rest_api_ends_the_stream_and_dials(gateway):
    async with TwilioRest(ACCOUNT) as rest:

        async def handle(stream):
            await stream.until("start")
            await ask_rest(rest, stream.call_sid, Twiml="<Response><Dial>+15559876</Dial></Response>")
            await stream.until("stop")

        gateway.handle = handle
        outcome = await call(gateway, rest=rest, expect=Expect(transferred_to="tel:+15559876"))
        assert outcome.passed
        assert outcome.verbs == ["Connect", "Dial"]


async def test_a_redirect_by_the_rest_api_fetches_the_document(gateway):
    async with TwilioRest(ACCOUNT) as rest:
        gateway.twiml["/elsewhere"] = "<Response><Dial>+1777</Dial></Response>"

        async def handle(stream):
            await stream.until("start")
            await ask_rest(rest, stream.call_sid, Url=gateway.http + "/elsewhere")
            await stream.until("stop")

        gateway.handle = handle
        outcome = await call(gateway, rest=rest)
        assert outcome.transferred_to == "+1777"


# --- faults over the socket ---------------------------------------------------------------------------------------


async def test_a_reset_tears_the_connection_down(gateway):
    ended = asyncio.get_running_loop().create_future()

    async def handle(stream):
        async for _ in stream:
            pass
        ended.set_result(None)

    async def watched(stream):
        try:
            await handle(stream)
        finally:
            if not ended.done():
                ended.set_result([message["event"] for message in stream.received])

    gateway.handle = watched
    outcome = await call(gateway, faults=Faults(reset_at_ms=200.0))
    assert outcome.ended_by is EndedBy.CARRIER
    events = await ended
    assert events is None or "stop" not in events
    assert gateway.streams[0].connection.close_code == 1006


async def test_after_a_stop_without_a_close_the_gateway_closes(gateway):
    gateway.handle = greet
    outcome = await call(gateway, StaySilent(200), HangUp(), faults=Faults(farewell=Farewell.STOP_ONLY))
    assert outcome.ended_by is EndedBy.CALLER
    assert outcome.close_code == 1000


async def test_signatures_can_be_missing_or_wrong(gateway):
    gateway.handle = greet_and_leave
    await call(gateway, faults=Faults(webhook_signature=Signing.WRONG, upgrade_signature=Signing.MISSING))
    webhook = gateway.webhooks[0]
    validator = RequestValidator(ACCOUNT.auth_token)
    assert not validator.validate(gateway.http + "/voice", webhook.form, webhook.headers["x-twilio-signature"])
    assert "X-Twilio-Signature" not in gateway.streams[0].headers


async def test_a_token_is_presented_a_second_time(gateway):
    async def handle(stream):
        first = stream is gateway.streams[0]
        await stream.until("start")
        if first:
            await stream.until("stop")
        else:
            await stream.connection.close(1008)

    gateway.handle = handle
    outcome = await call(gateway, StaySilent(1500), HangUp(), faults=Faults(reuse_token=True))
    assert outcome.reuse_close_code == 1008
    assert gateway.streams[1].parameters == gateway.streams[0].parameters == {"token": "t1"}


async def test_a_slow_reader_still_hears_everything_in_order(gateway):
    gateway.handle = greet
    outcome = await call(gateway, WaitForAgent(Agent.TO_FINISH), HangUp(), faults=Faults(slow_reader_ms=50.0))
    assert outcome.truth.heard_ms(1) == 1000.0
    assert outcome.truth.log[-1].arrived_ms >= 400.0


async def test_a_gateway_that_does_not_read_loses_caller_audio_and_is_warned_of(gateway, monkeypatch):
    monkeypatch.setattr("gateway.simulator.stream_socket._MOST_WAITING_FRAMES", 20)

    class Narrow:
        """A socket that takes nothing once the gateway has stopped reading."""

        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

        async def send(self, frame):
            if json.loads(frame)["event"] == "media":
                await asyncio.Event().wait()
            await self.inner.send(frame)

    from gateway.simulator import caller

    async def dial(address):
        return Narrow(await real(address))

    real = caller.dial
    monkeypatch.setattr(caller, "dial", dial)
    monkeypatch.setattr("gateway.simulator.stream_socket._FAREWELL_LIMIT_S", 0.1)
    outcome = await call(gateway, StaySilent(1000), HangUp())
    assert [warning.code for warning in outcome.warnings] == [31930]
    assert outcome.ended_by is EndedBy.CALLER


# --- nothing is left behind ---------------------------------------------------------------------------------------


async def test_a_cancelled_call_leaves_no_task_and_no_socket(gateway):
    opened = asyncio.Event()

    async def handle(stream):
        await stream.until("start")
        opened.set()
        async for _ in stream:
            pass

    gateway.handle = handle
    before = asyncio.all_tasks()
    placing = asyncio.create_task(call(gateway))
    await opened.wait()
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    await gateway.streams[0].connection.wait_closed()
    left = {task.get_name() for task in asyncio.all_tasks() - before}
    assert not [name for name in left if name.startswith("simulated caller")]


async def test_many_calls_at_once_all_come_through(gateway):
    gateway.handle = greet
    steps = (WaitForAgent(Agent.TO_FINISH), HangUp())
    outcomes = await asyncio.gather(*[call(gateway, *steps, speedup=1.0) for _ in range(10)])
    assert all(outcome.passed for outcome in outcomes)
    assert {outcome.truth.heard_ms(1) for outcome in outcomes} == {1000.0}
    assert len({outcome.call_sid for outcome in outcomes}) == 10


async def test_words_without_a_voice_name_the_cure(monkeypatch):
    def missing():
        raise SpeechError("there is no local voice: install the extra 'offline'")

    monkeypatch.setattr(voices, "_local_voice", missing)
    with pytest.raises(SpeechError, match="offline"):
        await place_call(CallTarget(stream_url="ws://127.0.0.1:9/x"), Script(steps=(Say("hi"),)))


async def test_the_report_names_what_failed(gateway):
    gateway.handle = greet_and_leave
    outcome = await call(gateway, Say("hello"), HangUp(), expect=Expect(ended_by=EndedBy.CALLER, within_ms=1))
    report = describe(outcome)
    assert "FAIL" in report
    assert "within_ms: wanted at most 1 ms" in report
