"""What a job makes of GitLab's variables."""

from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest

from fakes.scripted_server import Reply, ScriptedServer, scripted_server
from tagstone.adapters.oci_layout import OciLayout
from tagstone.cli.job import Job, JobApplication
from tagstone.domain.reading.yaml_text import MAX_BYTES
from tagstone.errors import Invalid, NotFound
from tagstone.settings import Builds, Settings

DIGEST = "sha256:" + "a" * 64


@pytest.fixture
def registry() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        server.otherwise = Reply(404, {"errors": []})
        yield server


def application(home: Path, builds: Builds, **variables: str) -> JobApplication:
    return JobApplication(Settings(home=home, builds=builds, _site=None), Job.model_validate(variables))


def test_an_image_is_looked_for_and_put_at_the_projects_own_path(tmp_path: Path, registry: ScriptedServer):
    host = registry.url.removeprefix("http://")
    made = application(tmp_path, Builds(registry_insecure=True), CI_REGISTRY_IMAGE=f"{host}/Ada/Wobble")
    for name in ("wobble-0123abcd", "environments", "base/debian"):
        with pytest.raises(NotFound):
            made.registry.manifest(name, DIGEST)
    assert [one.path for one in registry.asked] == [
        f"/v2/ada/wobble/manifests/{DIGEST}",
        f"/v2/ada/wobble/environments/manifests/{DIGEST}",
        f"/v2/ada/wobble/base/debian/manifests/{DIGEST}",
    ]


def test_without_a_registry_of_the_project_images_stay_in_the_job(tmp_path: Path):
    assert isinstance(application(tmp_path, Builds()).registry, OciLayout)


def test_bases_come_from_the_groups_dependency_proxy_unless_a_registry_is_set(tmp_path: Path, registry: ScriptedServer):
    host = registry.url.removeprefix("http://")
    proxy = {"CI_DEPENDENCY_PROXY_DIRECT_GROUP_IMAGE_PREFIX": "gitlab.example.org:443/ada/dependency_proxy/containers"}
    assert application(tmp_path, Builds()).upstream is None
    assert application(tmp_path, Builds(), **proxy).upstream is not None
    chosen = application(tmp_path, Builds(upstream=host, upstream_insecure=True), **proxy).upstream
    assert chosen is not None
    with pytest.raises(NotFound):
        chosen.manifest("library/debian", DIGEST)
    assert registry.calls("GET", f"/v2/library/debian/manifests/{DIGEST}") == 1


def test_a_job_looks_for_no_engine(tmp_path: Path):
    assert application(tmp_path, Builds()).runner.name == "chroot"
    assert application(tmp_path, Builds(builder="docker")).builder.name == "buildah"


@pytest.mark.parametrize(
    ("said", "seconds"), [("2026-01-01T00:00:00Z", 1767225600), ("2026-01-01T01:00:00+01:00", 1767225600), ("", 0), ("soon", 0)]
)
def test_the_commits_time_is_read_where_gitlab_says_it(said: str, seconds: int):
    assert Job.model_validate({"CI_COMMIT_TIMESTAMP": said}).commit_time == seconds


def test_no_secret_is_in_what_a_job_prints_of_itself():
    names = ("TAGSTONE_ID_TOKEN", "CI_JOB_TOKEN", "CI_REGISTRY_PASSWORD", "CI_DEPENDENCY_PROXY_PASSWORD")
    assert "hush" not in repr(Job.model_validate(dict.fromkeys(names, "hush")))


def test_a_manifest_of_any_bytes_is_text_or_refused(tmp_path: Path):
    with chdir(tmp_path):
        assert Job.model_validate({}).manifest() is None
        Path("tagstone.yml").write_text("{}\n")
        assert Job.model_validate({}).manifest() == "{}\n"
        for broken in (b"\xff\xfe", b" " * (MAX_BYTES + 1)):
            Path("tagstone.yml").write_bytes(broken)
            with pytest.raises(Invalid):
                Job.model_validate({}).manifest()
