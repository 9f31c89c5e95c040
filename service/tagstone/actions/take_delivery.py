"""What a delivery of a forge's hook asks for, done once: a tag becomes a publication, or waits for what its pipeline builds.

What was deleted deletes nothing, and a delivery that asks for nothing says why. Trouble that may pass is left to who calls.
"""

from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from tagstone.actions.submit import submit
from tagstone.domain.code.source import Commit, ProjectIdentity
from tagstone.domain.forges.delivery import Delivered, Happening
from tagstone.domain.forges.registration import ImageBuilder, Standing, is_wanted, patterns
from tagstone.domain.forges.remote import RemoteProject
from tagstone.domain.publications.publication import Kind
from tagstone.errors import Forbidden, NotFound, TagstoneError, Temporary
from tagstone.ports import Clock, Forge, ForgeProjects, WorkQueue
from tagstone.store import deliveries, projects, publications
from tagstone.store.session import Sessions
from tagstone.store.tables import Delivery, Registration

_ENDED_BADLY = ("failed", "canceled", "skipped")


@dataclass(frozen=True)
class _Asked:
    """A delivery and whom it is about, as rows that are looked at only."""

    told: Delivered
    registration: int
    standing: Standing
    builder: ImageBuilder
    patterns: tuple[str, ...]
    forge: str
    project: ProjectIdentity


@dataclass(frozen=True)
class TakeDeliveries:
    """Takes deliveries, one at a time; `patience` is how long a tag waits for what its pipeline builds, in seconds."""

    sessions: Sessions
    queue: WorkQueue
    forge: Forge
    projects: ForgeProjects
    clock: Clock
    patience: float = field(default=86_400.0)

    def take(self, delivery_id: int) -> None:
        """Do what a delivery asks for; one that was done, or that nobody knows, asks for nothing. Raises: Temporary."""
        asked = self._asked(delivery_id)
        if asked is None:
            return
        try:
            self._do(delivery_id, asked)
        except Temporary:
            raise
        except TagstoneError as error:
            self._settle(delivery_id, deliveries.FAILED, f"{error.message} {error.remedy}")

    def give_up(self, delivery_id: int, error: TagstoneError) -> None:
        """Write down that what could not be done for long is not tried any more."""
        self._settle(delivery_id, deliveries.FAILED, f"{error.message} `tagstone deliveries replay {delivery_id}` tries again.")

    def expire(self) -> int:
        """End the waiting of tags whose pipelines handed nothing in; how many there were."""
        with self.sessions.write() as session:
            rows = deliveries.overdue(session, self.clock.now(), 100)
            for row in rows:
                reason = "The tag's pipeline handed no image in. Look at its jobs, and run it again."
                deliveries.settle(row, deliveries.FAILED, reason)
            return len(rows)

    def _asked(self, delivery_id: int) -> _Asked | None:
        with self.sessions.read() as session:
            row = deliveries.get(session, delivery_id)
            if row is None or row.state != deliveries.RECEIVED:
                return None
            registration = session.get_one(Registration, row.registration_id)
            return _Asked(
                deliveries.told(row),
                registration.id,
                Standing(registration.standing),
                ImageBuilder(registration.builder),
                patterns(registration.tags),
                registration.forge,
                projects.identity(projects.get(session, registration.project_id)),
            )

    def _do(self, delivery_id: int, asked: _Asked) -> None:
        told = asked.told
        if told.happening is Happening.TAG_DELETED:
            reason = "The tag was deleted at the forge. Nothing is deleted here: what is published stays."
            self._settle(delivery_id, deliveries.IGNORED, reason)
        elif asked.standing is not Standing.ACTIVE:
            self._settle(delivery_id, deliveries.IGNORED, "The project is not registered any more.")
        elif told.happening is Happening.PIPELINE:
            self._heed_pipeline(delivery_id, asked)
        elif not is_wanted(told.tag, asked.patterns):
            reason = f"The tag {told.tag[:200]} is none that this project publishes by itself."
            self._settle(delivery_id, deliveries.IGNORED, reason)
        else:
            self._take_tag(delivery_id, asked)

    def _heed_pipeline(self, delivery_id: int, asked: _Asked) -> None:
        """A pipeline that ended badly will hand nothing in: who waits for it is told at once."""
        status = asked.told.status
        with self.sessions.write() as session:
            if status in _ENDED_BADLY:
                for row in deliveries.waiting(session, asked.registration, asked.told.tag):
                    deliveries.settle(row, deliveries.FAILED, f"The tag's pipeline {asked.told.pipeline} ended as {status}.")
            deliveries.settle(_row(session, delivery_id), deliveries.DONE, f"The pipeline is {status}.")

    def _take_tag(self, delivery_id: int, asked: _Asked) -> None:
        project = self.projects.project(asked.forge, asked.told.project)
        commit = self._commit(project, asked)
        with self.sessions.write() as session:
            row = _row(session, delivery_id)
            if row.state != deliveries.RECEIVED:
                return
            if asked.builder is ImageBuilder.CI:
                row.state, row.due_at = deliveries.WAITING, self.clock.now() + self.patience
                row.reason = "Waits for what the tag's pipeline builds."
                return
            # A tag that moved is asked for by whoever moved it: its unfinished attempt gives way.
            answer = submit(session, self.queue, self.clock.now(), asked.project, commit, Kind.PUBLICATION, supersede=True)
            deliveries.settle(row, deliveries.DONE, None, answer.publication)
            publication = publications.get(session, answer.publication)
            publication.pushed_by = asked.told.person or publication.pushed_by

    def _commit(self, project: RemoteProject, asked: _Asked) -> Commit:
        """The commit that the tag points to now, by the forge's answer and by its code: both have to agree."""
        tag = self.projects.tag(project, asked.told.tag)
        if tag is None:
            raise NotFound(f"The tag {asked.told.tag[:200]} is not there any more.", remedy="Push it again.")
        if not tag.protected:
            raise Forbidden(
                f"The tag {asked.told.tag[:200]} is not protected: whoever may push could publish.",
                remedy="Protect it (Settings, Repository, Protected tags, such as v*), then push it again.",
            )
        commit = self.forge.resolve(project.location, f"refs/tags/{asked.told.tag}")
        if commit.sha != tag.sha:
            raise Temporary(f"The tag {asked.told.tag[:200]} is being moved right now.")
        return commit

    def _settle(self, delivery_id: int, state: str, reason: str) -> None:
        with self.sessions.write() as session:
            deliveries.settle(_row(session, delivery_id), state, reason)


def _row(session: Session, delivery_id: int) -> Delivery:
    return session.get_one(Delivery, delivery_id)
