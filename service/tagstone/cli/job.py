"""What a CI job knows: GitLab's variables, the inputs of our templates, and the application that works with them.

All of it is convenience: whoever may run pipelines can set any variable. What a publication stands on, the service takes from
the job's signed token.
"""

import os
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

import typer
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from tagstone.bootstrap import Application
from tagstone.cli.opening import open_application
from tagstone.domain.manifests.given import Given
from tagstone.domain.reading.faults import Fault, raise_faults
from tagstone.domain.reading.yaml_text import MAX_BYTES, decode
from tagstone.errors import Invalid

if TYPE_CHECKING:
    from tagstone.domain.forges.remote import RemoteProject
    from tagstone.ports import Announcer, Forge, Registry
    from tagstone.settings import Settings

INPUT = "TAGSTONE_CI_"
"""What the variables begin with that templates put their inputs into."""


def _input(name: str) -> str:
    return INPUT + name.upper()


class Job(BaseModel):
    """The variables of one job (https://docs.gitlab.com/ci/variables/predefined_variables/) and its inputs."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    tag: str = Field("", validation_alias="CI_COMMIT_TAG")
    server: str = Field("", validation_alias="CI_SERVER_URL")
    project: int = Field(0, validation_alias="CI_PROJECT_ID")
    project_path: str = Field("", validation_alias="CI_PROJECT_PATH")
    project_url: str = Field("", validation_alias="CI_PROJECT_URL")
    job_token: SecretStr = Field(SecretStr(""), validation_alias="CI_JOB_TOKEN")
    sha: str = Field("", validation_alias="CI_COMMIT_SHA")
    timestamp: str = Field("", validation_alias="CI_COMMIT_TIMESTAMP")
    registry: str = Field("", validation_alias="CI_REGISTRY_IMAGE")
    registry_user: str = Field("", validation_alias="CI_REGISTRY_USER")
    registry_password: SecretStr = Field(SecretStr(""), validation_alias="CI_REGISTRY_PASSWORD")
    bases: str = Field("", validation_alias="CI_DEPENDENCY_PROXY_DIRECT_GROUP_IMAGE_PREFIX")
    bases_user: str = Field("", validation_alias="CI_DEPENDENCY_PROXY_USER")
    bases_password: SecretStr = Field(SecretStr(""), validation_alias="CI_DEPENDENCY_PROXY_PASSWORD")
    token: SecretStr = Field(SecretStr(""), validation_alias="TAGSTONE_ID_TOKEN")
    image: str = Field("", validation_alias="TAGSTONE_IMAGE")

    service: str = Field("", validation_alias=_input("service"))
    builder: Literal["auto", "ci", "service"] = Field("auto", validation_alias=_input("builder"))
    release: Literal["job", "service"] = Field("job", validation_alias=_input("release"))
    patience: float = Field(600.0, ge=0, le=86_400, validation_alias=_input("patience"))
    command: str = Field("", validation_alias=_input("command"))
    outputs: str = Field("", validation_alias=_input("outputs"))
    cpu: str = Field("", validation_alias=_input("cpu"))
    memory: str = Field("", validation_alias=_input("memory"))
    disk: str = Field("", validation_alias=_input("disk"))
    time: str = Field("", validation_alias=_input("time"))
    gpu: str = Field("", validation_alias=_input("gpu"))
    gpu_type: str = Field("", validation_alias=_input("gpu_type"))
    depository: str = Field("", validation_alias=_input("depository"))

    @property
    def folder(self) -> Path:
        """The checkout: jobs begin in it, whatever CI_PROJECT_DIR is set to."""
        return Path.cwd()

    @property
    def given(self) -> Given:
        """What the include gives towards a manifest."""
        return Given(
            self.command, self.outputs, self.cpu, self.memory, self.disk, self.time, self.gpu, self.gpu_type, self.depository
        )

    @property
    def commit_time(self) -> int:
        """The commit's time in seconds since the epoch; 0 where GitLab does not say."""
        try:
            return max(0, int(datetime.fromisoformat(self.timestamp).timestamp()))
        except (ValueError, OverflowError, OSError):
            return 0

    def manifest(self) -> str | None:
        """The checkout's tagstone.yml; None where it has none. Raises: Invalid when it is no plain text."""
        from tagstone.domain.manifests.manifest import FILE

        path = self.folder / FILE
        if not path.exists():
            return None
        if path.is_symlink() or not path.is_file():
            raise Invalid(f"{FILE} is no plain file.", remedy="Put the file itself there, not a link to it.")
        with path.open("rb") as stream:
            text, faults = decode(stream.read(MAX_BYTES + 1), FILE)
        raise_faults(faults, "The manifest cannot be read")
        return text

    def write(self, name: str, text: str) -> None:
        """Write a file into the checkout, in the place of whatever has its name."""
        incoming = self.folder / f".{name}.incoming"
        incoming.unlink(missing_ok=True)
        incoming.write_text(text, encoding="utf-8")
        incoming.replace(self.folder / name)


