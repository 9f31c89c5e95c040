"""Maintainers ask that a project is registered, curators grant it with account and caps or refuse it, and each is told by mail."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes.forge_projects import FakeForgeProjects
from fakes.installation import NOW, Installation
from fakes.registrar import FakeRegistrar
from tagstone.actions.register import Granted, Registering
from tagstone.actions.requests import Requests, Wish
from tagstone.adapters.vault import FernetVault, new_key
from tagstone.domain.code.source import ProjectIdentity
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.domain.people.deed import Deed, Origin
from tagstone.domain.people.viewer import NOBODY, Role, Scope, Viewer
from tagstone.domain.publications.policy import Policy
from tagstone.domain.runs.caps import Caps
from tagstone.errors import Away, Conflict, Forbidden, Invalid, NotFound, Unproven
from tagstone.store import accounts, projects, registrations
from tagstone.store.tables import Audit, Hook, Notice, Person, Registration

ALL = frozenset(Scope)
WISH = Wish("stars/wobble", None, ImageBuilder.CI, ("v*",), "We publish papers\r\nBcc: eve@example.org")
TOKEN = "glpat-of-a-maintainer"


@dataclass
class Site:
    """A site whose maintainers and curators have addresses; project 17 is there, and Ada maintains it."""

    installation: Installation
    projects: FakeForgeProjects = field(default_factory=FakeForgeProjects)
    registrar: FakeRegistrar = field(default_factory=FakeRegistrar)
    tokens: list[str] = field(default_factory=list)
    contact: str | None = "office@example.org"

    def __post_init__(self) -> None:
        self.vault = FernetVault([new_key()])
        self.projects.add(17, "stars/wobble")
        self.projects.levels[17, 5] = 40
        self.projects.levels[17, 6] = 30
        self.ada, self.bob = self.person("ada", 5), self.person("bob", 6)
        self.grace = self.person("grace", 7, Role.CURATOR)

    def person(self, name: str, remote: int, role: Role | None = None) -> Viewer:
        row = Person(issuer="https://gitlab.test", subject=name, name=name, created_at=NOW, seen_at=NOW, role=role)
        row.forge, row.remote, row.email = "gitlab", remote, f"{name}@example.org"
        with self.installation.sessions.write() as session:
            session.add(row)
            session.flush()
            return Viewer(name, row.id, role, "gitlab", remote, ALL)

    @property
    def requests(self) -> Requests:
        clock, sessions = self.installation.clock, self.installation.sessions
        policy = Policy(depositories=("local", "zenodo"))
        registering = Registering(
            sessions,
            self.projects,
            self.vault,
            clock,
            "https://hooks.test",
            self.vault,
            policy,
            "https://t.test/r",
            self.contact,
        )
        return Requests(registering, self._registrar, ("gitlab",))

    def _registrar(self, token: str) -> FakeRegistrar:
        self.tokens.append(token)
        return self.registrar

    def ask(self, viewer: Viewer | None = None, wish: Wish = WISH) -> int:
        return self.requests.ask(viewer or self.ada, Origin.PAGE, wish).registration

    def grant(self, granted: Granted | None = None) -> None:
        self.requests.grant(self.grace, Origin.PAGE, self.row.id, granted or Granted())

    @property
    def row(self) -> Registration:
        with self.installation.sessions.read() as session:
            return session.query(Registration).one()

    def letters(self) -> list[tuple[str, str]]:
        with self.installation.sessions.read() as session:
            return [(row.address, row.subject) for row in session.query(Notice).order_by(Notice.id)]

    def text(self) -> str:
        with self.installation.sessions.read() as session:
            return session.query(Notice).order_by(Notice.id.desc()).limit(1).one().text

    def deeds(self) -> list[tuple[str, str]]:
        with self.installation.sessions.read() as session:
            return [(row.deed, row.actor) for row in session.query(Audit).order_by(Audit.id)]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    installation = Installation(tmp_path)
    yield Site(installation)
    installation.close()


def test_a_maintainer_asks_and_curators_are_told(site: Site):
    site.ask()
    assert (site.row.standing, site.row.asked_by, site.row.asker) == (Standing.ASKED, "ada", site.ada.person)
    assert site.letters() == [("grace@example.org", "stars/wobble asks to be registered")]
    assert "ada asks" in site.text()
    assert "> We publish papers\n> Bcc: eve@example.org\n" in site.text()
    assert site.deeds() == [(Deed.REGISTRATION_ASKED, "ada")]


def test_asked_again_the_newer_wish_counts_and_nobody_is_told_twice(site: Site):
    site.ask()
    site.ask(wish=Wish("17", "gitlab", ImageBuilder.SERVICE, (), "Please"))
    assert (site.row.builder, site.row.tags, site.row.note) == ("service", "[]", "Please")
    assert len(site.letters()) == 1


def test_where_no_curator_has_an_address_the_sites_own_hears_of_it(site: Site):
    with site.installation.sessions.write() as session:
        session.get_one(Person, site.grace.person).email = None
    site.ask()
    assert site.letters()[0][0] == "office@example.org"


def test_who_does_not_maintain_it_is_told_that_there_is_no_such_project(site: Site):
    with pytest.raises(NotFound) as there:
        site.ask(site.bob)
    with pytest.raises(NotFound) as nowhere:
        site.ask(site.ada, Wish("stars/unknown", None, ImageBuilder.CI, (), ""))
    assert there.value.message.replace("17", "x") == nowhere.value.message.replace("stars/unknown", "stars/wobble")


@pytest.mark.parametrize(
    ("viewer", "error"),
    [
        (NOBODY, Unproven),
        (Viewer(project=1), Unproven),
        (Viewer("ada", 1, None, "gitlab", 5, frozenset({Scope.READ})), Forbidden),
    ],
)
def test_nobody_a_job_and_a_token_that_only_reads_cannot_ask(site: Site, viewer: Viewer, error: type[Exception]):
    with pytest.raises(error):
        site.ask(viewer)


def test_an_account_at_another_forge_proves_nothing(site: Site):
    with pytest.raises(Invalid):
        site.ask(Viewer("eve", 9, None, "other", 5, ALL))
    with pytest.raises(NotFound):
        site.ask(Viewer("eve", 9, None, "other", 5, ALL), Wish("17", "gitlab", ImageBuilder.CI, (), ""))


@pytest.mark.parametrize("patterns", [("a b",), ("",), ("v*\n",), ("x" * 201,), ("v*",) * 21])
def test_what_is_no_pattern_is_refused(site: Site, patterns: tuple[str, ...]):
    with pytest.raises(Invalid):
        site.ask(wish=Wish("17", None, ImageBuilder.CI, patterns, ""))


def test_a_curator_grants_with_account_and_caps_and_who_asked_is_told(site: Site):
    site.ask()
    site.grant(Granted("zenodo", Caps(cpu=2, memory=2**32)))
    row = site.row
    assert (row.standing, row.granted_by, row.since) == (Standing.ACTIVE, "grace", NOW)
    assert row.caps == '{"cpu": 2, "memory": 4294967296}'
    with site.installation.sessions.read() as session:
        assert accounts.bound(session, row.project_id, "zenodo") == "zenodo"
    assert site.letters()[-1] == ("ada@example.org", "stars/wobble is registered")
    assert "account zenodo" in site.text()
    assert "at most 2 cores, 4 GiB of memory" in site.text()
    assert (Deed.REGISTERED, "grace") in site.deeds()


def test_a_curator_refuses_with_a_reason_and_who_asked_is_told(site: Site):
    site.ask()
    site.requests.refuse(site.grace, Origin.PAGE, site.row.id, "Use the institute's service.")
    assert (site.row.standing, site.row.refused_because) == (Standing.REFUSED, "Use the institute's service.")
    assert site.letters()[-1] == ("ada@example.org", "stars/wobble was not registered")
    assert "> Use the institute's service." in site.text()
    site.ask()
    assert (site.row.standing, site.row.refused_because) == (Standing.ASKED, None)


def test_a_refusal_says_why(site: Site):
    site.ask()
    with pytest.raises(Invalid):
        site.requests.refuse(site.grace, Origin.PAGE, site.row.id, " ")


def test_nobody_but_curators_decides(site: Site):
    site.ask()
    with pytest.raises(Forbidden):
        site.requests.grant(site.ada, Origin.PAGE, site.row.id, Granted())
    with pytest.raises(Forbidden):
        site.requests.refuse(site.ada, Origin.PAGE, site.row.id, "No.")
    assert site.row.standing == Standing.ASKED


def test_what_was_decided_is_not_decided_again(site: Site):
    site.ask()
    site.grant()
    with pytest.raises(Conflict):
        site.grant()
    with pytest.raises(Conflict):
        site.ask()
    with pytest.raises(NotFound):
        site.requests.grant(site.grace, Origin.PAGE, 99, Granted())


def test_an_account_that_is_not_there_grants_nothing(site: Site):
    site.ask()
    with pytest.raises(NotFound):
        site.grant(Granted("unknown", Caps(cpu=1)))
    assert (site.row.standing, site.row.caps) == (Standing.ASKED, "{}")


def test_a_maintainer_sets_the_hook_up_with_a_token_that_is_kept_nowhere(site: Site):
    site.ask()
    with pytest.raises(Conflict):
        site.requests.set_up(site.ada, Origin.PAGE, site.row.id, TOKEN)
    site.grant()
    done = site.requests.set_up(site.ada, Origin.PAGE, site.row.id, TOKEN)
    assert [line for line in done if "hook 1 delivers" in line]
    assert site.registrar.protected == {(17, "v*")}
    assert site.tokens == [TOKEN] * 2
    with site.installation.sessions.read() as session:
        assert session.query(Registration.token).one() == (None,)
    with pytest.raises(NotFound):
        site.requests.set_up(site.bob, Origin.PAGE, site.row.id, TOKEN)


def test_a_hook_whose_answer_was_lost_is_found_again(site: Site):
    site.ask()
    site.grant()
    site.registrar.losing = Away("The answer was lost.")
    with pytest.raises(Away):
        site.requests.set_up(site.ada, Origin.PAGE, site.row.id, TOKEN)
    site.requests.set_up(site.ada, Origin.PAGE, site.row.id, TOKEN)
    with site.installation.sessions.read() as session:
        assert (len(site.registrar.hooks), session.query(Hook).count()) == (1, 1)


def test_curators_see_all_and_others_what_they_asked_for(site: Site):
    number = site.ask()
    with site.installation.sessions.read() as session:
        seen = {who.name: [row.id for row in site.requests.listing(session, who)] for who in (site.ada, site.bob, site.grace)}
        assert seen == {"ada": [number], "bob": [], "grace": [number]}
        with pytest.raises(Unproven):
            site.requests.listing(session, NOBODY)


def test_what_is_only_asked_for_changes_nothing_of_a_local_repository(site: Site):
    identity = ProjectIdentity("gitlab.test/stars/wobble", "wobble", "/home/ada/wobble", "https://gitlab.test/stars/wobble")
    with site.installation.sessions.write() as session:
        project = projects.ensure(session, identity, NOW).id
    site.ask()
    with site.installation.sessions.read() as session:
        assert registrations.of_project(session, project) is None
        assert projects.get(session, project).location == "/home/ada/wobble"
    site.requests.refuse(site.grace, Origin.PAGE, site.row.id, "Not here.")
    with site.installation.sessions.read() as session:
        assert registrations.of_project(session, project) is None
    site.ask()
    site.grant()
    with site.installation.sessions.read() as session:
        found = registrations.of_project(session, project)
        assert found is not None
        assert projects.get(session, project).location == "gitlab:gitlab/17"
