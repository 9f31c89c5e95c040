"""Whether a mail server takes user and password is asked without a letter."""

import pytest

from servers.smtp import mail_server
from tagstone.adapters.smtp import SmtpMail
from tagstone.errors import Forbidden, Temporary

AUTH = {"EHLO": b"250-mail.example\r\n250 AUTH PLAIN"}


def mail(port: int, host: str | None = "localhost") -> SmtpMail:
    return SmtpMail(host, port, "tagstone@site.example", user="tagstone", password="canary-password", starttls=False)


def test_a_login_that_is_taken_sends_nothing() -> None:
    with mail_server() as server:
        server.answers |= AUTH | {"AUTH": b"235 welcome"}
        mail(server.port).check()
    assert not server.letters
    assert any(line.startswith(b"AUTH") for line in server.said)


def test_one_that_is_refused_is_forbidden_and_the_password_is_not_told() -> None:
    with mail_server() as server, pytest.raises(Forbidden) as caught:
        server.answers |= AUTH | {"AUTH": b"535 no canary-password here"}
        mail(server.port).check()
    assert "canary" not in f"{caught.value.message}{caught.value.remedy}"


@pytest.mark.parametrize("answers", [{"EHLO": b"421 away"}, AUTH | {"AUTH": b"454 later"}])
def test_a_server_in_trouble_says_nothing_of_the_password(answers: dict[str, bytes]) -> None:
    with mail_server() as server, pytest.raises(Temporary):
        server.answers |= answers
        mail(server.port).check()


def test_one_that_is_not_there_is_asked_again_later() -> None:
    with mail_server() as server:
        port = server.port
    with pytest.raises(Temporary):
        mail(port).check()


def test_where_no_server_is_set_nothing_is_asked() -> None:
    mail(0, None).check()
