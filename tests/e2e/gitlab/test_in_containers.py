"""The templates in the docker executor: the image of CI jobs, pulled by digest, as uid 1000, with and without what builds need."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fakes.small_project import commit, make_repository
from fakes.tagstone_service import ScriptedService
from servers.bases import debian_base
from servers.ci_image import ci_image
from servers.docker_registry import RunningRegistry, running_docker_registry
from servers.dockerd import running_dockerd
from servers.gitlab_ci_local.pipeline import Pipeline

pytestmark = [pytest.mark.docker, pytest.mark.engines]

MANIFEST = """\
environment: {base: "debian:bookworm", install: install.sh}
run: {command: [sh, analysis.sh]}
outputs: [results/*]
"""
# What a runner's admin sets; gitlab-ci-local has no option for it.
UNCONFINED = """\
#!/bin/sh
if [ "$1" = create ]; then shift; exec docker create --security-opt seccomp=unconfined "$@"; fi
exec docker "$@"
"""


@dataclass(frozen=True)
class Site:
    """A Docker Engine and a registry that has the image of CI jobs, that of gitlab-ci-local's own helper, and a base."""

    registry: RunningRegistry
    docker: str
    image: str
    helper: str


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "registry").mkdir()
    (folder / "dockerd").mkdir()
    with (
        running_docker_registry(folder / "registry") as registry,
        running_dockerd(folder / "dockerd") as docker,
        ci_image(folder / "image") as image,
    ):
        _push_base(registry)
        digest = image.push(f"{registry.host}/tagstone/ci:test")
        image.add("rsync")
        image.push(f"{registry.host}/tagstone/helper:test")
        yield Site(registry, docker, f"{registry.host}/tagstone/ci@{digest}", f"{registry.host}/tagstone/helper:test")


def _push_base(registry: RunningRegistry) -> None:
    layout, base = debian_base()
    with layout.pullable(base.reference) as reference:
        target = f"docker://{registry.host}/library/debian:bookworm"
        command = ["skopeo", "copy", "--src-tls-verify=false", "--dest-tls-verify=false", f"docker://{reference}", target]
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def contained(
    site: Site, service: ScriptedService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Pipeline]:
    """A pipeline whose jobs run in containers that `executable` makes."""

    def make(executable: str) -> Pipeline:
        monkeypatch.setenv("DOCKER_HOST", site.docker)
        project = tmp_path / "wobble"
        make_repository(project)
        (project / "tagstone.yml").write_text(MANIFEST)
        (project / "install.sh").write_text("id -u >/opt/built-by\n")
        (project / "analysis.sh").write_text("mkdir results; cp /opt/built-by results/\n")
        variables = {
            "TAGSTONE_ID_TOKEN": "eyJ.identity.token",
            "CI_REGISTRY_IMAGE": f"{site.registry.host}/ada/wobble",
            "TAGSTONE_BUILDS__REGISTRY_INSECURE": "true",
            "TAGSTONE_BUILDS__UPSTREAM": site.registry.host,
            "TAGSTONE_BUILDS__UPSTREAM_INSECURE": "true",
        }
        containers = ("--container-executable", executable, "--helper-image", site.helper, "--network", "host")
        executor = (*containers, "--pull-policy", "if-not-present", "--no-umask")
        pipeline = Pipeline(project, tmp_path / "ci", executor, variables)
        who = {"after_script": ["echo built by $(id -u)"]}
        pipeline.include(
            "tagstone.yml", {"service": service.url, "image": site.image, "patience": 60}, **{"tagstone-build": who}
        )
        commit(project, "v1.0.0")
        return pipeline

    return make


def handed_in(service: ScriptedService) -> dict[str, object]:
    (said,) = [json.loads(one.body) for one in service.server.asked if one.method == "POST"]
    assert isinstance(said, dict)
    return said


def test_a_job_without_privileges_builds_where_the_runner_lets_it(
    contained: Callable[[str], Pipeline], site: Site, service: ScriptedService, tmp_path: Path
):
    wrapper = tmp_path / "docker-unconfined"
    wrapper.write_text(UNCONFINED)
    wrapper.chmod(0o755)
    done = contained(str(wrapper)).tag()
    assert done.returncode == 0, done.stdout + done.stderr
    digest = str(handed_in(service)["image"])
    assert digest.startswith("sha256:"), done.stdout + done.stderr
    assert "built by 1000" in done.stdout
    kept = site.registry.root / "docker/registry/v2/repositories/ada/wobble/_manifests/revisions/sha256"
    assert [path.name for path in kept.iterdir()] == [digest[7:]]


def test_where_the_runner_does_not_it_says_which_setting_would_help_and_the_service_builds(
    contained: Callable[[str], Pipeline], service: ScriptedService
):
    done = contained("docker").tag()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "seccomp:unconfined" in done.stdout + done.stderr
    assert handed_in(service)["image"] is None
