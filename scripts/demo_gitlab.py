"""Publishes the example from a GitLab: registered, tagged, its pipeline run from our templates, and the DOI on the release page.

Called by `make demo-gitlab`. The GitLab is the one of the tests (tests/fakes/gitlab), which comes and goes with this; the service is
real, with a database of its own and the images of `make demo`, and gitlab-ci-local runs the pipeline.
"""

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

import demo
from fakes.gitlab.server import FakeGitlab, running_gitlab
from fakes.gitlab.state import REPORTER, Person, Project
from servers.gitlab_ci_local.pipeline import Pipeline
from tagstone.adapters.vault import new_key

FOLDER = demo.DEMO / "gitlab"
PATH = f"stars/{demo.EXAMPLE.name}"
CI_IMAGE = "registry.example.org/tagstone/ci@sha256:" + "0" * 64  # named by the templates; a shell executor pulls none
_HOUR, _WIDTH = 3600, 100


@dataclass(frozen=True)
class Scene:
    """The GitLab, a project there with its maintainer, and the environment of the service that publishes for it."""

    gitlab: FakeGitlab
    project: Project
    ada: Person
    url: str
    environment: Mapping[str, str]


def main() -> int:
    """Go through the steps; return the exit code."""
    started = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with demo.step("Debian packages and settings"):
        demo.settle()
        subprocess.run([demo.ROOT / "scripts" / "install-debian", "gitlab"], check=True)
    with demo.step("Base image debian:bookworm"):
        demo.tagstone("base-image", "debian:bookworm")
    with demo.step("A GitLab on this machine"), running_gitlab(FOLDER / "gitlab") as gitlab:
        scene = make_scene(gitlab, engines())
        with demo.step(f"tagstone serve, at {scene.url}"), serving(scene):
            return publish(scene, started)


def publish(scene: Scene, started: float) -> int:
    """Register the project, push its tag, run the pipeline, and show the release page; return the exit code."""
    with demo.step(f"tagstone register {PATH}"):
        register(scene)
    with demo.step(f"git push, with the tag {demo.TAG}"):
        pipeline = make_pipeline(scene)
        push(scene, pipeline.project)
        # It speaks of the commit that the tag points to, and so of nothing before the push.
        ends = int(scene.gitlab.world.now()) + _HOUR
        token = scene.gitlab.id_token(scene.project, demo.TAG, scene.url, scene.ada, exp=ends)
        pipeline.variables["TAGSTONE_ID_TOKEN"] = token
    with demo.step("The pipeline of the tag, by gitlab-ci-local"):
        done = pipeline.tag(name=demo.TAG)
    print(done.stdout, file=sys.stderr)
    release = scene.project.releases.get(demo.TAG)
    if done.returncode != 0 or release is None:
        print(done.stderr, file=sys.stderr)
        return 1
    told = shown(scene)
    (FOLDER / "release.json").write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    print(f"\nDone in {time.monotonic() - started:.0f} s. The release page of that GitLab, as its API tells it:\n")
    print(picture(told))
    database = (FOLDER / "tagstone.sqlite").relative_to(demo.ROOT)
    print(f"\nAs JSON: {(FOLDER / 'release.json').relative_to(demo.ROOT)}. GitLab and service end now; the DOI is a local one.")
    print(f"Look at the record:   TAGSTONE_DATABASE__URL=sqlite:///{database} .venv/bin/tagstone serve --only pages")
    return 0


def engines() -> dict[str, str]:
    """The settings that allow this machine's own engines for registered projects, by their names: it is a demo for one person."""
    done = subprocess.run([demo.TAGSTONE, "doctor", "--json"], stdout=subprocess.PIPE, text=True, check=False)
    said = {check["check"]: str(check["text"]) for check in json.loads(done.stdout)["checks"]}
    runner = "docker" if said["engine"].startswith("Docker") else "podman"
    return {"TAGSTONE_BUILDS__REGISTERED": said["builder"], "TAGSTONE_RUNS__REGISTERED": runner}


def make_scene(gitlab: FakeGitlab, allowed: Mapping[str, str]) -> Scene:
    """A maintainer with an empty project, and a service that may look at it."""
    ada, service = gitlab.person("ada"), gitlab.person("tagstone")
    project = gitlab.project(PATH, owner=ada)
    gitlab.member(project, service, REPORTER)
    url = f"http://127.0.0.1:{_free_port()}"
    _secret("service-token", gitlab.personal_token(service, ["read_api", "read_repository"]))
    _secret("maintainers-token", gitlab.personal_token(ada, ["api"]))
    environment = {
        **os.environ,
        **allowed,
        "TAGSTONE_DATABASE__URL": f"sqlite:///{FOLDER / 'tagstone.sqlite'}",
        "TAGSTONE_SERVING__PORT": url.rpartition(":")[2],
        "TAGSTONE_FORGES__GITLAB__URL": gitlab.url,
        "TAGSTONE_FORGES__GITLAB__TOKEN_FILE": str(FOLDER / "service-token"),
        "TAGSTONE_HOOK_KEYS": json.dumps([new_key()]),
    }
    return Scene(gitlab, project, ada, url, environment)


