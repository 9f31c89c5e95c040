"""Who may see what, and do what: the one rule that pages and API ask.

What was released is for everybody. All else of a forge's project is for those who may see that project there, and what is done
with it for its developers and maintainers; curators and admins look after every project. Local repositories have no members:
on a service that one person runs for themselves everybody there may see them, elsewhere curators alone.
"""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy.orm import Session

from tagstone.domain.forges.remote import RemoteProject
from tagstone.domain.people.viewer import Right, Viewer, level, permitted
from tagstone.domain.publications.publication import State
from tagstone.errors import Away, Forbidden, NotFound, Temporary
from tagstone.ports import Clock, ForgeProjects
from tagstone.store import publications, registrations
from tagstone.store.tables import Publication, Registration

_MINUTE = 60.0
_REMEMBERED = 10_000
_ASKED_FOR_A_LIST = 200
_T = TypeVar("_T")


class Withdrawn(NotFound):
    """It was there, and was withdrawn."""


def refuse_withdrawn(row: Publication) -> None:
    """Say that a record is gone. Raises: Withdrawn."""
    if row.state == State.WITHDRAWN:
        raise Withdrawn("This record was withdrawn, and nothing of it is served any more.", remedy="Its page says why.")


def is_released(row: Publication) -> bool:
    """Say whether a publication became a record, which is for everybody; files may be closed still, or withdrawn."""
    return row.state in (State.PUBLISHED, State.WITHDRAWN)


class _Remembered:
    """Answers of forges, for a minute each."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: dict[tuple[object, ...], tuple[float, object]] = {}

    def of(self, key: tuple[object, ...], ask: Callable[[], _T]) -> _T:
        now = self._clock.now()
        with self._lock:
            found = self._answers.get(key)
        if found is not None and now < found[0]:
            return found[1]  # type: ignore[return-value]  # under this key is what `ask` answers
        answer = ask()
        with self._lock:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            self._answers[key] = now + _MINUTE, answer
        return answer


@dataclass(frozen=True)
class Access:
    """Decides; `forges` is None where no forge is set up, `single` says that one person runs the service for themselves."""

    clock: Clock
    forges: ForgeProjects | None = None
    single: bool = False
    _remembered: _Remembered = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_remembered", _Remembered(self.clock))

    def allows(self, session: Session, viewer: Viewer, right: Right, project_id: int) -> bool:
        """Say whether somebody may do this with a project. Raises: Temporary when its forge gives no answer."""
        if viewer.project is not None:
            return right is Right.SEE and viewer.project == project_id
        may = permitted(viewer, right)
        if viewer.curates and may:
            return True
        registration = registrations.of_project(session, project_id)
        if right is Right.SEE and self._open(registration):
            return True
        return may and self._level(viewer, registration) >= level(right)

    def require(self, session: Session, viewer: Viewer, right: Right, row: Publication) -> None:
        """Refuse who may not do this. Raises: NotFound where they may not even see it, Forbidden, Temporary."""
        self.seen(session, viewer, row)
        if not self.allows(session, viewer, right, row.project_id):
            raise Forbidden(
                "You may not do that with this project.",
                remedy="Ask a maintainer of the project, and use a token that is made for it.",
            )

    def seen(self, session: Session, viewer: Viewer, row: Publication) -> Publication:
        """The publication again, where the viewer may see it. Raises: NotFound, Temporary."""
        if not is_released(row) and not self.allows(session, viewer, Right.SEE, row.project_id):
            raise publications.unknown(row.id)
        return row

    def visible(self, session: Session, viewer: Viewer) -> Collection[int] | None:
        """The projects whose unreleased publications are in lists for this viewer; None: all of them.

        Projects whose forge is away are left out.
        """
        if viewer.project is not None:
            return (viewer.project,)
        if viewer.curates and permitted(viewer, Right.SEE):
            return None
        if self.single and not registrations.exist(session):
            return None
        found = []
        for project_id in publications.projects_with_unreleased(session, _ASKED_FOR_A_LIST):
            try:
                allowed = self.allows(session, viewer, Right.SEE, project_id)
            except Temporary:
                continue
            if allowed:
                found.append(project_id)
        return found

    def _open(self, registration: Registration | None) -> bool:
        if registration is None:
            return self.single
        remote = self._remote(registration)
        return remote is not None and remote.public

    def _remote(self, registration: Registration) -> RemoteProject | None:
        """The forge's project; None where it is gone, or nobody may see it."""
        forges = self.forges
        if forges is None:
            return None

        def ask() -> RemoteProject | None:
            try:
                return forges.project(registration.forge, registration.remote)
            except (NotFound, Forbidden):
                return None

        return self._remembered.of(("project", registration.forge, registration.remote), _patient(ask))

    def _level(self, viewer: Viewer, registration: Registration | None) -> int:
        if registration is None or viewer.remote is None or viewer.forge != registration.forge or self.forges is None:
            return 0
        forges, person, remote = self.forges, viewer.remote, self._remote(registration)
        if remote is None:
            return 0

        def ask() -> int:
            try:
                return forges.level(remote, person)
            except (NotFound, Forbidden):
                return 0

        return self._remembered.of(("level", registration.forge, registration.remote, person), _patient(ask))


def _patient(ask: Callable[[], _T]) -> Callable[[], _T]:
    """The same, where a forge that is away is trouble that may pass soon for who asks."""

    def asked() -> _T:
        try:
            return ask()
        except Away as error:
            raise Temporary(error.message, delay=10.0) from None

    return asked
