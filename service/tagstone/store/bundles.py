"""Queries on what a publication's bundle holds, as it was written: what verification compares with."""

from pydantic import TypeAdapter
from sqlalchemy.orm import Session, undefer

from tagstone.domain.archived import Archived
from tagstone.store.tables import Publication

_LIST: TypeAdapter[list[Archived]] = TypeAdapter(list[Archived])


def put(session: Session, publication_id: str, key: str, files: list[Archived]) -> None:
    """Record where the bundle is (relative to the home folder) and what it holds."""
    row = session.get_one(Publication, publication_id)
    row.bundle_key, row.bundle_files = key, _LIST.dump_json(files).decode()


def files(session: Session, publication_id: str) -> list[Archived]:
    """What the bundle holds, sorted by path; empty while there is none."""
    row = session.get_one(Publication, publication_id, options=[undefer(Publication.bundle_files)])
    return _LIST.validate_json(row.bundle_files) if row.bundle_files else []
