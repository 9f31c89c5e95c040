"""A project's token serves its account and is seen nowhere else; letters are owed with what they tell of."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from structlog.testing import capture_logs

from fakes.actors import ADA
from fakes.depository import FakeDepository, OneDepository
from fakes.small_project import MANIFEST, commit
from tagstone.actions import keep_accounts
from tagstone.adapters.vault import FernetVault
from tagstone.domain.publications.publication import Kind, Step
from tagstone.errors import Permanent
from tagstone.ports import DepositAccount
from tagstone.store import projects
from tagstone.store.tables import Letter

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported
TOKEN = "canary-5d1fb0-token-of-the-project"


@dataclass
class Zenodo:
    """A depository that is called zenodo, and remembers whose tokens it was asked with."""

    depository: FakeDepository = field(default_factory=lambda: FakeDepository(registered=True, name="zenodo"))
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    def account(self, depository: str, name: str, token: str | None) -> DepositAccount:
        self.asked.append((name, token))
        return OneDepository(self.depository, registered=True).account(depository, name, token)


@pytest.fixture
def zenodo(site: Site) -> Zenodo:
    """The project is bound to an account of its own there; v1.0.0 is tagged."""
    (site.repository / "tagstone.yml").write_text(MANIFEST + "deposit: {to: zenodo, review: false}\n")
    commit(site.repository, "v1.0.0")
    made, app = Zenodo(), site.application
    app.__dict__["depositories"], app.__dict__["vault"] = made, FernetVault([Fernet.generate_key().decode()])
    site.policy = {"depositories": ("local", "zenodo")}
    policy = replace(app.policy, **site.policy)
    new = keep_accounts.NewAccount("wobblers", "zenodo", "The Wobble Team", TOKEN)
    with app.sessions.write() as session:
        keep_accounts.add(session, app.vault, 1.0, new, ADA, replace=False)
        project = projects.ensure(session, app.forge.identify(str(site.repository)), 1.0)
        keep_accounts.bind(session, policy, 1.0, project, "wobblers", ADA)
    return made


def everything_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def events(site: Site) -> list[str]:
    with site.application.sessions.read() as session:
        return [letter.event for letter in session.query(Letter).order_by(Letter.id)]


def test_the_token_serves_the_projects_account_and_is_written_nowhere(site: Site, zenodo: Zenodo, tmp_path: Path) -> None:
    with capture_logs() as logged:
        publication = site.submit()
        assert site.go(publication) == "go"
    assert set(zenodo.asked) == {("wobblers", TOKEN)}
    assert (site.row(publication).account, site.row(publication).owner) == ("wobblers", "The Wobble Team")
    site.application.engine.dispose()
    written = everything_below(tmp_path)
    assert len(written) > 10_000
    assert TOKEN.encode() not in written
    assert TOKEN not in repr(logged)
    assert TOKEN not in repr(site.facts(publication))


def test_the_token_is_in_no_error_and_no_log_of_a_failure(site: Site, zenodo: Zenodo, tmp_path: Path) -> None:
    zenodo.depository.fail("draft", Permanent("No.", remedy="Ask."))
    with capture_logs() as logged:
        publication = site.submit()
        assert site.go(publication) == "stop"
    site.application.engine.dispose()
    assert TOKEN not in f"{site.row(publication).error} {logged!r}"
    assert TOKEN.encode() not in everything_below(tmp_path)


def test_no_build_and_no_run_is_given_the_token(site: Site, zenodo: Zenodo) -> None:
    publication = site.submit()
    site.go(publication)
    facts = site.facts(publication)
    assert TOKEN not in repr((facts.run.spec, facts.image.recipe))


def test_a_project_that_nobody_bound_does_not_get_an_others_account(site: Site, zenodo: Zenodo) -> None:
    with site.application.sessions.write() as session:
        keep_accounts.release(session, 1.0, projects.get(session, 1), "wobblers", ADA)
    publication = site.submit()
    assert site.go(publication) == "stop"
    assert (site.row(publication).error_kind, zenodo.asked) == ("forbidden", [])
    assert site.row(publication).step == Step.RESOLVE
    assert "No curator has bound this project" in site.row(publication).error


def test_who_set_the_tag_is_owed_a_letter_about_the_release(site: Site, zenodo: Zenodo) -> None:
    publication = site.submit()
    site.go(publication)
    row = site.row(publication)
    assert (bool(row.contact), events(site), row.checked_at is not None) == (True, ["published"], True)


def test_a_failure_owes_a_letter_with_each_attempt_that_fails(site: Site, zenodo: Zenodo) -> None:
    zenodo.depository.fail("draft", Permanent("No.", remedy="Ask."), times=2)
    publication = site.submit()
    site.go(publication)
    site.perform(publication, Step.RESERVE)
    assert events(site) == ["failed"]


def test_a_review_that_waits_owes_a_letter(site: Site) -> None:
    (site.repository / "tagstone.yml").write_text(MANIFEST + "deposit: {review: true}\n")
    commit(site.repository, "v1.0.0")
    publication = site.submit()
    assert site.go(publication) == "stop"
    assert events(site) == ["review"]
    assert site.row(publication).contact is not None


def test_a_rehearsal_owes_nobody_a_letter_of_a_release(site: Site) -> None:
    commit(site.repository, "v1.0.0")
    publication = site.submit("HEAD", Kind.REHEARSAL)
    assert site.go(publication) == "go"
    assert events(site) == []


def test_what_waits_for_the_curators_of_a_community_owes_one_letter(site: Site, fake: FakeDepository) -> None:
    site.policy["communities"] = ("local",)
    (site.repository / "tagstone.yml").write_text(MANIFEST + "deposit: {community: stars}\n")
    commit(site.repository, "v1.0.0")
    publication = site.submit()
    for _ in range(3):
        assert site.go(publication) == "wait"
    assert events(site) == ["curators"]
