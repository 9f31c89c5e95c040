"""audit: what is done on the command line is written down with who did it, and read again by each of its parts."""

import secrets
from dataclasses import replace
from io import BytesIO

import pytest
from cryptography.fernet import Fernet

from fakes import facts as recorded
from fakes.depository import FakeDepository, OneDepository
from fakes.installation import NOW
from tagstone.actions.recognise import digest_of
from tagstone.adapters.vault import FernetVault
from tagstone.cli.asking import who
from tagstone.domain.deposits.deposit import DepositState
from tagstone.domain.people.viewer import Scope
from tagstone.domain.publications.policy import Policy
from tagstone.domain.publications.publication import State, Step
from tagstone.store import people
from tagstone.store.tables import Person, Publication

TOKEN = "canary-7f3a9e51c2-token"


@pytest.fixture
def ada(tagstone) -> str:
    """Somebody with an API token; its text."""
    text = "tagstone_" + secrets.token_urlsafe(32)
    with tagstone.installation.sessions.write() as session:
        row = Person(issuer="https://gitlab.test", subject="5", name="ada", created_at=NOW, seen_at=NOW)
        session.add(row)
        session.flush()
        people.add_token(session, row.id, digest_of(text), "laptop", [Scope.READ], NOW, NOW + 60)
    return text


@pytest.fixture
def depository(tagstone) -> FakeDepository:
    """A depository beside the local one, and a key to seal tokens with."""
    fake = FakeDepository(registered=True)
    parts = {"depositories": OneDepository(fake, registered=True), "vault": FernetVault([Fernet.generate_key().decode()])}
    tagstone.application.__dict__.update(parts)
    policy = Policy(depositories=("fake",), open_depositories=("fake",))
    tagstone.application.__class__ = type("Site", (type(tagstone.application),), {"policy": policy})
    return fake


def entries(tagstone, *arguments) -> list[dict[str, object]]:
    found: list[dict[str, object]] = tagstone.json("audit", *arguments)["entries"]
    return found


def deeds(tagstone) -> list[object]:
    return [one["deed"] for one in reversed(entries(tagstone))]


def test_roles_and_tokens_of_people_are_written_down_when_something_changed(tagstone, ada) -> None:
    for arguments in (
        ("people", "grant", "ada", "curator"),
        ("people", "grant", "ada", "curator"),
        ("people", "revoke", "ada"),
        ("people", "revoke", "ada"),
        ("people", "tokens", "--revoke", "1"),
        ("people", "tokens", "--revoke", "1"),
    ):
        assert tagstone(*arguments).exit_code == 0
    assert deeds(tagstone) == ["role-granted", "role-revoked", "token-revoked"]
    granted = entries(tagstone)[-1]
    assert (granted["by"], granted["from"], granted["at"]) == (who(), "command", NOW)
    assert (granted["subject"], granted["detail"]) == ("ada (1)", "curator, was without a role")
    assert ada not in str(entries(tagstone))
    assert digest_of(ada) not in str(entries(tagstone))


def test_accounts_and_bindings_are_written_down_and_their_tokens_are_not(tagstone, depository) -> None:
    tagstone.installation.publication()
    add = ("accounts", "add", "wobblers", "--depository", "fake", "--owner", "The Wobble Team")
    for arguments in (
        add,
        (*add, "--replace"),
        ("bind", "wobble", "wobblers"),
        ("bind", "wobble", "wobblers", "--release"),
        ("accounts", "reseal"),
        ("accounts", "remove", "wobblers"),
    ):
        answer = tagstone(*arguments, answers=f"{TOKEN}\n")
        assert answer.exit_code == 0, answer.output
    expected = [
        "account-added",
        "account-replaced",
        "account-bound",
        "account-released",
        "accounts-resealed",
        "account-removed",
    ]
    assert deeds(tagstone) == expected
    assert TOKEN not in str(entries(tagstone))


def test_what_is_decided_of_publications_is_written_down(tagstone) -> None:
    made = tagstone.installation.publication(state="failed", step="run")
    assert tagstone("retry", made).exit_code == 0
    with tagstone.installation.sessions.write() as session:
        session.get_one(Publication, made).state = State.QUEUED
    assert tagstone("cancel", made).exit_code == 0
    assert deeds(tagstone) == ["retried", "cancelled"]
    assert {one["subject"] for one in entries(tagstone)} == {made}


def test_an_approval_is_written_down_with_the_draft_that_was_looked_at(tagstone) -> None:
    made = tagstone.installation.publication(state="working", step="review", finished_at=None, attempt=3)
    tagstone.installation.step(made, Step.REVIEW, "waiting")
    assert tagstone("approve", made, "--yes").exit_code == 0
    (one,) = entries(tagstone, "--deed", "approved", "--about", made)
    assert "attempt 3" in str(one["detail"])


def test_what_was_refused_is_not_told_as_done(tagstone) -> None:
    made = tagstone.installation.publication()
    assert tagstone("cancel", made).exit_code != 0
    assert tagstone("retry", made).exit_code != 0
    assert tagstone("people", "grant", "nobody", "admin").exit_code != 0
    assert entries(tagstone) == []


def test_what_is_done_to_records_is_written_down(tagstone, depository) -> None:
    draft = depository.draft(recorded.metadata(), None)
    depository.upload(draft.id, "README.html", BytesIO(b"x"), 1)
    depository.reserve(draft.id)
    depository.publish(draft.id)
    assert depository.find(draft.id).state is DepositState.PUBLISHED
    deposit = replace(depository.find(draft.id), depository="fake")
    made = tagstone.installation.publication(replace(recorded.facts(), deposit=deposit))
    assert tagstone("amend", made, "--related", "supplement-to=10.1051/0004-6361/201834567", "--yes").exit_code == 0
    assert tagstone("withdraw", made, "--reason", "The data are wrong.", "--yes").exit_code == 0
    assert deeds(tagstone) == ["amended", "withdrawn"]
    assert [str(one["detail"]).rpartition(": ")[2] for one in entries(tagstone)] == ["The data are wrong.", "related"]


def test_it_is_searched_and_copied_in_parts(tagstone, ada) -> None:
    tagstone("people", "grant", "ada", "curator")
    tagstone.installation.clock.advance(86_400)
    tagstone("people", "revoke", "ada")
    assert [one["entry"] for one in entries(tagstone, "--after", "1")] == [2]
    assert [one["entry"] for one in entries(tagstone, "--until", "2026-03-02T12:00")] == [1]
    assert [one["entry"] for one in entries(tagstone, "--since", "2026-03-02")] == [2]
    assert [one["entry"] for one in entries(tagstone, "--by", "eve")] == []
    assert [one["entry"] for one in entries(tagstone, "--limit", "1")] == [2]
    assert tagstone("audit", "--deed", "eaten").exit_code == 2


def test_names_from_outside_cannot_move_a_terminal(tagstone, ada) -> None:
    with tagstone.installation.sessions.write() as session:
        people.get(session, 1).name = "eve\x1b[2J\r\nroot"
    tagstone("people", "grant", "1", "curator")
    printed = tagstone("audit").stdout
    assert "\x1b" not in printed
    assert "role-granted" in printed
