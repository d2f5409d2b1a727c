"""Payments by a processor, and mails with recordings to a server on this machine."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json

import httpx
import pytest
from pydantic import SecretStr

from gateway.errors import ToolError
from gateway.flows.engine.commands import Charge
from gateway.flows.expressions.values import CardToken, Secret
from gateway.settings.flows import MailSettings, ProcessorSettings
from gateway.toolbox.http_tool import HttpClient
from gateway.toolbox.mail import LARGEST_BYTES, message, send
from gateway.toolbox.payments import Payments


def charge(pan: str, processor: str = "test") -> Charge:
    return Charge(
        epoch=3, step="pay", processor=processor, amount="12.50", currency="EUR", card=CardToken(pan, "visa"),
        details={"expiry": Secret("1230"), "security_code": Secret("123")}, idempotency_key="cllr-pay-1-1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pan", "outcome"),
    [("4242424242424242", "paid"), ("4000000000000002", "declined"), ("4000000000000119", "failed")],
)
async def test_the_processor_that_ships_takes_test_cards(pan: str, outcome: str) -> None:
    http = HttpClient()
    assert (await Payments({}, http).charge(charge(pan))).outcome == outcome
    await http.close()


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (httpx.Response(200, json={"status": "paid", "reference": "r1"}), "paid"),
        (httpx.Response(200, json={"status": "declined"}), "declined"),
        (httpx.Response(200, json={"status": "perhaps"}), "failed"),
        (httpx.Response(402, json={"status": "paid"}), "failed"),
        (httpx.Response(200, content=b"<html>"), "failed"),
    ],
)
async def test_a_tokeniser_is_believed_only_in_the_words_it_is_to_say(answer: httpx.Response, outcome: str) -> None:
    asked: list[httpx.Request] = []

    def serve(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer

    http = HttpClient(transport=httpx.MockTransport(serve))
    headers = {"Authorization": SecretStr("Bearer k")}
    settings = ProcessorSettings(type="http", url="https://pay.example/charge", headers=headers)
    charged = await Payments({"acme": settings}, http).charge(charge("4242424242424242", "acme"))
    assert charged.outcome == outcome
    assert asked[0].headers["idempotency-key"] == "cllr-pay-1-1"
    assert json.loads(asked[0].content)["card_number"] == "4242424242424242"
    assert "4242424242424242" not in repr(charged)
    await http.close()


async def test_an_unknown_processor_takes_nothing() -> None:
    http = HttpClient()
    assert (await Payments({}, http).charge(charge("4242424242424242", "acme"))).outcome == "failed"
    await http.close()


async def test_a_recording_reaches_a_mail_server_whole() -> None:
    taken = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        in_data = False
        while line := await reader.readline():
            if in_data:
                if line == b".\r\n":
                    in_data = False
                    writer.write(b"250 kept\r\n")
                else:
                    taken.extend(line)
            elif line.upper().startswith(b"DATA"):
                in_data = True
                writer.write(b"354 go on\r\n")
            elif line.upper().startswith(b"QUIT"):
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 fine\r\n")
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = MailSettings(host="127.0.0.1", port=port, security="off", timeout_s=5)
    sound = bytes(range(256)) * 40
    subject = "A message\r\nBcc: all@example.com"
    mail = message(settings, "desk@example.com", subject, "Hear it.", attachment=("m.wav", sound))
    await asyncio.to_thread(send, settings, mail)
    server.close()
    await server.wait_closed()
    got = email.message_from_bytes(bytes(taken), policy=email.policy.default)
    assert (got["To"], got["Bcc"]) == ("desk@example.com", None)
    (attachment,) = got.iter_attachments()
    assert attachment.get_filename() == "m.wav"
    assert attachment.get_content() == sound


async def test_a_server_that_is_not_there_is_told_without_a_word_of_the_mail() -> None:
    settings = MailSettings(host="127.0.0.1", port=1, security="off", timeout_s=1)
    mail = message(settings, "desk@example.com", "s", "t", attachment=None)
    with pytest.raises(ToolError, match=r"127\.0\.0\.1:1 did not take it"):
        await asyncio.to_thread(send, settings, mail)


@pytest.mark.parametrize("to", ["nobody", "a@b.c, d@e.f", "a@b.c\r\nBcc: x@y.z"])
def test_an_address_that_is_none_or_several_is_refused(to: str) -> None:
    with pytest.raises(ToolError, match="not one mail address"):
        message(MailSettings(), to, "s", "t", attachment=None)


def test_what_is_too_large_for_a_mail_stays_where_it_is() -> None:
    mail = message(MailSettings(), "a@b.c", "s", "t", attachment=("m.wav", bytes(LARGEST_BYTES + 1)))
    assert not list(mail.iter_attachments())
    assert "too large" in mail.get_content()
