"""Queries on projects."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from tagstone.domain.source import ProjectIdentity
from tagstone.store.tables import Project


def get(session: Session, project_id: int) -> Project:
    """The project with this row id."""
    return session.get_one(Project, project_id)


def find(session: Session, key: str) -> Project | None:
    """The project with this key, if it is known."""
    return session.scalars(select(Project).where(Project.key == key)).one_or_none()


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
