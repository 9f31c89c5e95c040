"""Queries on publications."""

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, exists, func, or_, select
from sqlalchemy.orm import Session, defer, joinedload

from tagstone.domain.publications.publication import Kind, State, Step
from tagstone.errors import Conflict, NotFound
from tagstone.store import steps
from tagstone.store.tables import Project, Publication, StepRow

_RELEASED = (State.PUBLISHED, State.WITHDRAWN)


def unknown(publication_id: str) -> NotFound:
    """What is said of a publication that is not there, or not there for who asks: the two are not told apart."""
    return NotFound(f"There is no publication {publication_id}.", remedy="`tagstone list` shows what there is.")


def get(session: Session, publication_id: str) -> Publication:
    """The publication with this id, its project loaded. Raises: NotFound."""
    found = session.get(Publication, publication_id, options=[joinedload(Publication.project)])
    if found is None:
        raise unknown(publication_id)
    return found


def standing(session: Session, publication_id: str) -> Publication:
    """The same without its facts, which may be large: for looking again and again how it stands. Raises: NotFound."""
    options = [joinedload(Publication.project), defer(Publication.facts, raiseload=True)]
    found = session.get(Publication, publication_id, options=options)
    if found is None:
        raise unknown(publication_id)
    return found


def get_locked(session: Session, publication_id: str) -> Publication:
    """The publication with this id, locked until the transaction ends. Raises: NotFound."""
    found = session.get(Publication, publication_id, with_for_update=True)
    if found is None:
        raise unknown(publication_id)
    return found


def find(session: Session, publication_id: str) -> Publication | None:
    """The publication with this id, if there is one."""
    return session.get(Publication, publication_id, options=[joinedload(Publication.project)])


def of_ref(session: Session, project_id: int, kind: Kind, ref: str) -> list[Publication]:
    """Every publication of one tag of one project, newest first, locked until the transaction ends."""
    query = select(Publication).where(Publication.project_id == project_id, Publication.kind == kind, Publication.ref == ref)
    return list(session.scalars(query.order_by(Publication.created_at.desc()).with_for_update()))


def at_commit(session: Session, project_id: int, ref: str, commit: str) -> bool:
    """Whether a publication of this tag at this commit was asked for."""
    query = select(Publication.id).where(
        Publication.project_id == project_id,
        Publication.kind == Kind.PUBLICATION,
        Publication.ref == ref,
        Publication.commit == commit,
    )
    return session.scalars(query.limit(1)).first() is not None


def identify(session: Session, text: str, project_id: int | None = None) -> Publication:
    """The publication that a person means by an id, DOI, tag or record URL; with `project_id`, one of that project.

    Raises: NotFound; Conflict when a tag or a beginning of an id names several.
    """
    wanted = text.strip().removeprefix("https://doi.org/").removeprefix("doi:").rstrip("/")
    last = wanted.rsplit("/", 1)[-1]
    matches: list[ColumnElement[bool]] = [
        Publication.id == last,
        or_(Publication.doi == wanted, Publication.concept_doi == wanted),
        and_(Publication.ref == wanted, Publication.state != State.SUPERSEDED),
    ]
    if len(last) >= 6:
        matches.append(Publication.id.startswith(last, autoescape=True))
    for match in matches:
        query = select(Publication).where(match).options(joinedload(Publication.project))
        if project_id is not None:
            query = query.where(Publication.project_id == project_id)
        found = list(session.scalars(query.order_by(Publication.created_at.desc()).limit(20)))
        if found:
            return _one(found, text, concept=wanted == found[0].concept_doi)
    raise NotFound(
        f"Nothing is known of {text[:200]!r}.",
        remedy="Give a publication id, a DOI, a tag or a record URL; see `tagstone list`.",
    )


def _one(found: list[Publication], text: str, *, concept: bool) -> Publication:
    """The only one meant: of a concept DOI the newest version, of a tag the one publication rather than its rehearsals."""
    if concept:
        return next((row for row in found if row.state == State.PUBLISHED), found[0])
    real = [row for row in found if row.kind == Kind.PUBLICATION] or found
    if len({row.project_id for row in real}) > 1 or (len(real) > 1 and real[0].kind == Kind.PUBLICATION):
        names = ", ".join(f"{row.id} ({row.project.name} {row.ref})" for row in real)
        raise Conflict(f"{text[:200]!r} names several publications: {names}.", remedy="Give the publication id.")
    return real[0]


