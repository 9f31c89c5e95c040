"""Withdraw a record: a tombstone takes its place, here and at its depository. Its DOI stays, and leads there."""

from tagstone.actions.accounts import Accounts
from tagstone.domain.people.deed import Actor, Deed
from tagstone.domain.publications import record
from tagstone.domain.publications.letter import Event
from tagstone.domain.publications.publication import Kind, State
from tagstone.errors import Conflict, Invalid
from tagstone.ports import Clock
from tagstone.store import asked, audit, letters, publications, search
from tagstone.store.session import Sessions
from tagstone.store.tables import Publication

CALL = "withdraw"
_LONGEST = 2000


def withdraw(accounts: Accounts, sessions: Sessions, clock: Clock, publication: str, reason: str, by: Actor) -> Publication:
    """Have the depository withdraw the record, then stop showing it; asked again, it is the same record withdrawn.

    Raises:
        Invalid: the reason says nothing.
        Conflict: it is no published record.
        Forbidden: only the depository's people may do it; the remedy says how they are asked. The record is shown until they did.
        Temporary: the depository is away.
    """
    because = " ".join(reason.split())[:_LONGEST]
    if not because or not because.isprintable():
        raise Invalid("The reason is empty or has control characters.", remedy="Say why: it stands on the tombstone for ever.")
    with sessions.write() as session:
        row = publications.get(session, publication)
        if row.state == State.WITHDRAWN:
            return row
        if row.kind != Kind.PUBLICATION or row.state != State.PUBLISHED or row.facts is None:
            raise Conflict(
                f"{row.id} is {row.state}: only records are withdrawn.",
                remedy=f"`tagstone cancel {row.id}` stops what is not released.",
            )
        deposit = record.load(row.facts.encode()).deposit
        asked.ask(session, row.id, CALL, clock.now(), because)
    if deposit is not None:
        accounts.of_publication(publication).curation.withdraw(deposit.id, because)
    with sessions.write() as session:
        row, now = publications.get(session, publication), clock.now()
        row.state, row.withdrawn_at, row.withdrawn_because, row.withdrawn_by = State.WITHDRAWN, now, because, by.name
        row.updated_at, row.drift = now, None
        search.forget(session, row.id)
        letters.owe_again(session, row, Event.WITHDRAWN, now)
        asked.answer(session, row.id, CALL, now, State.WITHDRAWN)
        audit.write(session, now, by, Deed.WITHDRAWN, row.id, f"{row.ref}, {row.doi}: {because}")
    return row
