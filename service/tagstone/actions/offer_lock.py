"""The lock that holds what a project's newest image was really built from."""

from sqlalchemy.orm import Session

from tagstone.actions.run import manifest_of
from tagstone.domain.code.source import ProjectIdentity
from tagstone.domain.environments import lock
from tagstone.domain.manifests.manifest import Manifest
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import State
from tagstone.errors import NotFound
from tagstone.store import projects, publications

_LOOKED_AT = 20


def offer_lock(session: Session, project: ProjectIdentity, manifest: Manifest) -> str:
    """The lock's text, from the newest publication or rehearsal that ended well with the environment as it is asked for now.

    Raises:
        NotFound: there is none yet.
    """
    owner = projects.find(session, project.key)
    for state in (State.REHEARSED, State.PUBLISHED) if owner is not None else ():
        for row in publications.listing(session, state=state, project_id=owner.id if owner else None, limit=_LOOKED_AT):
            facts = record.load(row.facts.encode()) if row.facts else None
            if facts is not None and facts.image is not None and manifest_of(facts).environment == manifest.environment:
                return lock.dump(lock.from_packages(facts.image.bases, facts.image.packages, facts.image.archives))
    raise NotFound(
        "No image was built from this environment yet, so there is nothing to lock.",
        remedy="Run `tagstone rehearse`, then `tagstone check --fix` again.",
    )