@contextmanager
def serving(scene: Scene) -> Iterator[None]:
    """The whole service in one process, until the context ends; its log is kept."""
    with (
        (FOLDER / "service.log").open("w", encoding="utf-8") as log,
        subprocess.Popen([demo.TAGSTONE, "serve"], env=dict(scene.environment), stdout=log, stderr=log) as service,
    ):
        try:
            _wait(f"{scene.url}/health", service)
            yield
        finally:
            service.terminate()


def register(scene: Scene) -> None:
    """Register the project in one go, and say what was done."""
    granted = ["--account", "local", "--max-cpu", "2", "--max-time", "1h"]
    token = ["--token-file", str(FOLDER / "maintainers-token")]
    command = [str(demo.TAGSTONE), "register", PATH, "--builder", "service", *granted, *token]
    subprocess.run(command, env=dict(scene.environment), check=True)


def make_pipeline(scene: Scene) -> Pipeline:
    """The example with three lines of .gitlab-ci.yml, and what GitLab tells the jobs of its tag."""
    folder = demo.make_repository(FOLDER / demo.EXAMPLE.name, subject=f"{demo.SUBJECT} {secrets.token_hex(4)}")
    gitlab, project = scene.gitlab, scene.project
    variables = {
        "TAGSTONE_HOME": str(FOLDER / "job"),
        "CI_JOB_TOKEN": gitlab.job_token(project, scene.ada),
        "CI_SERVER_URL": gitlab.url,
        "CI_PROJECT_ID": str(project.id),
        "CI_PROJECT_PATH": PATH,
        "CI_PROJECT_URL": f"{gitlab.url}/{PATH}",
    }
    pipeline = Pipeline(folder, FOLDER / "ci", variables=variables, path=str(demo.TAGSTONE.parent), seconds=_HOUR)
    pipeline.include("tagstone.yml", {"service": scene.url, "image": CI_IMAGE, "builder": "service", "patience": _HOUR})
    demo.git(folder, "update-ref", "-d", f"refs/tags/{demo.TAG}")
    demo.commit(folder, demo.TAG, "Publish with Tagstone")
    return pipeline


def push(scene: Scene, repository: Path) -> None:
    """Push branch and tag as the maintainer; the token is in git's environment alone."""
    token = (FOLDER / "maintainers-token").read_text(encoding="utf-8")
    header = f"Authorization: Basic {base64.b64encode(f'ada:{token}'.encode()).decode()}"
    known = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": header}
    address = f"{scene.gitlab.url}/{PATH}.git"
    command = ["git", "-C", str(repository), "push", "--quiet", address, "main", demo.TAG]
    subprocess.run(command, check=True, env=os.environ | demo.GIT | known)


def shown(scene: Scene) -> dict[str, Any]:
    """The release as the API of that GitLab shows it."""
    token = (FOLDER / "maintainers-token").read_text(encoding="utf-8")
    address = f"{scene.gitlab.url}/api/v4/projects/{scene.project.id}/releases/{demo.TAG}"
    answer = requests.get(address, headers={"PRIVATE-TOKEN": token}, timeout=10)
    answer.raise_for_status()
    release: dict[str, Any] = answer.json()
    return release


def picture(release: Mapping[str, Any]) -> str:
    """A release page by its text: name, what is said of it, and its links, in a frame."""
    said = [line for line in str(release["description"]).splitlines() if not line.startswith("<!--")]
    links = [f"{link['name']}: {link['url']}" for link in release["assets"]["links"]]
    lines = [
        str(release["_links"]["self"]),
        "",
        str(release["name"]),
        "",
        *said,
        "",
        "Assets",
        *(f"  {link}" for link in links),
    ]
    folded = [piece for line in lines for piece in (_folded(line) or [""])]
    width = max(map(len, folded))
    return "\n".join([f"┌{'─' * (width + 2)}┐", *(f"│ {line:<{width}} │" for line in folded), f"└{'─' * (width + 2)}┘"])


def _folded(line: str) -> list[str]:
    """A line in lines of the page's width; addresses and digests stay whole."""
    return textwrap.wrap(line, _WIDTH, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)


def _secret(name: str, text: str) -> None:
    path = FOLDER / name
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(address: str, service: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        try:
            requests.get(address, timeout=5)
        except requests.ConnectionError:
            if service.poll() is not None:
                break
            time.sleep(0.1)
        else:
            return
    print((FOLDER / "service.log").read_text(encoding="utf-8"), file=sys.stderr)
    raise SystemExit("The service did not come up.")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as error:
        # The program that failed has said why.
        sys.exit(error.returncode)
