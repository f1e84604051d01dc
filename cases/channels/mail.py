"""Notices by e-mail."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import format_datetime

from cases.channels.channel import Channel, DeliveryError, secret
from cases.notices import MailChannel
from layers.store.notice import Notice

# Answers of 500 and more are for good (RFC 5321, section 4.2.1).
_FOR_GOOD = 500


class Mail(Channel):
    """A server for e-mail; the notice's key is part of the ``Message-ID``."""

    def __init__(self, declared: MailChannel, environment: Mapping[str, str]) -> None:
        self._declared = declared
        self._user = secret(environment, declared.user_env)
        self._password = secret(environment, declared.secret_env)

    def send(self, notice: Notice) -> None:
        """See `Channel.send`."""
        try:
            message = self._message(notice)
        except ValueError as failure:
            # A line break in an address or a subject would forge headers.
            raise DeliveryError(str(failure), for_good=True) from failure
        try:
            with self._connected() as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as failure:
            codes = [code for code, _ in failure.recipients.values()]
            raise DeliveryError(str(failure), for_good=min(codes) >= _FOR_GOOD) from failure
        except smtplib.SMTPResponseException as failure:
            for_good = failure.smtp_code >= _FOR_GOOD
            raise DeliveryError(str(failure), for_good=for_good) from failure
        except (OSError, smtplib.SMTPException) as failure:
            raise DeliveryError(f"{type(failure).__name__}: {failure}") from failure

    def _message(self, notice: Notice) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._declared.sender
        message["To"] = notice.recipient
        message["Subject"] = notice.subject
        message["Date"] = format_datetime(notice.created)
        message["Message-ID"] = f"<{notice.key}@{self._declared.sender.partition('@')[2]}>"
        message.set_content(notice.body)
        return message

    def _connected(self) -> smtplib.SMTP:
        declared, trusted = self._declared, ssl.create_default_context()
        where = (declared.host, declared.port)
        if declared.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                *where, timeout=declared.timeout_s, context=trusted
            )
        else:
            server = smtplib.SMTP(*where, timeout=declared.timeout_s)
        if declared.tls == "starttls":
            server.starttls(context=trusted)
        if self._user is not None:
            server.login(self._user, self._password or "")
        return server