def listing(
    session: Session,
    *,
    state: State | None = None,
    kind: Kind | None = None,
    project_id: int | None = None,
    visible: Collection[int] | None = None,
    facts: bool = True,
    limit: int = 100,
    offset: int = 0,
) -> list[Publication]:
    """Publications, newest first, with their projects; `facts=False` leaves the facts, which may be large, unread.

    `visible` are the projects whose unreleased ones are in the list; None: all of them.
    """
    # Which rows, by an index; then those rows: facts are large, and to go past a row is to read it.
    newest = (Publication.created_at.desc(), Publication.id)
    wanted = select(Publication.id).order_by(*newest).limit(limit).offset(offset)
    for column, value in ((Publication.state, state), (Publication.kind, kind), (Publication.project_id, project_id)):
        if value is not None:
            wanted = wanted.where(column == value)
    if visible is not None:
        wanted = wanted.where(_seen(visible))
    query = select(Publication).where(Publication.id.in_(wanted)).options(joinedload(Publication.project)).order_by(*newest)
    return list(session.scalars(query if facts else query.options(defer(Publication.facts, raiseload=True))))


def count(
    session: Session,
    *,
    state: State | None = None,
    project_id: int | None = None,
    visible: Collection[int] | None = None,
) -> int:
    """How many publications are in this state, all of them when none is given; `visible` as for `listing`."""
    query = select(func.count()).select_from(Publication)
    if project_id is not None:
        query = query.where(Publication.project_id == project_id)
    if visible is not None:
        query = query.where(_seen(visible))
    return session.scalar(query if state is None else query.where(Publication.state == state)) or 0


def projects_with_unreleased(session: Session, most: int) -> list[int]:
    """The projects that have publications which are not released, those with the newest first."""
    query = select(Publication.project_id).where(Publication.state.in_([state for state in State if state not in _RELEASED]))
    query = query.group_by(Publication.project_id).order_by(func.max(Publication.created_at).desc()).limit(most)
    return list(session.scalars(query))


def _seen(visible: Collection[int]) -> ColumnElement[bool]:
    return or_(Publication.state.in_(_RELEASED), Publication.project_id.in_(visible))


def active(session: Session) -> list[Publication]:
    """Publications that a worker has or will have, oldest first; not those that wait for a person's approval."""
    rests = exists().where(
        StepRow.publication_id == Publication.id, StepRow.step == Step.REVIEW, StepRow.state == steps.WAITING
    )
    query = select(Publication).where(Publication.state.in_([s for s in State if s.active]), ~rests)
    return list(session.scalars(query.order_by(Publication.created_at)))


def to_stop(session: Session) -> list[tuple[str, int]]:
    """Those that somebody asked to stop and that have not yet, each with its attempt."""
    query = select(Publication.id, Publication.attempt).where(
        Publication.cancel_requested, Publication.state.in_([state for state in State if state.active])
    )
    return [(publication, attempt) for publication, attempt in session.execute(query)]


def latest_published(session: Session, project_id: int) -> Publication | None:
    """The project's version that was published last, if any."""
    query = select(Publication).where(Publication.project_id == project_id, Publication.state == State.PUBLISHED)
    return session.scalars(query.order_by(Publication.finished_at.desc()).limit(1)).one_or_none()


def series_holders(session: Session, project_id: int, other_than: str) -> list[Publication]:
    """The other publications that have one of the project's series now, oldest first: one at each depository."""
    query = select(Publication).where(
        Publication.project_id == project_id, Publication.holds_series, Publication.id != other_than
    )
    return list(session.scalars(query.order_by(Publication.created_at)))


def before_in_line(session: Session, own: Publication) -> list[Publication]:
    """The other publications of the project that asked for a series and were submitted earlier, oldest first."""
    asks = exists().where(
        StepRow.publication_id == Publication.id,
        StepRow.step == Step.RESERVE,
        StepRow.state.in_((steps.STARTED, steps.WAITING)),
    )
    earlier = or_(
        Publication.created_at < own.created_at, and_(Publication.created_at == own.created_at, Publication.id < own.id)
    )
    query = select(Publication).where(Publication.project_id == own.project_id, earlier, asks)
    query = query.where(Publication.state.in_([s for s in State if s.active]), ~Publication.cancel_requested)
    return list(session.scalars(query.order_by(Publication.created_at, Publication.id)))


def with_superseded(session: Session, publication_id: str) -> list[Publication]:
    """The publication, then the attempts at its tag that it superseded, newest first."""
    found: list[Publication] = []
    following: str | None = publication_id
    while following is not None and following not in {row.id for row in found}:
        found.append(get(session, following))
        following = found[-1].supersedes
    return found


def lock_project(session: Session, project_id: int) -> Project:
    """The project, locked until the transaction ends, so that decisions on its series are made one at a time."""
    return session.scalars(select(Project).where(Project.id == project_id).with_for_update()).one()
