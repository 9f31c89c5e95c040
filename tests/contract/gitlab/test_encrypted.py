"""HTTPS with a site's own CA, for the API and for Git."""

import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from contract.gitlab.conftest import FILES
from fakes.gitlab.server import FakeGitlab, running_gitlab
from tagstone.adapters.gitlab.client import GitlabSite, GitlabSites
from tagstone.adapters.gitlab.mirror import GitlabMirror
from tagstone.adapters.gitlab.projects import GitlabProjects
from tagstone.domain.forges.remote import RemoteProject
from tagstone.errors import Permanent


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of `localhost`, with its key beside it."""
    line = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    more = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "cert")]
    subprocess.run([*line.split(), *more], check=True, capture_output=True)
    return tmp_path / "cert"


@pytest.fixture
def gitlab(certificate: Path, tmp_path: Path) -> Iterator[FakeGitlab]:
    """A GitLab with a public project and a tag."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key"))
    with running_gitlab(tmp_path / "gitlab", context) as running:
        ada = running.person("ada")
        running.push_tag(running.project("stars/wobble", FILES, visibility="public", owner=ada), "v1", ada)
        yield running


def test_a_sites_own_authority_is_trusted_for_both(gitlab: FakeGitlab, certificate: Path, tmp_path: Path) -> None:
    sites = GitlabSites({"lab": GitlabSite(gitlab.url, site_ca=certificate)})
    project = GitlabProjects(sites).project("lab", "stars/wobble")
    mirror = GitlabMirror(tmp_path / "mirrors", sites, GitlabProjects(sites))
    commit = mirror.resolve(project.location, "v1")
    assert [entry.path for entry in mirror.entries(project.location, commit)] == list(FILES)


def test_a_stranger_is_not_asked_for_anything(gitlab: FakeGitlab) -> None:
    with pytest.raises(Permanent, match="certificate"):
        GitlabProjects(GitlabSites({"lab": GitlabSite(gitlab.url)})).project("lab", "stars/wobble")
    assert gitlab.asked == []


class Told:
    """What a forge said earlier."""

    def __init__(self, project: RemoteProject) -> None:
        self._project = project

    def project(self, forge: str, which: int | str) -> RemoteProject:
        return self._project


def test_git_does_not_ask_a_stranger_either(gitlab: FakeGitlab, tmp_path: Path) -> None:
    sites = GitlabSites({"lab": GitlabSite(gitlab.url, "glpat-secret")})
    project = RemoteProject("lab", 18, "stars/wobble", f"{gitlab.url}/stars/wobble", public=True)
    mirror = GitlabMirror(tmp_path / "mirrors", sites, Told(project))  # type: ignore[arg-type]
    with pytest.raises(Permanent, match="certificate"):
        mirror.resolve(project.location, "v1")
    assert gitlab.asked == []
