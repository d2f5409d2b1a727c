"""Sends a mail with a recording, by SMTP. The standard library's client: it blocks, so it is used in threads."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final

from gateway.errors import ToolError
from gateway.settings.flows import MailSettings

LARGEST_BYTES: Final = 20 * 1024 * 1024
"""Servers refuse larger mails; the recording then stays where it lies and the mail says where."""


def message(
    settings: MailSettings, to: str, subject: str, text: str, *, attachment: tuple[str, bytes] | None
) -> EmailMessage:
    """Return a mail, with a WAV file if it is given by name and content.

    Raises:
        ToolError: the address is none.

    """
    mail = EmailMessage()
    if "@" not in to or any(character in to for character in "\r\n,;"):
        raise ToolError("the address in 'send_to' is not one mail address; correct the flow")
    mail["From"], mail["To"], mail["Subject"] = settings.sender, to, " ".join(subject.split())[:200]
    mail["Date"], mail["Message-ID"] = formatdate(usegmt=True), make_msgid(domain=settings.sender.rpartition("@")[2])
    fits = attachment is not None and len(attachment[1]) <= LARGEST_BYTES
    mail.set_content(text if fits or attachment is None else f"{text}\nThe recording is too large for a mail.")
    if attachment is not None and fits:
        mail.add_attachment(attachment[1], maintype="audio", subtype="wav", filename=attachment[0])
    return mail


def send(settings: MailSettings, mail: EmailMessage) -> None:
    """Send a mail. Blocks, within the settings' limit for each step.

    Raises:
        ToolError: the server would not take it, or is not there.

    """
    assert settings.host is not None, "mail is sent where a server is named"
    try:
        with _connected(settings, settings.host) as server:
            if settings.username is not None and settings.password is not None:
                server.login(settings.username, settings.password.get_secret_value())
            server.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        # Its text may quote addresses and what the server said of them.
        raise ToolError(f"mail: {settings.host}:{settings.port} did not take it ({type(error).__name__})") from None


def _connected(settings: MailSettings, host: str) -> smtplib.SMTP:
    if settings.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(host, settings.port, timeout=settings.timeout_s, context=context)
    server = smtplib.SMTP(host, settings.port, timeout=settings.timeout_s)
    if settings.security == "starttls":
        try:
            server.starttls(context=ssl.create_default_context())
        except Exception:
            server.close()
            raise
    return server
