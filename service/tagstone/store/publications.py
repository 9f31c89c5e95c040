"""Queries on publications."""

from collections.abc import Sequence

from sqlalchemy import JSON, ColumnElement, and_, cast, func, or_, select, type_coerce
from sqlalchemy.orm import Session, defer, joinedload

from tagstone.domain.publication import Kind, State
from tagstone.errors import Conflict, NotFound
from tagstone.store.tables import Project, Publication


def get(session: Session, publication_id: str) -> Publication:
    """The publication with this id, its project loaded. Raises: NotFound."""
    found = session.get(Publication, publication_id, options=[joinedload(Publication.project)])
    if found is None:
        raise NotFound(f"There is no publication {publication_id}.", remedy="`tagstone list` shows what there is.")
    return found


def get_locked(session: Session, publication_id: str) -> Publication:
    """The publication with this id, locked until the transaction ends. Raises: NotFound."""
    found = session.get(Publication, publication_id, with_for_update=True)
    if found is None:
        raise NotFound(f"There is no publication {publication_id}.", remedy="`tagstone list` shows what there is.")
    return found


def find(session: Session, publication_id: str) -> Publication | None:
    """The publication with this id, if there is one."""
    return session.get(Publication, publication_id, options=[joinedload(Publication.project)])


def of_ref(session: Session, project_id: int, kind: Kind, ref: str) -> list[Publication]:
    """Every publication of one tag of one project, newest first, locked until the transaction ends."""
    query = select(Publication).where(Publication.project_id == project_id, Publication.kind == kind, Publication.ref == ref)
    return list(session.scalars(query.order_by(Publication.created_at.desc()).with_for_update()))


def identify(session: Session, text: str) -> Publication:
    """The publication that a person means by an id, DOI, tag or record URL.

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
    facts: bool = True,
    limit: int = 100,
    offset: int = 0,
) -> list[Publication]:
    """Publications, newest first, with their projects; `facts=False` leaves the facts, which may be large, unread."""
    # Which rows, by an index; then those rows: facts are large, and to go past a row is to read it.
    newest = (Publication.created_at.desc(), Publication.id)
    wanted = select(Publication.id).order_by(*newest).limit(limit).offset(offset)
    for column, value in ((Publication.state, state), (Publication.kind, kind), (Publication.project_id, project_id)):
        if value is not None:
            wanted = wanted.where(column == value)
    query = select(Publication).where(Publication.id.in_(wanted)).options(joinedload(Publication.project)).order_by(*newest)
    return list(session.scalars(query if facts else query.options(defer(Publication.facts, raiseload=True))))


def citations(session: Session, ids: Sequence[str]) -> dict[str, str]:
    """The citation text in the facts of each of these publications, taken out by the database: facts may be large."""
    # SQLite reads JSON in any text (a cast would make a number of it), PostgreSQL wants the type said.
    convert = type_coerce if session.get_bind().dialect.name == "sqlite" else cast
    citation = convert(Publication.facts, JSON)["source", "citation"].as_string()
    rows = session.execute(select(Publication.id, citation).where(Publication.id.in_(ids), Publication.facts.is_not(None)))
    return {publication: text for publication, text in rows if text is not None}


def count(session: Session, *, state: State | None = None) -> int:
    """How many publications are in this state; all of them when none is given."""
    query = select(func.count()).select_from(Publication)
    return session.scalar(query if state is None else query.where(Publication.state == state)) or 0


def active(session: Session) -> list[Publication]:
    """Publications that a worker has or will have, oldest first."""
    query = select(Publication).where(Publication.state.in_([s for s in State if s.active]))
    return list(session.scalars(query.order_by(Publication.created_at)))


def series_holder(session: Session, project_id: int, other_than: str) -> Publication | None:
    """The other publication that has the project's series now, if any."""
    query = select(Publication).where(
        Publication.project_id == project_id, Publication.holds_series, Publication.id != other_than
    )
    return session.scalars(query.order_by(Publication.created_at).limit(1)).one_or_none()


def lock_project(session: Session, project_id: int) -> Project:
    """The project, locked until the transaction ends, so that decisions on its series are made one at a time."""
    return session.scalars(select(Project).where(Project.id == project_id).with_for_update()).one()
