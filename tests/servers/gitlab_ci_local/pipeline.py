"""A project with our templates, whose pipelines gitlab-ci-local runs as a GitLab would: included from a project of their own."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from fakes.small_project import git
from servers.gitlab_ci_local.installed import installed

TEMPLATES = Path(__file__).resolve().parents[3] / "ci-templates"
_HOST = "gitlab.example.org"
_SOURCE = "tagstone/ci-templates"


@dataclass
class Pipeline:
    """Runs of a project's pipeline in `project`; `executor` are options of gitlab-ci-local, `variables` those of every job.

    `path` is looked for programs first; `inputs` are what tests include with unless they say otherwise; a run may take `seconds`.
    """

    project: Path
    folder: Path
    executor: tuple[str, ...] = ("--force-shell-executor", "--shell-isolation")
    variables: dict[str, str] = field(default_factory=dict)
    path: str = ""
    inputs: dict[str, object] = field(default_factory=dict)
    seconds: float = 300.0

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self._templates()
        git(self.project, "remote", "add", "origin", f"https://{_HOST}/ada/wobble.git")

    def include(self, file: str, inputs: dict[str, object], **more: object) -> None:
        """Write the project's .gitlab-ci.yml: one include, and what else is given."""
        included = {"project": _SOURCE, "ref": "v1", "file": f"/{file}", "inputs": inputs}
        (self.project / ".gitlab-ci.yml").write_text(yaml.safe_dump({"include": [included], **more}))
        (self.project / ".gitignore").write_text(".gitlab-ci-local/\n.tagstone/\n*.env\n")

    def tag(self, *jobs: str, name: str = "v1.0.0", protected: bool = True) -> subprocess.CompletedProcess[str]:
        """What the push of a tag starts; with `jobs` only those and what they need."""
        known = {"CI_COMMIT_TAG": name, "CI_COMMIT_REF_NAME": name, "CI_COMMIT_REF_PROTECTED": str(protected).lower()}
        return self.call(known, "--unset-variable", "CI_COMMIT_BRANCH", *(("--needs", *jobs) if jobs else ()))

    def branch(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """What the push of a branch starts."""
        return self.call({}, *arguments)

    def call(self, known: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
        """Start gitlab-ci-local with these variables."""
        given = [part for name, value in (self.variables | known).items() for part in ("--variable", f"{name}={value}")]
        told = {"CI_COMMIT_REF_PROTECTED", "CI_COMMIT_REF_NAME", *(name for name in self.variables if name.startswith("CI_"))}
        quiet = ["--ignore-predefined-vars", ",".join(sorted(told))]
        command = [*installed(), *self.executor, *quiet, *given, *arguments]
        return subprocess.run(
            command,
            cwd=self.project,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=self.seconds,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        path = f"{self.path}:{os.environ['PATH']}" if self.path else os.environ["PATH"]
        own = {"HOME": str(self.folder), "PATH": path, "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"), "LANG": "C.UTF-8"}
        return own | {name: os.environ[name] for name in ("DOCKER_HOST",) if name in os.environ}

    def _templates(self) -> None:
        """A project that has the templates, tagged v1, at an address that leads here."""
        source = self.folder / "templates"
        source.mkdir()
        for file in TEMPLATES.glob("*.yml"):
            (source / file.name).write_bytes(file.read_bytes())
        git(source, "init", "--quiet", "--initial-branch=main")
        git(source, "add", ".")
        git(source, "commit", "--quiet", "--message", "Templates")
        git(source, "tag", "v1")
        git(source, "config", "uploadpack.allowFilter", "true")
        places = "".join(f"\tinsteadOf = {start}{_SOURCE}.git\n" for start in (f"https://{_HOST}/", f"git@{_HOST}:"))
        allow = '[protocol "file"]\n\tallow = always\n[safe]\n\tdirectory = *\n'
        (self.folder / "gitconfig").write_text(f'[url "file://{source}"]\n{places}{allow}')
