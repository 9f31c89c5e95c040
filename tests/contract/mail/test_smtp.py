"""Letters through a real mail server on loopback."""

import subprocess
from pathlib import Path

import pytest

from servers.smtp import mail_server
from tagstone.adapters.smtp import SmtpMail
from tagstone.errors import Invalid, Temporary

SENDER = "tagstone@site.example"


def mail(port: int, host: str | None = "localhost", **options: object) -> SmtpMail:
    given = {"user": None, "password": None, "starttls": False} | options
    return SmtpMail(host, port, SENDER, **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("certificate")
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    more = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run([*line.split(), *more], check=True, capture_output=True)
    return folder / "cert", folder / "key"


def test_a_letter_arrives_as_it_was_written() -> None:
    with mail_server() as server:
        assert mail(server.port).send("ada@example.org", "wobble v1: is published", "It wobbles.\n.\nÄpfel\n")
    (letter,) = server.letters
    assert server.envelopes == [(SENDER, ["ada@example.org"])]
    assert (letter["To"], letter["From"], letter["Subject"]) == ("ada@example.org", SENDER, "wobble v1: is published")
    assert letter["Auto-Submitted"] == "auto-generated"
    assert letter.get_content().replace("\r\n", "\n") == "It wobbles.\n.\nÄpfel\n"


def test_the_same_letter_keeps_its_identity() -> None:
    with mail_server() as server:
        for _ in range(2):
            mail(server.port).send("ada@example.org", "s", "t")
        mail(server.port).send("ada@example.org", "s", "another")
    first, again, other = (letter["Message-ID"] for letter in server.letters)
    assert first == again != other


def test_where_no_server_is_set_nothing_is_sent() -> None:
    assert not mail(0, None).send("ada@example.org", "s", "t")


def test_a_letter_goes_encrypted_where_the_server_is_trusted(certificate: tuple[Path, Path]) -> None:
    with mail_server(certificate) as server:
        assert mail(server.port, starttls=True, site_ca=certificate[0]).send("ada@example.org", "s", "t")
    assert len(server.letters) == 1


def test_nothing_is_said_to_a_server_that_is_not_trusted(certificate: tuple[Path, Path]) -> None:
    with mail_server(certificate) as server, pytest.raises(Temporary):
        mail(server.port, starttls=True, user="u", password="canary-password").send("ada@example.org", "s", "t")
    assert not server.letters
    assert not any(b"AUTH" in line for line in server.said)


def test_nothing_is_said_in_the_open_where_it_is_to_be_encrypted() -> None:
    with mail_server() as server, pytest.raises(Temporary):
        mail(server.port, starttls=True).send("ada@example.org", "s", "t")
    assert not server.letters


@pytest.mark.parametrize(
    "subject", ["a\nBcc: eve@example.org", "a\r\nBcc: eve@example.org\r\n\r\nbody", "a\n\nbody", "a\x0bBcc: eve@example.org"]
)
def test_a_subject_begins_no_header_and_no_body(subject: str) -> None:
    with mail_server() as server:
        mail(server.port).send("ada@example.org", subject, "t")
    (letter,) = server.letters
    assert letter["Bcc"] is None
    assert server.envelopes[0][1] == ["ada@example.org"]
    assert letter.get_content().strip() == "t"


@pytest.mark.parametrize("address", ["ada@example.org\nBcc: eve@example.org", "ada@example.org\r\nX: y"])
def test_an_address_begins_no_header(address: str) -> None:
    with mail_server() as server, pytest.raises(Invalid):
        mail(server.port).send(address, "s", "t")
    assert not server.letters


@pytest.mark.parametrize("verb", ["RCPT", "end of DATA"])
@pytest.mark.parametrize(("answer", "kind"), [(b"550 no such user ada@example.org", Invalid), (b"451 later", Temporary)])
def test_a_refusal_is_for_good_or_for_now(verb: str, answer: bytes, kind: type[Exception]) -> None:
    with mail_server() as server, pytest.raises(kind) as refused:
        server.answers[verb] = answer
        mail(server.port).send("ada@example.org", "s", "t")
    assert "ada@example.org" not in str(refused.value)


@pytest.mark.parametrize("answer", [b"421 going down", b"\xff\xfe nonsense"])
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_server_that_goes_down_or_talks_nonsense_is_trouble_that_may_pass(verb: str, answer: bytes) -> None:
    with mail_server() as server, pytest.raises(Temporary):
        server.answers[verb] = answer
        mail(server.port).send("ada@example.org", "s", "t")


def test_nobody_there_is_trouble_that_may_pass() -> None:
    with mail_server() as server:
        port = server.port
    with pytest.raises(Temporary):
        mail(port).send("ada@example.org", "s", "t")


def test_a_letter_that_was_taken_is_sent_whatever_the_server_says_afterwards() -> None:
    with mail_server() as server:
        server.answers["QUIT"] = b"500 no"
        assert mail(server.port).send("ada@example.org", "s", "t")
    assert len(server.letters) == 1
