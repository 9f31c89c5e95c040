"""A mail server on loopback that speaks SMTP (RFC 5321) with STARTTLS, keeps what it is sent, and refuses what it is told to."""

import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

_SECONDS = 10.0


@dataclass
class MailServer:
    """Letters that arrived, with their envelopes; `answers` are said instead of the usual, by the verb asked."""

    port: int = 0
    answers: dict[str, bytes] = field(default_factory=dict)
    letters: list[EmailMessage] = field(default_factory=list)
    envelopes: list[tuple[str, list[str]]] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)


class _Session(socketserver.StreamRequestHandler):
    """One connection; `server.kept` is what it fills, `server.certificate` what it encrypts with."""

    timeout = _SECONDS

    def handle(self) -> None:
        self.kept: MailServer = self.server.kept  # type: ignore[attr-defined]
        self.sender, self.recipients = "", list[str]()
        self._say(b"220 mail.example")
        while line := self.rfile.readline(2000):
            self.kept.said.append(line)
            verb = line.split(None, 1)[0].upper().decode("ascii", "replace") if line.strip() else ""
            if verb in self.kept.answers:
                self._say(self.kept.answers[verb])
            else:
                getattr(self, f"_on_{verb.lower()}", self._on_others)(line)

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def _on_ehlo(self, _line: bytes) -> None:
        certificate = self.server.certificate  # type: ignore[attr-defined]
        self._say(b"250-mail.example\r\n250 STARTTLS" if certificate else b"250 mail.example")

    def _on_starttls(self, _line: bytes) -> None:
        self._say(b"220 go on")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*self.server.certificate)  # type: ignore[attr-defined]
        self.request = context.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)
        self.request.do_handshake()
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)

    def _on_mail(self, line: bytes) -> None:
        self.sender = line.decode().partition("<")[2].partition(">")[0]
        self._say(b"250 ok")

    def _on_rcpt(self, line: bytes) -> None:
        self.recipients.append(line.decode().partition("<")[2].partition(">")[0])
        self._say(b"250 ok")

    def _on_data(self, _line: bytes) -> None:
        self._say(b"354 go on")
        lines = list(iter(lambda: self.rfile.readline(100_000), b".\r\n"))
        letter = BytesParser(policy=default).parsebytes(b"".join(line.removeprefix(b".") for line in lines))
        self.kept.letters.append(letter)
        self.kept.envelopes.append((self.sender, self.recipients))
        self._say(self.kept.answers.get("end of DATA", b"250 kept"))

    def _on_quit(self, _line: bytes) -> None:
        self._say(b"221 bye")

    def _on_others(self, _line: bytes) -> None:
        self._say(b"250 ok")

    def _say(self, answer: bytes) -> None:
        self.wfile.write(answer + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that breaks off, as one that does not trust the certificate, is no fault of the server."""


@contextmanager
def mail_server(certificate: tuple[Path, Path] | None = None) -> Iterator[MailServer]:
    """A server that lives as long as the block; with a certificate and its key it offers STARTTLS."""
    with _Server(("127.0.0.1", 0), _Session) as server:
        kept = MailServer(server.server_address[1])
        server.kept, server.certificate = kept, certificate  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()