def read_job() -> Job:
    """The job's variables. Raises: Invalid when one of them is wrong; its value is not told."""
    try:
        return Job.model_validate({name: value for name, value in variables().items() if value})
    except ValidationError as error:
        faults = [
            Fault(str(one["loc"][-1]), f"{one['msg']}.", "Correct the input or the variable.")
            for one in error.errors(include_input=False, include_url=False)
        ]
    raise Invalid(f"A variable of this job is wrong: {faults[0]}", remedy="Correct it.", faults=faults)


class JobApplication(Application):
    """An application in a job: it builds with buildah into the project's registry, and takes checkouts that are anybody's."""

    def __init__(self, settings: "Settings", job: Job) -> None:
        builds = settings.builds.model_copy(update={"builder": "buildah"})
        # No engine is looked for: there is none in a job, and `tagstone ci run` needs none.
        runs = settings.runs.model_copy(update={"engine": "chroot"})
        super().__init__(settings.model_copy(update={"builds": builds, "runs": runs}))
        self._job = job

    @cached_property
    def forge(self) -> "Forge":
        """The checkout: the runner makes it as another user than the one that the job's image has."""
        from tagstone.adapters.git import GitForge

        return GitForge(anybodys=True)

    @cached_property
    def registry(self) -> "Registry":
        """The project's registry at GitLab, with its image under the project's own path; else what is set."""
        from tagstone.actions.build import ENVIRONMENTS
        from tagstone.adapters.project_registry import ProjectRegistry

        job = self._job
        if not job.registry:
            return super().registry
        host, _, path = job.registry.partition("/")
        credentials = (job.registry_user, job.registry_password.get_secret_value()) if job.registry_user else None
        whole = self._remote(host, insecure=self.settings.builds.registry_insecure, credentials=credentials)
        return ProjectRegistry(whole, path, (ENVIRONMENTS, "base/"))

    @cached_property
    def upstream(self) -> "Registry | None":
        """Where bases come from: the registry that is set, else the group's dependency proxy."""
        job = self._job
        if self.settings.builds.upstream or not job.bases:
            return super().upstream
        return self._remote(job.bases, insecure=False, credentials=(job.bases_user, job.bases_password.get_secret_value()))


def announcer_in(job: Job) -> "tuple[Announcer, RemoteProject]":
    """What writes releases with this job's own token, and the project that it may write them in."""
    from tagstone.adapters.gitlab.announcer import GitlabAnnouncer
    from tagstone.adapters.gitlab.client import GitlabSite, GitlabSites
    from tagstone.domain.forges.remote import RemoteProject

    site = GitlabSite(job.server, job.job_token.get_secret_value(), job=True)
    project = RemoteProject("gitlab", job.project, job.project_path, job.project_url, public=False)
    return GitlabAnnouncer(GitlabSites({"gitlab": site})), project


def application_in(context: typer.Context, job: Job) -> Application:
    """The application for this job; whoever invokes the command line may bring their own opener as the context's object."""
    if context.obj is not None:
        return cast("Application", context.obj())
    return JobApplication(open_application().settings, job)


def variables() -> Mapping[str, str]:
    """All variables of this process."""
    return dict(os.environ)  # noqa: TID251 - a job's environment is its arguments
