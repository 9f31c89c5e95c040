"""A whole site: the service in one process on SQLite, a GitLab beside it, and a project there that is registered and has a pipeline.

GitLab is a fake that speaks HTTP; all else is real: the service's process, its command line, Git, and the templates in gitlab-ci-local.
"""

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakes.gitlab.server import FakeGitlab, running_gitlab
from fakes.gitlab.state import Person, Project
from fakes.small_project import git, make_repository, put_base
from servers.gitlab_ci_local.pipeline import Pipeline
from tagstone.adapters.vault import new_key
from tagstone.bootstrap import Application
from tagstone.settings import Settings

IMAGE = "registry.example.org/tagstone/ci@sha256:" + "0" * 64
# Code, results and image, with nothing to build or run: engines have tests of their own.
MANIFEST = 'environment: {base: "debian:bookworm"}\noutputs: {brought: [results/*]}\n'
_COMING_UP, _PROGRAM = 60.0, [sys.executable, "-P", "-m", "tagstone"]


@dataclass
class GitlabSite:
    """A site below `folder`, where Ada owns the project stars/wobble, whose work tree is `repository`."""

    folder: Path
    gitlab: FakeGitlab
    port: int
    ada: Person = field(init=False)
    wobble: Project = field(init=False)
    environment: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.ada, robot = self.gitlab.person("ada"), self.gitlab.person("tagstone")
        self.wobble = self.gitlab.project("stars/wobble", owner=self.ada)
        self.gitlab.member(self.wobble, robot, 20)
        waits = {"POLL": "0.05", "POLL_LONGEST": "0.2", "RETRY": "0.2", "RECOVERY": "0.2"}
        self.environment = {
            "PATH": os.environ["PATH"],
            "TAGSTONE_HOME": str(self.folder / "home"),
            "TAGSTONE_SERVING__PORT": str(self.port),
            "TAGSTONE_RUNS__ENGINE": "chroot",  # nothing is run, and so no engine is looked for
            "TAGSTONE_FORGES__LAB__URL": self.gitlab.url,
            "TAGSTONE_FORGES__LAB__TOKEN": self.gitlab.personal_token(robot, ["read_api", "read_repository"]),
            "TAGSTONE_SECRET_KEYS": f'["{new_key()}"]',
            "TAGSTONE_HOOK_KEYS": f'["{new_key()}"]',
            **{f"TAGSTONE_WAITS__{name}": value for name, value in waits.items()},
        }

    @property
    def url(self) -> str:
        """The service's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def repository(self) -> Path:
        """Ada's work tree."""
        return self.folder / "wobble"

    def prepare(self, manifest: str = MANIFEST) -> None:
        """A base image at the service, and a sound project that is not pushed yet."""
        application = Application(Settings(home=self.folder / "home", _site=None))
        put_base(application.registry)
        application.engine.dispose()
        make_repository(self.repository)
        git(self.repository, "tag", "--delete", "v1.0.0")
        (self.repository / "tagstone.yml").write_text(manifest)
        (self.repository / "results").mkdir()
        (self.repository / "results" / "table.csv").write_text("year,amplitude\n1962,0.17\n")

    def command(self, *arguments: str) -> str:
        """What the admin's command line answers."""
        done = subprocess.run(
            [*_PROGRAM, *arguments], env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def register(self, *arguments: str) -> str:
        """Register the project with a maintainer's token; it lends one of its own."""
        lent, maintainers = self.folder / "lent", self.folder / "maintainers"
        lent.write_text(self.gitlab.project_token(self.wobble, ["api"]))
        maintainers.write_text(self.gitlab.personal_token(self.ada, ["api"]))
        tokens = ("--token-file", str(maintainers), "--lend-file", str(lent))
        return self.command("register", "stars/wobble", *tokens, *arguments)

    def push(self, *refs: str) -> None:
        """Commit what is there, and push these refs by HTTP as Ada; tags among them are set first."""
        git(self.repository, "add", ".")
        git(self.repository, "commit", "--quiet", "--allow-empty", "--message", "a change")
        for name in (ref.removeprefix("refs/tags/") for ref in refs if ref.startswith("refs/tags/")):
            git(self.repository, "tag", name)
        token = self.gitlab.personal_token(self.ada, ["write_repository"])
        basic = base64.b64encode(f"ada:{token}".encode()).decode()
        git(
            self.repository,
            *("-c", f"http.extraHeader=Authorization: Basic {basic}", "push", "--quiet"),
            *(f"{self.gitlab.url}/stars/wobble.git", *refs),
        )

    def pipeline(self, **inputs: object) -> Pipeline:
        """The project's pipeline, which includes the whole template."""
        given = {"service": self.url, "image": IMAGE, "builder": "service", "patience": 240} | inputs
        made = Pipeline(self.repository, self.folder / "ci", path=str(Path(sys.executable).parent), inputs=given)
        made.include("tagstone.yml", given)
        return made

    def job_variables(self, token: str) -> dict[str, str]:
        """What GitLab tells the jobs of a pipeline beside the ref; `token` is their id_token."""
        return {
            "TAGSTONE_ID_TOKEN": token,
            "TAGSTONE_HOME": str(self.folder / "job"),
            "CI_SERVER_URL": self.gitlab.url,
            "CI_PROJECT_ID": str(self.wobble.id),
            "CI_PROJECT_PATH": self.wobble.path,
            "CI_PROJECT_URL": f"{self.gitlab.url}/{self.wobble.path}",
            "CI_JOB_TOKEN": self.gitlab.job_token(self.wobble, self.ada),
        }

    def tag_token(self, tag: str = "v1.0.0") -> str:
        """The id_token of a job in the tag's pipeline."""
        return self.gitlab.id_token(self.wobble, tag, self.url, self.ada)

    def branch_token(self, branch: str = "main", **claims: str) -> str:
        """The id_token of a job in the branch's pipeline."""
        sha = self.wobble.repository.commit_of(branch)
        about: dict[str, Any] = {"ref": branch, "ref_type": "branch", "ref_path": f"refs/heads/{branch}"}
        about |= {"ref_protected": "false", "sha": sha, **claims}
        return self.gitlab.id_token(self.wobble, "", self.url, self.ada, **about)


@contextmanager
def gitlab_site(folder: Path) -> Iterator[GitlabSite]:
    """A GitLab, and a site that is not serving yet, until the context ends."""
    with running_gitlab(folder / "gitlab") as gitlab, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
        probe.close()
        yield GitlabSite(folder, gitlab, port)


@contextmanager
def serving(site: GitlabSite) -> Iterator[subprocess.Popen[bytes]]:
    """The service's one process, until the context ends; what it logs is in `service.log`."""
    log = site.folder / "service.log"
    with (
        log.open("ab") as sink,
        subprocess.Popen([*_PROGRAM, "serve"], env=site.environment, stdout=sink, stderr=sink) as process,
    ):
        try:
            await_that(lambda: _answers(site.port) or process.poll() is not None, _COMING_UP)
            assert process.poll() is None, log.read_text()
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


def await_that(holds: Callable[[], object], seconds: float = 30.0) -> None:
    """Wait until something holds. Raises: AssertionError when it does not in that time."""
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, "it does not come to hold"
        time.sleep(0.05)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
