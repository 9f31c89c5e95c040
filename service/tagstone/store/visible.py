"""Queries on what is for everybody, of publications that have pages."""

from collections.abc import Callable

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from tagstone.domain.publications.publication import State
from tagstone.store.tables import Publication


def is_closed(row: Publication, now: float) -> bool:
    """Say whether the files of a publication are not for everybody now."""
    return row.state == State.WITHDRAWN or (row.closed_until is not None and now < row.closed_until)


def image_is_closed(session: Session, image: str, now: float, seen: Callable[[int], bool]) -> bool:
    """Say whether an image (`name@digest`) is in publications, none of which is for everybody now.

    `seen` says whether everybody may see what of a project is not released.
    """
    columns = (Publication.state, Publication.closed_until, Publication.project_id)
    query = select(*columns).where(or_(Publication.image == image, Publication.handed_image == image))
    found = [Publication(state=state, closed_until=until, project_id=one) for state, until, one in session.execute(query)]
    return bool(found) and all(
        is_closed(row, now) or not (row.state == State.PUBLISHED or seen(row.project_id)) for row in found
    )
