"""Queries on the journal of steps."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from tagstone.domain.publications.publication import Step
from tagstone.store.tables import StepRow

STARTED, DONE, FAILED, ABANDONED = "started", "done", "failed", "abandoned"
WAITING = "waiting"
"""A step that goes on only when a person has said something."""


def of(session: Session, publication_id: str) -> list[StepRow]:
    """The steps of a publication that were begun, in the order of the chain."""
    rows = session.scalars(select(StepRow).where(StepRow.publication_id == publication_id))
    order = list(Step)
    return sorted(rows, key=lambda row: order.index(Step(row.step)))


def begin(session: Session, publication_id: str, step: Step, now: float) -> StepRow:
    """Write down that the step is about to have effects; a step begun before counts one more try."""
    row = session.scalars(select(StepRow).where(StepRow.publication_id == publication_id, StepRow.step == step)).one_or_none()
    if row is None:
        row = StepRow(publication_id=publication_id, step=step, state=STARTED, tries=1, started_at=now)
        session.add(row)
    else:
        row.tries += 1
        row.state, row.started_at, row.finished_at, row.detail = STARTED, now, None, None
    session.flush()
    return row


def finish(session: Session, publication_id: str, step: Step, now: float, state: str, detail: str | None) -> None:
    """Write down how the step ended."""
    row = session.scalars(select(StepRow).where(StepRow.publication_id == publication_id, StepRow.step == step)).one()
    row.state, row.finished_at, row.detail, row.away_since = state, now, detail, None


def is_done(session: Session, publication_id: str, step: Step) -> bool:
    """Say whether the step ended well before."""
    query = select(StepRow.state).where(StepRow.publication_id == publication_id, StepRow.step == step)
    return session.scalars(query).one_or_none() == DONE


def was_begun(session: Session, publication_id: str, step: Step) -> bool:
    """Say whether the step may have had effects."""
    query = select(StepRow.id).where(StepRow.publication_id == publication_id, StepRow.step == step)
    return session.scalars(query).one_or_none() is not None


def rest(session: Session, publication_id: str, step: Step) -> None:
    """Write down that the step waits for a person."""
    session.scalars(select(StepRow).where(StepRow.publication_id == publication_id, StepRow.step == step)).one().state = WAITING


def away(session: Session, publication_id: str, step: Step, now: float) -> float:
    """Write down that the step waits out an outage; answers when that began."""
    row = session.scalars(select(StepRow).where(StepRow.publication_id == publication_id, StepRow.step == step)).one()
    row.away_since = now if row.away_since is None else row.away_since
    return row.away_since


def back(session: Session, publication_id: str, step: Step) -> None:
    """Write down that there is no outage, or none any more."""
    row = session.scalars(select(StepRow).where(StepRow.publication_id == publication_id, StepRow.step == step)).one_or_none()
    if row is not None:
        row.away_since = None


def is_away(session: Session, publication_id: str) -> bool:
    """Say whether a step waits out an outage."""
    query = select(StepRow.id).where(StepRow.publication_id == publication_id, StepRow.away_since.is_not(None))
    return session.scalars(query.limit(1)).first() is not None


def wake(session: Session, publication_id: str) -> None:
    """Write down that what waited for a person goes on."""
    for row in of(session, publication_id):
        if row.state == WAITING:
            row.state = STARTED


def rests(session: Session, publication_id: str, step: Step) -> bool:
    """Say whether the step waits for a person."""
    query = select(StepRow.state).where(StepRow.publication_id == publication_id, StepRow.step == step)
    return session.scalars(query).one_or_none() == WAITING


def abandon(session: Session, publication_id: str, step: Step, now: float) -> None:
    """Write down that the step was given up; nothing when it was never begun or is done."""
    row = session.scalars(select(StepRow).where(StepRow.publication_id == publication_id, StepRow.step == step)).one_or_none()
    if row is not None and row.state in (STARTED, WAITING):
        row.state, row.finished_at = ABANDONED, now


def forget(session: Session, publication_id: str, first: Step) -> None:
    """Forget that `first` and what comes after it were done, so that they are done again."""
    order = list(Step)
    for row in of(session, publication_id):
        if order.index(Step(row.step)) >= order.index(first):
            session.delete(row)
