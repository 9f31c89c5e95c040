"""Queries on what a publication's bundle holds, as it was written: what verification compares with."""

from collections.abc import Sequence

from pydantic import TypeAdapter
from sqlalchemy.orm import Session, undefer

from tagstone.domain.publications.archived import Archived
from tagstone.store.tables import Publication

_LIST: TypeAdapter[list[Archived]] = TypeAdapter(list[Archived])


def put(session: Session, publication_id: str, key: str, files: list[Archived]) -> None:
    """Record where the bundle is (relative to the home folder) and what it holds."""
    row = session.get_one(Publication, publication_id)
    row.bundle_key, row.bundle_files, row.deposit_files = key, _LIST.dump_json(files).decode(), None


def put_deposited(session: Session, publication_id: str, files: Sequence[Archived]) -> None:
    """Record what is deposited of the bundle: its files, some of them in a pack."""
    session.get_one(Publication, publication_id).deposit_files = _LIST.dump_json(list(files)).decode()


def files(session: Session, publication_id: str) -> list[Archived]:
    """What the bundle holds, sorted by path; empty while there is none."""
    row = session.get_one(Publication, publication_id, options=[undefer(Publication.bundle_files)])
    return _LIST.validate_json(row.bundle_files) if row.bundle_files else []


def deposited(session: Session, publication_id: str) -> list[Archived]:
    """What the deposit is to hold, sorted by path: the bundle's files where none of them travel in a pack."""
    row = session.get_one(Publication, publication_id, options=[undefer(Publication.deposit_files)])
    return _LIST.validate_json(row.deposit_files) if row.deposit_files else files(session, publication_id)
