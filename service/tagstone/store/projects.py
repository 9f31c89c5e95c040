"""Queries on projects."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from tagstone.domain.code.source import ProjectIdentity
from tagstone.domain.publications.publication import State
from tagstone.store.tables import Project, Publication


def get(session: Session, project_id: int) -> Project:
    """The project with this row id."""
    return session.get_one(Project, project_id)


def find(session: Session, key: str) -> Project | None:
    """The project with this key, if it is known."""
    return session.scalars(select(Project).where(Project.key == key)).one_or_none()


def find_number(session: Session, project_id: int) -> Project | None:
    """The project with this row id, if there is one."""
    return session.get(Project, project_id)


def listing(session: Session, limit: int, offset: int) -> list[Project]:
    """Projects by name."""
    return list(session.scalars(select(Project).order_by(Project.name, Project.id).limit(limit).offset(offset)))


def has_records(session: Session, project_id: int) -> bool:
    """Say whether something of a project was released."""
    released = (State.PUBLISHED, State.WITHDRAWN)
    query = select(Publication.id).where(Publication.project_id == project_id, Publication.state.in_(released))
    return session.scalars(query.limit(1)).first() is not None


def named(session: Session, name: str) -> list[Project]:
    """The projects of this name, by key."""
    return list(session.scalars(select(Project).where(Project.name == name).order_by(Project.key)))


def ensure(session: Session, identity: ProjectIdentity, now: float) -> Project:
    """The project of this identity, made when it is new; name, location and URL follow the identity."""
    project = find(session, identity.key)
    if project is None:
        project = Project(key=identity.key, created_at=now)
        session.add(project)
    project.name, project.location, project.url = identity.name, identity.location, identity.url
    session.flush()
    return project


def identity(project: Project) -> ProjectIdentity:
    """The project as the domain names it."""
    return ProjectIdentity(key=project.key, name=project.name, location=project.location, url=project.url)
