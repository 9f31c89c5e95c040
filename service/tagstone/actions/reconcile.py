"""Find the tags that no hook told of: forges do not send a delivery again, and send none when many tags are pushed at once.

What is missing is written down as a delivery of our own, and goes the way of all deliveries.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

from tagstone.domain.forges.delivery import Delivered, Happening
from tagstone.domain.forges.registration import Standing, is_wanted, patterns
from tagstone.domain.forges.remote import RemoteTag
from tagstone.domain.people.deed import Actor, Deed
from tagstone.errors import Away, NotFound, TagstoneError
from tagstone.ports import Clock, ForgeProjects, WorkQueue
from tagstone.store import audit, deliveries, publications, registrations
from tagstone.store.session import Sessions
from tagstone.store.tables import Registration

OURS = "reconciliation"
"""What stands in a hook's place in such deliveries."""


@dataclass(frozen=True)
class Round:
    """What one look at all projects came to: how many tags were taken up, and by projects' paths what stood in the way."""

    taken: int
    troubles: tuple[tuple[str, TagstoneError], ...]


@dataclass(frozen=True)
class Reconciliation:
    """Compares the tags of registered projects with what was asked for."""

    sessions: Sessions
    queue: WorkQueue
    projects: ForgeProjects
    clock: Clock

    def all_projects(self) -> Round:
        """Take up what is missing anywhere; a project with trouble keeps no other from its turn, a forge that is away all of its own."""
        with self.sessions.read() as session:
            rows = registrations.standing(session, Standing.ACTIVE)
        taken, away, troubles = 0, set[str](), list[tuple[str, TagstoneError]]()
        for row in rows:
            if row.forge in away:
                continue
            try:
                taken += self.one_project(row)
            except TagstoneError as error:
                troubles.append((row.path, error))
                if isinstance(error, Away):
                    away.add(row.forge)
        return Round(taken, tuple(troubles))

    def one_project(self, row: Registration) -> int:
        """Take up the tags of one project that are newer than its registration; how many. Raises: Away, Temporary."""
        wanted = patterns(row.tags)
        return sum(self._take_up(row, tag) for tag in self._newer(row) if is_wanted(tag.name, wanted))

    def older_tag(self, row: Registration, name: str, by: Actor) -> bool:
        """Take up one tag, however old, because a person asks for it; False where it was taken up before. Raises: NotFound, Away."""
        tag = self.projects.tag(self.projects.project(row.forge, row.remote), name)
        if tag is None:
            raise NotFound(f"{row.path} has no tag {name[:200]!r}.", remedy="`tagstone import-tags PROJECT` lists them.")
        return self._take_up(row, tag, by)

    def _newer(self, row: Registration) -> Iterator[RemoteTag]:
        project, before = self.projects.project(row.forge, row.remote), frozenset(json.loads(row.tags_before))
        # A tag without a message has the time of its commit, which may be old.
        return (tag for tag in self.projects.tags(project) if tag.name not in before or tag.made_at >= row.since)

    def _take_up(self, row: Registration, tag: RemoteTag, by: Actor | None = None) -> bool:
        key = hashlib.sha256(f"{row.id}\0{tag.name}\0{tag.sha}".encode()).hexdigest()
        with self.sessions.write() as session:
            if (
                deliveries.tells_of(session, row.id, tag.name, tag.sha)
                or deliveries.find(session, OURS, key)
                or publications.at_commit(session, row.project_id, tag.name, tag.sha)
            ):
                return False
            told = Delivered(Happening.TAG, row.remote, tag.name, tag.sha, tag.protected)
            delivery = deliveries.write(session, OURS, key, row, told, {}, self.clock.now())
            self.queue.deliver(session, delivery.id, delivery.turns)
            if by is not None:
                audit.write(session, self.clock.now(), by, Deed.TAG_IMPORTED, row.path, f"{tag.name} at {tag.sha[:12]}")
        return True
