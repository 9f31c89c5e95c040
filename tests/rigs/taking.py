"""A registered project of a forge with its code, and what takes its deliveries: all of it in memory but the rows."""

from dataclasses import dataclass, field

from fakes.forge import FakeForge
from fakes.forge_projects import FakeForgeProjects
from fakes.installation import NOW, Installation
from fakes.queue import FakeQueue
from tagstone.actions.reconcile import Reconciliation
from tagstone.actions.take_delivery import TakeDeliveries
from tagstone.domain.forges.delivery import Delivered, Happening
from tagstone.domain.forges.registration import ImageBuilder, Standing
from tagstone.domain.forges.remote import RemoteProject, RemoteTag
from tagstone.store import deliveries
from tagstone.store.tables import Delivery, Project, Publication, Registration

DAY = 86_400.0


def pushed(tag: str = "v1.0.0") -> Delivered:
    return Delivered(Happening.TAG, 17, tag, "f" * 40, protected=True)


@dataclass
class World:
    """A registered project of a forge with its code, and what takes its deliveries."""

    installation: Installation
    queue: FakeQueue = field(default_factory=FakeQueue)
    forge: FakeForge = field(default_factory=FakeForge)
    projects: FakeForgeProjects = field(default_factory=FakeForgeProjects)
    remote: RemoteProject = field(init=False)
    registration: int = 0

    def __post_init__(self) -> None:
        self.remote = self.projects.add(17, "stars/wobble", public=True)
        self.forge.create(self.remote.location, {"a.py": b"print(1)\n"}, origin="https://gitlab.test/stars/wobble.git")
        with self.installation.sessions.write() as session:
            session.add(Project(key="gitlab.test/stars/wobble", name="wobble", location=self.remote.location, created_at=NOW))
        self.register(17, "stars/wobble")

    @property
    def taking(self) -> TakeDeliveries:
        return TakeDeliveries(
            self.installation.sessions, self.queue, self.forge, self.projects, self.installation.clock, patience=DAY
        )

    @property
    def reconciliation(self) -> Reconciliation:
        return Reconciliation(self.installation.sessions, self.queue, self.projects, self.installation.clock)

    def register(self, number: int, path: str) -> None:
        """Register a project of the forge; what is asked for later is about this one."""
        with self.installation.sessions.write() as session:
            project = session.query(Project).one()
            row = Registration(forge="gitlab", remote=number, path=path, project_id=project.id, standing=Standing.ACTIVE)
            row.builder, row.asked_by, row.since = ImageBuilder.SERVICE, "ada", NOW
            session.add(row)
            session.flush()
            self.registration = row.id

    def change(self, **columns: object) -> None:
        """Change the registration."""
        with self.installation.sessions.write() as session:
            for name, value in columns.items():
                setattr(session.get_one(Registration, self.registration), name, value)

    def push(self, tag: str = "v1.0.0", *, made_at: float = NOW + 1, protected: bool = True) -> str:
        """Commit and tag; the commit."""
        sha = self.forge.commit(self.remote.location).sha
        self.forge.tag(self.remote.location, tag)
        self.projects.tagged[17, tag] = RemoteTag(tag, sha, protected, made_at)
        return sha

    def deliver(self, told: Delivered, key: str = "one") -> int:
        """Write a delivery down as the receiver does."""
        with self.installation.sessions.write() as session:
            row = deliveries.write(session, "hook", key, session.get_one(Registration, self.registration), told, {}, NOW)
            return row.id

    def take(self, told: Delivered, key: str = "one") -> Delivery:
        """Deliver and take; what became of it."""
        number = self.deliver(told, key)
        self.taking.take(number)
        return self.row(number)

    def row(self, number: int) -> Delivery:
        """A delivery as it stands."""
        with self.installation.sessions.read() as session:
            return session.get_one(Delivery, number)

    def publications(self) -> list[Publication]:
        """All that was asked for."""
        with self.installation.sessions.read() as session:
            return list(session.query(Publication))
