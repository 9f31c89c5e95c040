"""people: roles are given and taken, tokens are listed and revoked, and come out nowhere."""

import secrets

import pytest

from fakes.installation import NOW
from tagstone.actions.recognise import digest_of
from tagstone.domain.people.viewer import Scope
from tagstone.store import people
from tagstone.store.tables import Person, Visit


@pytest.fixture
def ada(tagstone) -> int:
    return signed_in(tagstone, "ada", "5")


def signed_in(tagstone, name: str, subject: str) -> int:
    """Somebody who signed in once; their number."""
    row = Person(issuer="https://gitlab.test", subject=subject, name=name, created_at=NOW, seen_at=NOW)
    with tagstone.installation.sessions.write() as session:
        session.add(row)
        session.flush()
        people.begin_visit(session, digest_of(subject), row.id, NOW, NOW + 60)
        return row.id


def role_of(tagstone, person: int) -> str | None:
    with tagstone.installation.sessions.read() as session:
        return people.get(session, person).role


def test_a_role_is_given_taken_and_told(tagstone, ada: int) -> None:
    assert tagstone("people", "grant", "ada", "curator").stdout == "ada is curator now.\n"
    assert tagstone("people", "grant", str(ada), "curator").stdout == "ada is curator already.\n"
    assert tagstone.json("people", "grant", "ada", "admin", "--json")["role"] == role_of(tagstone, ada) == "admin"
    assert tagstone("people", "revoke", "ada").stdout == "ada has no role any more.\n"
    assert role_of(tagstone, ada) is None


def test_who_loses_a_role_is_signed_out(tagstone, ada: int) -> None:
    tagstone("people", "grant", "ada", "admin")
    tagstone("people", "revoke", "ada")
    with tagstone.installation.sessions.read() as session:
        assert session.query(Visit).count() == 0


def test_a_role_that_is_none_is_wrong_usage(tagstone, ada: int) -> None:
    assert tagstone("people", "grant", "ada", "king").exit_code == 2
    assert role_of(tagstone, ada) is None


def test_nobody_and_several_are_told_apart(tagstone, ada: int) -> None:
    assert tagstone("people", "grant", "eve", "admin").exit_code == 4
    signed_in(tagstone, "ada", "6")
    answer = tagstone("people", "grant", "ada", "admin")
    assert answer.exit_code == 5
    assert "is the name of several" in answer.stderr
    assert role_of(tagstone, ada) is None


def test_everybody_is_listed_and_names_cannot_move_a_terminal(tagstone, ada: int) -> None:
    signed_in(tagstone, "eve\x1b[2J", "6")
    tagstone("people", "grant", str(ada), "curator")
    listed = tagstone("people", "list").stdout
    assert listed.index("ada") < listed.index("eve")
    assert "\x1b" not in listed
    assert [one["role"] for one in tagstone.json("people", "list", "--json")["people"]] == ["curator", None]


def test_an_account_is_linked_only_at_a_forge_of_the_settings(tagstone, ada: int) -> None:
    assert tagstone("people", "link", "ada", "gitlab", "7").exit_code == 4


def test_tokens_are_listed_without_themselves_and_revoked(tagstone, ada: int) -> None:
    text = "tagstone_" + secrets.token_urlsafe(32)
    with tagstone.installation.sessions.write() as session:
        people.add_token(session, ada, digest_of(text), "laptop", [Scope.READ], NOW, NOW + 60)
        people.add_token(session, ada, "0" * 64, "old", [Scope.READ], NOW - 9, NOW)
    answer = tagstone("people", "tokens")
    assert text not in answer.output
    assert digest_of(text) not in answer.output
    assert [one["stands"] for one in tagstone.json("people", "tokens", "ada", "--json")["tokens"]] == ["expired", "good"]
    assert tagstone("people", "tokens", "--revoke", "1").stdout == "The token 1 (laptop) is revoked.\n"
    assert tagstone.json("people", "tokens", "--json")["tokens"][1]["stands"] == "revoked"
    assert tagstone("people", "tokens", "--revoke", "99").exit_code == 4
    assert tagstone("people", "tokens", "ada", "--revoke", "1").exit_code == 2
