"""A CI job without GitLab: a checkout, variables, a scripted service, and an application whose engines are fakes."""

from collections.abc import Iterator
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fakes.builder import FakeBuilder
from fakes.registry import FakeRegistry
from fakes.small_project import git, make_repository, put_base
from fakes.tagstone_service import ScriptedService, scripted_service
from tagstone.bootstrap import Application
from tagstone.cli.application import application as command_line
from tagstone.settings import Runs, Settings, Waits

TOKEN = "eyJ.identity.token"


@dataclass
class Job:
    """A job in the checkout `folder`; called, it does one command and answers with what came of it."""

    folder: Path
    application: Application
    builder: FakeBuilder
    registry: FakeRegistry
    variables: dict[str, str] = field(default_factory=dict)

    def __call__(self, command: str, **variables: str) -> Result:
        # Variables of the machine that tests run on are nobody's job.
        environment = dict.fromkeys(_UNSET) | self.variables | variables
        with chdir(self.folder):
            return CliRunner().invoke(command_line(), ["ci", command], obj=lambda: self.application, env=environment)

    def git(self, *arguments: str) -> None:
        git(self.folder, *arguments)

    def commit(self, **files: str) -> None:
        """Commit these files (an underscore in a name is a dot), and move the tag there."""
        for name, content in files.items():
            (self.folder / name.replace("_", ".")).write_text(content)
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", "More")
        self.git("tag", "--force", "v1.0.0")

    def dotenv(self, name: str) -> dict[str, str]:
        """A dotenv report that the job left."""
        return dict(line.split("=", 1) for line in (self.folder / name).read_text().splitlines())


_UNSET = (
    "CI_COMMIT_TAG",
    "CI_SERVER_URL",
    "CI_REGISTRY_IMAGE",
    "CI_DEPENDENCY_PROXY_DIRECT_GROUP_IMAGE_PREFIX",
    "TAGSTONE_IMAGE",
)


@pytest.fixture
def service() -> Iterator[ScriptedService]:
    with scripted_service() as scripted:
        yield scripted


@pytest.fixture
def job(tmp_path: Path, service: ScriptedService) -> Job:
    make_repository(tmp_path / "checkout")
    waits = Waits(poll=0.01, poll_longest=0.01)
    application = Application(Settings(home=tmp_path / "home", waits=waits, runs=Runs(engine="chroot"), _site=None))
    builder, registry = FakeBuilder(tmp_path / "builds"), FakeRegistry()
    put_base(registry)
    # Each part of the application is made when it is first asked for, or set.
    application.__dict__.update(builder=builder, registry=registry)
    variables = {
        "CI_COMMIT_TAG": "v1.0.0",
        "CI_COMMIT_SHA": "c" * 40,
        "CI_COMMIT_TIMESTAMP": "2026-01-01T00:00:00Z",
        "CI_JOB_TOKEN": "glcbt-secret",
        "CI_REGISTRY_PASSWORD": "glcbt-secret",
        "TAGSTONE_ID_TOKEN": TOKEN,
        "TAGSTONE_CI_SERVICE": service.url,
        "TAGSTONE_CI_PATIENCE": "5",
    }
    return Job(tmp_path / "checkout", application, builder, registry, variables)
