"""One draft at a time in a series: who holds it, who waits for it, and whose draft is given up or handed on."""

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from tagstone.actions.drafts import depository_of
from tagstone.actions.run import manifest_of
from tagstone.domain.deposits.deposit import Deposit, DepositMetadata, DepositState
from tagstone.domain.publications import record
from tagstone.domain.publications.publication import State, Step
from tagstone.errors import Conflict, Permanent
from tagstone.ports import DepositAccount
from tagstone.store import accounts, asked, publications, reservations, steps
from tagstone.store.tables import Publication, Reservation
from tagstone.workflows.work import Work

_BEING_RESERVED = 60.0
"""Seconds that a reservation without a draft may be somebody's who makes it right now."""


@dataclass(frozen=True)
class Waiting:
    """The series is another's for now; `person`: until a person has done something about that one."""

    reason: str
    person: bool = False


@dataclass(frozen=True)
class _GivenUp:
    publication: str


@dataclass(frozen=True)
class _Taken:
    """The series is ours; `reservation` is the DOI that was reserved for this tag before it existed."""

    reservation: Reservation | None


def reserve(work: Work, metadata: DepositMetadata) -> Deposit | Waiting:
    """This publication's draft with its DOI reserved, or who has to finish first.

    Raises: Conflict, Forbidden, Permanent, Temporary.
    """
    while not isinstance(standing := _claim(work, work.account()), _Taken):
        if isinstance(standing, Waiting):
            return standing
        work.drafts.give_back(standing.publication)
    account = work.account()
    return work.drafts.with_doi(account, work.subject.id, _own(work, account, metadata, standing.reservation))


def reserve_apart(work: Work, account: DepositAccount, metadata: DepositMetadata) -> Deposit:
    """A rehearsal's draft with its identifier reserved, in a series of its own: no version of the project comes before or after it.

    Raises: Conflict, Forbidden, Invalid, Temporary.
    """
    with work.sessions.write() as session:
        own = publications.get(session, work.subject.id)
        own.account, own.owner = account.name, account.owner
    return work.drafts.with_doi(account, work.subject.id, work.drafts.made(account, metadata, None))


def _own(work: Work, account: DepositAccount, metadata: DepositMetadata, reservation: Reservation | None) -> Deposit:
    """The draft that is this publication's: its own, one that it takes over, or a new one."""
    drafts, subject = work.drafts, work.subject
    recorded = subject.recorded.deposit if subject.recorded else None
    if recorded is not None and recorded.depository == account.depository.name:
        found = account.depository.find(recorded.id)
        if found.state.open:
            account.depository.describe(found.id, metadata)
        if found.state is not DepositState.MISSING:
            return found
        work.journal.forget()
    if work.journal.find(asked.DRAFT) is None:
        inherited = (
            _inherited(work, account, metadata) if reservation is None else _reserved(work, account, metadata, reservation)
        )
        if inherited is not None:
            return inherited
    return drafts.made(account, metadata, drafts.series(account, subject.project_id, _continues(work)))


def _reserved(work: Work, account: DepositAccount, metadata: DepositMetadata, reservation: Reservation) -> Deposit:
    """The draft whose DOI was reserved for this tag, ours from now on. Raises: Permanent when it is gone."""
    drafts, earlier = work.drafts, replace(metadata, publication=reservation.id)
    found = drafts.existing(account, earlier, reservations.deposit(reservation))
    if found is None:
        found = drafts.made(account, earlier, drafts.series(account, work.subject.project_id, _continues(work)))
    if found.state is DepositState.MISSING:
        raise Permanent(
            f"The draft whose DOI was reserved for {reservation.ref} is gone from {account.depository.name}.",
            remedy=f"`tagstone reserve --version {reservation.ref} --discard` gives the DOI up; a retry gets another.",
        )
    return _taken_over(work, account, metadata, found, reservation.id)


