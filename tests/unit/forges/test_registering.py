"""A project is registered in one go, found again after a fault, and taken back without a trace at the forge."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from fakes.actors import ADA
from fakes.forge_projects import FakeForgeProjects
from fakes.installation import NOW, Installation
from fakes.registrar import FakeRegistrar
from tagstone.actions.register import Asking, Registering
from tagstone.adapters.vault import FernetVault, new_key
from tagstone.domain.forges.registration import ImageBuilder, Standing, What
from tagstone.domain.forges.remote import RemoteTag
from tagstone.domain.people.deed import Deed
from tagstone.errors import Away, Conflict, NotFound
from tagstone.store import audit, registrations
from tagstone.store.audit import Wanted
from tagstone.store.tables import Hook, Project, Registration

ASKING = Asking("gitlab", "stars/wobble", ImageBuilder.SERVICE, (), ADA)


@dataclass
class Site:
    """A site that registers projects of a forge."""

    installation: Installation
    projects: FakeForgeProjects = field(default_factory=FakeForgeProjects)
    registrar: FakeRegistrar = field(default_factory=FakeRegistrar)
    vault: FernetVault = field(default_factory=lambda: FernetVault([new_key()]))
    lent: FernetVault = field(default_factory=lambda: FernetVault([new_key()]))

    def __post_init__(self) -> None:
        self.projects.add(17, "stars/wobble", public=True)

    @property
    def registry(self) -> Registering:
        sessions, clock = self.installation.sessions, self.installation.clock
        return Registering(sessions, self.projects, self.vault, clock, "https://hooks.test", self.lent)

    def grant(self, asking: Asking = ASKING) -> tuple[str, ...]:
        return self.registry.grant(asking, self.registrar).done

    def rows(self) -> tuple[list[Registration], list[Hook], list[Project]]:
        with self.installation.sessions.read() as session:
            return list(session.query(Registration)), list(session.query(Hook)), list(session.query(Project))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    installation = Installation(tmp_path)
    yield Site(installation)
    installation.close()


def test_it_sets_up_row_hook_and_protected_tags_and_says_what_it_did(site: Site):
    done = site.grant()
    ((registration,), (hook,), (project,)) = site.rows()
    assert (registration.standing, registration.builder, registration.since) == (Standing.ACTIVE, "service", NOW)
    assert (registration.remote, registration.path, registration.granted_by) == (17, "stars/wobble", "ada")
    assert (project.key, project.location) == ("gitlab.test/stars/wobble", "gitlab:gitlab/17")
    assert site.registrar.protected == {(17, "v*")}
    assert [line for line in done if "registered" in line and "this service" in line]
    assert [line for line in done if "v* are now protected" in line]
    assert hook.remote == 1


def test_the_forge_signs_with_a_token_of_the_hooks_own_that_rests_sealed(site: Site):
    site.grant()
    (_, (hook,), _) = site.rows()
    ((owner, address, signing),) = site.registrar.hooks.values()
    assert (owner, address) == (17, f"https://hooks.test/hooks/{hook.id}")
    assert len(base64.b64decode(signing.removeprefix("whsec_"))) == 32
    assert site.vault.unseal(str(hook.signing)) == signing
    assert signing not in str(hook.signing)


def test_what_the_service_writes_is_opted_into_and_the_lent_token_rests_sealed(site: Site):
    asking = replace(ASKING, announces=frozenset((What.STATUS, What.BADGE)), lent="glpat-a-secret")
    assert "this service writes there: badge, status" in site.grant(asking)
    ((registration,), _, _) = site.rows()
    with site.installation.sessions.read() as session:
        sealed = str(session.get_one(Registration, registration.id).token)
    assert site.lent.unseal(sealed) == "glpat-a-secret"
    assert "glpat" not in sealed + repr(asking)
    assert "this service writes there: nothing" in site.grant()
    with site.installation.sessions.read() as session:
        row = session.get_one(Registration, registration.id)
        assert (row.announces, row.token) == ("[]", sealed)


def test_asked_again_it_changes_how_and_makes_nothing_twice(site: Site):
    site.grant()
    site.installation.clock.advance(1000)
    done = site.grant(replace(ASKING, builder=ImageBuilder.CI, patterns=("paper-*",)))
    ((registration,), hooks, _) = site.rows()
    assert (registration.builder, registration.tags, registration.since) == ("ci", '["paper-*"]', NOW)
    assert (len(hooks), len(site.registrar.hooks)) == (1, 1)
    assert [line for line in done if "its own pipeline" in line]
    assert [line for line in site.grant() if "v* were already protected" in line]


@pytest.mark.parametrize("after", [0, 1])
def test_after_a_lost_answer_it_is_found_and_not_made_twice(site: Site, after: int):
    if after:
        site.registrar.hook(site.projects.project("gitlab", 17), "https://elsewhere.test", "whsec_")
    site.registrar.losing = Away("The answer was lost.")
    with pytest.raises(Away):
        site.grant()
    site.grant()
    (_, (hook,), _) = site.rows()
    assert len(site.registrar.hooks) == 1 + after
    assert site.registrar.hooks[hook.remote or 0][2] == site.vault.unseal(str(hook.signing))


def test_maintainers_ask_and_a_curator_grants(site: Site):
    asked = site.registry.ask(ASKING)
    ((registration,), hooks, _) = site.rows()
    assert (registration.standing, hooks, site.registrar.hooks) == (Standing.ASKED, [], {})
    assert "waits for a curator" in asked.done[0]
    site.grant(replace(ASKING, who=replace(ADA, name="grace")))
    ((registration,), _, _) = site.rows()
    assert (registration.standing, registration.asked_by, registration.granted_by) == (Standing.ACTIVE, "ada", "grace")
    with pytest.raises(Conflict):
        site.registry.ask(ASKING)


def test_taken_back_the_hook_is_gone_and_what_is_published_stays(site: Site):
    site.grant()
    done = site.registry.end("gitlab", 17, site.registrar, ADA)
    ((registration,), hooks, projects) = site.rows()
    assert (registration.standing, hooks, site.registrar.hooks) == (Standing.ENDED, [], {})
    assert len(projects) == 1
    assert [line for line in done if "hook 1 is removed" in line]
    with pytest.raises(NotFound):
        site.registry.end("gitlab", 17, site.registrar, ADA)


def test_registered_again_only_newer_tags_count(site: Site):
    site.grant()
    site.registry.end("gitlab", 17, site.registrar, ADA)
    site.installation.clock.advance(1000)
    site.projects.tagged[17, "v1.0.0"] = RemoteTag("v1.0.0", "a" * 40, protected=True, made_at=NOW)
    site.grant()
    with site.installation.sessions.read() as session:
        (registration,) = registrations.standing(session, Standing.ACTIVE)
        assert (registration.since, registration.tags_before) == (NOW + 1000, '["v1.0.0"]')


def test_a_project_that_moved_keeps_its_registration(site: Site):
    site.grant()
    site.projects.add(17, "galaxies/wobble", public=True)
    site.grant(replace(ASKING, which=17))
    ((registration,), _, projects) = site.rows()
    assert (registration.path, [project.key for project in projects]) == ("galaxies/wobble", ["gitlab.test/stars/wobble"])


def test_what_a_project_lends_rests_sealed_and_goes_with_its_registration(site):
    site.registry.grant(replace(ASKING, lent="glpat-canary"), site.registrar)
    with site.installation.sessions.read() as session:
        (row,) = registrations.lending(session)
        assert (row.rotates, "canary" in (row.token or ""), site.lent.unseal(row.token or "")) == (True, False, "glpat-canary")
        lent = audit.newest(session, Wanted(deed=Deed.TOKEN_LENT), 2)
        assert [(one.actor, one.subject, one.detail) for one in lent] == [("ada", "stars/wobble", "may be rotated")]
    site.registry.grant(replace(ASKING, rotates=False), site.registrar)
    with site.installation.sessions.read() as session:
        assert registrations.lending(session)[0].rotates is False, "what was lent stays"
    site.registry.end("gitlab", 17, site.registrar, ADA)
    with site.installation.sessions.read() as session:
        assert session.query(Registration.token).one() == (None,)
        assert [one.deed for one in audit.newest(session, Wanted(), 1)] == [Deed.UNREGISTERED]


def test_a_project_that_is_not_there_leaves_nothing(site: Site):
    with pytest.raises(NotFound):
        site.grant(replace(ASKING, which="stars/unknown"))
    assert site.rows() == ([], [], [])


def test_while_the_forge_is_away_nothing_is_left(site: Site):
    site.projects.trouble = Away("The forge is away.")
    with pytest.raises(Away):
        site.grant()
    assert site.rows() == ([], [], [])
