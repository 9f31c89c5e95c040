"""A registered project with a protected tag, the image that its pipeline pushed, and what its jobs' tokens say."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from fakes.clock import FakeClock
from fakes.forge import FakeForge
from fakes.forge_projects import FakeForgeProjects
from fakes.installation import NOW, Installation
from fakes.queue import FakeQueue
from fakes.registrar import FakeRegistrar
from fakes.registry import FakeRegistry
from tagstone.actions.build import image_name
from tagstone.actions.register import Registering
from tagstone.actions.requests import Requests
from tagstone.actions.take_in import Intake
from tagstone.adapters.vault import FernetVault, new_key
from tagstone.domain.code.source import ProjectIdentity
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.domain.forges.remote import RemoteTag
from tagstone.domain.images.oci import CONFIG
from tagstone.domain.publications.policy import Policy
from tagstone.image.manifest import manifest_bytes
from tagstone.ports import Registry
from tagstone.store.tables import Delivery, Project, Publication, Registration


@dataclass
class Pipelines:
    """A GitLab with registered projects, as the service meets it; project 17 has the tag v1.0.0 and an image."""

    installation: Installation
    forges: FakeForgeProjects = field(default_factory=FakeForgeProjects)
    forge: FakeForge = field(default_factory=FakeForge)
    registry: FakeRegistry = field(default_factory=FakeRegistry)
    queue: FakeQueue = field(default_factory=FakeQueue)
    job_registries: dict[str, Registry] = field(default_factory=dict)

    @property
    def clock(self) -> FakeClock:
        """The installation's."""
        return self.installation.clock

    @property
    def intake(self) -> Intake:
        """What takes in what jobs hand in."""
        return Intake(
            self.installation.sessions, self.queue, self.clock, self.forges, self.forge, self.registry, self.job_registries
        )

    @cached_property
    def registrar(self) -> FakeRegistrar:
        """What the forge keeps of hooks and protected tags."""
        return FakeRegistrar()

    @cached_property
    def requests(self) -> Requests:
        """What people ask for and decide about registrations."""
        vault = FernetVault([new_key()])
        policy = Policy(depositories=("local", "zenodo"))
        sessions, clock = self.installation.sessions, self.clock
        registering = Registering(sessions, self.forges, vault, clock, "https://hooks.test", vault, policy)
        return Requests(registering, lambda _token: self.registrar, ("gitlab",))

    def register(
        self,
        remote: int = 17,
        path: str = "stars/wobble",
        builder: ImageBuilder = ImageBuilder.CI,
        standing: Standing = Standing.ACTIVE,
        *,
        public: bool = False,
    ) -> Registration:
        """A registered project with a repository and a protected tag v1.0.0."""
        location = f"gitlab:gitlab/{remote}"
        self.forges.add(remote, path, public=public)
        self.forge.create(location, {"analysis.py": str(remote).encode()}, f"https://gitlab.test/{path}.git")
        self.forge.commit(location)
        self.tag(remote)
        with self.installation.sessions.write() as session:
            identity = self.identity(remote)
            project = Project(key=identity.key, name=identity.name, location=location, url=identity.url, created_at=NOW)
            session.add(project)
            session.flush()
            row = Registration(forge="gitlab", remote=remote, path=path, project_id=project.id, standing=standing)
            row.builder, row.asked_by, row.since = builder, "ada", NOW
            session.add(row)
        return row

    def tag(self, remote: int = 17, name: str = "v1.0.0", *, protected: bool = True) -> str:
        """Tag what was committed last; the commit."""
        location = f"gitlab:gitlab/{remote}"
        self.forge.tag(location, name)
        sha = self.forge.resolve(location, f"refs/tags/{name}").sha
        self.forges.tagged[remote, name] = RemoteTag(name, sha, protected, NOW)
        return sha

    def branch(self, remote: int = 17, name: str = "main") -> str:
        """Let a branch be at what was committed last; the commit."""
        self.forges.branches[remote, name] = self.forge.resolve(f"gitlab:gitlab/{remote}", "refs/heads/main").sha
        return self.forges.branches[remote, name]

    def branch_claims(self, **changes: Any) -> dict[str, Any]:
        """What GitLab says of a job of the pipeline of the branch `main`, which nobody protects."""
        about = {"ref": "main", "ref_type": "branch", "ref_protected": "false", "sha": self.forges.branches[17, "main"]}
        return self.claims(**(about | changes))

    def identity(self, remote: int = 17) -> ProjectIdentity:
        """A project as we name it."""
        return self.forge.identify(f"gitlab:gitlab/{remote}")

    def push(self, remote: int = 17, mark: str = "", name: str | None = None, registry: FakeRegistry | None = None) -> str:
        """Push an image of a project's, into our registry unless another is given; its digest."""
        name, registry = name or image_name(self.identity(remote)), registry or self.registry
        config = registry.put_blob(name, [f'{{"mark": "{remote}{mark}"}}'.encode()], CONFIG)
        return registry.put_manifest(name, manifest_bytes(config, [], {}), None)

    def claims(self, remote: int = 17, **changes: Any) -> dict[str, Any]:
        """What GitLab says of a job of the tag's pipeline; None leaves a claim out."""
        said = {
            "jti": "token-1",
            "exp": NOW + 300,
            "project_id": str(remote),
            "job_project_id": str(remote),
            "ref": "v1.0.0",
            "ref_type": "tag",
            "ref_protected": "true",
            "sha": self.forges.tagged[remote, "v1.0.0"].sha if (remote, "v1.0.0") in self.forges.tagged else "0" * 40,
            "pipeline_id": "1",
            "pipeline_source": "push",
            "job_id": "2",
            "user_login": "ada",
        } | changes
        return {name: value for name, value in said.items() if value is not None}

    def rows(self) -> list[Publication]:
        """Every publication."""
        with self.installation.sessions.read() as session:
            return list(session.query(Publication).order_by(Publication.created_at, Publication.id))

    def waiting_delivery(self, registration: Registration, ref: str = "v1.0.0") -> int:
        """A delivery of the tag that waits for the pipeline; its number."""
        row = Delivery(
            hook_id="mine", key=ref, registration_id=registration.id, happening="tag", ref=ref, about="{}", body="{}"
        )
        row.state, row.received_at, row.due_at = "waiting", NOW, NOW + 600
        with self.installation.sessions.write() as session:
            session.add(row)
            session.flush()
            return row.id

    def delivery(self, number: int) -> Delivery:
        """How a delivery stands."""
        with self.installation.sessions.read() as session:
            return session.get_one(Delivery, number)