def _inherited(work: Work, account: DepositAccount, metadata: DepositMetadata) -> Deposit | None:
    """The draft of the newest attempt at this tag that had one, among those that this one superseded; ours from now on."""
    with work.sessions.read() as session:
        earlier = publications.with_superseded(session, work.subject.id)[1:]
    for row in earlier:
        recorded = record.load(row.facts.encode()).deposit if row.facts else None
        if recorded is not None and recorded.depository != account.depository.name:
            continue
        found = work.drafts.existing(account, replace(metadata, publication=row.id), recorded)
        if found is not None and found.state.open:
            return _taken_over(work, account, metadata, found, row.id)
    return None


def _taken_over(work: Work, account: DepositAccount, metadata: DepositMetadata, draft: Deposit, earlier: str) -> Deposit:
    """Make a draft of `earlier` this publication's: at the depository first, so that a kill between leaves it to be found there."""
    if draft.state.open:
        account.depository.describe(draft.id, metadata)
    now, own = work.ports.clock.now(), work.subject.id
    with work.sessions.write() as session:
        asked.ask(session, own, asked.DRAFT, now, draft.series)
        asked.answer(session, own, asked.DRAFT, now, draft.id)
        asked.forget(session, earlier)
        reservation = session.get(Reservation, earlier)
        if reservation is not None:
            session.delete(reservation)
    return draft


def _claim(work: Work, account: DepositAccount) -> _Taken | Waiting | _GivenUp:
    """Take the series when it is free, else say who holds it or whose draft has to go first. Raises: Conflict."""
    subject, depository = work.subject, account.depository.name
    with work.sessions.write() as session:
        publications.lock_project(session, subject.project_id)
        own = publications.get(session, subject.id)
        for holder in publications.series_holders(session, subject.project_id, subject.id):
            here, moved = depository_of(holder) == depository, (holder.state, holder.ref) == (State.SUPERSEDED, own.ref)
            if here and moved:
                holder.holds_series, own.holds_series = False, True
            elif here or moved:
                return _held_by(session, holder)
        reservation = reservations.find(session, subject.project_id, own.ref)
        first = _reservation_first(work, session, own, reservation, depository)
        if first is not None:
            return first
        own.holds_series, own.account = True, reservation.account if reservation else account.name
        own.owner = accounts.owner(session, own.account) or (account.owner if own.account == account.name else None)
        return _Taken(reservation)


def _held_by(session: Session, holder: Publication) -> Waiting | _GivenUp:
    if not State(holder.state).active:
        return _GivenUp(holder.id)
    if steps.rests(session, holder.id, Step.REVIEW):
        return Waiting(f"waits for {holder.ref}, which waits for approval: `tagstone approve {holder.id}`", person=True)
    if steps.rests(session, holder.id, Step.RELEASE):
        return Waiting(f"waits for {holder.ref}, which waits for the curators of its community", person=True)
    return Waiting(f"waits for {holder.ref}")


def _reservation_first(
    work: Work, session: Session, own: Publication, reservation: Reservation | None, depository: str
) -> Waiting | None:
    """Who comes first though nobody holds the series: a reserved DOI, or a tag that asked for the series earlier."""
    if reservation is not None:
        there = reservations.depository_of(session, reservation)
        if there != depository:
            raise Conflict(
                f"The DOI of {own.ref} is reserved at {there}, and tagstone.yml deposits to {depository}.",
                remedy=f"Correct `deposit: {{to: {there}}}`, or give it up: `tagstone reserve --version {own.ref} --discard`.",
            )
        if reservation.deposit is None and work.ports.clock.now() - reservation.created_at < _BEING_RESERVED:
            return Waiting(f"waits for the DOI of {own.ref}, which is being reserved")
        return None
    if own.holds_series:
        return None
    for other in reservations.others(session, own.project_id, own.ref, depository):
        remedy = f"tag it, or `tagstone reserve --version {other.ref} --discard`"
        return Waiting(f"waits for {other.ref}, whose DOI is reserved: {remedy}", person=True)
    # Whoever asked first goes first, also when all were kept waiting by an outage.
    earlier = [row for row in publications.before_in_line(session, own) if depository_of(row) == depository]
    return Waiting(f"waits for {earlier[0].ref}") if earlier else None


def _continues(work: Work) -> str | None:
    return manifest_of(work.subject.facts).deposit.continues
