"""Letters through an SMTP server."""

import hashlib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import localtime
from pathlib import Path

from tagstone.errors import Forbidden, Invalid, Temporary

_SECONDS = 30.0
_FOR_GOOD = 500


class SmtpMail:
    """Sends from `sender` through `host`; nothing is sent where `host` is None. `site_ca` is a CA bundle (PEM) trusted for it."""

    def __init__(
        self,
        host: str | None,
        port: int,
        sender: str,
        *,
        user: str | None,
        password: str | None,
        starttls: bool,
        site_ca: Path | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._sender = sender
        self._user = user
        self._password = password
        self._starttls = starttls
        self._site_ca = site_ca

    def check(self) -> None:
        """Sign in, and send nothing. Raises: Forbidden where user and password are not accepted, Temporary."""
        if self._host is None:
            return
        try:
            with self._speaking(self._host) as server:
                server.noop()
        except (OSError, smtplib.SMTPException) as error:
            if isinstance(error, smtplib.SMTPAuthenticationError) and error.smtp_code >= _FOR_GOOD:
                told = "The mail server does not accept user and password."
                raise Forbidden(told, remedy="Set TAGSTONE_MAIL__PASSWORD anew.") from None
            raise Temporary(f"The mail server cannot be used: {type(error).__name__}.") from None

    def send(self, address: str, subject: str, text: str) -> bool:
        """Send one letter in plain text; False where no server is set.

        Raises:
            Temporary: the server is away, or does not take letters now.
            Invalid: it will never take this one.
        """
        if self._host is None:
            return False
        letter = self._letter(address, subject, text)
        try:
            self._transmit(self._host, letter, address)
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(min(code for code, _ in error.recipients.values())) from None
        except smtplib.SMTPDataError as error:
            raise _refused(error.smtp_code) from None
        except (OSError, smtplib.SMTPException) as error:
            # Without the server's words: they may quote the address.
            raise Temporary(f"The mail server does not take letters: {type(error).__name__}.") from None
        return True

    def _transmit(self, host: str, letter: EmailMessage, address: str) -> None:
        with self._speaking(host) as server:
            server.send_message(letter, self._sender, [address])

    @contextmanager
    def _speaking(self, host: str) -> Iterator[smtplib.SMTP]:
        """The server, once it knows who we are."""
        server = smtplib.SMTP(host, self._port, timeout=_SECONDS)
        try:
            if self._starttls:
                server.starttls(context=ssl.create_default_context(cafile=self._site_ca))
            if self._user and self._password:
                server.login(self._user, self._password)
            yield server
            with suppress(OSError, smtplib.SMTPException):  # it has the letter, whatever it says now
                server.quit()
        finally:
            server.close()

    def _letter(self, address: str, subject: str, text: str) -> EmailMessage:
        letter = EmailMessage()
        try:
            letter["From"], letter["To"], letter["Subject"] = self._sender, address, " ".join(subject.split())
            letter.set_content(text)
        except (ValueError, UnicodeError):
            raise Invalid("This is no letter: an address or its subject are none.", remedy="Nobody is told.") from None
        letter["Date"] = localtime()
        # The same letter has the same identity: sent again after a kill, mail programs show it once.
        identity = hashlib.sha256(f"{address}\0{subject}\0{text}".encode()).hexdigest()[:32]
        letter["Message-ID"] = f"<{identity}@{self._sender.rpartition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        return letter


def _refused(code: int) -> Invalid | Temporary:
    if code >= _FOR_GOOD:
        return Invalid(f"The mail server refuses the letter for good ({code}).", remedy="Correct the address in the tag.")
    return Temporary(f"The mail server does not take the letter now ({code}).", delay=60.0)
