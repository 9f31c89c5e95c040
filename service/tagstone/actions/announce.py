"""Tell forges how the publications of their projects stand: each announcement is written down before it is made, and again when it was.

Whoever makes it looks first whether it is there, so that one whose answer was lost, or whose worker was killed, is made once all the same.
None of this holds a publication up, and none of it changes one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tagstone.domain.forges.announcement import Standing, comment, status
from tagstone.domain.forges.registration import What
from tagstone.domain.forges.release_note import release_links, release_note
from tagstone.domain.forges.remote import RemoteProject
from tagstone.domain.publications import record
from tagstone.domain.publications.letter import Event
from tagstone.domain.publications.outside_view import OutsideView
from tagstone.domain.publications.publication import State, Step
from tagstone.domain.publications.waiting import Durations
from tagstone.errors import Away, TagstoneError, Temporary
from tagstone.ports import Announcer, Clock, ForgeProjects
from tagstone.store import announcements, steps
from tagstone.store.session import Sessions
from tagstone.store.tables import Announcement, Publication, Registration

_AT_ONCE = 50
# What is not so any more would only confuse.
_STILL = {
    (What.COMMENTS, Event.REVIEW): (State.WORKING,),
    (What.COMMENTS, Event.FAILED): (State.FAILED,),
    (What.COMMENTS, Event.PUBLISHED): (State.PUBLISHED,),
    (What.RELEASE, ""): (State.PUBLISHED,),
    (What.BADGE, ""): (State.PUBLISHED,),
}


@dataclass(frozen=True)
class Announcing:
    """Makes what is owed to forges; `url` is the address of the pages."""

    sessions: Sessions
    announcer: Announcer
    projects: ForgeProjects
    clock: Clock
    durations: Durations
    url: str

    def make_due(self, tell: Callable[[str], None]) -> int:
        """Make what is due now; how much was made. A forge that is away is left alone, and all that is owed there waits.

        `tell` logs what could not be made.
        """
        made, away = 0, set[str]()
        with self.sessions.read() as session:
            waiting = announcements.due(session, self.clock.now(), _AT_ONCE)
        for told, row, registration in waiting:
            if registration.forge in away:
                continue
            try:
                made += self._make(told, row, registration)
            except Away as error:
                away.add(registration.forge)
                tell(f"{registration.forge} is away: {error.message}")
                self._postpone_all(registration.forge, error)
            except Temporary as error:
                tell(f"{told.what} of {row.id} waits: {error.message}")
                self._postpone(told, error)
            except TagstoneError as error:
                tell(f"{told.what} of {row.id} is refused: {error.message}")
                self._settle(told, announcements.REFUSED, f"{error.message} {error.remedy}")
        return made

    def _make(self, told: Announcement, row: Publication, registration: Registration) -> bool:
        """Make one announcement, unless nobody is to hear of it any more. Raises: what the forge says."""
        what, event = What(told.what), Event(told.event) if told.event else ""
        current = row.state in _STILL.get((what, event), tuple(State)) and told.attempt in (0, row.attempt)
        if not current or what not in announcements.wanted(registration):
            self._settle(told, announcements.OUTDATED)
            return False
        project = self.projects.project(registration.forge, registration.remote)
        if what is What.RELEASE:
            view = self._view(row)
            self.announcer.release(project, row.ref, release_note(view), release_links(view))
        elif what is What.STATUS:
            state, text = status(self._standing(row))
            self.announcer.status(project, row.commit, state, text, self._page(row))
        elif what is What.BADGE:
            self._badge(project, row)
        else:
            mark = f"{row.id}-{told.event}-{told.attempt}"
            self.announcer.comment(project, row.commit, mark, comment(Event(told.event), self._standing(row)))
        self._settle(told, announcements.MADE)
        return True

    def _badge(self, project: RemoteProject, row: Publication) -> None:
        address = f"{self.url}/projects/{row.project_id}"
        self.announcer.badge(project, f"{address}/newest", f"{address}/badge.svg")

    def _standing(self, row: Publication) -> Standing:
        deposit = record.load(row.facts.encode()).deposit if row.facts else None
        with self.sessions.read() as session:
            rests = steps.rests(session, row.id, Step.REVIEW)
        return Standing(
            ref=row.ref,
            page=self._page(row),
            state=State(row.state),
            step=Step(row.step) if row.step else None,
            rests=rests,
            doi=row.doi or "",
            registered=bool(deposit and deposit.registered),
            error=row.error or "",
            remedy=row.remedy or "",
            person=row.pushed_by or "",
        )

    def _view(self, row: Publication) -> OutsideView:
        return OutsideView(
            row.id,
            State(row.state),
            self._page(row),
            doi=row.doi,
            concept_doi=row.concept_doi,
            record=f"{self.url}/records/{row.id}",
            image=row.image,
        )

    def _page(self, row: Publication) -> str:
        place = "records" if row.state in (State.PUBLISHED, State.WITHDRAWN) else "publications"
        return f"{self.url}/{place}/{row.id}"

    def _postpone(self, told: Announcement, error: Temporary) -> None:
        now = self.clock.now()
        with self.sessions.write() as session:
            if now - told.owed_at > self.durations.outage:
                announcements.settle(session, told, announcements.GIVEN_UP, error.message)
            else:
                due = now + self.durations.before_retry(told.tries + 1, error.delay)
                announcements.postpone(session, told, due, error.message)

    def _postpone_all(self, forge: str, error: Away) -> None:
        """Leave a forge alone for a while: all that is due there, not only what was tried."""
        with self.sessions.read() as session:
            waiting = [told for told, _, at in announcements.due(session, self.clock.now(), _AT_ONCE) if at.forge == forge]
        for told in waiting:
            self._postpone(told, error)

    def _settle(self, told: Announcement, outcome: str, reason: str | None = None) -> None:
        with self.sessions.write() as session:
            announcements.settle(session, told, outcome, reason)
