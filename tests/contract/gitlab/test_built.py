"""What bootstrap makes of settings: forges by name, and the tokens that projects lent."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from contract.gitlab.conftest import FILES, Scene
from fakes.installation import NOW
from tagstone.adapters.vault import new_key
from tagstone.bootstrap import Application
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.errors import NotFound
from tagstone.settings import ForgeSettings, Settings
from tagstone.store.tables import Project, Registration


def application(scene: Scene, tmp_path: Path, token: str | None) -> Application:
    forge = ForgeSettings(url=scene.gitlab.url, token=SecretStr(token) if token else None)
    return Application(Settings(home=tmp_path / "home", forges={"lab": forge}, secret_keys=[SecretStr(new_key())]))


def test_a_site_reads_announces_and_sets_up_with_its_own_token(scene: Scene, tmp_path: Path) -> None:
    built = application(scene, tmp_path, scene.token)
    scene.gitlab.push_tag(scene.wobble, "v1", scene.ada)
    commit = built.forge.resolve(scene.location, "v1")
    assert [entry.path for entry in built.forge.entries(scene.location, commit)] == list(FILES)
    project = built.forges.projects.project("lab", "stars/wobble")
    built.forges.announcer.release(project, "v1", "Published.", [])
    assert "v1" in scene.wobble.releases
    assert built.forges.registrar.protect(project, "v*")


def test_a_project_is_read_with_the_token_that_it_lent(scene: Scene, tmp_path: Path) -> None:
    built = application(scene, tmp_path, None)
    with pytest.raises(NotFound):
        built.forges.projects.project("lab", scene.wobble.id)
    lent = scene.gitlab.project_token(scene.wobble, ["read_api"], level=20)
    with built.sessions.write() as session:
        project = Project(key="x", name="wobble", location=scene.location, created_at=NOW)
        session.add(project)
        session.flush()
        row = Registration(forge="lab", remote=scene.wobble.id, path="stars/wobble", project_id=project.id)
        row.standing, row.builder, row.asked_by, row.since = Standing.ACTIVE, ImageBuilder.SERVICE, "ada", NOW
        row.token = built.vault.seal(lent)
        session.add(row)
    assert built.forges.projects.project("lab", scene.wobble.id).path == "stars/wobble"


def test_a_maintainers_own_token_is_used_once(scene: Scene, tmp_path: Path) -> None:
    built = application(scene, tmp_path, scene.gitlab.personal_token(scene.ada, ["read_api"]))
    project = built.forges.projects.project("lab", scene.wobble.id)
    assert built.forges.registrar_with(str(scene.token)).protect(project, "v*")


@pytest.mark.parametrize(
    "url", ["http://gitlab.example.org", "https://ada:secret@gitlab.example.org", "ssh://gitlab.example.org", "https://"]
)
def test_a_forge_is_spoken_to_with_tls_and_no_password_in_its_address(url: str) -> None:
    with pytest.raises(ValidationError):
        ForgeSettings(url=url)
