"""register, refuse and registrations, and what check says of a registered project's caps."""

from pathlib import Path

import pytest

from fakes.forge_projects import FakeForgeProjects
from fakes.installation import NOW
from fakes.registrar import FakeRegistrar
from tagstone.adapters.vault import FernetVault, new_key
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.settings import ForgeSettings
from tagstone.store import accounts, projects, registrations
from tagstone.store.tables import Registration


@pytest.fixture
def site(tagstone):
    """A site with a GitLab, where the project stars/wobble is."""
    application = tagstone.application
    settings = application.settings.model_copy(update={"forges": {"gitlab": ForgeSettings(url="https://gitlab.test")}})
    application.settings = settings
    forges, there = application.forges, FakeForgeProjects()
    there.add(17, "stars/wobble")
    forges.__dict__ |= {"projects": there, "vault_of_hooks": FernetVault([new_key()])}
    forges.registrar_with = lambda _token: FakeRegistrar()
    return tagstone


def register(site, tmp_path: Path, *options: str):
    (tmp_path / "token").write_text("glpat-of-a-maintainer\n")
    return site("register", "stars/wobble", "--token-file", str(tmp_path / "token"), *options)


def row(site) -> Registration:
    with site.installation.sessions.read() as session:
        found = registrations.of_remote(session, "gitlab", 17)
        assert found is not None
        return found


def test_register_grants_account_and_caps_in_one_go(site, tmp_path):
    caps = ("--max-cpu", "4", "--max-memory", "16Gi", "--max-disk", "1T", "--max-gpu", "1", "--max-time", "2h")
    done = register(site, tmp_path, "--account", "local", *caps)
    assert done.exit_code == 0, done.output
    assert "at most 4 cores, 16 GiB of memory" in done.stdout
    assert row(site).caps == '{"cpu": 4.0, "memory": 17179869184, "disk": 1000000000000, "time": 7200, "gpu": 1}'
    with site.installation.sessions.read() as session:
        assert accounts.bound(session, row(site).project_id, "local") == "local"


def test_asked_again_without_caps_they_stay(site, tmp_path):
    register(site, tmp_path, "--max-cpu", "4")
    register(site, tmp_path)
    assert row(site).caps == '{"cpu": 4.0}'


def test_caps_that_are_none_register_nothing(site, tmp_path):
    done = register(site, tmp_path, "--max-memory", "a lot")
    assert done.exit_code == 3
    assert site.json("registrations") == {"registrations": []}


def test_what_is_asked_for_is_listed_and_refused_with_a_reason(site, tmp_path):
    register(site, tmp_path)
    with site.installation.sessions.write() as session:
        asked = session.get_one(Registration, row(site).id)
        asked.standing, asked.note = Standing.ASKED, "papers"
    assert [one["note"] for one in site.json("registrations")["registrations"]] == ["papers"]
    refused = site("refuse", "stars/wobble", "--because", "Use the other service.")
    assert refused.exit_code == 0, refused.output
    (told,) = site.json("registrations")["registrations"]
    assert (told["standing"], told["note"]) == ("refused", "Use the other service.")
    assert site("refuse", "stars/wobble", "--because", "Again.").exit_code == 5


def test_check_knows_the_caps_of_a_project_that_is_registered_here(site, repository, tmp_path):
    folder = tmp_path / "wobble"
    (folder / "tagstone.yml").write_text(
        "environment: {base: 'debian:bookworm'}\nrun: {command: [sh, a.sh], resources: {cpu: 8}}\noutputs: [x]\n"
    )
    with site.installation.sessions.write() as session:
        project = projects.ensure(session, site.application.forge.identify(str(folder)), NOW)
        made = Registration(forge="gitlab", remote=17, path="stars/wobble", project_id=project.id, standing=Standing.ACTIVE)
        made.builder, made.asked_by, made.since, made.caps = ImageBuilder.CI, "ada", NOW, '{"cpu": 4}'
        session.add(made)
    told = site.json("check", str(folder))
    assert "cpu: 8 cores asked for, at most 4 cores allowed." in [fault["message"] for fault in told["faults"]]
