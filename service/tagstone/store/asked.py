"""Queries on the journal of what depositories were asked: a row is committed before the call, and completed with its answer."""

from collections.abc import Collection, Mapping

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from tagstone.store.tables import Asked

DRAFT, DOI, CARRY, FILE, PUBLISH, PUBLISHED = "draft", "doi", "carry", "file", "publish", "published"


def find(session: Session, publication_id: str, call: str) -> Asked | None:
    """The call of this kind that was journalled, if there is one; not for files."""
    query = select(Asked).where(Asked.publication_id == publication_id, Asked.call == call, Asked.name == "")
    return session.scalars(query).one_or_none()


def of(session: Session, publication_id: str) -> list[Asked]:
    """All that was asked for a publication, in the order in which it was first asked."""
    return list(session.scalars(select(Asked).where(Asked.publication_id == publication_id).order_by(Asked.id)))


def told(session: Session, publication_id: str) -> list[tuple[str, int, int]]:
    """What was asked for a publication in the order in which it was: the call, how many of it, and how many were answered."""
    query = select(Asked.call, func.count(), func.count(Asked.answered_at)).where(Asked.publication_id == publication_id)
    return [
        (call, asked, answered)
        for call, asked, answered in session.execute(query.group_by(Asked.call).order_by(func.min(Asked.id)))
    ]


def ask(session: Session, publication_id: str, call: str, now: float, about: str = "") -> None:
    """Write down that something is about to be asked; what was asked before is asked anew, and has no answer yet."""
    row = find(session, publication_id, call)
    if row is None:
        row = Asked(publication_id=publication_id, call=call, name="")
        session.add(row)
    row.about, row.asked_at, row.answer, row.answered_at = about, now, None, None


def ask_files(session: Session, publication_id: str, now: float, checksums: Mapping[str, str]) -> None:
    """Write down that files are about to be sent, by name with their checksums (`sha256:…`)."""
    mine = (Asked.publication_id == publication_id, Asked.call == FILE)
    earlier = set(session.scalars(select(Asked.name).where(*mine))) & checksums.keys()
    forgotten = delete(Asked).where(*mine, Asked.name == bindparam("one"))
    if earlier:
        session.connection().execute(forgotten, [{"one": name} for name in earlier])
    rows = [
        {"publication_id": publication_id, "call": FILE, "name": name, "about": checksum, "asked_at": now}
        for name, checksum in checksums.items()
    ]
    if rows:
        session.execute(insert(Asked), rows)


def answer(session: Session, publication_id: str, call: str, now: float, text: str) -> None:
    """Write down the answer to what was asked."""
    row = find(session, publication_id, call)
    if row is not None:
        row.answer, row.answered_at = text, now


def answer_files(session: Session, publication_id: str, now: float, checksums: Mapping[str, str]) -> None:
    """Write down that files arrived, by name with the depository's own checksums."""
    arrived = update(Asked).where(Asked.publication_id == publication_id, Asked.call == FILE, Asked.name == bindparam("one"))
    rows = [{"one": name, "said": checksum} for name, checksum in checksums.items()]
    if rows:
        session.connection().execute(arrived.values(answer=bindparam("said"), answered_at=now), rows)


def forget(session: Session, publication_id: str, calls: Collection[str] = ()) -> None:
    """Forget what was asked: with its draft gone, all of it, else the calls of these kinds."""
    query = delete(Asked).where(Asked.publication_id == publication_id)
    session.execute(query.where(Asked.call.in_(calls)) if calls else query)
