"""Rehearsals of a forge's project go the whole way, into a depository whose identifiers are registered nowhere; nothing lasting comes of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from fakes.depository import FakeDepository, OneDepository
from fakes.small_project import commit
from tagstone.actions.cite import cite
from tagstone.adapters.forges import SiteForges
from tagstone.adapters.git import GitForge
from tagstone.domain.citations.citation_style import Format
from tagstone.domain.code.source import Commit, ProjectIdentity, SourceEntry
from tagstone.domain.deposits.deposit import DepositState
from tagstone.domain.publications.publication import Kind, State, Step, steps
from tagstone.errors import Away, Conflict, Temporary
from tagstone.store import accounts, asked, publications
from tagstone.store import steps as journal
from tagstone.store.tables import Letter, Word

Site = Any  # the fixture's class lives in conftest.py, which cannot be imported
LOCATION = "gitlab:lab/17"


@dataclass(frozen=True)
class Mirrored:
    """A project at a forge whose code is here already."""

    path: str
    local: GitForge

    def identify(self, location: str) -> ProjectIdentity:
        return replace(self.local.identify(self.path), location=location)

    def resolve(self, _location: str, ref: str) -> Commit:
        return self.local.resolve(self.path, ref)

    def snapshot(self, _location: str) -> Commit:
        raise AssertionError("there is no work tree")

    def entries(self, _location: str, at: Commit) -> list[SourceEntry]:
        return self.local.entries(self.path, at)

    def read(self, _location: str, object_ids: Iterable[str]) -> Iterator[bytes]:
        return self.local.read(self.path, object_ids)


@pytest.fixture
def remote(site: Site) -> Site:
    """The same site, whose repository is a project at a forge."""
    local = GitForge()
    mirrored = Mirrored(str(site.repository), local)
    site.application.forge = SiteForges(local, lambda: mirrored)
    site.repository = LOCATION
    return site


def rehearse(site: Site, ref: str = "v1.0.0") -> str:
    publication: str = site.submit(ref, Kind.REHEARSAL)
    return publication


def go(site: Site, publication: str, until: Step | None = None) -> str:
    """Go through the steps as the workflow does, which does not know whether a rehearsal deposits."""
    for step in steps(Kind.REHEARSAL, deposits=True):
        if step is until:
            return "go"
        answer: str = site.perform(publication, step)
        if answer != "go":
            return answer
    return "go"


def test_it_ends_as_a_record_of_its_own_that_is_registered_nowhere(remote: Site, fake: FakeDepository):
    publication = rehearse(remote)
    assert go(remote, publication) == "go"
    row, facts = remote.row(publication), remote.facts(publication)
    assert (row.state, row.kind) == (State.REHEARSED, "rehearsal")
    (deposit,) = fake.deposits()
    assert (deposit.state, deposit.id) == (DepositState.PUBLISHED, facts.deposit.id)
    assert fake.metadata(deposit.id).title == "Rehearsal: Wobble"
    assert row.doi == deposit.doi
    assert row.account == "local"


def test_nothing_follows_from_it(remote: Site, fake: FakeDepository):
    rehearsal = rehearse(remote)
    assert go(remote, rehearsal) == "go"
    with remote.application.sessions.read() as session:
        project = remote.row(rehearsal).project_id
        assert accounts.series(session, project, "local") is None
        assert publications.latest_published(session, project) is None
        assert session.query(Word).count() == session.query(Letter).count() == 0
    published = remote.submit()
    assert remote.go(published) == "go"
    first, second = fake.deposits()
    assert first.series != second.series
    assert remote.row(published).state == State.PUBLISHED
    assert fake.metadata(second.id).title == "Wobble"


def test_it_waits_for_nobody_and_holds_nobody_up(remote: Site, fake: FakeDepository):
    published, rehearsal = remote.submit(), rehearse(remote)
    assert remote.go(published, Step.RUN) == "go"
    assert go(remote, rehearsal) == "go"
    with remote.application.sessions.read() as session:
        assert not journal.was_begun(session, rehearsal, Step.REVIEW)
    assert remote.go(published) == "go"


def test_the_tag_in_the_registry_is_left_to_publications(remote: Site, fake: FakeDepository):
    rehearsal = rehearse(remote)
    assert go(remote, rehearsal) == "go"
    (remote.application.home.parent / "wobble" / "analysis.py").write_text("print('other')\n")
    commit(remote.application.home.parent / "wobble", "v1.0.0")
    again = rehearse(remote)
    assert again != rehearsal
    assert go(remote, again) == "go"


@pytest.mark.parametrize("until", [Step.RESOLVE, Step.RESERVE, Step.RELEASE])
def test_where_dois_are_registered_nothing_is_rehearsed(remote: Site, until: Step):
    depository = FakeDepository(name="local", registered=True)
    rehearsal = rehearse(remote)
    remote.application.depositories = OneDepository(depository)
    assert go(remote, rehearsal, until) == "go"
    # What the admin says of a depository may change between two steps.
    remote.application.depositories = OneDepository(depository, registered=True)
    remote.application.__dict__.pop("ports", None)
    assert remote.perform(rehearsal, until) == "stop"
    row = remote.row(rehearsal)
    assert (row.state, row.error_kind) == (State.FAILED, "forbidden")
    assert "nothing is rehearsed there" in row.error
    assert all(deposit.state is not DepositState.PUBLISHED for deposit in depository.deposits())
    assert remote.builder.calls["start"] == 0 or until is not Step.RESOLVE


@pytest.mark.parametrize("call", ["draft", "reserve", "upload", "describe", "publish"])
def test_answers_may_be_lost_and_there_is_one_record(remote: Site, fake: FakeDepository, call: str):
    fake.lose(call)
    rehearsal = rehearse(remote)
    for _ in range(8):
        if go(remote, rehearsal) == "go":
            break
    assert remote.row(rehearsal).state == State.REHEARSED
    assert [deposit.state for deposit in fake.deposits()] == [DepositState.PUBLISHED]


@pytest.mark.parametrize("trouble", [Away("away"), Temporary("later")])
def test_a_depository_that_is_away_is_waited_for(remote: Site, fake: FakeDepository, trouble: Temporary):
    fake.fail("draft", trouble)
    rehearsal = rehearse(remote)
    assert go(remote, rehearsal) in ("wait", "retry")
    assert go(remote, rehearsal) == "go"


def test_cancelled_before_its_end_it_leaves_no_draft(remote: Site, fake: FakeDepository):
    rehearsal = rehearse(remote)
    assert go(remote, rehearsal, Step.UPLOAD) == "go"
    with remote.application.sessions.write() as session:
        publications.get(session, rehearsal).cancel_requested = True
    assert go(remote, rehearsal) == "stop"
    assert remote.row(rehearsal).state == State.CANCELLED
    assert fake.deposits() == []


def test_it_cannot_be_cited_and_its_bundle_says_so(remote: Site, fake: FakeDepository):
    rehearsal = rehearse(remote)
    assert go(remote, rehearsal) == "go"
    with pytest.raises(Conflict, match="a rehearsal cannot be cited"):
        cite(remote.facts(rehearsal), Format.BIBTEX)
    readme = (remote.application.home / "bundles" / rehearsal / "README.md").read_text()
    assert "This is a rehearsal" in readme


def test_a_local_repositorys_rehearsal_still_touches_no_depository(site: Site, fake: FakeDepository):
    rehearsal = rehearse(site)
    assert go(site, rehearsal) == "go"
    row = site.row(rehearsal)
    assert (row.state, row.doi, fake.deposits()) == (State.REHEARSED, None, [])
    with site.application.sessions.read() as session:
        assert asked.of(session, rehearsal) == []
