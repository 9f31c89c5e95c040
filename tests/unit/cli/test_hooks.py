"""hooks: made for groups and whole GitLabs, listed without their tokens, and removed."""

import json

import pytest

from fakes.installation import NOW
from tagstone.adapters.vault import FernetVault, new_key
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.settings import ForgeSettings
from tagstone.store.tables import Audit, Hook, Project, Registration


@pytest.fixture
def site(tagstone):
    """A site with a GitLab and keys for tokens of hooks."""
    application = tagstone.application
    forges = {"lab": ForgeSettings(url="https://gitlab.test")}
    application.settings = application.settings.model_copy(update={"forges": forges})
    application.forges.__dict__["vault_of_hooks"] = FernetVault([new_key()])
    return tagstone


def rows(site, kind):
    with site.installation.sessions.read() as session:
        return list(session.query(kind))


@pytest.mark.parametrize("scope", ["group", "system"])
def test_a_hook_has_an_address_and_a_token_that_only_its_making_shows(site, scope: str):
    made = site.json("hooks", "make", scope, "--json")
    (row,) = rows(site, Hook)
    assert (row.scope, row.forge, row.registration_id) == (scope, "lab", None)
    assert made["url"] == f"{site.application.forges.hooks_at}/hooks/{row.id}"
    assert site.application.forges.vault_of_hooks.unseal(row.signing) == made["signing_token"]
    listed = site("hooks", "list", "--json").stdout
    assert json.loads(listed) == {"hooks": [{"hook": row.id, "forge": "lab", "scope": scope}]}
    (entry,) = rows(site, Audit)
    assert (entry.deed, entry.subject) == ("hook-made", row.id)
    assert made["signing_token"] not in entry.detail + listed + str(row.signing)


def test_a_hook_that_is_removed_is_known_no_more(site):
    made = site.json("hooks", "make", "group", "--json")
    assert site("hooks", "remove", made["hook"]).exit_code == 0
    assert rows(site, Hook) == []
    assert [entry.deed for entry in rows(site, Audit)] == ["hook-made", "hook-removed"]
    assert site("hooks", "remove", made["hook"]).exit_code == 4


def test_a_projects_own_hook_goes_with_its_registration_only(site):
    with site.installation.sessions.write() as session:
        project = Project(key="gitlab.test/17", name="wobble", location="gitlab:lab/17", created_at=NOW)
        session.add(project)
        session.flush()
        row = Registration(forge="lab", remote=17, path="stars/wobble", project_id=project.id, standing=Standing.ACTIVE)
        row.builder, row.asked_by, row.since = ImageBuilder.CI, "ada", NOW
        session.add(row)
        session.flush()
        session.add(Hook(id="5" * 32, forge="lab", scope="project", registration_id=row.id, created_at=NOW))
    assert site.json("hooks", "list", "--json") == {"hooks": []}
    assert site("hooks", "remove", "5" * 32).exit_code == 4
    assert len(rows(site, Hook)) == 1


def test_without_a_key_there_is_no_hook(tagstone):
    application = tagstone.application
    forges = {"lab": ForgeSettings(url="https://gitlab.test")}
    application.settings = application.settings.model_copy(update={"forges": forges})
    answer = tagstone("hooks", "make", "system")
    assert answer.exit_code == 6
    assert "TAGSTONE_HOOK_KEYS" in answer.stderr
    assert rows(tagstone, Hook) == []
